"""How much each unit of ours may be exposed, by systemd-analyze security."""

from __future__ import annotations

from typing import Final

MOST: Final = {
    "vigie": 1.5,
    "vigie-card": 1.9,
    "vigie-card-sms": 1.8,
    "vigie-card-status": 2.1,
    "vigie-console": 1.0,
    "vigie-gsm-data": 2.2,
    "vigie-modem-exclusive": 0.6,
    "vigie-modem-reset": 0.9,
    "vigie-reboot": 0.2,
    "vigie-update-bound": 0.7,
    "vigie-update-confirm": 1.3,
    "vigie-update-settle": 1.6,
    "vigie-usb@": 1.5,
    "vigie-wifi": 2.1,
}
"""The exposure level (0 best, 10 worst) of each."""
