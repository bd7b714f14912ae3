"""In the guest: counts the pulses of pulse_gen's lines by one of three ways, and prints one line of JSON.

    pulses.py gpiod|lgpio|gpiozero LINES PULSES HERTZ BOUNCES BOUNCE_US DEBOUNCE_US

gpiod and lgpio are the station's own pulse driver on that factory, read once a second as its bus does; gpiozero is what
a program of ten lines does: a Button each, `when_pressed` counts. Pulses are low for half of a period.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

GENERATOR = Path("/sys/module/pulse_gen/parameters")
READ_S = 1.0


def set_generator(name: str, value: int, lines: int) -> None:
    (GENERATOR / name).write_text(",".join([str(value)] * lines + ["0"] * (16 - lines)), "ascii")


def numbers(name: str, lines: int) -> list[int]:
    return [int(word) for word in (GENERATOR / name).read_text("ascii").split(",")][:lines]


def by_driver(debounce_ms: float, lines: int) -> tuple[Callable[[], None], Callable[[], list[Any]]]:
    """Return what reads the station's drivers once, and what gives their last samples' values."""
    import msgspec

    from hal.buses import Gpio, open_bus
    from hal.drivers.pulse import Pulse, PulseOptions

    open_bus("gpio", Gpio())
    options = {"weight": 1.0, "weight_unit": "count", "debounce_ms": debounce_ms}
    meters = [
        Pulse(None, {f"p{line}": msgspec.convert({"pin": line, **options}, PulseOptions)}) for line in range(lines)
    ]
    for meter in meters:
        meter.open()
    last: list[Any] = [0] * lines
    troubles: set[str] = set()

    def read() -> None:
        for line, meter in enumerate(meters):
            for sample in meter.read([f"p{line}"], time.monotonic_ns()):
                last[line] = sample.value
                if sample.reason:
                    troubles.add(sample.reason)

    def result() -> list[Any]:
        return [last, sorted(troubles)]

    return read, result


def by_button(debounce_ms: float, lines: int) -> tuple[Callable[[], None], Callable[[], list[Any]]]:
    from gpiozero import Button, Device
    from gpiozero.pins.lgpio import LGPIOFactory

    Device.pin_factory = LGPIOFactory()
    counts = [0] * lines
    buttons = [Button(line, pull_up=True, bounce_time=debounce_ms / 1000 or None) for line in range(lines)]

    def counter(line: int) -> Callable[[], None]:
        def count() -> None:
            counts[line] += 1

        return count

    for line, button in enumerate(buttons):
        button.when_pressed = counter(line)
    return (lambda: None), (lambda: [counts, [], buttons][:2])  # gpiozero closes a device that nobody keeps


def main() -> None:
    way, lines, pulses, hertz, bounces, bounce_us, debounce_us = sys.argv[1], *map(int, sys.argv[2:])
    if way != "gpiod":
        os.environ["GPIOZERO_PIN_FACTORY"] = "lgpio"
    read, result = (by_button if way == "gpiozero" else by_driver)(debounce_us / 1000, lines)
    period_us = 1_000_000 // hertz
    half_us = period_us // 2
    for name, value in {
        "count": pulses, "low_us": half_us, "high_us": half_us, "bounces": bounces, "bounce_us": bounce_us,
    }.items():  # fmt: skip
        set_generator(name, value, lines)
    read()
    cpu_s, began_s = time.process_time(), time.monotonic()
    (GENERATOR / "start").write_text("1", "ascii")
    next_s = began_s
    while int((GENERATOR / "busy").read_text("ascii")):
        next_s += READ_S
        time.sleep(max(0.0, next_s - time.monotonic()))
        read()
    took_s = time.monotonic() - began_s
    for _ in range(3):
        time.sleep(READ_S)
        read()
    counted, troubles = result()
    print(json.dumps({
        "sent": sum(numbers("sent", lines)), "edges": sum(numbers("edges", lines)), "counted": counted,
        "troubles": troubles, "cpu_s": time.process_time() - cpu_s, "took_s": took_s,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
