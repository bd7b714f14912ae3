"""What one reading costs in the engine: scaling, range, counter, limits, window, record; with the parts of every site.

CPU seconds are for people: they differ from machine to machine. What is gated is instructions, which repeat.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys

import pytest

from tests.bench.engine_run import KINDS, LONGEST_COUNTED_S, run

SECONDS = 600
SHORT_S = 5
MOST = {(1, "alone"): 14_500, (1, "parts"): 17_800, (60, "alone"): 8_500, (60, "parts"): 9_200}
"""Instructions a reading, by seconds a record: what was measured and a tenth."""


@pytest.mark.bench
@pytest.mark.parametrize(("record_s", "what"), MOST)
def test_readings_a_cpu_second(record_s: int, what: str) -> None:
    spent_s = [run(SECONDS, record_s * 1000, alone=what == "alone") for _ in range(3)]
    figure = SECONDS * len(KINDS) / statistics.median(spent_s) / 1e6
    print(f"\nengine, {what}, records of {record_s} s: {figure:.2f} M readings/CPU-s")


def instructions(seconds: int, record_s: int, what: str) -> int:
    """Return how many instructions a process executes that feeds so many seconds."""
    words = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-m"]
    words += ["tests.bench.engine_run", str(seconds), str(record_s), what]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}  # one order in every dictionary of texts
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found, done.stderr
    return int(found[1])


@pytest.mark.bench
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
@pytest.mark.parametrize(("record_s", "what"), MOST)
def test_instructions_a_reading(record_s: int, what: str) -> None:
    more = instructions(LONGEST_COUNTED_S, record_s, what) - instructions(SHORT_S, record_s, what)
    figure = more / ((LONGEST_COUNTED_S - SHORT_S) * len(KINDS))
    print(f"\nengine, {what}, records of {record_s} s: {figure:.0f} instructions a reading")
    assert figure <= MOST[record_s, what]
