"""A package's version is found whatever its distribution is called."""

from __future__ import annotations

from importlib.metadata import version

from pipelines.inputs.package_version import version_of


def test_of_a_distribution_of_that_name() -> None:
    assert version_of("onnxruntime") == version("onnxruntime")


def test_of_a_package_in_a_distribution_of_another_name() -> None:
    assert version_of("cv2") == f"opencv-python-headless {version('opencv-python-headless')}"


def test_of_nothing_that_is_installed_it_is_empty() -> None:
    assert version_of("no_such_package") == ""
