"""JSON files that are given as COCO instances and are something else: what they are, and what to do with them."""

from __future__ import annotations

from collections.abc import Mapping

_OF_LIST_ITEMS = (
    (
        {"segmentation", "image_id"},
        "a list of results (predictions), which names no images: put it into the `annotations` of the file that lists "
        "the images",
    ),
    (
        {"segmentation", "predicted_iou"},
        "masks of SAM's generator, which name no image: write `images` and an `image_id` for each",
    ),
    ({"data", "annotations"}, "Label Studio's own JSON: export the project as COCO"),
    ({"data", "completions"}, "Label Studio's own JSON: export the project as COCO"),
    ({"image", "annotations"}, "CreateML's JSON: export as COCO"),
)
_OF_KEYS = (
    ({"shapes", "imagePath"}, "labelme's JSON of one image: turn the folder into COCO with labelme2coco"),
    ({"_via_img_metadata"}, "a project of VIA: export its annotations as COCO"),
    (
        {"image", "annotations"},
        "the JSON of one image, as SA-1B has them: gather them into `images` and `annotations`",
    ),
    ({"items", "categories"}, "Datumaro's own JSON: export as coco_instances"),
    (
        {"format", "version", "complete"},
        "the dataset.json of a data set of mfp shard: give its folder where a data set is asked for; masks to start "
        "from are a folder of mask files or a run",
    ),
    ({"samples"}, "FiftyOne's own JSON: export as COCODetectionDataset"),
    ({"videos", "annotations"}, "annotations of videos: write each frame as an image"),
    ({"images"}, "a list of images without annotations, as for a test set"),
    ({"annotations"}, "annotations without a list of images"),
)


def lookalike(content: object) -> str:
    """Return what a parsed file is if it is no instances file, and the remedy; "" if it is one.

    A file that is nothing known is "something else".
    """
    if isinstance(content, dict):
        if isinstance(content.get("images"), list) and isinstance(content.get("annotations"), list):
            return _other_task(content)
        for keys, meaning in _OF_KEYS:
            if keys <= content.keys():
                return meaning
        first = next(iter(content.values()), None)
        if isinstance(first, dict) and {"filename", "regions"} <= first.keys():
            return "annotations in VIA's own JSON: export them as COCO"
    if isinstance(content, list) and content and isinstance(content[0], dict):
        for keys, meaning in _OF_LIST_ITEMS:
            if keys <= content[0].keys():
                return meaning
    return "something else"


def _other_task(content: Mapping[str, list[object]]) -> str:
    first = next((entry for entry in content["annotations"] if isinstance(entry, dict)), {})
    if "segments_info" in first:
        return (
            "a panoptic file of COCO, whose masks are PNG files: turn it with panoptic2detection_coco_format of "
            "panopticapi"
        )
    if "caption" in first and "segmentation" not in first:
        return "a captions file of COCO, without masks: take the instances file of the same images"
    return ""
