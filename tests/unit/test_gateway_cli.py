"""`vigie gateway`: what the operator sees and does, in both languages, within 80 columns."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stdout, suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.cli import gateway_boxes
from edge.cli.cells import cells
from edge.cli.gateway_acts import check, order_of
from edge.cli.gateway_run import _print
from edge.cli.main import main
from edge.cli.words import Words, own_words
from edge.upstream.gateway import Gateway
from edge.upstream.gateway_admin import accept, backup, restore
from edge.upstream.gateway_fleet import fleet
from edge.upstream.gateway_jsonl import JsonLines, message_of
from edge.upstream.gateway_orders import ask
from edge.upstream.gateway_store import GatewayStore, StoreError
from edge.upstream.ledger import Ledger
from sms import forms
from sms.mailbox import Outcome, Received
from sms.memory_mailbox import MemoryMailbox
from tests.gateway_rig import NOW_S, Server, TextingBox
from tests.support import ROOT

PARIS = ZoneInfo("Europe/Paris")
Said = Callable[..., tuple[int, str]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.close()


@pytest.fixture
def said(server: Server, capsys: pytest.CaptureFixture[str]) -> Said:
    def call(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(["gateway", *words, "--state", str(server.path)])
        found = capsys.readouterr()
        return code, (found.out + found.err).strip()

    return call


def test_the_table_shows_who_is_silent_who_has_an_alarm_and_who_asks(server: Server) -> None:
    with server.gateway.store as store:
        store.keep("price", 0.06)
        store.keep("budget", 150)
    sud = server.box("b0042", "+33600000042")
    pool = server.box("b0043", "+33600000043")
    server.bring(pool, pool.report(12, full=True, is_first=True))
    server.step()
    server.run(72_000, 3600)
    server.bring(sud, sud.report(12, full=True, is_first=True))
    begin = forms.Event(0, "alarm_begin", "boiler.flow", 92.5, "Cel", {"id": 7})
    server.bring(sud, sud.events(begin))
    new = TextingBox("b0117", server.gateway.sessions.identity.public, "+33600000117")
    server.bring(new, new.hello())
    server.step()
    with server.gateway.store as store:
        box = store.box("b0042")
        assert box is not None
        box.site = "Gymnase Sud"
        store.update(box)
    found = fleet(server.gateway.store, int(server.utc_s))
    lines = gateway_boxes.lines(found, Words("en"), PARIS)
    assert lines[0].split() == ["box", "site", "number", "last", "sms/month", "cost", "signal", "state"]
    assert re.match(r"b0042  Gymnase Sud  \+33600000042  \d\d:\d\d +\d+/150  0\.\d\d  -       1 alarm$", lines[1])
    assert re.match(r"b0043 +\+33600000043  20 h ago +\d+/150  0\.\d\d  -       SILENT$", lines[2])
    assert re.match(r"b0117  \(new\) +\+33600000117  \d\d:\d\d +- +- +-       enrol\?$", lines[3])
    assert lines[4] == f"  b0117 asks to join; its label must read {new.own.fingerprint}:  vigie gateway accept b0117"
    assert lines[5] == "3 boxes: 1 silent, 1 alarm, 1 new."
    assert re.match(r"2026-11: \d+ SMS sent by boxes, \d+ by us, 0\.\d\d EUR\.$", lines[6])
    french = gateway_boxes.lines(found, Words("fr"), PARIS)
    assert "MUET" in french[2]
    assert max(map(cells, lines + french)) <= 80


def test_no_box_and_no_file_say_what_to_do(server: Server, said: Said, tmp_path: Path) -> None:
    assert said("boxes") == (0, "No box has asked to join yet: give them the key of `vigie gateway key`.")
    server.path = tmp_path / "nowhere.db"
    code, text = said("boxes")
    assert (code, "no such file" in text) == (2, True)


def test_the_key_is_what_the_settings_take_and_stays(said: Said, server: Server) -> None:
    code, text = said("key")
    assert code == 0
    assert f'gateway_key = "{server.gateway.sessions.identity.text}"' in text
    assert said("key") == (code, text)


def test_a_box_is_accepted_by_name_and_forgotten_by_name(server: Server, said: Said) -> None:
    box = server.boxes["b0117"] = TextingBox("b0117", server.gateway.sessions.identity.public)
    assert said("accept", "b0117")[0] == 2, "it did not ask"
    server.bring(box, box.hello())
    server.step()
    code, text = said("accept", "b0117", "--site", "Piscine")
    assert (code, text) == (0, f"b0117 ({box.own.fingerprint}) is accepted; it is told by one SMS.")
    server.step()
    server.step()
    assert not box.session.needs_hello
    assert "already" in said("accept", "b0117")[1]
    assert said("revoke", "b0117")[0] == 0
    server.bring(box, *box.schema_messages())
    server.step()
    assert "not known here" in server.journal("refused")[-1]
    assert said("revoke", "b0117")[0] == 2


def test_an_order_reaches_its_box_and_its_answer_is_told_and_published(server: Server, said: Said) -> None:
    box = server.box("b0117")
    code, text = said("order", "b0117", "set", "target=boiler.setpoint", "value=21.5")
    assert (code, text) == (0, "1 order waits for the gateway to send it.")
    server.step()
    server.step()
    server.step()
    (order,) = [form for form in box.told if isinstance(form, forms.Order)]
    assert (order.verb, dict(order.args)) == ("set", {"target": "boiler.setpoint", "value": 21.5})
    assert order.expires_utc_s > server.utc_s
    (row,) = server.gateway.store.db.execute("SELECT fate, text FROM asked").fetchall()
    assert row == ("done", "set is done")
    assert server.events("b0117")[-1][0] == "sms_answer"


def test_an_order_that_makes_no_sense_or_is_for_nobody_is_refused(server: Server, said: Said) -> None:
    server.box("b0117")
    for words, reason in (
        (("b0666", "status"), "no accepted box"), (("b0117",), "a verb is expected"),
        (("b0117", "set", "21"), "k=v"),
        (("b0117", "maintenance", "equipment=b", "do=start", "reason=" + "".join(map(chr, range(48, 248)))), "shorter"),
        # each would cost two messages, and be refused
        (("b0117", "status"), "no box knows this order"), (("--all", "--yes", "tarif"), "tariff there is"),
        (("b0117", "set", "setpoint=heating", "value=19"), "no setpoint here; known: default, target, value"),
        (("b0117", "relay", "output=pump"), "to is missing"),
        (("b0117", "tariff", "id=grid", "valid_from=2027-01-01", 'prices={"base": 0.21}'), "prices is not right"),
    ):  # fmt: skip
        code, text = said("order", *words)
        assert code == 2
        assert reason in text, words
    (count,) = server.gateway.store.db.execute("SELECT count(*) FROM asked").fetchone()
    assert count == 0


def test_the_orders_of_the_page_are_ones_that_a_box_takes() -> None:
    page = (ROOT / "docs/gateway.md").read_text(encoding="utf-8")
    lines = re.findall(r"^vigie gateway order (.+)$", page, re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        words = [word for word in shlex.split(line) if not word.startswith("-") and not word.isdecimal()]
        verb, args = order_of(words if "--all" in line else words[1:])
        check(verb, args, own_words())


def test_an_order_for_all_says_its_price_and_asks_first(server: Server) -> None:
    command = (sys.executable, "-m", "edge.cli.main", "gateway", "order", "reload", "--all", "--state")
    for place in range(3):
        server.box(f"b{place}", f"+3360000000{place}")
    with server.gateway.store as store:
        store.keep("price", 0.06)
    for answer, code in (("n\n", 1), ("", 1), ("y\n", 0)):
        done = subprocess.run(
            [*command, str(server.path)],
            cwd=ROOT,
            input=answer,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == code, done.stderr
        assert "3 boxes, an SMS to each and an answer from each: 6 SMS, 0.36 EUR." in done.stdout
    (count,) = server.gateway.store.db.execute("SELECT count(*) FROM asked").fetchone()
    assert count == 3


def test_an_order_that_nobody_answers_expires(server: Server) -> None:
    box = server.box("b0117")
    with closing(GatewayStore(server.path)) as other:
        ask(other, "b0117", "relay", {"output": "pump", "state": "on"}, int(server.utc_s), 3600)
    del server.boxes["b0117"]
    server.run(4000, 500)
    (row,) = server.gateway.store.db.execute("SELECT fate FROM asked").fetchall()
    assert row == ("expired",)
    assert box.told == [] or not any(isinstance(form, forms.Order) for form in box.told)


def test_restored_from_last_nights_backup_nobody_pairs_again_and_nothing_is_lost_or_replayed(
    server: Server, tmp_path: Path
) -> None:
    box = server.box("b0117")
    server.bring(box, box.report(full=True, is_first=True))
    server.step()
    backup(server.gateway.store, tmp_path / "night.db")
    assert (tmp_path / "night.db").stat().st_mode & 0o777 == 0o600
    recorded = [box.report(), box.report()]
    server.bring(box, *recorded)  # of today: stored, and not acknowledged yet
    server.step()
    box_down = server.boxes.pop("b0117")
    server.close()
    for name in ("gateway.db", "gateway.db-wal", "gateway.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    with pytest.raises(StoreError, match="no such file"):
        restore(tmp_path / "none.db", server.path)
    assert restore(tmp_path / "night.db", server.path) == 1
    with pytest.raises(StoreError, match="is there already"):
        restore(tmp_path / "night.db", server.path)
    server.open()
    before = server.rows("b0117")
    server.bring(box, *recorded)  # somebody plays them again
    server.step()
    assert server.rows("b0117") == before
    server.boxes["b0117"] = box_down
    roll = server.mailboxes["a"].left[-1].octets
    server.bring(box, *box.hear(roll))
    server.step()
    late = box.report()
    server.bring(box, late)
    server.run(3600, 60)
    assert not box.session.needs_hello
    assert not any(one.missing for one in box.acks()), (
        "what somebody played again was let in, once, and nothing is missing"
    )
    rows = server.consumer.ledger._db.execute(
        "SELECT r.t_ms / 1000, p.point, r.value, r.increment FROM record r JOIN point p ON p.id = r.point"
    ).fetchall()
    assert set(rows) == box.account


def test_what_is_no_backup_is_not_restored_and_no_backup_takes_the_place_of_what_it_is_made_of(
    server: Server, said: Said, tmp_path: Path
) -> None:
    server.box("b0117")
    night, empty, junk, cut, half, new = (tmp_path / name for name in ("night", "empty", "junk", "cut", "half", "new"))
    backup(server.gateway.store, night)
    empty.touch()
    junk.write_bytes(b"no database at all")
    cut.write_bytes(night.read_bytes()[:60_000])
    with closing(sqlite3.connect(half)) as db:  # it fails where it is nearly done
        db.executescript("CREATE TABLE setting (key, value); INSERT INTO setting VALUES ('identity', '{}')")
        db.execute("PRAGMA user_version = 1")
    for source, why in (
        (empty, "is no backup"), (junk, "is no backup"), (tmp_path / "site.db", "is no backup"),
        (cut, "is no backup"), (half, "can't be restored"),
    ):  # fmt: skip
        before = source.read_bytes()
        with pytest.raises(StoreError, match=f"{source.name}: {why}"):
            restore(source, new)
        assert source.read_bytes() == before
        assert not new.exists(), "a gateway that starts now must not take it for its own"
    for target, why in ((server.path, "is the gateway's own file"), (tmp_path, "is no file")):
        code, text = said("backup", str(target))
        assert (code, why in text) == (2, True), text
    assert not list(tmp_path.glob("*.partial*"))
    assert restore(night, new) == 1


# -- JSON lines


def test_a_line_is_a_message_or_says_what_is_wrong() -> None:
    octets = bytes(range(16, 46))
    for text in (octets.hex(), octets.hex(" ").upper(), base64.b64encode(octets).decode()):
        assert message_of(json.dumps({"id": "1", "from": "+33600000042", "octets": text, "at": NOW_S})) == Received(
            "1", "+33600000042", "", octets, NOW_S
        )
    in_text = message_of(json.dumps({"id": "1", "from": "+33600000042", "text": base64.b64encode(octets).decode()}))
    assert isinstance(in_text, Received)
    assert in_text.octets == octets
    plain = message_of('{"id":"2","from":"+336","text":"hello","at":"2026-11-20T10:00:00+01:00"}')
    assert plain == Received("2", "+336", "hello", b"", 1_795_165_200)
    assert message_of('{"key":"g1#1","fate":"failed"}') == Outcome("g1#1", "", "failed", None, 0)
    for line in (
        r'{"id":"1","from":"+33\u001b[31m","text":"x"}',
        "", "[]", "no", '{"id":"1"}', '{"id":1,"from":"a","text":"x"}', '{"id":"1","from":"a"}',
        '{"id":"1","from":"a","octets":"!!"}', '{"id":"1","from":"a","text":"x","at":"noon"}',
        '{"id":"1","from":"a","text":"x","at":"2026-11-20T10:00:00"}', '{"fate":"eaten","key":"k"}', "[" * 5000,
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"\w"):
            message_of(line)


def test_lines_pair_report_and_are_done_only_when_they_are_stored(tmp_path: Path) -> None:
    written: list[str] = []
    lines = JsonLines(written.append, lambda: NOW_S)
    gateway = Gateway(GatewayStore(tmp_path / "g.db"), {"jsonl": lines}, lambda: NOW_S)
    box = TextingBox("b0117", gateway.sessions.identity.public)
    feed = json.dumps({"id": "m1", "from": box.number, "octets": box.hello().hex()}).encode() + b"\n"
    lines.feed(feed[:30])
    gateway.step(0.0)
    assert written == []
    lines.feed(feed[30:] + b"\xff\xfe\n" + feed)
    gateway.step(0.0)
    assert [json.loads(line) for line in written] == [{"done": "m1"}]
    assert lines.refused == 1
    lines.feed(b"x" * 10_000)
    assert lines.refused == 2
    gateway.close()


def test_what_a_provider_could_not_deliver_goes_again_and_what_it_did_does_not(tmp_path: Path) -> None:
    written: list[str] = []
    now = [float(NOW_S)]
    lines = JsonLines(written.append, lambda: now[0])
    gateway = Gateway(GatewayStore(tmp_path / "g.db"), {"jsonl": lines}, lambda: now[0])
    box = TextingBox("b0117", gateway.sessions.identity.public)

    def told(**said: str) -> list[str]:
        """Let a line come, and half an hour pass; return the names of all that was sent so far."""
        lines.feed(json.dumps(said).encode() + b"\n")
        for _ in range(180):
            now[0] += 10.0
            gateway.step(now[0])
        return [said["send"] for said in map(json.loads, written) if "send" in said]

    told(id="m1", **{"from": box.number}, octets=box.hello().hex())
    with closing(GatewayStore(tmp_path / "g.db")) as other:
        accept(other, "b0117", int(now[0]))
    (first,) = told(key="nobody's", fate="failed")
    assert told(key=first, fate="sent") == [first]
    second = told(key=first, fate="failed")[1:]
    assert second == [f"{first[:-1]}2"]
    for fate in ("failed", "delivered"):  # of the first once more; of the second, that it came
        assert told(key=first if fate == "failed" else second[0], fate=fate) == [first, *second]
    gateway.close()


@pytest.mark.parametrize(
    "line",
    [
        r'{"id":"m1","from":"+33600000042","text":"half an emoji \ud83d"}',
        r'{"id":"m1\ud83d","from":"+336\ud83d","text":"x"}',
        r'{"key":"g1-1-1-0#99999999999999999999","fate":"failed"}',
        r'{"key":"g1-1-1-0#\u0661","fate":"failed"}',
        r'{"key":"\ud83d#1","fate":"failed"}',
        '{"key":"g1#' + "9" * 5000 + '","fate":"failed"}',
        '{"id":"m1","from":"+33600000042","octets":"' + "10" * 40_000 + '"}',
    ],
)  # fmt: skip
def test_no_line_stops_the_gateway_and_each_message_is_done_with(tmp_path: Path, line: str) -> None:
    written: list[str] = []
    lines = JsonLines(written.append, lambda: NOW_S)
    gateway = Gateway(GatewayStore(tmp_path / "g.db"), {"jsonl": lines}, lambda: NOW_S)
    lines.feed(line.encode() + b"\n")
    gateway.step(0.0)
    gateway.step(1.0)
    id_ = json.loads(line).get("id")
    assert [json.loads(line) for line in written] == ([{"done": id_}] if id_ else [])
    (kept,) = gateway.store.db.execute("SELECT count(*) FROM raw").fetchone()
    assert kept == (1 if id_ else 0)
    (faults,) = gateway.store.db.execute("SELECT count(*) FROM journal WHERE kind = 'fault'").fetchone()
    assert faults == 0
    gateway.close()


def test_the_command_takes_lines_from_a_pipe_and_stores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state, db = tmp_path / "g.db", tmp_path / "site.db"
    with closing(GatewayStore(state)) as store:
        box = TextingBox(
            "b0117", Gateway(store, {"a": MemoryMailbox(lambda: NOW_S)}, lambda: NOW_S).sessions.identity.public
        )
    read, write = os.pipe()
    os.write(write, json.dumps({"id": "m1", "from": box.number, "octets": box.hello().hex()}).encode() + b"\n")
    os.close(write)
    stdin = os.dup(0)
    os.dup2(read, 0)
    try:
        code = main(["gateway", "--state", str(state), "--in", "jsonl", "--out", "jsonl", "--db", str(db)])
    finally:
        os.dup2(stdin, 0)
        os.close(stdin)
        os.close(read)
    assert code == 0
    assert json.loads(capsys.readouterr().out) == {"done": "m1"}
    with closing(GatewayStore(state)) as store:
        assert [one.id for one in store.boxes()] == ["b0117"]
    Ledger(db).close()


def test_a_gateway_without_a_source_or_a_goal_says_what_is_missing(tmp_path: Path) -> None:
    for words in ([], ["--in", "jsonl"], ["--smsd", str(tmp_path / "none.db"), "--db", str(tmp_path / "x.db")]):
        assert main(["gateway", "--state", str(tmp_path / "g.db"), *words]) == 2


def test_a_price_a_budget_or_a_currency_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, db = str(tmp_path / "g.db"), str(tmp_path / "x.db")
    for words in (
        ("--price", "nan"),
        ("--price", "-1"),
        ("--budget", "0"),
        ("--budget", "-3"),
        ("--currency", "euro;"),
    ):
        assert main(["gateway", "--state", state, "--in", "jsonl", "--db", db, *words]) == 2, words
        assert capsys.readouterr().err.startswith(words[0])


def test_a_gateway_whose_reader_has_gone_says_so_and_fails() -> None:
    read, write = os.pipe()
    os.close(read)
    gone = os.fdopen(write, "w")
    with redirect_stdout(gone), pytest.raises(StoreError, match="nobody reads standard output"):
        _print('{"done": "m1"}')
    with suppress(BrokenPipeError):
        gone.close()


def test_the_two_files_of_a_server_are_told_apart(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    state, db = str(server.path), str(server.db)
    for words in (
        ("gateway", "boxes", "--state", db), ("gateway", "--state", db, "--in", "jsonl", "--db", state),
        ("gateway", "--state", state, "--in", "jsonl", "--db", state), ("sms", "decode", "10" * 30, "--db", db),
    ):  # fmt: skip
        assert main(list(words)) == 2, words
        assert "is another file of vigie's" in capsys.readouterr().err
