"""Thirty probes on one master: how long its bus is busy when each converts by itself, and under the station.

And when probes go, come back, or are new: what the station says of them, and when. Runs in the guest, where the line's
time is that of a wire.
"""

from __future__ import annotations

import sys
import time

from tests.hil.inside import chips
from tests.hil.inside.chips import DEVICES, W1Sim, probe_name, wait_for_probes
from tests.hil.inside.field import Field, point, tell

PROBES = 30
NEW = 30  # on the line, in no settings
PERIOD_S = 10.0
TURNS = 4

SITE = '[bus.w1]\nkind = "onewire"\n' + "".join(
    point(f"t.{n}", "w1", "ds18b20", PERIOD_S, probe=probe_name(n)) for n in range(PROBES)
)


def one_by_one(w1: W1Sim) -> None:
    """Tell how long it takes to read every probe's file, as a program does that knows of no bulk conversion."""
    before = w1.get("conversions")[0]
    began_s = time.monotonic()
    for n in range(PROBES):
        (DEVICES / probe_name(n) / "w1_slave").read_text("ascii")
    tell(what="one by one", bus_s=round(time.monotonic() - began_s, 3), conversions=w1.get("conversions")[0] - before)


def together(w1: W1Sim, field: Field) -> None:
    """Tell how long the station's ticks are, that each value is of its own tick, and how many conversions it took."""
    field.until(lambda values: all(value.quality == "good" for value in values.values()), 3 * PERIOD_S)
    for turn in range(TURNS):
        milli_c = [1000 * turn + 100 * n for n in range(PROBES)]
        w1.set(milli_c=",".join(map(str, milli_c)))
        before, resets = w1.get("conversions")[0], w1.get("resets")[0]
        first = len(field.turns)
        field.until(lambda _values, first=first: len(field.turns) > first, 2 * PERIOD_S)
        field.let_pass(0.5)
        values = field.values()
        shown = [values[f"t.{n}"].value for n in range(PROBES)]
        off = [n for n in range(PROBES) if shown[n] is None or abs(float(shown[n]) - milli_c[n] / 1000) > 0.04]
        tell(
            what="together",
            bus_s=round(field.turns[first].busy_s, 3),
            conversions=w1.get("conversions")[0] - before,
            resets=w1.get("resets")[0] - resets,
            wrong=off,
        )


def unplugged_and_back(w1: W1Sim, field: Field) -> None:
    """Tell what one probe says that is pulled off, goes from the kernel's list, and is plugged in again."""
    began_s = time.monotonic()
    w1.fault(3, chips.ABSENT)
    said: list[list[object]] = []

    def note(reason: str) -> None:
        if not said or said[-1][0] != reason:
            said.append([reason, round(time.monotonic() - began_s, 1)])

    def is_unplugged(values: dict[str, object]) -> bool:
        value = field.values()["t.3"]
        note(value.reason or value.quality)
        return value.reason == "unplugged"

    field.until(is_unplugged, 400)
    others = [name for name, value in field.values().items() if value.quality != "good" and name != "t.3"]
    back_at_s = time.monotonic()
    w1.fault(3, chips.WELL)
    field.until(lambda values: values["t.3"].quality == "good", 400)
    note("good")
    tell(what="unplugged", said=said, back_s=round(time.monotonic() - back_at_s, 1), others=others)


def new_probe(w1: W1Sim, field: Field) -> None:
    """Tell after how long a probe that no setting knows is said, and how often."""
    w1.fault(NEW, chips.WELL)

    def said() -> list[object]:
        return [notice.values for notice in field.notices if notice.kind == "probe_new"]

    after_s = field.until(lambda _values: bool(said()), 120)
    field.let_pass(2 * PERIOD_S)
    others = [name for name, value in field.values().items() if value.quality != "good"]
    tell(what="new", after_s=after_s, said=said(), others=others)


def main() -> int:
    """Do all of it."""
    w1 = W1Sim()
    wait_for_probes(PROBES)  # the module was loaded with the new one off the line
    one_by_one(w1)
    with Field(SITE) as field:
        together(w1, field)
        new_probe(w1, field)
        unplugged_and_back(w1, field)
    return 0


if __name__ == "__main__":
    sys.exit(main())
