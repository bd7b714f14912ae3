"""Rules of the tables for the machine: a network that can work as it is written, an index that a meter can take."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from edge.settings.draft import Draft, Row
from edge.settings.faults import Faults, LineOf
from edge.settings.places import KeyPath
from edge.settings.rules_tariff import note_no_point
from edge.settings.sources import sources

KINDS_OF: Final[dict[str, tuple[str, ...]]] = {
    "address": ("static", "wifi"),
    "gateway": ("static", "wifi"),
    "dns": ("static", "wifi"),
    "ssid": ("wifi",),
    "country": ("wifi",),
    "hidden": ("wifi",),
    "password": ("wifi", "gsm"),
    "password_file": ("wifi", "gsm"),
    "apn": ("gsm",),
    "user": ("gsm",),
    "port": ("gsm",),
}
"""Key of [network] -> the kinds that it belongs to."""
_PASSPHRASE: Final = re.compile(r"[ -~]{8,63}|[0-9A-Fa-f]{64}")


class Secret(NamedTuple):
    """A key that may stand in plain on a card alone, and the name of the file into which the box moves it."""

    path: KeyPath
    file: str


SECRETS: Final = (
    Secret(("link", "mqtt", "password"), "mqtt-password"),
    Secret(("network", "password"), "network-password"),
    Secret(("modem", "pin"), "sim-pin"),
    Secret(("access", "code"), "access-code"),
)

BESIDE: Final = (
    Secret(("link", "mqtt", "ca_file"), "mqtt-ca.pem"),
    Secret(("link", "mqtt", "cert_file"), "mqtt-cert.pem"),
    Secret(("link", "mqtt", "key_file"), "mqtt-key.pem"),
)
"""Keys that may name a file beside the installer's, without a folder: the box moves that file."""


def plain_secrets(draft: Draft) -> Iterator[tuple[Secret, Row]]:
    """Yield the secrets that stand in plain in a draft, each with its table."""
    for secret in SECRETS:
        row = (
            draft.links.get(str(secret.path[1])) if secret.path[0] == "link" else draft.single.get(str(secret.path[0]))
        )
        if row is not None and row.good.get(str(secret.path[-1])):
            yield secret, row


def check_card(draft: Draft, faults: Faults) -> None:
    """Note what would leave the box without its network, or an act that could not be carried out."""
    for secret, row in plain_secrets(draft):
        name = str(secret.path[-1])
        if row.good.get(f"{name}_file"):
            faults.at_key(row.key(f"{name}_file"), "fault.card_both", name=name)
    if (network := draft.single.get("network")) is not None:
        _check_network(network, faults)
    if (start := draft.single.get("start")) is not None:
        _check_start(start, draft, faults)


def refuse_plain(draft: Draft, faults: Faults) -> None:
    """Note each secret in plain: the box's own settings are read by more than the box (backups, screens)."""
    for secret, row in plain_secrets(draft):
        name = str(secret.path[-1])
        faults.at_key(row.key(name), "fault.card_only", name=name)


# -- the network


def _check_network(row: Row, faults: Faults) -> None:
    if "kind" in row.raw and "kind" not in row.good:
        return
    kind = row.good.get("kind", "dhcp")
    for name in row.good:
        kinds = KINDS_OF.get(name)
        if kinds is not None and kind not in kinds:
            faults.at_key(row.key(name), "fault.network_kind", name=name, kind=kind, kinds=list(kinds))
    if kind == "static" and "address" not in row.raw:
        faults.missing(row.path, "fault.network_missing", kind=kind, name="address")
    if kind == "wifi":
        _check_wifi(row, faults)
    if kind == "gsm" and not row.raw.get("apn"):
        faults.missing(row.path, "fault.network_missing", kind=kind, name="apn")
    _check_addresses(row, faults)


def _check_wifi(row: Row, faults: Faults) -> None:
    if not row.raw.get("ssid"):
        faults.missing(row.path, "fault.network_missing", kind="wifi", name="ssid")
    if not row.raw.get("password") and not row.raw.get("password_file"):
        faults.missing(row.path, "fault.network_missing", kind="wifi", name="password")
    if "ssid" in row.good and len(row.good["ssid"].encode()) > 32:
        faults.at_value(row.key("ssid"), "fault.wifi_name")
    if row.good.get("password") and not _PASSPHRASE.fullmatch(row.good["password"]):
        faults.at_value(row.key("password"), "fault.wifi_password")


def _check_addresses(row: Row, faults: Faults) -> None:
    """Note what is no address, and a gateway that the box could not reach."""
    address = _interface(row.good.get("address", ""))
    if row.good.get("address") and address is None:
        faults.at_value(row.key("address"), "fault.network_address")
    if "gateway" in row.good:
        gateway = _address(row.good["gateway"])
        if gateway is None:
            faults.at_value(row.key("gateway"), "fault.network_no_address")
        elif address is not None and gateway not in address.network:
            faults.at_value(row.key("gateway"), "fault.network_gateway", network=str(address.network))
        elif address is not None and (gateway == address.ip or not _is_one_machine(gateway, address.network)):
            faults.at_value(row.key("gateway"), "fault.network_no_router")
    for place, name in enumerate(row.good.get("dns", ())):
        if _address(name) is None:
            faults.at_value((*row.path, "dns", place), "fault.network_no_address")
    if "address" not in row.raw:
        for name in ("gateway", "dns"):
            if row.good.get(name) and row.good.get("kind") in {"static", "wifi"}:
                faults.at_key(row.key(name), "fault.pair", name="address")


def _interface(text: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface | None:
    """Return an address with its prefix, or its mask; None for what is none, and for one that no machine may have."""
    try:
        found = ipaddress.ip_interface(text)
    except ValueError:
        return None
    is_usable = "/" in text and "%" not in text and found.network.prefixlen > 0
    return found if is_usable and _is_one_machine(found.ip, found.network) else None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_one_machine(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> bool:
    """Return whether a single machine can have this address, and be reached there by others."""
    if address.is_multicast or address.is_unspecified or address.is_loopback or address.is_reserved:
        return False
    ends = {network.network_address, network.broadcast_address} if network.version == 4 else {network.network_address}
    return network.num_addresses <= 2 or address not in ends


# -- what is done once


def _check_start(start: Row, draft: Draft, faults: Faults) -> None:
    points = sources(draft)
    first: dict[str, KeyPath] = {}
    written: Any = start.raw.get("meter")
    for place, raw in enumerate(written if isinstance(written, list) else ()):
        name = raw.get("meter") if isinstance(raw, Mapping) else None
        if not isinstance(name, str):
            continue  # noted with the other keys
        at = (*start.path, "meter", place, "meter")
        channel = points[name].channel if name in points else None
        if name not in points:
            note_no_point(at, name, points, faults)
        elif channel is not None and channel.kind != "counter":
            faults.at_value(at, "fault.meter_no_counter", kind=channel.kind)
        elif channel is not None and not channel.volatile:
            faults.at_value(at, "fault.start_own_index")
        if first.setdefault(name, at) != at:
            faults.at_value(at, "fault.start_twice", line=LineOf(first[name]))
