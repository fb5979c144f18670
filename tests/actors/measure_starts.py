"""What a start is worth, and how sure the first map should be; no test, since figures depend on the data.

python -m tests.actors.measure_starts masks voc-val 4: NoC from damaged masks, by the confidence in them
python -m tests.actors.measure_starts boxes voc-val 4: IoU after one click in the middle of a box, by what its map says
python -m tests.actors.measure_starts write voc-val boxes.parquet: the boxes of all true masks, for --start boxes:

The number: of so many objects one is measured.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from actors.labelling.object_sessions import ObjectSessions
from actors.specs.model import ModelChoice
from infra import rle
from infra.shards.manifest import load_manifest
from infra.shards.sample import Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from mfp.clicks import Click
from mfp.damage import damaged
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.metrics import ClickIous, noc
from mfp.model_file import model_from_bytes
from mfp.region import Region, bounding_box
from mfp.session import Changes, LoggedClicks, Session, SessionLimits, SimulatedClicks
from mfp.start import FROM_NOTHING, FromBox, FromMask, Start
from mfp.users.draws import keyed_draw
from pipelines.inputs.model_source import find_model
from pipelines.jobs.thresholds import THRESHOLDS

CONFIDENCES = (0.9, 0.95, 0.99, 1.0)
MAPS = ((0.4, 0.05), (0.5, 0.0), (0.5, 0.05), (0.5, 0.1), (0.55, 0.05), (0.6, 0.05), (0.6, 0.4), (0.7, 0.3))
ONE_CLICK = SessionLimits(max_clicks=1, target_iou=None)


@dataclass(frozen=True)
class BoxMap(FromBox):
    """A box whose first map has other probabilities than those that were chosen."""

    inside: float = 0.5
    outside: float = 0.05

    def probabilities(self, height: int, width: int) -> npt.NDArray[np.float32]:
        prob = np.full((height, width), self.outside, np.float32)
        self.box.window(prob)[:] = self.inside
        return prob


def objects(url: str, every: int) -> Iterator[Session]:
    """The sessions of every n-th object of a data set, as an evaluation has them."""
    storage = Storage()
    dataset = load_manifest(storage, url)
    opener = ObjectSessions(SessionLimits())
    items = (
        item for shard in dataset.shards for item in read_shard(storage, dataset.shard_url(shard), shard)
    )
    opened = (
        session
        for sample in items
        if isinstance(sample, Sample)
        for session in opener.open("measured", opener.decode(sample))
        if isinstance(session, Session)
    )
    return islice(opened, 0, None, every)


def write_boxes(url: str, file: str) -> None:
    """The box of every true mask, with its sample and object."""
    storage = Storage()
    dataset = load_manifest(storage, url)
    rows = []
    for shard in dataset.shards:
        for item in read_shard(storage, dataset.shard_url(shard), shard):
            if not isinstance(item, Sample):
                continue
            for truth in item.objects:
                box = rle.bbox(truth.rle, item.height, item.width)
                named = dict(zip("xywh", map(float, box), strict=True))
                rows.append({"sample_key": item.key, "object_id": truth.object_id} | named)
    pq.write_table(pa.Table.from_pylist(rows), file)


def from_masks(url: str, every: int) -> Iterator[Session]:
    """Every object from one damaged mask, by the confidence in it and by what a click changes."""
    for number, one in enumerate(objects(url, every)):
        assert one.truth is not None
        mask = damaged(one.truth, keyed_draw("damage", 0, number), 0.75, 0.85)
        for confidence in CONFIDENCES:
            for changes in ("local", "global"):
                key = f"{changes}, confidence {confidence:g}"
                yield _session(
                    key, one, SimulatedClicks(), SessionLimits(), FromMask(mask, confidence), changes
                )


def from_boxes(url: str, every: int) -> Iterator[Session]:
    """One click in the middle of the box of every object, without the box and by what its map says."""
    for one in objects(url, every):
        assert one.truth is not None
        box = bounding_box(one.truth == 1)
        assert box is not None, "an object has pixels"
        click = LoggedClicks((_middle(box),))
        yield _session("nothing", one, click, ONE_CLICK, FROM_NOTHING, "global")
        for inside, outside in MAPS:
            start = BoxMap(box, inside, outside)
            yield _session(
                f"{inside:g} in the box, {outside:g} around", one, click, ONE_CLICK, start, "global"
            )


def _session(
    key: str,
    one: Session,
    clicks: SimulatedClicks | LoggedClicks,
    limits: SessionLimits,
    start: Start,
    changes: Changes,
) -> Session:
    return Session(key, one.image, one.truth, clicks, limits, start, changes)


def _middle(box: Region) -> Click:
    return Click((box.row_min + box.row_max) // 2, (box.col_min + box.col_max) // 2, is_foreground=True)


def main(what: str, url: str, every: int) -> None:
    """Measure with lite0 as `mfp evaluate --zoom-size 320` has it, and print a line for each kind of start."""
    model = find_model(ModelChoice("lite0"), Storage())
    engine = Engine(model_from_bytes(model.weights).network, EngineSettings(zoom_size=320))
    ious: defaultdict[str, list[list[float | None]]] = defaultdict(list)
    sessions = from_masks(url, every) if what == "masks" else from_boxes(url, every)
    for finished in engine.run(sessions):
        # a start that reached the target has no click, and counts as one here
        ious[str(finished.key)].append([record.iou for record in finished.clicks] or [finished.iou])
    for name, of_all in ious.items():
        print(f"{name:<32} {len(of_all):>5} objects  {_figures(what, of_all)}")  # noqa: T201


def _figures(what: str, of_all: Sequence[Sequence[float | None]]) -> str:
    after_one = np.array([of_object[0] for of_object in of_all], np.float64)
    if what == "boxes":
        return f"IoU {after_one.mean():.3f}, at least 0.85 for {(after_one >= 0.85).mean():.1%}"
    clicks = ClickIous.from_lists(of_all)
    nocs = "  ".join(f"NoC@{name} {noc(clicks, value).mean():.2f}" for name, value in THRESHOLDS.items())
    return f"{nocs}  IoU after one click {after_one.mean():.3f}"


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write_boxes(sys.argv[2], sys.argv[3])
    else:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
