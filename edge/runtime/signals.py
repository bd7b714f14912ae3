"""What a box shows on its front: the status lamp, put together from the settings and the running parts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from edge.core.clock import Clock
from edge.core.engine import Engine
from edge.core.health import health
from edge.core.trials import Trials
from edge.runtime.lamp import LASTS_S, Ears, StatusLamp
from edge.settings.lamp import lamp_table
from edge.settings.model import Led, PointEntry, Settings
from edge.settings.specs import point_spec
from hal.buses import Gpio, open_bus
from hal.lamp import TRIES, Lamp, PinLamp, board_lamp, has_board_led

HEARD_AS: Final = {"teleinfo": "frame"}
UDEV_S: Final = 0.3  # in which its rule has run

log = logging.getLogger(__name__)


def heard_as(entry: PointEntry) -> tuple[str, str]:
    """Return the device of a point and how its readings are heard: as pulses, as frames, or once."""
    device = f"{entry.point.bus}/{entry.device}"
    spec = point_spec(entry)
    if spec.kind == "counter" and spec.volatile:
        return device, "pulse"
    if entry.point.driver in {"pulse", "contact", "box"}:
        return "", ""  # a pin and the box itself always answer
    return device, HEARD_AS.get(entry.point.driver, "probe")


def wiring(settings: Settings) -> dict[str, tuple[str, str]]:
    """Return how the readings of each point are heard."""
    return {entry.point.id: heard_as(entry) for entry in settings.points}


def lamp_opener(
    led: Led, leds: Path | None, buses: Mapping[str, tuple[str, Any]], handles: Mapping[str, Any]
) -> Callable[[], Lamp] | None:
    """Return what opens the lamp; None where there is to be none. `leds`: where the kernel shows its LEDs."""
    if not led.enabled:
        return None
    pin = led.pin
    if pin is not None:

        def on_pin() -> Lamp:
            if led.bus not in handles:  # as for outputs: never gpiozero's own choice of a factory
                open_bus("gpio", buses.get(led.bus, ("gpio", Gpio()))[1])
            return PinLamp(pin, handles.get(led.bus), active_high=led.active_high)

        return on_pin
    if leds is None or not (led.name or has_board_led(leds)):
        return None  # a thread for a lamp that the machine never gets would be one too many
    return lambda: board_lamp(leds, led.name)


def show_refused(leds: Path) -> None:
    """Let the board's LED say for a minute that there is something to look at: no box runs that could. Never raises."""
    try:
        lamp, pattern_ms = board_lamp(leds), lamp_table().pattern_ms("look")
        for _ in range(TRIES):
            if lamp.play(pattern_ms, LASTS_S) != "soon":
                break
            threading.Event().wait(UDEV_S)
    except (OSError, ValueError) as exc:
        log.info("%s", exc)


def status_lamp(
    settings: Settings,
    engine: Engine,
    clock: Clock,
    *,
    leds: Path | None,
    handles: Mapping[str, Any],
    links: Mapping[str, Any],
    is_kept: Callable[[], bool],
    is_sound: Callable[[], bool],
) -> StatusLamp | None:
    """Return the worker of the status lamp, None where the settings or the machine have none."""
    opener = lamp_opener(settings.led, leds, settings.buses, handles)
    if opener is None:
        return None

    def state() -> str:
        now_ms = clock.monotonic_ns() // 1_000_000
        found = [link.status() for link in links.values()]
        if engine.part(Trials).has_failed:
            return "failed"
        return health(engine.points.values(), found, now_ms, clock.utc_ms(), is_kept=is_kept(), is_sound=is_sound())

    return StatusLamp(opener, lamp_table(), state, Ears(wiring(settings)))
