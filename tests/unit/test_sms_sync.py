"""The box's conversation with its gateway: pairing, values, alarms, loss, order, kills, MQTT first, orders, time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import pytest

from edge.core.types import PointSpec
from edge.links.messages import TimeHeard
from edge.settings.model_sms import SmsLink as SmsSettings
from edge.settings.sms_channels import schema_of
from hal.sample import Notice
from sms.forms import Answer, Order, Train, body, form_of
from sms.mailbox import Outgoing
from sms.schema import Schema, schema_bodies
from sms.wire import Type, header_of
from tests.sms_link_rig import BEGIN_MS, DAY_S, HOUR_MS, POINTS, Rig, hours_of, twin


def test_a_box_says_hello_is_accepted_and_sends_schema_and_values_by_itself() -> None:
    rig = Rig()
    rig.run(6 * 3600)
    assert rig.gateway.session is not None
    assert [schema.box for schema in rig.gateway.schemas.values()] == ["b0117"]
    assert hours_of(rig) == list(range(5))
    assert rig.kinds().count("sms_paired") == 1
    assert "link_up" in rig.kinds()
    assert rig.link.status()["paired"]


def test_values_arrive_as_measured_to_the_resolution_of_their_channel() -> None:
    rig = Rig()
    rig.run(12 * 3600)
    schema = next(iter(rig.gateway.schemas.values()))
    values = rig.gateway.values()
    assert {point for point, _, _ in values} == {"tic.base", "water", "tic.papp", "t.flow", "door"}
    for channel in schema.channels:
        for hour in range(11):
            period = rig.past.period(channel.point, BEGIN_MS + hour * HOUR_MS, BEGIN_MS + (hour + 1) * HOUR_MS)
            assert period is not None
            shown = {"index": period.last, "last": period.last, "mean": period.mean, "min": period.low,
                     "max": period.high}[channel.what]  # fmt: skip
            sent = values[channel.point, channel.what, BEGIN_MS // 1000 + hour * 3600]
            assert isinstance(shown, int | float)
            assert sent * 10**channel.exponent == pytest.approx(shown, abs=10**channel.exponent)


def test_hours_without_a_value_stay_missing() -> None:
    rig = Rig()
    rig.past.holes = {2, 3, 7}
    rig.run(12 * 3600)
    assert hours_of(rig) == [0, 1, 4, 5, 6, 8, 9, 10]


def test_a_month_with_loss_and_repeats_loses_nothing_and_counts_what_it_sends() -> None:
    rig = Rig(SmsSettings(plan="daily", per_day=12, per_month=150), loss=0.05, double=0.05, poll_s=900.0)
    for day in range(31):
        if day % 5 == 0:
            rig.happen("alarm_begin", "t.flow", id=day, kind="high", v=92.5, u="Cel", at=85.0)
        rig.run(DAY_S)
    rig.run(9 * DAY_S)  # what was lost at the end is asked for
    hours = hours_of(rig)
    assert hours == list(range(hours[-1] + 1))
    assert hours[-1] >= 38 * 24
    assert rig.gateway.missing == ()
    assert sum(kind == "alarm_begin" for _, kind, _ in rig.gateway.events) == 7
    account = rig.queue.account
    assert sum(day.sent for day in account.days.values()) == rig.air.carried
    assert sum(day.came for day in account.days.values()) == len(rig.air.down) == rig.air.to_box
    assert max(day.sent for day in account.days.values()) <= 12
    least = rig.air.carried - rig.air.lost
    assert rig.air.carried <= 1.15 * least
    assert rig.air.lost > 0
    assert rig.gateway.repeats > 0


def test_any_order_of_five_messages_gives_the_same_state_at_the_gateway() -> None:
    rig = Rig(pumps=False)
    octets: list[bytes] = []
    for _ in range(8):
        rig.run(3600)
        while (message := rig.mailbox.leave()) is not None:
            if rig.gateway.session is None:
                for answer in rig.gateway.take(message.octets, 0):
                    rig.mailbox.bring("+33600000100", octets=answer)
            else:
                octets.append(message.octets)
    assert rig.gateway.session is not None
    first, five = octets[:-5], octets[-5:]
    for each in first:
        rig.gateway.take(each, 0)
    seen: set[bytes] = set()
    for order in itertools.permutations(five):
        gateway = twin(rig)
        for each in (*order, order[2]):  # one of them twice
            gateway.take(each, 0)
        seen.add(msgspec.json.encode(sorted((list(key), value) for key, value in gateway.values().items())))
        assert gateway.missing == ()
        assert gateway.repeats == 1
    assert len(seen) == 1


def test_an_alarm_goes_at_once_and_before_what_waits() -> None:
    rig = Rig(SmsSettings(plan="daily"))
    rig.run(3 * 3600)
    sent = len(rig.mailbox.left)
    rig.happen("alarm_begin", "t.flow", id=12, kind="high", v=92.5, u="Cel", at=85.0, prio="high")
    rig.run(60)
    assert len(rig.mailbox.left) == sent + 1
    assert rig.mailbox.left[-1].valid_s == 3600
    assert [(kind, point) for _, kind, point in rig.gateway.events] == [("alarm_begin", "t.flow")]
    at_s = rig.gateway.events[0][0]
    assert abs(at_s * 1000 - rig.clock.utc_ms()) < 61_000


def test_twenty_alarms_at_once_share_few_messages() -> None:
    rig = Rig(SmsSettings(plan="daily"))
    rig.run(3 * 3600)
    sent = len(rig.mailbox.left)
    for number in range(20):
        rig.happen("alarm_begin", f"apt{number:02}.water", id=number, kind="high", v=92.5, u="l/h", at=85.0)
    rig.run(600)
    assert len(rig.gateway.events) == 20
    assert len(rig.mailbox.left) - sent <= 10


def test_what_was_not_acknowledged_is_sent_again_as_the_same_octets_under_another_key() -> None:
    rig = Rig(loss=0.2, seed=3, poll_s=900.0)
    rig.run(5 * DAY_S)
    by_octets: dict[bytes, set[str]] = {}
    for message in rig.mailbox.left:
        by_octets.setdefault(message.octets, set()).add(message.key)
    counters = [octets[3:6] for octets in by_octets if octets[1:3] != b"\0\0"]
    assert len(counters) == len(set(counters)), "a counter was used for two messages"
    assert any(len(keys) > 1 for keys in by_octets.values())
    assert len(rig.mailbox.left) == len({message.key for message in rig.mailbox.left})


def test_a_kill_at_any_hour_loses_nothing_and_never_uses_a_counter_twice() -> None:
    rig = Rig()
    for hour in range(48):
        rig.run(3000 + 97 * hour % 600)
        if hour % 7 == 3:
            rig.kill()
            rig.start()
    rig.run(2 * DAY_S)
    octets = {message.octets for message in rig.mailbox.left if message.octets[1:3] != b"\0\0"}
    assert len({each[3:6] for each in octets}) == len(octets)
    hours = hours_of(rig)
    assert hours == list(range(hours[-1] + 1))
    assert rig.gateway.missing == (), "the box did not say which counters it left out"


def test_an_outage_of_the_network_is_made_up_for_and_nothing_is_lost() -> None:
    rig = Rig(SmsSettings(plan="6-hourly", per_day=12, per_month=300), poll_s=600.0)
    rig.run(2 * DAY_S)
    rig.network_is_up = False
    rig.run(3 * DAY_S)
    rig.network_is_up = True
    rig.run(3 * DAY_S)
    hours = hours_of(rig)
    assert hours == list(range(hours[-1] + 1))
    assert hours[-1] >= 7 * 24


def test_a_box_that_was_off_for_days_sends_the_newest_first_and_the_rest_as_backlog() -> None:
    rig = Rig(SmsSettings(plan="6-hourly", per_day=12, per_month=300), poll_s=600.0)
    rig.run(DAY_S)
    rig.kill()
    rig.run(4 * DAY_S)
    rig.start()
    rig.run(DAY_S)
    assert rig.gateway.counts["BACKLOG"] > 0
    hours = hours_of(rig)
    assert hours == list(range(hours[-1] + 1))
    base = [report.header.base_s for report in rig.gateway.reports]
    assert base != sorted(base), "the newest values came before the old ones"


def test_mqtt_first_then_sms_then_mqtt_alone_again() -> None:
    """S6: cut IP → after the delay SMS; IP back → backlog by MQTT only."""
    rig = Rig(SmsSettings(plan="hourly", per_day=60, per_month=900, after_s=3600))
    rig.silent_s = 0.0
    rig.run(6 * 3600)
    assert rig.gateway.counts.get("REPORT", 0) == 0
    assert rig.gateway.session is not None, "the pairing is made while MQTT works"
    rig.happen("alarm_begin", "t.flow", id=1)
    rig.run(600)
    assert rig.gateway.events == [], "MQTT has told that"
    for step in range(9):  # MQTT is cut
        rig.silent_s = 600.0 + 1800.0 * step
        rig.run(1800)
    by_sms = hours_of(rig)
    assert by_sms == list(range(by_sms[0], by_sms[-1] + 1))
    assert by_sms[0] >= 5, "what MQTT had told was not sent again"
    rig.silent_s = 0.0
    sent = len(rig.mailbox.left)
    rig.run(2 * DAY_S)
    assert len(rig.mailbox.left) == sent
    assert hours_of(rig) == by_sms


def test_an_alarm_within_the_first_minutes_without_mqtt_goes_by_sms() -> None:
    rig = Rig(SmsSettings(plan="hourly", after_s=3600))
    rig.silent_s = 0.0
    rig.run(3600)
    rig.silent_s = 30.0
    rig.happen("alarm_begin", "t.flow", id=1)
    rig.run(30)
    assert rig.gateway.events == []
    rig.silent_s = 90.0
    rig.run(120)
    assert [kind for _, kind, _ in rig.gateway.events] == ["alarm_begin"]


def test_other_points_make_another_schema_which_goes_before_its_values() -> None:
    rig = Rig()
    rig.run(6 * 3600)
    rig.points = (*POINTS, PointSpec("t.room", "gauge", "Cel"))
    rig.run(6 * 3600)
    assert len(rig.gateway.schemas) == 2
    assert {point for point, _, _ in rig.gateway.values()} >= {"t.room"}


def test_other_points_never_take_the_id_of_the_schema_before() -> None:
    """Reports of both are under way at once; under one id those of one would be read by the other's channels."""
    rig = Rig()
    rig.run(6 * 3600)

    def schema(points: Sequence[PointSpec]) -> Schema:
        found = schema_of(rig.settings, "b0117", "Europe/Paris", points)
        assert found is not None
        return found

    wanted = schema(POINTS).id
    several = ((*POINTS, PointSpec(f"t.room{number}", "gauge", "Cel")) for number in itertools.count())
    rig.points = next(points for points in several if schema(points).id == wanted)
    name = rig.points[-1].id
    rig.run(6 * 3600)
    rig.kill()
    rig.start()
    rig.run(6 * 3600)
    assert len(rig.gateway.schemas) == 2, "a restart makes no third"
    assert wanted in rig.gateway.schemas
    assert name not in {channel.point for channel in rig.gateway.schemas[wanted].channels}
    values = rig.gateway.values()
    assert {point for point, _, _ in values} >= {name, "t.flow"}
    told = sum(header_of(octets).type is Type.SCHEMA for octets in {one.octets for one in rig.mailbox.left})
    assert told == 2 * len(schema_bodies(schema(rig.points)))


