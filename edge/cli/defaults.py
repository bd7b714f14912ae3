"""Where an installed box has its things. Light: the service starts from here, and must be quick to its outputs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

DEFAULT_SOCKET: Final = "/run/vigie/api.sock"
DEFAULT_CONFIG: Final = Path("/etc/vigie/vigie.toml")
DEFAULT_STATE: Final = Path("/var/lib/vigie")


def socket_path(given: str | None = None) -> Path:
    """Return the API's socket: as given, or VIGIE_SOCKET, or the installed one."""
    return Path(given or os.environ.get("VIGIE_SOCKET") or DEFAULT_SOCKET)
