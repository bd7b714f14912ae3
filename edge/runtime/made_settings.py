"""Settings made by order, as the notebook keeps them: a copy for people and backups of what the events' log holds.

The log's registers are the first authority (docs/decisions/0006-registers-in-the-logs.md); nothing is read from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from edge.core import limit_values, program
from edge.core.notes import MadeSetting, Moment

LIMIT: Final = ("limit.", ".value")
PROGRAM: Final = ("program.", ".enabled")


def made_settings(registers: Mapping[str, Any]) -> dict[str, MadeSetting]:
    """Return the values of limits and the switches of programs that count above the file's, by the file's key."""
    found = {}
    for name, made in registers.get(limit_values.REGISTER, {}).items():
        found[f"{LIMIT[0]}{name}{LIMIT[1]}"] = _setting(made, made["value"])
    for name, running in registers.items():
        if name.startswith(program.REGISTER) and running.get("made") is not None:
            key = f"{PROGRAM[0]}{name.removeprefix(program.REGISTER)}{PROGRAM[1]}"
            found[key] = _setting(running["made"], bool(running["made"]["value"]))
    return {key: MadeSetting(key, *facts) for key, facts in found.items()}


def is_copied(key: str) -> bool:
    """Return whether a key is one of those that are copied from the registers.

    >>> is_copied("limit.boiler.hot.value"), is_copied("box.commit_s")
    (True, False)
    """
    return any(key.startswith(begin) and key.endswith(end) for begin, end in (LIMIT, PROGRAM))


def _setting(made: Mapping[str, Any], value: float | bool) -> tuple[float | bool, Moment, str, str]:  # noqa: FBT001 - a value
    when = Moment(made.get("boot", 0), made.get("at_ms", 0))
    return value, when, made.get("author", ""), made.get("channel", "")
