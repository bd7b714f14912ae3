"""An I2C call that does not return for a minute, and what every other bus does meanwhile.

Another I2C bus, eight probes on 1-Wire, contacts and a pulse meter at 20 Hz keep going. Prints, for each bus and for
the minute before, with and after the hang, how many ticks came and how late they began. Runs in the guest.
"""

from __future__ import annotations

import errno
import sys

from tests.hil.inside.chips import Chip, I2cSim, probe_name, wait_for_probes
from tests.hil.inside.field import Field, Turn, percentile, point, tell

PROBES = 8
MINUTE_S = 60.0
CONTACTS = 8
METER_PIN = 5  # one of the lines that pulse_gen drives
PULSE_MS = 50

SITE = (
    '[bus.w1]\nkind = "onewire"\n[bus.gpio]\nkind = "gpio"\n[bus.box]\nkind = "box"\n'
    '[bus.hung]\nkind = "i2c"\nnumber = {hung}\n[bus.well]\nkind = "i2c"\nnumber = {well}\n'
    + "".join(point(f"w1.{n}", "w1", "ds18b20", 10.0, probe=probe_name(n)) for n in range(PROBES))
    + "".join(
        point(f"{bus}.{channel}", bus, "sht3x", channel=channel)
        for bus in ("hung", "well")
        for channel in ("temperature", "humidity")
    )
    + "".join(point(f"{bus}.loop", bus, "ads1115", input="AIN1", shunt_ohm=150.0) for bus in ("hung", "well"))
    + "".join(point(f"door.{n}", "gpio", "contact", pin=17 + n) for n in range(CONTACTS))
    + point("meter", "gpio", "pulse", pin=METER_PIN, weight=1.0, weight_unit="l", debounce_ms=0)
    + point("box.load", "box", "box", measure="load")
)


def figures(turns: list[Turn]) -> dict[str, dict[str, float]]:
    """Return ticks, the 99th percentile and the worst of their lateness (ms), and the longest tick (s) of each bus."""
    found: dict[str, dict[str, float]] = {}
    for bus in sorted({turn.bus for turn in turns}):
        own = [turn for turn in turns if turn.bus == bus]
        late_ms = [turn.late_ms for turn in own]
        found[bus] = {
            "ticks": len(own),
            "samples": sum(len(turn.points) for turn in own),
            "late_p99_ms": round(percentile(late_ms, 0.99), 3),
            "late_worst_ms": round(max(late_ms), 3),
            "busy_worst_s": round(max(turn.busy_s for turn in own), 3),
        }
    return found


def main() -> int:
    """Let three minutes pass."""
    i2c, lines = I2cSim(), Chip("pulse_gen")
    i2c.set(ain_uv="0,600000,0,0")
    wait_for_probes(PROBES)
    hung, well = i2c.get("number")[:2]
    with Field(SITE.format(hung=hung, well=well)) as field:
        if field.until(lambda values: all(value.quality == "good" for value in values.values()), 120) is None:
            tell(phase="start", values={name: value.reason for name, value in field.values().items()})
            return 1
        pulses = round(3 * MINUTE_S * 1000 / PULSE_MS)
        array = {"count": pulses, "low_us": PULSE_MS * 500, "high_us": PULSE_MS * 500}
        for name, number in array.items():
            lines.set_one(name, METER_PIN, number)
        meter_before = field.values()["meter"].value
        lines.set(start=1)
        for phase in ("before", "hung", "after"):
            if phase == "hung":
                i2c.set(fault_addr=0, fault_errno=errno.ETIMEDOUT, fault_ms=round(MINUTE_S * 1000))
            turns = field.let_pass(MINUTE_S)
            values = field.values()
            if phase == "hung":
                i2c.heal()
            tell(
                phase=phase,
                buses=figures(turns),
                bad={name: value.reason for name, value in values.items() if value.quality == "bad"},
                alive=field.box.is_alive(),
            )
        back_s = field.until(lambda values: all(value.quality == "good" for value in values.values()), 120)
        field.let_pass(5.0)
        meter = field.values()["meter"].value
        tell(
            phase="end", back_s=back_s, pulses=pulses, sent=lines.get("sent")[METER_PIN], counted=[meter_before, meter]
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
