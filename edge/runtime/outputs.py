"""The pins of outputs: opened in their safe state, driven, read back, and left in their safe state, by gpiozero.

Nothing is decided here. An output that can't be opened is tried again and never stops the station.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from edge.core.read_back import MISMATCH, ReadBack
from edge.settings.model import Output
from hal.buses import Gpio, open_bus
from hal.sample import Sample

RETRY_MS: Final = 60_000  # a pin that did not open is tried again this often

PIN_KEYS: Final = (
    "bus", "pin", "safe", "active_high", "drive", "readback_pin", "readback_pull", "readback_active_low",
)  # fmt: skip
"""What of an output its pins depend on."""

log = logging.getLogger(__name__)


def told(output: Output) -> dict[str, Any]:
    """Return what is written of an output, without what holds anyway.

    >>> told(Output(id="pump", bus="gpio", pin=17, min_off_s=180.0))
    {'pin': 17, 'min_off_s': 180.0}
    """
    plain, bare = msgspec.to_builtins(output), msgspec.to_builtins(Output(id="", bus="", pin=-1))
    return {key: value for key, value in plain.items() if value != bare[key] and key not in {"id", "bus"}}


def has_same_pins(before: Output, after: Output) -> bool:
    """Return whether an output stays on its pins, whatever else of it changed.

    >>> pump = Output(id="pump", bus="gpio", pin=17)
    >>> has_same_pins(pump, msgspec.structs.replace(pump, limit="tank.high", place="cellar"))
    True
    """
    return all(getattr(before, key) == getattr(after, key) for key in PIN_KEYS)


class OutputPin:
    """One output's pin, and that of its feedback contact. Raises what gpiozero raises."""

    def __init__(self, output: Output, factory: Any, *, on: bool) -> None:
        """Claim the pins; the output begins at `on` in the same call to the kernel, so that a relay does not click.

        A feedback contact's pin that can't be had leaves the output driven: `read` says it, and tries again.
        """
        from gpiozero import GPIODevice, OutputDevice

        self._output = output
        self._factory = factory
        self._on_level = output.active_high and output.drive == "push_pull"
        self._feedback: Any = None
        if output.drive == "push_pull":
            self._device: Any = OutputDevice(
                output.pin, active_high=output.active_high, initial_value=on, pin_factory=factory
            )
        else:
            self._device = GPIODevice(output.pin, pin_factory=factory)
            self.drive(on=on)
        with suppress(Exception):
            self._open_feedback()

    def _open_feedback(self) -> None:
        from gpiozero import InputDevice

        output = self._output
        if output.readback_pin is None or self._feedback is not None:
            return
        pull = {"up": True, "down": False, "floating": None}[output.readback_pull]
        state = True if pull is None else None  # gpiozero asks for it where no pull says which level is active
        self._feedback = InputDevice(output.readback_pin, pull_up=pull, active_state=state, pin_factory=self._factory)

    def drive(self, *, on: bool) -> None:
        """Switch."""
        pin = self._device.pin
        if self._output.drive == "push_pull":
            self._device.value = on
        elif on:
            pin.output_with_state(False)
        else:
            pin.input_with_pull("floating")

    def read(self, *, on: bool) -> ReadBack:
        """Return the real state: the feedback contact's where there is one, else the pin's own."""
        self._open_feedback()
        is_on = bool(self._device.pin.state) == self._on_level
        if self._feedback is None:
            return ReadBack(is_on)
        told = bool(self._feedback.pin.state) != self._output.readback_active_low
        return ReadBack(told, MISMATCH if is_on != on else "")

    def levels(self) -> str:
        """Return what is on the pins, such as "GPIO17 high, GPIO27 low"."""
        pins = {self._output.pin: self._device, self._output.readback_pin: self._feedback}
        return ", ".join(
            f"GPIO{number} {'high' if device.pin.state else 'low'}" for number, device in pins.items() if device
        )

    def close(self) -> None:
        """Give the pins back. One whose safe state is on is left driven, where the kernel lets it be."""
        if self._output.safe == "on" and hasattr(self._device.pin, "stays_driven"):
            self._device.pin.stays_driven = True
        for device in (self._device, self._feedback):
            if device is not None:
                device.close()


