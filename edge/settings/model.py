"""The configuration, declared once: every key of a site's file with its type, limits and meaning.

`check`, the JSON Schema and `docs/reference/settings.md` are made from these structs and from the drivers' Options.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from edge.core.units import KNOWN
from edge.settings.model_limits import Limit
from edge.settings.model_sms import SmsLink
from edge.settings.patterns import EQUIPMENT, ID_PATTERN

T = TypeVar("T", bound=msgspec.Struct)


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Box(_Table, frozen=True):
    """Which box this is and how it keeps its records."""

    id: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9-]{1,32}$",
            description="also MQTT client id and certificate CN",
            extra={"expect": "box_id"},
        ),
    ]
    commit_s: Annotated[float, Meta(ge=1, le=60, description="how often records are made durable")] = 10.0
    buffer_mb: Annotated[int, Meta(ge=8, le=65536, description="size of the records' buffer on the card")] = 1024
    trust_clock: Annotated[
        bool, Meta(description="the machine's clock is kept right by something that the box can't see (a PC, a GPS)")
    ] = False
    undated_wait_s: Annotated[
        float, Meta(ge=0, description="without a trusted clock, records wait this long after a link is up")
    ] = 900.0


class Site(_Table, frozen=True):
    """The place, for people's words and local days."""

    name: Annotated[str, Meta(min_length=1, max_length=60, description="as people call it")]
    tz: Annotated[str, Meta(description="IANA time zone such as Europe/Paris")] = "Europe/Paris"
    lang: Annotated[Literal["en", "fr"], Meta(description="of texts and screens")] = "en"


class History(_Table, frozen=True):
    """How much stays on the box after it was sent. Sums of hours, days and months stay however old they are."""

    raw_days: Annotated[int, Meta(ge=1, le=3660, description="records older than this go")] = 400
    max_mb: Annotated[int, Meta(ge=16, le=65536, description="beyond this the oldest records go before their time")] = (
        2048
    )


class Point(_Table, frozen=True):
    """The keys that every [[point]] can hold; its driver adds its own."""

    id: Annotated[str, Meta(pattern=ID_PATTERN, description="such as boiler.flow", extra={"expect": "id"})]
    bus: Annotated[str, Meta(description="name of a [bus.*] table")]
    driver: Annotated[str, Meta(description="name of a driver; `vigie schema` lists them")]
    name: Annotated[str | dict[str, str], Meta(description='people\'s name, or { en = "…", fr = "…" }')] = ""
    place: Annotated[str, Meta(description="where on the site")] = ""
    equipment: Annotated[str, EQUIPMENT, Meta(description="id of the machine that it belongs to")] = ""
    role: Annotated[str, Meta(description="what the figure is for, such as consumption")] = ""
    properties: Annotated[
        dict[str, Annotated[str, Meta(max_length=200)]],
        Meta(max_length=32, description='anything else to know of it: { serial = "A12", cabinet = "2" }'),
    ] = {}
    unit: Annotated[
        str | None,
        Meta(description="SenML name; the driver's where absent", extra_json_schema={"enum": sorted(KNOWN)}),
    ] = None
    scale: Annotated[float | None, Meta(description="raw × scale + offset; the driver's where absent")] = None
    offset: Annotated[float, Meta(description="added after scale")] = 0.0
    scale_points: (
        Annotated[
            list[Annotated[list[float], Meta(min_length=2, max_length=2)]],
            Meta(
                min_length=2,
                max_length=2,
                description="in place of scale and offset: two pairs [raw, value], such as [[4, 0], [20, 10]]",
                extra={"expect": "scale_points"},
            ),
        ]
        | None
    ) = None
    min: Annotated[float | None, Meta(description="readings below are BAD out_of_range")] = None
    max: Annotated[float | None, Meta(description="readings above are BAD out_of_range")] = None
    period_s: Annotated[float, Meta(ge=0.1, le=86400, description="how often it is read")] = 1.0
    record_s: Annotated[float, Meta(ge=0.1, le=86400, description="what one record covers")] = 60.0
    deadband: Annotated[float, Meta(ge=0, description="save a record only when it moved this far …")] = 0.0
    heartbeat_s: Annotated[float, Meta(ge=0, description="… or is this old")] = 3600.0
    stale_s: (
        Annotated[
            float,
            Meta(
                gt=0,
                description="without a sample for this long: BAD stale; where absent 3 periods, at least one and 5 s",
            ),
        ]
        | None
    ) = None
    words: Annotated[list[str] | None, Meta(description="a state's word for 0, 1, …")] = None


