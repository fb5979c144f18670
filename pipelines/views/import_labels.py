"""How the summary of an import of corrected labels is shown to a person."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.counted import counted
from pipelines.jobs.imported_labels import ImportedLabels


def summary_lines(imported: ImportedLabels) -> Iterator[str]:
    """Yield what the file says, what was written of it, how it was found, and what was left out."""
    num_objects = imported.accepted + imported.corrected + imported.rejected + imported.added
    yield (
        f"{counted(num_objects, 'object')} on {counted(imported.images, 'image')} of {imported.file}, read as "
        f"{imported.format}"
    )
    yield (
        f"  {imported.accepted:,} accepted, {imported.corrected:,} corrected, {imported.rejected:,} rejected, "
        f"{imported.added:,} added; {imported.reclassed:,} with another class"
    )
    if imported.corrected:
        yield f"  corrected masks have an IoU of {imported.mean_iou:.3f} with those of the run, in the mean"
    if imported.corrected_by_polygons:
        yield (
            f"  {imported.corrected_by_polygons:,} of them came as polygons: a program that turns masks into polygons "
            "changes all of them"
        )
    verb = "would be written" if imported.is_dry_run else "written"
    yield f"  {counted(imported.written, 'decision')} {verb}: {imported.run}"
    if imported.already:
        yield f"  {imported.already:,} were there before, and say the same"
    if imported.images_by_name:
        yield f"  {counted(imported.images_by_name, 'image')} without a sample key, found by the names of their files"
    if imported.objects_by_overlap:
        yield (
            f"  {counted(imported.objects_by_overlap, 'object')} without an id of the run, found by the masks that "
            "they overlap most"
        )
    if imported.twins:
        yield f"  {counted(imported.twins, 'shape')} with the id of another shape, which fits better: it was not theirs"
    if imported.empty:
        yield f"  {counted(imported.empty, 'new shape')} without a pixel left out"
    if imported.undecided:
        yield (
            f"  {counted(imported.undecided, 'object')} undecided: no mask of theirs is in the file, and shapes of "
            "their images were left out"
        )
    for what, count in imported.left_out.items():
        yield f"  left out: {count:,} {what}"
    if imported.conflicts:
        yield (
            f"  {counted(imported.conflicts, 'decision')} of the run say something else and stay (--replace puts the "
            "file's in their place):"
        )
        for one in imported.first_conflicts:
            yield (
                f"    object {one.object_id!r} of {one.sample_key!r}: {one.stands} by {one.reviewer}, the file says "
                f"{one.says}"
            )
        if imported.conflicts > len(imported.first_conflicts):
            yield f"    and {imported.conflicts - len(imported.first_conflicts):,} more"
