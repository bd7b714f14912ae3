"""The machine under the box: what the texts of /proc and /sys say. None where a text does not say it.

proc_meminfo(5), proc_uptime(5), proc_loadavg(5); the kernel's thermal and hwmon sysfs interface; `get_throttled` of
the Raspberry Pi's firmware (raspberrypi.com, "vcgencmd"); JEDEC eMMC 5.0, DEVICE_LIFE_TIME_EST_TYP_A and _B.
"""

from __future__ import annotations

from typing import Final

UNDERVOLTAGE: Final = 1 << 0
SLOWED: Final = 1 << 1 | 1 << 2 | 1 << 3  # frequency capped, throttled, soft temperature limit
LIFE_STEPS: Final = 11  # 1: up to 10 % of the life is used, … 10: up to 100 %, 11: beyond it
WORN_EACH_PERCENT: Final = 10.0
LOWEST_MC, HIGHEST_MC = -60_000, 200_000  # a zone that has not measured says -274,000 (THERMAL_TEMP_INVALID)


def celsius(text: str) -> float | None:
    """Return °C from the millidegrees of a thermal zone.

    >>> celsius("48312"), celsius("-5000"), celsius(""), celsius("-274000")
    (48.312, -5.0, None, None)
    """
    number = _integer(text, 10)
    return number / 1000 if number is not None and LOWEST_MC <= number <= HIGHEST_MC else None


def memory_used_percent(meminfo: str) -> float | None:
    """Return how much of the memory can't be had by a new program, in %."""
    found = {}
    for line in meminfo.splitlines():
        name, _, rest = line.partition(":")
        if name in {"MemTotal", "MemAvailable"}:
            found[name] = _integer(rest.partition("kB")[0], 10)
    total, available = found.get("MemTotal"), found.get("MemAvailable")
    if not total or available is None or not 0 <= available <= total:
        return None
    return 100 * (total - available) / total


def uptime_s(text: str) -> float | None:
    """Return the seconds since power came: the first number of /proc/uptime."""
    return _number(text)


def load(text: str, processors: int) -> float | None:
    """Return the load of the last minute for each processor: 1 is one always busy.

    >>> load("0.60 0.40 0.30 1/200 999", 4), load("", 4)
    (0.15, None)
    """
    number = _number(text)
    return None if number is None or processors < 1 else number / processors


def throttled(text: str) -> int | None:
    """Return the bits of `get_throttled`, which the kernel writes in hex.

    >>> throttled("50005"), throttled("0x0"), throttled("?")
    (327685, 0, None)
    """
    return _integer(text, 16)


def alarm(text: str) -> int | None:
    """Return 0 or 1, as an alarm file of hwmon says."""
    number = _integer(text, 10)
    return number if number in {0, 1} else None


def wear_percent(text: str) -> float | None:
    """Return how much of an eMMC's life is used at most, in %: the worse of its two estimates, in steps of 10.

    >>> wear_percent("0x02 0x01"), wear_percent("0x00 0x00"), wear_percent("0x0b 0x01"), wear_percent("")
    (20.0, None, 110.0, None)
    """
    steps = [step for word in text.split() if (step := _integer(word, 16)) is not None]
    worst = max(steps, default=0)
    return worst * WORN_EACH_PERCENT if 1 <= worst <= LIFE_STEPS else None


def _number(text: str) -> float | None:
    words = text.split()
    try:
        number = float(words[0])
    except (IndexError, ValueError):
        return None
    return number if 0 <= number < float("inf") else None


def _integer(text: str, base: int) -> int | None:
    try:
        return int(text.strip(), base)
    except ValueError:
        return None