class Output(_Table, frozen=True):
    """A relay, lamp or valve on a pin: it follows a limit, takes orders, or both (docs/outputs.md)."""

    id: Annotated[str, Meta(pattern=ID_PATTERN, description="also the id of its point", extra={"expect": "id"})]
    bus: Annotated[str, Meta(description="name of a [bus.*] table of kind gpio")]
    pin: Annotated[int, Meta(ge=0, le=27, description="GPIO number (BCM)")]
    limit: Annotated[str, Meta(description="the limit that it follows: on while its alarm is active")] = ""
    by_command: Annotated[bool, Meta(description="people and servers may switch it (`vigie relay`)")] = True
    safe: Annotated[
        Literal["off", "on"], Meta(description="at a start, at a stop, without a link, and where nothing else holds")
    ] = "off"
    active_high: Annotated[bool, Meta(description="false for a relay board that switches on at 0 V")] = True
    drive: Annotated[
        Literal["push_pull", "open_collector"],
        Meta(description="open_collector: on pulls the pin to 0 V, off lets it float"),
    ] = "push_pull"
    min_on_s: Annotated[float, Meta(ge=0, le=86400, description="once on, it stays on this long")] = 0.0
    min_off_s: Annotated[
        float, Meta(ge=0, le=86400, description="once off, and after a start, it stays off this long")
    ] = 0.0
    max_on_s: (
        Annotated[float, Meta(gt=0, le=31_622_400, description="on for this long, it goes to its safe state")] | None
    ) = None
    link_lost_s: (
        Annotated[
            float, Meta(gt=0, le=31_622_400, description="without a link for this long, it goes to its safe state")
        ]
        | None
    ) = None
    readback_pin: (
        Annotated[int, Meta(ge=0, le=27, description="GPIO number (BCM) of a contact that tells its real state")] | None
    ) = None
    readback_pull: Annotated[Literal["up", "down", "floating"], Meta(description="of readback_pin")] = "up"
    readback_active_low: Annotated[bool, Meta(description="readback_pin is at 0 V while it is on")] = True
    readback_s: Annotated[
        float, Meta(ge=0, le=600, description="how long the contact may take to follow, before it is a mismatch")
    ] = 1.0
    name: Annotated[str | dict[str, str], Meta(description='people\'s name, or { en = "…", fr = "…" }')] = ""
    place: Annotated[str, Meta(description="where on the site")] = ""
    equipment: Annotated[str, EQUIPMENT, Meta(description="id of the machine that it belongs to")] = ""


class Led(_Table, frozen=True):
    """The status lamp: how the box is, at a glance (docs/inputs.md). Where absent: the board's own LED, ACT."""

    enabled: Annotated[bool, Meta(description="false leaves every LED alone")] = True
    name: Annotated[str, Meta(description="another LED of /sys/class/leds than the board's own")] = ""
    bus: Annotated[str, Meta(description="with pin: name of a [bus.*] table of kind gpio")] = ""
    pin: Annotated[int, Meta(ge=0, le=27, description="GPIO number (BCM) of a LED of your own")] | None = None
    active_high: Annotated[bool, Meta(description="false where the pin's low level lights it")] = True


