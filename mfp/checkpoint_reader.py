"""Torch checkpoints read without running anything from them: zip files, and the older files without a zip.

A pickle may name any function of any module and have it called. Ours looks names up in a short list, and what it
finds there are stand-ins made for this one file, so that a hostile file cannot even change them for the next.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from mfp.errors import WeightsError

_LOSS_MODULE = "isegm.model.modeling.transformer_helper.cross_entropy_loss"
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_NUMBERING = ("PUT", "BINPUT", "LONG_BINPUT")
_STORAGE_TYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def read_checkpoint(data: bytes) -> object:
    """What a checkpoint holds: dicts, lists, plain values and float or integer tensors on the CPU.

    Objects of the loss that released checkpoints carry come out as inert stand-ins.

    Raises:
        WeightsError: the bytes are no checkpoint (the message says what they look like), are damaged, or name
            anything beyond tensors and plain values. In no case anything of the file is run.
    """
    try:
        if data.startswith(b"PK\x03\x04"):
            return _read_zip(data)
        if data.startswith(b"\x80"):
            return _read_legacy(data)
    except WeightsError:
        raise
    except Exception as error:  # bytes from anywhere: pickle, zipfile and torch raise what they like
        raise WeightsError(
            f"checkpoint of {len(data):,} bytes is damaged ({type(error).__name__}); get it anew"
        ) from None
    raise WeightsError(f"no checkpoint, but {_kind_of_bytes(data)}; name a file that torch.save wrote")


class _Storages(Protocol):
    """The numbers of a checkpoint by key; `load` is what a pickle's persistent ids are answered with."""

    def load(self, key: str, dtype: torch.dtype, num_values: int) -> Tensor:
        """A flat tensor."""


class _ZipStorages:
    def __init__(self, archive: zipfile.ZipFile, folder: str, num_bytes: int) -> None:
        self._archive, self._folder = archive, folder
        self._left = num_bytes  # entries may lie over one another
        self._loaded: dict[tuple[str, torch.dtype], Tensor] = {}

    def load(self, key: str, dtype: torch.dtype, num_values: int) -> Tensor:
        if (key, dtype) not in self._loaded:
            raw = _read_stored(self._archive, f"{self._folder}data/{key}")
            self._left -= len(raw)
            if self._left < 0:
                raise WeightsError("checkpoint with tensors larger than the file; it is damaged, get it anew")
            self._loaded[key, dtype] = _from_bytes(raw, dtype, num_values)
        return self._loaded[key, dtype]


class _LegacyStorages:
    """Their bytes follow after the pickle that asks for them."""

    def __init__(self, num_bytes: int) -> None:
        self._left = num_bytes
        self._waiting: dict[str, Tensor] = {}

    def load(self, key: str, dtype: torch.dtype, num_values: int) -> Tensor:
        if key not in self._waiting:
            self._left -= num_values * dtype.itemsize
            if num_values < 0 or self._left < 0:
                raise WeightsError("checkpoint with tensors larger than the file; it is damaged, get it anew")
            self._waiting[key] = torch.zeros(num_values, dtype=dtype)
        return self._waiting[key]

    def fill(self, stream: io.BytesIO, keys: Sequence[str]) -> None:
        """Read the bytes of every storage, in the order of the keys."""
        for key in keys:
            flat = self._waiting[key]
            num_values = int.from_bytes(stream.read(8), "little")
            flat.copy_(_from_bytes(stream.read(num_values * flat.element_size()), flat.dtype, flat.numel()))


def _read_stored(archive: zipfile.ZipFile, name: str) -> bytes:
    """An entry that is not compressed: a small file could fill the memory otherwise."""
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise WeightsError("checkpoint with compressed parts, which torch.save never writes")
    return archive.read(name)


def _from_bytes(raw: bytes, dtype: torch.dtype, num_values: int) -> Tensor:
    if num_values == 0:
        return torch.zeros(0, dtype=dtype)
    return torch.frombuffer(bytearray(raw), dtype=dtype, count=num_values)


