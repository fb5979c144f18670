"""Masks of a run into the format of another program, read back from its storage before the export is called done."""

from __future__ import annotations

from collections.abc import Set
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from actors.specs.checked import checked
from actors.specs.export import USUAL_CATEGORY, ExportSpec
from actors.stop_request import check_stop, closed_in_order
from infra.errors import ExportError
from infra.exports.compared_masks import compared
from infra.exports.export_folder import ExportFolder
from infra.exports.export_format import ExportFormat, ExportTarget
from infra.exports.exported_sample import ExportedSample
from infra.exports.formats import FORMATS
from infra.exports.kept_masks import KeptMask, KeptMasksFile
from infra.exports.own_files import OBJECTS_FILE
from infra.json_text import JsonValue
from infra.storage.files import Storage, join
from infra.storage.locations import expand_home
from pipelines.errors import OptionError
from pipelines.inputs.exported_samples import ExportCounts, ExportedSamples
from pipelines.progress_report import OnProgress, ProgressReport

_MOST_NAMED = 3
"""Of keys or names in a message."""


@dataclass(frozen=True)
class Exported:
    """An export that was read back.

    Attributes:
        url, format: where it lies, and what it is.
        samples, objects, filtered, thinned, unclassed, reviewed, corrected, added, rejected: see `ExportCounts`.
        category: the attribute that was to hold the class.
        exact: objects whose mask came back pixel for pixel.
        mean_kept, worst_kept: IoU of the masks in the files with those of the run, in [0, 1].
        worst: sample key and object id of the worst one.
        is_whole_run: every shard of the run was committed.
        num_unmatched, first_unmatched: keys of a `--split` list that are those of no sample, and the first few.
    """

    url: str
    format: str
    samples: int
    objects: int
    filtered: int
    thinned: int
    unclassed: int
    reviewed: int
    corrected: int
    added: int
    rejected: int
    category: str
    exact: int
    mean_kept: float
    worst_kept: float
    worst: tuple[str, str]
    is_whole_run: bool
    num_unmatched: int
    first_unmatched: tuple[str, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """For programs."""
        return {
            "url": self.url,
            "format": self.format,
            "samples": self.samples,
            "objects": self.objects,
            "filtered": self.filtered,
            "thinned": self.thinned,
            "unclassed": self.unclassed,
            "reviewed": self.reviewed,
            "corrected": self.corrected,
            "added": self.added,
            "rejected": self.rejected,
            "category": self.category,
            "exact": self.exact,
            "mean_kept": self.mean_kept,
            "worst_kept": self.worst_kept,
            "worst": list(self.worst),
            "whole_run": self.is_whole_run,
            "unmatched": self.num_unmatched,
            "first_unmatched": list(self.first_unmatched),
        }


def run_export(spec: ExportSpec, on_progress: OnProgress | None = None) -> Exported:
    """Export the masks of a run.

    Raises:
        OptionError: options that do not go together, or that name what the run has not; nothing to export.
        ExportError: the folder is not empty, or is another export's; the format has no room for a mask; what was read
            back is not what was written, or has lost more than `spec.max_loss`. What was written is deleted then.
        InfraError: run, data set or storage cannot be read or written.
    """
    spec = checked(ExportSpec, spec)
    spec = replace(spec, run=expand_home(spec.run), to=expand_home(spec.to))
    storage = Storage(spec.storage)
    known = _format(spec)
    folder = ExportFolder(storage, spec.to)
    folder.refuse_files()
    export = _Export(spec, known, ExportedSamples(spec, storage), storage, on_progress)
    with closed_in_order():
        folder.take()
        try:
            export.write()
            exported = export.read_back()
            folder.call_whole({"summary": exported.to_json(), "provenance": export.provenance})
        except BaseException:
            folder.empty()
            raise
    return exported


class _Export:
    """An export under way."""

    def __init__(
        self,
        spec: ExportSpec,
        known: ExportFormat,
        samples: ExportedSamples,
        storage: Storage,
        on_progress: OnProgress | None,
    ) -> None:
        self._spec = spec
        self._format = known
        self._samples = samples
        self._storage = storage
        self._on_progress = on_progress
        self.provenance = _provenance(spec, samples)
        self._target = ExportTarget(
            storage, spec.to, self.provenance, spec.shape, spec.image_prefix, samples.split.name
        )
        self._is_exact = spec.shape in known.exact_shapes
        self._has_copies = spec.images and not known.always_has_images
        self._counts = ExportCounts()

    def write(self) -> None:
        """Write every file of the format, and the images."""
        with closing(self._format.write(self._target)) as writer:
            for sample in self._samples.read(self._counts):
                check_stop()
                if self._has_copies:
                    self._storage.write_bytes(self._image_url(sample), sample.image_bytes)
                writer.add(sample)
                self._report(self._counts.objects, "writing")
            if not self._counts.samples:
                raise OptionError(_nothing(self._counts, self._samples, self._spec))
            if self._counts.objects and self._spec.category not in {USUAL_CATEGORY, *self._counts.attributes}:
                raise OptionError(_no_attribute(self._spec.category, self._counts.attributes))
            writer.finish()

    def read_back(self) -> Exported:
        """Compare every mask in the files with that of the run, and write down how much of each is there."""
        worst, exact, total = KeptMask("", "", "", np.inf), 0, 0.0
        with KeptMasksFile() as file, closing(self._format.read(self._target)) as reader:
            for sample in self._samples.read(ExportCounts()):
                check_stop()
                if (
                    self._has_copies
                    and self._storage.read_bytes(self._image_url(sample)) != sample.image_bytes
                ):
                    raise ExportError(
                        f"{self._image_url(sample)} is not the image of sample {sample.key!r}: export again"
                    )
                for kept in compared(sample, reader, self._format.name, is_exact=self._is_exact):
                    file.append(kept)
                    total += kept.kept_iou
                    exact += kept.kept_iou == 1.0
                    worst = min(worst, kept, key=lambda one: one.kept_iou)
                self._report(file.num_rows, "reading back")
            reader.finish()
            self._check_loss(worst)
            file.write(self._storage, join(self._spec.to, OBJECTS_FILE))
        num_objects, unmatched = self._counts.objects, self._samples.split.unmatched
        return Exported(
            url=self._spec.to,
            format=self._format.name,
            samples=self._counts.samples,
            objects=num_objects,
            filtered=self._counts.filtered,
            thinned=self._counts.thinned,
            unclassed=self._counts.unclassed,
            reviewed=self._counts.reviewed,
            corrected=self._counts.corrected,
            added=self._counts.added,
            rejected=self._counts.rejected,
            category=self._spec.category,
            exact=exact,
            mean_kept=total / num_objects if num_objects else 1.0,
            worst_kept=worst.kept_iou if num_objects else 1.0,
            worst=(worst.sample_key, worst.object_id),
            is_whole_run=self._samples.is_whole,
            num_unmatched=len(unmatched),
            first_unmatched=tuple(unmatched[:_MOST_NAMED]),
        )

    def _image_url(self, sample: ExportedSample) -> str:
        return join(self._spec.to, self._format.images_folder, sample.file_name)

    def _check_loss(self, worst: KeptMask) -> None:
        if worst.kept_iou < 1 - self._spec.max_loss:
            raise ExportError(
                f"object {worst.object_id!r} of sample {worst.sample_key!r} came back from {self._format.name} with an "
                f"IoU of {worst.kept_iou:.3f} with its mask, and --max-loss {self._spec.max_loss:g} allows "
                f"{1 - self._spec.max_loss:g}: choose a format that keeps masks (coco, png), or a larger --max-loss"
            )

    def _report(self, num_objects: int, note: str) -> None:
        if self._on_progress is not None:
            self._on_progress(ProgressReport(num_objects, None, 0, 0, note, ""))


def _format(spec: ExportSpec) -> ExportFormat:
    known = FORMATS[spec.format]
    if spec.shape != "rle" and spec.shape not in known.shapes:
        raise OptionError(f"--shape {spec.shape}: {known.name} has one way of writing masks; leave it out")
    if spec.image_prefix and not known.names_images:
        raise OptionError(
            f"--image-prefix {spec.image_prefix}: {known.name} does not say where images lie; leave it out"
        )
    return known


def _provenance(spec: ExportSpec, samples: ExportedSamples) -> dict[str, JsonValue]:
    record = samples.record
    return {
        "description": "masks made by mfp",
        "run": spec.run,
        "model": record.spec.model.name,
        "dataset": record.spec.dataset,
        "dataset_fingerprint": record.dataset.fingerprint,
    }


def _no_attribute(category: str, attributes: Set[str]) -> str:
    names = ", ".join(sorted(attributes)[:_MOST_NAMED]) or "none"
    return (
        f"--category {category}: no object that would go out has that attribute, nor has its sample; give one that "
        f"they have ({names}), or leave it out"
    )


def _nothing(counts: ExportCounts, samples: ExportedSamples, spec: ExportSpec) -> str:
    unmatched = samples.split.unmatched
    if unmatched and len(unmatched) == samples.split.num_keys:
        return (
            f"none of the {len(unmatched):,} keys in {spec.masks.split}, the first of which is {unmatched[0]!r}, is "
            f"that of a sample of {spec.run}: write one a line, as the column sample_key of its masks has them"
        )
    if counts.filtered:
        or_reviewed = ", or leave out --reviewed only" if spec.masks.reviewed == "only" else ""
        return (
            f"{spec.run} has nothing to export: the filters leave out all of its {counts.filtered:,} objects; loosen "
            f"--min-quality or --where{or_reviewed}"
        )
    if counts.rejected:
        return (
            f"{spec.run} has nothing to export: all of its {counts.rejected:,} masks were rejected in review"
        )
    if not samples.is_whole:
        return (
            f"{spec.run} has nothing to export: it is unfinished, and no shard that would go out is committed; go on "
            "with it, or wait until one is"
        )
    return (
        f"{spec.run} has nothing to export: none of its samples has a mask; --empty-images exports the images"
    )
