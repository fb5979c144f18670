"""The commands that say how good masks are: calibrate, certify."""

from __future__ import annotations

import typer

from actors.specs.calibrate import CalibrateSpec
from actors.specs.certify import CertifySpec
from pipelines.commands.shared_options import JsonOption
from pipelines.commands.spec_command import SpecCommand
from pipelines.exit_codes import ExitCode


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    SpecCommand(CalibrateSpec, "Data and results").add_to(app, calibrate)
    SpecCommand(CertifySpec, "Data and results").add_to(app, certify)


def calibrate(spec: CalibrateSpec, as_json: JsonOption = False) -> None:
    """Fit the quality of a model's masks to their IoU, on evaluations of it.

    For example: mfp calibrate runs/eval --out lite0.calibration.json
    """
    import json

    from infra.storage.files import Storage
    from pipelines.first_look import look_at_runs

    look_at_runs(spec.runs, Storage(spec.storage))
    from pipelines.jobs.calibrate import run_calibrate
    from pipelines.views.calibrate import calibration_lines

    fitted = run_calibrate(spec)
    lines = calibration_lines(fitted)
    typer.echo(json.dumps(fitted.to_json(), indent=1) if as_json else "\n".join(lines))


def certify(spec: CertifySpec, as_json: JsonOption = False) -> None:
    """Promise that most masks of a set are good, by a random audit; the rest is the review queue.

    The first call draws the audit. Ends with exit code 4 if nothing can be certified. For example: mfp certify
    runs/label --min-iou 0.85 --share 0.95
    """
    import json

    from infra.storage.files import Storage
    from pipelines.first_look import look_at_runs

    look_at_runs([spec.run], Storage(spec.storage))
    from pipelines.jobs.certify import run_certify
    from pipelines.views.certify import certification_lines

    found = run_certify(spec)
    lines = certification_lines(found)
    typer.echo(json.dumps(found.to_json(), indent=1) if as_json else "\n".join(lines))
    if found.certificate is not None and found.certificate.certified is None:
        raise typer.Exit(ExitCode.NOT_PASSED)
