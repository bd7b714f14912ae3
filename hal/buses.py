"""The kinds of bus a site can have: their settings, and how each is opened.

Each bus gets one thread of its own (`edge/runtime/bus.py`); what `open_bus` returns is handed to its drivers.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from hal.addresses import check_host, check_url
from hal.driver import DriverError
from hal.host import Host


class _BusOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class I2c(_BusOptions, frozen=True):
    """An I2C bus: /dev/i2c-<number>, opened with smbus2."""

    number: Annotated[int, Meta(ge=0, le=99, description="n of /dev/i2c-n")] = 1
    timeout_ms: Annotated[
        int, Meta(ge=10, le=2000, description="a transfer that takes longer is given up, by the kernel")
    ] = 100
    power_pin: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=27,
                description="GPIO (BCM) that powers the bus's devices: switched off and on when they hold the bus",
            ),
        ]
        | None
    ) = None
    power_active_high: Annotated[bool, Meta(description="false where the pin gives power at 0 V")] = True
    power_off_s: Annotated[float, Meta(ge=0.1, le=60, description="for how long the power is off, at least")] = 2.0


class OneWire(_BusOptions, frozen=True):
    """A 1-Wire bus as the kernel shows it: a folder with one sub-folder a probe."""

    path: Annotated[str, Meta(min_length=1, description="folder of the probes")] = "/sys/bus/w1/devices"
    master: Annotated[
        str,
        Meta(
            pattern="^(w1_bus_master[0-9]+)?$",
            description="only the probes of this master, such as w1_bus_master1; where absent those of all",
        ),
    ] = ""


class Serial(_BusOptions, frozen=True):
    """A serial port; the driver sets speed and framing."""

    port: Annotated[str, Meta(min_length=1, description="a stable name: /dev/serial/by-id/…")]


class Gpio(_BusOptions, frozen=True):
    """The GPIO pins of the board, by gpiozero."""

    chip: Annotated[
        str, Meta(description="name, label or path of the GPIO chip; where absent that of a Raspberry Pi's header")
    ] = ""


class Box(_BusOptions, frozen=True):
    """The machine that the service runs on, and the service itself."""


class Own(_BusOptions, frozen=True):
    """A thread for drivers that reach their device by themselves."""


class Modbus(_BusOptions, frozen=True):
    """Modbus meters: RTU on a serial port (RS-485), or TCP where `host` is given, opened with pymodbus."""

    port: Annotated[
        str | int,
        Meta(description="RTU: a stable name, /dev/serial/by-id/…; with `host` its TCP port (502)"),
    ] = ""
    host: Annotated[str, Meta(description="name or address of a Modbus TCP device or gateway")] = ""
    baud: Annotated[Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200], Meta(description="RTU: Bd")] = 9600
    parity: Annotated[Literal["N", "E", "O"], Meta(description="RTU: none, even or odd")] = "N"
    stop_bits: Annotated[Literal[1, 2], Meta(description="RTU: 1; with parity none some devices want 2")] = 1
    timeout_s: Annotated[float, Meta(ge=0.02, le=10, description="how long an answer may take to begin")] = 0.5
    retries: Annotated[int, Meta(ge=0, le=5, description="how often a request is repeated")] = 1
    gap_ms: Annotated[
        float, Meta(ge=0, le=1000, description="RTU: silence before each request, where 3.5 characters are too few")
    ] = 0.0
    echo: Annotated[bool, Meta(description="RTU: the adapter hears what it sends, as some two-wire ones do")] = False

    @property
    def busy_share(self) -> float:
        """How long the line takes for what takes a line of 9600 Bd a second; what TCP takes counts for nothing."""
        return 0.0 if self.host else 9600 / self.baud

    def __post_init__(self) -> None:
        """Refuse what is neither a serial port nor a TCP device. Raises ValueError."""
        if self.host and not (self.port == "" or (isinstance(self.port, int) and 1 <= self.port <= 65535)):
            raise ValueError(f"with `host`, `port` is a TCP port from 1 to 65535, not {self.port!r}")
        if self.host:
            check_host(self.host)
        if not self.host and not (isinstance(self.port, str) and self.port):
            raise ValueError("write `port`, a serial port (/dev/serial/by-id/…), or `host` for Modbus TCP")


class Http(_BusOptions, frozen=True):
    """A device that is asked by HTTP, one thread for it; redirections are not followed."""

    url: Annotated[
        str, Meta(pattern=r"^https?://[^/?#@ ]+/?$", description="http://name-or-address[:port], without a path")
    ]
    user: Annotated[str, Meta(description="HTTP Basic; over http:// whoever listens can read it")] = ""
    password_file: Annotated[str, Meta(description="a path, or the name of a systemd credential")] = ""
    timeout_s: Annotated[float, Meta(ge=0.1, le=60, description="for a whole answer")] = 10.0

    def __post_init__(self) -> None:
        """Refuse a host or port that can't be one. Raises ValueError."""
        check_url(self.url)


KINDS: Final[dict[str, type[_BusOptions]]] = {
    "i2c": I2c,
    "onewire": OneWire,
    "serial": Serial,
    "gpio": Gpio,
    "box": Box,
    "own": Own,
    "modbus": Modbus,
    "http": Http,
}


