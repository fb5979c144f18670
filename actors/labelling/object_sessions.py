"""From a sample to the sessions of its objects, one at a time: a truth mask exists only while its session runs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from actors.labelling.clicked_items import ClickedItem, clicked_items
from actors.labelling.given import Given
from actors.specs.clicks import Simulated
from actors.specs.start import Overlap, Start, StartsFromDamage
from actors.working_size import WORKING_PIXELS, WorkingSize
from infra.click_logs.click_log import ClickLog, LoggedClick
from infra.errors import Reason, SampleError
from infra.reduced_rle import decode_reduced
from infra.shards.image_file import decode_image
from infra.shards.sample import ObjectTruth, Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_note import ShardNote
from infra.starts.starts import GivenBox, GivenMask
from mfp import start as starts
from mfp.clicks import Click
from mfp.damage import damaged
from mfp.errors import ClickError, StartError
from mfp.metrics import iou
from mfp.region import Region
from mfp.session import (
    Changes,
    ClickSource,
    LoggedClicks,
    Mask,
    Session,
    SessionLimits,
    SimulatedClicks,
    Truth,
)
from mfp.users.draws import ClickSeed, keyed_draw
from mfp.users.registry import parse

_BOX_CENTRE = "box-centre"
_NOTHING_GIVEN: Final = Given()
_FROM_NOTHING: Final = Start()


@dataclass(frozen=True, eq=False)
class ObjectKey:
    """Which object of which shard attempt a session belongs to, and at which size its image is worked on.

    Attributes:
        truth: the true mask; None if it is not known.
        start: the mask or box it starts from; None if it starts from nothing, or from a damaged truth.
        final_mask: the annotator's own last mask; None if it is not known.
    """

    attempt: str
    sample_key: str
    object_id: str
    size: WorkingSize
    truth: ObjectTruth | None
    start: GivenMask | GivenBox | None = None
    final_mask: GivenMask | None = None


@dataclass(frozen=True, eq=False)
class DecodedSample:
    """A sample without its encoded image, and the pixels at working size, (h, w) = `size.shape`.

    `image` is (h, w, 3) uint8 RGB, `ignore` the pixels that do not count, (h, w) bool or None.
    """

    sample: Sample
    size: WorkingSize
    image: npt.NDArray[np.uint8]
    ignore: npt.NDArray[np.bool_] | None


@dataclass(frozen=True, eq=False)
class PlannedObject:
    """An object that is to be clicked, before there is a session; `logged` are the clicks of a log on it."""

    key: ObjectKey
    logged: tuple[LoggedClick, ...]
    priority: float
    is_finished: bool
    """It is a mask that nobody has clicked on, and stays as it is."""


class ObjectSessions:
    """Opens the session of every object of a sample, with the clicks, the starts and the limits of a run."""

    def __init__(
        self,
        limits: SessionLimits,
        given: Given = _NOTHING_GIVEN,
        start: Start = _FROM_NOTHING,
        seed: int = 0,
        working_pixels: int = WORKING_PIXELS,
    ) -> None:
        """`limits` hold for all clicks, and a log may end before them. `start` is resolved.

        Images of more than `working_pixels` are worked on at a half, a quarter or an eighth of their size.
        """
        self._limits = limits
        self._given = given
        self._start = start
        self._changes: Changes = "local" if start.changes == "local" else "global"
        self._confidence = starts.LOCAL_CONFIDENCE if self._changes == "local" else starts.GLOBAL_CONFIDENCE
        self._seed = seed
        self._working_pixels = working_pixels
        self._user = parse(given.clicks.user) if isinstance(given.clicks, Simulated) else None

    @property
    def overlap(self) -> Overlap:
        """What objects of an image know of each other."""
        return self._start.overlap

    def to_click(self, items: Iterable[ShardItem | ShardNote]) -> Iterator[ClickedItem]:
        """Yield what there is to do of a shard, and what is left out: see `clicked_items`."""
        return clicked_items(items, self._given)

    def decode(self, sample: Sample) -> DecodedSample:
        """Decode the image of a sample, reduced where it is too large.

        Raises:
            SampleError: it does not decode, or its masks were made for another size.

        """
        size = WorkingSize.of(sample.height, sample.width, self._working_pixels)
        image = decode_image(sample.image_bytes, size.reduction)
        if image.shape[:2] != size.shape:
            raise SampleError(
                Reason.MASK_SIZE_MISMATCH,
                f"the image has {image.shape[0]} x {image.shape[1]} pixels, its record says {size.shape[0]} x "
                f"{size.shape[1]}"
                + (f", both at 1/{size.reduction} of its size" if size.reduction > 1 else ""),
            )
        ignore = None if sample.ignore_rle is None else _decode_mask(sample.ignore_rle, size)
        # the encoded image of one that is reduced may be larger than what is left of it
        return DecodedSample(replace(sample, image_bytes=b""), size, image, ignore)

    def plan(self, attempt: str, decoded: DecodedSample) -> list[PlannedObject]:
        """The objects of a sample from `to_click`, in the order in which they are clicked.

        That is the order of the sample, then of ids that only a log or start knows; by priority if it counts.
        """
        sample, given = decoded.sample, self._given
        truths = {truth.object_id: truth for truth in sample.objects}
        of_starts = given.starts_of(sample.key)
        of_log = given.clicks.objects_of(sample.key) if isinstance(given.clicks, ClickLog) else {}
        final = {} if given.final_masks is None else given.final_masks.of_sample(sample.key)
        listed = [] if given.needs_truth else sorted(set(given.listed(sample.key)) - truths.keys())
        planned = []
        for object_id in [*truths, *listed]:
            start, final_mask = of_starts.get(object_id), final.get(object_id)
            key = ObjectKey(
                attempt,
                sample.key,
                object_id,
                decoded.size,
                truths.get(object_id),
                start,
                final_mask if isinstance(final_mask, GivenMask) else None,
            )
            logged = of_log.get(object_id, ())
            is_finished = isinstance(given.clicks, ClickLog) and isinstance(start, GivenMask) and not logged
            planned.append(PlannedObject(key, logged, _priority(key), is_finished))
        if self.overlap == "priority":
            planned.sort(key=lambda one: -one.priority)  # stable: equals stay in the order of the sample
        return planned

    def open(
        self, attempt: str, decoded: DecodedSample, kept: Collection[str] = ()
    ) -> Iterator[Session | ObjectKey | tuple[str, SampleError]]:
        """Yield a session per object of a sample from `to_click`, or its id and why there is none.

        Of the ids in `kept` the key alone is yielded: they have their rows already.
        """
        for planned in self.plan(attempt, decoded):
            if planned.key.object_id in kept:
                yield planned.key
                continue
            try:
                yield self.session(decoded, planned)
            except SampleError as error:
                yield planned.key.object_id, error

    def session(
        self, decoded: DecodedSample, planned: PlannedObject, excluded: Mask | None = None
    ) -> Session:
        """The session of an object; `excluded`, (h, w) bool, are pixels of other objects.

        Raises:
            SampleError: the object cannot be clicked.
        """
        key = planned.key
        labels = None if key.truth is None else _labels(decoded, key.truth)
        start = self._start_of(key, labels)
        if key.final_mask is not None:
            _check_size("the annotator's last mask", key.final_mask, key.size)
        try:
            source, limits = self._clicks_on(planned, labels, start)
            return Session(
                key, decoded.image, labels, source, limits, start, self._changes_of(start), excluded
            )
        except ClickError as error:
            raise SampleError(Reason.CLICK_OUTSIDE_IMAGE, str(error)) from None

    def _changes_of(self, start: starts.Start) -> Changes:
        return self._changes if isinstance(start, starts.FromMask) else "global"

    def _clicks_on(
        self, planned: PlannedObject, labels: Truth | None, start: starts.Start
    ) -> tuple[ClickSource, SessionLimits]:
        key, clicks, limits = planned.key, self._given.clicks, self._limits
        if self._user is not None:
            assert labels is not None, "an object that is clicked from its truth has one"
            if not (labels == 1).any():
                at_size = f" at 1/{key.size.reduction} of the image's size" if key.size.reduction > 1 else ""
                raise SampleError(
                    Reason.EMPTY_OBJECT, f"no pixel of the object's mask is left to find{at_size}"
                )
            seed = ClickSeed(self._seed, key.sample_key, key.object_id)
            return SimulatedClicks(self._user, seed), limits
        if isinstance(clicks, ClickLog):
            if limits.max_clicks == len(planned.logged):  # it cuts nothing off: the log ends the session
                limits = replace(limits, max_clicks=None)
            made = LoggedClicks(tuple(_in_image(clicks, click, key.size) for click in planned.logged))
            made.check(None, key.size.height, key.size.width)
            looks = tuple(click.look for click in planned.logged)
            return LoggedClicks(tuple(key.size.to_working(click) for click in made.clicks), looks), limits
        assert isinstance(start, starts.FromBox), "clicks in boxes are made on objects that have one"
        return LoggedClicks((_middle(start),), name=_BOX_CENTRE), limits

    def _start_of(self, key: ObjectKey, labels: Truth | None) -> starts.Start:
        given, size = key.start, key.size
        if isinstance(given, GivenMask):
            _check_size("the mask it starts from", given, size)
            return starts.FromMask(_decode_mask(given.rle, size), self._confidence)
        if isinstance(given, GivenBox):
            try:
                return starts.FromBox(_box(given, size))
            except StartError as error:
                raise SampleError(Reason.BOX_OUTSIDE_IMAGE, str(error)) from None
        if isinstance(self._given.starts, StartsFromDamage) and labels is not None and (labels == 1).any():
            draw = keyed_draw("damage", self._start.damage_seed, key.sample_key, key.object_id)
            return starts.FromMask(self._damaged(labels, draw), self._confidence)
        return starts.FROM_NOTHING

    def _damaged(self, labels: Truth, draw: np.random.Generator) -> Mask:
        low, high = self._start.damage_min_iou, self._start.damage_max_iou
        mask = damaged(labels, draw, low, high)
        reached = iou(mask, labels)
        if reached is None or not low <= reached <= high:
            raise SampleError(
                Reason.TOO_SMALL,
                f"no damage leaves its {np.count_nonzero(labels == 1)} pixels with an IoU of {low:g} to {high:g}",
            )
        return mask


def _priority(key: ObjectKey) -> float:
    """The score of the start, else the attribute `priority` of the object, else 0."""
    if key.start is not None and key.start.priority:
        return key.start.priority
    said = None if key.truth is None else key.truth.attributes.get("priority")
    is_number = isinstance(said, int | float) and not isinstance(said, bool) and math.isfinite(said)
    return float(said) if is_number and isinstance(said, int | float) else 0.0


def _check_size(what: str, mask: GivenMask, size: WorkingSize) -> None:
    if (mask.height, mask.width) != (size.height, size.width):
        raise SampleError(
            Reason.MASK_SIZE_MISMATCH,
            f"{what} has {mask.height} x {mask.width} pixels, the image {size.height} x {size.width}",
        )


def _in_image(log: ClickLog, click: LoggedClick, size: WorkingSize) -> Click:
    y, x = log.in_pixels(click, size.height, size.width)
    return Click(y, x, click.is_foreground)


def _box(given: GivenBox, size: WorkingSize) -> Region:
    """The working pixels that a box in image pixels touches."""
    scale = size.reduction
    starts.box_in_image(given.x, given.y, given.w, given.h, size.height, size.width)  # errors in image pixels
    return starts.box_in_image(
        given.x / scale, given.y / scale, given.w / scale, given.h / scale, *size.shape
    )


def _middle(start: starts.FromBox) -> Click:
    box = start.box
    return Click((box.row_min + box.row_max) // 2, (box.col_min + box.col_max) // 2, is_foreground=True)


def _labels(decoded: DecodedSample, truth: ObjectTruth) -> npt.NDArray[np.int8]:
    """(h, w) int8: 1 object, 0 background, -1 where pixels do not count."""
    labels = _decode_mask(truth.rle, decoded.size).view(np.int8)
    if decoded.ignore is not None:
        labels[decoded.ignore] = -1
    return labels


def _decode_mask(counts: bytes, size: WorkingSize) -> npt.NDArray[np.bool_]:
    try:
        return decode_reduced(counts, size.height, size.width, size.reduction)
    except ValueError as error:
        raise SampleError(Reason.UNDECODABLE_MASK, str(error)) from None
