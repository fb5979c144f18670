"""The public names of this package."""

from __future__ import annotations

from actors.errors import ActorsError
from actors.specs.bench import BenchSpec
from actors.specs.calibrate import CalibrateSpec
from actors.specs.certify import CertifySpec
from actors.specs.clicks import Clicks, logged
from actors.specs.evaluate import Decision, EvaluateSpec, Protocol, Robustness
from actors.specs.export import ExportedMasks, ExportSpec
from actors.specs.flywheel import FlywheelSpec, Thresholds
from actors.specs.import_labels import ImportLabelsSpec
from actors.specs.label import LabelSpec, Limits, Part
from actors.specs.model import ModelChoice
from actors.specs.reading import CheckModelSpec, ShowSpec
from actors.specs.review import UpgradeSpec
from actors.specs.shard import ShardSpec
from actors.specs.start import Start
from actors.specs.train import Checkpoints, TrainSpec, Validating
from actors.specs.verify import VerifySpec
from actors.specs.workers import FlywheelWorkers, TrainWorkers, Workers
from infra.click_logs.options import ClickLogOptions
from infra.errors import InfraError
from infra.layout_options import LayoutOptions
from infra.shards.image_reading import ImageReading
from infra.storage.options import StorageOptions
from mfp.engine_settings import EngineSettings
from mfp.errors import MfpError
from mfp.promise import Promise
from mfp.training.recipe import Recipe
from pipelines.api import (
    ReportedRun,
    bench,
    calibrate,
    certify,
    check_model,
    compare,
    compare_page,
    convert,
    evaluate,
    export,
    flywheel,
    import_labels,
    label,
    models,
    open_run,
    report,
    report_page,
    shard,
    show,
    train,
    upgrade,
    users,
    verify,
)
from pipelines.errors import PipelineError
from pipelines.inputs.training_recipe import recipe
from pipelines.progress_report import OnProgress, ProgressReport

__all__ = [
    "ActorsError",
    "BenchSpec",
    "CalibrateSpec",
    "CertifySpec",
    "CheckModelSpec",
    "Checkpoints",
    "ClickLogOptions",
    "Clicks",
    "Decision",
    "EngineSettings",
    "EvaluateSpec",
    "ExportSpec",
    "ExportedMasks",
    "FlywheelSpec",
    "FlywheelWorkers",
    "ImageReading",
    "ImportLabelsSpec",
    "InfraError",
    "LabelSpec",
    "LayoutOptions",
    "Limits",
    "MfpError",
    "ModelChoice",
    "OnProgress",
    "Part",
    "PipelineError",
    "ProgressReport",
    "Promise",
    "Protocol",
    "Recipe",
    "ReportedRun",
    "Robustness",
    "ShardSpec",
    "ShowSpec",
    "Start",
    "StorageOptions",
    "Thresholds",
    "TrainSpec",
    "TrainWorkers",
    "UpgradeSpec",
    "Validating",
    "VerifySpec",
    "Workers",
    "bench",
    "calibrate",
    "certify",
    "check_model",
    "compare",
    "compare_page",
    "convert",
    "evaluate",
    "export",
    "flywheel",
    "import_labels",
    "label",
    "logged",
    "models",
    "open_run",
    "recipe",
    "report",
    "report_page",
    "shard",
    "show",
    "train",
    "upgrade",
    "users",
    "verify",
]
