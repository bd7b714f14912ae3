"""Names and addresses of devices on the network as people write them, refused before anybody is asked.

What slips through here would be an error of the library at each connection, with a traceback in place of a cure.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

LONGEST: Final = 253  # RFC 1035, §2.3.4; a label has 63 at most
_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def check_host(host: str) -> None:
    """Refuse what is neither a name nor an address. Raises ValueError with what to write.

    >>> check_host("wes.lan"), check_host("192.168.1.30"), check_host("fe80::1")
    (None, None, None)
    """
    if ":" in host:
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError:
            raise ValueError(f"{host!r} is no address; write the port apart, and an IPv6 address as fe80::1") from None
        return
    labels = host.removesuffix(".").split(".")
    if len(host) > LONGEST or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{host!r} is neither a name nor an address, such as meter.lan or 192.168.1.30")


def check_url(url: str) -> None:
    """Refuse a url whose host or port can't be one. Raises ValueError with what to write."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise ValueError(f"{url!r}: {exc}; write http://name-or-address[:port]") from None
    if port == 0:
        raise ValueError(f"{url!r}: there is no port 0")
    check_host(host)
