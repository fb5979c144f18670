"""What a person gives as a model, and what of it is a place."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.specs.model import ModelChoice


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a clone with weights, and a folder that is called like a word."""
    (tmp_path / "clone").mkdir()
    (tmp_path / "NoBRS").mkdir()
    (tmp_path / "last.pth").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/kim")
    return tmp_path


def test_places_behind_a_plug_ins_name_and_in_its_options_are_absolute(folder: Path) -> None:
    choice = ModelChoice("isegm:clone", options=("checkpoint=last.pth", "mode=NoBRS", "zoom=0.5"))
    assert choice.places == ["clone"]
    assert choice.places_of_options == ["last.pth"]
    assert choice.resolved() == ModelChoice(
        f"isegm:{folder}/clone", options=(f"checkpoint={folder}/last.pth", "mode=NoBRS", "zoom=0.5")
    )
    assert choice.resolved().resolved() == choice.resolved()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("sam:facebook/sam2", "sam:facebook/sam2"),
        ("sam:~/sam2", "sam:/home/kim/sam2"),
        ("bright:60", "bright:60"),
        ("python:clone:NoBRS", "python:clone:NoBRS"),
        ("lite0", "lite0"),
        ("clone", "clone"),
        ("run://~/training", "run:///home/kim/training"),
        ("~/mine.safetensors", "/home/kim/mine.safetensors"),
        ("s3://bucket/mine.safetensors", "s3://bucket/mine.safetensors"),
    ],
)
def test_what_names_nothing_that_is_there_is_no_place(folder: Path, given: str, kept: str) -> None:
    assert ModelChoice(given).resolved().name == kept


def test_an_option_may_be_longer_than_a_path_can_be(folder: Path) -> None:
    option = f"colours={'/red' * 2000}"
    assert ModelChoice("bright", options=(option,)).resolved().options == (option,)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("isegm:x", ("mode=NoBRS", "checkpoint=https://host/x?token=CANARY"), "--model-option checkpoint"),
        ("isegm:s3://key:CANARY@bucket/clone", (), "--model"),
        ("https://CANARY@host/m.safetensors", (), "--model"),
    ],
)
def test_credentials_are_refused_and_not_repeated(name: str, options: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said} carries a password, a token or a signature") as caught:
        ModelChoice(name, options=options)
    assert "CANARY" not in str(caught.value)
