"""The benchmark of a GPU runs from end to end, here on a CPU: figures are there, and the tables hold them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gpu.bench.__main__ import main


def test_every_figure_is_measured_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = (
        "--objects",
        "1",
        "--seconds",
        "0.01",
        "--batch-sizes",
        "1,2",
        "--precisions",
        "fp32",
        "--zoom-size",
        "64",
    )
    assert main(["--device", "cpu", "--models", "lite0", *size, "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "bench-gpu.json").read_text())
    assert [cell["batch_size"] for cell in found["cells"]] == [1, 2]
    for cell in found["cells"]:
        assert cell["clicks_per_second"] > 0
        assert cell["share_of_bare"] == pytest.approx(cell["clicks_per_second"] / cell["bare_per_second"])
    assert found["loops"][0]["clicks_per_second"] > 0
    assert found["waits"] == {"lite0": None}
    assert "aten::" in found["profiles"]["lite0"]
    assert found["failures"] == []
    table = (tmp_path / "bench-gpu.md").read_text()
    assert f"| fp32 | 2 | {found['cells'][1]['clicks_per_second']:.1f} |" in table
    assert table in capsys.readouterr().out


def test_a_network_that_fails_leaves_the_others_their_figures(tmp_path: Path) -> None:
    size = (
        "--objects",
        "1",
        "--seconds",
        "0.01",
        "--batch-sizes",
        "1",
        "--precisions",
        "fp32",
        "--zoom-size",
        "72",
    )
    assert main(["--device", "cpu", "--models", "vit_tiny,lite0", *size, "--out", str(tmp_path)]) == 1
    found = json.loads((tmp_path / "bench-gpu.json").read_text())
    assert [cell["model"] for cell in found["cells"]] == ["lite0"]
    assert {failure["model"] for failure in found["failures"]} == {"vit_tiny"}
    assert "crop of 72x72 pixels" in found["failures"][0]["error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--precisions", "fp64"], "--precisions: fp64: choose from"),
        (["--device", "cuda"], "no CUDA GPU on this machine"),
    ],
)
def test_what_cannot_be_measured_is_said(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit):
        main(arguments)
    assert message in capsys.readouterr().err
