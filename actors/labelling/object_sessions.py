"""From a sample to the sessions of its objects, one at a time: a truth mask exists only while its session runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from actors.labelling.clicked_items import ClickedItem, clicked_items
from actors.specs.clicks import Simulated
from actors.working_size import WORKING_PIXELS, WorkingSize
from infra.click_log import ClickLog, LoggedClick
from infra.errors import Reason, SampleError
from infra.reduced_rle import decode_reduced
from infra.shards.image_file import decode_image
from infra.shards.sample import ObjectTruth, Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_note import ShardNote
from mfp.clicks import Click
from mfp.errors import ClickError
from mfp.session import LoggedClicks, Session, SessionLimits, SimulatedClicks


@dataclass(frozen=True, eq=False)
class ObjectKey:
    """Which object of which shard attempt a session belongs to, and at which size its image is worked on."""

    attempt: str
    sample_key: str
    object_id: str
    size: WorkingSize


@dataclass(frozen=True, eq=False)
class DecodedSample:
    """A sample without its encoded image, and the pixels at working size, (h, w) = `size.shape`.

    `image` is (h, w, 3) uint8 RGB, `ignore` the pixels that do not count, (h, w) bool or None.
    """

    sample: Sample
    size: WorkingSize
    image: npt.NDArray[np.uint8]
    ignore: npt.NDArray[np.bool_] | None


class ObjectSessions:
    """Opens the session of every object of a sample, with the clicks and the limits of a run."""

    def __init__(
        self, limits: SessionLimits, clicks: ClickLog | Simulated, working_pixels: int = WORKING_PIXELS
    ) -> None:
        """`limits` hold for simulated and for logged clicks, and a log may end before them.

        Images of more than `working_pixels` are worked on at a half, a quarter or an eighth of their size.
        """
        self._limits = limits
        self._clicks = clicks
        self._working_pixels = working_pixels

    def to_click(self, items: Iterable[ShardItem | ShardNote]) -> Iterator[ClickedItem]:
        """Yield what there is to do of a shard, and what the click log leaves out: see `clicked_items`."""
        return clicked_items(items, self._clicks)

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

    def open(self, attempt: str, decoded: DecodedSample) -> Iterator[Session | tuple[str, SampleError]]:
        """Yield a session per object of a sample from `to_click`, or its id and why there is none.

        Objects come in the order of the sample, then those that only the click log knows, by id.
        """
        sample = decoded.sample
        is_simulated = isinstance(self._clicks, Simulated)
        logged = {} if isinstance(self._clicks, Simulated) else self._clicks.objects_of(sample.key)
        truths: Mapping[str, ObjectTruth | None] = {truth.object_id: truth for truth in sample.objects}
        for object_id in [*truths, *sorted(logged.keys() - truths.keys())]:
            key = ObjectKey(attempt, sample.key, object_id, decoded.size)
            try:
                if is_simulated:
                    yield self._simulated(key, decoded, truths[object_id])
                else:
                    yield _replay(key, decoded, truths.get(object_id), logged[object_id], self._limits)
            except SampleError as error:
                yield object_id, error

    def _simulated(self, key: ObjectKey, decoded: DecodedSample, truth: ObjectTruth | None) -> Session:
        assert truth is not None, "an object that is clicked from its truth has one"
        labels = _labels(decoded, truth)
        if not (labels == 1).any():
            at_size = f" at 1/{key.size.reduction} of the image's size" if key.size.reduction > 1 else ""
            raise SampleError(Reason.EMPTY_OBJECT, f"no pixel of the object's mask is left to find{at_size}")
        return Session(key, decoded.image, labels, SimulatedClicks(), self._limits)


def _replay(
    key: ObjectKey,
    decoded: DecodedSample,
    truth: ObjectTruth | None,
    logged: tuple[LoggedClick, ...],
    limits: SessionLimits,
) -> Session:
    labels = None if truth is None else _labels(decoded, truth)
    if limits.max_clicks == len(logged):  # it cuts nothing off: the log ends the session
        limits = replace(limits, max_clicks=None)
    try:
        made = LoggedClicks(tuple(Click(click.y, click.x, click.is_foreground) for click in logged))
        made.check(None, key.size.height, key.size.width)
        clicks = LoggedClicks(tuple(key.size.to_working(click) for click in made.clicks))
        return Session(key, decoded.image, labels, clicks, limits)
    except ClickError as error:
        raise SampleError(Reason.CLICK_OUTSIDE_IMAGE, str(error)) from None


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
