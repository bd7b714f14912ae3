"""Each way in which a real broker refuses us has its own code, is said once, and never becomes a silent loop."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.links.connection import Connected, Happening, Lost, PubAck, Refused, Will
from edge.links.mqtt import MqttLink
from edge.links.paho_connection import PahoConnection, Target, target
from edge.links.refusals import CODES
from edge.settings.model import MqttLink as MqttSettings
from tests.mqtt_broker import Broker, broker, forwarder, free_port, program
from tests.mqtt_certificates import Authority
from tests.support import eventually
from tests.support_broker import Bench
from tests.support_worker import turn


class Heard:
    """A connection and all that it told so far."""

    def __init__(self, connection: PahoConnection) -> None:
        self.connection = connection
        self.happened: list[Happening] = []
        connection.open(Will("vigie/v1/b0042/up/online", b"false"))

    def has(self, count: int) -> bool:
        self.happened.extend(self.connection.poll())
        return len(self.happened) >= count


def first_happening(settings: MqttSettings, box: str = "b0042", seconds: float = 15) -> Happening:
    """Return what a connection tells first, and close it."""
    heard = Heard(PahoConnection(target(settings, box)))
    try:
        eventually(lambda: heard.has(1), seconds, "Connected or Refused")
    finally:
        heard.connection.close()
    return heard.happened[0]


def code_of(settings: MqttSettings) -> str:
    happening = first_happening(settings)
    assert isinstance(happening, Refused), happening
    assert happening.code in CODES
    return happening.code


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture
def tls_broker(tmp_path: Path, authority: Authority) -> Iterator[Broker]:
    with broker(tmp_path, *tls_lines(authority)) as running:
        yield running


def tls_lines(authority: Authority, **validity: float) -> list[str]:
    cert, key = authority.issue("broker", **validity)  # type: ignore[arg-type]
    return [f"cafile {authority.cert}", f"certfile {cert}", f"keyfile {key}"]


def test_a_broker_that_takes_us_states_its_limits(tmp_path: Path) -> None:
    with broker(tmp_path, "max_packet_size 30000", "max_inflight_messages 7") as running:
        happening = first_happening(MqttSettings(host="127.0.0.1", port=running.port))
        assert happening == Connected(receive_max=7, max_packet=30000)


@pytest.mark.parametrize(("line", "code"), [("max_qos 0", "no_qos1"), ("retain_available false", "no_retain")])
def test_a_broker_that_offers_less_than_the_box_needs(tmp_path: Path, line: str, code: str) -> None:
    with broker(tmp_path, line) as running:
        assert code_of(MqttSettings(host="127.0.0.1", port=running.port)) == code


def test_nobody_on_the_port_and_a_name_that_leads_nowhere() -> None:
    assert code_of(MqttSettings(host="127.0.0.1", port=free_port())) == "nobody_listens"
    assert code_of(MqttSettings(host="no-such-host.invalid", port=1883)) in {"name_not_found", "name_timeout"}


def test_a_wrong_password_and_none_at_all(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(
        [program("mosquitto_passwd", "mosquitto"), "-b", "-c", str(passwords), "b0042", "right"], check=True, timeout=20
    )
    passwords.chmod(0o600)
    right, wrong, empty = (tmp_path / name for name in ("right", "wrong", "empty"))
    right.write_text("right\n")
    wrong.write_text("wrong")
    empty.write_text("")
    with broker(tmp_path, "allow_anonymous false", f"password_file {passwords}") as running:
        settings: dict[str, Any] = {"host": "127.0.0.1", "port": running.port, "username": "b0042"}
        assert code_of(MqttSettings(**settings, password_file=str(wrong))) == "wrong_password"
        assert code_of(MqttSettings(**settings, password_file=str(empty))) == "wrong_password"
        assert code_of(MqttSettings(host="127.0.0.1", port=running.port)) == "wrong_password"
        assert code_of(MqttSettings(**settings, password_file=str(tmp_path / "gone"))) == "bad_file"
        assert isinstance(first_happening(MqttSettings(**settings, password_file=str(right))), Connected)


def test_a_password_by_its_credential_name(tmp_path: Path) -> None:
    (tmp_path / "mqtt-password").write_text("secret\nsecond line\n")
    program_text = (
        "from edge.links.paho_connection import password; import sys;"
        "sys.exit(password('mqtt-password') != 'secret' or password('') is not None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program_text],
        env={"CREDENTIALS_DIRECTORY": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False, timeout=20,
    )  # fmt: skip
    assert done.returncode == 0


def test_tls_with_the_right_authority_and_a_certificate_of_our_own(tmp_path: Path, authority: Authority) -> None:
    lines = [*tls_lines(authority), "require_certificate true", "use_identity_as_username true"]
    cert, key = authority.issue("b0042", kind="box")
    with broker(tmp_path, *lines) as running:
        settings = MqttSettings(
            host="127.0.0.1", port=running.port, tls=True, ca_file=str(authority.cert), cert_file=str(cert),
            key_file=str(key),
        )  # fmt: skip
        assert isinstance(first_happening(settings), Connected)
        without = MqttSettings(host="127.0.0.1", port=running.port, tls=True, ca_file=str(authority.cert))
        assert code_of(without) == "own_cert_refused"


def test_our_own_certificate_expired_or_of_a_foreign_authority(tmp_path: Path, authority: Authority) -> None:
    stranger = Authority(tmp_path / "stranger", "somebody else")
    with broker(tmp_path, *tls_lines(authority), "require_certificate true") as running:
        for cert, key in (authority.issue("b0042", kind="box", from_days=-9, to_days=-1), stranger.issue("b0042")):
            settings = MqttSettings(
                host="127.0.0.1", port=running.port, tls=True, ca_file=str(authority.cert), cert_file=str(cert),
                key_file=str(key),
            )  # fmt: skip
            assert code_of(settings) == "own_cert_refused"


def test_a_broker_of_a_foreign_authority(tmp_path: Path, tls_broker: Broker) -> None:
    stranger = Authority(tmp_path / "stranger", "somebody else")
    settings = MqttSettings(host="127.0.0.1", port=tls_broker.port, tls=True, ca_file=str(stranger.cert))
    assert code_of(settings) == "wrong_ca"
    assert code_of(MqttSettings(host="127.0.0.1", port=tls_broker.port, tls=True)) == "wrong_ca"


@pytest.mark.parametrize(
    ("validity", "code"),
    [({"from_days": -30, "to_days": -1}, "cert_expired"), ({"from_days": 1, "to_days": 30}, "cert_not_yet_valid")],
)
def test_a_brokers_certificate_out_of_its_time(
    tmp_path: Path, authority: Authority, validity: dict[str, float], code: str
) -> None:
    with broker(tmp_path, *tls_lines(authority, **validity)) as running:
        settings = MqttSettings(host="127.0.0.1", port=running.port, tls=True, ca_file=str(authority.cert))
        assert code_of(settings) == code


def test_a_brokers_certificate_for_another_name(tmp_path: Path, authority: Authority) -> None:
    cert, key = authority.issue("elsewhere", names="DNS:mqtt.example.org")
    with broker(tmp_path, f"cafile {authority.cert}", f"certfile {cert}", f"keyfile {key}") as running:
        settings = MqttSettings(host="127.0.0.1", port=running.port, tls=True, ca_file=str(authority.cert))
        assert code_of(settings) == "wrong_name"


def test_tls_against_a_plain_broker_and_plain_against_tls(
    tmp_path: Path, tls_broker: Broker, authority: Authority
) -> None:
    with broker(tmp_path / "plain") as running:
        settings = MqttSettings(host="127.0.0.1", port=running.port, tls=True, ca_file=str(authority.cert))
        assert code_of(settings) in {"not_tls", "tls", "closed"}
    assert code_of(MqttSettings(host="127.0.0.1", port=tls_broker.port)) == "closed"


def test_files_that_are_missing_or_no_certificates(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("no certificate")
    for ca_file in (str(rubbish), str(tmp_path / "gone.pem")):
        assert code_of(MqttSettings(host="127.0.0.1", port=1, tls=True, ca_file=ca_file)) == "bad_file"
    settings = MqttSettings(host="127.0.0.1", port=1, tls=True, cert_file=str(rubbish), key_file=str(rubbish))
    assert code_of(settings) == "bad_file"


def test_an_acl_that_refuses_our_topics_keeps_the_data_and_is_said_once(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read vigie/v1/b0042/down/#\n")
    acl.chmod(0o600)
    bench = Bench()
    bench.write(1000)
    with broker(tmp_path, f"acl_file {acl}") as running:
        settings = MqttSettings(host="127.0.0.1", port=running.port, ack="puback")
        link = MqttLink(settings, PahoConnection(target(settings, "b0042")), bench.feed, random.Random(1))
        turn(lambda: link.status()["problems"] == ["acl"], link)
        link.close()
    assert bench.records.cursor("mqtt") == 0
    assert bench.kinds() == ["link_up", "link_problem"]


def test_a_port_that_answers_and_says_nothing_is_given_up(tmp_path: Path) -> None:
    bench = Bench()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings = MqttSettings(host="127.0.0.1", port=mute.getsockname()[1])
        link = MqttLink(settings, PahoConnection(target(settings, "b0042")), bench.feed, random.Random(1))
        link.step(0.0)
        answered, _ = mute.accept()
        with answered:
            link.step(19.9)
            assert link.status()["state"] == "opening"
            link.step(20.1)
            assert (link.status()["state"], link.status()["code"]) == ("down", "silent")
            link.close()


def test_closing_in_the_middle_of_a_tls_handshake_takes_no_second(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings = MqttSettings(host="127.0.0.1", port=mute.getsockname()[1], tls=True)
        connection = PahoConnection(target(settings, "b0042"))
        connection.open(None)
        answered, _ = mute.accept()
        with answered:
            begin = time.monotonic()
            connection.close()
            assert time.monotonic() - begin < 5, "a handshake that nobody answers is given up after 20 s"


def test_a_silent_link_is_noticed_by_the_keepalive_and_a_cut_at_once(tmp_path: Path) -> None:
    with broker(tmp_path) as running, forwarder(running.port) as line:
        where = Target(host="127.0.0.1", port=line.port, client_id="b0042", keepalive_s=1)
        heard = Heard(PahoConnection(where))
        eventually(lambda: heard.has(1))
        line.hole()
        eventually(lambda: heard.has(2))
        assert isinstance(heard.happened[1], Lost)
        assert (heard.happened[1].code, heard.happened[1].by_peer) == ("keepalive", False)
        line.up()
        heard.connection.open(None)
        eventually(lambda: heard.has(3))
        line.down()
        eventually(lambda: heard.has(4))
        assert isinstance(heard.happened[3], Lost)
        assert (heard.happened[3].code, heard.happened[3].by_peer) == ("closed", True)
        heard.connection.close()


def test_another_client_with_the_same_id_takes_the_connection_over(tmp_path: Path) -> None:
    with broker(tmp_path) as running:
        where = Target(host="127.0.0.1", port=running.port, client_id="b0042")
        one = Heard(PahoConnection(where))
        eventually(lambda: one.has(1))
        two = Heard(PahoConnection(where))
        eventually(lambda: two.has(1) and one.has(2))
        assert isinstance(one.happened[1], Lost)
        # MQTT 5 has a reason for it (0x8E), which Mosquitto 2.0 does not send
        assert one.happened[1].code in {"taken_over", "closed"}
        assert one.happened[1].by_peer
        one.connection.close()
        two.connection.close()


def test_a_message_over_the_brokers_unstated_limit_is_answered_and_the_connection_stays(tmp_path: Path) -> None:
    with broker(tmp_path, "message_size_limit 1000") as running:
        heard = Heard(PahoConnection(Target(host="127.0.0.1", port=running.port, client_id="b0042")))
        eventually(lambda: heard.has(1))
        heard.connection.publish("a", b"x" * 2000)
        heard.connection.publish("a", b"x" * 10)
        eventually(lambda: heard.has(3))
        assert [happening.reason for happening in heard.happened if isinstance(happening, PubAck)] == [0x95, 0x10]
        heard.connection.close()


def test_a_connection_that_ends_while_we_publish_is_noticed_without_waiting_for_the_keepalive(tmp_path: Path) -> None:
    with broker(tmp_path) as running:
        heard = Heard(PahoConnection(Target(host="127.0.0.1", port=running.port, client_id="b0042")))
        eventually(lambda: heard.has(1))
        running.stop()
        for _ in range(50):
            if not heard.connection.publish("a", b"x" * 1000):
                break
        assert heard.connection.is_writing(), "poll has something to tell"
        assert heard.has(2)
        assert isinstance(heard.happened[1], Lost)
        heard.connection.close()
