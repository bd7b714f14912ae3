"""A real gammu-smsd on its dummy phone: what comes in lies in its database, what goes out is told as sent."""

from __future__ import annotations

from pathlib import Path

from tests.sms_rig import dummy_smsd
from tests.support import eventually

BINARY = bytes(range(116, 256))


def test_binary_and_text_pass_the_dummy_phone_unchanged_both_ways(tmp_path: Path) -> None:
    with dummy_smsd(tmp_path) as post:
        post.dummy_binary(1, "+33600000001", BINARY)
        post.dummy_text(2, "+33600000002", "OK 4F7K été")
        post.dummy_binary(3, "+33600000003", b"\x00")
        post.binary("+33600000100", BINARY)
        eventually(lambda: len(post.inbox()) == 3 and post.rows("SELECT 1 FROM sentitems"), 20, post.log()[-2000:])
        assert sorted(post.inbox()) == [
            ("+33600000001", "", BINARY), ("+33600000002", "OK 4F7K été", b""), ("+33600000003", "", b"\x00"),
        ]  # fmt: skip
        assert post.rows("SELECT Status, Text, DestinationNumber FROM sentitems") == [
            ("SendingOKNoReport", BINARY.hex().upper(), "+33600000100")
        ]
        eventually(lambda: not post.rows("SELECT 1 FROM outbox"), 5, "another transaction of the daemon")
