"""What of updates goes into the system of a card, and where: read by the card's builder."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).resolve().parent
PROGRAMS: Final = "usr/lib/vigie"
UNITS: Final = "etc/systemd/system"


class Placed(NamedTuple):
    """A file of this folder, its place below the system's root, and its mode."""

    source: Path
    target: str
    mode: int


FILES: Final = (
    Placed(HERE / "system.conf", "etc/rauc/system.conf", 0o644),
    *(
        Placed(HERE / name, f"{PROGRAMS}/{name}", 0o755)
        for name in ("vigie-boot-slot", "vigie-bundle-allowed", "vigie-slot-written", "vigie-is-trial")
    ),
    *(
        Placed(HERE / name, f"{UNITS}/{name}", 0o644)
        for name in (
            "vigie-update-settle.service", "vigie-update-confirm.service", "vigie-update-bound.timer",
            "vigie-update-bound.service", "vigie-usb@.service",
        )
    ),
    Placed(HERE / "vigie-emergency.conf", f"{UNITS}/emergency.service.d/vigie.conf", 0o644),
    Placed(HERE / "vigie-emergency.conf", f"{UNITS}/rescue.service.d/vigie.conf", 0o644),
    Placed(HERE / "62-vigie-usb.rules", "etc/udev/rules.d/62-vigie-usb.rules", 0o644),
)  # fmt: skip
"""Beside them the keyring: `etc/rauc/keyring.pem`, made by `image.update.keys.keyring`."""
ENABLED: Final = ("vigie-update-settle.service", "vigie-update-confirm.service", "vigie-update-bound.timer")
"""To be enabled; the others are started by these, by RAUC or by udev."""
KEYRING: Final = "etc/rauc/keyring.pem"
