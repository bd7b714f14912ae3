"""A peer that speaks no MQTT 5, or suddenly none any more: the link is down with a reason, and no batch is blamed."""

from __future__ import annotations

import logging
import random
import socket
from collections.abc import Iterator

import pytest

from edge.links.connection import Connected, Happening, Lost, Refused
from edge.links.mqtt import MqttLink
from edge.links.paho_connection import PahoConnection, Target, target
from edge.settings.model import MqttLink as MqttSettings
from tests.support import eventually
from tests.support_broker import Bench

CONNACK = bytes([0x20, 3, 0, 0, 0])
# fixed header, remaining length, then what the packet's kind does not allow (MQTT 5 §2.1, §3.3, §3.4, §3.9)
GARBAGE = {
    "a topic that is no UTF-8": bytes([0x30, 8, 0, 3, 0x61, 0x2F, 0x80, 0, 0x68, 0x65]),
    "a publish shorter than its topic": bytes([0x32, 4, 0xFF, 0xFF, 0x61, 0x62]),
    "a publish of QoS 3": bytes([0x36, 8, 0, 3, 0x61, 0x2F, 0x62, 0, 1, 0]),
    "an unknown property": bytes([0x40, 5, 0, 1, 0, 1, 0x7E]),
    "a property that does not belong here": bytes([0x90, 7, 0, 1, 3, 0x21, 0, 10, 0]),
    "a suback without its id": bytes([0x90, 1, 0]),
    "a puback without its id": bytes([0x40, 0]),
    "an unknown reason": bytes([0x40, 3, 0, 1, 0x7F]),
    "a length without end": b"\x30\xff\xff\xff\xff\xff\xff",
    "a packet of no kind": b"\x00\x00",
    # long enough to be taken for a whole packet: its second byte, "T", announces 84 more
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n" + b"Server: a web server on the port of the broker\r\n" * 2,
}


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        yield listening


def dialled(server: socket.socket) -> PahoConnection:
    connection = PahoConnection(Target(host="127.0.0.1", port=server.getsockname()[1], client_id="b0042"))
    connection.open(None)
    return connection


def heard(connection: PahoConnection, count: int) -> list[Happening]:
    """Return the first happenings of a connection."""
    happened: list[Happening] = []

    def has_all() -> bool:
        happened.extend(connection.poll())
        return len(happened) >= count

    eventually(has_all, 10, f"{count} happenings")
    return happened


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_on_a_connection_ends_it_and_nobody_has_hung_up_on_us(server: socket.socket, garbage: bytes) -> None:
    connection = dialled(server)
    peer, _ = server.accept()
    with peer:
        peer.sendall(CONNACK + garbage)
        accepted, lost = heard(connection, 2)
        assert isinstance(accepted, Connected)
        assert isinstance(lost, Lost)
        assert (lost.code, lost.by_peer) == ("protocol", False)
        assert connection.poll() == [], "said once"
        assert connection.publish("a", b"x") == 0
        connection.close()
        assert connection.filenos() == []


@pytest.mark.parametrize("garbage", [GARBAGE["a packet of no kind"], GARBAGE["another protocol"], b"\x20\x01\x00"])
def test_a_peer_that_answers_with_something_else_is_no_broker(server: socket.socket, garbage: bytes) -> None:
    connection = dialled(server)
    peer, _ = server.accept()
    with peer:
        peer.sendall(garbage)
        (refused,) = heard(connection, 1)
        assert isinstance(refused, Refused)
        assert refused.code == "protocol"
        connection.close()


def test_a_peer_that_hangs_up_or_sends_half_a_packet_and_hangs_up_has_closed(server: socket.socket) -> None:
    for last_words in (b"", b"\x32\x10\x00"):
        connection = dialled(server)
        peer, _ = server.accept()
        with peer:
            peer.sendall(CONNACK + last_words)
        _, lost = heard(connection, 2)
        assert isinstance(lost, Lost)
        assert (lost.code, lost.by_peer) == ("closed", True)
        connection.close()


def test_a_link_goes_down_on_garbage_tries_again_and_parks_nothing(
    server: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    settings = MqttSettings(host="127.0.0.1", port=server.getsockname()[1])
    bench = Bench()
    bench.write(1000)
    link = MqttLink(settings, PahoConnection(target(settings, "b0042")), bench.feed, random.Random(1))
    now_s = 0.0

    def state_after(seconds: float, state: str) -> bool:
        nonlocal now_s
        now_s += seconds
        link.step(now_s)
        return bool(link.status()["state"] == state)

    for _ in range(6):
        eventually(lambda: state_after(300, "opening"))
        peer, _ = server.accept()
        with peer:
            peer.sendall(CONNACK)
            eventually(lambda: state_after(0, "up"))
            peer.sendall(GARBAGE["a topic that is no UTF-8"])
            eventually(lambda: state_after(0, "down"))
        assert link.status()["code"] == "protocol"
    link.close()
    assert not {"entry_parked", "duplicate_id"} & set(bench.kinds())
    assert bench.kinds().count("link_down") == 6
    traces = [record for record in caplog.records if record.exc_info and record.levelno == logging.ERROR]
    assert len(traces) == 6, "once a connection"


def test_closing_while_the_socket_comes_in_leaks_none(server: socket.socket) -> None:
    class Late:
        """A dial whose socket comes at the last moment: while it is being given up."""

        outcome: socket.socket | None = None

        def give_up(self) -> None:
            self.outcome = socket.create_connection(server.getsockname())

    connection, late = PahoConnection(Target(host="127.0.0.1", port=1, client_id="b0042")), Late()
    connection._dial = late  # type: ignore[assignment]
    connection.close()
    assert late.outcome is not None
    assert late.outcome.fileno() == -1
    server.accept()[0].close()
