"""The temperature of the box's own processor, as Linux shows it: a driver that is not part of vigie."""
# ruff: noqa: INP001 - a distribution of one module has no package

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from hal.driver import DriverError
from hal.sample import BAD, GOOD, Channel, Sample


class CpuTemperatureOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a processor temperature's point."""

    zone: Annotated[int, Meta(ge=0, le=99, description="n of thermal_zone<n>")] = 0
    folder: Annotated[str, Meta(description="where the zones are")] = "/sys/class/thermal"


class CpuTemperature:
    """One thermal zone."""

    bus_kind: ClassVar[str] = "own"
    Options: ClassVar[type[msgspec.Struct]] = CpuTemperatureOptions

    @staticmethod
    def device(options: CpuTemperatureOptions) -> str:
        """Return the zone's name."""
        return f"thermal_zone{options.zone}"

    @staticmethod
    def channel(options: CpuTemperatureOptions) -> Channel:
        """Return a gauge of thousandths of a degree, shown in degrees Celsius."""
        return Channel(kind="gauge", unit="Cel", scale=0.001)

    def __init__(self, bus: Any, points: Mapping[str, CpuTemperatureOptions]) -> None:
        """Keep the file's name; touch nothing yet."""
        options = next(iter(points.values()))
        self._file = Path(options.folder) / self.device(options) / "temp"

    def open(self) -> None:
        """Look whether the zone is there. Raises DriverError."""
        if not self._file.is_file():
            raise DriverError(f"{self._file}: not there; `ls /sys/class/thermal` shows the zones", "unplugged")

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return the temperature for each due point."""
        try:
            milli = int(self._file.read_text(encoding="ascii"))
        except ValueError:
            return [Sample(point, now_ns, None, BAD, "not_a_number") for point in due]
        return [Sample(point, now_ns, milli, GOOD) for point in due]

    def close(self) -> None:
        """Nothing to give back."""
