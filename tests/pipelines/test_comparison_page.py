"""The page of a comparison has its figures, its verdicts, and the objects that got worse with their pictures."""

from __future__ import annotations

import base64
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from infra.storage.files import Storage
from pipelines.jobs.comparison import Comparison, compare_runs
from pipelines.jobs.object_changes import ObjectChange, ObjectChanges
from pipelines.jobs.report_files import write_comparison
from pipelines.jobs.report_page.plots.changes import edges_around_zero
from tests.actors.shapes import write_shapes
from tests.pipelines.clicked_runs import Ious, begin, commit
from tests.pipelines.page_runs import SCRIPT, ReadPage, decided_run
from tests.pipelines.past_runs import label_here
from tests.specs import changed, label_spec

STORAGE = Storage()
QUICK, SLOW, SLOWER = (0.5, 0.96), (0.5, 0.6, 0.96), (0.5, 0.6, 0.88, 0.96)


def run_of(folder: Path, *objects: Ious) -> str:
    run = begin(str(folder))
    commit(run, f"{SCRIPT}.tar", objects)
    return run.url


def page_of(compared: Comparison, folder: Path, *, margin: float | None = None, strips: int = 0) -> ReadPage:
    gate = None if margin is None else compared.gate(margin)
    write_comparison(compared, str(folder / "page.html"), STORAGE, gate=gate, strips=strips)
    return ReadPage((folder / "page.html").read_text())


@pytest.fixture
def compared(tmp_path: Path) -> Comparison:
    first = run_of(tmp_path / "first", QUICK, SLOW, QUICK, SLOWER, QUICK, QUICK)
    later = run_of(tmp_path / "later", SLOW, QUICK, SLOWER, SLOWER, QUICK, QUICK)
    return compare_runs([first, later], STORAGE)


def test_objects_that_got_worse_are_told_the_worst_first(compared: Comparison) -> None:
    changes = compared.runs[1].changes
    assert changes is not None
    assert (changes.figure, changes.num_worse, changes.num_better) == ("noc90", 2, 1)
    shard = f"{SCRIPT}.tar"
    assert changes.worst(5) == (
        ObjectChange(f"{shard}/1", "0", before=2, after=4),
        ObjectChange(f"{shard}/0", "0", before=2, after=3),
    )
    assert changes.worst(1) == changes.worst(5)[:1]


def test_iou_decides_if_no_noc_is_defined(tmp_path: Path) -> None:
    runs = []
    for name, last in (("first", 0.6), ("later", 0.5)):
        run = begin(str(tmp_path / name), target_iou=0.5)
        commit(run, "s0.tar", [(last,), (0.8,)], end_below_target="target_reached")
        runs.append(run.url)
    changes = compare_runs(runs, STORAGE).runs[1].changes
    assert changes is not None
    assert changes.figure == "mean_iou"
    assert changes.worst(9) == (ObjectChange("s0.tar/0", "0", before=0.6, after=0.5),)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=30), st.booleans())
def test_every_object_is_worse_better_or_the_same(pairs: list[tuple[int, int]], is_cost: bool) -> None:
    before, after = np.array(pairs, float).T
    names = np.array([f"{number}\0x" for number in range(len(pairs))], object)
    changes = ObjectChanges("noc90", is_cost, names, before, after)
    assert changes.num_worse + changes.num_better == np.count_nonzero(before != after)
    worst = changes.worst(len(pairs))
    assert len(worst) == changes.num_worse
    losses = [(one.after - one.before) * (1 if is_cost else -1) for one in worst]
    assert losses == sorted(losses, reverse=True)
    assert all(loss > 0 for loss in losses)


