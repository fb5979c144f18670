"""Brush masks of Label Studio's tasks as the converter of label-studio-sdk decodes them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from label_studio_sdk.converter.brush import decode_rle

from tests.infra.exports.readers.mask_runs import Shown

shown = Shown()
for task in json.loads(Path(sys.argv[1], "tasks.json").read_text("utf-8")):
    image = task["data"]["image"].removeprefix("images/")
    shown.image(image)
    for region in task["predictions"][0]["result"]:
        shape = (region["original_height"], region["original_width"], 4)
        channels = np.reshape(decode_rle(region["value"]["rle"]), shape)
        shown.mask(image, region["value"]["brushlabels"][0], channels[:, :, 3])
shown.write()
