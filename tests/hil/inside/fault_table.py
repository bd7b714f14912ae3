"""Every fault of a probe, of its line, of an I2C chip and of its bus, one after the other under a running station.

Prints for each what the points of that device say then, after how long, what `vigie explain` adds, and after how long
all is well again. Runs in the guest.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable

from edge.core.view import ValueView
from tests.hil.inside import chips
from tests.hil.inside.chips import I2cSim, W1Sim, probe_name, wait_for_probes
from tests.hil.inside.field import Field, point, tell
from tests.hil.inside.i2c_chips import BME280, ID_BME680, SCD4X, put_all, put_bh1750, put_bme280, put_ina219, put_scd4x

PROBES = 4
SETTLES_S = 6.0  # what is to be seen as GOOD must be so after the slowest point's next reading
SEEN_S = 60.0
BACK_S = 400.0  # the longest back-off is 30 s
HUNG_MS = 60_000
ADS1115, SHT3X, ALL = 0x48, 0x44, 0

SITE = (
    '[bus.w1]\nkind = "onewire"\n[bus.i2c]\nkind = "i2c"\nnumber = {number}\n'
    + "".join(point(f"w1.{n}", "w1", "ds18b20", 5.0, probe=probe_name(n)) for n in range(PROBES))
    + point("ads.v", "i2c", "ads1115", input="AIN0")
    + point("ads.loop", "i2c", "ads1115", input="AIN1", shunt_ohm=150.0)
    + "".join(point(f"sht.{channel}", "i2c", "sht3x", channel=channel) for channel in ("temperature", "humidity"))
    + "".join(point(f"bme.{channel}", "i2c", "bme280", channel=channel) for channel in ("temperature", "humidity"))
    + "".join(point(f"ina.{channel}", "i2c", "ina219", channel=channel) for channel in ("voltage", "current"))
    + "".join(point(f"scd.{channel}", "i2c", "scd4x", 5.0, channel=channel) for channel in ("co2", "humidity"))
    + point("light", "i2c", "bh1750")
)
FIRST, LOOP, LIGHT = "w1.0", "ads.loop", "light"
LINE = tuple(f"w1.{n}" for n in range(PROBES))
ADS, SHT, BME = ("ads.v", LOOP), ("sht.temperature", "sht.humidity"), ("bme.temperature", "bme.humidity")
INA, SCD = ("ina.voltage", "ina.current"), ("scd.co2", "scd.humidity")
BUS = (*ADS, *SHT, *BME, *INA, *SCD, LIGHT)


class Row:
    """A fault: its name, what makes it, and the points that should say so, each with its reason ("" is good)."""

    def __init__(self, name: str, make: Callable[[], object], points: tuple[str, ...], *reasons: str) -> None:
        self.name = name
        self.make = make
        self.said = dict(zip(points, reasons if len(reasons) > 1 else reasons * len(points), strict=True))


def rows(w1: W1Sim, i2c: I2cSim) -> list[Row]:
    """Return the table."""

    def probe(fault: int) -> Callable[[], object]:
        return lambda: w1.fault(0, fault)

    def fails(address: int, number: int, ms: int = 0, times: int = -1) -> Callable[[], object]:
        return lambda: i2c.set(fault_addr=address, fault_errno=number, fault_ms=ms, fault_times=times)

    def replaced() -> None:
        """Unplug the sensor for a moment, so that it is opened anew, and put another chip in its place."""
        fails(BME280, errno.EREMOTEIO, times=1)()
        put_bme280(i2c, ID_BME680)

    hot = ",".join(["85000", *["20000"] * (PROBES - 1)])
    return [
        Row("probe: cut off, others on the line", probe(chips.ABSENT), (FIRST,), "no_answer"),
        Row("probe: answers a search and nothing else", probe(chips.SILENT), (FIRST,), "no_answer"),
        Row("probe: damaged bytes, each time", probe(chips.BAD_CRC), (FIRST,), "no_answer"),
        Row("probe: damaged bytes, every other time", probe(chips.FLAKY), (FIRST,), ""),
        Row("probe: power-on value", probe(chips.POWER_ON), (FIRST,), "power_on_value"),
        Row("probe: really at 85 °C", lambda: w1.set(milli_c=hot), (FIRST,), ""),
        Row("probe: supply too weak", probe(chips.WEAK_SUPPLY), (FIRST,), "weak_supply"),
        Row("probe: a copy of the chip", probe(chips.CLONE), (FIRST,), ""),
        Row("1-Wire line: short circuit", lambda: w1.line(chips.HELD_LOW), LINE, "line_low"),
        Row("1-Wire line: cut, or held high", lambda: w1.line(chips.HELD_HIGH), LINE, "line_high"),
        Row("ADS1115: no acknowledge (EREMOTEIO)", fails(ADS1115, errno.EREMOTEIO), ADS, "no_answer"),
        Row("ADS1115: a conversion never ends", lambda: i2c.set(ads_stuck=1), ADS, "never_ready"),
        Row("ADS1115: 4-20 mA loop open", lambda: i2c.set(ain_uv="1000000,0,0,0"), (LOOP,), "wire_break"),
        Row("ADS1115: loop above 21 mA", lambda: i2c.set(ain_uv="1000000,3300000,0,0"), (LOOP,), "over_range"),
        Row("SHT3x: no acknowledge (ENXIO)", fails(SHT3X, errno.ENXIO), SHT, "no_answer"),
        Row("SHT3x: CRC of one word wrong", lambda: i2c.set(sht_bad_crc=1), SHT, "crc", ""),
        Row("SHT3x: CRC of both words wrong", lambda: i2c.set(sht_bad_crc=3), SHT, "crc"),
        Row("BME280: no acknowledge", fails(BME280, errno.EREMOTEIO), BME, "no_answer"),
        Row("BME280: another chip in its place", replaced, BME, "wrong_device"),
        Row("BME280: no measurement since power-up", lambda: put_bme280(i2c, measured=False), BME, "power_on_value"),
        Row("INA219: a measurement never ends", lambda: put_ina219(i2c, ready=False), INA, "never_ready"),
        Row("BH1750: more light than it can measure", lambda: put_bh1750(i2c, None), (LIGHT,), "over_range"),
        Row("SCD4x: CRC of one word wrong", lambda: put_scd4x(i2c, damaged=2), SCD, "crc", ""),
        Row("SCD4x: no acknowledge", fails(SCD4X, errno.EREMOTEIO), SCD, "no_answer"),
        Row("I2C bus: arbitration lost once", fails(ALL, errno.EAGAIN, times=1), BUS, ""),
        Row("I2C bus: arbitration lost for good", fails(ALL, errno.EAGAIN), BUS, "arbitration"),
        Row("I2C bus: transfers fail (EIO)", fails(ALL, errno.EIO), BUS, "bus_error"),
        Row("I2C bus: a device holds it (ETIMEDOUT)", fails(ALL, errno.ETIMEDOUT, ms=-1), BUS, "bus_stuck"),
        Row("I2C bus: a call that does not return", fails(ALL, errno.ETIMEDOUT, ms=HUNG_MS), BUS, "bus_blocked"),
    ]


def heal(w1: W1Sim, i2c: I2cSim) -> None:
    """Take every fault back."""
    w1.set(fault=",".join(["0"] * PROBES), line="0,0", milli_c=",".join(["20000"] * PROBES))
    i2c.heal()
    put_all(i2c)


def are_well(values: dict[str, ValueView]) -> bool:
    """Return whether every point has a value without a doubt."""
    return all(value.quality == "good" for value in values.values())


def try_out(field: Field, row: Row) -> dict[str, object]:
    """Make the fault and return what is seen of it."""
    row.make()
    if "" in row.said.values():
        field.let_pass(SETTLES_S)
    after_s = field.until(lambda values: all(values[name].reason == why for name, why in row.said.items()), SEEN_S)
    values = field.values()
    wires = [field.box.desk.explain(name)["wire"] for name in row.said]
    return {
        "fault": row.name,
        "expected": row.said,
        "said": {name: values[name].reason for name in row.said},
        "after_s": after_s,
        "values": {name: values[name].value for name in row.said},
        "others": {name: value.reason for name, value in values.items() if value.reason and name not in row.said},
        "explained": sorted({wire["fault"] for wire in wires if not wire["is_open"]})[:1],
    }


def main() -> int:
    """Go through the table."""
    w1, i2c = W1Sim(), I2cSim()
    wait_for_probes(PROBES)
    heal(w1, i2c)
    with Field(SITE.format(number=i2c.get("number")[0])) as field:
        if field.until(are_well, BACK_S) is None:
            tell(fault="none", said={name: value.reason for name, value in field.values().items()})
            return 1
        for row in rows(w1, i2c):
            seen = try_out(field, row)
            heal(w1, i2c)
            tell(**seen, back_s=field.until(are_well, BACK_S))
    return 0


if __name__ == "__main__":
    sys.exit(main())
