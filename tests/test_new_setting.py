"""What a new setting costs: one field. Here a copy of the specification gets one, and it shows up everywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from annotated_types import Interval, Unit
from typer.testing import CliRunner
from typing_extensions import Doc

from actors.click_models.model_ref import Formula, ModelRef
from actors.labelling.given import Given
from actors.labelling.job import LabelJob
from actors.labelling.worker import LabelWorker, WorkerResources, store
from actors.specs.clicks import Clicks
from actors.specs.label import LabelSpec
from actors.specs.leaves import leaves_of
from actors.specs.marks import Section
from actors.specs.model import ModelChoice
from infra.errors import RunDirectoryError
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from pipelines.commands.spec_command import SpecCommand
from pipelines.errors import OptionError
from pipelines.inputs.run_record import LabelRecord, read_record, request_of
from tests.specs import label_record, label_spec

STORAGE = Storage()


@dataclass(frozen=True, kw_only=True)
class WiderSettings(EngineSettings):
    """The settings of the engine, and one more."""

    sharpness: Annotated[
        float, Interval(ge=0, le=1), Unit("share"), Doc("How sharp the network is to look.")
    ] = 0.5


@dataclass(frozen=True, kw_only=True)
class WiderSpec(LabelSpec):
    """The specification, with those settings in the place of its own."""

    network: Annotated[WiderSettings, Section("Network")] = field(default=WiderSettings())


@dataclass(frozen=True, kw_only=True)
class WiderRecord(LabelRecord):
    """What run.json holds of it."""

    spec: WiderSpec


@dataclass(frozen=True)
class WiderJob(LabelJob):
    """What workers of such a run are told; each notes the setting where it has been told to."""

    def load(self, model: ModelRef, device: str) -> Engine:
        assert isinstance(self.spec, WiderSpec)
        Path(self.spec.out, "seen").write_text(str(self.spec.network.sharpness))
        return super().load(model, device)


def asked(sharpness: float) -> WiderSpec:
    return WiderSpec(
        dataset="data",
        out="run",
        model=ModelChoice("analytic"),
        network=WiderSettings(sharpness=sharpness),
        clicks=Clicks().resolved(),
    )


def app_of(seen: list[WiderSpec]) -> typer.Typer:
    app = typer.Typer()

    def run(spec: WiderSpec) -> None:
        """Label with it."""
        seen.append(spec)

    SpecCommand(WiderSpec, "Data and results").add_to(app, run)
    return app


def test_it_is_in_the_help_with_its_bounds_and_its_default() -> None:
    shown = CliRunner().invoke(app_of([]), ["--help"], env={"COLUMNS": "140"}).output
    (line,) = (line for line in shown.splitlines() if "--sharpness" in line)
    assert re.search(
        r"--sharpness +SHARE \[0<=x<=1\] +How sharp the network is to look\. \[default: 0\.5\]", line
    )


def test_the_command_line_and_a_file_set_it_and_the_command_line_goes_first(tmp_path: Path) -> None:
    seen: list[WiderSpec] = []
    app, line = app_of(seen), ["data", "--out", "run", "--model", "lite0"]
    config = tmp_path / "mine.toml"
    config.write_text("network.sharpness = 0.25\n")
    for given in ([], ["--config", str(config)], ["--config", str(config), "--sharpness", "0.75"]):
        result = CliRunner().invoke(app, [*line, *given])
        assert result.exit_code == 0, result.output
    assert [spec.network.sharpness for spec in seen] == [0.5, 0.25, 0.75]
    assert CliRunner().invoke(app, [*line, "--sharpness", "2"]).exit_code == 2


def test_run_json_keeps_it_and_a_run_goes_on_with_the_same_only(folder_url: str) -> None:
    def record(sharpness: float) -> WiderRecord:
        values: dict[str, Any] = dict(vars(label_record()))
        return WiderRecord(**(values | {"spec": asked(sharpness)}))

    run = RunDirectory(folder_url, STORAGE)
    run.open(request_of(record(0.25)))
    assert read_record(WiderRecord, folder_url, STORAGE).spec.network.sharpness == 0.25
    run.open(request_of(record(0.25)))
    with pytest.raises(
        RunDirectoryError, match=r"configuration: network\.sharpness is 0\.25 there and 0\.75 here: give"
    ):
        run.open(request_of(record(0.75)))


def test_workers_are_told(ray_cluster: None, tmp_path: Path) -> None:
    import ray

    spec = replace(asked(0.25), out=str(tmp_path))
    worker: Any = ray.remote(LabelWorker).remote(WiderJob(spec, "data"), WorkerResources(0.25))
    ray.get(worker.start.remote(store(ModelRef("analytic", "analytic", Formula())), Given()))
    ray.kill(worker)
    assert (tmp_path / "seen").read_text() == "0.25"


@pytest.mark.parametrize("spec", [LabelSpec, WiderSpec])
def test_every_setting_says_what_it_is_for(spec: type[LabelSpec]) -> None:
    assert [leaf.name for leaf in leaves_of(spec) if not leaf.help and not leaf.is_hidden] == []


def test_a_setting_that_no_field_has_is_refused_by_name(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("[network]\nsharpnes = 0.25\n")
    result = CliRunner().invoke(app_of([]), ["data", "--out", "r", "--model", "m", "--config", str(config)])
    assert result.exit_code == 2
    assert "network.sharpnes is no setting of this command (did you mean network.sharpness?)" in " ".join(
        result.output.replace("│", " ").split()
    )
    assert issubclass(OptionError, Exception)
    assert label_spec("d", "r", "m").network == EngineSettings()
