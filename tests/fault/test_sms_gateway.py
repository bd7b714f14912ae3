"""A gateway under load and cut anywhere: three hundred boxes on one modem, and its file as each commit left it."""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from edge.upstream.gateway_store import GatewayStore
from tests.gateway_rig import Server

BOXES = 300
QUEUE_S = 60


@pytest.mark.campaign("three hundred boxes for 20 minutes at a message a second: two minutes")
def test_three_hundred_boxes_at_a_message_a_second_never_wait_a_minute(tmp_path: Path) -> None:
    """Time runs by the CPU that the gateway takes: what it needs for a step, others wait for."""
    server = Server(tmp_path)
    boxes = [server.box(f"b{place:04}", f"+336{place:08}") for place in range(BOXES)]
    dice = random.Random(1)
    waiting = [box.report(full=True, is_first=True) for box in boxes]
    senders = list(boxes)
    for _ in range(3):
        round_ = boxes[:]
        dice.shuffle(round_)
        senders += round_
        waiting += [box.report() for box in round_]
    arrives_s = {place: server.utc_s + place for place in range(len(waiting))}
    longest_s = spent_s = 0.0
    at = 0
    while at < len(waiting) or server.mailboxes["a"].inbox:
        while at < len(waiting) and arrives_s[at] <= server.utc_s:
            server.bring(senders[at], waiting[at])
            at += 1
        begun_s = time.process_time()
        oldest_s = min((message.stamp_utc_s or 0 for message in server.mailboxes["a"].inbox), default=server.utc_s)
        server.step(0.0)
        took_s = time.process_time() - begun_s
        spent_s += took_s
        server.utc_s += max(1.0, took_s)
        longest_s = max(longest_s, server.utc_s - oldest_s)
    for _ in range(5):
        server.step(1.0)
    for box in boxes:
        assert server.rows(box.id) == box.account
    print(f"{len(waiting)} messages, {1000 * spent_s / len(waiting):.1f} ms CPU each, longest wait {longest_s:.1f} s")
    assert longest_s <= QUEUE_S
    server.close()


def test_the_file_as_any_commit_left_it_goes_on_to_the_same_end(tmp_path: Path) -> None:
    """After each commit the file is copied, with its journal; each copy takes all messages again and ends the same."""
    folder = tmp_path / "live"
    folder.mkdir()
    server = Server(folder)
    box = server.box("b0117")
    first = box.report(full=True, is_first=True)
    messages = [first, *(box.report() for _ in range(3)), box.events(is_test=True)]
    copies: list[tuple[Path, dict[bytes, bytes]]] = []
    modem = server.mailboxes["a"]
    begun = 0

    def watch(statement: str) -> None:
        nonlocal begun
        if statement.startswith("BEGIN"):  # what was committed before it is in the file
            copy = tmp_path / f"cut{begun}"
            begun += 1
            shutil.copytree(folder, copy)
            handed = [*modem.left, *modem.waiting.values()]
            copies.append((copy, {message.octets[:6]: message.octets for message in handed}))

    server.gateway.store.db.set_trace_callback(watch)
    dice = random.Random(2)
    order = messages[:]
    dice.shuffle(order)
    for octets in order:
        server.bring(box, octets)
        server.step()
    server.step()
    server.gateway.store.db.set_trace_callback(None)
    assert server.rows("b0117") == box.account
    server.close()
    assert len(copies) > 10
    for copy, sent in copies:
        again = Server(copy)
        again.boxes["b0117"] = box
        for octets in order:
            again.mailboxes["a"].bring(box.number, octets=octets)
        for _ in range(4):
            again.utc_s += 2
            again.gateway.step(again.utc_s)
            again.consumer.step(again.utc_s)
        mailbox = again.mailboxes["a"]
        while (out := mailbox.leave()) is not None:
            assert sent.get(out.octets[:6], out.octets) == out.octets, "one counter, two messages"
        assert again.rows("b0117") == box.account, copy
        again.close()
        with closing(sqlite3.connect(copy / "gateway.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_that_can_not_be_written_leaves_the_messages_where_they_are(tmp_path: Path) -> None:
    server = Server(tmp_path)
    box = server.box("b0117")
    other = GatewayStore(server.path)
    server.gateway.store.db.execute("PRAGMA busy_timeout=20")
    server.bring(box, box.report(full=True, is_first=True))
    with other:
        server.gateway.step(server.utc_s)
        assert len(server.mailboxes["a"].inbox) == 1
    other.close()
    server.step()
    server.step()
    assert server.mailboxes["a"].inbox == []
    assert server.rows("b0117") == box.account
    server.close()