LOOK_S: Final[dict[str, float]] = {"onewire": 30.0}
"""How often a bus of this kind looks around for devices; the others can't without disturbing them."""

HARMFUL: Final = frozenset({"native", "pigpio"})
"""Factories of gpiozero that are refused: see `ensure_pin_factory`."""
GATHER_S: Final = 0.2
"""How long edges may collect in the kernel, which stamps them (1,024 in 0.2 s are 5 kHz); drivers ask each second."""
_FACTORY_LOCK: Final = threading.Lock()


class BusError(DriverError):
    """A bus is not there or may not be opened. The message names it, the cause and what to look at."""

    def __init__(self, message: str, reason: str = "not_open") -> None:
        super().__init__(message, reason)


def open_bus(kind: str, options: Any) -> Any:
    """Return the handle that drivers of this kind get.

    In the order of `KINDS`: an I2cBus, a OneWireBus, a port name, None, a Host, None, a ModbusLine, an HttpSource. None
    for gpio means gpiozero's default factory, which is set here: on gpiod, or on lgpio where gpiod is missing. Raises
    OSError with what to look at when the bus is not there.
    """
    if kind == "i2c":
        from hal.i2c_open import open_i2c

        return open_i2c(options)
    if kind == "onewire":
        return _onewire(Path(options.path), options.master)
    if kind == "serial":
        return options.port  # each driver opens it with its own speed, and again when it was unplugged
    if kind == "gpio":
        ensure_pin_factory(options.chip)
        return None
    if kind == "box":
        return Host()  # the station gives one with its own figures
    if kind == "own":
        return None
    if kind == "modbus":
        from hal.modbus_line import open_line

        return open_line(options)
    if kind == "http":
        from hal.http_source import HttpSource

        return HttpSource(options.url, options.user, options.password_file, options.timeout_s)
    raise KeyError(kind)


def close_bus(kind: str, handle: Any) -> None:
    """Give the handle back. Never raises; may be called twice and with None.

    gpiozero's factory stays: relays may still use it, and gpiozero closes it when the process ends.
    """
    if kind == "i2c" and handle is not None:
        try:
            handle.close()
        except OSError:  # the descriptor of an unplugged adapter; it is closed all the same
            return
    if kind == "modbus" and handle is not None:
        handle.close()


def _onewire(path: Path, master: str) -> Any:
    from hal.onewire import OneWireBus

    if not path.is_dir():
        cure = "switch 1-Wire on (dtoverlay=w1-gpio in /boot/firmware/config.txt, then reboot)"
        raise BusError(f"1-Wire: {path} does not exist; {cure}")
    if not (path / master).is_dir():
        there = ", ".join(sorted(each.name for each in path.glob("w1_bus_master*"))) or "none"
        raise BusError(f"1-Wire: there is no {master}; masters in {path}: {there}")
    return OneWireBus(path / master)


def ensure_pin_factory(chip: str) -> None:
    """Set gpiozero's default factory unless one is set already, by a test or by GPIOZERO_PIN_FACTORY.

    gpiozero by itself falls back, with a warning, to its native factory, which writes to physical addresses through
    /dev/mem on whatever machine it runs; and pigpio's ticks are microseconds that wrap after 72 minutes.
    """
    from gpiozero import Device

    name = os.environ.get("GPIOZERO_PIN_FACTORY", "").lower()
    with _FACTORY_LOCK:  # outputs and buses open on threads of their own
        present = Device.pin_factory
        if name in HARMFUL or type(present).__module__ in {f"gpiozero.pins.{harmful}" for harmful in HARMFUL}:
            raise BusError(f"gpio: the pin factory {name or 'in use'} can't be used here; unset GPIOZERO_PIN_FACTORY")
        if present is not None and chip and getattr(present, "wanted", chip) != chip:
            raise BusError(f"gpio: {chip}: another chip is in use; all gpio buses and outputs of a box share one")
        if present is None and name not in {"", "gpiod", "lgpio"}:
            Device.ensure_pin_factory()
        elif present is None:
            Device.pin_factory = _gpiod(chip) if name != "lgpio" else _lgpio()


def _gpiod(chip: str) -> Any:
    from hal.gpiod_factory import gpiod_factory

    try:
        return gpiod_factory(chip, gather_s=GATHER_S)
    except ImportError:
        return _lgpio()
    except OSError as exc:
        raise BusError(f"gpio: {exc}") from exc


def _lgpio() -> Any:
    from gpiozero import GPIOZeroError

    try:
        import lgpio
        from gpiozero.pins.lgpio import LGPIOFactory
    except ImportError as exc:
        raise BusError("gpio: the libraries gpiod and lgpio are missing; install vigie[gpio]") from exc
    except OSError as exc:  # lgpio makes a pipe in the working directory as it is imported
        raise BusError(f"gpio: lgpio can't make its pipe in {Path.cwd()}; start where the user may write") from exc
    try:
        return LGPIOFactory()
    except (GPIOZeroError, OSError, lgpio.error) as exc:
        cure = "check that this is a Raspberry Pi, and that the user is in group gpio"
        raise BusError(f"gpio: /dev/gpiochip0: {exc}; {cure}") from exc
