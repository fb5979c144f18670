"""Runs whose pages have every part, or lack one, with what the pages are asked for."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import SetAsideShard, note_set_aside
from infra.storage.files import Storage
from pipelines.jobs.decided import Decided, Verdict, write_decided
from pipelines.jobs.report_files import read_reports, write_page
from tests.pipelines.clicked_runs import Ious, begin, commit

SCRIPT = "<script>alert('x')</script>"


def drawn_run(url: str, *, num_shards: int = 4, num_objects: int = 12, max_clicks: int = 20) -> RunDirectory:
    """Shards of objects with truth whose IoU rises from click to click, errors, and a shard that was set aside."""
    rng = np.random.default_rng(7)
    run = begin(url, max_clicks=max_clicks, num_shards=num_shards + 1)
    for shard in range(num_shards):
        objects = [_rising(rng, max_clicks) for _ in range(num_objects)]
        commit(run, f"s{shard}.tar", objects, ["undecodable_image", SCRIPT], end_below_target="max_clicks")
    note_set_aside(run.storage, run.url, SetAsideShard(f"{SCRIPT}.tar", 3, f"no file {SCRIPT}"))
    return run


def decided_run(url: str, *objects: Ious) -> RunDirectory:
    """A run that ended after two of five shards, one of them decisive; the objects are in the first."""
    run = begin(url, num_shards=5)
    commit(run, "s0.tar", objects)
    commit(run, "s1.tar", [])
    decided = Decided(
        verdict=Verdict.WORSE,
        low=0.5,
        high=2.25,
        alpha=0.05,
        margin=0.0,
        base_run="base",
        shards_used=1,
        num_shards=5,
        objects_used=2,
        objects_saved=6,
        num_objects=8,
    )
    write_decided(run.url, decided, run.storage)
    return run


def _rising(rng: np.random.Generator, max_clicks: int) -> tuple[float, ...]:
    speed = rng.uniform(0.15, 1.5)
    ious = 1 - 0.6 * np.exp(-speed * np.arange(1, max_clicks + 1))
    done = np.flatnonzero(ious >= 0.95)
    return tuple(ious[: done[0] + 1 if done.size else max_clicks].tolist())


def page_of(*urls: str) -> str:
    """The page of runs, by the job that writes it."""
    file = Path(urls[0]) / "page.html"
    write_page(read_reports(urls, Storage()), str(file), Storage(), strips=0)
    return file.read_text()


class ReadPage(HTMLParser):
    """What a page holds: tags, attributes, ids, and the text between tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._is_in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
            self._is_in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._is_in_cell = False

    def handle_data(self, data: str) -> None:
        if self._is_in_cell:
            self.rows[-1][-1] += f" {data}"
        self.text += data

    def values(self, name: str) -> list[str]:
        """The values of an attribute, in order."""
        return [value for attribute, value in self.attributes if attribute == name]

    def row(self, heading: str) -> list[list[str]]:
        """The cells, in words, behind each row heading that begins so."""
        rows = [[" ".join(cell.split()) for cell in row] for row in self.rows]
        return [row[1:] for row in rows if row and row[0].startswith(heading)]
