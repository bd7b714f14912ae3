"""The mailbox and a real gammu-smsd on one database: what one writes the other takes, our table is nothing to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sms.mailbox import MailboxError, Outgoing
from sms.smsd import Smsd
from tests.sms_rig import dummy_smsd
from tests.support import eventually

NUMBER = "+33600000002"


def test_messages_leave_once_by_priority_and_what_comes_in_is_taken_once(tmp_path: Path) -> None:
    with dummy_smsd(tmp_path) as post:
        mailbox = Smsd(post.database)
        messages = [
            Outgoing("report", NUMBER, octets=bytes(range(140))),
            Outgoing("alarm", NUMBER, text="ALARME où é 5 C > 3", priority=8, valid_s=3600),
        ]
        for message in [*messages, *messages]:
            mailbox.enqueue(message)
        post.dummy_text(1, "+33600000001", "ETAT é")
        post.dummy_binary(2, "+33600000100", b"\x16\x00\x01\xff")
        eventually(lambda: len(mailbox.outcomes()) == 2 and len(mailbox.received()) == 2, 15)
        outcomes = {outcome.key: outcome for outcome in mailbox.outcomes()}
        assert {outcome.fate for outcome in outcomes.values()} == {"sent"}
        sent = post.rows(
            "SELECT CreatorID, TextDecoded, Text, RelativeValidity FROM sentitems ORDER BY SendingDateTime, ID"
        )
        assert {row[0]: (row[1], row[3]) for row in sent} == {"alarm": ("ALARME où é 5 C > 3", 11), "report": ("", 168)}
        assert {row[0]: row[2] for row in sent}["report"] == bytes(range(140)).hex().upper()
        came = {message.number: (message.text, message.octets) for message in mailbox.received()}
        assert came == {"+33600000001": ("ETAT é", b""), "+33600000100": ("", b"\x16\x00\x01\xff")}
        mailbox.noted(mailbox.outcomes())
        mailbox.done([message.id for message in mailbox.received()])
        eventually(lambda: not post.rows("SELECT 1 FROM outbox"), 5, "another transaction of the daemon")
        post.kill()
        again = Smsd(post.database)  # both began anew: nothing is sent a second time, and nothing told unless asked for
        assert again.outcomes() == []
        for message in messages:
            again.enqueue(message)
        assert {outcome.key: outcome.fate for outcome in again.outcomes()} == dict.fromkeys(outcomes, "sent")
        assert (again.received(), again.health().waiting) == ([], 0)
        health = again.health()
        assert (health.is_running, health.signal, health.operator) == (True, 42, "GammuT3l")
        assert post.rows("PRAGMA integrity_check") == [("ok",)]
        mailbox.close()
        again.close()


def test_a_daemon_goes_on_while_its_database_is_held_and_no_message_is_lost(tmp_path: Path) -> None:
    with dummy_smsd(tmp_path) as post:
        mailbox = Smsd(post.database)
        holder = Smsd(post.database)
        eventually(lambda: mailbox.health().is_running, 10)
        connection = holder._file.connection()
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(MailboxError, match="another program holds it"):
            mailbox.enqueue(Outgoing("k", NUMBER, text="x"))
        connection.execute("ROLLBACK")
        mailbox.enqueue(Outgoing("k", NUMBER, text="x"))
        eventually(lambda: [outcome.fate for outcome in mailbox.outcomes()] == ["sent"], 10)
        mailbox.close()
        holder.close()
