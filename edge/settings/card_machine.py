"""Files for the machine, made from the settings at each start and kept in RAM: network, Wi-Fi, data modem, login.

Nothing here is written to the card. Paths are below the root; a unit that needs one of these files waits for it by
`ConditionPathExists` (image/), so that what is not set is not started.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from edge.settings.model import Settings
from edge.settings.model_card import Access, Modem, Network

FOLDER: Final = "run/vigie-card"
NETWORKD: Final = "run/systemd/network"
WIFI: Final = f"{FOLDER}/wpa_supplicant-wlan0.conf"
PEER: Final = f"{FOLDER}/gsm-peer"
CHAT: Final = f"{FOLDER}/gsm-chat"
LOGIN: Final = f"{FOLDER}/authorized_keys"
SMS: Final = f"{FOLDER}/sms"
"""There where the site texts."""
HOSTNAME: Final = "proc/sys/kernel/hostname"

CABLE: Final = "[Match]\nType=ether\nName=en* eth* usb*\n"
RADIO: Final = "[Match]\nType=wlan\n"
BY_ROUTER: Final = "\n[Network]\nDHCP=yes\nLLMNR=no\n\n[DHCPv4]\nUseDomains=no\nSendHostname=yes\n"


class MachineFile(NamedTuple):
    """A file for the machine; a private one is root's alone."""

    path: str
    text: str
    is_private: bool = False


def machine_files(settings: Settings, secret: Callable[[str], str]) -> Iterator[MachineFile]:
    """Yield what this start needs. `secret` returns the content of a file that the settings name, empty for none."""
    network, access, modem = settings.one(Network), settings.one(Access), settings.one(Modem)
    cable = network.kind == "static"
    yield MachineFile(f"{NETWORKD}/10-vigie.network", CABLE + (_fixed(network) if cable else BY_ROUTER))
    if network.kind == "wifi":
        own = _fixed(network) if network.address else BY_ROUTER
        yield MachineFile(f"{NETWORKD}/11-vigie-wifi.network", RADIO + own)
        yield MachineFile(WIFI, _wpa(network, secret(network.password_file)), is_private=True)
    if network.kind == "gsm":
        yield MachineFile(PEER, _peer(network, secret(network.password_file)), is_private=True)
        yield MachineFile(CHAT, _chat(network), is_private=True)
        if modem.pin_file:
            yield MachineFile(f"{FOLDER}/gsm-pin", secret(modem.pin_file), is_private=True)
    if access.ssh_keys:
        yield MachineFile(LOGIN, "".join(f"restrict,pty {key}\n" for key in access.ssh_keys))
    if settings.links.sms is not None:
        yield MachineFile(SMS, settings.links.sms.device + "\n")


def _fixed(network: Network) -> str:
    address = ipaddress.ip_interface(network.address).with_prefixlen  # systemd-networkd knows no mask
    lines = ["", "[Network]", "DHCP=no", "LLMNR=no", f"Address={address}"]
    lines += [f"Gateway={network.gateway}"] if network.gateway else []
    lines += [f"DNS={server}" for server in network.dns or ([network.gateway] if network.gateway else [])]
    return "\n".join(lines) + "\n"


def _wpa(network: Network, password: str) -> str:
    """Return wpa_supplicant's file; the name as hexadecimal and the key ready made, so that no character matters."""
    lines = ["ctrl_interface=DIR=/run/wpa_supplicant", "update_config=0", "p2p_disabled=1"]
    lines += [f"country={network.country}"] if network.country else []
    lines += ["network={", f"    ssid={network.ssid.encode().hex()}"]
    lines += ["    scan_ssid=1"] if network.hidden else []
    lines += ["    key_mgmt=WPA-PSK", f"    psk={wifi_key(network.ssid, password)}"]
    return "\n".join([*lines, "}", ""])


def wifi_key(ssid: str, password: str) -> str:
    """Return the key of a Wi-Fi network as 64 hexadecimal digits (IEEE 802.11, annex J.4.1).

    >>> wifi_key("IEEE", "password")
    'f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e'
    """
    if len(password) == 64:
        return password.lower()
    return hashlib.pbkdf2_hmac("sha1", password.encode(), ssid.encode(), 4096, 32).hex()


def _peer(network: Network, password: str) -> str:
    """Return pppd's options: it keeps calling, gives up an ended call after two minutes, and asks for a route."""
    lines = [
        network.port, "460800", "crtscts", "modem", "lock", "noauth", "nodetach", "noipdefault", "ipcp-accept-remote",
        "ipcp-accept-local", "defaultroute", "defaultroute-metric 1000", "usepeerdns", "novj", "nobsdcomp", "nodeflate",
        "persist", "maxfail 0", "holdoff 20", "lcp-echo-interval 30", "lcp-echo-failure 4", "hide-password",
        f'connect "/usr/sbin/chat -t 60 -f /{CHAT}"',
    ]  # fmt: skip
    lines += [f"user {_quoted(network.user)}"] if network.user else []
    lines += [f"password {_quoted(password)}"] if password else []
    return "\n".join(lines) + "\n"


def _chat(network: Network) -> str:
    """Return the dialogue that begins a data call (3GPP TS 27.007, +CGDCONT and D*99)."""
    return (
        "ABORT BUSY\nABORT 'NO CARRIER'\nABORT ERROR\nABORT 'NO DIALTONE'\nTIMEOUT 20\n"
        f"'' ATZ\nOK ATE0\nOK AT+CGDCONT=1,\"IP\",\"{network.apn}\"\nOK ATD*99***1#\nCONNECT ''\n"
    )


def _quoted(text: str) -> str:
    r"""Return a word of pppd's options file.

    >>> print(_quoted('a"b\\c d'))
    "a\"b\\c d"
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
