"""What systemd is told: ready, alive, stopping (sd_notify(3)): one datagram on the socket that it names."""

from __future__ import annotations

import os
import socket


def notify(message: str) -> bool:
    """Send a state such as "READY=1" or "WATCHDOG=1"; False when nobody listens (not started by systemd)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto(message.encode(), address)
        except OSError:
            return False
    return True


def watchdog_s() -> float | None:
    """Return how often WATCHDOG=1 is due (half of WatchdogSec=), or None without a watchdog."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2e6 if microseconds.isdigit() else None
