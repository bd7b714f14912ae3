"""What `vigie doctor` finds out about the machine by itself: its figures, open ports, files that tell too much."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from edge.settings.model import Settings
from hal.drivers.box import Box, BoxOptions
from hal.host import Host

MEASURES: Final = ("undervoltage", "throttled", "cpu_temperature", "disk_used", "card_wear")
LISTEN: Final = "0A"  # proc_net_tcp: TCP_LISTEN
OTHERS: Final = 0o007
NEEDS: Final = {"gpio": {"gpio"}, "modbus": {"modbus"}, "display": {"display"}, "gsm": {"gsm"}}
"""Extra -> the kinds of bus that need it; a display is one here, and a modem."""
LIBRARIES: Final = {"gpio": ("gpiod", "lgpio"), "modbus": ("pymodbus",), "display": ("luma",), "gsm": ("gammu",)}
"""Extra -> libraries of which one is enough."""


def machine_figures(state: Path, root: Path = Path("/")) -> dict[str, float | None]:
    """Return the machine's figures by measure, None where it does not tell; the disk is that of the state folder."""
    folder = next((path for path in (state, *state.parents) if path.is_dir()), Path("/"))
    options = {name: BoxOptions(measure=name, path=str(folder) if name == "disk_used" else "/") for name in MEASURES}
    box = Box(Host(root), options)
    box.open()
    return {sample.point: sample.value for sample in box.read(MEASURES, 0)}  # type: ignore[misc]


def listening_ports(root: Path = Path("/")) -> list[int] | None:
    """Return the TCP ports on which this machine listens for others, smallest first; None where it does not tell."""
    found: set[int] = set()
    is_told = False
    for name in ("tcp", "tcp6"):
        try:
            text = (root / "proc/net" / name).read_text(encoding="ascii")
        except OSError:
            continue
        is_told = True
        found.update(_ports(text))
    return sorted(found) if is_told else None


def _ports(text: str) -> Iterator[int]:
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 3 and words[3] == LISTEN:
            address, _, port = words[1].partition(":")
            is_loopback = address.endswith("7F") if len(address) == 8 else address == "0" * 24 + "01000000"
            if not is_loopback:
                yield int(port, 16)


def readable_secrets(settings: Settings) -> list[str]:
    """Return the files with secrets of these settings that every user of the machine may read."""
    mqtt, sms = settings.links.mqtt, settings.links.sms
    files = [] if mqtt is None else [mqtt.password_file, mqtt.key_file]
    files += [] if sms is None else [sms.pin_file]
    return [file for file in files if file and "/" in file and _is_open(Path(file))]


def is_installed(library: str) -> bool:
    """Return whether this Python finds a library."""
    return find_spec(library) is not None


def missing_extras(settings: Settings, is_there: Callable[[str], bool] = is_installed) -> list[str]:
    """Return the extras of the installation that these settings need and that are missing, such as gpio or gsm."""
    kinds = {kind for kind, _options in settings.buses.values()}
    kinds |= {"display"} if settings.display is not None else set()
    kinds |= {"gsm"} if settings.links.sms is not None else set()
    needed = [name for name, kinds_of in NEEDS.items() if kinds & kinds_of]
    return [name for name in needed if not any(map(is_there, LIBRARIES[name]))]


def _is_open(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & OTHERS)
    except OSError:  # missing, or not for us: nobody else's either
        return False
