"""YOLO segmentation as the data set of ultralytics reads it, and its drawing of rings."""

from __future__ import annotations

import sys

from ultralytics.data.dataset import YOLODataset
from ultralytics.data.utils import check_det_dataset, polygon2mask

from tests.infra.exports.readers.mask_runs import Shown

folder, shown = sys.argv[1], Shown()
data = check_det_dataset(f"{folder}/data.yaml", autodownload=False)
for label in YOLODataset(img_path=data["train"], data=data, task="segment", augment=False).labels:
    name = label["im_file"].split(f"{folder}/images/", 1)[1]
    height, width = label["shape"]
    shown.image(name)
    for number, ring in zip(label["cls"][:, 0], label["segments"], strict=True):
        mask = polygon2mask((height, width), [(ring * (width, height)).reshape(-1)])
        shown.mask(name, data["names"][int(number)], mask)
shown.write()
