"""Files of reports: the page of some runs, and the `report/` folder of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from actors.specs.reading import BenchmarkChoice
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage, join
from pipelines.errors import persons_error
from pipelines.inputs.output_names import check_page_name
from pipelines.jobs.clicked_run import ClickedRun
from pipelines.jobs.comparison import Comparison
from pipelines.jobs.gate import Gate
from pipelines.jobs.report import Report, report_of

if TYPE_CHECKING:
    from pipelines.jobs.report_page.page_data import PageStrip
    from pipelines.jobs.report_page.strips import StripPair

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
) -> tuple[str, ...]:
    """Write one HTML page of some runs, which loads nothing else.

    `strips` is how many film strips there are of the worst, the median and the best objects each: with any, these are
    clicked again. A run whose objects cannot be clicked again, since its data set is gone or is another now, has none,
    and the page says why.

    Returns:
        The runs that have no strips although there were to be some, and why, in words.

    Raises:
        StorageError: the page cannot be written.
        OptionError: its name is not that of a page.
    """
    from pipelines.jobs.report_page.page import render_page  # with matplotlib
    from pipelines.jobs.report_page.page_run import page_run

    check_page_name(url)
    pages, without = [], []
    for run, report in reported:
        shown: tuple[PageStrip, ...] = ()
        why_not = ""
        if strips:
            from pipelines.jobs.report_page.strips import strips_of  # with all that clicks

            try:
                shown = strips_of(run, strips, trust_model_code=trust_model_code)
            except Exception as error:
                why_not = _why_no_strips(error)
                without.append(f"no film strips of {report.run_url}: {why_not}")
        pages.append(page_run(run, report, strips=shown, why_no_strips=why_not))
    page = render_page(pages)
    storage.write_bytes(url, page.encode("utf-8", "backslashreplace"))
    return tuple(without)


def _why_no_strips(error: Exception) -> str:
    """Why objects cannot be clicked again, in one line; what is a defect of this program is raised again."""
    why_not = persons_error(error)
    if why_not is None:
        raise error
    return why_not


def write_comparison(
    comparison: Comparison,
    url: str,
    storage: Storage,
    *,
    gate: Gate | None = None,
    strips: int,
    trust_model_code: bool = False,
) -> tuple[str, ...]:
    """Write one HTML page of a comparison, which loads nothing else.

    `gate` has the verdicts on the runs, if there are any. `strips` is how many of the objects that got most worse are
    shown as they were clicked in both runs: with any, these are clicked again. Returns and raises as `write_page` does.
    """
    from pipelines.jobs.report_page.comparison_page import render_comparison  # with matplotlib

    check_page_name(url)
    first, *others = comparison.runs
    pairs: dict[str, tuple[StripPair, ...]] = {}
    why_no_pairs: dict[str, str] = {}
    for run in others if strips else ():
        if run.changes is not None:
            from pipelines.jobs.report_page.strips import strips_of_changes  # with all that clicks

            try:
                pairs[run.url] = strips_of_changes(
                    RunDirectory(first.url, storage),
                    RunDirectory(run.url, storage),
                    run.changes.figure,
                    run.changes.worst(strips),
                    trust_model_code=trust_model_code,
                )
            except Exception as error:
                why_no_pairs[run.url] = _why_no_strips(error)
    page = render_comparison(comparison, gate, pairs, why_no_pairs)
    storage.write_bytes(url, page.encode("utf-8", "backslashreplace"))
    return tuple(f"no film strips of {run}: {why_not}" for run, why_not in why_no_pairs.items())


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
