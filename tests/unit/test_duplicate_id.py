"""Two boxes with one id, made from one card file: each channel says so, nothing of either is mixed up or lost."""

from __future__ import annotations

import logging
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.core.batch_forms import Batch
from edge.core.costs import CostsView
from edge.core.health import health
from edge.runtime.texted import box_facts
from edge.settings import catalogue
from edge.settings.catalogue import render
from edge.settings.sms_answers import status
from edge.settings.sms_speech import Speech
from edge.upstream.gateway_admin import revoke
from edge.upstream.gateway_fleet import fleet as fleet_of
from edge.upstream.twins import QUIET_MS, TURNS, WITHIN_MS, Twins
from hal.fake.modem_network import Network
from hal.sample import Notice
from sms.gsm7 import septets
from sms.hello import Hello, refused_message
from sms.keys import Identity
from sms.seal import SealError
from sms.session import Session
from tests.gateway_rig import RealFar, Server, TextingBox
from tests.sms_fleet import Box, Fleet
from tests.sms_link_rig import DAY_S, POINTS, Rig
from tests.support import ManualClock
from tests.unit.test_receive import STREAM, UTC_MS, Case, batch

HOUR_MS = 3_600_000


def kinds(box: Box) -> list[str]:
    return [one.kind for one in box.posted if isinstance(one, Notice) and one.kind.startswith("duplicate_id")]


@pytest.fixture
def two(tmp_path: Path) -> Any:
    """Return a fleet of two real boxes from one file, the first of them accepted."""
    fleet = Fleet(tmp_path, Network(3, delay_s=(1.0, 60.0)), poll_s=1800.0)
    one = fleet.box("b0042", "+33600000001", POINTS[:1], plan="daily")
    fleet.run(1800)
    fleet.box("b0042", "+33600000002", POINTS[:1], plan="daily")
    fleet.run(3 * 3600)
    assert one.sync.status()["paired"]
    yield fleet
    fleet.close()


def test_by_sms_the_second_is_kept_out_and_both_the_operator_and_it_are_told(two: Fleet) -> None:
    one, other = two.boxes
    assert (kinds(one), kinds(other)) == ([], ["duplicate_id"])
    told = other.link.status()
    assert (told["problems"], told["code"], told["paired"]) == (["duplicate_id"], "duplicate_id", False)
    assert one.link.status()["problems"] == []
    assert render("en", "link.duplicate_id", {}) == "another box uses this box's id"
    links = [other.link.status()]
    assert health([], links, 0, two.clock.utc_ms(), is_kept=True, is_sound=True) in {"look", "no_link"}
    (row,) = fleet_of(two.server.gateway.store, int(two.clock.utc_ms() / 1000)).boxes
    assert (row.print, row.claims) == (one.sync.status()["fingerprint"], [other.sync.status()["fingerprint"]])
    assert [kind for _, kind, _ in two.server.journal("b0042")].count("refusal") == 1


def test_it_is_over_when_the_operator_lets_the_other_in(two: Fleet) -> None:
    _, other = two.boxes
    revoke(two.server.gateway.store, "b0042", int(two.clock.utc_ms() / 1000))  # the first one is the dead one
    two.run(DAY_S)
    assert other.sync.status()["paired"]
    assert kinds(other) == ["duplicate_id", "duplicate_id_end"]
    assert other.link.status()["problems"] == []
    assert fleet_of(two.server.gateway.store, int(two.clock.utc_ms() / 1000)).boxes[0].claims == []


def test_a_refusal_is_believed_only_of_this_gateway_and_of_the_hello_that_waits() -> None:
    gateway, stranger = Identity.new(), Identity.new()
    box = Session("box", Identity.new(), gateway.public, "b0042", None, lambda _: None)
    own = box._own.public
    first = Hello(own, bytes(16), "b0042", "")
    with pytest.raises(SealError, match="old"):
        box.open(refused_message(gateway, first))  # nothing waits
    box.hello()
    waits = Hello(own, box._hello, "b0042", "")
    for forged in (
        refused_message(stranger, waits), refused_message(gateway, first), refused_message(gateway, waits)[:-1] + b"\0",
        refused_message(gateway, waits)[:-8], refused_message(gateway, waits) + b"\0",
    ):  # fmt: skip
        with pytest.raises(SealError):
            box.open(forged)
    assert box.open(refused_message(gateway, waits)).body[:1] == b"\5"
    assert box.needs_hello


