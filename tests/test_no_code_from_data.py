"""No source file of the four rooms but one has a way to run what it reads: a scan of their syntax trees.

The one runs a clone of others' code, and the pickle of a checkpoint, that the user named on the command line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("pipelines", "actors", "infra", "mfp")
EXCEPTED = "actors/click_models/foreign_code.py"

_BUILTINS = {"eval", "exec", "compile", "__import__"}
_MODULES = {"marshal", "shelve", "dill", "cloudpickle", "joblib", "runpy", "code", "ctypes"}
_FUNCTIONS = {
    *("pickle.load", "pickle.loads", "pickle.Unpickler"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "yaml.Loader"),
    *("pandas.read_pickle", "torch.jit.load", "torch.hub.load", "torch.package", "importlib.import_module"),
}
_PREFIXES = ("os.exec", "os.spawn")
_SEARCH_PATHS = {"sys.path", "sys.meta_path", "sys.path_hooks"}


def ways_to_run_data(source: str) -> list[str]:
    """What of a file may run code that comes from outside, with its line."""
    tree = ast.parse(source)
    names = dict(_imported(tree))
    return sorted({f"line {node.lineno}: {way}" for node, way in _ways(tree, names)})


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """What a name of the file stands for, dotted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (first, first)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _ways(tree: ast.Module, names: dict[str, str]) -> Iterator[tuple[ast.expr, str]]:
    restricted = {id(base) for node in ast.walk(tree) for base in _restricted_bases(node)}
    safe_calls = {id(node.func) for node in ast.walk(tree) if _reads_weights_only(node)}
    copied = {id(argument) for node in ast.walk(tree) for argument in _copied(node)}
    for node in ast.walk(tree):
        # a field that is called `compile` only stores under that name
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            continue
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in restricted:
            name = _dotted(node, names)
            if (
                name in _BUILTINS
                or name in _FUNCTIONS
                or name.startswith(_PREFIXES)
                or (name in _SEARCH_PATHS and id(node) not in copied)
            ):
                yield node, name
            elif name == "torch.load" and id(node) not in safe_calls:
                yield node, "torch.load without weights_only=True"
            elif name.partition(".")[0] in _MODULES:
                yield node, name.partition(".")[0]
        if isinstance(node, ast.Call):
            function, given = _dotted(node.func, names), {word.arg: word.value for word in node.keywords}
            if function == "numpy.load" and not _is(given.get("allow_pickle", ast.Constant(False)), False):
                yield node, "numpy.load with pickles"
            if function.startswith("subprocess.") and not _is(given.get("shell", ast.Constant(False)), False):
                yield node, "a shell"


def _copied(node: ast.AST) -> list[ast.expr]:
    """What is only looked at: the argument of `tuple`."""
    is_tuple = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "tuple"
    return node.args if is_tuple and isinstance(node, ast.Call) else []


def _reads_weights_only(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and any(
        word.arg == "weights_only" and _is(word.value, True) for word in node.keywords
    )


def _restricted_bases(node: ast.AST) -> list[ast.expr]:
    """The bases of a class that decides itself what the names in a pickle mean."""
    if not isinstance(node, ast.ClassDef):
        return []
    methods = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    return node.bases if {"find_class", "persistent_load"} <= methods else []


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, names)}.{node.attr}"
    return "?"


def _is(node: ast.expr | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_no_way_to_run_what_it_reads(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    assert len(files) > 10
    found = {str(file.relative_to(ROOT)): ways_to_run_data(file.read_text()) for file in files}
    found.pop(EXCEPTED, None)
    assert not {file: ways for file, ways in found.items() if ways}


def test_the_excepted_module_imports_from_a_clone_and_unpickles_a_checkpoint_and_no_more() -> None:
    ways = {way.partition(": ")[2] for way in ways_to_run_data((ROOT / EXCEPTED).read_text())}
    assert ways == {"importlib.import_module", "sys.path", "torch.load without weights_only=True"}


def test_only_models_of_others_know_the_excepted_module() -> None:
    module = EXCEPTED.removesuffix(".py").replace("/", ".")
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            known = module in file.read_text()
            assert not known or file.parent == (ROOT / EXCEPTED).parent, file


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\npickle.loads(data)",
        "from pickle import loads as read\nread(data)",
        "import pickle as p\nclass Reader(p.Unpickler):\n    pass",
        "eval(text)",
        "run = exec",
        "import os\nos.system(text)",
        "from os import execvp\nexecvp(text, [])",
        "import subprocess\nsubprocess.run(text, shell=True)",
        "import subprocess\nsubprocess.run(text, shell=wanted)",
        "import torch\ntorch.load(path)",
        "import torch\ntorch.load(path, weights_only=False)",
        "import torch\nload = torch.load",
        "from torch import load\npartial(load, weights_only=True)",
        "import torch\ntorch.load = other",
        "import sys\nsys.path.append(folder)",
        "import yaml\nyaml.load(text)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import importlib\nimportlib.import_module(name)",
        "import ray.cloudpickle as cloudpickle\nimport joblib\njoblib.load(path)",
    ],
)
def test_the_scan_finds(source: str) -> None:
    assert ways_to_run_data(source)


@pytest.mark.parametrize(
    "source",
    [
        "import torch\ntorch.load(path, weights_only=True)",
        "import safetensors.torch\nsafetensors.torch.load(data)",
        "import re\nre.compile(text)\nmodel.eval()",
        "import subprocess\nsubprocess.run(words)",
        "import pickle\nclass Reader(pickle.Unpickler):\n"
        "    def find_class(self, module, name): ...\n    def persistent_load(self, pid): ...",
    ],
)
def test_the_scan_passes_over(source: str) -> None:
    assert not ways_to_run_data(source)
