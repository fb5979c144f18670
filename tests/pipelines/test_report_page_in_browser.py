"""The page as Debian's chromium shows it: on a phone and a desk, in the dark, on paper."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.pipelines.chromium import needs_chromium
from tests.pipelines.clicked_runs import begin, commit
from tests.pipelines.page_contrast import LUMINANCE
from tests.pipelines.page_runs import drawn_run, page_of

pytestmark = needs_chromium

NAME = "a-name-without-any-place-to-break-it" * 3


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a run with all its parts and of one with mixed starts and a long name."""
    folder = tmp_path_factory.mktemp("runs")
    run = drawn_run(str(folder / "run"))
    other = begin(str(folder / NAME), num_shards=2)
    commit(other, "s0.tar", [(0.5, 0.97), (0.96,), (0.2, 0.96)], start_ious=[0.3, 0.4, None])
    page_of(run.url, other.url)
    return folder / "run" / "page.html"


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    page = browser.new_page(color_scheme="light")
    page.goto(file.as_uri())
    yield page
    page.close()


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_the_page_is_no_wider_than_the_window(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    beyond = page.evaluate(
        """[...document.querySelectorAll("main *")].filter((one) => !one.closest(".scroll table, svg")
            && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert beyond == []


def test_text_in_plots_can_be_read_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    heights = page.evaluate(
        """[...document.querySelectorAll("svg text")].map((text) => text.getBoundingClientRect().height)"""
    )
    assert heights
    assert min(heights) > 9


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_the_paper(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    least = page.evaluate(
        LUMINANCE
        + """
        const texts = [...document.querySelectorAll("svg text, p, td, th, dt, dd, h1, h2, h3, a, figcaption")];
        Math.min(...texts.map((text) => contrast(
            text.closest("svg") ? getComputedStyle(text).fill : getComputedStyle(text).color, paper)));
        """
    )
    assert least >= 4.5


def test_the_dark_is_dark_and_lines_of_plots_are_seen_in_it(page: Page) -> None:
    light = page.evaluate(f"{LUMINANCE} luminance(paper)")
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(f"{LUMINANCE} luminance(paper)")
    assert (light > 0.9, dark < 0.05) == (True, True)
    least = page.evaluate(
        LUMINANCE
        + """
        const paths = [...document.querySelectorAll("svg path[style*='stroke: var(--series']")];
        Math.min(...paths.map((path) => contrast(getComputedStyle(path).stroke, paper)));
        """
    )
    assert 3 <= least < 21


def test_nothing_is_asked_for_beside_the_page(browser: Browser, file: Path) -> None:
    page = browser.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri(), wait_until="networkidle")
    assert asked == [file.as_uri()]
    assert said == [], "the policy of the page forbids something that is in it"
    page.close()


def test_on_paper_all_sections_are_there_in_light_and_no_table_is_cut(page: Page) -> None:
    page.set_viewport_size({"width": 700, "height": 1000})  # A4 less its margins
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(f"{LUMINANCE} luminance(paper)") > 0.9
    cut = page.evaluate(
        """[...document.querySelectorAll("table")].filter((table) =>
            table.getBoundingClientRect().right > document.body.getBoundingClientRect().right + 1).length"""
    )
    assert cut == 0
    pdf = page.pdf(format="A4")
    headings = page.locator("h2, h3").count()
    assert outline(page.pdf(format="A4", outline=True, tagged=True)) >= headings
    assert len(re.findall(rb"/Type /Page\b", pdf)) >= 4


def test_on_paper_no_number_and_no_short_word_of_a_table_is_broken_in_two(page: Page) -> None:
    page.set_viewport_size({"width": 700, "height": 1000})
    page.emulate_media(media="print")
    words = page.evaluate(
        """() => {
            const lines = [];
            const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
            for (let node = texts.nextNode(); node; node = texts.nextNode()) {
                if (!node.parentElement.closest("table")) continue;
                for (const word of node.data.matchAll(/[^\\s]{1,12}(?![^\\s])/g)) {
                    const range = document.createRange();
                    range.setStart(node, word.index);
                    range.setEnd(node, word.index + word[0].length);
                    lines.push([word[0], new Set([...range.getClientRects()].map((one) => one.top)).size]);
                }
            }
            return lines;
        }"""
    )
    assert len(words) > 200
    assert [word for word, count in words if count != 1 and word not in NAME] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_that_goes_on_at_the_right_has_a_shadow_there_until_its_end_is_reached(
    page: Page, scheme: str
) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    table = page.locator(".scroll").filter(has_text="after clicks").first
    assert table.evaluate("(one) => one.scrollWidth > one.clientWidth")

    def right_edge() -> float:
        """Brightness of the last column of pixels."""
        with Image.open(io.BytesIO(table.screenshot())) as picture:
            return float(np.asarray(picture.convert("L"))[:, -1].mean())

    shadow = right_edge()
    table.evaluate("(one) => { one.scrollLeft = one.scrollWidth; }")
    paper = right_edge()
    assert abs(shadow - paper) > 20


def outline(pdf: bytes) -> int:
    """The number of entries in the outline of a PDF."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    text = pdf + b"".join(_inflated(stream) for stream in streams)
    return len(re.findall(rb"/Title\b", text))


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""
