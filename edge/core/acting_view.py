"""What can be set and what acts by itself, as plain structs: /v1/setpoints and /v1/programs."""

from __future__ import annotations

import msgspec

from edge.core.clock import Dating
from edge.core.engine import Engine
from edge.core.limit_values import LimitValues, bounds
from edge.core.measure import unit_of
from edge.core.program import Programs
from edge.core.read_back import WORDS
from edge.core.setpoint import Made, Setpoints
from edge.core.setting import RIGHT
from edge.core.types import NEVER


class SettingView(msgspec.Struct, frozen=True):
    """Something that `set` sets, as it stands."""

    id: str
    kind: str
    """setpoint (also a switch: it has words), limit, program."""
    value: float | str
    file: float | str
    """The value of the settings file, with which a setpoint began."""
    is_changed: bool
    """Whether an order's value counts, not the file's; of a setpoint: whether it was ever written."""
    unit: str
    low: float | None
    high: float | None
    step: float
    words: list[str]
    right: str
    by_command: bool
    author: str
    channel: str
    """Who wrote the value, by which way; empty where nobody did."""
    since_utc_ms: int | None
    name: dict[str, str]
    point: str
    """The point of a limit, the target of a program."""
    limit_kind: str


class ProgramView(msgspec.Struct, frozen=True):
    """A program as it stands."""

    program: str
    target: str
    enabled: bool
    is_changed: bool
    """Whether it is so by order, not by the settings."""
    now: float | str | None
    """What its slots say now; null while no clock can be trusted."""
    next: float | str | None
    """What they say after the next change."""
    next_utc_ms: int | None
    """When that is; null while nothing is to come within a year."""
    unit: str
    author: str
    channel: str
    name: dict[str, str]
    slots: list[list[int]]
    """[day, begin, end] of the week: Monday is 0, minutes of the day, beyond 1440 the next day's."""


def _who(made: Made | None, dating: Dating) -> tuple[str, str, int | None]:
    return ("", "", None) if made is None else (made.author, made.channel, dating.utc_ms(made.boot, made.at_ms))


def settings(engine: Engine, dating: Dating) -> list[SettingView]:
    """Return all that can be set: setpoints and switches, limits, programs, each in the order of the file."""
    return [*_setpoints(engine, dating), *_limits(engine, dating), *_programs(engine, dating)]


def _setpoints(engine: Engine, dating: Dating) -> list[SettingView]:
    part = engine.part(Setpoints)
    found = []
    for name, spec in part.specs.items():
        author, channel, since_utc_ms = _who(part.made.get(name), dating)
        found.append(
            SettingView(
                id=name, kind="setpoint", value=part.shown(name), file=part.shown(name, spec.initial),
                is_changed=name in part.made, unit=spec.point.unit, low=_finite(spec.low), high=_finite(spec.high),
                step=spec.step, words=list(spec.point.words), right=RIGHT["setpoint"], by_command=spec.by_command,
                author=author, channel=channel, since_utc_ms=since_utc_ms, name=spec.point.name, point="",
                limit_kind="",
            )
        )  # fmt: skip
    return found


def _limits(engine: Engine, dating: Dating) -> list[SettingView]:
    part = engine.part(LimitValues)
    found = []
    for name, spec in part.settable().items():
        point = engine.points[spec.point].spec
        author, channel, since_utc_ms = _who(part.made.get(name), dating)
        low, high = bounds(spec, point)
        found.append(
            SettingView(
                id=name, kind="limit", value=spec.value, file=part.file[name], is_changed=name in part.made,
                unit=unit_of(spec, point.unit), low=_finite(low), high=_finite(high), step=0.0, words=[],
                right=RIGHT["limit"], by_command=True, author=author, channel=channel, since_utc_ms=since_utc_ms,
                name={}, point=spec.point, limit_kind=spec.kind,
            )
        )  # fmt: skip
    return found


def _programs(engine: Engine, dating: Dating) -> list[SettingView]:
    part = engine.part(Programs)
    found = []
    for name, spec in part.specs.items():
        made = part.made(name)
        author, channel, since_utc_ms = _who(made, dating)
        found.append(
            SettingView(
                id=name, kind="program", value=WORDS[part.is_enabled(name)], file=WORDS[spec.enabled],
                is_changed=made is not None, unit="", low=None, high=None, step=0.0, words=list(WORDS),
                right=RIGHT["program"], by_command=True, author=author, channel=channel, since_utc_ms=since_utc_ms,
                name=spec.name, point=spec.target, limit_kind="",
            )
        )  # fmt: skip
    return found


def programs(engine: Engine) -> list[ProgramView]:
    """Return all programs in the order of the file: what they say now, what next and when."""
    part, setpoints = engine.part(Programs), engine.part(Setpoints)
    found = []
    for name, spec in part.specs.items():
        made, known = part.made(name), part.now_and_next(name)

        def shown(value: float, target: str = spec.target, *, is_output: bool = spec.is_output) -> float | str:
            return WORDS[bool(value)] if is_output else setpoints.shown(target, value)

        now, next_utc_ms = (None, None) if known is None else known
        after = None if next_utc_ms is None else spec.value(spec.week.at(next_utc_ms, engine.zone))
        found.append(
            ProgramView(
                program=name, target=spec.target, enabled=part.is_enabled(name), is_changed=made is not None,
                now=None if now is None else shown(now), next=None if after is None else shown(after),
                next_utc_ms=next_utc_ms, unit="" if spec.is_output else setpoints.specs[spec.target].point.unit,
                author=made.author if made else "", channel=made.channel if made else "", name=spec.name,
                slots=sorted([day, one.begin, one.end] for one in spec.week.slots for day in one.days),
            )
        )  # fmt: skip
    return found


def _finite(bound: float) -> float | None:
    return None if abs(bound) == NEVER else bound
