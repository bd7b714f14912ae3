"""`Connection` over paho-mqtt 2: MQTT 5, a new client for each connection, no thread of paho's.

A client that lives on would keep its own queue across reconnects and send a message that is too large again for ever.
We own the socket: `filenos` for select, `poll` for reading, writing and the keepalive.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edge.links.connection import TOO_LARGE, Connected, Happening, Lost, Message, PubAck, Refused, SubAck, Will
from edge.links.dialling import Dial, Files, SocketAddress
from edge.links.refusals import code_from_error, code_from_reason
from edge.links.wire import Wire
from edge.settings.model import MqttLink as MqttSettings

if TYPE_CHECKING:
    from paho.mqtt.client import Client

log = logging.getLogger(__name__)

PUBACK: Final = 0x40
KEEPALIVE: Final = 0x8D
UNSPECIFIED: Final = 0x80
BITE: Final = 64  # happenings after which poll lets its caller act


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where to connect, and as whom."""

    host: str
    port: int
    client_id: str
    tls: Files | None = None
    username: str = ""
    password_file: str = ""
    keepalive_s: int = 30
    max_packet: int = 65_536
    """Larger messages are not wanted: the broker keeps them from us."""


def target(settings: MqttSettings, box: str) -> Target:
    """Return the target of a link's settings."""
    return Target(
        host=settings.host,
        port=settings.port or (8883 if settings.tls else 1883),
        client_id=box,
        tls=Files(settings.ca_file, settings.cert_file, settings.key_file) if settings.tls else None,
        username=settings.username,
        password_file=settings.password_file,
        keepalive_s=settings.keepalive_s,
    )


def password(password_file: str) -> str | None:
    """Return the first line of a file; a name without a slash is a credential of systemd. Raises OSError."""
    if not password_file:
        return None
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    path = Path(folder, password_file) if folder and "/" not in password_file else Path(password_file)
    return path.read_text(encoding="utf-8").splitlines()[0] if path.stat().st_size else ""


