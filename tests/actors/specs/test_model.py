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
    "given",
    [
        "sam:facebook/sam2",
        "bright:60",
        "bright:clone",
        "bright:~kim/x",
        "python:clone:NoBRS",
        "lite0",
        "clone",
        "s3://bucket/mine.safetensors",
    ],
)
def test_words_names_urls_and_what_is_not_there_are_no_places_of_this_machine(
    folder: Path, given: str
) -> None:
    (folder / "60").mkdir()
    assert ModelChoice(given).resolved().name == given


@pytest.mark.parametrize(
    ("given", "absolute"),
    [
        ("sam:~/sam2", "sam:/home/kim/sam2"),
        ("bright:~/x", "bright:/home/kim/x"),
        ("run://~/training", "run:///home/kim/training"),
        ("~/mine.safetensors", "/home/kim/mine.safetensors"),
        ("bright:./clone", "bright:{folder}/clone"),
        ("bright:last.pth", "bright:{folder}/last.pth"),
    ],
)
def test_paths_are_made_absolute(folder: Path, given: str, absolute: str) -> None:
    assert ModelChoice(given).resolved().name == absolute.format(folder=folder)


def test_a_training_run_on_s3_may_have_an_at_sign_in_its_path() -> None:
    choice = ModelChoice("run://s3://bucket/train@v2")
    assert choice.places == ["s3://bucket/train@v2"]
    assert choice.resolved() == choice


def test_an_option_may_be_longer_than_a_path_can_be(folder: Path) -> None:
    option = f"colours={'/red' * 2000}"
    assert ModelChoice("bright", options=(option,)).resolved().options == (option,)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("isegm:x", ("mode=NoBRS", "checkpoint=https://host/x?token=CANARY"), "--model-option checkpoint"),
        ("isegm:s3://key:CANARY@bucket/clone", (), "--model"),
        ("https://CANARY@host/m.safetensors", (), "--model"),
        ("isegm:https://CANARY@host/clone", (), "--model"),
        ("run://https://CANARY@host/training", (), "--model"),
        ("fake", ("a=https://host/x?token=CANARY", "a=2"), "--model-option a"),
        ("run://training", ("a=https://host/x?token=CANARY",), "--model-option a"),
        ("fake", ("https://CANARY@host/x",), "--model-option"),
    ],
)
def test_credentials_are_refused_and_not_repeated(name: str, options: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said} carries a password, a token or a signature") as caught:
        ModelChoice(name, options=options)
    assert "CANARY" not in str(caught.value)
