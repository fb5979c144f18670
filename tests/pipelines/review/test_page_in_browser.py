"""The page of a review as people use it, in Debian's chromium: with a mouse, by keyboard, on a phone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from actors.specs.export import ExportSpec
from infra import rle
from infra.runs.reviews import Clicked, Imported, Review, ReviewMask, Reviews, Verdict, read_reviews
from infra.runs.run_directory import RunDirectory
from pipelines.jobs.export import run_export
from tests.pipelines.chromium import needs_chromium
from tests.pipelines.page_contrast import LUMINANCE
from tests.pipelines.review.reviewed_runs import Server, served

pytestmark = [needs_chromium, pytest.mark.usefixtures("same_threads")]
expect.set_options(timeout=20_000)  # a model is loaded, on a machine that does other things too
TEXTS = "h1, h2, p, label, legend, dt, dd, button, option, .key, .figure, .verdict, kbd"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    # the tests measure in the page, which its own policy forbids to everybody else
    context = browser.new_context(color_scheme="light", bypass_csp=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


@pytest.fixture(scope="module")
def shown_server(labelled_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Of a run that no test decides on."""
    run = tmp_path_factory.mktemp("shown") / "run"
    shutil.copytree(labelled_demo / "run", run)
    with served(str(run)) as server:
        yield server


def open_page(page: Page, server: Server) -> None:
    page.goto(server.url)
    expect(page.locator("#facts dd").first).to_be_visible()
    expect(page.locator("#busy")).to_be_hidden()


def click_picture(page: Page, right: float, down: float, **how: Any) -> None:
    """Click at a share of the picture's width and height, and wait for the model."""
    before = page.locator("#picture").get_attribute("aria-label")
    box = page.locator("#picture").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * right, box["y"] + box["height"] * down, **how)
    expect(page.locator("#picture")).not_to_have_attribute("aria-label", before or "")
    expect(page.locator("#busy")).to_be_hidden()


def title(page: Page) -> str:
    return page.locator("#title").inner_text()


def decide_by(page: Page, button: str) -> None:
    """Press a button that decides, and wait until the page says that it is saved and shows another object."""
    before = title(page)
    page.locator(button).click()
    expect(page.locator("#saved")).to_have_text("Saved")
    expect(page.locator("#title")).not_to_have_text(before)
    expect(page.locator("#busy")).to_be_hidden()


def test_three_are_corrected_and_one_rejected_over_a_kill_and_the_export_has_it_all(
    page: Page, demo_run: RunDirectory, tmp_path: Path
) -> None:
    decided: list[tuple[str, str]] = []

    def correct() -> None:
        key, _, object_id = title(page).partition(" · object ")
        click_picture(page, 0.5, 0.45)
        click_picture(page, 0.2, 0.5, button="right")
        expect(page.locator("#accept-text")).to_have_text("Save mask")
        decide_by(page, "#accept")
        decided.append((key, object_id))

    with served(demo_run.url, "--reviewer", "Ada") as server:
        open_page(page, server)
        correct()
        correct()
        click_picture(page, 0.5, 0.5)  # work that is not saved when the server dies
        unsaved = title(page)
        server.process.kill()
        server.process.wait()
        page.locator("#accept").click()
        expect(page.locator("#saved")).to_have_text("Not saved")
        expect(page.locator("#alert")).to_contain_text("1 decision waits in this browser")
        assert len(read_reviews(demo_run)) == 2
        port = server.url.split(":")[2].split("/")[0]
    with served(demo_run.url, "--reviewer", "Ada", "--port", port) as server:
        open_page(page, server)  # what waited is sent
        expect(page.locator("#saved")).to_have_text("Saved")
        key, _, object_id = unsaved.partition(" · object ")
        decided.append((key, object_id))
        expect(page.locator("#count")).to_have_text("3 of 9 decided")
        rejected = title(page)
        decide_by(page, "#reject")
        expect(page.locator("#count")).to_have_text("4 of 9 decided")
    reviews = read_reviews(demo_run)
    assert [reviews[name].verdict for name in decided] == [Verdict.CORRECTED] * 3
    key, _, object_id = rejected.partition(" · object ")
    assert reviews[key, object_id].verdict is Verdict.REJECTED
    assert {review.reviewer for review in reviews.values()} == {"Ada"}

    exported = run_export(ExportSpec(run=demo_run.url, format="coco", to=str(tmp_path / "coco")))
    assert (exported.objects, exported.reviewed, exported.corrected, exported.rejected) == (8, 3, 3, 1)
    document = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    keys = {image["id"]: Path(image["file_name"]).stem for image in document["images"]}
    masks = {
        (keys[one["image_id"]], one["object_id"]): one["segmentation"] for one in document["annotations"]
    }
    assert (key, object_id) not in masks
    for name in decided:
        mask = reviews[name].mask
        assert mask is not None
        read = rle.decode(masks[name]["counts"].encode(), mask.height, mask.width)
        assert np.array_equal(read, rle.decode(mask.rle, mask.height, mask.width))


