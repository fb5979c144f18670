"""What came of an import of corrected labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infra.json_text import JsonValue
from infra.runs.reviews import Verdict


@dataclass(frozen=True)
class Conflict:
    """An object on which the file says something else than the decision that the run has."""

    sample_key: str
    object_id: str
    says: Verdict
    stands: Verdict
    reviewer: str


@dataclass(frozen=True, kw_only=True)
class ImportedLabels:
    """What came of an import.

    Attributes:
        run, file, format: where the labels went, where they came from, and as what they were read.
        is_dry_run: nothing was written; `written` is what would be.
        images: that count as reviewed, and were found.
        accepted, corrected, rejected, added: objects, by what the file says of them.
        reclassed: objects that it gives another class than the data set.
        mean_iou: of the corrected masks with those of the run, in [0, 1]; 1 if there is none.
        corrected_by_polygons: corrected masks that came as polygons.
        written: decisions that are new in the run.
        already: decisions that the run had before.
        conflicts: decisions of the run that say something else and stay, as nobody has said `replace`.
        first_conflicts: the first of them.
        images_by_name: images without a sample key in the file, found by the name of the image file.
        objects_by_overlap: objects without an id of the run in the file, found by the mask that they overlap most.
        twins: shapes that had the object id of another shape, which fits better, and became objects of their own or
            another object by their overlap.
        empty: new shapes without a pixel, which are no objects.
        undecided: objects without a mask in the file, on images with shapes that are no masks, as boxes: each may be
            one of those, and is not taken for deleted.
        left_out: what of the file was not read and how often, in words.
    """

    run: str
    file: str
    format: str
    is_dry_run: bool
    images: int
    accepted: int
    corrected: int
    rejected: int
    added: int
    reclassed: int
    mean_iou: float
    corrected_by_polygons: int
    written: int
    already: int
    conflicts: int
    first_conflicts: tuple[Conflict, ...]
    images_by_name: int
    objects_by_overlap: int
    twins: int
    empty: int
    undecided: int
    left_out: Mapping[str, int]

    def to_json(self) -> dict[str, JsonValue]:
        """For programs."""
        return {
            "run": self.run,
            "file": self.file,
            "format": self.format,
            "dry_run": self.is_dry_run,
            "images": self.images,
            "accepted": self.accepted,
            "corrected": self.corrected,
            "rejected": self.rejected,
            "added": self.added,
            "reclassed": self.reclassed,
            "mean_iou": self.mean_iou,
            "corrected_by_polygons": self.corrected_by_polygons,
            "written": self.written,
            "already": self.already,
            "conflicts": self.conflicts,
            "first_conflicts": [
                {
                    "sample_key": one.sample_key,
                    "object_id": one.object_id,
                    "says": str(one.says),
                    "stands": str(one.stands),
                    "reviewer": one.reviewer,
                }
                for one in self.first_conflicts
            ],
            "images_by_name": self.images_by_name,
            "objects_by_overlap": self.objects_by_overlap,
            "twins": self.twins,
            "empty": self.empty,
            "undecided": self.undecided,
            "left_out": dict(self.left_out),
        }
