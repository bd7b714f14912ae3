"""docs/limits.md does what it says: each example, fed with the readings beside it, says what is shown."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from edge.core.clock import ClockEntry, Dating
from edge.core.engine import Engine
from edge.core.types import LimitKind
from edge.settings.event_text import sentence
from edge.settings.load import loads
from edge.settings.site_parts import site_parts
from edge.settings.specs import specs
from hal.sample import BAD, GOOD, Cycle, Sample

PAGE = (Path(__file__).parents[2] / "docs/limits.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```\n```text\n(.*?)```", PAGE, re.DOTALL)
PARIS = ZoneInfo("Europe/Paris")
STEP_MS = 10_000
MIDNIGHT_MS = round(datetime(2026, 11, 20, tzinfo=PARIS).timestamp() * 1000)
SITE = """
[box]
id = "b1"
[site]
name = "s"
[bus.gpio]
kind = "gpio"
[bus.tic]
kind = "serial"
port = "/dev/ttyS0"
[bus.w1]
kind = "onewire"
[bus.i2c]
kind = "i2c"
"""
TIMES = "period_s = 10\nrecord_s = 60\nstale_s = 600\n"
POINTS = {
    "boiler.flow": 'bus = "w1"\ndriver = "ds18b20"\nprobe = "28-000000000001"',
    "boiler.set": 'bus = "w1"\ndriver = "ds18b20"\nprobe = "28-000000000002"',
    "t.cold": 'bus = "w1"\ndriver = "ds18b20"\nprobe = "28-000000000003"',
    "door": 'bus = "gpio"\ndriver = "contact"\npin = 5',
    "water.cold": 'bus = "gpio"\ndriver = "pulse"\npin = 6\nweight = 0.001\nweight_unit = "m3"',
    "pipe.pressure": 'bus = "i2c"\ndriver = "ads1115"\ninput = "AIN0"\nunit = "bar"',
    "tic.papp": 'bus = "tic"\ndriver = "teleinfo"\nlabel = "PAPP"',
    "tic.isousc": 'bus = "tic"\ndriver = "teleinfo"\nlabel = "ISOUSC"',
}


class Line:
    """One line of an example: from when on, which values, and what is said then."""

    def __init__(self, text: str, after_ms: int) -> None:
        values, _, self.said = (part.strip() for part in text.partition("→"))
        time, _, values = values.partition(" ")
        self.at_ms = clock_ms(time, after_ms)
        self.ramps: dict[str, tuple[float | None, float | None]] = {}
        for part in values.split(","):
            point, _, value = part.strip().partition(" ")
            first, _, last = value.partition("..")
            self.ramps[point] = (number(first), number(last or first))


def number(text: str) -> float | None:
    return None if text == "-" else float(text)


def clock_ms(time: str, after_ms: int) -> int:
    """Return the UTC ms of a local time, the first at or after an instant."""
    hour, minute, second = map(int, time.split(":"))
    local = datetime.fromtimestamp(after_ms / 1000, UTC).astimezone(PARIS)
    found = local.replace(hour=hour, minute=minute, second=second, microsecond=0)
    if round(found.timestamp() * 1000) < after_ms:
        found += timedelta(days=1)
    return round(found.timestamp() * 1000)


def replay(limits: str, lines: list[Line]) -> list[str]:
    """Return what the site says of its alarms, each with its local time."""
    points = "".join(f'[[point]]\nid = "{name}"\n{keys}\n{TIMES}' for name, keys in POINTS.items())
    settings = loads(SITE + points + limits)
    start_ms = lines[0].at_ms - 3_600_000
    engine = Engine(
        *specs(settings), boot=1, now_ms=0, utc_offset_ms=start_ms, zone=PARIS, parts=site_parts(settings, {}, {})
    )
    engine.dating = Dating()
    engine.dating.add(ClockEntry(1, 0, start_ms, "ntp"))
    said = []
    now: dict[str, Any] = {}
    for line, after in zip(lines, [*lines[1:], None], strict=True):
        end_ms = after.at_ms if after else line.at_ms + STEP_MS
        for at_ms in range(line.at_ms, max(end_ms, line.at_ms + STEP_MS), STEP_MS):
            share = (at_ms - line.at_ms) / max(end_ms - line.at_ms, 1)
            for point, (first, last) in line.ramps.items():
                now[point] = None if first is None or last is None else first + (last - first) * share
            t_ms = at_ms - start_ms
            engine.handle(Cycle("b", t_ms * 1_000_000, [sample(engine, *each, t_ms) for each in now.items()]))
            engine.tick(t_ms)
            for event in engine.take_actions().events:
                if event.kind in {"alarm_begin", "alarm_end"}:
                    local = datetime.fromtimestamp((event.at_ms + start_ms) / 1000, UTC).astimezone(PARIS)
                    said.append(f"{local:%H:%M:%S} {sentence('en', UTC, event.kind, '', event.values)}")
    return said


def sample(engine: Engine, point: str, value: float | None, t_ms: int) -> Sample:
    """Return what a driver gives for a value in the point's unit."""
    spec = engine.points[point].spec
    raw = None if value is None else (value - spec.offset) / spec.scale
    if raw is not None and spec.kind != "gauge":
        raw = int(raw + 1e-6)
    return Sample(point, t_ms * 1_000_000, raw, BAD if value is None else GOOD, "no_answer" if value is None else "")