def test_everything_goes_by_keyboard(page: Page, demo_run: RunDirectory) -> None:
    with served(demo_run.url) as server:
        open_page(page, server)
        first = title(page)
        page.keyboard.press("j")
        expect(page.locator("#title")).not_to_have_text(first)
        page.keyboard.press("k")
        expect(page.locator("#title")).to_have_text(first)
        page.locator("#picture").focus()
        for _ in range(3):
            page.keyboard.press("ArrowUp")
        page.keyboard.press("f")
        expect(page.locator("#facts")).to_contain_text("Your clicks\n1", use_inner_text=True)
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("b")
        expect(page.locator("#facts")).to_contain_text("Your clicks\n2", use_inner_text=True)
        page.keyboard.press("z")
        expect(page.locator("#facts")).to_contain_text("Your clicks\n1", use_inner_text=True)
        page.keyboard.press("Shift+Z")
        expect(page.locator("#facts")).to_contain_text("Your clicks\n2", use_inner_text=True)
        page.keyboard.press("v")
        expect(page.locator("#compare")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("v")
        page.keyboard.press("l")
        page.keyboard.type("cup")
        page.keyboard.press("Enter")  # accepts with it
        expect(page.locator("#saved")).to_have_text("Saved")
        expect(page.locator("#title")).not_to_have_text(first)
        (review,) = read_reviews(demo_run).values()
        assert (review.verdict, review.category) == (Verdict.CORRECTED, "cup")
        assert review.mask is not None and isinstance(review.mask.origin, Clicked)
        assert [one.is_foreground for one in review.mask.origin.clicks] == [True, False]

        page.locator("#picture").focus()
        page.keyboard.press("n")
        expect(page.locator("#title")).to_contain_text("new object")
        expect(page.locator("#accept")).to_be_disabled()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("f")
        expect(page.locator("#facts")).to_contain_text("Your clicks\n1", use_inner_text=True)
        expect(page.locator("#accept")).to_be_enabled()
        page.keyboard.press("a")
        expect(page.locator("#status")).to_contain_text("Added, saved")
        verdicts = sorted(review.verdict for review in read_reviews(demo_run).values())
        assert verdicts == [Verdict.ADDED, Verdict.CORRECTED]


def test_clicks_that_were_not_saved_are_there_after_a_reload(page: Page, shown_server: Server) -> None:
    open_page(page, shown_server)
    click_picture(page, 0.5, 0.4)
    page.reload()
    expect(page.locator("#facts")).to_contain_text("Your clicks\n1", use_inner_text=True)


def test_a_long_queue_is_read_on_without_leaving_anything_out(page: Page, demo_run: RunDirectory) -> None:
    with served(demo_run.url) as server:

        def fewer(route: Any) -> None:
            route.continue_(url=route.request.url.replace("count=100", "count=3"))

        page.route("**/queue?*", fewer)
        open_page(page, server)
        seen = []
        for number in range(9):
            seen.append(title(page))
            page.keyboard.press("a" if number % 2 else "r")
            expect(page.locator("#count")).to_have_text(f"{number + 1} of 9 decided")
            expect(page.locator("#saved")).to_have_text("Saved")
        assert len(set(seen)) == 9
        expect(page.locator("#empty")).to_be_visible()
        assert len(read_reviews(demo_run)) == 9


def test_who_was_second_is_told_and_keeps_their_clicks(page: Page, demo_run: RunDirectory) -> None:
    from tests.pipelines.review.reviewed_runs import decision

    with served(demo_run.url, "--reviewer", "Ada") as ada, served(demo_run.url, "--reviewer", "Bob") as bob:
        open_page(page, ada)
        mine = title(page)
        click_picture(page, 0.5, 0.4)
        one = bob.ask("queue")[1]["objects"][0]
        assert bob.ask("decide", decision(one, "rejected"))[0] == 200
        page.locator("#accept").click()
        expect(page.locator("#alert")).to_contain_text("Bob was first")
        expect(page.locator("#facts")).to_contain_text("Rejected")
        expect(page.locator("#facts")).to_contain_text("Your clicks\n1", use_inner_text=True)
        assert title(page) == mine
        (review,) = read_reviews(demo_run).values()
        assert review.reviewer == "Bob"
        page.locator("#accept").click()  # now that Bob's decision was seen
        expect(page.locator("#saved")).to_have_text("Saved")
        (review,) = read_reviews(demo_run).values()
        assert (review.reviewer, review.verdict) == ("Ada", Verdict.CORRECTED)


def test_an_imported_mask_is_shown_and_accepting_it_keeps_it(page: Page, demo_run: RunDirectory) -> None:
    (row, *_) = sorted(demo_run.read_masks().to_pylist(), key=lambda row: float(row["quality"]))
    whole = rle.encode(np.ones((row["height"], row["width"]), np.bool_))
    imported = Review(
        shard=row["shard"],
        sample_key=row["sample_key"],
        object_id=row["object_id"],
        verdict=Verdict.CORRECTED,
        reviewer="Ada",
        time=datetime(2026, 11, 29, tzinfo=UTC),
        decision="elsewhere",
        attempt=demo_run.record_of(row["shard"]).attempt,
        mask=ReviewMask(row["height"], row["width"], whole, Imported("labels.json", "coco")),
        iou=0.5,
    )
    Reviews(demo_run).put(imported, 0)
    with served(demo_run.url) as server:
        open_page(page, server)
        page.locator("#show").select_option("decided")
        expect(page.locator("#listed")).to_contain_text("1 objects")
        expect(page.locator("#facts")).to_contain_text("Corrected")
        page.wait_for_timeout(200)
        corrected = page.locator("#picture").screenshot()
        page.keyboard.press("v")
        page.wait_for_timeout(200)
        assert page.locator("#picture").screenshot() != corrected
        page.keyboard.press("v")
        page.locator("#category").fill("cup")
        page.locator("#accept").click()
        expect(page.locator("#saved")).to_have_text("Saved")
        (review,) = read_reviews(demo_run).values()
        assert (review.verdict, review.mask, review.category) == (Verdict.CORRECTED, imported.mask, "cup")
        page.locator("#withdraw").click()
        expect(page.locator("#facts")).to_contain_text("Taken back")
        expect(page.locator("#category")).not_to_have_value("cup")
        page.wait_for_timeout(200)
        assert page.locator("#picture").screenshot() != corrected


def test_a_browser_that_keeps_nothing_saves_all_the_same(page: Page, demo_run: RunDirectory) -> None:
    page.add_init_script(
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };"
    )
    with served(demo_run.url) as server:
        open_page(page, server)
        click_picture(page, 0.5, 0.4)
        decide_by(page, "#accept")
        decide_by(page, "#reject")
    assert sorted(review.verdict for review in read_reviews(demo_run).values()) == [
        Verdict.CORRECTED,
        Verdict.REJECTED,
    ]


