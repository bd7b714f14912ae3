"""Registers in a form that is not this version's: left out kind by kind, and said, so that the box starts all the same.

Versions read each other's registers. Where one does not, after a newer version was taken back, a box that does not
start would be worse than one that has forgotten when it last reminded of an alarm. Frames have check sums: such a
register was written so, it is no damage.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from edge.core.engine import Engine
from edge.core.types import Event

NEVER_LEFT_OUT: Final = "counter"
"""An index that begins anew would be wrong for good: rather no start, until the version that wrote it is back."""

log = logging.getLogger(__name__)
Make = Callable[[Mapping[str, Any], Mapping[str, Any]], Engine]


def kind_of(register: str) -> str:
    """Return whose register this is.

    >>> kind_of("totals/water/2026-11"), kind_of("alarms")
    ('totals', 'alarms')
    """
    return register.partition("/")[0]


def engine_from(
    make: Make, records: Mapping[str, Any], events: Mapping[str, Any]
) -> tuple[Engine, tuple[list[str], list[str]]]:
    """Return what `make` gives for these registers of both logs, and the names of those with which it raises.

    They are left out by kind. Raises what it raises where even the counters alone are too much.
    """
    try:
        return make(records, events), ([], [])
    except Exception:  # whatever reading an unknown form comes to
        log.exception("registers of another form")
    counters = {name: value for name, value in records.items() if kind_of(name) == NEVER_LEFT_OUT}
    sound: list[dict[str, Any]] = [counters, {}]
    engine = make(*sound)
    left: tuple[list[str], list[str]] = ([], [])
    for place, registers in enumerate((records, events)):
        for kind in dict.fromkeys(kind_of(name) for name in registers if name not in counters):
            own = {name: value for name, value in registers.items() if kind_of(name) == kind}
            tried = [{**found, **own} if at == place else found for at, found in enumerate(sound)]
            try:
                engine = make(*tried)
            except Exception:  # noqa: BLE001 - the same
                left[place].extend(own)
            else:
                sound = tried
    engine = make(*sound)  # the last one tried may have failed half-way
    kinds = ", ".join(dict.fromkeys(kind_of(name) for names in left for name in names))
    text = f"begins anew, what was noted is of another form: {kinds}"
    log.error("%s", text)
    engine.emit(Event("fault", engine.now_ms, "", {"worker": "start", "text": text[:200]}))
    return engine, left
