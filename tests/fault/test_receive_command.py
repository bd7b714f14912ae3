"""`vigie receive` as a user starts it: what it says, how it ends, what it refuses."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.fault.harness import Command, receive_command, rig
from tests.mqtt_broker import broker, free_port, program
from tests.mqtt_certificates import Authority
from tests.support import eventually


def test_lines_for_people_while_a_box_is_stored(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        consumer = receive_command(tmp_path, made.broker.port).start()
        try:
            made.turn(lambda: "SUBSCRIBE" in made.broker.log())
            made.bench.write(12_345)
            made.settle()
            made.turn(lambda: "12\u202f345" in consumer.output(), 8, "the line of the box")
        finally:
            consumer.end()
        line = next(line for line in consumer.output().splitlines() if "12\u202f345" in line)
        assert line.startswith("b0042 Gymnase Sud   2 points   stream 9f3c21aa   stored 12\u202f345   ")
        assert line.endswith(" behind")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_with_or_without_a_broker(tmp_path: Path, how: int) -> None:
    consumer = receive_command(tmp_path, free_port()).start()
    eventually(lambda: "no broker listens" in consumer.output(), 10)
    began = time.monotonic()
    assert consumer.end(how) == 0
    assert time.monotonic() - began < 8, "it waits for nothing: a slow machine may take some seconds"
    assert "Traceback" not in consumer.output()
    assert consumer.output().count("no broker listens") == 1, "said once, not at each try"


def test_what_it_cannot_use_is_named_with_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database\n" * 500)
    for words, said in (
        (("--broker", "mqtt://localhost", "--db", "a.db"), "without mqtt://"),
        (("--broker", "localhost", "--db", "text.db"), "text.db: can't be used as a database"),
        (("--broker", "localhost", "--db", "no/such/folder/a.db"), "No such file or directory"),
        (("--broker", "localhost", "--db", "a.db", "--box", "B_42"), "--box B_42: a box's id is"),
        (("--broker", "localhost"), "--db"),
    ):
        wrong = Command(tmp_path, "wrong", "receive", *words).start()
        eventually(lambda wrong=wrong: not wrong.is_running(), 10)  # type: ignore[misc]
        assert wrong.end() == 2
        assert said in wrong.output()
        assert "Traceback" not in wrong.output()


def test_two_on_one_file_are_one_too_many(tmp_path: Path) -> None:
    port = free_port()
    first = receive_command(tmp_path, port).start()
    try:
        eventually(lambda: "no broker listens" in first.output(), 10)
        second = Command(tmp_path, "second", "receive", "--broker", f"127.0.0.1:{port}", "--db", "site.db").start()
        eventually(lambda: not second.is_running(), 10)
        assert second.end() == 2
        assert "another vigie receive is using it" in second.output()
    finally:
        first.end()


def test_with_tls_and_a_password(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    cert, key = authority.issue("broker")
    passwords, mine = tmp_path / "passwords", tmp_path / "password"
    mine.write_text("secret\n")
    subprocess.run(
        [program("mosquitto_passwd", "mosquitto"), "-b", "-c", str(passwords), "receive", "secret"],
        check=True,
        timeout=20,
    )
    passwords.chmod(0o600)
    lines = [f"cafile {authority.cert}", f"certfile {cert}", f"keyfile {key}", "allow_anonymous false"]
    with broker(tmp_path, *lines, f"password_file {passwords}") as running:
        more = ("--ca", str(authority.cert), "--user", "receive", "--password-file", str(mine))
        consumer = receive_command(tmp_path, running.port, "site.db", *more).start()
        try:
            eventually(lambda: "vigie/v1/+/up/m" in running.log(), 10)
        finally:
            assert consumer.end() == 0
