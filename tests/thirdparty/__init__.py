"""A driver from outside the tree, and how a test installs it without a network or a build.

`installed(tmp_path)` gives the folder to add to PYTHONPATH of a process; `importable(folder)` adds it to this one.
"""

from __future__ import annotations

import importlib
import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parent / "vigie-example-driver"
DRIVER: Final = "cpu_temperature"
MODULE: Final = "vigie_example_driver"


def installed(folder: Path, package: Path = PACKAGE) -> Path:
    """Lay a package of one module below `folder` as an installer does, with its entry points, and return where."""
    project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module = project["name"].replace("-", "_")
    site = folder / "site"
    facts = site / f"{module}-{project['version']}.dist-info"
    facts.mkdir(parents=True)
    shutil.copy(package / f"{module}.py", site)
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (facts / "METADATA").write_text(head, encoding="utf-8")
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {place}" for name, place in points.items()))
    ]
    (facts / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return site


@contextmanager
def importable(site: Path) -> Iterator[None]:
    """Let this process see what is installed there, and forget it afterwards."""
    sys.path.insert(0, str(site))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(site))
        sys.modules.pop(MODULE, None)
        importlib.invalidate_caches()
