"""A click model that comes in a wheel of its own: from `mfp models` to masks, and back through `mfp verify`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from infra.storage.files import Storage
from pipelines import open_run
from pipelines.run import Run
from tests.actors.click_models.toy_wheel import install_toy
from tests.actors.shapes import write_shapes
from tests.pipelines.commands.replaced_jobs import mfp

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("toy wheel")]

ROOT = Path(__file__).parents[3]
MFP = "from pipelines.__main__ import main; main()"
NUM_SAMPLES = 4
HOW = ("--workers", "1", "--zoom-size", "64", "--max-clicks", "3")


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Verifying sets the number of threads that the run had."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Labelled:
    """A finished run of the toy.

    Attributes:
        site: the folder that the toy is installed in.
        line: the command without `--out` and `--trust-model-code`.
        out: the run directory.
    """

    site: Path
    line: tuple[str, ...]
    out: str

    @property
    def run(self) -> Run:
        return open_run(self.out)

    @property
    def identity(self) -> str:
        (identity,) = set(self.run.masks(["model_id"])["model_id"].to_pylist())
        return str(identity)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    """Shapes, labelled by the toy on a local Ray whose workers find it on the PYTHONPATH of the driver."""
    folder = tmp_path_factory.mktemp("toy")
    site, data = install_toy(folder), str(folder / "data")
    write_shapes(data, Storage(), num_samples=NUM_SAMPLES, samples_per_shard=2)
    line = ("label", data, "--model", "toy", *HOW)
    made = Labelled(site, line, str(folder / "run"))
    done = in_a_process([*line, "--out", made.out, "--trust-model-code"], search_path=f"{site}:{ROOT}")
    assert done.returncode == 0, done.stderr
    return made


def in_a_process(
    line: Sequence[str], *, search_path: str, code: str = MFP
) -> subprocess.CompletedProcess[str]:
    """Run `mfp` with this PYTHONPATH, which its local Ray inherits."""
    return subprocess.run(
        [sys.executable, "-c", code, *line],
        env=os.environ | {"PYTHONPATH": search_path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def installed(labelled: Labelled, monkeypatch: pytest.MonkeyPatch) -> Labelled:
    """The run, with its toy in this process too."""
    bring(labelled.site, monkeypatch)
    return labelled


def bring(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a toy onto the import path of this process, in place of one that it has imported."""
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "toy_clicks", raising=False)


def test_every_object_has_a_mask_and_all_rows_carry_one_identity(labelled: Labelled) -> None:
    masks, clicks = labelled.run.masks(), labelled.run.clicks()
    assert labelled.run.is_finished
    assert len(set(masks["sample_key"].to_pylist())) == NUM_SAMPLES
    assert min(masks["area"].to_pylist()) > 0
    assert set(clicks["model_id"].to_pylist()) == {labelled.identity}
    assert clicks.num_rows >= masks.num_rows
    assert labelled.run.errors().num_rows == 0


def test_the_list_of_models_has_it_with_its_package(installed: Labelled) -> None:
    models = json.loads(mfp("models", "--json").stdout)["models"]
    (listed,) = (model for model in models if model["name"] == "toy")
    assert listed["architecture"] == "toy-clicks 1.0"


def test_it_keeps_what_a_click_model_promises_under_the_identity_of_the_rows(installed: Labelled) -> None:
    result = mfp("check-model", "toy", "--trust-model-code", "--json")
    assert result.exit_code == 0, result.output
    checked = json.loads(result.stdout)
    assert checked["identity"] == installed.identity
    assert checked["holds"]


def test_code_that_nobody_trusts_is_refused_in_one_line(installed: Labelled, tmp_path: Path) -> None:
    result = mfp(*installed.line, "--out", str(tmp_path / "run"))
    assert result.exit_code == 1
    assert result.stderr == (
        "mfp: --model toy runs the code of toy-clicks in this process and on every worker, where it can do anything: "
        "give --trust-model-code if you trust it\n"
    )
    assert not (tmp_path / "run").exists()


def test_a_worker_without_the_package_ends_the_run_in_one_line(labelled: Labelled, tmp_path: Path) -> None:
    line = [*labelled.line, "--out", str(tmp_path / "run"), "--trust-model-code"]
    driver_alone = f"import sys; sys.path.insert(0, {str(labelled.site)!r}); {MFP}"
    done = in_a_process(line, search_path=str(ROOT), code=driver_alone)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "mfp: the click model toy_clicks:toy is of no package here and toy-clicks 1.0 where the run was begun: install "
        "the same one on every node, in its image or its runtime environment"
    )
    assert "Traceback" not in done.stderr


def test_a_run_does_not_go_on_with_another_option(installed: Labelled) -> None:
    option = ("--model-option", "sharpness=9")
    result = mfp(*installed.line, "--out", installed.out, "--trust-model-code", *option)
    assert result.exit_code == 1
    assert 'model.options is [] there and ["sharpness=9"] here' in result.stderr
    assert "model.model_id is " in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_run_does_not_go_on_with_another_version(
    labelled: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(install_toy(tmp_path, "2.0"), monkeypatch)
    result = mfp(*labelled.line, "--out", labelled.out, "--trust-model-code")
    assert result.exit_code == 1
    assert f"model.model_id is {labelled.identity} there and " in result.stderr.replace('"', "")
    assert "model.options" not in result.stderr
    assert result.stderr.count("\n") == 1


def test_verify_runs_no_code_that_was_not_trusted_again(installed: Labelled) -> None:
    result = mfp("verify", installed.out, "--sample", "1")
    assert result.exit_code == 1
    assert "labelling again: not possible: --model toy runs the code of toy-clicks" in result.stdout
    assert "give --trust-model-code if you trust it" in result.stdout


def test_verify_finds_every_object_the_same_again(installed: Labelled) -> None:
    result = mfp("verify", installed.out, "--sample", "1", "--trust-model-code", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["redone"] == found["redone_with_same_clicks"] == found["objects"] > 0
    assert found["largest_pixel_share"] == 0
