"""Rules of the place and of the link upstream: a time zone that exists, a host that is one, TLS keys that are used."""

from __future__ import annotations

import re
from typing import Final

from edge.settings.draft import Draft, Row
from edge.settings.faults import Faults
from edge.settings.hints import nearest

_SCHEME: Final = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_HOST: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_NAME_PORT: Final = re.compile(r"([^:]+):(\d{1,5})")
_TLS_KEYS: Final = ("ca_file", "cert_file", "key_file")


def check_site(draft: Draft, faults: Faults) -> None:
    """Note an unknown time zone and a link that could never connect as it is written."""
    if (site := draft.single.get("site")) is not None and "tz" in site.good:
        _check_zone(site, faults)
    if draft.mqtt is not None:
        _check_host(draft.mqtt, faults)
        _check_tls(draft.mqtt, faults)


def _check_zone(site: Row, faults: Faults) -> None:
    import zoneinfo

    name = site.good["tz"]
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        if not known:
            return  # this machine has no time zones at all: nobody here can tell
        cities = {zone.rsplit("/", 1)[-1]: zone for zone in sorted(known) if "/" in zone}
        near = nearest(name, known) or cities.get(nearest(name.rsplit("/", 1)[-1], cities) or "")
        if near:
            faults.at_value(site.key("tz"), "fault.zone_near", near=near)
        else:
            faults.at_value(site.key("tz"), "fault.zone")


def _check_host(mqtt: Row, faults: Faults) -> None:
    host = mqtt.good.get("host")
    if host is None:
        return
    scheme = _SCHEME.match(host)
    named = _NAME_PORT.fullmatch(host)
    if scheme:
        faults.at_value(mqtt.key("host"), "fault.host_scheme", scheme=scheme[0])
    elif named:
        faults.at_value(mqtt.key("host"), "fault.host_port", host=named[1], port=int(named[2]))
    elif not (_HOST.fullmatch(host) or _is_ipv6(host)):
        faults.at_value(mqtt.key("host"), "fault.host")


def _is_ipv6(host: str) -> bool:
    import ipaddress

    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _check_tls(mqtt: Row, faults: Faults) -> None:
    if "tls" in mqtt.raw and "tls" not in mqtt.good:
        return
    given = [name for name in _TLS_KEYS if mqtt.good.get(name)]
    if not mqtt.good.get("tls", False):
        for name in given:
            faults.at_key(mqtt.key(name), "fault.without_tls")
        return
    if ("cert_file" in given) != ("key_file" in given):
        one, other = ("cert_file", "key_file") if "cert_file" in given else ("key_file", "cert_file")
        faults.at_key(mqtt.key(one), "fault.pair", name=other)
