"""Fixtures of all rooms: an S3 server on this machine, folders on both kinds of storage, and a Ray."""

from __future__ import annotations

import atexit
import itertools
import os
import secrets
import shutil
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from hypothesis import settings

from tests.moto_server import moto_server
from tests.shared_ray import SharedRay

_bucket_number = itertools.count()

# A deadline per example measures what else the machine does; pytest-timeout ends what hangs.
settings.register_profile("mfp", deadline=None)
settings.load_profile("mfp")

# On a busy machine, threads that share a small tensor wait for each other longer than they compute. Read when torch is
# imported; tests about threads set their own number.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What is tried on this machine, such as backends, is tried anew by every process of tests, and leaves nothing behind.
if "MFP_CACHE" not in os.environ:
    _cache = tempfile.mkdtemp(prefix="mfp-tests-cache-")
    atexit.register(shutil.rmtree, _cache, ignore_errors=True)
    os.environ["MFP_CACHE"] = _cache

# For every training Ray starts a process that asks whether a node is about to be taken away; nobody takes this one.
# And Ray Train looks twice a second whether a training is over, not every two seconds.
os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.5")

# Ray reads its authentication settings once, when it is imported, and some test modules import it on collection.
if "RAY_AUTH_MODE" not in os.environ:
    _token = Path(tempfile.mkdtemp(prefix="mfp-tests-")) / "ray-token"
    _token.write_text(secrets.token_hex(32))
    atexit.register(_token.unlink, missing_ok=True)
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(_token)}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fault-seeds",
        default="0:200",
        metavar="FIRST:END",
        help="Seeds of the fault schedules (tests/faults).",
    )
    parser.addoption(
        "--fuzz-inputs", default="120", metavar="N", help="Broken files of each kind to read (tests/faults)."
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, mostly tests with a Ray, and before them those that want none.

    Processes side by side each take the next test when they are done with one, so none is left alone with a long one.
    """
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    fixtures = getattr(item, "fixturenames", ())
    if "without_ray" in fixtures:
        return 0
    return 1 if "shared_ray" in fixtures or item.get_closest_marker("slow") is not None else 2


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have counted (`tally`), in whichever process they ran."""
    counted = Counter[str]()
    for report in terminalreporter.getreports(""):
        if report.when == "teardown":
            counted.update(dict(report.user_properties))
    for what, number in counted.items():
        terminalreporter.write_line(f"{what}: {number:,}")


@pytest.fixture(scope="session")
def fuzz_inputs(request: pytest.FixtureRequest) -> int:
    """How many broken files of each kind are read."""
    return int(request.config.getoption("--fuzz-inputs"))


def free_port() -> int:
    """A TCP port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a moto server in a process of its own; the AWS variables point to it until the session ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
            patch.delenv(name, raising=False)
        with moto_server(tmp_path_factory.mktemp("moto") / "log.txt") as url:
            patch.setenv("AWS_ENDPOINT_URL", url)
            yield url


@pytest.fixture
def s3_bucket(s3_endpoint: str) -> str:
    """URL of a new, empty bucket."""
    name = f"bucket-{next(_bucket_number)}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"


@pytest.fixture(params=["local", "s3"])
def folder_url(request: pytest.FixtureRequest) -> str:
    """URL of a new, empty folder, on each kind of storage in turn."""
    if request.param == "local":
        folder: Path = request.getfixturevalue("tmp_path")
        return str(folder)
    bucket: str = request.getfixturevalue("s3_bucket")
    return f"{bucket}/folder"


@pytest.fixture(scope="session")
def shared_ray() -> Iterator[SharedRay]:
    """The Ray of this process's tests, not started yet."""
    shared = SharedRay()
    yield shared
    shared.stop()


@pytest.fixture
def ray_cluster(s3_endpoint: str, shared_ray: SharedRay) -> None:
    """A local Ray that all tests share; its workers inherit the AWS variables of the S3 fixture."""
    shared_ray.cluster()


@pytest.fixture
def without_ray(shared_ray: SharedRay) -> None:
    """For what behaves differently if this process is connected to a Ray."""
    shared_ray.stop()


@pytest.fixture
def same_threads() -> Iterator[None]:
    """The number of threads afterwards is that of before: who clicks an object again takes that of its run."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
