"""The mailbox on gammu-smsd's database: at most once by key, nothing lost, every fault of the file said."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms.gsm7 import ALPHABET
from sms.mailbox import URGENT, MailboxError, Outgoing
from sms.smsd import Smsd
from sms.smsd_inbox import PATIENCE_S, Row, messages, rows_of
from sms.smsd_log import unreadable
from sms.smsd_making import made
from sms.smsd_outbox import validity
from tests.smsd_rig import UTC_S, Daemon, needs_schema

pytestmark = needs_schema()
NUMBER = "+33600000002"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path)
    yield made
    made.mailbox.close()


def text(key: str = "a1", words: str = "ALARME caldarium", **rest: object) -> Outgoing:
    return Outgoing(key, NUMBER, text=words, **rest)  # type: ignore[arg-type]


def everything(mailbox: Smsd) -> None:
    mailbox.enqueue(text("a2"))
    mailbox.health()
    mailbox.received()
    mailbox.outcomes()


# -- handed over


def test_a_text_stands_in_the_outbox_with_stamps_that_no_time_zone_holds_back(daemon: Daemon) -> None:
    daemon.mailbox.enqueue(text(valid_s=3600, priority=7, wants_report=True))
    row = daemon.sql(
        "SELECT CreatorID, DestinationNumber, Coding, Text, UDH, TextDecoded, Class, MultiPart, RelativeValidity,"
        " DeliveryReport, Priority, SendingDateTime < datetime('now', '-14 hours'), SendingTimeOut = SendingDateTime"
        " FROM outbox"
    )
    assert row == [
        ("a1", NUMBER, "Default_No_Compression", None, None, "ALARME caldarium", -1, "false", 11, "yes", 7, 1, 1)
    ]


def test_octets_go_as_8_bit_without_a_header(daemon: Daemon) -> None:
    daemon.mailbox.enqueue(Outgoing("b1", NUMBER, octets=bytes(range(140))))
    assert daemon.sql("SELECT Coding, Text, UDH, TextDecoded, RelativeValidity FROM outbox") == [
        ("8bit", bytes(range(140)).hex().upper(), None, "", 168)
    ]


def test_a_key_handed_over_twice_goes_once_wherever_its_message_stands(daemon: Daemon) -> None:
    again = Smsd(daemon.path)
    daemon.mailbox.enqueue(text())
    again.enqueue(text())  # as after a restart
    assert daemon.sql("SELECT count(*) FROM outbox") == [(1,)]
    daemon.sends(1)
    again.enqueue(text())
    again.noted(again.outcomes())
    again.enqueue(text())
    assert daemon.sql("SELECT count(*) FROM outbox") == [(0,)]
    again.enqueue(text("a2"))
    assert daemon.sql("SELECT ID, CreatorID FROM outbox") == [(2, "a2")]
    again.close()


def test_a_power_cut_between_the_two_rows_leaves_neither(daemon: Daemon) -> None:
    daemon.sql(
        "CREATE TRIGGER cut BEFORE INSERT ON outbox BEGIN SELECT raise(FAIL, 'database or disk is full'); END"
    )  # the second statement of the transaction fails: the first is undone
    with pytest.raises(MailboxError, match="make room"):
        daemon.mailbox.enqueue(text())
    daemon.sql("DROP TRIGGER cut")
    daemon.mailbox.enqueue(text())
    assert daemon.sql("SELECT count(*) FROM outbox") == [(1,)]


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (Outgoing("", NUMBER, text="x"), "1 to 60"),
        (Outgoing("k" * 61, NUMBER, text="x"), "1 to 60"),
        (Outgoing("k", "", text="x"), "number"),
        (Outgoing("k", NUMBER), "not empty"),
        (Outgoing("k", NUMBER, text="x", octets=b"x"), "one of them"),
        (Outgoing("k", NUMBER, octets=b"x" * 141), "140"),
        (Outgoing("k", NUMBER, text="x" * 161), "160"),
        (Outgoing("k", NUMBER, text="12 €"), "€"),
        (Outgoing("k", NUMBER, text="a[b"), r"\["),
        (Outgoing("k", NUMBER, text="a\x1bb"), "x1b"),
    ],
)
def test_what_is_no_single_message_is_refused(daemon: Daemon, message: Outgoing, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        daemon.mailbox.enqueue(message)
    assert daemon.sql("SELECT count(*) FROM outbox") == [(0,)]


@given(st.integers(300, 63 * 7 * 86_400 + 10))
@settings(max_examples=60, deadline=None)
def test_a_message_is_never_kept_longer_than_asked(valid_s: int) -> None:
    code = validity(valid_s)
    if code < 144:
        kept_s = (code + 1) * 300
    elif code < 168:
        kept_s = 12 * 3600 + (code - 143) * 1800
    else:
        kept_s = (code - 166) * 86_400 if code < 197 else (code - 192) * 7 * 86_400
    assert 0 <= code <= 255
    assert kept_s <= max(valid_s, 300)
    assert kept_s >= min(valid_s / 2, 63 * 7 * 86_400)


# -- taken back


def test_what_the_daemon_has_not_touched_is_taken_back(daemon: Daemon) -> None:
    daemon.mailbox.enqueue(text())
    assert daemon.mailbox.cancel("a1")
    assert not daemon.mailbox.cancel("a1")
    assert not daemon.mailbox.cancel("never handed over")
    assert daemon.sql("SELECT count(*) FROM outbox") == [(0,)]
    assert daemon.mailbox.outcomes() == []


def test_what_the_daemon_tried_once_is_not_taken_back(daemon: Daemon) -> None:
    daemon.mailbox.enqueue(text())
    daemon.sql("UPDATE outbox SET SendingTimeOut = datetime('now', '+60 seconds')")
    assert not daemon.mailbox.cancel("a1")
    assert daemon.sql("SELECT count(*) FROM outbox") == [(1,)]


# -- what became of it


def test_each_fate_is_told_once_and_its_text_is_gone_from_the_card_when_noted(daemon: Daemon) -> None:
    for index, (status, code) in enumerate(
        [("SendingOKNoReport", -1), ("SendingError", 38), ("SendingOK", -1), ("Error", -1)], 1
    ):
        daemon.mailbox.enqueue(text(f"k{index}", wants_report=status == "SendingOK"))
        daemon.sends(index, status, code)
    daemon.mailbox.enqueue(text("waits"))
    found = daemon.mailbox.outcomes()
    assert [(outcome.key, outcome.fate, outcome.code) for outcome in found] == [
        ("k1", "sent", None), ("k2", "failed", 38), ("k3", "sent", None), ("k4", "failed", None),
    ]  # fmt: skip
    assert found[0].at_utc_s == datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()
    assert daemon.mailbox.outcomes() == found  # not noted yet: a power cut tells it again
    daemon.mailbox.noted(found)
    assert daemon.mailbox.outcomes() == []
    assert daemon.sql("SELECT CreatorID FROM sentitems") == [("k3",)]  # a phone may still confirm it


@pytest.mark.parametrize("wants_report", [False, True])
def test_what_a_killed_daemon_sent_and_left_in_the_outbox_is_not_sent_again(daemon: Daemon, wants_report: bool) -> None:
    daemon.mailbox.enqueue(text(wants_report=wants_report))
    daemon.mailbox.enqueue(text("a2"))
    daemon.mailbox.enqueue(text("a3"))
    daemon.sends(1, "SendingOK", is_killed_between=True)
    daemon.sends(2, "SendingError", 38, is_killed_between=True)
    daemon.mailbox.noted(daemon.mailbox.outcomes())
    assert daemon.sql("SELECT CreatorID FROM outbox") == [("a2",), ("a3",)]  # what failed may still be tried


def test_a_phone_s_receipt_comes_as_a_second_fate(daemon: Daemon) -> None:
    daemon.mailbox.enqueue(text(wants_report=True))
    daemon.sends(1, "SendingOK")
    daemon.mailbox.noted(daemon.mailbox.outcomes())
    daemon.sql(
        "UPDATE sentitems SET Status = 'DeliveryFailed', StatusError = 65, DeliveryDateTime = '2026-11-20 10:05:00'"
    )
    (outcome,) = daemon.mailbox.outcomes()
    assert (outcome.fate, outcome.code) == ("failed", 65)
    assert outcome.at_utc_s == datetime(2026, 11, 20, 10, 5, tzinfo=UTC).timestamp()
    daemon.mailbox.noted([outcome])
    assert daemon.mailbox.outcomes() == []
    assert daemon.sql("SELECT count(*) FROM sentitems") == [(0,)]


def test_a_receipt_between_asking_and_noting_is_not_lost(daemon: Daemon) -> None:
    daemon.mailbox.enqueue(text(wants_report=True))
    daemon.sends(1, "SendingOK")
    found = daemon.mailbox.outcomes()
    daemon.sql("UPDATE sentitems SET Status = 'DeliveryOK', StatusError = 0")
    daemon.mailbox.noted(found)
    assert [(outcome.fate, outcome.code) for outcome in daemon.mailbox.outcomes()] == [("delivered", 0)]


def test_a_receipt_that_never_comes_is_not_waited_for_for_ever(daemon: Daemon) -> None:
    daemon.mailbox.enqueue(text(wants_report=True))
    daemon.sends(1, "SendingOK")
    daemon.mailbox.noted(daemon.mailbox.outcomes())
    daemon.clock.advance(9 * 86_400)
    daemon.mailbox.noted([])
    assert daemon.sql("SELECT settled FROM vigie_message") == [(1,)]
    assert daemon.sql("SELECT count(*) FROM sentitems") == [(0,)]


def test_a_row_that_somebody_deleted_counts_as_failed(daemon: Daemon) -> None:
    daemon.mailbox.enqueue(text())
    daemon.sql("DELETE FROM outbox")
    (outcome,) = daemon.mailbox.outcomes()
    assert (outcome.fate, outcome.code, outcome.at_utc_s) == ("failed", None, UTC_S)


def test_what_another_program_sent_is_none_of_ours(daemon: Daemon) -> None:
    daemon.sql("INSERT INTO outbox (CreatorID, DestinationNumber, TextDecoded) VALUES ('Gammu', '+33600000003', 'hi')")
    daemon.sends(1)
    assert daemon.mailbox.outcomes() == []
    daemon.mailbox.noted([])
    assert daemon.sql("SELECT CreatorID FROM sentitems") == [("Gammu",)]


def test_the_keys_that_are_kept_are_bounded(daemon: Daemon) -> None:
    daemon.mailbox.enqueue(text("old"))
    daemon.sends(1)
    daemon.sql("INSERT INTO outbox (ID, CreatorID) VALUES (6000, 'x')")
    daemon.mailbox.enqueue(text("new"))
    daemon.mailbox.noted(daemon.mailbox.outcomes())
    assert daemon.sql("SELECT key FROM vigie_message") == [("new",)]


# -- what came in


def test_what_came_in_stays_until_it_is_dealt_with(daemon: Daemon) -> None:
    daemon.receives("ETAT")
    daemon.receives(octets=b"\x11\x00\xff", number="Free Info", udh="0605040FED0FED")
    first, second = daemon.mailbox.received()
    assert (first.number, first.text, first.octets) == ("+33600000001", "ETAT", b"")
    assert (second.number, second.text, second.octets) == ("Free Info", "", b"\x11\x00\xff")
    assert daemon.mailbox.received() == [first, second]
    daemon.mailbox.done([first.id, "99/0"])
    assert daemon.mailbox.received() == [second]
    daemon.mailbox.done([second.id])
    assert daemon.mailbox.received() == []
    assert daemon.mailbox.received(0) == []


def test_a_long_text_waits_for_its_parts_in_any_order(daemon: Daemon) -> None:
    daemon.receives("tres bien", udh="050003420302")
    daemon.receives("OK 4F7K ", udh="050003420301")
    daemon.receives("ETAT")
    assert [message.text for message in daemon.mailbox.received()] == ["ETAT"]
    daemon.receives(" merci", udh="050003420303")
    long, short = daemon.mailbox.received()
    assert (long.text, rows_of(long.id), short.text) == ("OK 4F7K tres bien merci", [1, 2, 4], "ETAT")
    daemon.mailbox.done([long.id])
    assert [message.text for message in daemon.mailbox.received()] == ["ETAT"]


def test_a_long_text_that_stays_incomplete_is_taken_as_it_is(daemon: Daemon) -> None:
    daemon.receives("merci", udh="0608040001 0202".replace(" ", ""))
    assert daemon.mailbox.received() == []
    daemon.clock.advance(PATIENCE_S + 60)
    assert [message.text for message in daemon.mailbox.received()] == ["merci"]


def row(number: int, words: str, udh: str = "", stored: str = "2026-11-20 09:13:20") -> Row:
    return Row(
        number, "+33600000001", "Default_No_Compression", udh, words.encode("utf-16-be").hex(), words, stored, stored
    )


def test_a_part_that_came_twice_is_read_once_and_a_reference_used_again_is_another_text() -> None:
    twice = [row(1, "a", "050003420201"), row(2, "a", "050003420201"), row(3, "b", "050003420202")]
    assert [(rows_of(message.id), message.text) for message in messages(twice, UTC_S)] == [([1, 2, 3], "ab")]
    again = [*twice, row(4, "c", "050003420201"), row(5, "d", "050003420202")]
    found = [(rows_of(message.id), message.text) for message in messages(again, UTC_S)]
    assert found == [([1, 2, 3], "ab"), ([4, 5], "cd")]


def test_a_header_of_nonsense_leaves_the_text_readable() -> None:
    rows = [row(1, "a", "0500034202"), row(2, "b", "050003420009"), row(3, "c", "zz"), row(4, "d", "05000342FF00")]
    assert [message.text for message in messages(rows, UTC_S)] == ["a", "b", "c", "d"]


def test_what_follows_a_nul_is_left_from_an_earlier_message_and_not_read() -> None:
    assert [message.text for message in messages([row(1, "€{}\0éé")], UTC_S)] == ["€{}"]


def test_a_stamp_that_no_network_sends_is_none_and_not_zero() -> None:
    odd = Row(1, "+33600000001", "Default_No_Compression", "", "0041", "A", "0000-00-00 00:00:00", "")
    assert [message.stamp_utc_s for message in messages([odd], UTC_S)] == [None]


def test_columns_that_are_no_hexadecimal_are_read_as_far_as_they_go() -> None:
    odd = [
        Row(1, "x", "Default_No_Compression", "", "not hex", "ETAT", "", ""),
        Row(2, "x", "8bit", "", "zz", "", "", ""),
        Row(3, "x", "Default_No_Compression", "", "", "", "", ""),
    ]
    assert [(message.text, message.octets) for message in messages(odd, UTC_S)] == [
        ("ETAT", b""),
        ("", b"zz"),
        ("", b""),
    ]


@given(
    st.lists(st.text(st.sampled_from(sorted(ALPHABET - {"\r"})), min_size=1, max_size=20), min_size=2, max_size=5),
    st.randoms(),
)
@settings(max_examples=40, deadline=None)
def test_a_long_text_is_whole_in_every_order_of_its_parts(parts: list[str], random) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    rows = [row(0, part, f"05000307{len(parts):02X}{which:02X}") for which, part in enumerate(parts, 1)]
    random.shuffle(rows)
    rows = [Row(index, *tuple(getattr(one, name) for name in Row.__slots__[1:])) for index, one in enumerate(rows, 1)]
    assert [message.text for message in messages(rows, UTC_S)] == ["".join(parts)]


# -- how the modem is


def test_a_modem_that_nobody_has_seen_yet_has_no_signal(daemon: Daemon) -> None:
    health = daemon.mailbox.health()
    assert (health.is_running, health.heartbeat_age_s, health.signal, health.operator) == (False, None, None, "")
    assert (health.waiting, health.oldest_waiting_s, health.urgent_waiting_s) == (0, 0, 0)


def test_the_modem_s_state_is_the_one_that_was_written_last(daemon: Daemon) -> None:
    daemon.beats("2026-11-20 08:00:00", imei="1", signal=7, name="before")
    daemon.beats()
    health = daemon.mailbox.health()
    assert (health.is_running, health.signal, health.operator) == (True, 42, "Orange F")
    assert (health.imei, health.imsi, health.sent, health.received) == ("999999999999999", "994299429942994", 6, 4)
    daemon.beats("2026-11-20 09:14:40", signal=-1, code="ERROR", name="ERROR")
    health = daemon.mailbox.health()
    assert (health.signal, health.operator) == (None, "")


def test_a_heartbeat_that_stops_grows_old(daemon: Daemon) -> None:
    daemon.beats("2026-11-20 09:13:20")
    assert daemon.mailbox.health().heartbeat_age_s == pytest.approx(10)
    daemon.clock.advance(170)
    assert daemon.mailbox.health().is_running
    daemon.clock.advance(1)
    assert not daemon.mailbox.health().is_running
    daemon.beats("2026-11-20 09:16:20")
    assert daemon.mailbox.health().heartbeat_age_s == 0


def test_a_clock_that_is_set_ages_neither_heartbeat_nor_message(daemon: Daemon) -> None:
    daemon.beats("2026-11-20 09:13:30")
    daemon.mailbox.enqueue(text(priority=URGENT))
    assert daemon.mailbox.health().is_running
    daemon.clock.utc_offset_ms += 400 * 86_400_000
    daemon.clock.advance(30)
    health = daemon.mailbox.health()
    assert health.heartbeat_age_s == pytest.approx(30)
    assert health.oldest_waiting_s == health.urgent_waiting_s == pytest.approx(30)


def test_the_oldest_that_waits_is_told_and_whether_it_is_urgent(daemon: Daemon) -> None:
    daemon.mailbox.enqueue(text("report", priority=0))
    daemon.clock.advance(40)
    daemon.mailbox.enqueue(text("alarm", priority=URGENT))
    daemon.clock.advance(25)
    health = daemon.mailbox.health()
    assert (health.waiting, health.oldest_waiting_s, health.urgent_waiting_s) == (
        2,
        pytest.approx(65),
        pytest.approx(25),
    )
    daemon.sends(2)
    assert daemon.mailbox.health().urgent_waiting_s == 0


# -- the file


def test_a_missing_database_is_said_and_used_as_soon_as_it_is_there(tmp_path: Path) -> None:
    mailbox = Smsd(tmp_path / "smsd.db")
    with pytest.raises(MailboxError, match=r"does not exist.*vigie-sms-setup"):
        mailbox.enqueue(text())
    assert not (tmp_path / "smsd.db").exists()
    Daemon(tmp_path)
    mailbox.enqueue(text())
    assert mailbox.health().waiting == 1
    mailbox.close()


@pytest.mark.parametrize(
    "octets", [b"", b"this is no database at all, but a text of some length", b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_foreign_or_damaged_file_is_said_with_the_cure(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "smsd.db"
    path.write_bytes(octets)
    mailbox = Smsd(path)
    for _ in range(2):
        with pytest.raises(MailboxError, match="vigie-sms-setup"):
            mailbox.received()
    assert path.read_bytes() == octets


def test_another_version_of_the_schema_is_named(daemon: Daemon) -> None:
    daemon.sql("UPDATE gammu SET Version = 18")
    with pytest.raises(MailboxError, match=r"schema 18.* knows 17"):
        daemon.mailbox.health()


def test_a_database_that_is_held_is_said_within_a_second_and_nothing_is_lost(daemon: Daemon) -> None:
    daemon.mailbox.enqueue(text())
    holder = sqlite3.connect(daemon.path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(MailboxError, match="another program holds it"):
        daemon.mailbox.enqueue(text("a2"))
    holder.execute("ROLLBACK")
    holder.close()
    daemon.mailbox.enqueue(text("a2"))
    assert daemon.sql("SELECT CreatorID FROM outbox") == [("a1",), ("a2",)]


def test_a_database_damaged_while_it_is_used_is_said_and_a_new_one_in_its_place_is_used(daemon: Daemon) -> None:
    daemon.mailbox.enqueue(text())
    daemon.mailbox.close()
    octets = bytearray(daemon.path.read_bytes())
    octets[4096 * 2 : 4096 * 5] = b"\xa5" * 4096 * 3
    daemon.path.write_bytes(octets)
    with pytest.raises(MailboxError):
        everything(daemon.mailbox)
    again = Daemon(daemon.path.parent)  # sets the damaged one aside and makes a new one
    assert daemon.path.with_name("smsd.db.bad").exists()
    daemon.mailbox.enqueue(text("a3"))
    assert again.sql("SELECT CreatorID FROM outbox") == [("a3",)]


def test_it_is_durable_as_soon_as_it_returns_and_the_daemon_may_write_while_the_card_is_slow(daemon: Daemon) -> None:
    flushed: list[tuple[str, int]] = []

    def flush(number: int) -> None:
        daemon.sql("UPDATE phones SET Signal = Signal")  # takes the lock, and waits for none
        (waiting,) = daemon.sql("SELECT count(*) FROM outbox")[0]
        flushed.append((os.path.basename(os.readlink(f"/proc/self/fd/{number}")), waiting))  # noqa: PTH115, PTH119

    daemon.beats()
    mailbox = Smsd(daemon.path, flush=flush)
    mailbox.enqueue(text())
    assert flushed == [("smsd.db-wal", 1)]
    daemon.sends(1)
    mailbox.noted(mailbox.outcomes())
    daemon.receives("x")
    mailbox.done([message.id for message in mailbox.received()])
    assert flushed == [("smsd.db-wal", 1), ("smsd.db-wal", 0), ("smsd.db-wal", 0)]
    connection = mailbox._file.connection()
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    mailbox.close()


def test_a_card_that_cannot_be_flushed_is_said(daemon: Daemon) -> None:
    def flush(_number: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    mailbox = Smsd(daemon.path, flush=flush)
    with pytest.raises(MailboxError, match="can't be flushed: Input/output error"):
        mailbox.enqueue(text())
    mailbox.close()
    daemon.mailbox.enqueue(text())
    assert daemon.sql("SELECT count(*) FROM outbox") == [(1,)], "handed over again it is the same one"


def test_what_fails_in_a_row_and_what_nobody_confirms_is_counted(daemon: Daemon) -> None:
    health = daemon.mailbox.health()
    assert (health.failed_in_a_row, health.failed_code, health.unconfirmed) == (0, None, 0)
    for index, status in enumerate(("DeliveryOK", "SendingOK", "SendingOK"), 1):
        daemon.mailbox.enqueue(text(f"r{index}", wants_report=True))
        daemon.sends(index, status)
    daemon.mailbox.noted(daemon.mailbox.outcomes())
    assert daemon.mailbox.health().unconfirmed == 0, "they may still come"
    daemon.clock.advance(601)
    assert daemon.mailbox.health().unconfirmed == 2
    for index, (status, code) in enumerate([("SendingOKNoReport", -1), ("SendingError", 500), ("SendingError", 21)], 4):
        daemon.mailbox.enqueue(text(f"f{index}"))
        daemon.sends(index, status, code)
    daemon.mailbox.noted(daemon.mailbox.outcomes())
    health = daemon.mailbox.health()
    assert (health.failed_in_a_row, health.failed_code, health.refused) == (2, 21, 0)
    daemon.mailbox.enqueue(text("w"))
    daemon.sql("UPDATE outbox SET StatusCode = 38, Retries = 1")
    health = daemon.mailbox.health()
    assert (health.failed_in_a_row, health.failed_code, health.refused) == (3, 38, 1)


def test_receipts_that_never_came_are_not_missed(daemon: Daemon) -> None:
    daemon.mailbox.enqueue(text(wants_report=True))
    daemon.sends(1, "SendingOK")
    daemon.mailbox.noted(daemon.mailbox.outcomes())
    daemon.clock.advance(3600)
    assert daemon.mailbox.health().unconfirmed == 0


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([], 0),
        (["Error getting SMS: Corrupted data returned by phone. (CORRUPTED[60])", *["DBI error -6"] * 3] * 6, 6),
        ([*["Error getting SMS: Unknown error. (UNKNOWN[27])"] * 6, *["DBI error -6"] * 10], 0),
        (["Error getting SMS status: Error writing to the device. (DEVICEWRITEERROR[11])"] * 9, 0),
        (["Error getting SMS: \0\xff"] * 1000, 8192 // 22),
    ],
)
def test_what_the_daemon_cannot_read_off_the_sim_shows_in_its_log_alone(
    tmp_path: Path, lines: list[str], count: int
) -> None:
    log = tmp_path / "smsd.log"
    assert unreadable(log) == 0
    log.write_text("\n".join(lines), "latin-1")
    assert unreadable(log) == count


def test_the_first_message_of_a_database_made_anew_is_none_that_was_dealt_with(daemon: Daemon) -> None:
    daemon.receives("ETAT")
    (before,) = daemon.mailbox.received()
    daemon.mailbox.done([before.id])
    for path in daemon.path.parent.iterdir():
        path.unlink()
    made(daemon.path)
    daemon.receives("AIDE", stored="2026-11-21 09:13:20")
    (after,) = daemon.mailbox.received()
    assert after.text == "AIDE"
    assert (after.id, rows_of(after.id)) != (before.id, rows_of(before.id))
    assert after.id != before.id


def test_letters_that_are_no_utf_8_make_no_other_message_unreadable(daemon: Daemon) -> None:
    daemon.receives("ETAT")
    daemon.receives("AIDE")
    daemon.sql(
        "UPDATE inbox SET TextDecoded = CAST(x'e9ff00' AS TEXT), SenderNumber = CAST(x'47454dff' AS TEXT),"
        " Text = CAST(x'ff' AS TEXT), UDH = x'ff00' WHERE ID = 1"
    )
    first, second = daemon.mailbox.received()
    assert (second.text, second.number) == ("AIDE", "+33600000001")
    assert first.number == "GEM\ufffd"
    daemon.mailbox.done([first.id, second.id])
    assert daemon.mailbox.received() == []


def test_who_hands_over_what_was_settled_is_told_its_fate_once_more(daemon: Daemon) -> None:
    mailbox = daemon.mailbox
    for number, status in enumerate(("SendingOKNoReport", "SendingError"), 1):
        mailbox.enqueue(text(f"a{number}"))
        daemon.sends(number, status)
    mailbox.enqueue(text("a3"))
    mailbox.cancel("a3")
    mailbox.enqueue(text("a4"))
    mailbox.noted(mailbox.outcomes())
    assert mailbox.outcomes() == []
    for number in (1, 2, 3, 4, 1):
        mailbox.enqueue(text(f"a{number}"))
    told = mailbox.outcomes()
    assert [(one.key, one.fate) for one in told] == [("a1", "sent"), ("a2", "failed"), ("a3", "failed")]
    assert daemon.sql("SELECT CreatorID FROM outbox") == [("a4",)]
    mailbox.noted(told)
    assert mailbox.outcomes() == []
