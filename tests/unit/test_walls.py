"""The walls of the house: who may import whom, what the pure packages may touch, and that a breach is seen."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT

PACKAGES = ("edge", "hal", "sms")
OUTSIDE_WORLD = {
    # the five of the design, then their relatives that lead to the same places
    *("threading", "socket", "time", "os", "pathlib"),
    *("_thread", "asyncio", "concurrent", "multiprocessing", "subprocess", "signal", "select", "selectors", "sched"),
    *("ssl", "http", "urllib", "smtplib", "io", "shutil", "tempfile", "glob", "fcntl", "mmap", "sqlite3", "logging"),
}
# what reaches outside without an import
FORBIDDEN_CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}
OWN_CLOCKS = {"now", "today", "utcnow"}
VENDOR = {"serial", "smbus2", "gpiozero", "w1thermsensor", "paho", "tinydb", "gpiod", "lgpio", "gammu", "pymodbus",
          "luma", "PIL"}  # fmt: skip
LINTER = Path(sys.executable).with_name("lint-imports")


def modules(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.py")) if "__pycache__" not in path.parts)


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that a file names in an import, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else str(node.module)


def offences(source: str, ours: tuple[str, ...], third_party: tuple[str, ...] = ("msgspec",)) -> list[str]:
    """Return what a pure file must not do: import the outside world or a foreign package, or call either."""
    tree = ast.parse(source)
    found = []
    for name in imported(tree):
        top = name.partition(".")[0]
        is_own = any(name == own or name.startswith(f"{own}.") for own in ours)
        is_allowed = top in sys.stdlib_module_names or top in third_party
        if top in OUTSIDE_WORLD or name.startswith("importlib") or not (is_own or is_allowed):
            found.append(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
                found.append(f"{node.func.id}()")
            if isinstance(node.func, ast.Attribute) and node.func.attr in OWN_CLOCKS:
                found.append(f".{node.func.attr}()")
    return found


def offences_of(package: str, *ours: str, third_party: tuple[str, ...] = ("msgspec",)) -> dict[str, list[str]]:
    files = list(modules(ROOT / package.replace(".", "/")))
    assert files, f"no file in {package}"
    walked = {str(path.relative_to(ROOT)): offences(path.read_text("utf-8"), ours, third_party) for path in files}
    return {path: wrong for path, wrong in walked.items() if wrong}


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a statement adds in a fresh interpreter."""
    script = f"import sys; before = set(sys.modules)\n{statement}\nprint(*sorted(set(sys.modules) - before), sep='\\n')"
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def imports_of(*folders: str) -> str:
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for folder in folders
        for path in modules(ROOT / folder)
        if path.name != "__main__.py"
    ]
    return "\n".join(f"import {name}" for name in names)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(LINTER), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def copy_of_house(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_layers_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("edge/core", "import edge.store"),
        ("edge/core", "from hal import driver"),
        ("edge/core", "import hal.decode"),
        ("edge/core", "import sms"),
        ("edge/settings", "import edge.runtime"),
        ("edge/links", "import edge.store"),
        ("edge/web", "from edge import links"),
        ("edge/store", "import edge.web"),
        ("edge/upstream", "import edge.runtime"),
        ("edge/runtime", "import edge.cli"),
        ("edge/runtime", "def later():\n    import edge.sim"),
        ("hal", "import edge.core"),
        ("hal/decode", "import hal.drivers"),
        ("hal/drivers", "from edge.core import types"),
        ("sms", "import edge"),
        ("sms", "import hal"),
        ("hal", "import sms"),
    ],
)
def test_planted_breach_of_a_layer_is_caught(copy_of_house: Path, place: str, line: str) -> None:
    (copy_of_house / place / "planted.py").write_text(f"{line}\n", encoding="utf-8")
    done = lint(copy_of_house)
    assert done.returncode == 1
    assert f"{place.replace('/', '.')}.planted" in done.stdout


def test_unchanged_copy_passes_so_the_planted_line_is_what_is_caught(copy_of_house: Path) -> None:
    assert lint(copy_of_house).returncode == 0


def test_core_is_pure() -> None:
    # simpleeval computes expressions: it walks a tree and touches nothing; loaded only by a site that has any
    assert offences_of("edge.core", "edge.core", "hal.sample", third_party=("msgspec", "simpleeval")) == {}


def test_decoders_are_pure() -> None:
    assert offences_of("hal.decode", "hal.decode", "hal.sample") == {}


def test_sms_codec_needs_the_standard_library_only() -> None:
    loaded = sorted(name for name in loaded_by("import sms.codec, sms.forms, sms.indexes") if name.startswith("sms."))
    assert "sms.codec" in loaded
    for name in loaded:
        source = (ROOT / f"{name.replace('.', '/')}.py").read_text("utf-8")
        assert offences(source, ("sms",), third_party=()) == [], name


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from time import sleep",
        "import os.path as where",
        "def f():\n    from pathlib import Path",
        "import threading, json",
        "if False:\n    import socket",
        "import serial",
        "from paho.mqtt import client",
        "from edge.store import log",
        "from . import log",
        "import importlib\nimportlib.import_module('time')",
        "__import__('time')",
        "open('/etc/hostname')",
        "from datetime import datetime\nx = datetime.now()",
        "class A:\n    async def f(self):\n        import asyncio",
    ],
)
def test_planted_impurity_is_caught(source: str) -> None:
    assert offences(source, ("edge.core", "hal.sample"))


@pytest.mark.parametrize(
    "source",
    [
        "",
        "import msgspec",
        "from edge.core.types import Record",
        "import json, math, zlib",
        "import hal.sample",
        "# import time",
    ],
)
def test_what_pure_code_may_do_is_let_through(source: str) -> None:
    assert offences(source, ("edge.core", "hal.sample")) == []


def test_loading_the_core_loads_no_other_room_and_no_vendor_library() -> None:
    loaded = loaded_by(imports_of("edge/core")) - loaded_by("import msgspec")
    tops = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names
    assert tops <= {"edge", "hal", "msgspec"}
    rooms = {".".join(name.split(".")[:2]) for name in loaded if name.startswith(("edge.", "hal."))}
    assert rooms <= {"edge.core", "hal.sample"}


def test_loading_the_decoders_loads_no_driver() -> None:
    loaded = loaded_by(imports_of("hal/decode")) - loaded_by("import msgspec")
    assert {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names <= {"hal", "msgspec"}
    assert not {name for name in loaded if name.startswith(("hal.driver", "hal.fake", "hal.buses"))}


def test_importing_sms_loads_nothing_else() -> None:
    assert loaded_by("import sms") == {"sms"}
    outside = {name for name in loaded_by("import sms.codec, sms.forms, sms.indexes") if not name.startswith("sms")}
    assert {name.partition(".")[0] for name in outside} <= sys.stdlib_module_names


def test_no_module_loads_a_vendor_library_before_a_device_is_opened() -> None:
    loaded = loaded_by(imports_of(*PACKAGES))
    assert {name.partition(".")[0] for name in loaded} & VENDOR == set()
