"""What a job on a cluster carries: the code of the four rooms and the shipped weights."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution, version
from pathlib import Path

from pipelines.errors import JobError

ROOMS = ("mfp", "infra", "actors", "pipelines")
DISTRIBUTION = "mfp-pipeline"
MAX_PACKAGE_MIB = 100


CONFIG_FILE = "config.json"


@contextmanager
def package(settings: bytes = b"") -> Iterator[Path]:
    """Yield a folder with the code of the four rooms and the shipped weights: a job's working directory.

    `settings` lie in it as CONFIG_FILE, if there are any.

    It names what goes instead of what stays, so data, .git, .venv or a file of secrets can never be sent.
    """
    source = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory(prefix="mfp-package-") as folder:
        for room in ROOMS:
            shutil.copytree(source / room, Path(folder, room), ignore=shutil.ignore_patterns("__pycache__"))
        _write_version(Path(folder))
        if settings:
            Path(folder, CONFIG_FILE).write_bytes(settings)
        num_bytes = package_bytes(Path(folder))
        if num_bytes > MAX_PACKAGE_MIB * 2**20:
            raise JobError(
                f"the code and weights in {source} are {num_bytes / 2**20:.0f} MiB, over the "
                f"{MAX_PACKAGE_MIB} MiB a job may carry: move other files out of {', '.join(ROOMS)}"
            )
        yield Path(folder)


def _write_version(folder: Path) -> None:
    """`run.json` records the version that ran, and models are found by entry points: this release need not be there."""
    info = folder / f"{DISTRIBUTION.replace('-', '_')}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {version(DISTRIBUTION)}\n"
    (info / "METADATA").write_text(metadata)
    (info / "entry_points.txt").write_text(distribution(DISTRIBUTION).read_text("entry_points.txt") or "")


def package_bytes(folder: Path) -> int:
    """Total size of the files under `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
