"""A server for boxes that text: pairing, order, repeats, gaps, power cuts, two modems, a restored backup."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest

from edge.core.types import Event
from edge.upstream.gateway_orders import ask
from edge.upstream.gateway_priors import Priors
from sms import forms
from sms.codec import encode
from sms.prior import train as train_prior
from sms.wire import Header, Type, header_of
from tests.gateway_rig import NOW_S, Server, TextingBox, counter_of


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path, ("a", "b"))
    yield made
    made.close()


def test_a_box_waits_until_it_is_accepted_and_then_its_account_is_the_consumers(server: Server) -> None:
    box = server.boxes["b0117"] = TextingBox("b0117", server.gateway.sessions.identity.public)
    server.bring(box, box.hello())
    server.step()
    kept = server.gateway.store.box("b0117")
    assert kept is not None
    assert (kept.state, kept.public, kept.phone, kept.version) == ("new", box.own.public, box.number, "1.0")
    server.run(3600, 60)
    assert box.session.needs_hello, "nobody has accepted it"
    server.accept("b0117")
    server.step()
    server.step()
    assert not box.session.needs_hello
    assert box.session.number == 1
    server.bring(box, *box.schema_messages(), box.report(full=True, is_first=True), box.report())
    server.step()
    assert server.rows("b0117") == box.account
    assert len(box.account) == 16


def test_events_come_with_their_times_and_a_test_is_answered_only_once_it_is_stored(server: Server) -> None:
    box = server.box("b0117")
    server.is_consuming = False
    before = len(box.acks())
    begin = forms.Event(-30, "alarm_begin", "boiler.flow", 92.5, "Cel", {"id": "7", "limit": "flow.high"})
    server.bring(box, box.events(begin), box.events(is_test=True))
    server.run(600, 30)
    assert len(box.acks()) == before, "nothing was stored yet"
    server.is_consuming = True
    server.step()
    server.step()
    assert box.acks()[-1].is_test
    kinds = server.events("b0117")
    assert kinds[0] == ("alarm_begin", "boiler.flow", (NOW_S - 30) * 1000)
    assert kinds[1][0] == "sms_test"


def test_five_messages_in_any_order_give_the_same(tmp_path: Path) -> None:
    orders = list(permutations(range(5)))
    server = Server(tmp_path)
    for place, order in enumerate(orders[::13]):
        box = server.box(f"b{place}", f"+336000{place:05}")
        messages = [box.report(full=True, is_first=True), *(box.report(3) for _ in range(3)), box.report(full=True)]
        for which in order:
            server.bring(box, messages[which])
            server.step()
        server.bring(box, *messages)  # each once more
        server.step()
        server.step()
        assert server.rows(box.id) == box.account, order
    server.close()


def test_a_repeat_a_forged_one_and_one_of_nobody_change_nothing_and_are_counted(server: Server) -> None:
    box = server.box("b0117")
    first = box.report(full=True, is_first=True)
    server.bring(box, first)
    server.step()
    streams = server.gateway.log.streams()
    forged = bytearray(box.report())
    forged[-1] ^= 1
    foreign = TextingBox("b0666", server.gateway.sessions.identity.public)
    server.mailboxes["a"].bring("+33600000666", octets=b"\x10\x77\x77" + bytes(40))
    server.mailboxes["a"].bring("+33600000666", octets=bytes(forged))
    server.mailboxes["a"].bring("+33600000666", octets=b"")
    server.mailboxes["a"].bring("+33600000666", text="call me")
    server.mailboxes["a"].bring("+33600000666", octets=b"\xff" * 140)
    server.bring(box, *[first] * 300)
    for _ in range(8):
        server.step()
    assert server.gateway.log.streams() == streams
    counted = server.gateway.store.counted("2026-11")
    assert counted["b0117", "repeat"] == 300
    assert counted["b0117", "refused"] == 1
    assert counted["", "refused"] == 4
    (raw,) = server.gateway.store.db.execute("SELECT count(*) FROM raw").fetchone()
    assert raw == 5
    assert foreign.session.needs_hello


def test_a_second_claimant_of_an_id_is_refused_and_named(server: Server) -> None:
    box = server.box("b0117")
    thief = TextingBox("b0117", server.gateway.sessions.identity.public, "+33600000666")
    server.bring(thief, thief.hello())
    server.step()
    (said,) = server.journal("claim")
    assert thief.own.fingerprint in said
    assert box.own.fingerprint in said
    server.bring(box, box.report(full=True, is_first=True))
    server.step()
    assert server.rows("b0117") == box.account


def test_a_hello_of_no_number_is_named_and_stops_nothing(server: Server) -> None:
    """A network may leave a sender out, or a provider: there is nobody to answer."""
    box, other = server.box("b0117"), TextingBox("b0117", server.gateway.sessions.identity.public, "")
    new = TextingBox("b0118", server.gateway.sessions.identity.public, "")
    server.bring(other, other.hello())
    server.bring(new, new.hello())
    server.bring(box, box.report(full=True, is_first=True))
    server.step()
    assert [one.id for one in server.gateway.store.boxes()] == ["b0117"]
    assert sum("no number" in words for words in server.journal("refused")) == 2
    assert server.rows("b0117") == box.account


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (forms.Event(-(2**31), "start", ""), "no time before 1970"), (forms.Event(0, "", "elec"), "a kind"),
        (forms.Event(0, "alarm_begin", "elec", None, "", {"id": 2**64}), "beyond 64 bits"),
        (forms.Event(0, "alarm_begin", "elec", 10**20, "Wh", {"id": 7}), "beyond 64 bits"),
    ],
)  # fmt: skip
def test_an_event_that_no_consumer_could_take_is_kept_raw_and_holds_up_nobody(
    server: Server, event: forms.Event, why: str
) -> None:
    odd, box = server.box("b0117"), server.box("b0118", "+33600000043")
    server.bring(odd, odd.events(event))
    server.bring(odd, odd.events(forms.Event(0, "alarm_begin", "elec", 1.5, "Wh", {"id": 2**63, "words": ["x"]})))
    server.bring(box, box.report(full=True, is_first=True))
    server.bring(odd, odd.report(full=True, is_first=True))
    server.step(60)
    server.step(60)
    assert server.rows("b0118") == box.account
    assert server.rows("b0117") == odd.account
    assert [kind for kind, _, _ in server.events("b0117")] == ["alarm_begin"]
    assert len(server.journal("unreadable")) == 1
    assert why in server.journal("unreadable")[0]


def test_a_stream_that_can_not_be_stored_holds_up_no_other(server: Server) -> None:
    """One that an earlier version took in."""
    odd, box = server.box("b0117"), server.box("b0118", "+33600000043")
    with server.gateway.store:
        server.gateway.log.append("b0117", "ev", [Event("start", -5000)], NOW_S)
    server.bring(box, box.report(full=True, is_first=True))
    server.bring(odd, odd.report(full=True, is_first=True))
    server.run(1800, 60)
    assert server.rows("b0118") == box.account
    assert server.rows("b0117") == odd.account
    assert server.events("b0117") == []


def test_a_box_whose_row_is_damaged_is_named_and_the_others_go_on(server: Server) -> None:
    odd, box = server.box("b0117"), server.box("b0118", "+33600000043")
    with server.gateway.store as store:
        store.db.execute("UPDATE box SET session = '{}' WHERE id = 'b0117'")
    ask(server.gateway.store, "b0117", "test", {}, int(server.utc_s), 86_400)
    server.reopen()
    server.bring(odd, odd.report(full=True, is_first=True))
    server.bring(box, box.report(full=True, is_first=True), box.events(is_test=True))
    server.run(7200, 600)
    assert server.rows("b0118") == box.account
    assert [ack.is_test for ack in box.acks()] == [True]
    assert server.rows("b0117") == set()
    assert "this is no saved session" in server.journal("fault")[0]
    assert len(server.journal("fault")) < 5


def test_another_number_is_the_same_box_and_is_answered_there_by_the_modem_that_hears_it(server: Server) -> None:
    box = server.box("b0117")
    box.number = "+33600000043"
    server.bring(box, box.events(is_test=True), modem="b")
    server.step()
    server.step()
    assert box.acks()[-1].is_test
    assert server.mailboxes["b"].left[-1].number == "+33600000043"


def test_a_gap_is_asked_for_and_what_comes_late_completes_the_account(server: Server) -> None:
    box = server.box("b0117")
    server.bring(box, box.report(full=True, is_first=True))
    server.step()
    lost, after = box.report(), box.report()
    server.bring(box, after)
    server.run(3600, 60)
    ack = box.acks()[-1]
    assert len(ack.missing) == 1
    assert len([one for one in box.acks() if one.missing]) == 1, "asked for once a day"
    server.bring(box, lost)
    server.step()
    server.step()
    assert server.rows("b0117") == box.account


@pytest.mark.parametrize("moved", [65_000, 65_536, 200_000])
def test_over_a_missing_report_in_which_a_meter_moved_far_no_index_is_made_up(server: Server, moved: int) -> None:
    """What is lost may hold a whole index: the next report's 16 bits then mean another one than what is known says."""
    box = server.box("b0117")
    server.bring(box, box.report(full=True, is_first=True))
    server.step()
    box.index += moved
    box.account |= {(NOW_S + box.hour * 3600, "elec", float(box.index + 100 + box.hour % 7), None)}
    lost, after = box.report(full=True), box.report()
    server.bring(box, after)
    server.step()
    server.step()
    held = {row for row in server.rows("b0117") if row[1] == "elec"}
    true = {(t_s, value) for t_s, point, value, _ in box.account if point == "elec"}
    assert {(row[0], row[2]) for row in held} <= true
    server.bring(box, lost)
    server.step()
    server.step()
    assert {(row[0], row[2]) for row in server.rows("b0117") if row[1] == "elec"} == {
        (t_s, value) for t_s, value in true
    }


