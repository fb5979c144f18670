"""Where a benchmark of whole commands keeps its shards and runs, which nobody wants afterwards."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actors.specs.bench import BenchSpec
from actors.specs.leaves import leaves_of, value_of
from actors.specs.places import absolute
from infra.storage.files import Storage, join


@contextmanager
def workplace(spec: BenchSpec, storage: Storage) -> Iterator[str]:
    """An empty folder at the place of the specification, which is deleted with all that is in it."""
    if spec.place is None:
        with tempfile.TemporaryDirectory(prefix="mfp-bench-") as folder:
            yield folder
        return
    url = join(absolute(spec.place), f"mfp-bench-{secrets.token_hex(4)}")
    try:
        yield url
    finally:
        for file in storage.walk(url):
            storage.delete(file)


def write_config(path: Path, spec: Any) -> None:
    """Write what a specification says otherwise than its defaults as a file for `--config`."""
    leaves = [leaf for leaf in leaves_of(type(spec)) if not leaf.is_spoken]
    values = {leaf.name: value_of(spec, leaf) for leaf in leaves if value_of(spec, leaf) != leaf.default}
    path.write_text(json.dumps(values))
