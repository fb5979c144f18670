from __future__ import annotations

import pickle

from infra.errors import Reason, SampleError


def test_a_sample_error_survives_a_process_border() -> None:
    error = pickle.loads(pickle.dumps(SampleError(Reason.EMPTY_OBJECT, "detail")))
    assert (error.reason, error.detail) == (Reason.EMPTY_OBJECT, "detail")
