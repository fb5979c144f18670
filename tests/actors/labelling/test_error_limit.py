from __future__ import annotations

import pytest

from actors.labelling.error_limit import ErrorLimit
from actors.labelling.gathered_rows import LabelCounts


@pytest.mark.parametrize(
    ("objects", "quarantined", "is_complete", "expected"),
    [
        (95, 5, True, False),
        (94, 6, True, True),
        (0, 50, False, False),
        (0, 51, False, True),
        (0, 0, True, False),
    ],
)
def test_a_run_ends_early_only_if_the_rest_cannot_save_it(
    objects: int, quarantined: int, is_complete: bool, expected: bool
) -> None:
    limit = ErrorLimit(0.05, num_expected=1000)
    assert limit.is_exceeded(LabelCounts(objects, 0, quarantined), is_complete=is_complete) is expected


def test_without_a_count_of_the_data_set_the_first_errors_do_not_end_a_run() -> None:
    limit = ErrorLimit(0.05, num_expected=None)
    assert not limit.is_exceeded(LabelCounts(0, 0, 50), is_complete=False)
    assert limit.is_exceeded(LabelCounts(0, 0, 51), is_complete=False)
    assert limit.is_exceeded(LabelCounts(0, 0, 1), is_complete=True)
