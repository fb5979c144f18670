"""`mfp shard`: a source in a known layout becomes tar shards and a `dataset.json`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from actors.stop_request import check, closed_in_order
from infra.errors import LayoutError
from infra.layouts import LAYOUTS, LayoutOptions
from infra.shards.manifest import DatasetManifest
from infra.shards.sample import QuarantinedSample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from pipelines.options import ShardOptions
from pipelines.progress import OnProgress, ProgressReport


def run_shard(options: ShardOptions, on_progress: OnProgress = lambda report: None) -> DatasetManifest:
    """Write the data set; what is broken in the source is counted in the manifest and reported by every run.

    Raises:
        InfraError: the layout is unknown or does not fit the source, or storage fails.

    """
    read = LAYOUTS.get(options.layout)
    if read is None:
        raise LayoutError(f"unknown layout {options.layout!r}: choose one of {', '.join(sorted(LAYOUTS))}")
    storage = Storage(options.storage)
    layout_options = LayoutOptions(options.mask_values, options.ignore_value, options.split)
    items = _counted(read(options.source, storage, layout_options), on_progress)
    with closed_in_order():
        return write_dataset(items, options.destination, storage, options.samples_per_shard)


def _counted(items: Iterable[ShardItem], on_progress: OnProgress) -> Iterator[ShardItem]:
    num_samples = num_quarantined = 0
    for item in items:
        check()
        yield item
        if isinstance(item, QuarantinedSample):
            num_quarantined += 1
        else:
            num_samples += 1
        on_progress(ProgressReport(done=num_samples, quarantined=num_quarantined))
