"""How a network is run on the objects of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from annotated_types import Ge, Unit
from typing_extensions import Doc

from mfp.setting import Effect

Precision: TypeAlias = Literal["fp32", "tf32", "bf16", "fp16", "int8"]
Device: TypeAlias = Literal["auto", "cpu", "cuda"]
BatchSize: TypeAlias = Annotated[int, Ge(1)] | Literal["auto"]
BackendName: TypeAlias = Literal["torch", "compile", "onnxruntime", "openvino"]
BackendChoice: TypeAlias = Literal["auto", BackendName]
Flip: TypeAlias = Literal["on", "off", "auto"]
ZoomSize: TypeAlias = Annotated[int, Ge(32)] | Literal["model"]


@dataclass(frozen=True, kw_only=True)
class EngineSettings:
    """How sessions are run. A process that is given a device of its own uses that one."""

    device: Annotated[Device, Effect.EXECUTION, Doc("auto: CUDA if there is a GPU, else the CPU.")] = "auto"
    batch_size: Annotated[
        BatchSize,
        Effect.EXECUTION,
        Doc(
            "Objects in one pass of the network on a GPU; auto: as half of its free memory holds, 64 at most. On a CPU "
            "each has its own passes, and so many take turns; auto: 8."
        ),
    ] = "auto"
    precision: Annotated[
        Precision,
        Doc(
            "Arithmetic of the network; decisions are taken in float32. tf32: float32 in which a GPU rounds factors of "
            "products to 10 bits; on a CPU it is fp32. bf16: factors of 8 bits. int8: the shipped lite0 by "
            "backend openvino. Both give slightly other clicks."
        ),
    ] = "fp32"
    backend: Annotated[
        BackendChoice,
        Doc(
            "What runs the network: torch, compile (torch.compile), or, on a CPU, onnxruntime (fp32) or openvino "
            "(fp32, bf16, int8). auto: the fastest that is installed, tried when a run begins; run.json names it."
        ),
    ] = "auto"
    flip: Annotated[
        Flip,
        Doc(
            "Average with the mirrored image, which is twice the work: on, off, or auto, only for the first clicks of "
            "an object, which gain the most by it."
        ),
    ] = "on"
    zoom: Annotated[bool, Doc("Crop to the object as it takes shape.")] = True
    zoom_size: Annotated[
        ZoomSize,
        Unit("pixels"),
        Doc(
            "Side of the crop shown to the network: the longer side, or both for ViT and analytic. model: as the model "
            "says."
        ),
    ] = "model"

    @property
    def engine_backend(self) -> BackendName:
        """What an engine with these settings runs the network by: torch for `auto`, which a run replaces beforehand."""
        return "torch" if self.backend == "auto" else self.backend


OF_CROPS = frozenset({"precision", "flip", "zoom", "zoom_size"})
"""Settings for models of crops alone: a model that holds its sessions itself frames and runs images as it likes."""
