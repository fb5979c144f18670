"""`mfp shard`: a source in a known layout becomes tar shards, and a summary says what was understood and left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from actors.specs.checked import checked
from actors.specs.shard import ShardSpec
from actors.stop_request import check_stop, closed_in_order
from infra.errors import LayoutError
from infra.json_text import JsonValue
from infra.layouts import LAYOUTS
from infra.layouts.layout import SourceItem
from infra.layouts.mask_doubts import doubts_of
from infra.layouts.source_note import SourceNote, Topic
from infra.runs.run_config import refuse_runs
from infra.shards.manifest import DatasetManifest
from infra.shards.sample import Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage, join
from pipelines.jobs.contact_sheet import ContactSheet
from pipelines.jobs.source_summary import SourceSummary, SourceTally
from pipelines.progress_report import OnProgress, ProgressReport

SUMMARY_NAME = "summary.json"
PREVIEW_NAME = "preview.png"


@dataclass(frozen=True)
class ShardedSource:
    """A data set that was written, and what its source was made into; `preview_url` is "" without a preview."""

    dataset: DatasetManifest
    summary: SourceSummary
    preview_url: str

    def to_json(self) -> dict[str, JsonValue]:
        """Return counts and summary for programs."""
        counts: dict[str, JsonValue] = {"dataset": self.dataset.url, "shards": len(self.dataset.shards)}
        return counts | self.summary.to_json() | {"preview": self.preview_url or None}


def run_shard(spec: ShardSpec, on_progress: OnProgress = lambda report: None) -> ShardedSource:
    """Write the data set; what is broken in the source is counted in the manifest and reported by every run.

    The summary is stored as `summary.json` beside `dataset.json`, the preview as `preview.png`.

    Raises:
        InfraError: the layout is unknown or does not fit the source, nothing of it can be used, the destination is
            the directory of a run, or storage fails.

    """
    spec = checked(ShardSpec, spec).resolved()
    layout = LAYOUTS[spec.layout]
    storage = Storage(spec.storage)
    refuse_runs(storage, spec.destination)
    tally = SourceTally()
    sheet = ContactSheet(spec.preview)
    items = layout.read(spec.source, storage, spec.reading)
    with closed_in_order():
        dataset = write_dataset(
            _counted(items, tally, sheet, on_progress, spec.source),
            spec.destination,
            storage,
            spec.samples_per_shard,
            on_refused=tally.refuse,
            outdated=(SUMMARY_NAME, PREVIEW_NAME),
        )
    if spec.reading.images.white is not None and not tally.has_deep_images:
        note = SourceNote(Topic.DOUBT, "--white was given, and no image has more than 8 bits", spec.source)
        tally.add(note)
    summary = tally.summary()
    text = json.dumps({"source": spec.source, "layout": spec.layout, **summary.to_json()}, indent=1)
    storage.write_bytes(join(spec.destination, SUMMARY_NAME), text.encode() + b"\n")
    preview_url = ""
    if spec.preview:
        preview_url = join(spec.destination, PREVIEW_NAME)
        storage.write_bytes(preview_url, sheet.png())
    return ShardedSource(dataset, summary, preview_url)


def _counted(
    items: Iterable[SourceItem],
    tally: SourceTally,
    sheet: ContactSheet,
    on_progress: OnProgress,
    source: str,
) -> Iterator[ShardItem]:
    """Pass on what becomes a shard, and count everything; LayoutError at the end if nothing can be used."""
    for item in items:
        check_stop()
        tally.add(item)
        if isinstance(item, SourceNote):
            sheet.add_note(item)
            continue
        if isinstance(item, Sample):
            for doubt in doubts_of(item):
                tally.add(doubt)
                sheet.add_note(doubt)
            sheet.add_sample(item)
        yield item
        on_progress(ProgressReport(done=tally.samples, quarantined=tally.num_quarantined))
    if tally.samples == 0:  # raised here, the data set is never called complete
        raise LayoutError(_nothing_usable(source, tally.summary()))


def _nothing_usable(source: str, summary: SourceSummary) -> str:
    reasons = [
        f"{line.count:,} {line.reason.value} ({line.first[0][0]}: {line.first[0][1]})"
        for line in summary.quarantined[:3]
    ]
    reasons += [
        f"{line.count:,} left out: {line.text} ({line.first_keys[0]})" for line in summary.left_out[:3]
    ]
    return f"nothing of {source} can be used: {'; '.join(reasons) or 'it has no samples'}"