def test_what_was_saved_is_not_called_unsaved_because_the_next_object_does_not_come(
    page: Page, demo_run: RunDirectory
) -> None:
    with served(demo_run.url) as server:
        open_page(page, server)
        page.route("**/overview?*", lambda route: route.abort())
        decide_by(page, "#accept")
        expect(page.locator("#alert")).to_contain_text("The server does not answer")
        expect(page.locator("#saved")).to_have_text("Saved")
    assert len(read_reviews(demo_run)) == 1


def test_clicks_that_no_model_answers_stay(page: Page, demo_run: RunDirectory) -> None:
    with served(demo_run.url) as server:
        open_page(page, server)
        click_picture(page, 0.5, 0.4)
        refusal = {"status": 422, "json": {"error": "no clicks can be made: the model is gone"}}
        page.route("**/answer", lambda route: route.fulfill(**refusal))
        click_picture(page, 0.3, 0.4)
        expect(page.locator("#alert")).to_contain_text("the model is gone")
        page.reload()
        expect(page.locator("#facts")).to_contain_text("Your clicks\n2", use_inner_text=True)
        page.unroute("**/answer")
        page.reload()
        expect(page.locator("#facts")).to_contain_text("Your clicks\n2", use_inner_text=True)
        expect(page.locator("#busy")).to_be_hidden()
        expect(page.locator("#facts")).to_contain_text("Expected IoU")


def test_the_list_is_that_of_the_order_that_was_chosen_last(page: Page, shown_server: Server) -> None:
    open_page(page, shown_server)
    held: list[Any] = []
    page.route("**/queue?order=gain*", lambda route: held.extend([route]))
    page.locator("#order").select_option("gain")
    page.locator("#order").select_option("images")
    expect(page.locator("#listed")).to_have_text("6 images")
    held[0].continue_()
    page.wait_for_timeout(500)
    expect(page.locator("#list li")).to_have_count(6)
    expect(page.locator("#title")).to_contain_text("new object")