class Outputs:
    """All outputs of a site. Any thread may call it."""

    def __init__(self, outputs: Sequence[Output], buses: Mapping[str, tuple[str, Any]] | None = None) -> None:
        """Take the settings of the outputs and of the buses; nothing is touched yet."""
        self._outputs = {output.id: output for output in outputs}
        self._buses = buses or {}
        self._factories: Mapping[str, Any] = {}
        self._pins: dict[str, OutputPin] = {}
        self._on = {output.id: output.safe == "on" for output in outputs}
        self._retry_ms = dict.fromkeys(self._outputs, 0)
        self._faults: dict[str, str] = {}
        self._last: dict[str, Sample] = {}
        self._lock = threading.Lock()
        self._is_resting = False

    def open(self, factories: Mapping[str, Any]) -> None:
        """Bring every output to its safe state. `factories` are the pin factories of simulated buses by name."""
        self._factories = factories
        with self._lock:
            for output in self._outputs.values():
                self._open(output)

    def _open(self, output: Output) -> None:
        try:
            if output.bus not in self._factories:  # never gpiozero's own choice, which may end at /dev/mem
                open_bus("gpio", self._buses.get(output.bus, ("gpio", Gpio()))[1])
            pin = OutputPin(output, self._factories.get(output.bus), on=self._on[output.id])
        except Exception as exc:  # a missing pin library or a pin in use; the site's readings matter more
            if output.id not in self._faults:  # an OSError says what to look at; anything else is for a developer
                level, trace = (logging.WARNING, None) if isinstance(exc, OSError) else (logging.ERROR, exc)
                log.log(level, "output %s on GPIO%d does not open: %s", output.id, output.pin, exc, exc_info=trace)
            self._faults[output.id] = str(exc) or type(exc).__name__
            return
        self._pins[output.id] = pin
        if self._faults.pop(output.id, ""):
            log.info("output %s on GPIO%d opens now", output.id, output.pin)

    def replace(self, outputs: Sequence[Output], buses: Mapping[str, tuple[str, Any]]) -> None:
        """Go on with these outputs: one whose pins are the same is not touched.

        Any other goes to its safe state first, and is opened in that of the new settings.
        """
        with self._lock:
            before, self._buses = self._outputs, buses
            after = {output.id: output for output in outputs}
            for name, output in before.items():
                if name not in after or not has_same_pins(output, after[name]):
                    self._give_up(name, output)
            self._outputs = after
            for output in outputs:
                if output.id not in self._on:
                    self._on[output.id], self._retry_ms[output.id] = output.safe == "on", 0
                    self._open(output)

    def _give_up(self, name: str, output: Output) -> None:
        """Bring an output to its safe state and forget it."""
        pin = self._pins.pop(name, None)
        if pin is not None:
            try:
                pin.drive(on=output.safe == "on")
                pin.close()
            except Exception:  # the others must get there all the same
                log.exception("output %s does not close", name)
        for kept in (self._on, self._retry_ms, self._faults, self._last):
            kept.pop(name, None)

    def drive(self, name: str, *, on: bool) -> None:
        """Switch an output; one that does not switch is logged, and shows when it is read back."""
        with self._lock:
            if self._is_resting or name not in self._on:
                return
            self._on[name] = on
            pin = self._pins.get(name)
            if pin is not None:
                try:
                    pin.drive(on=on)
                except Exception:  # what asked for it, an alarm perhaps, must go its way
                    log.exception("output %s does not switch", name)

    def read(self, name: str, now_ms: int) -> ReadBack | None:
        """Return the real state of an output, None when it rests already."""
        with self._lock:
            if self._is_resting or name not in self._outputs:
                return None
            pin = self._pins.get(name)
            if pin is None and now_ms >= self._retry_ms[name]:
                first, self._retry_ms[name] = not self._retry_ms[name], now_ms + RETRY_MS
                if not first:  # it has just been tried
                    self._open(self._outputs[name])
                    pin = self._pins.get(name)
            if pin is None:
                return ReadBack(None, "not_open", self._faults.get(name, ""))
            try:
                if self._faults.get(name):  # whoever took the pin away may have left it at another level
                    pin.drive(on=self._on[name])
                back = pin.read(on=self._on[name])
            except Exception as exc:
                if name not in self._faults:
                    log.exception("output %s can't be read back", name)
                self._faults[name] = str(exc) or type(exc).__name__
                return ReadBack(None, "bus_error", self._faults[name])
            self._faults.pop(name, None)
            if back.level is not None:
                self._last[name] = Sample(name, now_ms * 1_000_000, int(back.level))
            return back

    def explain(self, name: str) -> dict[str, Any]:
        """Return what is known of an output on this side, as a device tells of a point; nothing where there is none."""
        output = self._outputs.get(name)
        if output is None:
            return {}
        with self._lock:
            pin = self._pins.get(name)
            last = self._last.get(name)
            try:
                raw = "" if pin is None else pin.levels()
            except Exception as exc:  # noqa: BLE001 - the chip has gone: that is what there is to tell
                raw = f"{type(exc).__name__}: {exc}"
            return {
                "bus": output.bus, "device": f"GPIO{output.pin}", "driver": "output", "options": told(output),
                "is_open": pin is not None, "fault": self._faults.get(name, ""), "raw": raw,
                "sample": None if last is None else msgspec.to_builtins(last),
            }  # fmt: skip

    def rest(self) -> None:
        """Bring every output to its safe state for good: what is driven afterwards is not."""
        with self._lock:
            self._is_resting = True
            for name, pin in self._pins.items():
                try:
                    pin.drive(on=self._outputs[name].safe == "on")
                except Exception:  # the others must get there all the same
                    log.exception("output %s does not go to its safe state", name)

    def close(self) -> None:
        """Bring all to their safe state and give the pins back. Never raises; may be called twice."""
        self.rest()
        with self._lock:
            for name, pin in self._pins.items():
                try:
                    pin.close()
                except Exception:  # as above
                    log.exception("output %s does not close", name)
            self._pins.clear()
