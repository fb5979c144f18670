"""The file of a calibrated quality: what `mfp calibrate` writes, and runs read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from actors.specs.label import LabelSpec
from actors.specs.model import Modulation
from infra.errors import StorageError
from infra.runs.run_config import differences
from infra.storage.files import Storage
from infra.strict_json import from_bytes, to_json
from mfp.engine_settings import Flip, Precision, ZoomSize
from mfp.mask_quality import CalibratedQuality
from mfp.quality_figures import QualityFigures
from pipelines.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What makes the maps that a quality is calibrated for: the model, and how it is shown its images."""

    model_id: str
    modulation: Modulation
    precision: Precision
    flip: Flip
    zoom: bool
    zoom_size: ZoomSize

    @classmethod
    def of(cls, model_id: str, spec: LabelSpec) -> Conditions:
        """Those of a run."""
        network = spec.network
        return cls(
            model_id=model_id,
            modulation=spec.model.modulation,
            precision=network.precision,
            flip=network.flip,
            zoom=network.zoom,
            zoom_size=network.zoom_size,
        )

    def difference(self, other: Conditions) -> str:
        """The first of them that is another there, in words; empty if all are the same."""
        for name, here, there in differences(to_json(self), to_json(other)):
            return f"{name} {there} instead of {here}"
        return ""


@dataclass(frozen=True, kw_only=True)
class AfterClicks:
    """How far the quality of the masks after so many clicks can be trusted; ended objects have their last mask."""

    num_clicks: int
    calibrated: QualityFigures
    expected_iou: QualityFigures


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A quality, and how it was made.

    Attributes:
        quality: fitted to all masks.
        conditions: under which it holds.
        datasets: fingerprints of the data sets that it was fitted on.
        runs: those that it was fitted on.
        num_images, num_objects, num_masks: how much that was; a mask after each click.
        folds, seed: how images were dealt for the figures.
        figures: of qualities that were fitted to other images.
        versions: of the packages that fitted it.
        created: UTC, ISO 8601.
    """

    job: Literal["calibration"] = "calibration"
    quality: CalibratedQuality
    conditions: Conditions
    datasets: tuple[str, ...]
    runs: tuple[str, ...]
    num_images: int
    num_objects: int
    num_masks: int
    folds: int
    seed: int
    figures: tuple[AfterClicks, ...]
    versions: Mapping[str, str]
    created: str


def read_calibration(url: str, storage: Storage) -> Calibration:
    """Read the file.

    Raises:
        OptionError: it is none.
        StorageError: it is not there, or cannot be read.
    """
    try:
        return from_bytes(Calibration, storage.read_bytes(url))
    except ValueError as error:
        raise OptionError(
            f"--calibration {url} is none ({error}): give what `mfp calibrate` wrote with this version"
        ) from None
    except StorageError as error:
        raise StorageError(f"--calibration: {error}") from None


def check_calibration(url: str, calibration: Calibration, model_id: str, spec: LabelSpec) -> None:
    """Raise OptionError if a run makes its maps in another way than those of the calibration were made."""
    if different := calibration.conditions.difference(Conditions.of(model_id, spec)):
        raise OptionError(
            f"--calibration {url}: the run has {different}, and scores mean something else there; give a calibration "
            "of that model and those settings, or leave it out"
        )
