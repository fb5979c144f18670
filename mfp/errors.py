"""Everything this room raises on input that it cannot use.

Each message is one line: what failed, the value, the rule, the remedy.
"""


class MfpError(Exception):
    """Base of the errors of the method."""


class ClickError(MfpError):
    """A click whose coordinates are not finite numbers, or that lies outside its image."""


class ImageSizeError(MfpError):
    """An image or crop of a size that a network cannot take."""


class ModelError(MfpError):
    """An unknown model name, or a configuration that describes no model."""


class BackendError(MfpError):
    """A backend that is not here, or that cannot run a model as asked."""


class DeviceError(MfpError):
    """A device that is not here."""


class ClickModelError(MfpError):
    """An object that is no click model, or a click model whose answer has a wrong shape, type or range."""


class WeightsError(MfpError):
    """A weights file that cannot be read or does not fit its model."""


class MetricsError(MfpError):
    """A click table whose figures would come out wrong, such as one with a click missing or twice."""


class TrainingError(MfpError):
    """Training data or settings from which no step can be made."""


class StartError(MfpError):
    """A mask or box that a session cannot start from."""


def first_line(error: BaseException) -> str:
    """What another library says of its failure, in one line."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
