"""How far can `quality` be trusted? Against the true IoU of lite0's masks; no test, since it takes minutes.

    python -m tests.actors.measure_quality DATASET [NUM_SAMPLES]

DATASET is what `mfp shard` wrote. Sessions have 1, 2, 3 and 5 clicks, so that IoUs spread, and as many as IoU 0.95
needs, at most 20 (zoom-in at 320 pixels, no flip). Printed are Spearman's rank correlation and the calibration error:
the mean of |quality - IoU| over ten bins of quality, each by its share of the masks (expected calibration error, Guo
et al. 2017, with the IoU as accuracy).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats

from actors.labelling.object_sessions import ObjectSessions
from actors.specs.model import ModelChoice
from infra.shards.manifest import load_manifest
from infra.shards.sample import Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.mask_signals import expected_iou
from mfp.model_file import model_from_bytes
from mfp.region import Region, ZoomSettings, bounding_box, next_region
from mfp.session import FinishedSession, Session, SessionLimits
from pipelines.inputs.model_source import find_model

LIMITS = (*(SessionLimits(max_clicks=number, target_iou=None) for number in (1, 2, 3, 5)), SessionLimits())
NUM_BINS = 10


def sessions(url: str, num_samples: int, limits: SessionLimits) -> Iterator[Session]:
    """The sessions of the first samples of a data set."""
    storage = Storage()
    dataset = load_manifest(storage, url)
    items = (
        item for shard in dataset.shards for item in read_shard(storage, dataset.shard_url(shard), shard)
    )
    objects = ObjectSessions(limits)
    for sample in islice((item for item in items if isinstance(item, Sample)), num_samples):
        for opened in objects.open("measured", objects.decode(sample)):
            if isinstance(opened, Session):
                yield opened


def calibration_error(quality: npt.NDArray[np.float64], iou: npt.NDArray[np.float64]) -> float:
    """(N,) each."""
    bins = np.minimum((quality * NUM_BINS).astype(int), NUM_BINS - 1)
    gaps = (abs((quality[bins == index] - iou[bins == index]).sum()) for index in np.unique(bins))
    return float(sum(gaps) / len(quality))


def line(name: str, quality: npt.NDArray[np.float64], iou: npt.NDArray[np.float64]) -> str:
    """What a person reads of one way to compute the quality."""
    rank = stats.spearmanr(quality, iou).statistic
    return (
        f"{name:<18} mean {quality.mean():.3f}  Spearman {rank:.3f}  calibration error "
        f"{calibration_error(quality, iou):.3f}"
    )


def of_part(session: FinishedSession, part: Region) -> float:
    """The quality in another part of the image than the region that the network saw last."""
    rows, cols = slice(part.row_min, part.row_max + 1), slice(part.col_min, part.col_max + 1)
    return expected_iou(session.prob[rows, cols], session.mask[rows, cols])


def main(url: str, num_samples: int = 10**9) -> None:
    """Measure, and print the figures for all masks and for small ones."""
    model = find_model(ModelChoice("lite0"), Storage())
    engine = Engine(model_from_bytes(model.weights).network, EngineSettings(zoom_size=320, flip="off"))
    rows: list[tuple[float, ...]] = []
    for limits in LIMITS:
        for session in engine.run(sessions(url, num_samples, limits)):
            clicks = [record.click for record in session.clicks]
            height, width = session.mask.shape
            around = next_region(None, bounding_box(session.mask), clicks, height, width, ZoomSettings())
            rows.append(
                (
                    session.iou or 0.0,
                    session.quality or 0.0,
                    of_part(session, around),
                    expected_iou(session.prob, session.mask),
                    float(session.mask.mean()),
                )
            )
    iou, of_region, around_mask, of_image, share = np.array(rows).T
    for name, chosen in (("all", share >= 0), ("below 2 % of the image", share < 0.02)):
        print(f"{name}: {chosen.sum()} masks, mean IoU {iou[chosen].mean():.3f}")  # noqa: T201
        print(line("  in the region", of_region[chosen], iou[chosen]))  # noqa: T201
        print(line("  around the mask", around_mask[chosen], iou[chosen]))  # noqa: T201
        print(line("  in the image", of_image[chosen], iou[chosen]))  # noqa: T201
    for least in (0.9, 0.8, 0.7, 0.6, 0.5):
        kept = of_region >= least
        print(f"quality >= {least}: {kept.mean():.0%} of the masks, mean IoU {iou[kept].mean():.3f}")  # noqa: T201


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1], *(int(argument) for argument in sys.argv[2:]))
