"""Submitted tasks as JSON-MIN, which the converter of label-studio-sdk makes of them: INTERFACE, TASKS, TO."""

from __future__ import annotations

import sys

from label_studio_sdk.converter import Converter

interface, tasks, to = sys.argv[1:]
Converter(interface, "").convert_to_json_min(tasks, to, is_dir=False)
