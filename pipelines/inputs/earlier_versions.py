"""What earlier versions did where they recorded nothing of it: their runs go on as if their files said so.

Whoever adds a field to run.json, training.json or flywheel.json says here what was done before there was such a field;
without an entry every run that was begun before could only be begun anew.
"""

from __future__ import annotations

from infra.runs.run_config import UNKNOWN, Earlier
from infra.shards.image_file import MAX_PIXELS

EARLIER_WORKING_PIXELS = MAX_PIXELS  # images were never reduced

BEFORE_LABELLING: Earlier = {"working_pixels": EARLIER_WORKING_PIXELS}
BEFORE_TRAINING: Earlier = {
    "recipe.modulated_map": True,
    "recipe.late_fusion": True,
    "recipe.frozen_statistics": False,
}
BEFORE_FLYWHEEL: Earlier = {
    "training.frozen_statistics": False,
    "clicks": UNKNOWN,  # the labels of each round say in their run.json what clicks they are of
}
