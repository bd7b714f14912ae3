"""An index that a person set on the box: what it jumped is no consumption, whatever comes first, and however often."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from sms import forms
from tests.gateway_rig import NOW_S, RealFar, Server, TextingBox, account
from tests.sms_link_rig import BEGIN_MS, HOUR_MS, Rig


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path, ("a", "b"))
    yield made
    made.close()


def told(box: TextingBox, hour: int, at_s: int = 600, **words: Any) -> bytes:
    """Return the message with the box's event of what was set in an hour."""
    was = 70_000.5 + hour
    values = {"was": was, "now": was + box.jumps[hour], "author": "anna"} | words
    return box.events(forms.Event(hour * 3600 + at_s, "meter_set", "elec", None, "", values))


def settle(server: Server) -> None:
    for _ in range(3):
        server.step()


def counts_in(order: tuple[int, ...], messages: list[bytes], server: Server, box: TextingBox) -> bool:
    """Say whether the gateway's rows are the box's account after these messages in this order, and each once more."""
    for which in order:
        server.bring(box, messages[which])
        server.step()
    server.bring(box, *messages)
    settle(server)
    return server.rows(box.id) == box.account


place_of = {40: 0, 300: 1, 70_000: 3, -60: 5, -3_000: 6}  # all 24 orders would take half a minute


@pytest.mark.parametrize("by", [40, 300, 70_000, -60, -3_000])
def test_what_an_index_was_set_by_is_counted_in_no_order_of_event_and_reports(tmp_path: Path, by: int) -> None:
    """Up by a little, by less and by more than the 16 bits of a report; down within an hour's increment, or by more."""
    server = Server(tmp_path)
    for place, order in enumerate([*permutations(range(4))][place_of[by] :: 8]):
        box = server.box(f"b{place}", f"+336000{place:05}")
        box.jumps = {5: by}
        messages = [box.report(full=True, is_first=True), box.report(full=True), told(box, 5), box.report()]
        assert counts_in(order, messages, server, box), order
    server.close()


def test_a_pulse_meter_that_was_exchanged_goes_on_with_the_new_ones_index(tmp_path: Path) -> None:
    """What the person says the old one ended with is no consumption: the box has counted its own."""
    server = Server(tmp_path)
    for place, order in enumerate([*permutations(range(4))][5::8]):
        box = server.box(f"b{place}", f"+336000{place:05}")
        box.jumps = {5: -69_000}
        was = 70_500.5
        values = {"old": 70_498.0, "new": was - 69_000, "was": was, "now": was - 69_000}
        event = box.events(forms.Event(5 * 3600 + 600, "meter_exchange", "elec", None, "", values))
        messages = [box.report(full=True, is_first=True), box.report(full=True), event, box.report(full=True)]
        assert counts_in(order, messages, server, box), order
    server.close()


@pytest.mark.parametrize(("told_s", "first"), [(600, 0), (2000, 3), (50_000, 5)], ids=["before", "then", "after"])
def test_of_a_meter_with_its_own_register_both_ends_are_counted_whatever_comes_first(
    tmp_path: Path, told_s: int, first: int
) -> None:
    """It was read last at 30 below its end, and first at 20 above where the new one began."""
    server = Server(tmp_path)
    for place, order in enumerate([*permutations(range(4))][first::8]):
        box = server.box(f"b{place}", f"+336000{place:05}")
        box.jumps = {5: -69_000}
        changed = {"was": 70_500.0, "index": 1_550.0}
        ends = {"old": 70_530.0, "new": 1_530.0}
        messages = [
            box.events(forms.Event(5 * 3600 + 1200, "meter_changed", "elec", None, "", changed)),
            box.events(forms.Event(5 * 3600 + told_s, "meter_exchange", "elec", None, "", ends)),
            box.report(full=True, is_first=True),
            box.report(full=True),
        ]
        for which in order:
            server.bring(box, messages[which])
            server.step()
        server.bring(box, *messages)
        settle(server)
        assert server.rows(box.id) == box.account, order
    server.close()


@pytest.mark.parametrize("ends", [{"old": 70_499.0, "new": 0.0}, {"old": 70_600.0, "new": 1_551.0}, {"old": "x"}, {}])
def test_ends_that_contradict_what_was_read_make_no_consumption(server: Server, ends: dict[str, Any]) -> None:
    box = server.box("b0117")
    box.jumps = {5: -69_000}
    server.bring(box, box.report(full=True, is_first=True), box.report(full=True))
    server.bring(
        box,
        box.events(forms.Event(5 * 3600, "meter_changed", "elec", None, "", {"was": 70_500.0, "index": 1_550.0})),
        box.events(forms.Event(5 * 3600 + 60, "meter_exchange", "elec", None, "", ends)),
    )
    settle(server)
    changed_s = NOW_S + 5 * 3600
    (row,) = [row for row in server.rows("b0117") if row[:2] == (changed_s, "elec")]
    assert row[3] is None, "what was used in that hour is not known"


