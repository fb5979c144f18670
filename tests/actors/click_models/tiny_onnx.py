"""A tiny ONNX file, written without the package `onnx`: the numbers are those of the fields in onnx.proto."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_FLOAT = 1
_IR_VERSION, _OPSET = 8, 13


def convolution(weight: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]) -> bytes:
    """A network that is one convolution of stride 1 without a border.

    Args:
        weight: (channels out, channels in, height, width).
        bias: (channels out,).

    Returns:
        The file; its input is `channels`, its output `logits`, both (B, C, H, W) float32.

    """
    node = b"".join(_field(1, name) for name in (b"channels", b"weight", b"bias"))
    node += _field(2, b"logits") + _field(4, b"Conv")
    graph = _field(1, node) + _field(2, b"toy") + _tensor(b"weight", weight) + _tensor(b"bias", bias)
    graph += _field(11, _images(b"channels", weight.shape[1])) + _field(12, _images(b"logits", len(bias)))
    return _field(1, _IR_VERSION) + _field(7, graph) + _field(8, _field(2, _OPSET))


def _tensor(name: bytes, values: npt.NDArray[np.float32]) -> bytes:
    sides = b"".join(_field(1, side) for side in values.shape)
    return _field(5, sides + _field(2, _FLOAT) + _field(8, name) + _field(9, values.astype("<f4").tobytes()))


def _images(name: bytes, num_channels: int) -> bytes:
    """What is known of a value (B, C, H, W), of which only C is a number."""
    sides = (_field(2, b"B"), _field(1, num_channels), _field(2, b"H"), _field(2, b"W"))
    shape = b"".join(_field(1, side) for side in sides)
    return _field(1, name) + _field(2, _field(1, _field(1, _FLOAT) + _field(2, shape)))


def _field(number: int, value: bytes | int) -> bytes:
    """A field of a protocol buffer: a whole number from 0 on, or bytes, a text or a message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
