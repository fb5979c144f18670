"""What Python is given in place of what it asks for is refused in one line, by the classes that the docs name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actors.errors import SpecError
from pipelines import (
    Clicks,
    EvaluateSpec,
    LabelSpec,
    ModelChoice,
    ShowSpec,
    Start,
    StorageOptions,
    TrainSpec,
    TrainWorkers,
    Workers,
    compare,
    compare_page,
    convert,
    evaluate,
    label,
    open_run,
    recipe,
    report,
    report_page,
    show,
    train,
    verify,
)
from pipelines.errors import OptionError
from tests.infra.rows import click_row, commit_rows, mask_row
from tests.pipelines.clicked_runs import begin

SPEC = LabelSpec(dataset="data", out="run", model=ModelChoice("lite0"))
WRONG: Any = None  # a value that the type checker would not let through


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: label(WRONG), "None is a NoneType: give a LabelSpec"),
        (lambda: train(WRONG), "None is a NoneType: give a TrainSpec"),
        (lambda: verify(WRONG), "None is a NoneType: give a VerifySpec"),
        (lambda: evaluate(SPEC), "give a EvaluateSpec"),  # type: ignore[arg-type]
        (
            lambda: label(EvaluateSpec(dataset="d", out="r", model=ModelChoice("lite0"))),  # type: ignore[arg-type]
            "give a LabelSpec",
        ),
        (
            lambda: label(LabelSpec(dataset="", out="r", model=ModelChoice("m"))),
            "dataset is empty: give a path or",
        ),
        (
            lambda: label(LabelSpec(dataset="d", out="", model=ModelChoice("m"))),
            "out is empty: give a path or URL",
        ),
        (
            lambda: label(LabelSpec(dataset="d", out="r", model=ModelChoice(""))),
            "model.name is empty: give a path",
        ),
        (
            lambda: train(TrainSpec(datasets=("d", ""), out="r", recipe=recipe("lite0"))),
            "datasets is empty: give a path or URL",
        ),
        (
            lambda: label(LabelSpec(dataset="d", out="r", model=ModelChoice("m"), start=WRONG)),
            "start",
        ),
        (
            lambda: label(replace(SPEC, start=Start("damaged", damage_min_iou=WRONG))),
            "start.damage_min_iou",
        ),
        (lambda: open_run(""), "'' is no path or URL: give one; the folder you are in is ."),
        (lambda: open_run(WRONG), "None is no path or URL"),
        (lambda: convert(WRONG, "x.safetensors"), "None is no path or URL"),
        (lambda: report("run", storage=WRONG), "None is a NoneType: give a StorageOptions"),
        (lambda: compare([]), "[] are no runs to compare: give a list of run directories"),
        (lambda: compare("run"), "'run' are no runs to compare: give a list of run directories"),
        (lambda: compare(WRONG), "None are no runs to compare: give a list of run directories"),
        (lambda: report_page("run", "page.html"), "'run' are no runs to report: give a list of run"),
        (lambda: report_page(["run"], WRONG), "None is no path or URL"),
        (
            lambda: report_page(["run"], "page.html", strips=-1),
            "strips: should be greater than or equal to 0",
        ),
        (lambda: report_page(["run"], "page.html", strips=21), "strips: should be less than or equal to 20"),
        (lambda: report_page(["run"], "page.html", strips=WRONG), "strips: should be a valid integer"),
        (lambda: report("run", benchmark=WRONG), "benchmark: should be 'auto', 'none', 'grabcut'"),
        (lambda: compare_page(["run", "b"], "page.html", strips=21), "strips: should be less than or equal"),
        (lambda: show(WRONG), "None is a NoneType: give a ShowSpec"),
        (lambda: show(ShowSpec(run="", key="k")), "run is empty: give a path or URL"),
        (lambda: show(ShowSpec(run="run", key=WRONG)), "key: should be a valid string, not null"),
        (lambda: show(ShowSpec(run="run", key="k", storage=WRONG)), "storage: should be an object, not null"),
    ],
)
def test_a_function_says_what_it_takes(call: Callable[[], object], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        call()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ModelChoice(WRONG), "--model None is no text: give a name, a path or a URL"),
        (lambda: ModelChoice(3), "--model 3 is no text"),  # type: ignore[arg-type]
        (lambda: ModelChoice("fake", options="a=b"), "options of a model are a list of texts"),  # type: ignore[arg-type]
        (lambda: ModelChoice("fake", options={"a": "b"}), "options of a model are a list"),  # type: ignore[arg-type]
        (
            lambda: Clicks(source=WRONG),
            "clicks None are neither 'simulated', simulated:USER, logged:URL nor 'box-centre'",
        ),
        (lambda: Clicks(final_masks=WRONG), "final_masks None are neither 'none' nor masks:URL"),
        (lambda: Start(WRONG), "start None is neither 'nothing'"),
        (lambda: Workers(count=2), '2 is no text: write "4" or "2:8"'),  # type: ignore[arg-type]
        (lambda: TrainWorkers(count=WRONG), 'None is no text: write "4" or "2:8"'),
    ],
)
def test_a_section_that_contradicts_itself_is_a_value_error(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        make()


def test_a_path_object_is_as_good_as_a_text(tmp_path: Path) -> None:
    directory = begin(str(tmp_path), num_shards=1)
    commit_rows(
        directory,
        "s0.tar",
        "x",
        [mask_row("a", "1", shard="s0.tar")],
        [click_row("a", "1", 0, shard="s0.tar")],
    )
    path: Any = tmp_path
    assert open_run(path).masks().num_rows == 1
    assert report(path, StorageOptions()).objects == 1
    assert len(compare([path, str(tmp_path)]).runs) == 2


@pytest.mark.parametrize(("columns", "shown"), [(["iou", "nosuch"], "['iou', 'nosuch']"), ("iou", "'iou'")])
def test_a_column_that_a_table_lacks_is_named_with_those_it_has(
    tmp_path: Path, columns: Any, shown: str
) -> None:
    begin(str(tmp_path), num_shards=1)
    run = open_run(str(tmp_path))
    for read, first in (
        (run.masks, "masks, which are sample_key, object_id, "),
        (run.clicks, "clicks, which are "),
    ):
        with pytest.raises(OptionError) as caught:
            read(columns)
        assert str(caught.value).startswith(f"columns {shown}: must be a list of columns of {first}")
