"""What a labelling run reads, found and checked before anything is started, and how `run.json` records it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from actors.labelling.model_feed import METRIC
from infra.click_log import ClickLog, load_click_log
from infra.runs.run_config import VOLATILE_FIELDS
from infra.shards.glance import look_into
from infra.shards.manifest import DatasetManifest
from infra.shards.sample import JsonValue
from infra.storage.files import Storage
from mfp.errors import ImageSizeError, WeightsError
from pipelines.errors import OptionError
from pipelines.inputs.click_log_check import check_click_log
from pipelines.inputs.model_names import is_location
from pipelines.inputs.model_source import ModelSource, find_model
from pipelines.inputs.published_source import find_published
from pipelines.inputs.quarantined import in_words, quarantined_in
from pipelines.inputs.run_folder import load_beside
from pipelines.inputs.training_run import training_run_of
from pipelines.options import (
    ALL_CLICKS,
    LOGGED_CLICKS_PREFIX,
    SIMULATED_CLICKS,
    TRAINING_RUN_PREFIX,
    LabelOptions,
    Replay,
)

VOLATILE = VOLATILE_FIELDS | {"given", "execution"}
"""What may change between two runs into one directory: it changes no row."""

_VERSIONED = ("mfp-pipeline", "torch", "timm", "ray")


@dataclass(frozen=True)
class LabelInputs:
    """What a run reads, found and checked before anything is started."""

    dataset: DatasetManifest
    model: ModelSource
    click_log: ClickLog | None
    notices: tuple[str, ...] = ()
    """Lines to tell a person before the run begins."""


def find_inputs(options: LabelOptions, storage: Storage) -> LabelInputs:
    """Find the data set, the model and the clicks of a run.

    Raises:
        OptionError: clicks cannot be simulated because there are no masks, or the run would lie in its data.
        InfraError, MfpError: one of them is missing or is not what it should be.

    """
    dataset = load_beside(absolute(options.out), absolute(options.dataset), storage)
    dataset = _part_of(dataset, options.part)
    click_log = find_click_log(options.clicks, dataset, storage)
    notices = how_read(dataset, storage)
    if click_log is not None:
        notices += check_click_log(click_log, dataset, storage)
        notices += _check_replay(options.replay, dataset, storage)
    return LabelInputs(dataset, _find_model(options, storage), click_log, notices)


def find_click_log(clicks: str, dataset: DatasetManifest, storage: Storage) -> ClickLog | None:
    """Find the clicks that `--clicks` names; None if they are simulated, which needs masks.

    Raises:
        OptionError: they are neither, or there are no masks to simulate any from.
        InfraError: they cannot be read.

    """
    if clicks.startswith(LOGGED_CLICKS_PREFIX):
        return load_click_log(storage, absolute(clicks.removeprefix(LOGGED_CLICKS_PREFIX)))
    if clicks != SIMULATED_CLICKS:
        raise OptionError(f"--clicks {clicks!r} is neither {SIMULATED_CLICKS} nor {LOGGED_CLICKS_PREFIX}URL")
    if not has_objects(dataset, storage):
        raise OptionError(no_masks(dataset, storage))
    return None


def _check_replay(replay: Replay, dataset: DatasetManifest, storage: Storage) -> tuple[str, ...]:
    """Refuse an IoU that ends replayed sessions if nothing has one; a notice if that is not known for sure."""
    if replay.target_iou is None or has_objects(dataset, storage):
        return ()
    if dataset.num_objects is None and not look_into(dataset, storage).is_whole:
        return (
            f"--target-iou {replay.target_iou:g}: no mask was seen in the beginning of {dataset.url}; the clicks on an "
            "object without a mask, which has no IoU, are made to their end",
        )
    raise OptionError(
        f"--target-iou {replay.target_iou:g}: {dataset.url} has no object masks, so that no IoU is known and every "
        "logged click would be made: leave the option out"
    )


def _part_of(dataset: DatasetManifest, part: tuple[int, int] | None) -> DatasetManifest:
    """Every n-th shard, from the i-th on; the fingerprint stays that of the whole."""
    if part is None:
        return dataset
    index, count = part
    return replace(dataset, shards=dataset.shards[index::count])


def _find_model(options: LabelOptions, storage: Storage) -> ModelSource:
    training_run = training_run_of(options.model)
    if training_run is not None:
        model = find_published(options, absolute(options.out), absolute(training_run), storage)
        return _checked(model, options)
    if options.follow is not None:
        raise OptionError(
            f"--follow: --model {options.model} is one model, which nothing new comes from; give "
            f"{TRAINING_RUN_PREFIX} and the directory of a training run"
        )
    return _checked(find_model(options.model, storage), options)


def _checked(model: ModelSource, options: LabelOptions) -> ModelSource:
    """Build the network once: weights, zoom size and modulation show before `run.json` is written and Ray starts."""
    if model.data is not None:
        from mfp.model_file import (
            model_from_bytes,  # takes seconds to import; the analytic model does without
        )

        try:
            network = model_from_bytes(model.data).network
        except WeightsError as error:
            raise WeightsError(f"{model.name}: {error}") from None
        try:
            network.crop_size(1, 1, options.zoom_size)
        except ImageSizeError as error:
            raise OptionError(f"--zoom-size {options.zoom_size}: {error}") from None
        if options.modulation is not None and not network.click_settings.modulated_map:
            raise OptionError(
                f"--modulation {options.modulation}: {model.name} takes no modulated map; leave the option out"
            )
    return model


def no_masks(dataset: DatasetManifest, storage: Storage) -> str:
    """What to tell a person whose data set has nothing to simulate clicks from."""
    quarantined = in_words(quarantined_in(dataset, storage))
    if quarantined:
        return (
            f"{dataset.url} has no usable object mask, what it had was quarantined: {quarantined}: mend the source and "
            "run mfp shard again"
        )
    return (
        f"{dataset.url} has no object masks, which --clicks simulated needs: shard it with masks, or replay clicks "
        f"with --clicks {LOGGED_CLICKS_PREFIX}URL ({look_into(dataset, storage)})"
    )


def has_objects(dataset: DatasetManifest, storage: Storage) -> bool:
    """Whether there are masks; if no one has counted, the beginnings of some shards tell."""
    if dataset.num_objects is not None:
        return dataset.num_objects > 0
    return look_into(dataset, storage).has_objects


def how_read(dataset: DatasetManifest, storage: Storage) -> tuple[str, ...]:
    """Lines on how the shards of another program are read, from their beginnings; the report has the counts."""
    if not dataset.is_foreign:
        return ()
    notes = look_into(dataset, storage).notes
    return dataset.remarks + tuple(f"{note.text} ({', '.join(note.first_keys)})" for note in notes)


def run_config(options: LabelOptions, inputs: LabelInputs) -> dict[str, JsonValue]:
    """`run.json`: everything that decides a row, and beside it what a person may want to look up."""
    clicks = click_source(inputs.click_log, options.replay)
    if inputs.click_log is None:
        clicks |= {"max_clicks": options.max_clicks, "target_iou": options.target_iou}
    return {
        "job": "label",
        "dataset": _dataset(options, inputs.dataset),
        **_model(options, inputs.model),
        "modulation": options.modulation,
        "clicks": clicks,
        "flip": options.flip,
        "zoom": options.zoom,
        "zoom_size": options.zoom_size,
        "precision": options.precision,
        "working_pixels": options.working_pixels,
        "given": _given(options, inputs.model),
        "execution": {
            "seed": options.seed,
            "workers": [options.workers.minimum, options.workers.maximum],
            "cpus_per_worker": options.workers.num_cpus,  # its threads, which decide the last bit of a map
            "gpus_per_worker": options.workers.num_gpus,
            "device": options.device,
            "batch_size": options.batch_size,
        },
        "versions": {name: version(name) for name in _VERSIONED},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def click_source(log: ClickLog | None, replay: Replay) -> dict[str, JsonValue]:
    """Which clicks a run is of, by their content, and how far those of a log are made; null: to their end."""
    if log is None:
        return {"source": "simulated"}
    return {
        "source": "logged",
        "fingerprint": _fingerprint(log),
        "num_clicks": log.num_clicks,
        "max_clicks": None if replay.max_clicks == ALL_CLICKS else replay.max_clicks,
        "target_iou": replay.target_iou,
    }


def _dataset(options: LabelOptions, dataset: DatasetManifest) -> dict[str, JsonValue]:
    part: dict[str, JsonValue] = {} if options.part is None else {"part": list(options.part)}
    return {"fingerprint": dataset.fingerprint, "num_shards": len(dataset.shards), **part}


def _model(options: LabelOptions, model: ModelSource) -> dict[str, JsonValue]:
    """The one model of a run, or where its models come from."""
    training_run = training_run_of(options.model)
    if options.follow is None or training_run is None:
        return {"model_id": model.model_id}
    if_better = METRIC if options.follow.if_better else None
    return {"model": {"run": absolute(training_run), "follow": True, "if_better": if_better}}


def _given(options: LabelOptions, model: ModelSource) -> dict[str, JsonValue]:
    """Where data, model and clicks came from; with a model out of a training run its step, by which a later run, or
    `mfp verify`, finds it again."""
    clicks, training_run = options.clicks, training_run_of(options.model)
    if clicks.startswith(LOGGED_CLICKS_PREFIX):
        clicks = LOGGED_CLICKS_PREFIX + absolute(clicks.removeprefix(LOGGED_CLICKS_PREFIX))
    name = options.model
    if training_run is not None:
        name = TRAINING_RUN_PREFIX + absolute(training_run)
    elif is_location(name):
        name = absolute(name)
    given: dict[str, JsonValue] = {"dataset": absolute(options.dataset), "model": name, "clicks": clicks}
    if options.follow is None and model.published is not None:
        given["model_step"] = model.published.step
    return given


def num_expected(inputs: LabelInputs) -> int | None:
    """Objects and quarantined records of the whole run; None if nobody has counted them, and no log is replayed."""
    if inputs.click_log is not None:
        return _num_objects(inputs.click_log)  # what nobody clicked is neither labelled nor an error
    objects, quarantined = inputs.dataset.num_objects, inputs.dataset.num_quarantined
    return None if objects is None else objects + (quarantined or 0)


def absolute(url: str) -> str:
    """A local path that also holds in the working directory of a worker; URLs stay."""
    return url if "://" in url else str(Path(url).absolute())


def _fingerprint(log: ClickLog) -> str:
    """Hex SHA-256 of the clicks, the same however they are spread over files."""
    digest = hashlib.sha256()
    for names in (log.sample_keys, log.object_ids):
        digest.update("\0".join(names.to_pylist()).encode())
    for column in (log.offsets, log.object_codes, log.click_idx, log.y, log.x, log.is_foreground):
        digest.update(column.tobytes())
    return digest.hexdigest()


def _num_objects(log: ClickLog) -> int:
    """Objects with clicks: rows are sorted by sample and object, so each begins where one of both changes."""
    begins = np.zeros(log.num_clicks, np.bool_)
    begins[log.offsets[:-1]] = True
    begins[1:] |= log.object_codes[1:] != log.object_codes[:-1]
    return int(np.count_nonzero(begins))
