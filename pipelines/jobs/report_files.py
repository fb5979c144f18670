"""The `report/` folder of a run: the figures for programs, and the mean IoU by click as a drawing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from infra.storage.files import Storage, join
from pipelines.jobs.report import Report

REPORT_FOLDER = "report"
SUMMARY_FILE = "summary.json"
_WIDTH, _HEIGHT = 560, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 20, 36, 48
_GRID = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def write_report(report: Report, storage: Storage) -> list[str]:
    """Write `report/summary.json` and, with truth, `report/mean_iou.svg` into the run; returns their URLs."""
    folder = join(report.run_url, REPORT_FOLDER)
    files = {SUMMARY_FILE: json.dumps(report.to_json(), indent=1)}
    if report.figures is not None:
        part = "" if report.unfinished is None else f", {report.unfinished}"
        files["mean_iou.svg"] = curve_svg(
            report.figures.mean_iou, f"{report.objects_with_truth:,} objects{part}"
        )
    for name, text in files.items():
        storage.write_bytes(join(folder, name), f"{text}\n".encode())
    return [join(folder, name) for name in files]


def curve_svg(mean_iou: Sequence[float], subject: str) -> str:
    """Draw mean IoU (0 to 1) after clicks 1, 2, ... as an SVG; `subject` says in the title what it is the mean over."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
            f'height="{_HEIGHT}" font-family="sans-serif" font-size="12" fill="#333333">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
            f'<text x="{_LEFT}" y="22" font-size="14">Mean IoU after each click, {subject}</text>',
            *_axes(len(mean_iou)),
            *_line(mean_iou),
            "</svg>",
        ]
    )


def _axes(num_clicks: int) -> Iterator[str]:
    for level in _GRID:
        y = _y(level)
        yield f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#dddddd"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{level:.1f}</text>'
    # a label every few clicks, and always one under the first
    step = 1 if num_clicks <= 20 else -(-num_clicks // 20)
    for click in range(1, num_clicks + 1, step):
        x = _x(click, num_clicks)
        yield f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{click}</text>'
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield f'<text x="{middle:.1f}" y="{_HEIGHT - 10}" text-anchor="middle">clicks</text>'


def _line(mean_iou: Sequence[float]) -> Iterator[str]:
    points = [(_x(click, len(mean_iou)), _y(level)) for click, level in enumerate(mean_iou, 1)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline points="{path}" fill="none" stroke="#1f6fb4" stroke-width="2"/>'
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#1f6fb4"/>'


def _x(click: int, num_clicks: int) -> float:
    inset = 12
    return _LEFT + inset + (click - 1) / max(num_clicks - 1, 1) * (_WIDTH - _LEFT - _RIGHT - 2 * inset)


def _y(level: float) -> float:
    return _TOP + (1 - level) * (_HEIGHT - _TOP - _BOTTOM)
