"""The box itself: heat, supply, disk, memory, load, uptime, wear, buffer and bus errors as points like any other.

Each figure is one small file of /proc or /sys, or one that the station keeps. What a machine does not tell (the wear of
an SD card, the supply of a PC) is BAD `not_offered`, never 0.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

import msgspec
from msgspec import Meta

from hal.decode import machine
from hal.host import Host
from hal.sample import BAD, Channel, Sample

CPU_ZONES: Final = ("cpu-thermal", "cpu_thermal", "x86_pkg_temp")
FIRMWARE: Final = "sys/devices/platform/soc/soc:firmware/get_throttled"

CHANNELS: Final[dict[str, Channel]] = {
    "cpu_temperature": Channel("gauge", "Cel"),
    "undervoltage": Channel("state", words=("ok", "low")),
    "throttled": Channel("state", words=("ok", "slowed")),
    "disk_used": Channel("gauge", "/100"),
    "memory_used": Channel("gauge", "/100"),
    "load": Channel("gauge", "/"),
    "uptime": Channel("gauge", "s"),
    "card_wear": Channel("gauge", "/100"),
    "buffer": Channel("gauge", "count"),
    "starts": Channel("gauge", "count"),
    "errors": Channel("counter", "count", volatile=True),
}


class BoxOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a point of the box itself."""

    measure: Annotated[
        Literal[
            "cpu_temperature", "undervoltage", "throttled", "disk_used", "memory_used", "load", "uptime", "card_wear",
            "buffer", "starts", "errors",
        ],
        Meta(
            description="what of the box: buffer counts entries that wait for a link, starts those of the service,"
            " errors what a bus could not read"
        ),
    ]  # fmt: skip
    of: Annotated[str, Meta(description="with errors: the name of the bus")] = ""
    path: Annotated[str, Meta(description="with disk_used: a folder of the disk that is meant")] = "/"

    def __post_init__(self) -> None:
        """Refuse errors of no bus, and a bus or folder that is not asked for. Raises ValueError."""
        if (self.measure == "errors") != bool(self.of):
            raise ValueError("write of = the name of a bus" if self.measure == "errors" else "`of` goes with errors")
        if self.path != "/" and self.measure != "disk_used":
            raise ValueError("`path` goes with disk_used")


class Box:
    """The machine and the station on it, as one device."""

    bus_kind: ClassVar[str] = "box"
    Options: ClassVar[type[msgspec.Struct]] = BoxOptions

    @staticmethod
    def device(options: BoxOptions) -> str:
        """Return the one name that all points of the box share."""
        return "box"

    @staticmethod
    def channel(options: BoxOptions) -> Channel:
        """Return what the measure is: percent as /100, load as a share of one processor."""
        return CHANNELS[options.measure]

    def __init__(self, bus: Any, points: Mapping[str, BoxOptions]) -> None:
        """Keep the machine and the points; touch nothing yet."""
        self._machine: Host = bus
        self._points = dict(points)
        self._last: dict[str, str] = {}
        self._is_open = False
        self._zone: Path | None = None
        self._supply: Path | None = None
        self._wear: Path | None = None

    def open(self) -> None:
        """Find the files whose names differ between machines."""
        root = self._machine.root
        zones = {
            _text(zone / "type").strip(): zone / "temp" for zone in _sorted(root, "sys/class/thermal/thermal_zone*")
        }
        self._zone = next((zones[name] for name in CPU_ZONES if name in zones), next(iter(zones.values()), None))
        self._supply = next(
            (found / "in0_lcrit_alarm" for found in _sorted(root, "sys/class/hwmon/hwmon*")
             if _text(found / "name").strip() == "rpi_volt"), None,
        )  # fmt: skip
        self._wear = next(iter(_sorted(root, "sys/block/mmcblk*/device/life_time")), None)
        self._is_open = True

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return the due points' figures; one that can't be had is BAD `not_offered` alone."""
        return [self._sample(point, now_ns) for point in due]

    def raw(self, point: str) -> str:
        """Return the text or figure that the point was last read from."""
        return self._last.get(point, "")

    def close(self) -> None:
        """Forget what was found; no file stays open between reads."""
        self._is_open = False

    def _sample(self, point: str, now_ns: int) -> Sample:
        if not self._is_open:
            return Sample(point, now_ns, None, BAD, "not_open")
        options = self._points[point]
        read: Callable[[str, BoxOptions], float | None] = getattr(self, f"_{options.measure}", self._figure)
        value = read(point, options)
        return Sample(point, now_ns, None, BAD, "not_offered") if value is None else Sample(point, now_ns, value)

    def _file(self, point: str, path: Path | str | None) -> str:
        text = "" if path is None else _text(self._machine.root / path)
        self._last[point] = " ".join(text.split("\n")[:3]).strip()
        return text

    def _cpu_temperature(self, point: str, _options: BoxOptions) -> float | None:
        return machine.celsius(self._file(point, self._zone))

    def _undervoltage(self, point: str, _options: BoxOptions) -> float | None:
        if self._supply is not None:
            return machine.alarm(self._file(point, self._supply))
        bits = machine.throttled(self._file(point, FIRMWARE))
        return None if bits is None else int(bool(bits & machine.UNDERVOLTAGE))

    def _throttled(self, point: str, _options: BoxOptions) -> float | None:
        bits = machine.throttled(self._file(point, FIRMWARE))
        return None if bits is None else int(bool(bits & machine.SLOWED))

    def _disk_used(self, point: str, options: BoxOptions) -> float | None:
        try:
            disk = os.statvfs(self._machine.root / options.path.lstrip("/"))
        except OSError as exc:
            self._last[point] = f"{options.path}: {exc.strerror}"
            return None
        self._last[point] = f"{disk.f_bavail} of {disk.f_blocks} blocks of {disk.f_frsize} bytes are free"
        usable = disk.f_blocks - disk.f_bfree + disk.f_bavail  # root's reserve is nobody's
        return 100 * (disk.f_blocks - disk.f_bfree) / usable if usable else None

    def _memory_used(self, point: str, _options: BoxOptions) -> float | None:
        return machine.memory_used_percent(self._file(point, "proc/meminfo"))

    def _load(self, point: str, _options: BoxOptions) -> float | None:
        return machine.load(self._file(point, "proc/loadavg"), os.cpu_count() or 1)

    def _uptime(self, point: str, _options: BoxOptions) -> float | None:
        return machine.uptime_s(self._file(point, "proc/uptime"))

    def _card_wear(self, point: str, _options: BoxOptions) -> float | None:
        return machine.wear_percent(self._file(point, self._wear))

    def _figure(self, point: str, options: BoxOptions) -> float | None:
        figure = self._machine.figures.get(f"{options.measure}/{options.of}" if options.of else options.measure)
        value = None if figure is None else figure()
        self._last[point] = "-" if value is None else f"{value:g}"
        return value


def _text(path: Path) -> str:
    """Return a file's text, empty where it is not there or can't be read just now."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _sorted(root: Path, pattern: str) -> list[Path]:
    return sorted(root.glob(pattern))
