"""The check that authors of plug-ins run: honest models pass, each bad one is found out by the promise it breaks."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
import torch

from mfp.click_model import ClickModel, CropBatch
from mfp.errors import ClickModelError
from mfp.model_check import Promise, check_model
from mfp.models.analytic import AnalyticClickModel
from mfp.process_state import ProcessState
from tests.mfp.bad_models import BAD_MODELS, Changed, WithTraits
from tests.mfp.click_models import CorrectingModel, GrowingModel, PickyModel, PreparingModel
from tests.mfp.network_factories import SMALL_CONFIGS, create_network
from tests.mfp.session_factories import TinyNetwork

HONEST: dict[str, Callable[[], ClickModel]] = {
    "analytic": AnalyticClickModel,
    "tiny": TinyNetwork,
    "lite0": lambda: create_network(SMALL_CONFIGS["lite0"]),
    "vit": lambda: create_network(SMALL_CONFIGS["vit"]),
    "preparing": PreparingModel,
    "session": GrowingModel,
    "correcting": CorrectingModel,
    "sessions": lambda: GrowingModel(max_sessions=2, reuses_array=True),
}
_ANSWERED_FIRST = {Promise.FORM, Promise.VALUES}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_model_keeps_every_promise(name: str) -> None:
    model = HONEST[name]()
    check = check_model(model)
    assert check.broken == ()
    assert check.holds
    assert [one.name for one in check.promises] == list(Promise)
    assert check.model == model.traits.name
    assert 0 < check.seconds_per_click < 10


@pytest.mark.parametrize("name", BAD_MODELS)
def test_a_bad_model_is_found_out_by_the_promise_it_breaks(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])  # the check tells of it, and leaves it as it is
    create, promise = BAD_MODELS[name]
    process = ProcessState.now()
    check = check_model(create())
    assert set(process.changes()) <= {"sys.path"}, "the check mends what the model did to the process"
    broken = {one.name: one.detail for one in check.broken}
    assert promise in broken
    assert all(broken.values())
    assert not any("\n" in detail for detail in broken.values())
    if promise not in _ANSWERED_FIRST:
        assert not _ANSWERED_FIRST & set(broken)
    if promise in {Promise.TRAITS, Promise.ONE_PIXEL, Promise.GLOBAL_STATE, Promise.INPUTS}:
        assert set(broken) == {promise}
    if promise is Promise.UNIFORM:
        assert set(broken) <= {promise, Promise.ONE_PIXEL}, "one pixel is of one colour too"


def test_a_session_model_may_refuse_the_image_of_one_pixel_and_no_other() -> None:
    found = {one.name: one for one in check_model(PickyModel(range(2, 10_000))).promises}
    assert all(one.holds for one in found.values())
    assert found[Promise.ONE_PIXEL].detail == "refused: 1 pixels wide: must be 2 to 9999"
    found = {one.name: one for one in check_model(PickyModel(range(1, 2))).promises}
    assert not found[Promise.FORM].holds
    assert "pixels wide: must be 1 to 1" in found[Promise.FORM].detail


def test_details_say_what_was_seen() -> None:
    def detail(name: str) -> str:
        create, promise = BAD_MODELS[name]
        return next(one.detail for one in check_model(create()).promises if one.name is promise)

    assert detail("no identity") == "identity ' ': must be a text that is not empty"
    assert "(2, 448, 448) float32: must be (2, 1, 448, 448)" in detail("logits without their channel")
    assert detail("default dtype") == "changed: torch's default dtype in predict"
    assert detail("image of the caller") == "changed: image in begin"
    assert detail("position in the batch").startswith("probabilities differ by up to ")
    assert detail("an error").startswith("RuntimeError: ")


def test_without_usable_answers_the_rest_is_not_called_kept() -> None:
    create, _ = BAD_MODELS["NaN"]
    found = {one.name: one for one in check_model(create()).promises}
    assert found[Promise.FORM].holds
    assert not found[Promise.NEIGHBOURS].holds
    assert found[Promise.NEIGHBOURS].detail.startswith("not tried")


def test_a_model_that_says_it_is_not_deterministic_is_not_held_against_it() -> None:
    class Random(WithTraits):
        def predict(self, batch: CropBatch) -> torch.Tensor:
            noise = torch.randn(1, generator=generator)
            return super().predict(batch) + noise

    generator = torch.Generator().manual_seed(0)
    check = check_model(Random(is_deterministic=False))
    assert check.holds
    detail = next(one.detail for one in check.promises if one.name is Promise.SAME_AGAIN)
    assert detail == "not asked: the model says that it is not deterministic"
    assert not check_model(Random()).holds


def test_what_is_no_click_model_is_refused() -> None:
    with pytest.raises(ClickModelError, match="int has the members neither"):
        check_model(1)  # type: ignore[arg-type]


def test_the_bad_models_are_honest_without_their_fault() -> None:
    assert check_model(Changed(lambda logits, _: logits)).holds
    assert check_model(WithTraits()).holds