def test_the_whole_queue_can_be_gone_through_and_back(page: Page, shown_server: Server) -> None:
    open_page(page, shown_server)
    seen = [title(page)]
    for key, times in (("j", 8), ("k", 8), ("j", 8)):
        for _ in range(times):
            page.keyboard.press(key)
            expect(page.locator("#title")).not_to_have_text(seen[-1])
            expect(page.locator("#busy")).to_be_hidden()
            seen.append(title(page))
    assert len(set(seen)) == 9
    assert seen[:9] == seen[8:17][::-1]
    click_picture(page, 0.5, 0.4)
    page.locator("#order").select_option("images")
    expect(page.locator("#listed")).to_have_text("6 images")
    expect(page.locator("#title")).to_contain_text("new object")
    expect(page.locator("#reject")).to_be_disabled()


def test_the_probability_map_and_zoom_show(page: Page, shown_server: Server) -> None:
    open_page(page, shown_server)

    def picture() -> bytes:
        page.wait_for_timeout(150)
        return page.locator("#picture").screenshot()

    plain = picture()
    page.keyboard.press("+")
    zoomed = picture()
    page.keyboard.press("0")
    assert zoomed != plain
    assert picture() == plain
    with page.expect_response(lambda response: response.url.endswith("/probabilities")) as answer:
        page.keyboard.press("p")
    assert answer.value.ok
    assert picture() != plain
    page.keyboard.press("p")
    page.locator("#opacity").fill("0")
    assert picture() != plain


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_text_has_the_contrast_of_wcag_aa_and_the_page_fits(
    page: Page, shown_server: Server, scheme: Any, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    open_page(page, shown_server)
    if width == 375:
        page.locator("#queue-open").click()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    low = page.evaluate(
        LUMINANCE
        + """
        const behind = (one) => {
            for (; one; one = one.parentElement) {
                const colour = getComputedStyle(one).backgroundColor;
                if (!/, 0\\)$/.test(colour)) return colour;
            }
            return "rgb(255, 255, 255)";
        };
        [...document.querySelectorAll(TEXTS)]
            .filter((one) => one.offsetParent !== null && one.innerText && !one.closest(":disabled"))
            .map((one) => [one.innerText.slice(0, 40), contrast(getComputedStyle(one).color, behind(one))])
            .filter(([, ratio]) => ratio < 4.5);
        """.replace("TEXTS", json.dumps(TEXTS))
    )
    assert low == []
    edges = page.evaluate(
        LUMINANCE
        + """
        [...document.querySelectorAll("main button, select, input:not([type])")]
            .filter((one) => one.offsetParent !== null && !one.disabled)
            .map((one) => [one.id, contrast(getComputedStyle(one).borderColor, paper)])
            .filter(([, ratio]) => ratio < 3);
        """
    )
    assert edges == []


def test_every_control_has_a_name_and_can_be_touched(page: Page, shown_server: Server) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    open_page(page, shown_server)
    controls = page.locator("button:visible, select:visible, input:visible, canvas:visible")
    assert controls.count() > 15
    for number in range(controls.count()):
        control = controls.nth(number)
        named = control.evaluate(
            """(one) => one.getAttribute("aria-label") || one.innerText
                || [...(one.labels ?? [])].map((label) => label.innerText).join(" ")"""
        )
        assert named.strip(), control.evaluate("(one) => one.outerHTML")
        box = control.bounding_box()
        assert box is not None and min(box["width"], box["height"]) >= 16
    sizes = page.locator("button:visible").evaluate_all(
        "(all) => all.map((one) => Math.min(one.offsetWidth, one.offsetHeight))"
    )
    assert min(sizes) >= 24  # WCAG 2.2, 2.5.8
    tree = page.locator("body").aria_snapshot()
    for said in (
        'application "Image coffee',
        'button "Accept A"',
        "0 of 9 decided",
    ):
        assert said in tree


def test_a_tap_on_a_phone_corrects(browser: Browser, demo_run: RunDirectory) -> None:
    with served(demo_run.url) as server:
        context = browser.new_context(viewport={"width": 375, "height": 800}, has_touch=True, is_mobile=True)
        page = context.new_page()
        open_page(page, server)
        box = page.locator("#picture").bounding_box()
        assert box is not None
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(page.locator("#facts")).to_contain_text("Your clicks")
        page.locator("#accept").tap()
        expect(page.locator("#saved")).to_have_text("Saved")
        (review,) = read_reviews(demo_run).values()
        assert review.verdict is Verdict.CORRECTED
        context.close()


def test_nothing_but_the_page_is_asked_for_and_its_policy_forbids_nothing_that_it_needs(
    browser: Browser, shown_server: Server
) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    open_page(page, shown_server)
    assert all(url.startswith(shown_server.url) for url in asked)
    assert said == []
    context.close()
