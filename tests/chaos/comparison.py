"""The rows of a run, shard by shard, held against those of an undisturbed one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from infra.runs.commit import CommitRecord
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS, ERRORS, MASKS
from infra.storage.files import basename, join

_TABLES: tuple[Any, ...] = (MASKS, CLICKS, ERRORS)
_TIMING_COLUMNS = {"seconds"}

Rows: TypeAlias = Mapping[str, list[dict[str, object]]]  # by table


def rows_of_shard(run: RunDirectory, record: CommitRecord) -> Rows:
    """Every row of one committed shard, by table, in the order of its part; without timing columns."""
    rows: dict[str, list[dict[str, object]]] = {}
    for kind in _TABLES:
        (table,) = run.read_parts(kind, [record])
        rows[kind.name] = table.drop_columns(
            [name for name in table.column_names if name in _TIMING_COLUMNS]
        ).to_pylist()
    return rows


def rows_of_run(run: RunDirectory) -> dict[str, Rows]:
    """`rows_of_shard` of every committed shard, by its name."""
    return {shard: rows_of_shard(run, record) for shard, record in sorted(run.committed().items())}


def differing(expected: Mapping[str, Rows], found: Mapping[str, Rows]) -> Iterator[str]:
    """Yield a line for every shard of either that is not the same in both."""
    for shard in sorted(expected.keys() | found.keys()):
        if shard not in found:
            yield f"{shard} is not committed"
        elif shard not in expected:
            yield f"{shard} is committed, and no shard of the data set"
        else:
            yield from (
                f"{shard}: {name} has {len(found[shard][name])} rows, not the {len(rows)} of the undisturbed run, "
                "or others"
                for name, rows in expected[shard].items()
                if found[shard][name] != rows
            )


def unnamed_parts(run: RunDirectory) -> set[str]:
    """Part files that no commit record names, and such that never became one; paths below the run directory."""
    named = {part.path for record in run.committed().values() for part in record.parts.values()}
    return parts(run) - named


def parts(run: RunDirectory) -> set[str]:
    """Every file below the folders of the tables."""
    return {
        f"{kind.name}/{basename(url)}"
        for kind in _TABLES
        for url in run.storage.list(join(run.url, kind.name))
    }
