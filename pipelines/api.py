"""What the commands do, as functions: nothing is printed, progress goes to a callback.

Jobs on a cluster are not among them: submit, jobs, status, logs and stop are commands only. So is review, which serves
a page; what people have decided on it is read by `open_run`.

A `~` at the beginning of a path is the home folder. Each function raises what the command would end with:
PipelineError, ActorsError, InfraError or MfpError, whose message is one line that says what a person can do. Each loads
what it needs when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING

from actors.errors import SpecError
from actors.specs.bench import BenchSpec
from actors.specs.calibrate import CalibrateSpec
from actors.specs.certify import CertifySpec
from actors.specs.evaluate import EvaluateSpec
from actors.specs.export import ExportSpec
from actors.specs.flywheel import FlywheelSpec
from actors.specs.import_labels import ImportLabelsSpec
from actors.specs.label import LabelSpec
from actors.specs.reading import BenchmarkChoice, CheckModelSpec, CompareSpec, ReportSpec, ShowSpec
from actors.specs.review import UpgradeSpec
from actors.specs.shard import ShardSpec
from actors.specs.train import TrainSpec
from actors.specs.verify import VerifySpec
from infra.storage.locations import expand_home
from infra.storage.options import StorageOptions
from pipelines.progress_report import OnProgress, ProgressReport

if TYPE_CHECKING:
    from infra.storage.files import Storage
    from pipelines.benchmarks.result import BenchResult
    from pipelines.jobs.calibrate import Calibrated
    from pipelines.jobs.certify import Certification
    from pipelines.jobs.check_model import CheckedModel
    from pipelines.jobs.comparison import Comparison
    from pipelines.jobs.convert import ConvertedModel
    from pipelines.jobs.export import Exported
    from pipelines.jobs.flywheel.flywheel import FlywheelResult
    from pipelines.jobs.imported_labels import ImportedLabels
    from pipelines.jobs.label import RunSummary
    from pipelines.jobs.model_list import ListedModel
    from pipelines.jobs.report import Report
    from pipelines.jobs.shard import ShardedSource
    from pipelines.jobs.show import ShownObjects
    from pipelines.jobs.train import TrainingRun
    from pipelines.jobs.upgrade import Upgraded
    from pipelines.jobs.user_list import ListedUser
    from pipelines.jobs.verify import Verification
    from pipelines.run import Run


@dataclass(frozen=True)
class ReportedRun:
    """What a labelling run did, and the figures of its directory."""

    summary: RunSummary
    report: Report


def _place(given: object) -> str:
    """A path or URL as jobs take it. SpecError if it is none."""
    if not isinstance(given, str | PathLike) or not str(given):
        raise SpecError(f"{given!r} is no path or URL: give one; the folder you are in is .")
    return expand_home(str(given))


def _runs(given: object, purpose: str) -> tuple[str, ...]:
    """Run directories as jobs take them. SpecError if they are no list of any."""
    runs = () if isinstance(given, str | PathLike) or not isinstance(given, Iterable) else tuple(given)
    if not runs:
        raise SpecError(f"{given!r} are no runs to {purpose}: give a list of run directories")
    return tuple(_place(run) for run in runs)


def _storage(options: StorageOptions) -> Storage:
    from actors.specs.checked import checked
    from infra.storage.files import Storage

    return Storage(checked(StorageOptions, options))


def _no_progress(report: ProgressReport) -> None:
    pass  # nobody asked


def shard(spec: ShardSpec, on_progress: OnProgress = _no_progress) -> ShardedSource:
    """Turn images and masks into shards."""
    from pipelines.jobs import shard as job

    return job.run_shard(spec, on_progress)


def label(spec: LabelSpec, on_progress: OnProgress = _no_progress) -> ReportedRun:
    """Make a mask for every object of a data set, going on where an earlier run into `spec.out` ended.

    The figures are also written into its directory, as `report/`.
    """
    from actors.specs.checked import checked
    from pipelines.jobs import label as job

    spec = checked(LabelSpec, spec)
    return _reported(job.run_label(spec, on_progress), spec.out, spec.storage)


def evaluate(spec: EvaluateSpec, on_progress: OnProgress = _no_progress) -> ReportedRun:
    """Count the clicks that a model needs (NoC): as `label` with the clicks of a simulated user.

    With `spec.decision` it ends when it is decided against a finished run, and the report says so as `decided`. With
    `spec.robustness` it is done again with drawn clicks. Reports of a draw name it as their stage.
    """
    from actors.specs.checked import checked
    from pipelines.jobs import robustness as job

    spec = checked(EvaluateSpec, spec)
    return _reported(job.run_evaluation(spec, on_progress), spec.out, spec.storage)


def _reported(summary: RunSummary, run_url: str, options: StorageOptions) -> ReportedRun:
    from infra.storage.files import Storage
    from pipelines.jobs import report_files

    return ReportedRun(summary, report_files.write_report(expand_home(run_url), Storage(options)))


def users() -> list[ListedUser]:
    """The simulated users and their options."""
    from pipelines.jobs.user_list import list_users

    return list_users()


def train(spec: TrainSpec, on_progress: OnProgress = _no_progress) -> TrainingRun:
    """Train a click model, going on from the newest checkpoint in `spec.out`."""
    from pipelines.jobs import train as job

    return job.run_train(spec, on_progress)


def flywheel(spec: FlywheelSpec, on_progress: OnProgress = _no_progress) -> FlywheelResult:
    """Label shards, and train on the best masks while the next ones are labelled.

    Reports name the stage that they are of.
    """
    from pipelines.jobs.flywheel import flywheel as job

    @contextmanager
    def show(title: str, what: str) -> Iterator[Callable[[ProgressReport], None]]:
        yield lambda report: on_progress(replace(report, stage=title))

    return job.run_flywheel(spec, show)


def report(
    run: str, storage: StorageOptions = StorageOptions(), *, benchmark: BenchmarkChoice = "auto"
) -> Report:
    """The figures of a run, which may still be going on; `benchmark` says whose published ones stand beside them."""
    from actors.specs.checked import checked
    from pipelines.jobs.report_files import read_reports

    spec = checked(ReportSpec, ReportSpec(runs=(_place(run),), benchmark=benchmark))
    return read_reports(spec.runs, _storage(storage), spec.benchmark)[0][1]


def show(spec: ShowSpec) -> ShownObjects:
    """The film strip of an object, or of those of a sample, as a PNG; `spec.out` is not written."""
    from pipelines.jobs.show import run_show

    return run_show(spec)


def report_page(
    runs: Sequence[str],
    out: str,
    storage: StorageOptions = StorageOptions(),
    *,
    strips: int = 0,
    benchmark: BenchmarkChoice = "auto",
    trust_model_code: bool = False,
) -> list[Report]:
    """Write one HTML page of runs to `out`, a path or URL, and return their figures.

    The page holds its pictures and loads nothing. `strips`: film strips of the worst, the median and the best objects,
    so many each; these are clicked again, which a model of other packages needs `trust_model_code` for. `benchmark`
    says whose published figures stand beside the runs'.
    """
    from actors.specs.checked import checked
    from pipelines.jobs.report_files import read_reports, write_page

    opened, place = _storage(storage), _place(out)
    asked = ReportSpec(
        runs=_runs(runs, "report"),
        html=place,
        strips=strips,
        benchmark=benchmark,
        trust_model_code=trust_model_code,
    )
    spec = checked(ReportSpec, asked)
    reported = read_reports(spec.runs, opened, spec.benchmark)
    write_page(reported, place, opened, strips=spec.strips, trust_model_code=spec.trust_model_code)
    return [figures for _, figures in reported]


def compare(runs: Sequence[str], storage: StorageOptions = StorageOptions()) -> Comparison:
    """Runs held against the first of them, on the objects that all of them have; `gate` of the result judges them."""
    from pipelines.jobs.comparison import compare_runs

    return compare_runs(_runs(runs, "compare"), _storage(storage))


def compare_page(
    runs: Sequence[str],
    out: str,
    storage: StorageOptions = StorageOptions(),
    *,
    strips: int = 0,
    margin: float | None = None,
    trust_model_code: bool = False,
) -> Comparison:
    """Write one HTML page of a comparison to `out`, a path or URL, and return the comparison.

    The page holds its pictures and loads nothing. `strips`: the objects that got most worse, so many of each run, as
    both runs clicked them; these are clicked again, which a model of other packages needs `trust_model_code` for.
    `margin`, in clicks of NoC@90: the page begins with the verdicts of `Comparison.gate`; None: it has none.
    """
    from actors.specs.checked import checked
    from pipelines.jobs.comparison import compare_runs
    from pipelines.jobs.report_files import write_comparison

    opened, place = _storage(storage), _place(out)
    asked = CompareSpec(
        runs=_runs(runs, "compare"), html=place, strips=strips, trust_model_code=trust_model_code
    )
    spec = checked(CompareSpec, asked)
    compared = compare_runs(spec.runs, opened)
    gate = None if margin is None else compared.gate(margin)
    write_comparison(
        compared, place, opened, gate=gate, strips=spec.strips, trust_model_code=spec.trust_model_code
    )
    return compared


def export(spec: ExportSpec, on_progress: OnProgress = _no_progress) -> Exported:
    """Write the masks of a run in the format of another program, and read every one back."""
    from pipelines.jobs import export as job

    return job.run_export(spec, on_progress)


def upgrade(spec: UpgradeSpec, on_progress: OnProgress = _no_progress) -> Upgraded:
    """Make the masks of a run again with another model, but keep those that people have accepted or corrected.

    The figures, and what changed, are also written into the directory of the new run, as `report/`.
    """
    from pipelines.jobs import report_files
    from pipelines.jobs import upgrade as job

    upgraded = job.run_upgrade(spec, on_progress)
    report_files.write_report(expand_home(spec.out), _storage(spec.storage))
    return upgraded


def import_labels(spec: ImportLabelsSpec, on_progress: OnProgress = _no_progress) -> ImportedLabels:
    """Take labels that were corrected in another program into the reviews of the run that they came from."""
    from pipelines.jobs import import_labels as job

    return job.run_import_labels(spec, on_progress)


def verify(spec: VerifySpec, on_progress: OnProgress = _no_progress) -> Verification:
    """Check a run: its files, its rows, and some objects by doing them again."""
    from pipelines.jobs import verify as job

    return job.run_verify(spec, on_progress)


def calibrate(spec: CalibrateSpec) -> Calibrated:
    """Fit the quality of a model's masks to their IoU on finished evaluations, and write it to `spec.out`."""
    from pipelines.jobs import calibrate as job

    return job.run_calibrate(spec)


