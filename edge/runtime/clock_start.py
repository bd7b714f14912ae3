"""The clock of a new start: with the time that earlier starts knew, and with what was believed on this power-up.

CLOCK_MONOTONIC goes on while only the service restarts. So what was believed then still holds, a person's word too;
after a reboot it does not, and what is left of it is a floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from edge.core.clock import ClockEntry, Dating
from edge.core.ports import Reader
from edge.core.timekeeping import Floor, kept_word
from edge.runtime.clock import BUILD_MS, Machine, SystemClock
from edge.runtime.clock_witnesses import witnesses
from edge.runtime.undated import last_known


class PowerUp(msgspec.Struct, frozen=True):
    """A run of the computer: the kernel's id of it, and the first start of the box in it."""

    id: str
    first: int


def power_up(saved: Any, machine: Machine, boot: int) -> PowerUp:
    """Return the power-up that this start is in; `saved` is the register of the start before, if any."""
    now = machine.power_up()
    try:
        before = msgspec.convert(saved, PowerUp)
    except msgspec.ValidationError:  # none, or another form
        return PowerUp(now, boot)
    return before if now and before.id == now else PowerUp(now, boot)


def system_clock(
    boot: int,
    machine: Machine,
    dating: Dating,
    logs: Sequence[Reader[Any]],
    *,
    began: PowerUp,
    trust_clock: bool,
) -> SystemClock:
    """Return the clock of start `boot`."""
    kept_ms, source = last_known(boot, dating, logs)
    return SystemClock(
        boot,
        floor=Floor(BUILD_MS, kept_ms, source),
        witnesses=witnesses(trust_clock=trust_clock),
        kept=kept_word(entry for entry in dating.entries() if began.first <= entry.boot < boot),
        machine=machine,
    )


def dated_as(ours: int, boot: int, dating: Dating, began: PowerUp) -> ClockEntry | None:
    """Return the entry of a past start of this power-up: what dates ours dates it too, the monotonic clock went on."""
    entry = dating.entry(ours, 0) if boot >= began.first else None
    return None if entry is None else msgspec.structs.replace(entry, boot=boot)
