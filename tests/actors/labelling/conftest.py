"""Fixtures of the tests of labelling: a data set, and the run of it that others must equal."""

from __future__ import annotations

import pytest

from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import DatasetManifest
from tests.actors.labelling.labelled_shapes import STORAGE, label_all, new_run
from tests.actors.shapes import (
    labeller,
    reader_of,
    write_shapes,
)


@pytest.fixture(scope="package")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetManifest:
    return write_shapes(str(tmp_path_factory.mktemp("shapes")), STORAGE)


@pytest.fixture(scope="package")
def expected(dataset: DatasetManifest, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """The run of the data set, one session at a time."""
    run = new_run(tmp_path_factory.mktemp("run"))
    one_by_one = labeller(run, reader_of(dataset, STORAGE), batch_size=1)
    label_all(one_by_one, dataset, at_once=1)
    one_by_one.close()
    return run
