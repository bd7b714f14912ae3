"""What forgers and repeaters can make a server of boxes that text do: nothing, and nothing that costs each time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.upstream.gateway_admin import restore, revoke, roll
from edge.upstream.gateway_store import GatewayStore
from sms.seal import FAILED_MAX
from tests.gateway_rig import Server, TextingBox

STRANGER = "+33600000666"
DAY_S = 86_400


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.close()


def sent(server: Server, purpose: str) -> int:
    (count,) = server.gateway.store.db.execute("SELECT count(*) FROM outgoing WHERE purpose = ?", (purpose,)).fetchone()
    return int(count)


def forge(server: Server, box: TextingBox) -> None:
    """Bring a message with the box's head, a counter ahead of it and a tag of nobody's making."""
    octets = bytearray(box.report())
    octets[-1] ^= 1
    server.mailboxes["a"].bring(STRANGER, octets=bytes(octets))


def test_a_hello_repeated_by_a_stranger_moves_no_answer_to_his_number(server: Server) -> None:
    box = server.boxes["b0117"] = TextingBox("b0117", server.gateway.sessions.identity.public)
    hello = box.hello()
    server.bring(box, hello)
    server.step()
    server.accept("b0117")
    server.run(10, 2)
    assert not box.session.needs_hello
    before = sent(server, "welcome")
    server.mailboxes["a"].bring(STRANGER, octets=hello)
    server.run(10, 2)
    kept = server.gateway.store.box("b0117")
    assert kept is not None
    assert kept.phone == box.number
    assert sent(server, "welcome") == before
    assert server.journal("refused")


def test_a_spent_key_costs_one_message_a_day_however_many_are_forged(server: Server) -> None:
    box = server.box("b0117")
    store = server.gateway.store
    kept = store.box("b0117")
    assert kept is not None
    assert kept.session is not None
    saved = json.loads(kept.session)
    saved["keys"][0]["failed"] = FAILED_MAX
    with store:
        store.db.execute("UPDATE box SET session = ?", (json.dumps(saved),))
    server.boxes = {}  # the box does not hear it
    server.reopen()
    before = sent(server, "roll")
    for _ in range(100):
        forge(server, box)
        server.step()
    assert sent(server, "roll") == before + 1
    server.utc_s += DAY_S
    forge(server, box)
    server.step()
    assert sent(server, "roll") == before + 2
    server.boxes = {"b0117": box}
    server.utc_s += DAY_S
    forge(server, box)
    server.run(20, 2)
    assert sent(server, "roll") == before + 3
    octets = box.events(is_test=True)
    server.bring(box, octets)
    server.run(10, 2)
    assert box.acks()[-1].is_test


def test_a_restored_gateway_that_is_not_heard_says_it_again_a_day_later(server: Server, tmp_path: Path) -> None:
    box = server.box("b0117")
    server.close()
    backup = tmp_path / "backup.db"
    server.path.rename(backup)
    restore(backup, server.path)
    server.boxes = {}  # its first word is lost
    server.open()
    server.run(10, 2)
    assert sent(server, "roll") == 1
    early = box.report(full=True, is_first=True)
    server.bring(box, early, early)
    server.run(10, 2)
    server.bring(box, early)
    server.run(10, 2)
    assert sent(server, "roll") == 1
    assert server.rows("b0117") == set()
    assert server.gateway.store.db.execute("SELECT count(*) FROM shut").fetchone() == (1,)
    server.boxes = {"b0117": box}
    server.utc_s += DAY_S
    server.bring(box, box.report())
    server.run(20, 2)
    assert sent(server, "roll") == 2
    assert server.rows("b0117") == box.account


def test_an_operator_has_a_box_use_new_keys_beside_a_gateway_that_runs(server: Server) -> None:
    box = server.box("b0117")
    before = box.report(full=True, is_first=True)  # under the old keys, on its way
    with closing(GatewayStore(server.path)) as store:  # another process
        roll(store, "b0117", int(server.utc_s))
        with pytest.raises(ValueError, match="no keys yet"):
            roll(store, "b0118", int(server.utc_s))
    server.run(10, 2)
    assert len(box.session.saved()["keys"]) == 2
    server.bring(box, box.report(), before)
    server.run(10, 2)
    assert server.rows("b0117") == box.account
    kept = server.gateway.store.box("b0117")
    assert kept is not None
    assert kept.session is not None
    assert [key["agreed"] for key in json.loads(kept.session)["keys"]] == [True, True]


def test_a_box_with_a_new_card_takes_its_place_once_the_old_key_was_revoked(server: Server) -> None:
    old = server.box("b0117")
    server.bring(old, old.report(full=True, is_first=True))
    server.step()
    new = TextingBox("b0117", server.gateway.sessions.identity.public)
    new.hour, new.index = old.hour, old.index
    server.bring(new, new.hello())
    server.step()
    assert new.session.needs_hello
    with closing(GatewayStore(server.path)) as store:
        revoke(store, "b0117", int(server.utc_s))
    stored = set(old.account)
    server.bring(old, old.report())
    server.step()
    server.boxes["b0117"] = new
    server.bring(new, new.hello())
    server.step()
    server.accept("b0117")
    server.run(10, 2)
    server.bring(new, *new.schema_messages(), new.report(full=True), new.report())
    server.run(10, 2)
    assert server.rows("b0117") == stored | new.account
