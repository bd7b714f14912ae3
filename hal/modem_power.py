"""A modem's power, taken away by a relay on a GPIO and given back: `python -m sms.modem_power --pin 26 --off 1`.

Run by vigie-modem-reset, as root without capabilities; the line goes back to an input when the program ends.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any


def cycle(output: Any, off: int, seconds: float, sleep: Callable[[float], None] = time.sleep) -> None:
    """Hold an output at the level that takes the power away, then at the other one."""
    try:
        output.value = off
        sleep(seconds)
        output.value = 1 - off
    finally:
        output.close()


def main(arguments: list[str]) -> int:
    """Take the power away for some seconds; exit status 1 where the pin can't be had."""
    parser = argparse.ArgumentParser(prog="python -m sms.modem_power")
    parser.add_argument("--pin", type=int, required=True, help="GPIO number (BCM)")
    parser.add_argument("--off", type=int, choices=(0, 1), default=1, help="level at which the modem has no power")
    parser.add_argument("--seconds", type=float, default=8.0)
    args = parser.parse_args(arguments)
    try:
        from gpiozero import DigitalOutputDevice
        from gpiozero.exc import GPIOZeroError

        try:
            cycle(DigitalOutputDevice(args.pin, initial_value=bool(1 - args.off)), args.off, args.seconds)
        except GPIOZeroError as exc:
            raise OSError(str(exc)) from exc
    except (ImportError, OSError) as exc:
        sys.stderr.write(f"GPIO {args.pin}: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
