"""`mfp convert`: one file in, one model file out, everything said in lines."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import timm
from typer.testing import CliRunner, Result

from actors.specs.model import ModelChoice
from infra.storage.files import Storage
from mfp.model_file import model_from_bytes, read_header
from pipelines.cli import app
from pipelines.errors import OptionError
from pipelines.inputs.model_source import find_model
from pipelines.jobs.convert import run_convert
from tests.released_files import PARAMS, released_content, saved, with_loss


def mfp(*args: str) -> Result:
    return CliRunner().invoke(app, list(args))


def released_vit() -> bytes:
    return with_loss(released_content("vit_tiny", {**PARAMS, "num_heads": 3}))


def test_a_released_checkpoint_is_converted_and_described(tmp_path: Path) -> None:
    source, out = tmp_path / "mfp_vit.pth", tmp_path / "models" / "vit.safetensors"
    source.write_bytes(released_vit())
    result = mfp("convert", str(source), str(out))
    assert result.exit_code == 0, result.output
    model = find_model(ModelChoice(str(out)), Storage())
    counts, settings, licence, written = result.stdout.splitlines()
    assert counts == (
        "MFP ViT (width 48, depth 4): 149 tensors loaded, 21 unused ones left out, 0 missing, 0 unexpected"
    )
    assert settings == (
        "vit at 224 pixels, disk radius 5, modulation release with N 7, R_max 100, late fusion, threshold 0.5"
    )
    assert licence.startswith("note: these weights descend from MAE weights")
    assert written == f"{out} (model {model.identity})"
    facts = read_header(out.read_bytes())["facts"]
    assert facts["source"] == "mfp_vit.pth"
    assert len(facts["source_sha256"]) == 64


def test_source_and_output_may_be_urls() -> None:
    storage = Storage()
    storage.write_bytes("memory://convert/resnet34.pth", saved(timm.create_model("resnet34").state_dict()))
    out = "memory://convert/start.safetensors"
    converted = run_convert("memory://convert/resnet34.pth", out, storage)
    assert model_from_bytes(storage.read_bytes(out)).model_id == converted.model_id
    assert "no late fusion" not in "\n".join(converted.lines())


class Command:
    def __init__(self, command: str) -> None:
        self._command = command

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (self._command,)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_hostile_checkpoint_is_refused_in_one_line_and_nothing_is_run(tmp_path: Path, legacy: bool) -> None:
    content = released_content("vit_tiny", {**PARAMS, "num_heads": 3})
    content["loss"] = [{"deep": (Command(f"touch {tmp_path}/ran"),)}]
    (tmp_path / "evil.pth").write_bytes(saved(content, legacy=legacy))
    result = mfp("convert", str(tmp_path / "evil.pth"), str(tmp_path / "out.safetensors"))
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "evil.pth: checkpoint names" in line
    assert "system" in line
    assert "refused" in line
    assert [path.name for path in tmp_path.iterdir()] == ["evil.pth"]


def test_an_output_that_no_command_would_read_is_refused_before_the_source_is_opened() -> None:
    with pytest.raises(OptionError, match=r"ends in \.safetensors"):
        run_convert("nowhere.pth", "out.pth", Storage())


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = mfp("convert", str(tmp_path / "nowhere.pth"), str(tmp_path / "out.safetensors"))
    assert result.exit_code == 1
    assert "nowhere.pth" in result.stderr
    assert len(result.stderr.splitlines()) == 1