@pytest.mark.parametrize("moved", [1000, 65_536, 200_000])
def test_what_follows_a_known_index_is_read_however_far_the_meter_has_moved_since(server: Server, moved: int) -> None:
    """After weeks without a gateway what is newest comes first: it says nothing against a report that is repeated."""
    box = server.box("b0117")
    server.bring(box, box.report(full=True, is_first=True))
    server.step()
    late = [box.report() for _ in range(3)]
    box.report(full=True)  # never comes
    box.account = {row for row in box.account if row[0] < NOW_S + 16 * 3600}
    box.index += moved
    newest = box.report(full=True)
    server.bring(box, newest, *reversed(late))
    server.step()
    server.step()
    rows = server.rows("b0117")
    assert {row for row in rows if row[0] < NOW_S + 16 * 3600} == {
        row for row in box.account if row[0] < NOW_S + 16 * 3600
    }
    assert server.gateway.store.db.execute("SELECT count(*) FROM unread").fetchone() == (0,)


def test_only_what_was_asked_for_in_vain_is_given_up_and_not_what_was_lost_meanwhile(server: Server) -> None:
    box = server.box("b0117")
    server.bring(box, box.report(full=True, is_first=True))
    server.step()
    box.report()  # lost for ever
    server.bring(box, box.report())
    server.run(40 * 86_400, 3600)
    late = box.report()  # lost when the first one has been asked for six times already
    server.bring(box, box.report())
    server.run(9 * 86_400, 3600)
    (given_up,) = server.journal("given_up")
    assert '"count": 1' in given_up
    assert box.acks()[-1].missing == (counter_of(late),)
    server.bring(box, late)
    server.run(86_400, 3600)
    assert len(server.journal("given_up")) == 1
    assert len(server.rows("b0117")) == 2 * 16


