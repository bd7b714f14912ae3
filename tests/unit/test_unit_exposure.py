"""What systemd-analyze makes of each unit of ours: no unit may have more than is written in tests/unit_exposure.py."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.unit_exposure import MOST

IMAGE: Final = Path(__file__).resolve().parents[2] / "image"


@pytest.fixture(scope="module")
def exposures() -> dict[str, float]:
    """Return the level of each unit file, by its name without ending."""
    if shutil.which("systemd-analyze") is None:
        assert not os.environ.get("CI"), "CI installs systemd for this gate"
        pytest.skip("no systemd-analyze on this machine")
    units = [str(path) for path in sorted(IMAGE.rglob("vigie*.service"))]
    words = ["systemd-analyze", "security", "--offline=true", "--no-pager", *units]
    said = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    found = re.findall(r"Overall exposure level for (\S+)\.service: ([0-9.]+)", said.stdout)
    assert len(found) == len(units), said.stderr
    return {re.sub("@.*", "@", name): float(level) for name, level in found}


def test_no_unit_exposes_more_than_its_work_needs(exposures: dict[str, float]) -> None:
    assert exposures.keys() == MOST.keys(), "a new unit has its level here"
    assert {name: level for name, level in exposures.items() if level > MOST[name]} == {}


def test_a_unit_that_is_exposed_more_than_the_service_says_why() -> None:
    for name in (name for name, most in MOST.items() if most > MOST["vigie"]):
        (file,) = IMAGE.rglob(f"{name}.service")
        assert "above 1.5" in file.read_text("utf-8"), name
