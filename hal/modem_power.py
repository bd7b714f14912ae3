"""A modem's power, taken away by a relay on a GPIO and given back: `python -m hal.modem_power --pin 26 --off 1`.

Run by vigie-modem-reset, as root without capabilities; the line goes back to an input when the program ends. By gpiod,
as the station's pins are: gpiozero's own way needs lgpio, which ends at Python 3.12.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from hal.gpiod_lines import Line, LineSetup, device_paths, open_chip


def cycle(line: Line, off: int, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Hold a line at the level that takes the power away, then at the other one. Raises GpioError."""
    try:
        line.setup(LineSetup("output", level=bool(off)))
        sleep(seconds)
        line.drive(not off)
    finally:
        line.release()


def main(arguments: list[str]) -> int:
    """Take the power away for some seconds; exit status 1 where the pin can't be had."""
    parser = argparse.ArgumentParser(prog="python -m hal.modem_power")
    parser.add_argument("--pin", type=int, required=True, help="GPIO number (BCM)")
    parser.add_argument("--off", type=int, choices=(0, 1), default=1, help="level at which the modem has no power")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--chip", default="", help="path, name or label; where absent, that of the header")
    args = parser.parse_args(arguments)
    try:
        import gpiod

        chip = open_chip(args.chip, device_paths(), gpiod.Chip)
        try:
            cycle(Line(chip, args.pin, lambda _t_ns, _level: None), args.off, args.seconds)
        finally:
            chip.close()
    except (ImportError, OSError) as exc:
        sys.stderr.write(f"GPIO {args.pin}: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