class _Unpickler(pickle.Unpickler):
    """Knows the few names that checkpoints of this family need."""

    def __init__(self, stream: io.BytesIO, storages: _Storages) -> None:
        _check_memo(stream)
        super().__init__(stream, encoding="utf-8")
        self._storages = storages
        self._known = _known_names()

    def find_class(self, module_name: str, global_name: str) -> Any:
        """A name of the list; the parts are never looked up in one another. WeightsError for any other."""
        known = self._known.get((module_name, global_name))
        if known is None:
            raise WeightsError(
                f"checkpoint names {f'{module_name}.{global_name}'[:200]!r}, which is no part of a state dict: it is "
                "refused, and nothing of it was run"
            )
        return known

    def persistent_load(self, pid: Any) -> Any:
        """The storage that a tensor refers to; in files without a zip also a class, with its source text."""
        if pid[0] == "module":
            return pid[1]
        _, dtype, key, _, num_values, *view = pid
        if not isinstance(dtype, torch.dtype) or any(part is not None for part in view):
            raise WeightsError("checkpoint with storages of a kind that this release does not read")
        return self._storages.load(str(key), dtype, int(num_values))


def _check_memo(stream: io.BytesIO) -> None:
    """Refuse a pickle that numbers its values beyond its length: Python makes room for all numbers up to that one."""
    start = stream.tell()
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in _NUMBERING and int(argument or 0) > stream.getbuffer().nbytes:
            raise WeightsError(
                "checkpoint that numbers more values than it has bytes; it is damaged, get it anew"
            )
    stream.seek(start)


def _known_names() -> Mapping[tuple[str, str], Any]:
    """Made anew for every file: a pickle may set attributes of what it finds."""

    def rebuild_tensor(storage: Tensor, offset: int, size: Any, stride: Any, *_: object) -> Tensor:
        if math.prod(size) > storage.numel():  # strides of 0: a byte could stand for a tensor of any size
            raise WeightsError("checkpoint with tensors larger than the file; it is damaged, get it anew")
        return torch.as_strided(storage, tuple(size), tuple(stride), offset)  # refuses what lies outside

    def rebuild_parameter(tensor: Tensor, *_: object) -> Tensor:
        return tensor

    def cross_entropy(*_: object) -> None:
        return None

    class CrossEntropyLoss:
        """Stands for the loss of the original package; holds whatever the file says of it."""

    names: dict[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("builtins", "set"): set,
        ("__builtin__", "set"): set,
        ("torch._utils", "_rebuild_tensor"): rebuild_tensor,
        ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
        ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
        (_LOSS_MODULE, "CrossEntropyLoss"): CrossEntropyLoss,
        (_LOSS_MODULE, "cross_entropy"): cross_entropy,
    }
    for name, dtype in _STORAGE_TYPES.items():
        names["torch", name] = names["torch.cuda", name] = dtype
    return names


def _read_zip(data: bytes) -> object:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        pickles = [name for name in names if name.endswith("data.pkl") and name.count("/") <= 1]
        if any(name.endswith("constants.pkl") for name in names):
            raise WeightsError(
                "no checkpoint, but a TorchScript program; name the state dict it was made from"
            )
        if len(pickles) != 1:
            kind = "a NumPy archive" if any(name.endswith(".npy") for name in names) else "a zip archive"
            raise WeightsError(f"no checkpoint, but {kind} of {len(names)} files without a state dict")
        stream = io.BytesIO(_read_stored(archive, pickles[0]))
        folder = pickles[0].removesuffix("data.pkl")
        return _Unpickler(stream, _ZipStorages(archive, folder, len(data))).load()


def _read_legacy(data: bytes) -> object:
    stream = io.BytesIO(data)
    storages = _LegacyStorages(len(data))

    def load() -> Any:
        return _Unpickler(stream, storages).load()

    if load() != _LEGACY_MAGIC:
        raise WeightsError("no checkpoint, but a pickle of something else; name a file that torch.save wrote")
    load()  # version of the format
    load()  # word sizes of the machine
    content = load()
    storages.fill(stream, [str(key) for key in load()])
    return content


def _kind_of_bytes(data: bytes) -> str:
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page (the link led to a page, not to the file)"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer (fetch the file itself with git lfs pull)"
    if not data:
        return "an empty file"
    return f"{len(data):,} bytes that begin with {data[:8]!r}"
