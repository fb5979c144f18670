"""What all processes of a chaos run find in their environment: the way to the storage, and a Ray of their own."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def surroundings(of_storage: Mapping[str, str]) -> Iterator[Path]:
    """Set the variables that all processes inherit; Ray's own files go to a folder that is gone after the block."""
    # in /tmp: Ray makes sockets there, whose paths must be short
    folder = Path(tempfile.mkdtemp(prefix="mfp-chaos-", dir="/tmp"))
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "RAY_ADDRESS"):
        os.environ.pop(name, None)
    os.environ |= of_storage
    os.environ |= {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # else Ray leaves 127.0.0.1 for another interface
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_TMPDIR": str(folder),
        "OMP_NUM_THREADS": "1",
    }
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
