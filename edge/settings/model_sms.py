"""[link.sms], [[recipient]] and [test]: a site that texts, the people whom it texts, and how it is tried out."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.settings.patterns import ID_PATTERN

NUMBER_PATTERN = r"^\+[1-9][0-9]{6,14}$"
KEY_PATTERN = r"^$|^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$"  # 32 octets in base64: two bits of the last letter are 0
HOURS_PATTERN = r"^$|^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$"
DAYS_PATTERN = r"^$|^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?$"


class SmsLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A modem, whose owner is gammu-smsd: texts to people, and records to a gateway (docs/sms.md)."""

    gateway: Annotated[
        str,
        Meta(
            pattern=rf"^$|{NUMBER_PATTERN}",
            description="number of the server's modem, such as +33600000100; where absent only people are texted",
            extra={"expect": "phone"},
        ),
    ] = ""
    gateway_key: Annotated[
        str,
        Meta(pattern=KEY_PATTERN, description="what `vigie gateway key` prints", extra={"expect": "gateway_key"}),
    ] = ""
    step_s: Annotated[Literal[600, 3600, 86400], Meta(description="what one value that is sent covers")] = 3600
    plan: Annotated[Literal["hourly", "6-hourly", "daily"], Meta(description="how often values are sent")] = "daily"
    points: Annotated[list[str], Meta(description="ids of points to send; where absent all that have a number")] = []
    per_day: Annotated[int, Meta(ge=1, le=1000, description="messages a day at most; alarms have a reserve")] = 12
    per_month: Annotated[int, Meta(ge=1, le=10_000, description="messages a month at most")] = 150
    price: Annotated[float, Meta(ge=0, le=10, description="of one message sent, in `currency`")] = 0.0
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="such as EUR")] = "EUR"
    after_s: Annotated[
        float, Meta(ge=60, le=604_800, description="with [link.mqtt]: without it for this long, values go by SMS")
    ] = 3600.0
    database: Annotated[str, Meta(min_length=1, description="of gammu-smsd")] = "/var/lib/vigie-sms/smsd.db"
    device: Annotated[str, Meta(min_length=1, description="the modem's serial port")] = "/dev/modem"
    pin_file: Annotated[
        str, Meta(description="a path, or the name of a systemd credential, that holds the SIM's PIN")
    ] = ""


class Recipient(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody who is texted and may text the box. A number that is not listed gets no answer."""

    id: Annotated[
        str, Meta(pattern=ID_PATTERN, description="such as caretaker; stands in the journal", extra={"expect": "id"})
    ]
    number: Annotated[
        str, Meta(pattern=NUMBER_PATTERN, description="with its country: +33600000001", extra={"expect": "phone"})
    ]
    name: Annotated[str, Meta(max_length=60, description="as people call them; the id where absent")] = ""
    lang: Annotated[Literal["", "en", "fr"], Meta(description="the site's where absent")] = ""
    right: Annotated[
        Literal["read", "operate", "configure"],
        Meta(description="read: ask; operate: acknowledge and switch; configure: limits, tariffs, indexes"),
    ] = "operate"
    alarms: Annotated[bool, Meta(description="alarms are told to them")] = True
    least: Annotated[
        Literal["low", "medium", "high", "critical"], Meta(description="alarms below this priority are not told")
    ] = "medium"
    after_min: Annotated[
        int, Meta(ge=0, le=1440, description="told only when nobody acknowledged for this long; 0: at once")
    ] = 0
    days: Annotated[
        str, Meta(pattern=DAYS_PATTERN, description="mon-fri; where absent every day", extra={"expect": "days"})
    ] = ""
    hours: Annotated[
        str,
        Meta(
            pattern=HOURS_PATTERN,
            description='local, such as "07:00-19:00"; where absent at any time. What is critical is told at any time',
            extra={"expect": "hours"},
        ),
    ] = ""
    daily: Annotated[bool, Meta(description="a summary of yesterday each morning")] = False
    life: Annotated[bool, Meta(description="a sign of life on the first of each month")] = True


class Test(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The test that tells an installer whether he may leave (docs/leaving.md)."""

    on_boot: Annotated[bool, Meta(description="it runs by itself after a start, until it has passed once")] = False
    bus: Annotated[str, Meta(description="with pin: name of a [bus.*] table of kind gpio")] = ""
    pin: (
        Annotated[int, Meta(ge=0, le=27, description="GPIO number (BCM) of a button to 0 V: held for 3 s it starts")]
        | None
    ) = None
    recipient: Annotated[
        str, Meta(description="id of the [[recipient]] who is texted the outcome when nobody asked by text")
    ] = ""
