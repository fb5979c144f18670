"""Which clicks a run makes: each value means one thing, and `auto` is gone once a specification is resolved."""

from __future__ import annotations

import re
from typing import Any

import pytest

from actors.errors import SpecError
from actors.labelling.job import limits_of
from actors.specs.checked import checked
from actors.specs.clicks import BoxCentre, Clicks, Logged, Simulated, logged
from actors.specs.evaluate import EvaluateSpec, Protocol
from actors.specs.label import LabelSpec
from actors.specs.model import ModelChoice
from mfp.evaluation_protocol import MAX_CLICKS, TARGET_IOU
from mfp.session import SessionLimits


@pytest.mark.parametrize("url", ["clicks.jsonl", "s3://bucket/run", "logged:odd", "simulated"])
def test_a_log_is_named_behind_its_prefix(url: str) -> None:
    assert Clicks(logged(url)).origin == Logged(url)


def test_without_a_source_clicks_are_simulated() -> None:
    assert Clicks().origin == Simulated()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "clicks.jsonl",
            "clicks 'clicks.jsonl' are neither 'simulated', simulated:USER, logged:URL nor 'box-centre'",
        ),
        ("", "clicks '' are neither"),
        ("Simulated", "clicks 'Simulated' are neither"),
        ("logged:", "'logged:' names no click log after 'logged:'"),
    ],
)
def test_any_other_source_is_refused_at_once(source: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Clicks(source)


@pytest.mark.parametrize(
    ("source", "user", "resolved"),
    [
        ("simulated:protocol", "protocol", "simulated"),
        ("simulated:boundary?pixels=3", "boundary", "simulated:boundary"),
        ("simulated:jitter?pixels=5.0", "jitter?pixels=5", "simulated:jitter?pixels=5"),
        ("simulated:lazy?iou=0.8", "lazy?iou=0.8", "simulated:lazy?iou=0.8"),
    ],
)
def test_a_simulated_user_is_known_by_its_shortest_name(source: str, user: str, resolved: str) -> None:
    assert Clicks(source).origin == Simulated(user)
    assert Clicks(source).resolved() == Clicks(resolved, MAX_CLICKS, TARGET_IOU)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("simulated:", "names no simulated user after 'simulated:'"),
        ("simulated:careful", "no simulated user is called 'careful'; give one of protocol, uniform"),
        ("simulated:jitter", "jitter"),
        ("simulated:lazy?iou=2", "iou"),
        ("simulated:uniform?p=1", "p"),
    ],
)
def test_an_unknown_user_or_option_is_refused_in_one_line(source: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as raised:
        Clicks(source)
    assert "\n" not in str(raised.value)


def test_clicks_in_boxes_are_all_of_them() -> None:
    assert Clicks("box-centre").origin == BoxCentre()
    assert Clicks("box-centre").resolved() == Clicks("box-centre", "all", "none")


@pytest.mark.parametrize(
    ("clicks", "resolved"),
    [
        (Clicks(), Clicks("simulated", MAX_CLICKS, TARGET_IOU)),
        (Clicks("logged:/a"), Clicks("logged:/a", "all", "none")),
        (Clicks("logged:/a", 3, 0.5), Clicks("logged:/a", 3, 0.5)),
        (Clicks(max_clicks=3, target_iou="none"), Clicks("simulated", 3, "none")),
        (Clicks("logged:/a", target_iou=0.9), Clicks("logged:/a", "all", 0.9)),
    ],
)
def test_auto_stands_for_the_protocol_or_for_the_whole_log(clicks: Clicks, resolved: Clicks) -> None:
    assert clicks.resolved() == resolved
    assert resolved.resolved() == resolved


def test_all_clicks_need_a_log() -> None:
    with pytest.raises(
        ValueError, match="max_clicks 'all' is for click logs: simulated clicks need a number"
    ):
        Clicks(max_clicks="all")


@pytest.mark.parametrize(
    ("clicks", "limits"),
    [
        (Clicks(), SessionLimits(max_clicks=MAX_CLICKS, target_iou=TARGET_IOU)),
        (Clicks("logged:/a"), SessionLimits(max_clicks=None, target_iou=None)),
        (Clicks(max_clicks=1, target_iou=0.0), SessionLimits(max_clicks=1, target_iou=0.0)),
    ],
)
def test_sessions_end_where_the_clicks_say(clicks: Clicks, limits: SessionLimits) -> None:
    assert limits_of(clicks.resolved()) == limits


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_clicks": 0},
        {"max_clicks": "none"},
        {"target_iou": 1.5},
        {"target_iou": "all"},
    ],
)
def test_values_that_python_lets_pass_are_refused_by_name(wrong: dict[str, Any]) -> None:
    spec = LabelSpec(dataset="d", out="r", model=ModelChoice("lite0"), clicks=Clicks(**wrong))
    (name,) = wrong
    with pytest.raises(SpecError, match=rf"^LabelSpec cannot be used: clicks\.{name}: should be "):
        checked(LabelSpec, spec)


def test_a_log_is_found_from_any_working_directory() -> None:
    spec = LabelSpec(
        dataset="d", out="r", model=ModelChoice("lite0"), clicks=Clicks("logged:a.jsonl")
    ).resolved()
    origin = spec.clicks.origin
    assert isinstance(origin, Logged)
    assert origin.url.startswith("/")
    assert origin.url.endswith("/a.jsonl")


@pytest.mark.parametrize(("full_curve", "target"), [(False, TARGET_IOU), (True, "none")])
def test_an_evaluation_is_a_labelling_run_with_the_clicks_of_the_protocol(
    full_curve: bool, target: float | str
) -> None:
    protocol = Protocol(max_clicks=7, full_curve=full_curve)
    evaluation = EvaluateSpec(dataset="d", out="r", model=ModelChoice("lite0"), clicks=protocol)
    assert evaluation.labelling().clicks == Clicks("simulated", 7, target)  # type: ignore[arg-type]
