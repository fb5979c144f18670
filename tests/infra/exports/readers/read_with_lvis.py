"""LVIS annotations as the package lvis reads them."""

from __future__ import annotations

import sys

from lvis import LVIS

from tests.infra.exports.readers.mask_runs import Shown

dataset, shown = LVIS(f"{sys.argv[1]}/annotations.json"), Shown()
for image in dataset.load_imgs(dataset.get_img_ids()):
    name = "/".join(image["coco_url"].rsplit("/")[-2:]) if "file_name" not in image else image["file_name"]
    shown.image(name)
    for annotation in dataset.load_anns(dataset.get_ann_ids(img_ids=[image["id"]])):
        label = dataset.load_cats([annotation["category_id"]])[0]["name"]
        shown.mask(name, label, dataset.ann_to_mask(annotation))
shown.write()