def test_a_box_whose_budget_is_used_up_is_waited_for_as_long_as_anything_comes(server: Server) -> None:
    """It was asked for all that it holds, and sends one message in three weeks."""
    box = server.box("b0117")
    server.bring(box, box.report(full=True, is_first=True))
    server.step()
    waiting = [box.report(full=True) for _ in range(5)]
    server.bring(box, box.report(full=True))
    for octets in waiting:
        server.run(21 * 86_400, 3600)
        server.bring(box, octets)
    server.step()
    server.step()
    assert server.journal("given_up") == []
    assert {row[:3] for row in server.rows("b0117")} == {row[:3] for row in box.account}
    assert len([one for one in box.acks() if one.missing]) == 5 + 4 * 4, "at once, after 1, 2, 4 and 8 days"


def test_what_never_comes_is_given_up_after_six_questions_and_later_than_a_months_budget(server: Server) -> None:
    box = server.box("b0117")
    server.bring(box, box.report(full=True, is_first=True))
    server.step()
    before = set(box.account)
    box.report()
    dropped = box.account - before
    server.bring(box, box.report())
    server.run(46 * 86_400, 3600)
    assert server.journal("given_up") == []
    server.run(4 * 86_400, 3600)
    assert len([one for one in box.acks() if one.missing]) == 6
    (given_up,) = server.journal("given_up")
    assert '"count": 1' in given_up
    stored = server.rows("b0117")
    hour = NOW_S + 8 * 3600
    late = next(row for row in box.account if row[:2] == (hour, "elec"))
    assert stored == (box.account - dropped - {late}) | {(hour, "elec", late[2], None)}, "no increment is made up"
    kept = server.gateway.store.box("b0117")
    assert kept is not None
    assert kept.settled == kept.told or kept.settled > kept.told


