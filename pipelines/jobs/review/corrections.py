"""Click to correct: the model of a run answers the clicks of a person, as it will answer them again from a log."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from actors.labelling.gathered_rows import encoded_mask
from actors.labelling.object_sessions import DecodedSample, ObjectKey
from infra.reduced_rle import decode_reduced
from infra.runs.reviews import Clicked, ReviewClick, ReviewMask
from infra.runs.run_directory import RunDirectory
from infra.shards.sample import Sample
from infra.starts.starts import GivenMask
from mfp.clicks import Click
from mfp.engine import Engine
from mfp.errors import StartError
from mfp.live_session import LiveSession
from mfp.session import LoggedClicks, Look, Session
from mfp.start import FromMask
from pipelines.errors import OptionError
from pipelines.jobs.relabel import ObjectName
from pipelines.jobs.replay import Replayer

StartOfClicks: TypeAlias = Literal["mask", "nothing"]
_IMAGES_KEPT = 4
_SESSIONS_KEPT = 16


@dataclass(frozen=True, eq=False)
class StartingMask:
    """The mask of a run that is corrected: COCO's compressed counts of (height, width)."""

    rle: bytes
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Answer:
    """What the model made of clicks, at the size that the image is worked on, (h, w).

    Attributes:
        mask: (h, w) bool.
        prob: (h, w) float32 in [0, 1].
        quality: the IoU that it expects of the mask, in [0, 1].
        stored: the same mask as reviews keep it.
    """

    mask: npt.NDArray[np.bool_]
    prob: npt.NDArray[np.float32]
    quality: float
    stored: ReviewMask


@dataclass
class _Open:
    key: ObjectKey
    start: StartOfClicks
    session: LiveSession
    newest: Look | None = None


class Corrections:
    """Sessions that people have open. The model works in one thread, which its callers wait for."""

    def __init__(self, run: RunDirectory, *, trust_model_code: bool) -> None:
        """Read what the run says of itself.

        Raises:
            OptionError: data set, click log or start are others now.
            InfraError: they, or the run, cannot be read.
        """
        self._replayer = Replayer(run, trust_model_code=trust_model_code)
        self.past = self._replayer.past
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="clicks")
        self._decoding = threading.Lock()
        self._images: OrderedDict[tuple[str, str], DecodedSample] = OrderedDict()
        self._open: OrderedDict[str, _Open] = OrderedDict()

    def decode(self, shard: str, sample: Sample) -> DecodedSample:
        """The pixels of a sample at the size that it is worked on; those of the newest images are kept.

        Raises:
            SampleError: it does not decode.
        """
        name = shard, sample.key
        with self._decoding:
            if name not in self._images:
                self._images[name] = self._replayer.sessions.decode(sample)
            self._images.move_to_end(name)
            while len(self._images) > _IMAGES_KEPT:
                self._images.popitem(last=False)
            return self._images[name]

    def load(self, model_id: str) -> None:
        """Begin to load a model, so that the first click does not wait for it."""
        self._thread.submit(self._replayer.engine, model_id)

    def answer(
        self,
        digest: str,
        shard: str,
        sample: Sample,
        model_id: str,
        start: StartingMask | None,
        clicks: Sequence[Click],
    ) -> Answer:
        """Make clicks, in pixels of the image that is worked on, on a mask or on nothing.

        Clicks that were made before are not made again if the others are theirs and more.

        Raises:
            OptionError: the model cannot be loaded.
            MfpError: a click lies outside the image, or the model does not take the image.
            InfraError: the image cannot be decoded.
        """
        task = self._thread.submit(self._answer, digest, shard, sample, model_id, start, tuple(clicks))
        return task.result()

    def map_of_run(self, shard: str, name: ObjectName) -> npt.NDArray[np.float32] | str:
        """(h, w) float32: the probability map that the clicks of the run end with, made again; or why there is none."""
        return self._thread.submit(self._map_of_run, shard, name).result()

    def _map_of_run(self, shard: str, name: ObjectName) -> npt.NDArray[np.float32] | str:
        (again,) = self._replayer.replay([name], [shard])
        if again.looks:
            return again.looks[-1].prob
        return again.why_no_looks or "nobody has clicked on this object: no model has seen its mask"

    def _answer(
        self,
        digest: str,
        shard: str,
        sample: Sample,
        model_id: str,
        start: StartingMask | None,
        clicks: tuple[Click, ...],
    ) -> Answer:
        engine = self._replayer.engine(model_id)
        if isinstance(engine, str):
            raise OptionError(f"no clicks can be made: {engine}")
        opened = self._open.pop(digest, None)
        if (
            opened is None
            or opened.newest is None
            or opened.session.clicks != clicks[: len(opened.session.clicks)]
        ):
            opened = self._begin(engine, shard, sample, start)
        for click in clicks[len(opened.session.clicks) :]:
            opened.newest = opened.session.click(click)
        self._open[digest] = opened
        while len(self._open) > _SESSIONS_KEPT:
            self._open.popitem(last=False)
        assert opened.newest is not None, "an answer is asked for after a click"
        return self._as_answer(opened, opened.newest, model_id)

    def _begin(self, engine: Engine, shard: str, sample: Sample, start: StartingMask | None) -> _Open:
        decoded = self.decode(shard, sample)
        size = decoded.size
        key = ObjectKey("review", sample.key, "", size, None)
        nothing = Session(key, decoded.image, None, LoggedClicks(()))
        if start is not None:
            given = GivenMask("", start.rle, start.height, start.width, 0.0)
            known = FromMask(decode_reduced(start.rle, size.height, size.width, size.reduction))
            key = ObjectKey("review", sample.key, "", size, None, given)
            try:
                session = Session(key, decoded.image, None, LoggedClicks(()), start=known, changes="local")
                return _Open(key, "mask", engine.begin(session))
            except StartError:
                pass  # the model makes its first map itself: it starts from nothing
        return _Open(nothing.key, "nothing", engine.begin(nothing))  # type: ignore[arg-type]

    def _as_answer(self, opened: _Open, look: Look, model_id: str) -> Answer:
        size = opened.key.size
        made = [size.to_image(record.click) for record in look.clicks]
        quality = look.clicks[-1].quality
        assert quality is not None, "a model has made what is looked at"
        stored = ReviewMask(
            height=size.height,
            width=size.width,
            rle=encoded_mask(opened.key, opened.session.outcome()),
            origin=Clicked(
                start=opened.start,
                clicks=tuple(ReviewClick(click.y, click.x, click.is_foreground) for click in made),
                model_id=model_id,
                backend=self._replayer.backend,
                threads=self.past.num_threads,
                quality=quality,
            ),
        )
        return Answer(look.mask, look.prob, quality, stored)
