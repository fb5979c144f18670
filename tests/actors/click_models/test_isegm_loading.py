"""Loading a clone: its identity, what of its pickles is run, and what a folder or checkpoint that does not do says."""

from __future__ import annotations

import importlib
import logging
import pickle
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from actors.click_models.isegm import isegm
from mfp.click_model import SessionTurn
from mfp.clicks import Click
from mfp.errors import MfpError, ModelError
from tests.actors.click_models.authors_loop import (
    Photograph,
    assert_same,
    clicked_by_authors,
    clicked_over_the_port,
    photographs,
)
from tests.actors.click_models.stand_in_clones import (
    clone_of,
    loaded,
    without_a_trace,
    write_checkpoint,
    write_clone,
)
from tests.actors.click_models.stand_in_sources import Family

ROOT = Path(__file__).parents[3]


def test_the_identity_is_of_weights_code_and_settings_and_not_of_their_place(tmp_path: Path) -> None:
    def identity(root: Path, checkpoint: Path, **options: str) -> str:
        with without_a_trace():
            return isegm(str(root), checkpoint=str(checkpoint), **options).traits.identity

    root, checkpoint = clone_of(Family.RITM, tmp_path)
    elsewhere = Path(shutil.copytree(root, tmp_path / "elsewhere"))
    moved = Path(shutil.copy(checkpoint, tmp_path / "moved.pth"))
    (elsewhere / "README.md").write_text("of no effect")
    first = identity(root, checkpoint)
    assert identity(elsewhere, moved) == first
    others = [
        identity(root, write_checkpoint(root, Family.RITM, tmp_path / "other.pth", seeds=(1,))),
        identity(root, checkpoint, zoom="300"),
        identity(root, checkpoint, flip="off"),
        identity(root, checkpoint, threshold="0.5"),
        identity(root, checkpoint, image="normalised", mean="0.5,0.5,0.5"),
    ]
    (elsewhere / "isegm" / "model" / "later.py").write_text("")
    others.append(identity(elsewhere, checkpoint))
    assert len({first, *others}) == len(others) + 1


