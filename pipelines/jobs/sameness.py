"""How alike objects can be expected to come out that are labelled again, on this machine and by this backend."""

from __future__ import annotations

from collections.abc import Mapping

from mfp.engine_settings import BackendName
from pipelines.inputs.processor import processor
from pipelines.inputs.run_record import LabelRecord, versions


def expected_sameness(record: LabelRecord, device: str, backend: BackendName) -> str:
    """What can be promised of rows made again, in one line: bit for bit, or what may differ and why.

    Args:
        record: of the run.
        device: that labels again, `cpu` or `cuda`.
        backend: that labels again.
    """
    recorded = record.spec.network
    then = _maker(
        "cuda" if recorded.device == "cuda" else record.processor, recorded.engine_backend, record.versions
    )
    now = _maker("cuda" if device == "cuda" else processor(), backend, versions(backend))
    if then == now and device == "cpu":
        return "the same processor, backend and versions as when the run began: rows are to be the same, bit for bit"
    return (
        f"the run began with {then}; labelled again with {now}: the last bit of a map may differ, and with it a mask "
        "at its edge (--tolerance), and the clicks of less than 1 % of the objects"
    )


def _maker(processor: str, backend: BackendName, versions: Mapping[str, str]) -> str:
    packages = ["torch"] if backend in ("torch", "compile") else [backend, "torch"]
    named = ", ".join(f"{package} {versions.get(package, 'of unknown version')}" for package in packages)
    return f"{'compiled ' if backend == 'compile' else ''}{named} on {processor}"
