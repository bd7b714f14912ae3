"""A pin factory for a real process: it writes down what each pin does and when, and lets a test bend a pin.

It is found by gpiozero itself (`GPIOZERO_PIN_FACTORY=told`), so that `vigie run` is started as on a box.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.box_rig import Service, service

FACTORY = '''
import os
import sys
import time
from pathlib import Path

from gpiozero.pins.mock import MockFactory, MockPin

FOLDER = Path(os.environ["TOLD_PINS"])


class ToldPin(MockPin):
    """Appends a line at each call; a file held-<GPIO> says what is read."""

    def _set_function(self, value):
        super()._set_function(value)
        self._tell()

    def _set_state(self, value):
        super()._set_state(value)
        self._tell()

    def _get_state(self):
        try:
            return (FOLDER / f"held-{self._number}").read_text() == "1"
        except OSError:
            return super()._get_state()

    def _tell(self):
        with (FOLDER / "told").open("a") as told:
            loaded = int("edge.runtime.box" in sys.modules)
            cpu_s = time.process_time()
            told.write(f"{self._number} {self._function} {int(self._state)} {time.monotonic()} {cpu_s} {loaded}\\n")


def factory():
    return MockFactory(pin_class=ToldPin)
'''


class Call(msgspec.Struct, frozen=True):
    """One call to a pin: what it was then, when (monotonic s), after how much CPU of its process (s)."""

    function: str
    level: bool
    at_s: float
    cpu_s: float
    is_box_loaded: bool


class ToldPins:
    """What a process did to its pins, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._site = folder / "site"
        facts = self._site / "told_pins-1.0.dist-info"
        facts.mkdir(parents=True)
        (self._site / "told_pins_factory.py").write_text(FACTORY, encoding="utf-8")
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: told-pins\nVersion: 1.0\n", encoding="utf-8")
        entry = "[gpiozero_pin_factories]\ntold = told_pins_factory:factory\n"
        (facts / "entry_points.txt").write_text(entry, encoding="utf-8")

    @contextmanager
    def service(self, config: Path, name: str, root: Path) -> Iterator[Service]:
        """Run `vigie run` with these pins."""
        words = ("--config", str(config), "--state", str(self.folder / "state"))
        environment = {
            "GPIOZERO_PIN_FACTORY": "told", "TOLD_PINS": str(self.folder), "PYTHONPATH": f"{root}:{self._site}",
        }  # fmt: skip
        with service(self.folder, *words, name=name, **environment) as running:
            yield running

    def told(self, pin: int) -> list[Call]:
        """Return the calls to a pin in order."""
        try:
            lines = (self.folder / "told").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [
            Call(function, level == "1", float(at), float(cpu), loaded == "1")
            for number, function, level, at, cpu, loaded in (line.split() for line in lines)
            if int(number) == pin
        ]

    def level(self, pin: int) -> bool | None:
        """Return the last level that a pin was driven to, None before the first."""
        found = self.told(pin)
        return found[-1].level if found else None

    def hold(self, pin: int, level: bool | None) -> None:
        """Bend a pin: this is read whatever it is driven to."""
        path = self.folder / f"held-{pin}"
        if level is None:
            path.unlink()
        else:
            path.write_text("1" if level else "0")
