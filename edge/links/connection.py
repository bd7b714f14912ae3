"""What a link needs of an MQTT 5 connection, and nothing more: the seam between our logic and the vendor's library.

`paho_connection` speaks to a real broker, the simulator has its twin. A connection never raises for what the network
does: it tells it by `poll`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import msgspec

NOBODY_LISTENS = 0x10  # MQTT 5 §2.4: No matching subscribers
TOO_LARGE = 0x95  # Packet too large
NOT_AUTHORIZED = 0x87
QUOTA_EXCEEDED = 0x97


class Connected(msgspec.Struct, frozen=True):
    """The broker accepted us; its limits as CONNACK states them (0: no limit on the packet)."""

    receive_max: int = 65_535
    max_packet: int = 0


class Refused(msgspec.Struct, frozen=True):
    """No connection came about; `code` is a key of `refusals.CODES`."""

    code: str
    text: str = ""


class Lost(msgspec.Struct, frozen=True):
    """An accepted connection ended; `by_peer` when the broker closed it rather than the network falling silent."""

    code: str
    by_peer: bool
    text: str = ""


class PubAck(msgspec.Struct, frozen=True):
    """The broker's answer to one publish; reasons from 0x80 on are refusals."""

    mid: int
    reason: int = 0


class SubAck(msgspec.Struct, frozen=True):
    """The broker's answer to a subscription, one reason a topic."""

    reasons: tuple[int, ...]


class Message(msgspec.Struct, frozen=True):
    """Something arrived; `retained` when the broker had kept it from before we subscribed."""

    topic: str
    payload: bytes
    retained: bool = False
    content_type: str = ""


Happening: TypeAlias = Connected | Refused | Lost | PubAck | SubAck | Message


class Will(msgspec.Struct, frozen=True):
    """What the broker says for us, retained, when we vanish."""

    topic: str
    payload: bytes


class Connection(Protocol):
    """One MQTT session at a time: open, use, close, open again. Clean start, nothing kept between two."""

    def open(self, will: Will | None) -> None:
        """Begin to connect; `poll` gives Connected or Refused later. Never blocks on the network."""

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for topics at QoS 1."""

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, content_type: str = "") -> int:
        """Hand over one message and return its id, which its PubAck will carry; 0: the connection has just gone."""

    def poll(self) -> list[Happening]:
        """Read, write and look after the keepalive without blocking; return what happened, in order."""

    def is_writing(self) -> bool:
        """Return whether `poll` is to be called soon: the socket is full, or something happened while publishing."""

    def filenos(self) -> list[int]:
        """Return the descriptors that become readable when `poll` has something to tell."""

    def close(self) -> None:
        """End whatever is there, with a goodbye when connected. May be called at any time, and twice."""
