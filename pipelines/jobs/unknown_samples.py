"""What a click log, a start or final masks say of samples that a run has no row of."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from infra.click_logs.click_log import ClickLog
from infra.runs.run_directory import RunDirectory
from infra.starts.starts import Starts
from pipelines.errors import OptionError
from pipelines.inputs.label_inputs import LabelInputs


def unknown_samples(inputs: LabelInputs, run: RunDirectory) -> tuple[str, ...]:
    """Keys of click log, start and final masks without any row. OptionError if all of one are: it is of other data."""
    seen = {unicodedata.normalize("NFC", key) for key in run.sample_keys()}  # as those of the log are
    given, unknown = inputs.given, list[str]()
    if isinstance(given.clicks, ClickLog):
        unknown += _unknown("click log", given.clicks.sample_keys.to_pylist(), seen, inputs.dataset.url)
    for what, starts in (("start", given.starts), ("final masks", given.final_masks)):
        if isinstance(starts, Starts):
            unused = set(starts.unused_keys(seen))
            keys: list[str] = starts.sample_keys.to_pylist()
            known = seen.union(key for key in keys if key not in unused)
            unknown += _unknown(what, keys, known, inputs.dataset.url)
    return tuple(dict.fromkeys(unknown))


def _unknown(what: str, keys: list[str], seen: Collection[str], dataset_url: str) -> tuple[str, ...]:
    unknown = tuple(key for key in keys if key not in seen)
    if len(unknown) == len(keys):
        ids = (
            ""
            if what == "click log"
            else "; objects that clicks are simulated on need a true mask of the same id"
        )
        raise OptionError(
            f"none of the {len(unknown)} sample keys in the {what} (the first: {unknown[0]!r}) has an object in "
            f"{dataset_url} that was made: sample_key must be the key of a sample, without its extension{ids}"
        )
    return unknown
