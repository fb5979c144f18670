"""What a submitted job carries and how Ray's answers are read; `test_ray_jobs` talks to a real cluster."""

from __future__ import annotations

import shlex
import socket
import time
from enum import Enum
from importlib.metadata import distributions, version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors.specs.label import LabelSpec
from actors.specs.leaves import leaves_of
from infra.storage.options import StorageOptions
from pipelines.commands import cluster
from pipelines.commands.config_file import carried_settings, read_config_file
from pipelines.errors import JobError
from pipelines.jobs import job_package, submit
from pipelines.jobs.job_package import MAX_PACKAGE_MIB, ROOMS, package, package_bytes
from pipelines.jobs.submit import JobCommand, check_locations


def command(*arguments: str, endpoint: str | None = None) -> JobCommand:
    return JobCommand("label", arguments, "s3://bucket/run", StorageOptions(endpoint, "eu"))


class Status(Enum):
    RUNNING = "RUNNING"
    FAILED = "FAILED"


def details(**fields: Any) -> Any:
    """What Ray answers about a job; a stand-in, since Ray keeps for good the settings it is first imported with."""
    known: dict[str, Any] = {
        "submission_id": "job-1",
        "job_id": None,
        "status": Status.RUNNING,
        "entrypoint": "python -m pipelines label",
        "message": None,
        "metadata": {"mfp_command": "label", "mfp_run": "s3://bucket/run"},
        "start_time": None,
        "end_time": None,
        "driver_exit_code": None,
    }
    return SimpleNamespace(**known | fields)


def test_the_shell_of_the_cluster_gets_every_argument_as_it_was_given() -> None:
    arguments = ("s3://bucket/my photos", "--out", "s3://bucket/run", "--model", "$(date)")
    words = shlex.split(command(*arguments).entrypoint())
    assert words == ["python", "-m", "pipelines", "label", *arguments]


def test_a_job_remembers_its_run_and_where_it_is_stored() -> None:
    state = submit._state(details(metadata=command(endpoint="http://host:9000").metadata()))
    assert (state.command, state.run_url) == ("label", "s3://bucket/run")
    assert state.storage == StorageOptions("http://host:9000", "eu")


@pytest.mark.parametrize(
    "location", ["s3://bucket/folder", "/everywhere/folder", "gs://bucket/x.safetensors"]
)
def test_locations_that_every_node_finds_are_accepted(location: str) -> None:
    check_locations([("--out", location)])


@pytest.mark.parametrize("location", ["folder", "./folder", "../folder/shards", "model.safetensors"])
def test_a_relative_path_is_refused_with_the_absolute_one(location: str) -> None:
    with pytest.raises(JobError, match="relative path") as caught:
        check_locations([("--model", "/a"), ("--out", location)])
    assert str(Path(location).absolute()) in str(caught.value)
    assert str(caught.value).startswith("--out")


def test_credentials_in_a_url_are_refused_and_not_repeated() -> None:
    with pytest.raises(JobError, match="password") as caught:
        check_locations([("--out", "s3://key:secret@bucket/run")])
    assert "secret" not in str(caught.value)


def test_the_package_holds_the_rooms_and_nothing_else() -> None:
    with package() as folder:
        assert sorted(path.name for path in folder.iterdir()) == sorted([*ROOMS, "mfp_pipeline.dist-info"])
        assert not list(folder.rglob("__pycache__"))
        assert (folder / "pipelines" / "cli.py").is_file()
        assert package_bytes(folder) < MAX_PACKAGE_MIB * 2**20
    assert not folder.exists()


def test_the_package_says_its_own_version() -> None:
    with package() as folder:
        (found,) = distributions(path=[str(folder)])
        assert (found.name, found.version) == ("mfp-pipeline", version("mfp-pipeline"))


def test_a_package_that_grew_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_package, "MAX_PACKAGE_MIB", 0)
    with pytest.raises(JobError, match="over the 0 MiB a job may carry"), package():
        pass


def test_quarantined_samples_are_no_failure_although_ray_calls_every_exit_code_one() -> None:
    failed = {"status": Status.FAILED, "start_time": 1000, "end_time": 3500}
    assert submit._state(details(**failed, driver_exit_code=1)).status == "FAILED"
    state = submit._state(details(**failed, driver_exit_code=3))
    assert (state.status, state.seconds) == ("SUCCEEDED, but for what was quarantined or set aside", 2.5)