def test_only_missing_numpy_names_are_set_and_the_log_says_which(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    numpy_bool = np.bool
    assert "int" not in vars(np)
    with caplog.at_level(logging.INFO):
        loaded(Family.RITM, tmp_path)
    assert np.bool is numpy_bool
    assert vars(np)["int"] is int
    assert vars(np)["float"] is float
    (line,) = [record.message for record in caplog.records if "NumPy" in record.message]
    assert line.startswith("set for old code, since this NumPy lacks them: np.int, np.float, ")


def test_only_the_checkpoint_is_unpickled_and_only_while_it_is_loaded(tmp_path: Path) -> None:
    root, checkpoint = clone_of(Family.RITM, tmp_path)
    safe_load = torch.load
    isegm(str(root), checkpoint=str(checkpoint))
    assert torch.load is safe_load
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        torch.load(checkpoint)


def test_another_pickle_that_the_clone_reads_meanwhile_is_not_run(tmp_path: Path) -> None:
    root, checkpoint = clone_of(Family.RITM, tmp_path)
    other = Path(shutil.copy(checkpoint, tmp_path / "other.pth"))
    safe_load = torch.load
    utils = root / "isegm" / "inference" / "utils.py"
    utils.write_text(
        utils.read_text().replace(
            "def single(content, device):",
            f"""def single(content, device):
    torch.load({str(other)!r})""",
        )
    )
    assert "Weights only load failed" in refusal(root, checkpoint=str(checkpoint))
    assert torch.load is safe_load


def test_tensors_that_do_not_fit_are_counted_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root, checkpoint = clone_of(Family.FBRS, tmp_path)
    state = torch.load(checkpoint, weights_only=True)
    state["old.weight"] = state.pop("head.weight")
    state["old.bias"] = torch.zeros(1)
    torch.save(state, checkpoint)
    with caplog.at_level(logging.INFO):
        isegm(str(root), checkpoint=str(checkpoint), image="normalised")
    (record,) = [record for record in caplog.records if "tensors" in record.message]
    assert record.levelno == logging.WARNING
    assert record.message == (
        "checkpoint last.pth: 4 tensors loaded, 2 unknown (old.bias, old.weight), 1 missing (head.weight)"
    )


def test_tensors_that_all_fit_are_counted_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        loaded(Family.RITM, tmp_path)
    (record,) = [record for record in caplog.records if "tensors" in record.message]
    assert (record.levelno, record.message) == (
        logging.INFO,
        "checkpoint last.pth: 5 tensors loaded, 0 unknown, 0 missing",
    )


def refusal(root: Path, **options: str) -> str:
    with pytest.raises(MfpError) as raised:
        isegm(str(root), **options)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_a_process_holds_one_clone(tmp_path: Path) -> None:
    root, checkpoint = clone_of(Family.RITM, tmp_path)
    other = write_clone(tmp_path / "second", Family.RITM)
    first = isegm(str(root), checkpoint=str(checkpoint))
    assert refusal(other, checkpoint=str(checkpoint)) == (
        f"{other}: this process has loaded isegm from {root}, and a process can hold one clone; "
        "start another run for this one"
    )
    again = isegm(str(root / "isegm" / ".."), checkpoint=str(checkpoint), zoom="300")
    assert again.traits.identity != first.traits.identity


def test_an_installed_package_of_the_same_name_is_refused_before_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, checkpoint = clone_of(Family.RITM, tmp_path)
    installed = tmp_path / "installed"
    (installed / "isegm").mkdir(parents=True)
    (installed / "isegm" / "__init__.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(str(installed))
    assert f"Python finds another package isegm in {installed} first" in refusal(
        root, checkpoint=str(checkpoint)
    )


def test_a_folder_that_is_no_clone(tmp_path: Path) -> None:
    message = refusal(tmp_path, checkpoint="last.pth")
    assert message == (
        f"{tmp_path}: there is no folder isegm in it; name the root of a clone of the isegm family"
    )
    (tmp_path / "isegm").mkdir()
    assert "it has no module isegm.inference; name the root of a clone" in refusal(
        tmp_path, checkpoint="last.pth"
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import easydict_of_old", "it needs the package easydict_of_old; pip install easydict_of_old"),
        (
            "raise ModuleNotFoundError(\"No module named 'easydict'\", name='easydict')",
            "it needs the package easydict; pip install 'mfp-pipeline[isegm]'",
        ),
        (
            "raise ModuleNotFoundError('No module named cv2', name='cv2')",
            "it needs the package cv2; pip install opencv-python-headless",
        ),
        (
            "raise ModuleNotFoundError('No module named mmcv', name='mmcv.cnn')",
            "it needs the package mmcv; install the version that the clone's README names",
        ),
        (
            "from torch import no_such_name",
            "ImportError: cannot import name 'no_such_name' from 'torch'",
        ),
        (
            "raise AttributeError('two\\nlines')",
            "AttributeError: two lines; see whether the clone's own scripts run",
        ),
    ],
)
def test_an_import_that_fails(line: str, told: str, tmp_path: Path) -> None:
    root, checkpoint = clone_of(Family.RITM, tmp_path)
    predictors = root / "isegm" / "inference" / "predictors" / "__init__.py"
    predictors.write_text(f"{line}\n{predictors.read_text()}")
    message = refusal(root, checkpoint=str(checkpoint))
    assert message.startswith(f"{root}: the package isegm cannot be imported: ")
    assert told in message


def test_a_package_that_only_the_network_needs(tmp_path: Path) -> None:
    root, checkpoint = clone_of(Family.RITM, tmp_path)
    net = root / "isegm" / "model" / "net.py"
    net.write_text(f"import mmcv\n{net.read_text()}")
    message = refusal(root, checkpoint=str(checkpoint))
    assert message == (
        f"checkpoint {checkpoint}: {root} cannot load it: it needs the package mmcv; "
        "install the version that the clone's README names"
    )


def test_a_checkpoint_that_is_not_there(tmp_path: Path) -> None:
    root, _ = clone_of(Family.RITM, tmp_path)
    assert (
        refusal(root, checkpoint="gone.pth") == "checkpoint gone.pth: there is no such file; correct the path"
    )


def test_a_checkpoint_that_the_clone_cannot_read(tmp_path: Path) -> None:
    root, checkpoint = clone_of(Family.RITM, tmp_path)
    checkpoint.write_bytes(b"no checkpoint at all")
    assert f"checkpoint {checkpoint}: {root} cannot load it: " in refusal(root, checkpoint=str(checkpoint))


def test_a_checkpoint_of_another_network(tmp_path: Path) -> None:
    root, checkpoint = clone_of(Family.FBRS, tmp_path)
    torch.save({"a": torch.zeros(1), "b": torch.zeros(1)}, checkpoint)
    message = refusal(root, checkpoint=str(checkpoint), image="normalised")
    assert message == (
        f"checkpoint {checkpoint}: the network has none of its 2 tensors; "
        "name a checkpoint that was trained with this clone"
    )


@pytest.mark.parametrize(
    ("family", "mode"),
    [(Family.RITM, "FocalClick"), (Family.FBRS, "f-BRS-D"), (Family.CLICKSEG, "EMC-Click")],
)
def test_a_mode_that_the_clone_does_not_know(family: Family, mode: str, tmp_path: Path) -> None:
    root, checkpoint = clone_of(family, tmp_path)
    message = refusal(root, checkpoint=str(checkpoint), mode=mode)
    assert message.startswith(f"isegm option mode={mode}: {root} makes no predictor of it with zoom=")
    assert "give the mode its README names for the checkpoint (the family has NoBRS, f-BRS-A, " in message


def test_a_zoom_that_the_mode_cannot_do_without(tmp_path: Path) -> None:
    root, checkpoint = clone_of(Family.EMC, tmp_path)
    message = refusal(root, checkpoint=str(checkpoint), mode="EMC-Click", zoom="off")
    assert "mode=EMC-Click" in message
    assert "zoom=off (TypeError: " in message


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"infer_size": "256"}, "isegm option infer_size: "),
        ({"focus_crop_r": "1.4"}, "isegm option focus_crop_r: "),
        ({"eval_ritm": "on"}, "isegm option eval_ritm=on: "),
    ],
)
def test_an_option_that_the_clone_does_not_have(options: dict[str, str], told: str, tmp_path: Path) -> None:
    root, checkpoint = clone_of(Family.RITM, tmp_path)
    message = refusal(root, checkpoint=str(checkpoint), **options)
    assert message.startswith(told)
    assert message.endswith("leave it out")


