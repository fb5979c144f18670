"""Make the environments of other programs' readers: `make readers`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.infra.exports.reader_environments import ENVIRONMENTS, ReaderEnvironment

_SECONDS_TO_INSTALL = 600
_INSTALLS_AT_ONCE = 2
_PIP_OPTIONS = ("--quiet", "--no-compile", "--no-warn-conflicts")
"""No warnings: this project needs packages in versions that an environment has not; nothing of it runs there."""


def _make(folder: Path, environment: ReaderEnvironment) -> None:
    made = folder / "made"
    text = "\n".join(environment.packages)
    if made.exists() and made.read_text() == text:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")  # pip takes it into account
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", *_PIP_OPTIONS]
    alone = ["--no-deps"] if environment.alone else []
    subprocess.run([*pip, *alone, *environment.packages], check=True, timeout=_SECONDS_TO_INSTALL)
    made.write_text(text)


def main(folder: Path) -> None:
    """Make all that are not there yet."""
    with ThreadPoolExecutor(_INSTALLS_AT_ONCE) as threads:
        made = {
            name: threads.submit(_make, folder / name, environment)
            for name, environment in ENVIRONMENTS.items()
        }
    for name, future in made.items():
        error = future.exception()
        if error is not None:
            sys.stderr.write(f"readers: no environment {name}, its tests skip ({error})\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
