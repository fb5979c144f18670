"""NoC and clicks a second of lite0 by onnxruntime with `--flip` on, auto and off: the table in docs/performance.md.

python -m tests.measure_flip DATASET 5: the first five shards of a folder; one thread, processor time
"""

from __future__ import annotations

import sys
import tempfile
import time
from typing import get_args

import torch

from infra.storage.files import Storage
from mfp.engine_settings import Flip
from pipelines.jobs.report import build_report
from tests.pipelines.past_runs import label_here
from tests.specs import label_spec


def measured(dataset: str, num_shards: int, flip: Flip, out: str) -> str:
    started = time.process_time()
    spec = label_spec(dataset, out, "lite0", clicks="simulated", flip=flip, backend="onnxruntime")
    run = label_here(spec, num_shards=num_shards)
    seconds = time.process_time() - started
    report = build_report(run.url, Storage())
    assert report.figures is not None, "the clicks are simulated: there is truth"
    nocs = [one.noc for one in report.figures.at_threshold.values() if one is not None]
    figures = " / ".join(f"{noc:.3f}" for noc in nocs)
    return f"--flip {flip}: NoC {figures}, {report.clicks} clicks, {report.clicks / seconds:.1f} a second"


if __name__ == "__main__":
    torch.set_num_threads(1)
    for one in get_args(Flip):
        with tempfile.TemporaryDirectory() as folder:
            sys.stdout.write(f"{measured(sys.argv[1], int(sys.argv[2]), one, f'{folder}/run')}\n")
            sys.stdout.flush()
