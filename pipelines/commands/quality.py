"""The commands that say how good masks are: calibrate, certify."""

from __future__ import annotations

import typer

from actors.specs.calibrate import CalibrateSpec
from pipelines.commands.shared_options import JsonOption
from pipelines.commands.spec_command import SpecCommand


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    SpecCommand(CalibrateSpec, "Data and results").add_to(app, calibrate)


def calibrate(spec: CalibrateSpec, as_json: JsonOption = False) -> None:
    """Fit the quality of a model's masks to their IoU, on evaluations of it.

    For example: mfp calibrate runs/eval --out lite0.calibration.json
    """
    import json

    from infra.storage.files import Storage
    from pipelines.first_look import look_at_runs

    look_at_runs(spec.runs, Storage(spec.storage))
    from infra.strict_json import to_json
    from pipelines.jobs.calibrate import run_calibrate
    from pipelines.views.calibrate import calibration_lines

    fitted = run_calibrate(spec)
    lines = calibration_lines(fitted, spec.out)
    typer.echo(json.dumps(to_json(fitted), indent=1) if as_json else "\n".join(lines))