@pytest.mark.parametrize(("limits", "text"), EXAMPLES, ids=lambda part: part.split('"')[1] if "[[" in part else "")
def test_an_example_does_what_is_shown_beside_it(limits: str, text: str) -> None:
    lines: list[Line] = []
    shown = []
    for row in text.strip().splitlines():
        if row.startswith("→"):
            shown.append(row.removeprefix("→").strip())
            continue
        lines.append(Line(row, lines[-1].at_ms if lines else MIDNIGHT_MS))
        if lines[-1].said:
            local = datetime.fromtimestamp(lines[-1].at_ms / 1000, UTC).astimezone(PARIS)
            shown.append(f"{local:%H:%M:%S} {lines[-1].said}")
    assert sorted(replay(limits, lines)) == sorted(shown)


def test_every_kind_has_an_example() -> None:
    shown = set(re.findall(r'kind = "(\w+)"', "".join(limits for limits, _ in EXAMPLES)))
    assert set(get_args(LimitKind)) - shown == {"low", "low_low", "not_equal", "stale"}  # told with their counterparts
    assert all(f"{kind}" in "".join(re.findall(r"^## .*", PAGE, re.MULTILINE)) for kind in get_args(LimitKind))


def test_limits_watch_setpoints_and_calculated_points_as_any_other() -> None:
    text = """
[[setpoint]]
id = "room.set"
unit = "Cel"
initial = 60
[[setpoint]]
id = "room.used"
words = ["off", "on"]
initial = "on"
[[calculated]]
id = "boiler.delta"
expression = "boiler.flow - boiler.set"
unit = "K"
period_s = 10
record_s = 60
[[limit]]
id = "far"
point = "boiler.flow"
kind = "deviation"
of = "room.set"
unit = "K"
value = 8
[[limit]]
id = "delta"
point = "boiler.delta"
kind = "high"
value = 20
[[limit]]
id = "used"
kind = "expression"
expression = 'room.used == "on" and boiler.flow > 65'
"""
    rows = ["08:00:00 boiler.set 50, boiler.flow 60", "08:01:00 boiler.flow 69", "08:02:00 boiler.flow 71"]
    lines = [Line(row, MIDNIGHT_MS) for row in rows]
    said = [each.removeprefix("08:") for each in replay(text, lines)]
    assert sorted(each.partition(" ")[2].partition(" ")[2].partition(" ")[2] for each in said) == [
        'CONDITION room.used == "on" and boiler.flow > 65', "DEVIATION 9 °C > 8 °C (room.set)", "HIGH 21 K > 20 K",
    ]  # fmt: skip