def certify(spec: CertifySpec) -> Certification:
    """Draw the random audit of a run, or certify its masks if all that were drawn are reviewed or have truth."""
    from pipelines.jobs import certify as job

    return job.run_certify(spec)


def convert(source: str, out: str, storage: StorageOptions = StorageOptions()) -> ConvertedModel:
    """Make a model file of released weights, or of a backbone to train from."""
    from pipelines.jobs.convert import run_convert

    return run_convert(_place(source), _place(out), _storage(storage))


def models() -> list[ListedModel]:
    """The models that come with this release, and those that other packages bring."""
    from pipelines.jobs.model_list import list_models

    return list_models()


def check_model(spec: CheckModelSpec) -> CheckedModel:
    """Try a click model on small images: what it keeps of what the engine counts on, and the time of a click."""
    from pipelines.jobs import check_model as job

    return job.run_check_model(spec)


def bench(spec: BenchSpec) -> BenchResult:
    """Measure what a part of this system costs beside the bare work; takes a minute or some."""
    from pipelines.benchmarks.run import run_bench

    return run_bench(spec)


def open_run(url: str, storage: StorageOptions = StorageOptions()) -> Run:
    """A run of `label` or `evaluate`, to be read: finished, interrupted or still going on.

    Raises:
        RunDirectoryError: there is no such run.
        StorageError: it cannot be read.

    """
    from pipelines.run import Run

    return Run(_place(url), _storage(storage))