def test_an_event_that_was_stored_long_before_is_corrected_once_and_acknowledged(server: Server) -> None:
    box = server.box("b0117")
    box.jumps = {2: 500}
    server.bring(box, box.report(full=True, is_first=True))
    settle(server)
    assert (NOW_S + 2 * 3600, "elec", 70_912.0, 602.0) not in box.account
    assert server.rows("b0117") != box.account
    server.utc_s += 86_400
    message = told(box, 2)
    server.bring(box, message)
    settle(server)
    assert server.rows("b0117") == box.account
    kept = server.gateway.store.box("b0117")
    assert kept is not None
    before = kept.settled
    server.reopen()
    server.bring(box, message, told(box, 2))  # the same event in another message
    settle(server)
    assert server.rows("b0117") == box.account
    kept = server.gateway.store.box("b0117")
    assert kept is not None
    assert kept.settled == before + 1


def test_two_in_one_hour_and_one_at_its_end_are_each_counted_where_they_are(server: Server) -> None:
    box = server.box("b0117")
    box.jumps = {1: 30, 2: 1000}
    first, late = (
        box.events(
            forms.Event(3700, "meter_set", "elec", None, "", {"was": 10.0, "now": 5.0}),
            forms.Event(7199, "meter_set", "elec", None, "", {"was": 5.0, "now": 40.0}),
        ),
        told(box, 2, 0),
    )
    server.bring(box, first, box.report(full=True, is_first=True))
    settle(server)
    server.bring(box, late)
    settle(server)
    assert server.rows("b0117") == box.account


@pytest.mark.parametrize(
    "words",
    [{"was": None}, {"now": "12"}, {"was": True}, {"now": [1]}],
    ids=["nothing", "a word", "a truth", "a list"],
)
def test_an_event_that_says_no_jump_changes_nothing_and_is_kept(server: Server, words: dict[str, Any]) -> None:
    box = server.box("b0117")
    server.bring(box, box.report(full=True, is_first=True))
    settle(server)
    streams = [one.next for one in server.gateway.log.streams() if one.log == "m"]
    box.jumps = {2: 0}
    server.bring(box, told(box, 2, **words))
    settle(server)
    assert server.rows("b0117") == box.account
    assert [kind for kind, *_ in server.events("b0117")] == ["meter_set"]
    assert [one.next for one in server.gateway.log.streams() if one.log == "m"] == streams


def test_one_of_an_unknown_point_or_of_an_hour_that_was_never_told_waits_for_nothing(server: Server) -> None:
    box = server.box("b0117")
    box.jumps = {40: 10}
    event = forms.Event(600, "meter_set", "gas", None, "", {"was": 1.0, "now": 2.0})
    server.bring(box, box.events(event), told(box, 40))
    settle(server)
    server.bring(box, box.report(full=True, is_first=True))
    settle(server)
    assert server.rows("b0117") == box.account


@pytest.mark.parametrize("by", [90_000, -5_000])
def test_from_a_box_on_which_it_is_set_the_consumer_has_the_index_and_no_jump(tmp_path: Path, by: int) -> None:
    """The report of that hour has whole indexes, whatever the one before it was, and the event follows it."""
    rig = Rig()
    far = RealFar(rig, tmp_path)
    rig.air._far = far
    rig.run(8 * 3600)
    rig.past.jumps = {(rig.clock.utc_ms() - BEGIN_MS) // HOUR_MS: by}
    ((hour, _),) = rig.past.jumps.items()
    before = rig.past.period("tic.base", BEGIN_MS + (hour - 1) * HOUR_MS, BEGIN_MS + hour * HOUR_MS)
    assert before is not None
    assert before.last is not None
    was = float(before.last)
    rig.happen(
        "meter_set", "tic.base", value=was + by, index=was, drift=-by, was=was, now=was + by, u="Wh",
        author="anna@example.org", channel="sms", pulses=-by, percent=3.125,
    )  # fmt: skip
    rig.run(6 * 3600)
    got = far.hours("tic.base")
    want = account(rig, "tic.base", range(min(got), max(got) + 1))
    assert {each: value for each, (value, _) in got.items()} == want
    assert got[hour][1] is not None
    for each in sorted(want)[1:]:
        assert got[each][1] == pytest.approx(want[each] - want[each - 1] - rig.past.jumps.get(each, 0), abs=1), each
    (event,) = [one for one in far.server.events("b0117") if one[0] == "meter_set"]
    assert event[1] == "tic.base"
    far.server.close()
