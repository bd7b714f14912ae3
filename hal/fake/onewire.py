"""A 1-Wire bus without one: a folder that looks like the kernel's, with probes to heat, unplug and break.

Its files are at rest: what takes time, and what a conversion leaves behind, is in `hal.fake.w1_kernel`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from hal.decode.ds18b20 import crc8, scratchpad_from_celsius, text_from_scratchpad
from hal.onewire import OneWireBus

_BODY: Final = "4b 46 7f ff"  # alarm bytes, 12 bits, reserved


def _with_crc(body: str) -> bytes:
    octets = bytes.fromhex(body)
    return octets + bytes((crc8(octets),))


def _damaged() -> bytes:
    octets = bytearray(scratchpad_from_celsius(25.0625))
    octets[0] ^= 0x40
    return bytes(octets)


FAULTS: Final[dict[str, bytes | None]] = {
    "no_answer": None,
    "crc": _damaged(),
    "power_on_value": _with_crc(f"50 05 {_BODY} 0c 10"),
    "weak_supply": _with_crc(f"ff 07 {_BODY} 0c 10"),
    "line_low": bytes(9),
    "line_high": bytes(9 * (0xFF,)),
}
"""Reason code -> the bytes that give it; None: the empty file with which Linux says that the probe was silent."""


class FakeOneWire:
    """Probes in `folder`; `bus` is what `open_bus` returns for it. Each change is seen whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bus = OneWireBus(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._unplugged: dict[str, str] = {}  # probe -> the text it had

    def set(self, probe: str, celsius: float) -> None:
        """Give this temperature to a probe, which is plugged in by that."""
        self._write(
            probe, text_from_scratchpad(scratchpad_from_celsius(celsius)), f"{round(celsius * 16) * 1000 // 16}\n"
        )

    def fault(self, probe: str, kind: str) -> None:
        """Make each read of the probe fail in this way, a key of FAULTS, until the next `set`."""
        octets = FAULTS[kind]
        self._write(probe, "" if octets is None else text_from_scratchpad(octets), "")

    def unplug(self, probe: str) -> None:
        """Take the probe's folder away, as the kernel does some searches after a probe has gone."""
        folder = self.folder / probe
        if folder.is_dir():
            self._unplugged[probe] = (folder / "w1_slave").read_text(encoding="ascii")
            shutil.rmtree(folder)

    def replug(self, probe: str) -> None:
        """Bring it back as it was."""
        text = self._unplugged.pop(probe, None)
        if text is not None:
            self._write(probe, text, text.rpartition("t=")[2])

    def _write(self, probe: str, w1_slave: str, temperature: str) -> None:
        folder = self.folder / probe
        folder.mkdir(exist_ok=True)
        for name, text in (("w1_slave", w1_slave), ("temperature", temperature)):
            half = self.folder / f".{probe}.{name}"
            half.write_text(text, encoding="ascii")
            half.replace(folder / name)
        resolution = folder / "resolution"
        if not resolution.exists():
            resolution.write_text("12\n", encoding="ascii")
