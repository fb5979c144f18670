"""A chaos run from its surroundings to its summary: undisturbed first, then with faults, then the comparison."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from infra.shards.manifest import DatasetManifest
from infra.storage.files import Storage
from tests.actors.shapes import write_shapes
from tests.chaos.cluster import RayCluster
from tests.chaos.comparison import differing, rows_of_run
from tests.chaos.disturbed_runs import DisturbedRuns
from tests.chaos.labelling import LabelRun
from tests.chaos.s3_server import S3Server
from tests.chaos.summary import Summary
from tests.chaos.surroundings import surroundings

BUCKET = "chaos"
SAMPLES_PER_SHARD = 4
BROKEN_EVERY = 37  # samples: so that there are rows of errors to compare
LABEL_OPTIONS = ("--model", "analytic", "--zoom-size", "160", "--max-clicks", "12", "--max-errors", "1")
SECONDS_UNDISTURBED = 1200


@dataclass(frozen=True)
class ChaosOptions:
    """Faults hit for `seconds`, in runs of `num_shards` each, as many as that time has."""

    seconds: float
    num_shards: int
    seed: int
    out: Path


def run_chaos(options: ChaosOptions, say: Callable[[str], None]) -> Summary:
    """Do it all, and say what happens.

    Raises:
        ChaosError: a server, the cluster or an undisturbed run failed. Every other trouble is in the summary.

    """
    logs = options.out / "logs"
    server = S3Server(options.out / "s3")
    with ExitStack() as stack:
        stack.enter_context(surroundings(server.variables))
        data = _write_data(str(options.out / "data"), options)
        say(f"{len(data.shards)} shards with {data.num_objects} objects; first undisturbed, on local files")
        local = LabelRun(
            str(options.out / "undisturbed"),
            ("label", data.url, *LABEL_OPTIONS, "--workers", "2"),
            logs / "undisturbed",
        )
        stack.callback(local.kill_driver)
        local.complete(SECONDS_UNDISTURBED)
        expected = rows_of_run(local.directory)
        stack.callback(server.kill)
        server.start()
        server.create_bucket(BUCKET)
        data = _write_data(f"s3://{BUCKET}/data", options)
        cluster = RayCluster(options.out / "cluster.log")
        stack.callback(cluster.close)

        def new_run(name: str) -> LabelRun:
            workers = ("--workers", "2:3", "--ray-address", cluster.address)
            run = LabelRun(
                f"s3://{BUCKET}/{name}", ("label", data.url, *LABEL_OPTIONS, *workers), logs / name
            )
            stack.callback(run.kill_driver)
            return run

        calm = new_run("calm")
        calm.complete(SECONDS_UNDISTURBED)
        calm_seconds = calm.seconds
        findings = list(differing(expected, rows_of_run(calm.directory)))
        say(f"the same on the cluster and S3 takes {calm_seconds:.0f} s; now with faults")
        disturbed = DisturbedRuns(options.seed, expected, server, cluster, new_run, say)
        disturbed.disturb_for(options.seconds)
        return Summary(
            seed=options.seed,
            num_shards=options.num_shards,
            calm_seconds=calm_seconds,
            faults=tuple(disturbed.faults),
            runs=tuple(disturbed.finished),
            findings=(*findings, *disturbed.findings),
        )


def _write_data(url: str, options: ChaosOptions) -> DatasetManifest:
    num_samples = options.num_shards * SAMPLES_PER_SHARD
    return write_shapes(
        url,
        Storage(),
        num_samples=num_samples,
        samples_per_shard=SAMPLES_PER_SHARD,
        broken=range(0, num_samples, BROKEN_EVERY),
    )
