"""Runs made in this process, without Ray, as `mfp label` would have made them."""

from __future__ import annotations

from pipelines.options import LabelOptions

from actors.labelling.hand_out import Assignment
from actors.labelling.job import LabelJob, build_labeller
from actors.labelling.loaded_model import ModelBytes
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from mfp.engine_settings import EngineSettings
from mfp.session import SessionLimits
from pipelines.inputs.label_inputs import VOLATILE, find_inputs, run_config
from pipelines.inputs.published_source import keep_model


def label_here(options: LabelOptions, *, num_shards: int | None = None) -> RunDirectory:
    """Label the first shards of a data set, or all of them."""
    storage = Storage(options.storage)
    inputs = find_inputs(options, storage)
    run = RunDirectory(options.out, storage)
    run.open(run_config(options, inputs), VOLATILE)
    keep_model(run, inputs.model)
    engine = EngineSettings(
        batch_size=options.batch_size, flip=options.flip, zoom=options.zoom, zoom_size=options.zoom_size
    )
    max_clicks, target_iou = options.click_limits
    limits = SessionLimits(max_clicks=max_clicks, target_iou=target_iou)
    job = LabelJob(
        inputs.dataset.url,
        options.out,
        options.storage,
        options.modulation,
        limits,
        engine,
        options.working_pixels,
    )
    model = job.load(ModelBytes(inputs.model.model_id, inputs.model.data), "cpu")
    labeller = build_labeller(job, inputs.click_log)
    for number, shard in enumerate(inputs.dataset.shards[:num_shards]):
        labeller.label(Assignment(shard, f"1_{number}"), model)
    labeller.close()
    return run
