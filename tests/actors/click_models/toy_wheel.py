"""Packages that bring click models: a wheel made by hand, and metadata of packages that were never built."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

from tests.actors.click_models.tiny_onnx import convolution

_SOURCE = Path(__file__).parent / "toy_clicks"
NETWORK = convolution(
    np.asarray([2, 2, 2, 2, 1], np.float32).reshape(1, 5, 1, 1),  # RGB, the previous map, the clicks
    np.asarray([-6], np.float32),
)


def install_toy(folder: Path, version: str = "1.0") -> Path:
    """Build the wheel of the toy and install it into a folder of its own, which is returned."""
    wheel = write_wheel(
        folder,
        "toy-clicks",
        version,
        {
            "toy_clicks/__init__.py": (_SOURCE / "__init__.py").read_bytes(),
            "toy_clicks/toy.onnx": NETWORK,
        },
        {"toy": "toy_clicks:toy"},
    )
    site = folder / f"site-{version}"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run(
        [*command, "--no-index", "--target", str(site), str(wheel)], check=True, capture_output=True
    )
    return site


def write_wheel(
    folder: Path, name: str, version: str, files: dict[str, bytes], models: dict[str, str]
) -> Path:
    """A wheel with these files that brings click models, by name, at places such as `package.module:factory`."""
    distribution = f"{name.replace('-', '_')}-{version}"
    about = f"{distribution}.dist-info"
    entries = "".join(f"{model} = {place}\n" for model, place in models.items())
    files = files | {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": f"[mfp.click_models]\n{entries}".encode(),
    }
    record = "".join(f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in files.items())
    files[f"{about}/RECORD"] = f"{record}{about}/RECORD,,\n".encode()
    wheel = folder / f"{distribution}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return wheel


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
