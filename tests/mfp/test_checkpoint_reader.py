"""Checkpoints are read without running anything from them, and what is none is named."""

from __future__ import annotations

import builtins
import collections
import io
import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mfp.checkpoint_reader import read_checkpoint
from mfp.errors import WeightsError
from tests.released_files import saved, with_loss


def zipped(program: bytes) -> bytes:
    """A checkpoint whose pickle is that program."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/data/0", bytes(16))
    return buffer.getvalue()


def content() -> dict[str, Any]:
    whole = torch.arange(24.0).reshape(4, 6)
    return {
        "state_dict": collections.OrderedDict(
            weight=whole,
            part=whole[1:3, ::2],
            half=torch.ones(3, dtype=torch.float16),
            parameter=torch.nn.Parameter(torch.full((2,), 2.0)),
            counter=torch.tensor(5),
            empty=torch.zeros(0, 3),
        ),
        "config": {"class": "a.B", "params": {"N": {"type": "int", "value": 7, "specified": True}}},
        "names": {"a", "b"},
    }


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_what_torch_saved_comes_back(legacy: bool) -> None:
    expected = content()
    read: Any = read_checkpoint(saved(expected, legacy=legacy))
    assert (read["config"], read["names"]) == (expected["config"], expected["names"])
    assert list(read["state_dict"]) == list(expected["state_dict"])
    for name, tensor in expected["state_dict"].items():
        assert read["state_dict"][name].dtype == tensor.dtype
        assert torch.equal(read["state_dict"][name], tensor)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_the_loss_that_released_checkpoints_carry_is_an_inert_stand_in(legacy: bool) -> None:
    read: Any = read_checkpoint(with_loss({"weight": torch.ones(2)}, legacy=legacy))
    assert torch.equal(read["weight"], torch.ones(2))
    assert type(read["loss"]).__name__ == "CrossEntropyLoss"
    assert not isinstance(read["loss"], torch.nn.Module)
    assert not any(name.startswith("isegm") for name in sys.modules)


class Calls:
    """Pickles as a call of any function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._call


def hostile(path: Path) -> dict[str, object]:
    """Objects whose unpickling by `pickle` would make a file at the path."""
    command, source = f"touch {path}", f"open({str(path)!r}, 'w')"
    return {
        "command": Calls(os.system, command),
        "evaluated": Calls(eval, source),
        "executed": Calls(exec, source),
        "found by getattr": Calls(Calls(getattr, os, "system"), command)
        if False
        else Calls(getattr, "", "x"),
        "imported": Calls(builtins.__import__, "os"),
        "opened": Calls(open, str(path), "w"),
        "in a list of a dict": {"state_dict": {"weight": [torch.ones(1), Calls(os.system, command)]}},
        "as a key": {(1, Calls(os.system, command)): 1},
        "in the arguments of a known name": Calls(collections.OrderedDict, [(1, Calls(os.system, command))]),
        "loaded again": Calls(torch.load, str(path)),
        "a pickle in a pickle": Calls(pickle.loads, pickle.dumps(Calls(os.system, command))),
    }


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", hostile(Path()))
def test_a_checkpoint_that_would_run_something_is_refused_and_nothing_is_run(
    tmp_path: Path, name: str, legacy: bool
) -> None:
    trace = tmp_path / "ran"
    data = saved(hostile(trace)[name], legacy=legacy)
    with pytest.raises(WeightsError, match="refused, and nothing of it was run") as caught:
        read_checkpoint(data)
    assert "\n" not in str(caught.value)
    assert not trace.exists()


