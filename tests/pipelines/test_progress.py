from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pipelines.progress import (
    SECONDS_BETWEEN_LINES,
    Pace,
    PaceMeter,
    PlainProgress,
    duration,
    figures,
    shown_progress,
)
from pipelines.progress_report import ProgressReport


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pace_counts_from_the_first_move_so_that_slow_starts_and_earlier_runs_do_not_matter() -> None:
    clock = Clock()
    meter = PaceMeter(clock)
    assert meter.pace(ProgressReport(done=1000, total=2000, clicks=5000)) == Pace()
    clock.now += 300  # workers start
    assert meter.pace(ProgressReport(done=1000, total=2000, clicks=5000)) == Pace()
    clock.now += 5
    assert meter.pace(ProgressReport(done=1010, total=2000, clicks=5050)) == Pace()
    clock.now += 10
    pace = meter.pace(ProgressReport(done=1030, total=2000, clicks=5150))
    assert pace == Pace(done_per_second=2.0, clicks_per_second=10.0, seconds_left=485.0)


def test_a_job_over_in_one_move_claims_no_pace() -> None:
    clock = Clock()
    meter = PaceMeter(clock)
    for report in (ProgressReport(0, 4), ProgressReport(4, 4, clicks=80), ProgressReport(4, 4, clicks=80)):
        assert meter.pace(report) == Pace()
        clock.now += 1


def test_time_left_is_unknown_without_a_total() -> None:
    clock = Clock()
    meter = PaceMeter(clock)
    for done in (0, 1, 5):
        pace = meter.pace(ProgressReport(done=done))
        clock.now += 1
    assert pace.done_per_second == 4.0
    assert pace.seconds_left is None


def test_a_shard_that_failed_takes_nothing_off_the_pace() -> None:
    clock = Clock()
    meter = PaceMeter(clock)
    for done in (0, 8, 10, 2, 2, 4):
        pace = meter.pace(ProgressReport(done=done, total=20, clicks=5 * done))
        assert pace.done_per_second is None or pace.done_per_second > 0
        clock.now += 1
    assert pace == Pace(done_per_second=1.0, clicks_per_second=5.0, seconds_left=16.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3600, "1 h 00 min"),
        (7810, "2 h 10 min"),
    ],
)
def test_durations_read_like_speech(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_figures_name_objects_clicks_per_second_quarantined_and_time_left() -> None:
    report = ProgressReport(done=1120, total=1449, clicks=610, quarantined=2)
    pace = Pace(done_per_second=1.0, clicks_per_second=12.14, seconds_left=329.0)
    assert figures(report, pace, "objects") == (
        "1,120/1,449 objects, 12.1 clicks/s, 2 quarantined, 5 min 29 s left"
    )


def test_a_job_without_clicks_shows_its_own_unit_and_note() -> None:
    report = ProgressReport(done=40, total=100, note="loss 0.310")
    assert (
        figures(report, Pace(2.0, 0.0, 30.0), "steps") == "40/100 steps, 2.0 steps/s, loss 0.310, 30 s left"
    )
    assert figures(report, Pace(1 / 60, 0.0, 3600.0), "steps").startswith("40/100 steps, 0.017 steps/s, loss")
    assert (
        figures(report, Pace(0.5, 0.0, 120.0), "steps")
        == "40/100 steps, 0.5 steps/s, loss 0.310, 2 min 00 s left"
    )


def plain(clock: Clock) -> tuple[PlainProgress, io.StringIO]:
    text = io.StringIO()
    return PlainProgress(Console(file=text, width=40), "label", "objects", clock), text


def test_plain_lines_come_at_the_start_in_intervals_and_at_the_end() -> None:
    clock = Clock()
    progress, text = plain(clock)
    for done in range(31):
        progress(ProgressReport(done, 30, clicks=done, quarantined=0))
        clock.now += SECONDS_BETWEEN_LINES / 10
    progress.close()
    lines = text.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == [f"label: {done}/30 objects" for done in (0, 10, 20, 30)]


def test_nothing_is_said_twice() -> None:
    clock = Clock()
    progress, text = plain(clock)
    for _ in range(3):
        progress(ProgressReport(4, 4))
        clock.now += 2 * SECONDS_BETWEEN_LINES
    progress.close()
    assert text.getvalue() == "label: 4/4 objects\n"


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 40.0), min_size=1, max_size=40))
def test_the_last_report_is_always_printed_once(pauses: list[float]) -> None:
    clock = Clock()
    progress, text = plain(clock)
    for done, pause in enumerate(pauses):
        progress(ProgressReport(done))
        clock.now += pause
    progress.close()
    last = f"label: {len(pauses) - 1} objects"
    assert [line.split(",")[0] for line in text.getvalue().splitlines()].count(last) == 1


def test_output_that_is_no_terminal_gets_lines_without_control_characters() -> None:
    text = io.StringIO()
    with shown_progress("label", "objects", Console(file=text)) as on_progress:
        on_progress(ProgressReport(3, 10, quarantined=1))
    assert text.getvalue() == "label: 3/10 objects, 1 quarantined\n"


def test_a_notice_stands_in_a_line_of_its_own_between_the_figures() -> None:
    notice = "another run into this directory [s0.tar] is at work"
    text = io.StringIO()
    with shown_progress("label", "objects", Console(file=text, width=40)) as on_progress:
        on_progress(ProgressReport(3, 10))
        on_progress(ProgressReport(3, 10, notice=notice))
        on_progress(ProgressReport(3, 10))
    assert text.getvalue() == f"label: 3/10 objects\nlabel: {notice}\n"
    console = Console(file=io.StringIO(), force_terminal=True, width=80, record=True)
    with shown_progress("label", "objects", console) as on_progress:
        on_progress(ProgressReport(3, 10, notice=notice))
    assert f"{notice}\n" in console.export_text()


def test_a_terminal_gets_a_bar_that_fits_its_width() -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=80, record=True)
    with shown_progress("evaluate", "objects", console) as on_progress:
        on_progress(ProgressReport(303, 1449, clicks=1660, quarantined=1))
    redrawn = console.export_text().splitlines()[-1][-80:]  # each drawing is as wide as the terminal
    assert redrawn[1:].startswith(" evaluate ━")
    assert redrawn.endswith("303/1,449 objects, 1 quarantined")


def test_an_error_in_the_job_still_ends_the_bar_and_reaches_the_caller() -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    with pytest.raises(RuntimeError, match="job"), shown_progress("label", "objects", console):
        raise RuntimeError("job")
