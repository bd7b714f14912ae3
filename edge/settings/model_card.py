"""Tables for the machine and for one day: the network, the modem, who may look in, what is done once at the start.

They stand in the same file as the site's settings, so that an installer writes one. The station looks at none of them:
`vigie card take` does, before it starts (docs/card.md). What is secret stands there in plain only on the card, from
which the box moves it into a file of its own: `password` becomes `password_file`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from edge.settings.model_sms import NUMBER_PATTERN
from edge.settings.patterns import ID_PATTERN

SECRET: Final[dict[str, Any]] = {"secret": True}
FILE: Final = "where the box keeps it; written by the box itself"
SSH_KEY_PATTERN: Final = (
    r"^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]{20,}={0,3}( .*)?$"
)


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Network(_Table, frozen=True):
    """How the box reaches the others. Where absent: by cable, with an address from the router."""

    kind: Annotated[
        Literal["dhcp", "static", "wifi", "gsm"],
        Meta(description="dhcp: a cable, the router gives the address; static: a cable, the address stands here"),
    ] = "dhcp"
    address: Annotated[
        str,
        Meta(max_length=64, description="static or wifi: such as 192.168.1.40/24", extra={"expect": "address_prefix"}),
    ] = ""
    gateway: Annotated[str, Meta(max_length=64, description="with address: the router's address")] = ""
    dns: Annotated[
        list[Annotated[str, Meta(max_length=64)]],
        Meta(max_length=4, description="with address: name servers; where absent the gateway"),
    ] = []
    ssid: Annotated[str, Meta(max_length=32, description="wifi: its name")] = ""
    password: Annotated[
        str, Meta(max_length=64, description="of the Wi-Fi or of the APN; on a card only", extra=SECRET)
    ] = ""
    password_file: Annotated[str, Meta(max_length=200, description=FILE)] = ""
    country: Annotated[
        str,
        Meta(
            pattern=r"^$|^[A-Z]{2}$",
            description="wifi: whose rules of radio hold, such as FR",
            extra={"expect": "country"},
        ),
    ] = ""
    hidden: Annotated[bool, Meta(description="wifi: true for one that does not tell its name")] = False
    apn: Annotated[
        str,
        Meta(
            pattern=r"^$|^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$",
            description="gsm: the operator's, such as orange.m2m.spec",
            extra={"expect": "apn"},
        ),
    ] = ""
    user: Annotated[
        str,
        Meta(
            pattern=r"^[!-~]{0,64}$", description="gsm: where the operator asks for one", extra={"expect": "plain_word"}
        ),
    ] = ""
    port: Annotated[
        str,
        Meta(
            pattern=r"^/dev/[A-Za-z0-9._/+:-]{1,120}$",
            description="gsm: the modem's port for data; where it has one port alone, it can't text too",
            extra={"expect": "port"},
        ),
    ] = "/dev/modem-data"


class Modem(_Table, frozen=True):
    """The modem of [link.sms], and of [network] kind = "gsm"."""

    pin: Annotated[
        str,
        Meta(
            pattern=r"^$|^[0-9]{4,8}$", description="of the SIM; on a card only", extra={"expect": "sim_pin", **SECRET}
        ),
    ] = ""
    number: Annotated[
        str,
        Meta(
            pattern=rf"^$|{NUMBER_PATTERN}",
            description="of the SIM itself, for the box's label",
            extra={"expect": "phone"},
        ),
    ] = ""
    pin_file: Annotated[str, Meta(max_length=200, description=FILE)] = ""


class Access(_Table, frozen=True):
    """Who may look into the box. Without a key nobody can log in."""

    ssh_keys: Annotated[
        list[Annotated[str, Meta(max_length=1000, pattern=SSH_KEY_PATTERN, extra={"expect": "ssh_key"})]],
        Meta(max_length=16, description="public keys, as they stand in id_ed25519.pub; a password opens nothing"),
    ] = []
    code: Annotated[
        str,
        Meta(
            pattern=r"^$|^[A-Z2-9]{4}(-[A-Z2-9]{4}){2,3}$",
            description="of page and Wi-Fi, where the office made one; on a card only",
            extra={"expect": "access_code", **SECRET},
        ),
    ] = ""
    code_file: Annotated[str, Meta(max_length=200, description=FILE)] = ""


class StartMeter(_Table, frozen=True):
    """What stands on a meter when the box begins to count."""

    meter: Annotated[str, Meta(pattern=ID_PATTERN, description="id of the point that counts", extra={"expect": "id"})]
    index: Annotated[
        Annotated[float, Meta(ge=0, lt=1e12)] | Annotated[str, Meta(pattern=r"^[0-9]{1,12}([.,][0-9]{1,9})?$")],
        Meta(description='in the point\'s unit: 482.137 or "482,137"', extra={"expect": "index"}),
    ]


class Start(_Table, frozen=True):
    """What is done once, and then struck out on the card."""

    meter: Annotated[list[StartMeter], Meta(max_length=100, description="base indexes, as [[start.meter]]")] = []
    test: Annotated[bool, Meta(description="try the whole chain when the box runs, as `vigie test` does")] = False
    restore: Annotated[
        str,
        Meta(
            pattern=r"^$|^[A-Za-z0-9][A-Za-z0-9._ ()-]{0,100}$",
            description="a backup that lies beside this file: go on as that box",
            extra={"expect": "file_name"},
        ),
    ] = ""


MACHINE: Final[dict[str, type[msgspec.Struct]]] = {"network": Network, "modem": Modem, "access": Access, "start": Start}
"""Tables for `edge.settings.tables.SINGLE`."""
