"""Files of reports: the page of some runs, and the `report/` folder of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from actors.specs.reading import BenchmarkChoice
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage, join
from pipelines.jobs.clicked_run import ClickedRun
from pipelines.jobs.comparison import Comparison
from pipelines.jobs.gate import Gate
from pipelines.jobs.report import Report, report_of

if TYPE_CHECKING:
    from pipelines.jobs.report_page.page_data import PageStrip

REPORT_FOLDER = "report"
SUMMARY_FILE = "summary.json"
PAGE_FILE = "report.html"

Reported: TypeAlias = tuple[ClickedRun, Report]


def read_reports(
    run_urls: Sequence[str], storage: Storage, benchmark: BenchmarkChoice = "auto"
) -> list[Reported]:
    """Read runs and compute their figures. Raises as `report_of` does."""
    runs = (ClickedRun.read(url, storage) for url in run_urls)
    return [(run, report_of(run, benchmark)) for run in runs]


def write_page(
    reported: Sequence[Reported], url: str, storage: Storage, *, strips: int, trust_model_code: bool = False
) -> None:
    """Write one HTML page of some runs, which loads nothing else.

    `strips` is how many film strips there are of the worst, the median and the best objects each: with any, these are
    clicked again.

    Raises:
        StorageError: the page cannot be written.
        OptionError, InfraError: with strips, if the data set of a run is not there any more, or is another now.
    """
    from pipelines.jobs.report_page.page import render_page  # with matplotlib
    from pipelines.jobs.report_page.page_run import page_run

    pages = []
    for run, report in reported:
        shown: tuple[PageStrip, ...] = ()
        if strips:
            from pipelines.jobs.report_page.strips import strips_of  # with all that clicks

            shown = strips_of(run, strips, trust_model_code=trust_model_code)
        pages.append(page_run(run, report, strips=shown))
    page = render_page(pages)
    storage.write_bytes(url, page.encode("utf-8", "backslashreplace"))


def write_comparison(
    comparison: Comparison,
    url: str,
    storage: Storage,
    *,
    gate: Gate | None = None,
    strips: int,
    trust_model_code: bool = False,
) -> None:
    """Write one HTML page of a comparison, which loads nothing else.

    `gate` has the verdicts on the runs, if there are any. `strips` is how many of the objects that got most worse are
    shown as they were clicked in both runs: with any, these are clicked again. Raises as `write_page` does.
    """
    from pipelines.jobs.report_page.comparison_page import render_comparison  # with matplotlib

    first, *others = comparison.runs
    pairs = {}
    for run in others if strips else ():
        if run.changes is not None:
            from pipelines.jobs.report_page.strips import strips_of_changes  # with all that clicks

            pairs[run.url] = strips_of_changes(
                RunDirectory(first.url, storage),
                RunDirectory(run.url, storage),
                run.changes.figure,
                run.changes.worst(strips),
                trust_model_code=trust_model_code,
            )
    page = render_comparison(comparison, gate, pairs)
    storage.write_bytes(url, page.encode("utf-8", "backslashreplace"))


def write_report(run_url: str, storage: Storage) -> Report:
    """Write `report/summary.json` and `report/report.html` into a run, and return its figures.

    Raises as `build_report` does, and StorageError if a file cannot be written.
    """
    reported = read_reports([run_url], storage)
    report = reported[0][1]
    folder = join(run_url, REPORT_FOLDER)
    summary = f"{json.dumps(report.to_json(), indent=1)}\n"
    storage.write_bytes(join(folder, SUMMARY_FILE), summary.encode())
    write_page(reported, join(folder, PAGE_FILE), storage, strips=0)
    return report
