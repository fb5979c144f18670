"""The formats of click logs by name: a new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from infra.click_logs.coco_keypoints import COCO_KEYPOINTS
from infra.click_logs.cvat import CVAT
from infra.click_logs.label_studio import LABEL_STUDIO
from infra.click_logs.log_format import LogFormat
from infra.click_logs.table import TABLE

FORMATS: Final[Mapping[str, LogFormat]] = {
    # in the order in which they are asked whether a file is theirs: a table is what nobody else knows
    known.name: known
    for known in (LABEL_STUDIO, COCO_KEYPOINTS, CVAT, TABLE)
}
