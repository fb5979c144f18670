"""The exceptions of this room, and the reason codes of what is quarantined."""

from __future__ import annotations

from enum import StrEnum


class InfraError(Exception):
    """Something a person can put right; the message is one line that says what to do."""


class StorageError(InfraError):
    """A file, bucket or endpoint that cannot be read or written."""


class UnusableStorageError(StorageError):
    """Storage that no file can be read from, or written to, before a person has done something about it."""


class LayoutError(InfraError):
    """A source folder that does not have the layout it was said to have."""


class DatasetError(InfraError):
    """A data set or shard that is missing, broken or not what its manifest says."""


class ClickLogError(InfraError):
    """A click log that cannot be read as one."""


def missing_click_log(url: str) -> ClickLogError:
    """Return what to raise if nothing is at the place of a click log; it is found before a run, or in it."""
    return ClickLogError(f"there is no click log at {url}: no such file or folder")


class StartError(InfraError):
    """Masks or boxes to start from that cannot be read as such."""


def missing_start(url: str) -> StartError:
    """Return what to raise if nothing is at the place of masks or boxes; it is found before a run, or in it."""
    return StartError(f"there are no masks or boxes at {url}: no such file or folder")


class RunDirectoryError(InfraError):
    """A run directory that is not a run, belongs to another configuration, or was taken over by another run."""


class ExportError(InfraError):
    """A run that a format cannot hold, or an export that does not read back as it was written."""


class LabelImportError(InfraError):
    """A file of corrected labels that cannot be read as such, or that is not about the run."""


class LeaseError(InfraError):
    """A run directory whose lease another run holds, or that this run has lost."""


class PublishedModelError(InfraError):
    """A model that a training run has published, and that is not what its pointer says."""


class Reason(StrEnum):
    """Why one sample or one object was set aside; these codes stand in the `errors` table."""

    MISSING_IMAGE = "missing_image"
    UNDECODABLE_IMAGE = "undecodable_image"
    IMAGE_TOO_LARGE = "image_too_large"
    MISSING_MASK = "missing_mask"
    UNDECODABLE_MASK = "undecodable_mask"
    AMBIGUOUS_MASK = "ambiguous_mask"
    MASK_SIZE_MISMATCH = "mask_size_mismatch"
    EMPTY_OBJECT = "empty_object"
    BAD_METADATA = "bad_metadata"
    DUPLICATE_KEY = "duplicate_key"
    CLICK_OUTSIDE_IMAGE = "click_outside_image"
    BOX_OUTSIDE_IMAGE = "box_outside_image"
    TOO_SMALL = "too_small"
    REFUSED_BY_MODEL = "refused_by_model"


class SampleError(InfraError):
    """One sample or object that cannot be used; the run goes on without it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[SampleError], tuple[Reason, str]]:
        # the default would rebuild it from the joined message
        return type(self), (self.reason, self.detail)
