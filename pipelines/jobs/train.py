"""`mfp train`: a Ray Train job that learns from shards, with checkpoints that a later run continues from."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actors.errors import ClusterError
from actors.ray_session import Cluster, ray_session
from actors.specs.checked import checked
from actors.specs.train import TrainSpec
from actors.stop_request import check_stop, closed_in_order
from actors.training.directory import TrainDirectory
from actors.training.job import TrainJob
from actors.training.precision import is_chosen, read_notes
from actors.training.start import check_passes, start_network
from infra.published_models import model_url
from infra.runs.run_config import START_FILE, RunRequest
from infra.storage.files import Storage, join
from infra.training_driver import new_driver
from infra.training_progress import TrainingProgress, read_progress
from mfp.backends.torch_compile import COMPILE
from mfp.errors import TrainingError
from pipelines.inputs.label_inputs import how_read
from pipelines.inputs.run_record import request_of
from pipelines.inputs.training_inputs import (
    Start,
    check_shared_out,
    find_start,
    find_training_inputs,
    train_record,
)
from pipelines.progress_report import OnProgress, ProgressReport

if TYPE_CHECKING:
    from ray.train.torch import TorchTrainer

_POLL_SECONDS = 2.0
_START_ATTEMPTS = 5  # of a minute each: a cluster may have to bring up nodes first


@dataclass(frozen=True)
class TrainingRun:
    """What came out: where the model lies, and the steps it has seen."""

    model_url: str
    steps: int


def run_train(spec: TrainSpec, on_progress: OnProgress = lambda report: None) -> TrainingRun:
    """Train until the recipe's steps are done, going on from the newest checkpoint in `spec.out`.

    The run directory holds what actors.training.directory says, and `training.json`; another configuration for the same
    directory is refused.

    Raises:
        PipelineError, ActorsError, InfraError, MfpError: settings, data, weights or a cluster that cannot be
        used, in one
            line, wherever it was raised.
    """
    planned = plan_training(spec)
    job = planned.job
    directory = TrainDirectory(job.run_url, Storage(job.storage), job.spec.checkpoints.keep)
    done = directory.step_to_go_on_from(job.recipe.steps)
    if done < job.recipe.steps:
        for dataset in (dataset for pool in job.pools for dataset in pool.datasets):
            for line in how_read(dataset, directory.storage):
                on_progress(ProgressReport(done, job.recipe.steps, notice=line))
        on_progress(ProgressReport(done, job.recipe.steps, note="workers start"))
        with (
            closed_in_order(),
            tempfile.TemporaryDirectory(prefix="mfp-ray-train-", ignore_cleanup_errors=True) as notes,
            ray_session(spec.workers.ray_address) as cluster,
        ):
            job = replace(job, driver=new_driver(directory.storage, job.run_url))
            trainer = _trainer(job, spec, cluster, notes)
            planned.begin()  # now that it can start: the directory is bound to these options
            _fit(trainer, job, on_progress)
    return TrainingRun(model_url(job.run_url, job.recipe.steps), job.recipe.steps)


@dataclass(frozen=True)
class PlannedTraining:
    """A run that was found good as far as its specification and data go: `request` is what its directory keeps.

    `start` is kept in the directory when the run begins, unless it is there already.
    """

    job: TrainJob
    request: RunRequest
    start: Start

    def begin(self) -> None:
        """Note in the run's directory what it was asked to do; RunDirectoryError if another run is there."""
        storage, url = Storage(self.job.storage), self.job.run_url
        self.request.begin(storage, url)
        if self.start.file is not None and not self.start.is_kept:
            storage.write_bytes(join(url, START_FILE), self.start.file.data)


def plan_training(spec: TrainSpec) -> PlannedTraining:
    """Find and check everything a run needs; nothing is written."""
    spec = checked(TrainSpec, spec).resolved()
    storage, recipe = Storage(spec.storage), spec.recipe
    if recipe.frozen_statistics and spec.init is None:
        raise TrainingError(
            "frozen_statistics without --init: the batch norms of a fresh network have no statistics to keep; give the "
            "model to go on from as --init, or --learned-statistics"
        )
    check_shared_out(recipe.batch_size, (spec.workers.minimum, spec.workers.maximum))
    inputs = find_training_inputs(spec, storage)
    start = find_start(spec, storage)
    request = request_of(train_record(spec, inputs, start))
    request.check(storage, spec.out)
    _, config_of_network = start_network(recipe, start.file)
    check_passes(config_of_network, recipe, spec.workers.maximum)
    job = TrainJob(
        spec=spec,
        pools=inputs.pools,
        init=None if start.file is None else join(spec.out, START_FILE),
        validation=inputs.validation,
        num_threads=1,
    )
    return PlannedTraining(job, request, start)


