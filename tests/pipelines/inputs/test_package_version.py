"""A package's version is found by its own name, and by that of another distribution that holds it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from pipelines.inputs.package_version import version_of


def test_the_version_is_that_of_the_distribution_of_this_name() -> None:
    assert version_of("torch") == version("torch")


def test_a_package_of_another_distribution_has_its_name_and_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "runner_gpu-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: runner-gpu\nVersion: 1.2\n")
    (about / "top_level.txt").write_text("runner\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert version_of("runner") == "runner-gpu 1.2"


def test_a_package_that_is_not_here_has_none() -> None:
    assert version_of("no_such_package") == ""
