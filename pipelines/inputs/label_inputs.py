"""What a labelling run reads, found and checked before anything is started, and what its directory keeps of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from actors.click_models.model_ref import Formula, ModelRef
from actors.click_models.plug_in import PlugIn
from actors.labelling.given import Given
from actors.specs.clicks import BoxCentre, Clicks
from actors.specs.label import LabelSpec, Part
from actors.specs.model import TRAINING_RUN_PREFIX
from infra.click_logs.click_log import ClickLog
from infra.published_models import PublishedModel
from infra.shards.glance import look_into
from infra.shards.manifest import DatasetManifest
from infra.starts.starts import Starts
from infra.storage.files import Storage
from mfp.backends.registry import BACKENDS, check_backend
from mfp.click_model import ClickModel, CropModel
from mfp.engine_settings import OF_CROPS, EngineSettings
from mfp.errors import BackendError, ImageSizeError, StartError, WeightsError
from mfp.mask_quality import EXPECTED_IOU, Quality
from mfp.runner import check_confidence
from mfp.start import GLOBAL_CONFIDENCE, LOCAL_CONFIDENCE, FromMask
from pipelines.errors import OptionError
from pipelines.inputs.calibration import check_calibration, read_calibration
from pipelines.inputs.given_inputs import check_given, find_given, given_content
from pipelines.inputs.kept_reviews import KeptReviews, find_kept
from pipelines.inputs.masks_there import has_objects
from pipelines.inputs.model_names import named_plug_in
from pipelines.inputs.model_source import find_and_build, find_model
from pipelines.inputs.processor import processor
from pipelines.inputs.published_source import find_published
from pipelines.inputs.run_folder import load_beside
from pipelines.inputs.run_record import (
    DatasetContent,
    FollowedRun,
    LabelRecord,
    OneModel,
    now,
    versions,
)


@dataclass(frozen=True)
class LabelInputs:
    """What a run reads, found and checked before anything is started."""

    dataset: DatasetManifest
    model: ModelRef
    given: Given
    published: PublishedModel | None
    """What a training run says of the model, if it is the newest there."""
    kept: KeptReviews
    """What is taken over from another run."""
    quality: Quality = EXPECTED_IOU
    calibrated_on: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    """Lines to tell a person before the run begins."""


def find_inputs(spec: LabelSpec, storage: Storage) -> LabelInputs:
    """Find the data set, the model and the clicks that a resolved specification names; see also `check_model`.

    Raises:
        OptionError: clicks cannot be simulated because there are no masks, or the run would lie in its data.
        BackendError: the backend that it names is not here, or does not run on its device or in its precision.
        InfraError, MfpError: one of them is missing or is not what it should be.

    """
    if spec.network.backend != "auto" and (
        refusal := BACKENDS[spec.network.backend].refusal(_device(spec), spec.network.precision)
    ):
        raise BackendError(refusal)
    dataset = _part_of(load_beside(spec.out, spec.dataset, storage), spec.part)
    given = find_given(spec.clicks, spec.log, spec.start, dataset, storage)
    notices = how_read(dataset, storage) + check_given(given, dataset, storage)
    if isinstance(given.clicks, ClickLog):
        notices += _check_replay(spec.clicks, dataset, storage)
    model, published = _find_model(spec, storage)
    kept = find_kept(spec, dataset, storage)
    given = replace(given, kept=kept.objects)
    inputs = LabelInputs(dataset, model, given, published, kept, notices=notices)
    if spec.calibration is None:
        return inputs
    calibration = read_calibration(spec.calibration, storage)
    check_calibration(spec.calibration, calibration, model.identity, spec)
    return replace(inputs, quality=calibration.quality, calibrated_on=calibration.datasets)


def _check_replay(clicks: Clicks, dataset: DatasetManifest, storage: Storage) -> tuple[str, ...]:
    """Refuse an IoU that ends replayed sessions if nothing has one; a notice if that is not known for sure."""
    if not isinstance(clicks.target_iou, float) or has_objects(dataset, storage):
        return ()
    if dataset.num_objects is None and not look_into(dataset, storage).is_whole:
        return (
            f"--target-iou {clicks.target_iou:g}: no mask was seen in the beginning of {dataset.url}; the clicks on an "
            "object without a mask, which has no IoU, are made to their end",
        )
    raise OptionError(
        f"--target-iou {clicks.target_iou:g}: {dataset.url} has no object masks, so that no IoU is known and every "
        "logged click would be made: leave the option out"
    )


def _part_of(dataset: DatasetManifest, part: Part) -> DatasetManifest:
    """Every n-th shard, from the i-th on; the fingerprint stays that of the whole."""
    return replace(dataset, shards=dataset.shards[part.index :: part.count])


def _find_model(spec: LabelSpec, storage: Storage) -> tuple[ModelRef, PublishedModel | None]:
    """The model, and what a training run says of it if it is the newest there."""
    choice = spec.model
    if choice.training_run is not None:
        return find_published(spec, choice.training_run, storage)
    if spec.follows:
        raise OptionError(
            f"--follow: --model {choice.name} is one model, and no newer one is ever published for it; give "
            f"{TRAINING_RUN_PREFIX} and the directory of a training run"
        )
    if named_plug_in(choice) is None:
        ref = find_model(choice, storage)
        if isinstance(ref.origin, Formula):
            check_model(spec, ref)  # built at once: it need not wait for a thread
        return ref, None
    ref, model = find_and_build(choice, storage)  # it is known by what it says of itself once it is made
    _check_fits(model, spec)
    return ref, None


def check_model(spec: LabelSpec, model: ModelRef) -> None:
    """Build one of our own models: weights, zoom size and modulation show before `run.json` is written.

    Its imports take seconds, so that a run does it while Ray starts. A plug-in was checked when it was found.

    Raises:
        OptionError: a setting that it cannot be run with.
        MfpError: it cannot be built.

    """
    if isinstance(model.origin, PlugIn):
        return
    try:
        built = model.build(spec.model.modulation)
    except WeightsError as error:
        raise WeightsError(f"{spec.model.name}: {error}") from None
    _check_fits(built, spec)


def _check_fits(model: ClickModel, spec: LabelSpec) -> None:
    """Refuse settings that the model cannot be run with."""
    if spec.start.is_from_masks and not model.traits.starts_from_mask:
        raise OptionError(
            f"--start {spec.start.source}: {spec.model.name} does not start from a mask; start from boxes or from "
            "nothing, or take a model that does"
        )
    if spec.start.is_from_masks:
        confidence = LOCAL_CONFIDENCE if spec.start.changes == "local" else GLOBAL_CONFIDENCE
        try:
            check_confidence(model.traits, FromMask(np.zeros((1, 1), np.bool_), confidence))
        except StartError as error:
            raise OptionError(f"--start {spec.start.source}: {error}") from None
    check_backend(spec.network.engine_backend, model, _device(spec), spec.network.precision)
    zoom_size = spec.network.zoom_size
    if isinstance(model, CropModel):
        try:
            model.crop_size(1, 1, model.zoom_size if zoom_size == "model" else zoom_size)
        except ImageSizeError as error:
            raise OptionError(f"--zoom-size {zoom_size}: {error}") from None
    unused = sorted(
        name for name in OF_CROPS if getattr(spec.network, name) != getattr(EngineSettings(), name)
    )
    if unused and not isinstance(model, CropModel):
        options = ", ".join(_spoken(name, getattr(spec.network, name)) for name in unused)
        raise OptionError(
            f"{options}: {spec.model.name} frames and runs its images itself; leave that out, and see its own options"
        )


def _device(spec: LabelSpec) -> torch.device:
    """What the specification says of it; whether workers of a cluster have a GPU shows once Ray has started."""
    return torch.device("cuda" if spec.network.device == "cuda" else "cpu")


def _spoken(name: str, value: bool | int | str) -> str:
    """A setting as a person gives it on the command line."""
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{option}" if value else f"--no-{option}"
    return f"--{option} {value}"


def how_read(dataset: DatasetManifest, storage: Storage) -> tuple[str, ...]:
    """Lines on how the shards of another program are read, from their beginnings; the report has the counts."""
    if not dataset.is_foreign:
        return ()
    notes = look_into(dataset, storage).notes
    return dataset.remarks + tuple(f"{note.text} ({', '.join(note.first_keys)})" for note in notes)


def label_record(spec: LabelSpec, inputs: LabelInputs) -> LabelRecord:
    """`run.json` of a run with a resolved specification."""
    training_run = spec.model.training_run
    model: OneModel | FollowedRun = OneModel(model_id=inputs.model.identity, step=inputs.model.step)
    if spec.follows and training_run is not None:
        model = FollowedRun(run=training_run)
    return LabelRecord(
        spec=replace(spec, model=spec.model.without_trust),
        dataset=DatasetContent(fingerprint=inputs.dataset.fingerprint, num_shards=len(inputs.dataset.shards)),
        model=model,
        given=given_content(inputs.given),
        kept=inputs.kept.content,
        quality=inputs.quality,
        calibrated_on=inputs.calibrated_on,
        versions=versions(spec.network.backend),
        processor=processor(),
        created=now(),
    )


def num_expected(inputs: LabelInputs) -> int | None:
    """Objects and quarantined records of the whole run; None if nobody has counted them."""
    clicks, starts = inputs.given.clicks, inputs.given.starts
    if isinstance(clicks, ClickLog):
        # what nobody clicked is neither labelled nor an error; which objects of a log have a mask too is not known
        has_masks = isinstance(starts, Starts) and starts.kind == "masks"
        return None if has_masks else _num_objects(clicks)
    if isinstance(clicks, BoxCentre) and isinstance(starts, Starts):
        return starts.num_objects
    if isinstance(starts, Starts):
        return None  # those that have a true mask too
    objects, quarantined = inputs.dataset.num_objects, inputs.dataset.num_quarantined
    return None if objects is None else objects + (quarantined or 0)


def _num_objects(log: ClickLog) -> int:
    """Objects with clicks: rows are sorted by sample and object, so each begins where one of both changes."""
    begins = np.zeros(log.num_clicks, np.bool_)
    begins[log.offsets[:-1]] = True
    begins[1:] |= log.object_codes[1:] != log.object_codes[:-1]
    return int(np.count_nonzero(begins))
