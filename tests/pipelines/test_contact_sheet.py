"""Which samples a contact sheet shows, and in which order."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image

from infra.layouts.source_note import SourceNote, Topic
from pipelines.jobs.contact_sheet import ContactSheet
from tests.actors.shapes import shape_sample

SAMPLE = shape_sample(0)


def sheet_of(num_tiles: int, num_doubtful: int, num_others: int) -> ContactSheet:
    sheet = ContactSheet(num_tiles)
    for number in range(num_others):
        sheet.add_sample(replace(SAMPLE, key=f"a-{number:02d}"))
    for number in range(num_doubtful):
        key = f"doubtful-{number:02d}"
        sheet.add_note(SourceNote(Topic.DOUBT, "odd", key))
        sheet.add_sample(replace(SAMPLE, key=key))
    return sheet


@pytest.mark.parametrize(
    ("num_tiles", "present", "shown"),
    [
        (1, (20, 0), (1, 0)),
        (1, (20, 20), (1, 0)),
        (1, (0, 20), (0, 1)),
        (12, (20, 0), (12, 0)),
        (12, (20, 2), (10, 2)),
        (12, (20, 20), (6, 6)),
        (12, (2, 20), (2, 10)),
        (12, (3, 4), (3, 4)),
        (3, (20, 20), (2, 1)),
        (0, (20, 20), (0, 0)),
    ],
)
def test_a_sheet_is_full_with_half_of_it_for_doubts_unless_one_kind_is_too_few(
    num_tiles: int, present: tuple[int, int], shown: tuple[int, int]
) -> None:
    keys = [sample.key for sample in sheet_of(num_tiles, *present).samples]
    doubtful = [key for key in keys if key.startswith("doubtful")]
    assert (len(doubtful), len(keys) - len(doubtful)) == shown
    assert keys[: len(doubtful)] == sorted(doubtful)
    assert keys[len(doubtful) :] == sorted(set(keys) - set(doubtful))


def test_a_sheet_of_doubtful_samples_alone_is_not_empty() -> None:
    with Image.open(io.BytesIO(sheet_of(1, 3, 0).png())) as drawn:
        assert len(drawn.convert("RGB").getcolors(2**24) or []) > 2