def test_a_weekly_acknowledgement_and_no_more(server: Server) -> None:
    box = server.box("b0117")
    server.bring(box, box.report(full=True, is_first=True))
    for _ in range(28):
        server.run(43_200, 3600)
        server.bring(box, box.report(12))
    server.step()
    assert server.rows("b0117") == box.account
    assert len(box.acks()) == 2
    assert all(not one.missing for one in box.acks())


def test_a_power_cut_anywhere_loses_and_doubles_nothing(server: Server) -> None:
    """The file is opened again before each message, and the mailbox gives it once more as if `done` had not come."""
    box = server.box("b0117")
    messages = [box.report(full=True, is_first=True), *(box.report() for _ in range(5)), box.events(is_test=True)]
    for octets in messages:
        server.bring(box, octets)
        again = list(server.mailboxes["a"].inbox)
        server.gateway.step(server.utc_s)
        server.reopen()
        server.mailboxes["a"].inbox = again
        server.step()
        server.reopen()
    server.step()
    server.step()
    assert server.rows("b0117") == box.account
    assert sum(one.is_test for one in box.acks()) == 1
    counters = [
        int.from_bytes(sent.octets[3:6]) for sent in server.mailboxes["a"].left if sent.octets[0] & 15 != Type.HELLO
    ]
    assert len(set(counters)) == len(counters), "no nonce twice"


def test_a_report_whose_schema_or_index_is_not_known_waits_and_is_named(server: Server) -> None:
    box = server.boxes["b0117"] = TextingBox("b0117", server.gateway.sessions.identity.public)
    server.bring(box, box.hello())
    server.step()
    server.accept("b0117")
    server.step()
    server.step()
    schema = box.schema_messages()
    full, low = box.report(full=True, is_first=True), box.report()
    server.bring(box, low)
    server.step()
    assert "schema" in server.journal("unread")[0]
    assert server.rows("b0117") == set()
    server.bring(box, *schema)
    server.step()
    assert server.rows("b0117") == set(), "the index is not known"
    server.bring(box, full)
    server.step()
    server.step()
    assert server.rows("b0117") == box.account
    (left,) = server.gateway.store.db.execute("SELECT count(*) FROM unread").fetchone()
    assert left == 0


def test_once_enough_is_acknowledged_both_make_the_same_prior_and_reports_that_need_it_are_read(server: Server) -> None:
    box = server.box("b0117")
    sent = [box.report(6, full=True, is_first=True), *(box.report(6) for _ in range(29))]
    reports = box.reports[:]
    for octets in sent:
        server.bring(box, octets)
        server.step()
    server.run(8 * 86_400, 3600)
    train = box.acks()[-1].train
    assert train is not None
    made = [columns for counter, columns in reports if train.first <= counter <= train.last]
    assert len(made) == 30
    prior = train_prior(box.schema, made)
    assert prior.id == train.prior
    shorter = box.report(6, prior=prior)
    assert header_of(shorter).prior == prior.id
    assert len(shorter) < len(sent[-1])
    server.reopen()
    server.bring(box, shorter)
    server.run(3600, 600)
    assert server.rows("b0117") == box.account


def test_a_prior_never_takes_the_id_of_another_one(server: Server) -> None:
    box = server.box("b0117")
    priors = Priors(server.gateway.store)
    for number in range(24):
        made = encode(box.schema, [[number * 100 + hour for hour in range(6)] for _ in box.schema.channels])
        head = Header(Type.REPORT, 1, number, box.schema.id, step=6, coder=made.coder, count=made.count)
        priors.keep("b0117", head, made.body)
    proposed = priors.proposal("b0117", box.schema, 99, NOW_S)
    assert proposed is not None
    db = server.gateway.store.db
    db.execute("UPDATE prior SET body = ?, at_s = 0", (train_prior(box.schema, []).packed(),))
    priors.forget()
    assert priors.proposal("b0117", box.schema, 99, NOW_S) is None


def test_a_report_with_a_prior_that_is_not_known_waits_and_is_named(server: Server) -> None:
    box = server.box("b0117")
    server.bring(box, box.report(full=True, is_first=True))
    server.step()
    before = server.rows("b0117")
    prior = train_prior(box.schema, [columns for _, columns in box.reports])
    server.bring(box, box.report(6, prior=prior))
    server.step()
    assert server.rows("b0117") == before
    assert f"prior {prior.id} is not known" in server.journal("unread")[0]
