"""A big site of real drivers in one station: all kinds of device that a building holds, each bus with its thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomlkit

PINS = (4, 5, 6, 12, 13, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26)
REGISTERS = ("voltage", "current", "power", "apparent_power", "power_factor", "frequency", "import", "export", "total",
             "reactive_power")  # fmt: skip


def point(name: str, bus: str, driver: str, period_s: float, **options: Any) -> dict[str, Any]:
    return {"id": name, "bus": bus, "driver": driver, "period_s": period_s, "record_s": 60, **options}


def probes() -> list[dict[str, Any]]:
    return [point(f"t{n:02}", "w1", "ds18b20", 10, probe=f"28-0000000000{n:02x}") for n in range(1, 31)]


def pulses() -> list[dict[str, Any]]:
    return [point(f"p{pin:02}", "gpio", "pulse", 1, pin=pin, weight=1, weight_unit="Wh") for pin in PINS]


def meters() -> list[dict[str, Any]]:
    labels = ("PAPP", "IINST", "HCHC", "HCHP", "PTEC")
    return [
        point(f"m{n}.{label.lower()}", f"tic{n}", "teleinfo", 2, label=label) for n in (1, 2, 3) for label in labels
    ]


def loops() -> list[dict[str, Any]]:
    return [
        point(
            f"loop{chip}{n}",
            "i2c1",
            "ads1115",
            0.1,
            address=0x48 + chip,
            input=f"AIN{n}",
            shunt_ohm=150,
            rate_per_s=860,
        )
        for chip in range(4)
        for n in range(4)
    ]


def sensors() -> list[dict[str, Any]]:
    return [
        point("air.t", "i2c2", "sht3x", 10, address=0x44, channel="temperature"),
        point("air.rh", "i2c2", "sht3x", 10, address=0x44, channel="humidity"),
        point("cold.t", "i2c2", "sht3x", 10, address=0x45, channel="temperature"),
        point("out.p", "i2c2", "bme280", 10, address=0x76, channel="pressure"),
        point("co2", "i2c2", "scd4x", 10, channel="co2"),
        point("light", "i2c2", "bh1750", 10, address=0x23),
        point("supply", "i2c2", "ina219", 10, address=0x40, channel="voltage", shunt_ohm=0.1),
    ]


def registers() -> list[dict[str, Any]]:
    return [
        point(f"s{slave}.{name}", "rs485", "modbus", 5, slave=slave, map="sdm120", register=name)
        for slave in range(1, 6)
        for name in REGISTERS
    ]


def clamps() -> list[dict[str, Any]]:
    keys = {"address": 0x48, "amps_per_volt": 30}
    return [
        point(f"clamp{n}.{channel}", "i2c3", "clamp", 10, input=f"AIN{n}", channel=channel, **keys)
        for n in range(4)
        for channel in ("current", "energy")
    ]


BUSES: dict[str, dict[str, Any]] = {
    "w1": {"kind": "onewire"},
    "gpio": {"kind": "gpio"},
    **{f"tic{n}": {"kind": "serial", "port": f"/dev/none{n}"} for n in (1, 2, 3)},
    "i2c1": {"kind": "i2c", "number": 1},
    "i2c2": {"kind": "i2c", "number": 2},
    "i2c3": {"kind": "i2c", "number": 3},
    "rs485": {"kind": "modbus", "port": "/dev/none"},
}


def write_site(path: Path) -> int:
    """Write the site's settings; return how many points it has."""
    points = [*probes(), *pulses(), *meters(), *loops(), *sensors(), *registers(), *clamps()]
    document = {
        "box": {"id": "bench", "trust_clock": True, "buffer_mb": 64},
        "site": {"name": "Bench"},
        "bus": BUSES,
        "point": points,
    }
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    return len(points)