class PahoConnection:
    """One MQTT 5 session over paho."""

    def __init__(self, where: Target) -> None:
        self._where = where
        self._will: Will | None = None
        self._happened: list[Happening] = []
        self._dial: Dial | None = None
        self._known: list[SocketAddress] = []
        self._client: Client | None = None
        self._wire: Wire | None = None
        self._is_accepted = False
        self._carried = (0, 0)
        self._too_large: set[int] = set()

    # -- the port

    def open(self, will: Will | None) -> None:
        """Begin to connect."""
        self.close()
        self._will = will
        try:
            context = self._where.tls.context() if self._where.tls else None
            self._password = password(self._where.password_file)
        except (OSError, ValueError) as exc:
            self._happened.append(Refused("bad_file", str(exc)))
            return
        self._dial = Dial(self._where.host, self._where.port, context, self._known)

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for topics at QoS 1."""
        if self._client is not None:
            self._client.subscribe([(topic, 1) for topic in topics])

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, content_type: str = "") -> int:
        """Hand one message over; 0 when the connection has gone meanwhile."""
        if self._client is None:
            return 0
        properties = None
        if content_type:
            properties = self._properties("PUBLISH")
            properties.ContentType = content_type
        return self._client.publish(topic, payload, qos, retain, properties).mid

    def poll(self) -> list[Happening]:
        """Read, write, look after the keepalive; return what happened."""
        if self._dial is not None:
            self._answered(self._dial)
        client, wire = self._client, self._wire
        if client is not None and wire is not None:
            try:
                self._work(client, wire)
            except Exception as exc:
                # A packet that is none: paho 2.1 raises KeyError, ValueError, IndexError, struct.error or its own for
                # it, 2.2 still UnicodeDecodeError for a topic. What was read so far is told first.
                log.exception("what the broker sent can't be read")
                self._client = None
                self._ended("protocol", by_peer=False, text=f"{type(exc).__name__}: {exc}")
        happened, self._happened = self._happened, []
        return happened

    def is_writing(self) -> bool:
        """Return whether bytes wait because the socket is full, or the connection ended while we published."""
        return bool(self._happened) or (self._client is not None and self._client.want_write())

    def filenos(self) -> list[int]:
        """Return the socket, or what tells that it is there."""
        if self._dial is not None:
            return [self._dial.fileno()]
        return [self._wire.fileno()] if self._wire is not None and self._wire.fileno() >= 0 else []

    def close(self) -> None:
        """Hang up, with a goodbye when connected."""
        if self._dial is not None:
            self._dial.give_up()
            outcome = self._dial.outcome  # final only now: the socket may have come in between
            self._dial = None
            if outcome is not None and not isinstance(outcome, Exception):
                outcome.close()
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
        if self._wire is not None:
            self._carried = self.traffic()
            self._wire.close()
            self._wire = None
        self._is_accepted = False
        self._too_large.clear()
        self._happened.clear()

    def traffic(self) -> tuple[int, int]:
        """Return the bytes sent and received by this object so far."""
        sent, received = self._carried
        if self._wire is None:
            return sent, received
        return sent + self._wire.sent, received + self._wire.received

    # -- inside

    def _work(self, client: Client, wire: Wire) -> None:
        while True:
            before = len(self._happened)
            client.loop_read()
            has_more = wire.pending() and self._client is client
            # what the kernel still holds wakes select again; what we have read ahead does not
            if not has_more and (len(self._happened) == before or len(self._happened) >= BITE):
                break
        if self._client is client and client.want_write():
            client.loop_write()
        if self._client is client:
            client.loop_misc()

    def _answered(self, dial: Dial) -> None:
        outcome = dial.take()
        if outcome is None:
            return
        self._dial = None
        if isinstance(outcome, Exception):
            self._happened.append(Refused(code_from_error(outcome), str(outcome)))
            return
        self._known = dial.addresses
        self._wire = Wire(outcome)
        self._client = self._new_client(self._wire)
        where = self._where
        connect = self._properties("CONNECT")
        connect.MaximumPacketSize = where.max_packet
        self._client.connect(where.host, where.port, where.keepalive_s, clean_start=True, properties=connect)

    def _new_client(self, wire: Wire) -> Client:
        from paho.mqtt.client import Client, MQTTv5
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(CallbackAPIVersion.VERSION2, self._where.client_id, protocol=MQTTv5)
        # paho would open the socket itself and block in it
        client._create_socket = lambda: wire  # type: ignore[method-assign, assignment, return-value] # noqa: SLF001
        client._packet_handle = lambda: self._handle_packet(client)  # type: ignore[method-assign] # noqa: SLF001
        client.max_inflight_messages = 65_535  # the window is ours; paho must not hold anything back
        if self._where.username:
            client.username_pw_set(self._where.username, self._password)
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _handle_packet(self, client: Client) -> Any:
        """Let paho handle a packet, after mending one.

        Mosquitto answers a message over its message_size_limit with reason 0x95, which MQTT 5 §3.4.2.1 does not have
        in a PUBACK: paho takes it for a broken protocol and hangs up, each time again.
        """
        packet = client._in_packet  # noqa: SLF001
        body = packet["packet"]
        if packet["command"] & 0xF0 == PUBACK and len(body) > 2 and body[2] == TOO_LARGE:
            self._too_large.add(body[0] << 8 | body[1])
            body[2] = UNSPECIFIED
        return type(client)._packet_handle(client)  # noqa: SLF001

    @staticmethod
    def _properties(packet: str) -> Any:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        return Properties(getattr(PacketTypes, packet))  # type: ignore[no-untyped-call]

    def _on_connect(self, client: Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.value >= UNSPECIFIED:
            self._happened.append(Refused(code_from_reason(reason.value, "refused"), str(reason)))
            return
        self._is_accepted = True
        self._happened.append(
            Connected(
                getattr(properties, "ReceiveMaximum", 65_535) if properties else 65_535,
                getattr(properties, "MaximumPacketSize", 0) if properties else 0,
            )
        )

    def _on_disconnect(self, client: Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if self._client is not client:
            return  # we hung up ourselves
        self._client = None
        wire = self._wire
        error = wire.error if wire is not None else None
        text = str(error or reason)
        if flags.is_disconnect_packet_from_server:
            code, by_peer = code_from_reason(reason.value, "closed"), True
        elif reason.value == KEEPALIVE:
            code, by_peer = "keepalive", False
        elif error is not None:
            code = code_from_error(error)
            by_peer = code in {"closed", "own_cert_refused"}
        elif wire is not None and wire.is_ended:
            code, by_peer = "closed", True
        else:  # paho itself hung up: it could not read a packet. No batch of ours is to blame
            code, by_peer = "protocol", False
        self._ended(code, by_peer=by_peer, text=text)

    def _ended(self, code: str, *, by_peer: bool, text: str) -> None:
        if self._is_accepted:
            self._happened.append(Lost(code, by_peer, text))
        elif not any(isinstance(happening, Refused) for happening in self._happened):
            self._happened.append(Refused(code, text))

    def _on_publish(self, client: Client, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        is_too_large = mid in self._too_large
        self._too_large.discard(mid)
        self._happened.append(PubAck(mid, TOO_LARGE if is_too_large else reason.value))

    def _on_subscribe(self, client: Client, userdata: Any, mid: int, reasons: Any, properties: Any) -> None:
        self._happened.append(SubAck(tuple(reason.value for reason in reasons)))

    def _on_message(self, client: Client, userdata: Any, message: Any) -> None:
        content_type = getattr(message.properties, "ContentType", "") if message.properties else ""
        self._happened.append(Message(message.topic, message.payload, bool(message.retain), content_type))