def test_the_message_leaves_the_end_of_the_log_to_the_logs_command() -> None:
    text = "Job entrypoint command failed with exit code 1, last available logs (truncated to 20,000 chars):\nline\n"
    assert submit._state(details(message=text)).message == "Job entrypoint command failed with exit code 1"


def test_a_host_that_answers_nothing_costs_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submit, "_CONNECT_SECONDS", 0.2)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.create_connection(address, 5)]
        start = time.monotonic()
        for _ in range(4):  # connections beyond the backlog are dropped, as a firewall does
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            fillers.append(filler)
        with pytest.raises(JobError, match="no Ray cluster answers"):
            submit.jobs(f"http://127.0.0.1:{address[1]}")
        assert time.monotonic() - start < 5
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("given", ["mine.toml", "./mine.toml", "folder//mine.toml", "/elsewhere/mine.toml"])
def test_the_job_is_given_the_configuration_file_that_it_carries(given: str) -> None:
    for arguments in (("--config", given), (f"--config={given}",)):
        line = JobCommand("label", ("/data", *arguments), "/run", StorageOptions(), Path(given)).entrypoint()
        assert shlex.split(line)[-1].rpartition("=")[2] == job_package.CONFIG_FILE
    with package(b"{}") as folder:
        assert (folder / job_package.CONFIG_FILE).read_bytes() == b"{}"
    with package() as folder:
        assert not (folder / job_package.CONFIG_FILE).exists()


def test_a_configuration_file_goes_along_with_the_home_folder_of_who_gives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/kim")
    config, carried = tmp_path / "mine.toml", tmp_path / "config.json"
    config.write_text(
        'dataset = "~/shards"\nnetwork.zoom_size = 64\nclicks.source = "logged:~/c.jsonl"\nworkers.count = "2:4"\n'
        'model.name = "isegm:~/ritm"\nmodel.options = ["checkpoint=~/last.pth", "mode=NoBRS"]\n'
    )
    leaves = leaves_of(LabelSpec)
    carried.write_bytes(carried_settings(config, leaves))
    monkeypatch.setenv("HOME", "/root")
    assert {leaf.name: value for leaf, value in read_config_file(carried, leaves)} == {
        "dataset": "/home/kim/shards",
        "network.zoom_size": 64,
        "clicks.source": "logged:/home/kim/c.jsonl",
        "workers.count": "2:4",
        "model.name": "isegm:/home/kim/ritm",
        "model.options": ("checkpoint=/home/kim/last.pth", "mode=NoBRS"),
    }


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("--out=~/runs/lr=0.1", "--out=/home/kim/runs/lr=0.1"),
        ("~/runs/lr=0.1", "/home/kim/runs/lr=0.1"),
        ("--clicks=logged:~/d=1/c.jsonl", "--clicks=logged:/home/kim/d=1/c.jsonl"),
        ("checkpoint=~/lr=0.1/last.pth", "checkpoint=/home/kim/lr=0.1/last.pth"),
        (
            "--model-option=checkpoint=~/lr=0.1/last.pth",
            "--model-option=checkpoint=/home/kim/lr=0.1/last.pth",
        ),
        ("isegm:~/clone", "isegm:/home/kim/clone"),
        ("run://~/training", "run:///home/kim/training"),
        ("mark=~x", "mark=~x"),
        ("s3://bucket/a=~/x", "s3://bucket/a=~/x"),
        ("--max-clicks=3", "--max-clicks=3"),
    ],
)
def test_the_home_folder_of_who_submits_goes_along(
    monkeypatch: pytest.MonkeyPatch, given: str, sent: str
) -> None:
    monkeypatch.setenv("HOME", "/home/kim")
    assert cluster._with_home(given) == sent


def test_a_job_finds_the_click_models_that_this_package_brings() -> None:
    with package() as folder:
        (ours,) = distributions(name=job_package.DISTRIBUTION, path=[str(folder)])
        names = {entry.name for entry in ours.entry_points if entry.group == "mfp.click_models"}
    assert names == {"isegm", "sam"}
