"""`vigie sms decode`: a message by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.upstream.gateway_orders import ask
from sms import forms
from sms.wire import Type
from tests.gateway_rig import Server, counter_of


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.close()


def test_a_message_has_its_head_always_and_its_body_with_the_key(
    server: Server, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    box = server.box("b0117")
    report = box.report(4, full=True, is_first=True)
    server.bring(box, report)
    server.step()
    assert main(["sms", "decode", report.hex()]) == 1
    text = capsys.readouterr().out
    assert text.startswith(f"report, box 1, message 2, version 1\nschema {box.schema.id}, prior 0, Rice coder\n")
    assert "4 × 3600 from 2026-11-20T08:00:00Z" in text
    assert "not read: its body is sealed" in text
    file = tmp_path / "m.bin"
    file.write_bytes(report)
    for _ in range(2):  # it was taken already, and reading it changes nothing
        assert main(["sms", "decode", str(file), "--db", str(server.path)]) == 0
        text = capsys.readouterr().out
        assert "box 1 (b0117)" in text
        assert "elec index [Wh]  70100  70201  70303  70406\n" in text
        assert "t.cellar mean [Cel]  12  12.1  12.2  12.3\n" in text
        assert all(len(line) <= 80 for line in text.splitlines())
    later = box.report(1)
    assert main(["sms", "decode", later.hex(), "--db", str(server.path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["columns"][0]["modulo"] == 65536
    assert found["columns"][0]["values"] == [(70406 + 104) % 65536]


def test_a_message_of_140_octets_is_read_from_its_digits_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sms", "decode", "11" * 140]) == 1  # longer than any file's name
    assert capsys.readouterr().out.startswith("report, box 4369, message 1118481, version 1\n")


def test_events_an_answer_and_hello_are_read_too(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    box = server.box("b0117")
    event = forms.Event(-30, "alarm_begin", "boiler.flow", 92.5, "Cel", {"id": 7})
    for octets, said in (
        (box.events(event), '"kind": "alarm_begin", "point": "boiler.flow", "v": 92.5'),
        (box.schema_messages()[0], '"of": 1'),
        (box.session.seal(Type.REPLY, forms.body(forms.Answer(3, True, "fait"))), '"text": "fait"'),
    ):
        assert main(["sms", "decode", octets.hex(" "), "--db", str(server.path)]) == 0
        assert said in capsys.readouterr().out.replace("\n    ", " ")


def test_what_the_gateway_sent_is_read_too_and_what_it_could_not_read(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    box = server.box("b0117")
    ask(server.gateway.store, "b0117", "relay", {"output": "pump", "to": "on"}, int(server.utc_s), 3600)
    lost = box.report(full=True, is_first=True)
    server.bring(box, box.report(full=True), box.events(is_test=True))
    server.run(60, 2)
    server.run(3600, 600)
    said = []
    for message in server.mailboxes["a"].left:
        assert main(["sms", "decode", message.octets.hex(), "--db", str(server.path), "--json"]) == 0
        said.append(json.loads(capsys.readouterr().out)["form"])
    assert said[0] == {"welcome": 1, "least_counter": 0}
    assert [(form["verb"], form["args"]) for form in said if "verb" in form] == [
        ("relay", {"output": "pump", "to": "on"})
    ]
    acks = [form for form in said if "settled" in form]
    assert {"settled": 1, "missing": [str(counter_of(lost))]}.items() <= acks[-1].items()
    server.bring(box, box.session.seal(Type.ACK, b"\0\0\0\0"))
    server.step()
    ((raw,),) = server.gateway.store.db.execute("SELECT octets FROM raw").fetchall()
    assert main(["sms", "decode", raw.hex(), "--db", str(server.path)]) == 0
    assert '"settled": 0' in capsys.readouterr().out


def test_what_is_no_message_or_has_no_key_is_said(
    server: Server, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    box = server.box("b0117")
    for text, code, why in (
        ("z!", 2, "neither hexadecimal nor base64"), ("", 2, "0 octets are no message"), ("ff" * 30, 2, "version 15"),
        ("1f" + "00" * 29, 2, "type 15"), ((b"\x11\x00\x09" + bytes(37)).hex(), 1, "box number 9 is not known"),
        (box.report(2)[:-1].hex() + "00", 1, "tag is wrong"),
    ):  # fmt: skip
        assert main(["sms", "decode", text, "--db", str(server.path)]) == code, text
        found = capsys.readouterr()
        assert why in found.out + found.err
    assert main(["sms", "decode", "10" * 30, "--db", str(tmp_path / "none")]) == 2
