"""What would other audits have certified? Of a finished run with truth; no test.

    python -m tests.pipelines.measure_audits RUN [AUDIT [SHARE [MIN_IOU]]]

1,000 audits are drawn, by the seeds 0 to 999. Printed are how many of the masks they certify in the mean, how many
audits certify none, in how many the promise fails, and how large the largest set of masks from a quality on is that
keeps it.
"""

from __future__ import annotations

import sys

import numpy as np

from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from mfp.certificate import certified_set, nested_sets
from mfp.promise import Promise

NUM_DRAWS = 1_000


def main(url: str, size: int = 200, share: float = 0.95, min_iou: float = 0.85) -> None:
    """Draw the audits, and print what came out."""
    table = RunDirectory(url, Storage()).read_masks(["quality", "iou"])
    quality, iou = (table[name].to_numpy().astype(np.float64) for name in ("quality", "iou"))
    promise, is_bad = Promise(min_iou, share), iou < min_iou
    kept = np.cumsum(~is_bad[np.argsort(-quality)]) / np.arange(1, len(iou) + 1) >= share
    certified, num_failures = [], 0
    for seed in range(NUM_DRAWS):
        is_audited = np.zeros(len(iou), np.bool_)
        is_audited[np.random.default_rng(seed).choice(len(iou), size, replace=False)] = True
        found = certified_set(nested_sets(quality, is_audited, is_bad, promise), promise)
        certified.append(0 if found is None else found.num_masks)
        if found is not None:
            num_failures += int(np.count_nonzero(is_bad[quality >= found.min_quality])) > promise.most_bad(
                found.num_masks
            )
    print(  # noqa: T201
        f"{len(iou):,} masks, {1 - is_bad.mean():.1%} good; the best {np.flatnonzero(kept).max(initial=-1) + 1:,} keep "
        f"the promise. {NUM_DRAWS:,} audits of {size}: {np.mean(certified):,.0f} certified in the mean, none by "
        f"{np.mean(np.array(certified) == 0):.1%} of them, {num_failures} break it"
    )


if __name__ == "__main__":
    main(sys.argv[1], *(kind(text) for kind, text in zip((int, float, float), sys.argv[2:], strict=False)))
