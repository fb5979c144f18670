"""Runs made in this process, without Ray, as `mfp label` would have made them."""

from __future__ import annotations

from dataclasses import replace

from actors.labelling.hand_out import Assignment
from actors.labelling.job import LabelJob, build_labeller
from actors.specs.label import LabelSpec
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from pipelines.inputs.label_inputs import find_inputs, label_record
from pipelines.inputs.published_source import keep_model
from pipelines.inputs.run_record import request_of


def label_here(spec: LabelSpec, *, num_shards: int | None = None) -> RunDirectory:
    """Label the first shards of a data set, or all of them; by torch, unless the specification names a backend."""
    spec = spec.resolved()
    if spec.network.backend == "auto":
        spec = replace(spec, network=replace(spec.network, backend="torch"))
    storage = Storage(spec.storage)
    inputs = find_inputs(spec, storage)
    run = RunDirectory(spec.out, storage)
    run.open(request_of(label_record(spec, inputs)))
    keep_model(run, inputs.model)
    job = LabelJob(spec, inputs.dataset.url, quality=inputs.quality)
    engine = job.load(inputs.model, "cpu")
    labeller = build_labeller(job, inputs.given)
    for number, shard in enumerate(inputs.dataset.shards[:num_shards]):
        labeller.label(Assignment(shard, f"1_{number}"), engine)
    labeller.close()
    return run
