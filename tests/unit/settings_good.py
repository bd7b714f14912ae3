"""A good file, and how a test names the fault that a change to it must give."""

from __future__ import annotations

import pytest

from edge.settings.faults import SettingsError
from edge.settings.load import loads

MARK = "‸"  # in a change: before the character at which the fault must be placed
GOOD = """\
[box]
id = "b0042"

[site]
name = "Gymnase Sud"

[bus.gpio]
kind = "gpio"

[bus.air]
kind = "i2c"
number = 3

[[point]]
id = "water.cold"
name = { en = "Cold water", fr = "Eau froide" }
bus = "gpio"
driver = "pulse"
pin = 17
weight = 0.001
weight_unit = "m3"

[[point]]
id = "door"
name = "Door"
bus = "gpio"
driver = "contact"
pin = 27
period_s = 90

[[point]]
id = "lab.t"
bus = "air"
driver = "sht3x"
channel = "temperature"

[[limit]]
id = "lab.hot"
point = "lab.t"
kind = "high"
value = 30
on_delay_s = 2.5

[[limit]]
id = "door.open"
point = "door"
kind = "not_equal"
value = "closed"

[[output]]
id = "lamp"
bus = "gpio"
pin = 22
limit = "lab.hot"

[link.mqtt]
host = "broker.example.org"
"""


def refused(text: str) -> SettingsError | None:
    try:
        loads(text)
    except SettingsError as exc:
        return exc
    return None


def refusal(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        loads(text, "f.toml")
    return str(caught.value)


def assert_fault(old: str, new: str, head: str, message: str) -> None:
    """Put `new` for `old` in the good file and look for the fault at the mark."""
    assert GOOD.count(old) == 1, f"{old!r} must stand once in the good file"
    marked = GOOD.replace(old, new)
    before = marked[: marked.index(MARK)]
    place = f"f.toml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    report = refusal(marked.replace(MARK, ""))
    heads = [line for line in report.splitlines() if line.startswith(f"{place}  {head}" if head else place)]
    assert heads, report
    assert message in report.splitlines()[report.splitlines().index(heads[0]) + 1], report