class Display(_Table, frozen=True):
    """A small OLED display on an I2C bus: site, time, today's figures, alarms, link (docs/inputs.md).

    It needs `vigie[display]`. One that fails or is missing is an event and stops nothing.
    """

    bus: Annotated[str, Meta(description="name of a [bus.*] table of kind i2c")]
    chip: Annotated[Literal["ssd1306", "sh1106"], Meta(description="sh1106 is usual from 1.3 inches on")] = "ssd1306"
    address: Annotated[int, Meta(ge=0x3C, le=0x3D, description="0x3c, or 0x3d by a solder bridge")] = 0x3C
    height: Annotated[Literal[32, 64], Meta(description="pixels; all are 128 wide")] = 64
    flip: Annotated[bool, Meta(description="true where it hangs upside down")] = False
    turn_s: Annotated[float, Meta(ge=2, le=60, description="how long a page stands")] = 6.0
    points: Annotated[list[str], Meta(description="ids of points whose present value is shown as well")] = []


class MqttLink(_Table, frozen=True):
    """An MQTT 5 broker upstream."""

    host: Annotated[str, Meta(min_length=1, description="a name or address, without mqtt://")]
    port: Annotated[int, Meta(ge=1, le=65535, description="8883 with tls, else 1883")] | None = None
    tls: Annotated[bool, Meta(description="encrypt, and check who the broker is")] = False
    ca_file: Annotated[str, Meta(description="PEM; the system's authorities where absent")] = ""
    cert_file: Annotated[str, Meta(description="PEM; the box's certificate, where the broker asks for one")] = ""
    key_file: Annotated[str, Meta(description="PEM; its key")] = ""
    username: Annotated[str, Meta(description="the box id is usual")] = ""
    password: Annotated[
        str, Meta(max_length=200, description="on a card only: the box moves it into a file", extra={"secret": True})
    ] = ""
    password_file: Annotated[str, Meta(description="a path, or the name of a systemd credential")] = ""
    keepalive_s: Annotated[int, Meta(ge=5, le=30, description="how often a silent link is probed")] = 30
    encoding: Annotated[
        Literal["json", "json+zlib"], Meta(description="json+zlib sends a tenth of the bytes, for 1 s records")
    ] = "json"
    ack: Annotated[
        Literal["consumer", "puback"],
        Meta(description="who must confirm before the box forgets; puback can lose what the broker held"),
    ] = "consumer"


class Links(_Table, frozen=True):
    """The ways upstream."""

    mqtt: MqttLink | None = None
    sms: SmsLink | None = None


class PointEntry(msgspec.Struct, frozen=True):
    """A point as loaded: the common keys, its driver's typed options, and what its driver says of it."""

    point: Point
    options: Any
    device: str


class Settings(msgspec.Struct, frozen=True):
    """A whole valid site: what the runtime, the simulator and the CLI start from."""

    box: Box
    site: Site
    buses: dict[str, tuple[str, Any]]
    """Bus name -> (kind, typed options of hal.buses.KINDS[kind])."""
    points: list[PointEntry]
    links: Links
    history: History = History()
    led: Led = Led()
    display: Display | None = None
    tables: dict[type[msgspec.Struct], Any] = {}
    """By struct: the rows of each table of edge.settings.tables.SEVERAL, and the one of each SINGLE that is written."""

    @property
    def limits(self) -> list[Limit]:
        """All [[limit]] tables."""
        return self.of(Limit)

    @property
    def outputs(self) -> list[Output]:
        """All [[output]] tables."""
        return self.of(Output)

    def of(self, kind: type[T]) -> list[T]:
        """Return the rows of a table that may stand several times, in the order of the file."""
        rows: list[T] = self.tables.get(kind, [])
        return rows

    def one(self, kind: type[T]) -> T:
        """Return a table that stands once; its defaults where the file has none."""
        found: T = self.tables[kind] if kind in self.tables else kind()
        return found