def _trainer(job: TrainJob, spec: TrainSpec, cluster: Cluster, notes: str) -> TorchTrainer:
    """The job as Ray Train takes it; `notes` is a folder for what Ray itself writes down."""
    # Not before: Ray reads its settings when it is imported.
    from ray.train.torch import TorchTrainer
    from ray.train.v2.api.config import FailureConfig, LoggingConfig, RunConfig, ScalingConfig

    from actors.labelling.worker import WorkerResources
    from actors.labelling.worker_pool import PoolSize
    from actors.training.worker import FailureRule, train_worker

    workers = spec.workers
    uses_gpu = _uses_gpu(spec, cluster)
    if spec.compile:
        _check_compiler("cuda" if uses_gpu else "cpu")
    num_cpus = workers.cpus_per_worker
    if num_cpus == "share":
        num_cpus = _cores_of_each(cluster, workers.maximum)
    resources = WorkerResources(num_cpus, workers.gpus_per_worker if uses_gpu else 0.0)
    size = PoolSize(workers.minimum, workers.maximum).that_fits(cluster, resources)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(resources.num_threads))
    return TorchTrainer(
        train_worker,
        train_loop_config={"job": replace(job, num_threads=resources.num_threads)},
        scaling_config=ScalingConfig(
            num_workers=size.minimum if size.minimum == size.maximum else (size.minimum, size.maximum),
            use_gpu=uses_gpu,
            resources_per_worker={"CPU": num_cpus} | ({"GPU": resources.num_gpus} if uses_gpu else {}),
        ),
        run_config=RunConfig(  # type: ignore[arg-type]  # Ray's types still name the RunConfig before this one
            storage_path=notes,  # checkpoints are in the run directory
            failure_config=FailureConfig(max_failures=-1, controller_failure_limit=_START_ATTEMPTS),
            callbacks=[FailureRule()],
            worker_runtime_env={"env_vars": threads},
            logging_config=LoggingConfig(log_level="CRITICAL"),
        ),
    )


def _cores_of_each(cluster: Cluster, num_workers: int) -> float:
    """The cores of a local Ray shared out; one core where nodes may come and go."""
    return float(max(1, int(cluster.num_cpus / num_workers))) if cluster.is_local else 1.0


def _check_compiler(device: str) -> None:
    import torch

    if program := COMPILE.missing_compiler(torch.device(device)):
        raise TrainingError(
            f"--compile: program {program} is not here: install it, name another by the variable CXX, or leave the "
            "option out"
        )


def _uses_gpu(spec: TrainSpec, cluster: Cluster) -> bool:
    if spec.device == "cuda" and cluster.is_local and cluster.num_gpus == 0:
        raise TrainingError("--device cuda: no CUDA GPU on this machine; use --device cpu or auto")
    return spec.device == "cuda" or (spec.device == "auto" and cluster.num_gpus > 0)


def _fit(trainer: TorchTrainer, job: TrainJob, on_progress: OnProgress) -> None:
    """Run the job in a thread of its own, so that this one can tell how far it is, and be stopped."""
    outcome: list[BaseException] = []

    def fit() -> None:
        try:
            trainer.fit()
        except BaseException as error:  # raised again below
            outcome.append(error)

    thread = threading.Thread(target=fit, name="ray-train", daemon=True)
    thread.start()
    storage = Storage(job.storage)
    shown: TrainingProgress | None = None
    is_said = False
    assert job.driver is not None, "named when the job was begun"
    while thread.is_alive():
        thread.join(_POLL_SECONDS)
        check_stop()
        if not is_said and is_chosen(storage, job.run_url, job.driver.name):
            for notice in read_notes(storage, job.run_url):
                on_progress(
                    ProgressReport(0 if shown is None else shown.step, job.recipe.steps, notice=notice)
                )
            is_said = True
        progress = read_progress(job.run_url, storage)
        if progress is not None and progress != shown:
            # until its workers are there it is that of the run before, which may have been shorter
            on_progress(ProgressReport(progress.step, job.recipe.steps, note=progress.note))
            shown = progress
    if outcome:
        raise _raised_in(outcome[0]) from None


def _raised_in(error: BaseException) -> BaseException:
    """What a worker raised, out of what Ray Train made of it."""
    from ray.train.v2._internal.exceptions import (
        WorkerGroupStartupFailedError,
        WorkerGroupStartupTimeoutError,
    )

    failure: BaseException = getattr(error, "controller_failure", error)
    if isinstance(failure, WorkerGroupStartupTimeoutError | WorkerGroupStartupFailedError):
        return ClusterError(
            f"the workers did not start in {_START_ATTEMPTS} minutes: ask for fewer or smaller ones (--workers, "
            "--cpus-per-worker), or end other jobs"
        )
    return failure