@given(st.lists(st.integers(-100, 100).filter(bool), min_size=1, max_size=30))
def test_bars_of_the_histogram_are_alike_for_gains_and_losses_of_one_size(changes: list[int]) -> None:
    losses = np.array(changes, float)
    edges = edges_around_zero(losses, is_whole=True)
    counts = np.histogram(losses, edges)[0]
    assert counts.sum() == len(changes)
    assert len(counts) <= 41
    assert np.array_equal(counts[::-1], np.histogram(-losses, edges)[0])
    assert counts[len(counts) // 2] == 0, "no bar of changes for the better and for the worse"


def test_the_page_has_figures_differences_and_the_objects(compared: Comparison, tmp_path: Path) -> None:
    page = page_of(compared, tmp_path)
    figures, differences = page.row("later")
    assert [cell.split()[0] for cell in figures] == ["2.50", "2.83", "2.83", "0.960", "0.960"]
    assert [cell.split()[0] for cell in differences] == ["+0.17", "+0.33", "+0.33", "+0.000", "+0.000"]
    assert page.row(f"{SCRIPT}.tar/1, 0") == [["2", "4"]]
    assert "2 objects got worse" in page.text
    assert "script" not in page.tags
    assert page.values("src") == []
    assert [name for name, times in Counter(page.values("id")).items() if times > 1] == []


def test_runs_whose_places_end_alike_have_names_that_tell_them_apart(tmp_path: Path) -> None:
    urls = [
        run_of(tmp_path / name / "eval", *objects) for name, objects in (("old", [QUICK]), ("new", [SLOW]))
    ]
    page = page_of(compare_runs(urls, STORAGE), tmp_path)
    assert "old/eval and new/eval" in page.text
    assert [len(page.row(name)) for name in ("old/eval", "new/eval")] == [1, 2], "figures, and a difference"
    assert "Less those of old/eval" in page.text
    assert "Objects that got worse in new/eval" in page.text


def test_a_run_that_was_ended_when_it_was_decided_is_named(tmp_path: Path) -> None:
    run = decided_run(str(tmp_path / "decided"), QUICK, SLOW)
    page = page_of(compare_runs([run.url, run.url], STORAGE), tmp_path)
    assert (
        f"{run.url} was ended when it was decided, and no interval here allows for that: go on" in page.text
    )
    assert (
        "ended when" not in page_of(compare_runs([run_of(tmp_path / "whole", QUICK)], STORAGE), tmp_path).text
    )


def test_the_page_says_first_how_the_runs_were_judged(tmp_path: Path) -> None:
    first = run_of(tmp_path / "first", *[QUICK] * 40)
    compared = compare_runs([first, run_of(tmp_path / "later", *[SLOW] * 40)], STORAGE)
    assert "later fails" in page_of(compared, tmp_path, margin=0.1).text
    assert "later passes" in page_of(compared, tmp_path, margin=3.0).text
    assert "passes" not in page_of(compared, tmp_path).text


def test_intervals_over_few_images_are_called_too_narrow(compared: Comparison, tmp_path: Path) -> None:
    said = "intervals over fewer than 20 images are too narrow"
    assert said in page_of(compared, tmp_path).text
    many = run_of(tmp_path / "many", *[QUICK] * 40)
    assert said not in page_of(compare_runs([many], STORAGE), tmp_path).text


def test_runs_that_differ_by_more_than_the_model_have_no_object_that_got_worse(tmp_path: Path) -> None:
    urls = []
    for name, starts in (("first", [None, None]), ("later", [0.3, 0.3])):
        run = begin(str(tmp_path / name))
        commit(run, "s0.tar", [QUICK, SLOW], start_ious=starts)
        urls.append(run.url)
    page = page_of(compare_runs(urls, STORAGE), tmp_path)
    assert "no object can be said to have got worse" in page.text


def test_without_the_data_set_the_page_has_no_strips_and_says_why(
    compared: Comparison, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    (said,) = write_comparison(compared, str(file), STORAGE, strips=1)
    assert said.startswith(f"no film strips of {compared.runs[1].url}: no data set at ")
    assert f"No film strips: {said.partition(': ')[2]}" in ReadPage(file.read_text()).text


def test_equal_runs_have_a_page(tmp_path: Path) -> None:
    url = run_of(tmp_path / "run", QUICK, SLOW)
    assert "No object differs in NoC@90." in page_of(compare_runs([url, url], STORAGE), tmp_path).text


@pytest.mark.usefixtures("same_threads")
def test_an_object_that_got_worse_is_shown_as_both_runs_clicked_it(tmp_path: Path) -> None:
    dataset = str(tmp_path / "data")
    write_shapes(dataset, STORAGE, num_samples=4, samples_per_shard=2)
    first = label_spec(dataset, str(tmp_path / "sharp"), "analytic", zoom_size=96, max_clicks=6)
    later = changed(first, out=str(tmp_path / "blurred"), zoom_size=32)
    compared = compare_runs([label_here(first).url, label_here(later).url], STORAGE)
    changes = compared.runs[1].changes
    assert changes is not None
    assert changes.num_worse > 0
    page = page_of(compared, tmp_path, strips=1)
    worst = changes.worst(1)[0]
    assert page.values("alt") == [alt for alt in page.values("alt") if worst.sample_key in alt]
    pictures = [Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2]))) for src in page.values("src")]
    assert len(pictures) == 2
    assert pictures[0].tobytes() != pictures[1].tobytes(), "each is of its own run"
    for run, caption in (("sharp", "sharp: object"), ("blurred", "blurred: object")):
        assert caption in page.text, run
