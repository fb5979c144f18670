"""`mfp verify`: whether what a run has committed is whole, agrees with itself, and comes out the same again."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass

from actors.specs.checked import checked
from actors.specs.places import absolute
from actors.specs.verify import VerifySpec
from actors.stop_request import check_stop
from infra.errors import InfraError, RunDirectoryError
from infra.json_text import JsonValue, parse_json
from infra.runs.commit import CommitRecord
from infra.runs.run_check import CheckedShard, Finding, check_files, check_shard
from infra.runs.run_config import RUN_FILE
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import SetAsideShard, committed_and_set_aside
from infra.storage.files import Storage, join
from mfp.errors import MfpError
from mfp.stop_reason import StopReason
from pipelines.errors import PipelineError
from pipelines.inputs.run_record import LabelRecord, read_record
from pipelines.jobs.relabel import PastRun, Redone, choose, redo
from pipelines.jobs.report import build_report
from pipelines.jobs.report_files import REPORT_FOLDER, SUMMARY_FILE
from pipelines.jobs.sameness import expected_sameness
from pipelines.progress_report import OnProgress, ProgressReport


@dataclass(frozen=True)
class Verification:
    """What `mfp verify` looked at, and what it found.

    `num_shards` are the committed ones of `num_expected` (as many if run.json is damaged). `redone` are the
    objects that were labelled again, `expected_sameness` says how alike they can come out on this machine;
    it is empty if none was. `set_aside` are no finding: what is committed may be good without them.
    """

    num_shards: int
    num_expected: int
    objects: int
    clicks: int
    set_aside: tuple[SetAsideShard, ...]
    redone: tuple[Redone, ...]
    findings: tuple[Finding, ...]
    tolerance: float
    expected_sameness: str

    @property
    def largest_pixel_share(self) -> float:
        """Largest share of an image's pixels whose mask came out another way, in [0, 1]."""
        return max((redone.pixel_share for redone in self.redone), default=0.0)

    @property
    def largest_iou_difference(self) -> float | None:
        """Largest difference of an IoU after a click; None if nothing redone has truth."""
        known = [redone.iou_difference for redone in self.redone if redone.iou_difference is not None]
        return max(known, default=None)

    @property
    def num_same_clicks(self) -> int:
        """Redone objects that got the same clicks."""
        return sum(redone.same_clicks for redone in self.redone)

    @property
    def is_good(self) -> bool:
        """Nothing was found, and nothing came out more differently than the tolerance allows."""
        return not self.findings

    def to_json(self) -> dict[str, JsonValue]:
        """For programs."""
        return {
            "good": self.is_good,
            "shards": self.num_shards,
            "shards_expected": self.num_expected,
            "objects": self.objects,
            "clicks": self.clicks,
            "set_aside": [asdict(shard) for shard in self.set_aside],
            "redone": len(self.redone),
            "redone_with_same_clicks": self.num_same_clicks,
            "expected_sameness": self.expected_sameness,
            "largest_pixel_share": self.largest_pixel_share,
            "largest_iou_difference": self.largest_iou_difference,
            "findings": [str(finding) for finding in self.findings],
        }


def run_verify(spec: VerifySpec, on_progress: OnProgress | None = None) -> Verification:
    """Check every committed shard, the report's figures, and a random part of the objects by labelling them again.

    Raises:
        RunDirectoryError: there is no run, or a commit record is none.
        StorageError: the storage does not answer.

    """
    spec = checked(VerifySpec, spec)
    storage = Storage(spec.storage)
    run = RunDirectory(absolute(spec.run), storage)
    run.config()  # there is a run
    committed, set_aside = committed_and_set_aside(run)
    records = [record for _, record in sorted(committed.items())]
    shards = _check_shards(run, records, on_progress)
    findings = [finding for shard in shards for finding in shard.findings]
    findings += check_files(run, records)
    num_expected, damage = _shards_of(run)
    findings += damage
    if not findings:
        findings += _check_summary(run, records)
    redone: tuple[Redone, ...] = ()
    sameness = ""
    if spec.sample > 0 and not findings:  # rows that contradict each other need no second opinion
        redone, sameness, trouble = _redo(run, records, spec)
        findings += [*trouble, *_differing(redone, spec.tolerance)]
    return Verification(
        num_shards=len(records),
        num_expected=len(records) if damage else num_expected,
        objects=sum(shard.objects for shard in shards),
        clicks=sum(shard.clicks for shard in shards),
        set_aside=set_aside,
        redone=redone,
        findings=tuple(findings),
        tolerance=spec.tolerance,
        expected_sameness=sameness,
    )


def _shards_of(run: RunDirectory) -> tuple[int, list[Finding]]:
    """How many shards the run is of; 0 and a finding if its run.json does not say how it was made."""
    try:
        return read_record(LabelRecord, run.url, run.storage).dataset.num_shards, []
    except RunDirectoryError as error:
        return 0, [Finding(RUN_FILE, str(error))]


def _check_shards(
    run: RunDirectory, records: Collection[CommitRecord], on_progress: OnProgress | None
) -> list[CheckedShard]:
    checked: list[CheckedShard] = []
    for record in records:
        check_stop()
        checked.append(check_shard(run, record, frozenset(map(str, StopReason))))
        if on_progress is not None:
            on_progress(ProgressReport(len(checked), len(records)))
    return checked


def _check_summary(run: RunDirectory, records: Collection[CommitRecord]) -> list[Finding]:
    """Compute the figures anew from the click table and hold them against those in report/."""
    place = join(REPORT_FOLDER, SUMMARY_FILE)
    url = join(run.url, place)
    if not records or not run.storage.exists(url):
        return []
    try:
        written = parse_json(run.storage.read_bytes(url))
        # through JSON as well, so that a list and a tuple of the same entries do not differ
        computed = parse_json(json.dumps(build_report(run.url, run.storage).to_json()).encode())
    except (ValueError, InfraError, MfpError) as error:
        return [Finding(place, f"cannot be compared: {error}")]
    if not isinstance(written, dict) or not isinstance(computed, dict):
        return [Finding(place, "holds no JSON object")]
    return [
        Finding(place, f"says {name} {written[name]}, the click table gives {value}")
        for name, value in computed.items()
        # draws may have come after the report, and are runs to verify by themselves
        if name in written and name != "robustness" and written[name] != value
    ]


def _redo(
    run: RunDirectory, records: Collection[CommitRecord], spec: VerifySpec
) -> tuple[tuple[Redone, ...], str, list[Finding]]:
    """Objects labelled again, how alike they can be expected to come out, and what stood in the way."""
    import torch

    redone: list[Redone] = []
    sameness = ""
    by_shard = {record.shard: record for record in records}
    try:
        past = PastRun.of(run, trust_model_code=spec.trust_model_code)
        torch.set_num_threads(past.num_threads)
        backend = past.backend if spec.backend == "run" else spec.backend
        for shard, names in choose(past, list(records), spec.sample, spec.seed).items():
            check_stop()
            redone.extend(redo(past, by_shard[shard], names, spec.device, backend))
            sameness = expected_sameness(past.record, spec.device, backend)
    except (PipelineError, InfraError, MfpError, KeyError) as error:
        return tuple(redone), sameness, [Finding("labelling again", f"not possible: {error}")]
    return tuple(redone), sameness, []


def _differing(redone: Collection[Redone], tolerance: float) -> list[Finding]:
    return [
        Finding(f"{again.shard}, {again.sample_key}, object {again.object_id}", "; ".join(problems))
        for again in redone
        if (problems := list(again.problems(tolerance)))
    ]