def down(rig: Rig, form: Order | Train, kind: Type = Type.COMMAND) -> bytes:
    assert rig.gateway.session is not None
    return rig.gateway.session.seal(kind, body(form))  # type: ignore[arg-type]


def test_an_order_is_carried_out_once_and_answered_also_when_it_comes_twice() -> None:
    rig = Rig()
    rig.run(3600)
    order = Order("7", "relay", {"point": "pump", "to": "on"}, rig.clock.utc_ms() // 1000 + 600)
    octets = down(rig, order)
    for _ in range(3):
        rig.mailbox.bring("+33600000100", octets=octets)
    rig.run(300)
    rig.kill()
    rig.start()
    rig.mailbox.bring("+33600000100", octets=octets)
    rig.mailbox.bring("+33600000100", octets=down(rig, order))  # the server asks again
    rig.run(300)
    assert [(command.verb, command.author, command.channel, command.granted) for command in rig.office.done] == [
        ("relay", "gateway", "sms", "configure")
    ]  # fmt: skip
    answers = [form_of(Type.REPLY, each) for each in rig.gateway.answers]
    assert [answer.done for answer in answers if isinstance(answer, Answer)] == [True, True]


def test_an_order_that_came_too_late_is_refused_and_an_unanswered_one_is_given_up() -> None:
    rig = Rig()
    rig.run(3600)
    now_s = rig.clock.utc_ms() // 1000
    rig.mailbox.bring("+33600000100", octets=down(rig, Order("1", "relay", {}, now_s - 1)))
    rig.run(300)
    assert rig.office.done == []
    rig.office.is_busy = True
    rig.mailbox.bring("+33600000100", octets=down(rig, Order("2", "relay", {}, now_s + 3600)))
    rig.run(600)
    answers = [form_of(Type.REPLY, each) for each in rig.gateway.answers]
    assert [answer.done for answer in answers if isinstance(answer, Answer)] == [False, False]
    assert not rig.mailbox.inbox


@pytest.mark.parametrize("octets", [b"\x00", b"\xff" * 140, bytes(12), b"\x16" + bytes(139)])
def test_foreign_octets_do_nothing_and_are_told_with_what_they_were(octets: bytes) -> None:
    rig = Rig()
    rig.run(3600)
    sent = len(rig.mailbox.left)
    rig.mailbox.bring("+33600000666", octets=octets)
    rig.run(120)
    assert rig.kinds().count("sms_refused") == 1
    assert len(rig.mailbox.left) == sent
    assert not rig.mailbox.inbox


def test_a_flood_of_foreign_octets_is_a_few_lines_and_their_number() -> None:
    """A thousand an hour must not push a month's events out of the log."""
    rig = Rig()
    rig.run(3600)
    for number in range(1000):
        rig.mailbox.bring("+33600000666", octets=number.to_bytes(2) + bytes(38))
    rig.run(2 * 3600)
    told = [each.values for each in rig.posted if isinstance(each, Notice) and each.kind == "sms_refused"]
    assert sum("raw" in values for values in told) == 24
    assert sum(int(values.get("count", 1)) for values in told) == 1000
    assert len(told) == 25
    assert rig.sync.status()["refused"] == 1000
    assert not rig.mailbox.inbox


def test_a_bit_turned_anywhere_in_an_acknowledgement_moves_nothing() -> None:
    rig = Rig()
    rig.run(3 * 3600)
    ack = rig.gateway.ack(rig.clock.utc_ms() // 1000)
    held = len(rig.sync._out.memory.held)
    for place in range(0, len(ack), 3):
        rig.mailbox.bring("+33600000100", octets=ack[:place] + bytes((ack[place] ^ 4,)) + ack[place + 1 :])
    rig.run(300)
    assert len(rig.sync._out.memory.held) >= held
    rig.mailbox.bring("+33600000100", octets=ack)
    rig.run(120)
    assert len(rig.sync._out.memory.held) < held


def test_the_time_is_taken_from_the_gateway_where_nobody_else_tells_it() -> None:
    rig = Rig()
    rig.run(3600)
    rig.posted.clear()
    rig.mailbox.bring("+33600000100", octets=rig.gateway.ack(rig.clock.utc_ms() // 1000))
    rig.run(120)
    heard = [said for said in rig.posted if isinstance(said, TimeHeard)]
    assert heard
    fix = heard[0].fix
    assert (fix.source, fix.error_ms > 0) == ("gsm", True)
    offset_ms = rig.clock.utc_ms() - rig.clock.monotonic_ns() // 1_000_000
    assert abs(fix.utc_ms - fix.t_ns // 1_000_000 - offset_ms) < 120_000


def test_a_card_that_cannot_be_read_makes_values_wait_and_no_alarm() -> None:
    rig = Rig()
    rig.run(3600)
    rig.past.trouble = "input/output error"
    rig.happen("alarm_begin", "t.flow", id=3)
    rig.run(3 * 3600)
    assert [kind for _, kind, _ in rig.gateway.events] == ["alarm_begin"]
    rig.past.trouble = ""
    rig.run(3 * 3600)
    assert hours_of(rig) == list(range(hours_of(rig)[-1] + 1))


def test_ten_minutes_are_summed_up_from_records() -> None:
    rig = Rig(SmsSettings(plan="hourly", step_s=600, per_day=60, per_month=900))
    rig.run(5 * 3600)
    values = rig.gateway.values()
    times = sorted(t_s for point, what, t_s in values if (point, what) == ("water", "index"))
    assert times == list(range(times[0], times[0] + 600 * len(times), 600))
    assert len(times) >= 20


def test_daily_values_are_of_local_days() -> None:
    rig = Rig(SmsSettings(plan="daily", step_s=86_400))
    rig.run(5 * DAY_S)
    headers = [report.header for report in rig.gateway.reports]
    assert {header.type for header in headers} == {Type.DAILY}
    assert {header.step for header in headers} == {15}
    assert all((header.base_s + 3600) % 86_400 == 0 for header in headers), "midnight in Paris, in winter"


def test_the_box_falls_silent_when_its_gateway_does_and_says_so() -> None:
    rig = Rig(SmsSettings(plan="daily"), poll_s=900.0)
    rig.run(3600)
    assert rig.link.status()["state"] == "up"
    rig.gateway.is_dead = True
    rig.run(12 * DAY_S)
    assert rig.link.status()["state"] == "down"
    assert rig.kinds().count("link_down") == 1
    assert len(rig.sync._out.memory.held) >= 12


def test_a_gateway_that_lost_its_keys_gets_another_hello_and_then_all_that_waited() -> None:
    rig = Rig(SmsSettings(plan="daily"), poll_s=3600.0)
    rig.run(7200)
    paired = rig.gateway.session
    assert paired is not None
    rig.gateway.session = None  # as from a backup made before the box was paired
    rig.run(11 * DAY_S)
    assert rig.link.status()["state"] == "down"
    rig.run(3 * DAY_S)
    assert rig.gateway.session is not paired
    assert rig.link.status()["state"] == "up"
    rig.run(3 * DAY_S)
    assert rig.gateway.missing == ()
    assert rig.gateway.refused < 40, "what nobody can open is not sent again and again"
    assert len({t_s for _, _, t_s in rig.gateway.values()}) >= 16 * 24


def test_a_kept_session_that_is_none_begins_anew_and_is_accepted_again() -> None:
    rig = Rig()
    rig.run(6 * 3600)
    rig.sync._out.memory.session = {"role": "box", "number": "x"}
    rig.sync._out.save()
    rig.kill()
    rig.start()
    assert not rig.link.status()["paired"]
    rig.run(6 * 3600)
    assert rig.link.status()["paired"]
    hours = hours_of(rig)
    assert hours == list(range(hours[-1] + 1))
    octets = {message.octets for message in rig.mailbox.left if message.octets[1:3] != b"\0\0"}
    assert len({each[3:6] for each in octets}) == len(octets), "the gateway told from which counter on"


@pytest.mark.parametrize("loss", [0.0, 1.0])
def test_a_trial_is_acknowledged_within_its_minutes_also_when_the_first_message_is_lost(loss: float) -> None:
    rig = Rig(poll_s=5.0)
    rig.run(3 * 3600)
    rig.air._loss = loss
    rig.happen("test_begin")
    seq = rig.events.next_seq() - 1
    rig.link.ask_stored(seq)
    rig.run(60)
    assert (rig.events.acknowledged >= seq) == (loss == 0.0)
    rig.air._loss = 0.0
    rig.run(120)
    assert rig.events.acknowledged >= seq
    assert [kind for _, kind, _ in rig.gateway.events].count("test_begin") == 1


@pytest.mark.parametrize("lost", [0, 1])
def test_a_box_whose_hello_was_lost_is_paired_and_has_stored_within_the_minutes_of_a_trial(lost: int) -> None:
    rig = Rig(poll_s=5.0, loss=1.0)
    rig.run(3600)
    assert not rig.link.status()["paired"]
    rig.happen("test_begin")
    seq = rig.events.next_seq() - 1
    rig.air._loss = float(lost)
    for second in range(0, 240, 5):
        if second == 60:
            rig.air._loss = 0.0
        rig.link.ask_stored(seq)  # as a trial does, again and again
        rig.run(5)
    assert rig.link.status()["paired"]
    assert rig.events.acknowledged >= seq
    assert len(hellos(rig)) == 2 + lost


def test_a_box_that_nobody_accepts_says_two_hellos_a_trial_and_one_a_day() -> None:
    rig = Rig(poll_s=5.0, loss=1.0)
    said = []
    for _trial in range(3):
        rig.happen("test_begin")
        for _ in range(60):
            rig.link.ask_stored(rig.events.next_seq() - 1)
            rig.run(5)
        said.append(len(hellos(rig)))
        rig.run(1200)
    assert said == [2, 4, 6], "the first trial has that of the start"
    rig.run(3 * DAY_S)
    assert len(hellos(rig)) == 9
    assert len({message.octets for message in hellos(rig)}) == 1


def hellos(rig: Rig) -> list[Outgoing]:
    return [message for message in rig.mailbox.left if message.octets[1:3] == b"\0\0"]
