from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfp.users.boundary_user import BoundaryUser
from mfp.users.jitter_user import JitterUser
from mfp.users.lazy_user import LazyUser
from mfp.users.options import REQUIRED, options_of
from mfp.users.protocol_user import ProtocolUser
from mfp.users.registry import KINDS, parse, user
from mfp.users.wrong_label_user import WrongLabelUser


def test_the_kinds_are_those_that_a_person_may_name() -> None:
    assert list(KINDS) == [
        "protocol",
        "uniform",
        "distance-weighted",
        "boundary",
        "jitter",
        "wrong-label",
        "lazy",
    ]


@pytest.mark.parametrize(
    ("text", "expected", "name"),
    [
        ("protocol", ProtocolUser(), "protocol"),
        ("jitter?pixels=5", JitterUser(pixels=5), "jitter?pixels=5"),
        ("jitter?share=0.10&pixels=0", JitterUser(share=0.1), "jitter?share=0.1"),
        ("boundary?pixels=3.0", BoundaryUser(), "boundary"),
        ("boundary?pixels=1e1", BoundaryUser(pixels=10), "boundary?pixels=10"),
        ("lazy?iou=.9", LazyUser(iou=0.9), "lazy?iou=0.9"),
        ("wrong-label?p=1", WrongLabelUser(p=1), "wrong-label?p=1"),
    ],
)
def test_a_user_is_written_in_one_way_however_it_was_given(text: str, expected: object, name: str) -> None:
    read = parse(text)
    assert read == expected
    assert read.name == name
    assert parse(name) == read


@given(st.floats(0, 1))
def test_every_number_is_read_back_as_it_was(p: float) -> None:
    assert parse(WrongLabelUser(p=p).name) == WrongLabelUser(p=p)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "jiter",
            "no simulated user is called 'jiter'; give one of protocol, uniform, distance-weighted, boundary, jitter, "
            "wrong-label, lazy",
        ),
        ("", "no simulated user is called ''; give one of protocol, "),
        ("boundary?", "simulated user 'boundary?': '' is not written as option=value"),
        ("boundary?pixels", "simulated user 'boundary?pixels': 'pixels' is not written as option=value"),
        ("lazy?=1", "simulated user 'lazy?=1': '=1' is not written as option=value"),
        ("lazy?iou=1&iou=1", "simulated user 'lazy?iou=1&iou=1': iou is given twice; give it once"),
        ("lazy", "simulated user 'lazy': it needs iou; give a number, 0<=iou<=1"),
        ("lazy?iou=2", "simulated user 'lazy': iou 2: must be 0<=iou<=1"),
        ("lazy?iou=nan", "simulated user 'lazy': iou nan: must be 0<=iou<=1"),
        ("wrong-label?p=-0.5", "simulated user 'wrong-label': p -0.5: must be 0<=p<=1"),
        ("wrong-label?p=often", "simulated user 'wrong-label': p 'often': must be a number, 0<=p<=1"),
        ("protocol?p=1", "simulated user 'protocol': 'p' is no option of it; it has none"),
        ("jitter?p=1", "simulated user 'jitter': 'p' is no option of it; it knows pixels, share"),
        ("jitter", "simulated user 'jitter': pixels 0 and share 0: exactly one must be more than 0"),
        (
            "jitter?pixels=5&share=0.1",
            "simulated user 'jitter': pixels 5 and share 0.1: exactly one must be more than 0",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}") as raised:
        parse(text)
    assert "\n" not in str(raised.value)


def test_a_user_made_in_python_has_the_same_bounds() -> None:
    with pytest.raises(ValueError, match="p 2: must be 0<=p<=1"):
        WrongLabelUser(p=2)
    with pytest.raises(ValueError, match="pixels -1: must be 0<=pixels<=10000"):
        JitterUser(pixels=-1)


def test_options_say_what_they_are_for() -> None:
    told = {name: [option.name for option in options_of(kind)] for name, kind in KINDS.items()}
    assert told == {
        "protocol": [],
        "uniform": [],
        "distance-weighted": [],
        "boundary": ["pixels"],
        "jitter": ["pixels", "share"],
        "wrong-label": ["p"],
        "lazy": ["iou"],
    }
    (pixels,) = options_of(BoundaryUser)
    assert (pixels.unit, pixels.bounds, pixels.default) == ("pixels", "1<=pixels<=10000", 3.0)
    (iou,) = options_of(LazyUser)
    assert (iou.unit, iou.default) == ("", REQUIRED)
    assert all(option.help.endswith(".") for kind in KINDS.values() for option in options_of(kind))


def test_workers_get_the_same_user() -> None:
    told = user("jitter", {"pixels": "5"})
    assert told.name == "jitter?pixels=5"
    sent = pickle.loads(pickle.dumps(told))
    assert (sent, hash(sent), sent.name) == (told, hash(told), told.name)