def test_many_claimants_of_an_id_cost_one_message_a_day_and_the_holder_goes_on(tmp_path: Path) -> None:
    server = Server(tmp_path)
    try:
        box = server.box("b0117")
        left = len(server.mailboxes["a"].left)
        for n in range(9):  # the claims of four are kept
            thief = TextingBox("b0117", server.gateway.sessions.identity.public, f"+3360000066{n}")
            server.bring(thief, thief.hello(), thief.hello())
            server.step()
        server.step()
        sent = server.mailboxes["a"].left[left:]
        assert [one.number for one in sent] == ["+33600000660"]
        server.utc_s += DAY_S
        server.bring(thief, thief.hello())
        server.step()
        server.step()
        sent = [one.number for one in server.mailboxes["a"].left[left:]]
        assert sent.count("+33600000668") == 1
        server.bring(box, box.report(full=True, is_first=True))
        server.step()
        assert server.rows("b0117") == box.account
    finally:
        server.close()


def form(stream: str, *, via: str = "") -> Batch:
    return Batch(v=1, box="b0042", stream=stream, seq=1, n=1, first=1, tq="ntp", pts="ab", via=via)


@pytest.mark.parametrize(
    ("streams", "step_ms", "is_twin"),
    [
        ("ABAB", HOUR_MS, True),
        ("AABBAABB", 60_000, True),
        ("AAAAAA", 60_000, False),
        ("AB", 60_000, False),  # a card was exchanged
        ("ABBBBB", 60_000, False),
        ("ABA", 60_000, False),  # what was on its way came late
        ("ABAB", WITHIN_MS, False),  # three cards in a day are no second box
        ("", 0, False),
    ],
)
def test_streams_that_take_turns_are_two_boxes_and_one_that_follows_another_is_not(
    streams: str, step_ms: int, *, is_twin: bool
) -> None:
    twins = Twins()
    said = [twins.stored("b0042", form(stream), 1, at * step_ms) for at, stream in enumerate(streams)]
    assert sum(said) == is_twin
    assert twins.is_active("b0042", len(streams) * step_ms) is is_twin
    assert not twins.is_active("b0042", len(streams) * step_ms + QUIET_MS)


def test_repeats_other_boxes_and_what_a_gateway_publishes_are_no_second_box() -> None:
    twins = Twins()
    for at in range(3 * TURNS):
        assert not twins.stored("b0042", form("AB"[at % 2]), 0, at)
        assert not twins.stored("b0042", form("AB"[at % 2], via="sms" if at % 2 else ""), 1, at)
        assert not twins.stored(f"b004{at % 2}", form(f"x{at % 2}"), 1, at)


def test_the_receiver_says_it_once_and_stores_and_acknowledges_both(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    case = Case(tmp_path / "site.db")
    caplog.set_level(logging.ERROR)
    acks = []
    for seq in range(1, 6):
        for stream in (STREAM, "77777777"):
            acks += case.hear(batch(seq, stream=stream))
    assert caplog.text.count("duplicate_id") == 1
    assert case.receiver.twins.is_active("b0042", UTC_MS)
    assert acks[-2:] == [(STREAM, 5), ("77777777", 5)]
    case.receiver.close()


def test_a_refused_box_asks_again_when_it_is_switched_on_anew_and_still_says_why_it_waits(tmp_path: Path) -> None:
    rig = Rig()
    far = RealFar(rig, tmp_path)
    rig.air._far = far
    holder = TextingBox("b0117", far.server.gateway.sessions.identity.public)
    far.take(holder.hello(), rig.clock.utc_ms() // 1000)
    far.number = "+33600000118"
    rig.run(1800)
    assert rig.link.status()["problems"] == ["duplicate_id"]
    hellos = len(far.server.journal("claim"))
    rig.kill()
    rig.clock.boot += 1
    rig.start()
    rig.run(1800)
    assert rig.link.status()["problems"] == ["duplicate_id"]
    assert len(far.server.journal("claim")) == hellos + 1
    assert rig.kinds().count("duplicate_id") == 1
    far.server.close()


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_status_by_text_and_the_display_say_it(lang: str) -> None:
    facts = box_facts({}, clock=ManualClock(), version="", started_ms=0, waiting=0, problems={"duplicate_id"})
    speech = Speech(lang, "b0042", "Gymnase Sud", UTC, UTC_MS)
    costs = CostsView(True, [], [])
    said = status(speech, costs, [], [], facts)
    well = status(speech, costs, [], [], msgspec.structs.replace(facts, is_id_twice=False))
    wanted = {"en": "Another box has this id", "fr": "Un autre boitier a ce nom"}[lang]
    assert wanted in said
    assert wanted not in well
    assert septets(said) <= 160
    assert catalogue.word(lang, "link_state", "duplicate_id") in {"id used twice", "nom en double"}