PROGRAMS = {
    "os.system by its protocol 0 name": (b"cos\nsystem\n(S'touch TRACE'\ntR.", "'os.system'"),
    "os.system as an instance": (b"(S'touch TRACE'\nios\nsystem\n.", "'os.system'"),
    "a name built at run time": (
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0btouch TRACE\x85R.",
        "'os.system'",
    ),
    "attributes of a known name": (
        b"\x80\x04\x8c\x0ctorch._utils\x8c\x1e_rebuild_tensor_v2.__globals__\x93.",
        r"_rebuild_tensor_v2\.__globals__",
    ),
    "a dotted builtin": (b"\x80\x04\x8c\x08builtins\x8c\x0bset.__doc__\x93.", r"builtins\.set\.__doc__"),
    "the extension registry": (b"\x80\x02\x82\x01.", "damaged"),
    "a name that is no text": (b"\x80\x04K\x01K\x02\x93.", "damaged"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_hand_made_pickle_programs_find_no_way_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    program, reason = PROGRAMS[name]
    for data in (zipped(program), b"\x80\x02" + program):
        with pytest.raises(WeightsError, match=reason):
            read_checkpoint(data)
    assert list(tmp_path.iterdir()) == []


def test_what_one_file_does_to_a_known_name_is_gone_for_the_next() -> None:
    """BUILD may set attributes of a function it was given: the next file gets another function."""
    defaults = pickle.dumps((None, {"__defaults__": (1,)}), protocol=2)[2:-1]
    program = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + defaults + b"b."
    changed: Any = read_checkpoint(zipped(program))
    assert changed.__defaults__ == (1,)
    untouched: Any = read_checkpoint(zipped(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n."))
    assert untouched.__defaults__ is None
    assert torch._utils._rebuild_tensor_v2.__defaults__ != (1,)


def test_a_small_file_cannot_fill_the_memory() -> None:
    numbering = b"\x80\x02Nr\xff\xff\xff\x7f."
    for data in (zipped(numbering), numbering):
        with pytest.raises(WeightsError, match="numbers more values than it has bytes"):
            read_checkpoint(data)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02N.")
    with pytest.raises(WeightsError, match="compressed parts"):
        read_checkpoint(packed.getvalue())


def test_a_tensor_that_reaches_beyond_its_storage_is_refused() -> None:
    storage = torch.ones(4).untyped_storage()
    typed = torch.storage.TypedStorage(wrap_storage=storage, dtype=torch.float32, _internal=True)  # type: ignore[no-untyped-call]
    for offset, size, stride in ((0, (100,), (1,)), (4, (1,), (1,)), (0, (2,), (-1,)), (-1, (1,), (1,))):
        call = Calls(torch._utils._rebuild_tensor_v2, typed, offset, size, stride, False, {})
        with pytest.raises(WeightsError, match="damaged"):
            read_checkpoint(saved({"a": call}))


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, b"")
    return buffer.getvalue()


def numpy_archive() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(1))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "an empty file"),
        (b"\n<!DOCTYPE html><html>sign in</html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
        (b"\xff\xd8\xff\xe0 a photograph", "begin with"),
        (archive("a.txt", "b.txt"), "a zip archive of 2 files"),
        (archive("m/data.pkl", "m/constants.pkl"), "a TorchScript program"),
        (numpy_archive(), "a NumPy archive"),
        (pickle.dumps({"a": 1}), "a pickle of something else"),
        (saved({"a": torch.zeros(9)})[:-200], "damaged"),
        (saved({"a": torch.zeros(9)}, legacy=True)[:-20], "damaged"),
    ],
)
def test_what_is_no_checkpoint_is_named_in_one_line(data: bytes, kind: str) -> None:
    with pytest.raises(WeightsError, match=kind) as caught:
        read_checkpoint(data)
    assert "\n" not in str(caught.value)


SAMPLES = [saved({"a": torch.arange(3.0)}, legacy=legacy) for legacy in (False, True)]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SAMPLES), st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8))
def test_damage_anywhere_ends_in_a_weights_error_or_in_plain_values(
    data: bytes, changes: list[tuple[float, int]]
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[int(place * len(damaged))] = value
    try:
        read_checkpoint(bytes(damaged))
    except WeightsError as error:
        assert "\n" not in str(error)