def test_a_convolutional_network_of_a_clone_with_transformers(tmp_path: Path) -> None:
    root = write_clone(tmp_path / "clone", Family.SIMPLECLICK)
    checkpoint = write_checkpoint(root, Family.RITM, tmp_path / "convolutional.pth")
    model = isegm(str(root), checkpoint=str(checkpoint), eval_ritm="on", zoom="48")
    ours = clicked_over_the_port(model, photographs())
    theirs = clicked_by_authors(
        root,
        checkpoint,
        photographs(),
        "NoBRS",
        load_words={"eval_ritm": True},
        zoom_in_params={"target_size": 48},
    )
    assert_same(ours, theirs)


def test_a_map_of_the_wrong_size_is_told(tmp_path: Path) -> None:
    model = loaded(Family.RITM, tmp_path, zoom="48")
    photo: Photograph = photographs()[0]
    with pytest.raises(ModelError, match=r"a map of \(60, 80\) for an image of \(60, 70\) pixels"):
        model.predict(
            [SessionTurn(model.begin(photo.image[:, :70], model.prepare(photo.image)), [Click(20, 50, True)])]
        )


def test_the_entry_point_names_the_factory() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, name = project["entry-points"]["mfp.click_models"]["isegm"].partition(":")
    assert getattr(importlib.import_module(module), name) is isegm
