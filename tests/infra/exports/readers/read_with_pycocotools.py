"""COCO instances as pycocotools reads them."""

from __future__ import annotations

import sys

from pycocotools.coco import COCO

from tests.infra.exports.readers.mask_runs import Shown

coco, shown = COCO(f"{sys.argv[1]}/annotations.json"), Shown()
for image in coco.loadImgs(coco.getImgIds()):
    shown.image(image["file_name"])
    for annotation in coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]])):
        label = coco.loadCats([annotation["category_id"]])[0]["name"]
        shown.mask(image["file_name"], label, coco.annToMask(annotation))
shown.write()
