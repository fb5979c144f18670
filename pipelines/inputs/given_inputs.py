"""What is given of the objects of a run beside images and true masks: found, checked, and known by its content."""

from __future__ import annotations

import hashlib

from actors.labelling.given import Given
from actors.specs.clicks import BOX_CENTRE, BoxCentre, ClickOrigin, Clicks, Logged, Simulated
from actors.specs.start import (
    DAMAGED,
    NOTHING,
    Start,
    StartsFromBoxes,
    StartsFromDamage,
    StartsFromMasks,
    StartsFromNothing,
)
from infra.click_logs.click_log import ClickLog
from infra.click_logs.load import load_click_log
from infra.click_logs.options import ClickLogOptions
from infra.shards.manifest import DatasetManifest
from infra.starts.load import load_boxes, load_masks
from infra.starts.starts import Starts
from infra.storage.files import Storage
from pipelines.errors import OptionError
from pipelines.inputs.click_log_check import check_click_log
from pipelines.inputs.masks_there import has_objects, no_masks
from pipelines.inputs.run_record import (
    ClickContent,
    ClickLogContent,
    GivenContent,
    ObjectStartContent,
    StartsContent,
)


def load_given(clicks: Clicks, log: ClickLogOptions, start: Start, storage: Storage) -> Given:
    """Read what resolved settings name. InfraError if it cannot be read."""
    final_masks = [load_masks(storage, place, start.masks) for place in clicks.final_mask_places]
    return Given(_clicks(clicks.origin, log, storage), _starts(start, storage), next(iter(final_masks), None))


def find_given(
    clicks: Clicks, log: ClickLogOptions, start: Start, dataset: DatasetManifest, storage: Storage
) -> Given:
    """Read what resolved settings name, for a data set.

    Raises:
        OptionError: there are no masks to simulate clicks from.
        InfraError: something cannot be read.
    """
    if isinstance(clicks.origin, Simulated) and not has_objects(dataset, storage):
        raise OptionError(no_masks(dataset, storage))
    return load_given(clicks, log, start, storage)


def _clicks(origin: ClickOrigin, log: ClickLogOptions, storage: Storage) -> ClickLog | Simulated | BoxCentre:
    return load_click_log(storage, origin.url, log) if isinstance(origin, Logged) else origin


def _starts(start: Start, storage: Storage) -> Starts | StartsFromNothing | StartsFromDamage:
    origin = start.origin
    if isinstance(origin, StartsFromMasks):
        return load_masks(storage, origin.url, start.masks)
    return load_boxes(storage, origin.url, start.masks) if isinstance(origin, StartsFromBoxes) else origin


def check_given(given: Given, dataset: DatasetManifest, storage: Storage) -> tuple[str, ...]:
    """Compare what is given with the beginning of a data set; return what to tell a person.

    Raises:
        OptionError: coordinates are in other units, or keys are written another way.
    """
    notices: tuple[str, ...] = ()
    if isinstance(given.clicks, ClickLog):
        notices += check_click_log(given.clicks, dataset, storage)
    for starts in (given.starts, given.final_masks):
        if isinstance(starts, Starts):
            notices += starts.notices
    return notices


def given_content(given: Given) -> GivenContent:
    """What is given, by its content."""
    starts, final_masks = given.starts, given.final_masks
    of_start: ObjectStartContent = NOTHING
    if isinstance(starts, Starts):
        of_start = _starts_content(starts)
    elif isinstance(starts, StartsFromDamage):
        of_start = DAMAGED
    return GivenContent(
        clicks=_click_content(given.clicks),
        start=of_start,
        final_masks="none" if final_masks is None else _starts_content(final_masks),
    )


def _starts_content(starts: Starts) -> StartsContent:
    return StartsContent(fingerprint=starts.fingerprint, num_objects=starts.num_objects)


def _click_content(clicks: ClickLog | Simulated | BoxCentre) -> ClickContent:
    if isinstance(clicks, ClickLog):
        return ClickLogContent(fingerprint=_fingerprint(clicks), num_clicks=clicks.num_clicks)
    return clicks.user if isinstance(clicks, Simulated) else BOX_CENTRE


def _fingerprint(log: ClickLog) -> str:
    """Hex SHA-256 of the clicks, the same however they are spread over files."""
    digest = hashlib.sha256(log.units.encode())
    for names in (log.sample_keys, log.object_ids):
        digest.update("\0".join(names.to_pylist()).encode())
    for column in (log.offsets, log.object_codes, log.click_idx, log.y, log.x, log.is_foreground, log.look):
        digest.update(column.tobytes())
    return digest.hexdigest()
