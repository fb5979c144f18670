"""Files of reports: the page of some runs, and the `report/` folder of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeAlias

from infra.storage.files import Storage, join
from pipelines.jobs.clicked_run import ClickedRun
from pipelines.jobs.report import Report, report_of

REPORT_FOLDER = "report"
SUMMARY_FILE = "summary.json"
PAGE_FILE = "report.html"

Reported: TypeAlias = tuple[ClickedRun, Report]


def read_reports(run_urls: Sequence[str], storage: Storage) -> list[Reported]:
    """Read runs and compute their figures. Raises as `build_report` does."""
    runs = (ClickedRun.read(url, storage) for url in run_urls)
    return [(run, report_of(run)) for run in runs]


def write_page(reported: Sequence[Reported], url: str, storage: Storage) -> None:
    """Write one HTML page of some runs, which loads nothing else. StorageError if that is not possible."""
    from pipelines.jobs.report_page.page import render_page  # with matplotlib
    from pipelines.jobs.report_page.page_run import page_run

    page = render_page([page_run(run, report) for run, report in reported])
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
    write_page(reported, join(folder, PAGE_FILE), storage)
    return report
