"""Whether a click log speaks of a data set in its terms: told before a run, from the log and the first samples."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath

import numpy as np

from infra.click_logs.click_log import ClickLog
from infra.errors import InfraError
from infra.shards.file_names import picture_suffixes
from infra.shards.manifest import DatasetManifest
from infra.shards.sample import Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from pipelines.errors import OptionError

_ITEMS_TO_LOOK_AT = 20
_PERCENT = 100
_WHOLE = {"normalised": 1, "percent": _PERCENT}
_SIDE_TO_TELL = 2 * _PERCENT  # of an image on which clicks at most 100 from the corner are strange
_CLICKS_TO_TELL = 10


def check_click_log(log: ClickLog, dataset: DatasetManifest, storage: Storage) -> tuple[str, ...]:
    """Compare a log with the beginning of a data set; return what to tell a person.

    Only the first samples of the first shard are read, so a log that covers other samples passes: which of its keys
    are in no shard is known at the end.

    Raises:
        OptionError: coordinates are not in the units of the log, or keys are written another way.

    """
    if _looks_like_shares(log):
        raise OptionError(
            f"all {log.num_clicks:,} clicks of the log have coordinates between 0 and 1, which are shares of the image "
            "and no pixels: give --click-units normalised"
        )
    if log.units != "pixels" and _most_are_beyond(log, _WHOLE[log.units]):
        raise OptionError(
            f"most of the {log.num_clicks:,} clicks of the log have coordinates above {_WHOLE[log.units]}, so that "
            f"they are not {log.units}: give other --click-units"
        )
    items = _first_items(dataset, storage)
    present = [unicodedata.normalize("NFC", item.key) for item in items]
    _check_keys(log.sample_keys.to_pylist(), present, dataset.url)
    return (*log.notices, *_notice_of_percent(log, items), *_notice_of_objects(log, items))


def _looks_like_shares(log: ClickLog) -> bool:
    """Whole numbers pass: somebody may have clicked the pixels in the corner."""
    if log.units != "pixels":
        return False
    both = np.concatenate([log.y, log.x])
    return bool(both.min() >= 0 and both.max() <= 1 and (both % 1 != 0).any())


def _most_are_beyond(log: ClickLog, whole: int) -> bool:
    return bool((np.maximum(log.y, log.x) > whole).mean() > 1 / 2)


def _notice_of_percent(log: ClickLog, items: list[ShardItem]) -> tuple[str, ...]:
    sizes = [(item.height, item.width) for item in items if isinstance(item, Sample)]
    both = np.concatenate([log.y, log.x])
    is_strange = (
        log.units == "pixels"
        and log.num_clicks >= _CLICKS_TO_TELL
        and both.max() <= _PERCENT
        and (both % 1 != 0).mean() > 1 / 2
        and len(sizes) > 0
        and min(min(size) for size in sizes) >= _SIDE_TO_TELL
    )
    if not is_strange:
        return ()
    height, width = sizes[0]
    return (
        f"no click of the log has a coordinate above {_PERCENT}, and the first image has {height} x {width} pixels: if "
        "they are in percent, give --click-units percent",
    )


def _notice_of_objects(log: ClickLog, items: list[ShardItem]) -> Iterator[str]:
    """Tell of a log that calls all objects otherwise; the report counts those of a run that are in no sample."""
    present: dict[str, set[str]] = {}
    for item in items:
        of_item = (
            {truth.object_id for truth in item.objects} if isinstance(item, Sample) else {item.object_id}
        )
        present.setdefault(item.key, set()).update(name for name in of_item if name is not None)
    pairs = [(key, log.objects_of(key).keys(), ids) for key, ids in present.items() if ids]
    of_both = [(key, logged, ids) for key, logged, ids in pairs if logged]
    if of_both and all(logged.isdisjoint(ids) for _, logged, ids in of_both):
        key, logged, ids = of_both[0]
        yield (
            f"object ids of the click log are such as {min(logged)!r} (sample {key!r}), those of the data set such as "
            f"{min(ids)!r}: objects that the data set does not have are clicked without truth, and have no IoU"
        )


def _first_items(dataset: DatasetManifest, storage: Storage) -> list[ShardItem]:
    """The first records of the first shard; none if it cannot be read, which the run itself deals with."""
    try:
        return list(islice(read_shard(storage, dataset.shard_url(dataset.shards[0])), _ITEMS_TO_LOOK_AT))
    except InfraError:
        return []


def _check_keys(logged: list[str], present: list[str], dataset_url: str) -> None:
    if not present or not set(logged).isdisjoint(present):
        return
    have_extension = [_extension(key) in picture_suffixes() for key in logged]
    if all(have_extension) and not any(_extension(key) in picture_suffixes() for key in present):
        raise _other_keys(logged[0], present[0], dataset_url, "write them without the extension of the image")
    stems = {_without_extension(key) for key in logged}
    if not stems.isdisjoint(present):
        raise _other_keys(logged[0], present[0], dataset_url, "write them without the extension of the image")
    if not set(logged).isdisjoint(map(_without_extension, present)):
        raise _other_keys(
            logged[0], present[0], dataset_url, "write them with it, in a column called sample_key"
        )
    have_folder, need_folder = ["/" in key for key in logged], ["/" in key for key in present]
    if all(have_folder) and not any(need_folder) and not {_name(key) for key in stems}.isdisjoint(present):
        raise _other_keys(logged[0], present[0], dataset_url, "write them without the folder")
    if not any(have_folder) and all(need_folder) and not stems.isdisjoint({_name(key) for key in present}):
        raise _other_keys(logged[0], present[0], dataset_url, "write them with the folder")
    if not {key.lower() for key in stems}.isdisjoint({key.lower() for key in present}):
        raise _other_keys(logged[0], present[0], dataset_url, "write them with the same capital letters")


def _other_keys(logged: str, present: str, dataset_url: str, remedy: str) -> OptionError:
    return OptionError(
        f"sample keys of the click log are such as {logged!r}, those of {dataset_url} such as {present!r}: {remedy}"
    )


def _extension(key: str) -> str:
    return PurePosixPath(key).suffix.lower()


def _without_extension(key: str) -> str:
    return key[: -len(_extension(key))] if _extension(key) in picture_suffixes() else key


def _name(key: str) -> str:
    return PurePosixPath(key).name
