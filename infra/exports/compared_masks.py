"""Masks that were read back beside those of the run."""

from __future__ import annotations

from collections.abc import Iterator

from infra import rle
from infra.errors import ExportError
from infra.exports.export_format import ExportReader
from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.exports.kept_masks import KeptMask

_REMEDY = "somebody else writes there, or the storage is faulty; export again into another folder"


def compared(
    sample: ExportedSample, reader: ExportReader, format_name: str, *, is_exact: bool
) -> Iterator[KeptMask]:
    """Yield how much of each mask of a sample is in the files, in the order of its objects.

    Args:
        sample: as the run has it.
        reader: of the files, next at this sample.
        format_name: for messages.
        is_exact: the format keeps masks pixel for pixel; others may add pixels, and none loses one.

    Raises:
        ExportError: an image or object is not there, or not as it was written; what stands there is no mask of the
            size of the image; a pixel is missing, or `is_exact` and there is one more.
        StorageError: a file cannot be read.
    """
    try:
        found = reader.masks(sample)
        for one, counts in zip(sample.objects, found, strict=True):
            kept_iou = _kept_iou(one, counts, sample, format_name, is_exact)
            yield KeptMask(sample.key, one.object_id, one.category, kept_iou)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # a file that was changed may have anything where something else is looked for
        raise ExportError(
            f"the masks of sample {sample.key!r} do not come back from {format_name} ({error}): {_REMEDY}"
        ) from None


def _kept_iou(
    one: ExportedObject, counts: bytes, sample: ExportedSample, format_name: str, is_exact: bool
) -> float:
    area = rle.area(one.rle, sample.height, sample.width)
    if counts == one.rle:
        return 1.0
    num_different = rle.num_different(one.rle, counts, sample.height, sample.width)
    num_added = rle.area(counts, sample.height, sample.width) - area
    if is_exact and num_different:
        raise _changed(one, sample, format_name, "changed", "keeps every pixel")
    if num_different > num_added:
        num_lost = (num_different - num_added) // 2
        raise _changed(one, sample, format_name, f"without {num_lost:,} of its pixels", "may only add some")
    return area / (area + num_added) if num_added else 1.0


def _changed(
    one: ExportedObject, sample: ExportedSample, format_name: str, how: str, rule: str
) -> ExportError:
    return ExportError(
        f"object {one.object_id!r} of sample {sample.key!r} came back {how} from {format_name}, which {rule}: {_REMEDY}"
    )
