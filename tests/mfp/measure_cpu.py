"""Measurements behind two decisions of the engine on a CPU; no test, since figures depend on the machine.

python -m tests.mfp.measure_cpu rows: does it pay to give the network more rows, does the last bit change?
python -m tests.mfp.measure_cpu loop: what does a click cost beside the network?
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from torch import Tensor

from mfp.clicks import Click
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.lite0 import Lite0, Lite0Config
from mfp.session import Session, SessionLimits, SimulatedClicks
from tests.mfp.network_factories import crop_batch
from tests.mfp.session_factories import create_image, create_truth

NUM_ROWS = 32
CROP = (224, 320)


class TimedLite0(Lite0):
    """lite0 that counts the processor time inside its layers; modulation and disks count as the loop's.

    The count is the class's: the engine runs a copy of the network.
    """

    seconds = 0.0

    def forward(self, image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
        started = time.process_time()
        logits = super().forward(image, coordinates, late)
        TimedLite0.seconds += time.process_time() - started
        return logits


def create_lite0() -> TimedLite0:
    torch.manual_seed(0)
    network = TimedLite0(Lite0Config()).eval()
    return network.to(memory_format=torch.channels_last)


def measure_rows() -> list[str]:
    network = create_lite0()
    generator = torch.Generator().manual_seed(1)
    image, prob = (torch.rand(NUM_ROWS, channels, *CROP, generator=generator) for channels in (3, 1))
    clicks = [[Click(100, 100 + row, True), Click(60, 40 + row, False)] for row in range(NUM_ROWS)]
    lines, of_pairs = [], torch.empty(0)
    for rows in (2, 1, 2, 4, 8, 16, 32):  # the first takes the warm-up and is the reference
        started = time.process_time()
        with torch.inference_mode():
            logits = torch.cat(
                [
                    network.predict(crop_batch(image[i : i + rows], prob[i : i + rows], clicks[i : i + rows]))
                    for i in range(0, NUM_ROWS, rows)
                ]
            )
        of_pairs = of_pairs if len(of_pairs) else logits
        cost = 1000 * (time.process_time() - started) / NUM_ROWS
        difference = float((logits - of_pairs).abs().max())
        lines.append(
            f"{rows} rows: {cost:.1f} ms a row, logits differ from those of pairs by {difference:.1e}"
        )
    return lines


def measure_loop() -> list[str]:
    network, height, width = create_lite0(), 375, 500
    sessions = [
        Session(
            seed,
            create_image(seed, height, width),
            create_truth(seed, height, width),
            SimulatedClicks(),
            SessionLimits(target_iou=None),
        )
        for seed in range(4)
    ]
    engine = Engine(network, EngineSettings())
    list(engine.run(sessions[:1]))
    TimedLite0.seconds = 0.0
    started = time.process_time()
    finished = list(engine.run(sessions))
    total = time.process_time() - started
    num_clicks = sum(len(session.clicks) for session in finished)
    area = np.mean([record.region.height * record.region.width for s in finished for record in s.clicks])
    return [
        f"{num_clicks} clicks on {height}x{width}, mean region {area / height / width:.0%} of the image:",
        f"{1000 * TimedLite0.seconds / num_clicks:.1f} ms in the network,"
        f" {1000 * (total - TimedLite0.seconds) / num_clicks:.1f} ms beside it a click",
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    measured = {"rows": measure_rows, "loop": measure_loop}[sys.argv[1]]()
    sys.stdout.write("\n".join(measured) + "\n")
