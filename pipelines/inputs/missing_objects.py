"""What a person is told who names a sample or an object that a run has no mask of."""

from __future__ import annotations

from collections.abc import Sequence

from infra.runs.commit import CommitRecord
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import ERRORS, MASKS
from pipelines.errors import OptionError
from pipelines.inputs.did_you_mean import did_you_mean

_MOST_SHOWN = 10


def no_such_object(
    run: RunDirectory, records: Sequence[CommitRecord], num_shards: int, key: str, what: str
) -> OptionError:
    """The error for a sample, or an object of it, that is not there: what there is instead, or why it is missing.

    Args:
        run, records: the run, and what is committed of it.
        num_shards: of its data set.
        key: of the sample.
        what: the object or the sample, in words.

    Raises:
        RunDirectoryError, StorageError: a part cannot be read.
    """
    ids: dict[str, list[str]] = {}  # by sample key
    for part in run.read_parts(MASKS, records, ["sample_key", "object_id"]):
        for row in part.to_pylist():
            ids.setdefault(row["sample_key"], []).append(row["object_id"])
    if key in ids:
        instead = f"that sample has {_first('object', ids[key])}"
    elif reason := _why_quarantined(run, records, key):
        instead = f"the sample was quarantined, {reason}"
    elif ids:
        instead = (
            f"there {'is' if len(ids) == 1 else 'are'} {_first('sample', list(ids))}{did_you_mean(key, ids)}"
        )
    else:
        instead = "it has no masks at all"
    rest = "" if len(records) == num_shards else "; some of its shards are not committed yet"
    return OptionError(f"{run.url} has no mask of {what}: {instead}{rest}")


def _why_quarantined(run: RunDirectory, records: Sequence[CommitRecord], key: str) -> str:
    for part in run.read_parts(ERRORS, records, ["sample_key", "reason", "detail"]):
        for row in part.to_pylist():
            if row["sample_key"] == key:
                return f"{row['reason']}: {row['detail']}"
    return ""


def _first(what: str, names: list[str]) -> str:
    more = f" and {len(names) - _MOST_SHOWN:,} more" if len(names) > _MOST_SHOWN else ""
    return f"{what}{'s' * (len(names) != 1)} {', '.join(map(repr, names[:_MOST_SHOWN]))}{more}"
