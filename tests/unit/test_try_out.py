"""`vigie test sms` and `vigie test alarm`: the whole chain with nothing wrong, marked as what it is."""

from __future__ import annotations

from typing import Any

from edge.core.reachable import RecipientSpec
from edge.core.try_out import LIMIT, TryOut
from tests.unit.rig import Rig, gauge
from tests.unit.test_alarm_silence import order
from tests.unit.test_paging import CARETAKER, NOON, PARIS, of, pages, parts, pass_to
from tests.unit.test_sms_pages import texts


def site(*recipients: RecipientSpec, saved: dict[str, Any] | None = None, **options: Any) -> Rig:
    made = [*parts(*recipients, saved=saved), TryOut()] if recipients else [TryOut()]
    return Rig(gauge(), parts=made, **{"utc_offset_ms": NOON, "zone": PARIS, **options})


def test_a_test_alarm_is_told_ended_and_leaves_nothing_to_acknowledge() -> None:
    rig = site(CARETAKER)
    order(rig, "test.alarm", for_s=90)
    pass_to(rig, 300)
    assert [(kind, event.values.get("kind")) for event in rig.events if (kind := event.kind).startswith("alarm_b")] == [
        ("alarm_begin", "test")
    ]
    assert pages(rig) == [(0, "caretaker", "begin"), (90, "caretaker", "end")]
    assert [text for _to, _what, text in texts(rig)] == [
        (
            "ALARME 1 ESSAI Gymnase Sud\nb0042 essai de toute la chaine\ndepuis ven 20/11 12:00\n"
            "Pour acquitter, répondre: OK 4F7K"
        ),
        "FIN ALARME 1 Gymnase Sud\nb0042 terminé\n12:00-12:01 (1 min 30 s)\nRien à faire.",
    ]
    assert rig.engine.alarms.waiting() == []
    assert rig.event_registers["paging"]["alarms"] == rig.event_registers["notifier"] == {}


def test_it_can_be_acknowledged_and_a_second_one_waits_for_its_end() -> None:
    rig = site(CARETAKER)
    order(rig, "test.alarm")
    assert order(rig, "test.alarm", "b").text.key == "try_alarm_runs"
    assert order(rig, "ack", number=1).done
    pass_to(rig, 61)
    assert LIMIT not in rig.engine.alarms.by_limit
    assert order(rig, "test.alarm", "c").done
    assert rig.engine.alarms.list.last_number == 2, "a number is never used twice"


def test_one_that_a_power_cut_finds_is_ended_by_the_start() -> None:
    rig = site(CARETAKER)
    order(rig, "test.alarm")
    after = rig.restart(parts=[*parts(CARETAKER, saved=rig.event_registers), TryOut()], utc_offset_ms=NOON, zone=PARIS)
    pass_to(after, 100)
    assert "alarm_end" in after.kinds()
    assert pages(after) == [(0, "caretaker", "end")]


def test_a_text_goes_to_who_is_named_else_to_the_first() -> None:
    rig = site(CARETAKER, RecipientSpec("manager"))
    assert order(rig, "test.sms").values == {"to": "caretaker"}
    assert order(rig, "test.sms", to="manager", author="anne").done
    assert [event.values for event in of(rig.events)] == [
        {"to": "caretaker", "what": "test", "by": "anna"}, {"to": "manager", "what": "test", "by": "anne"},
    ]  # fmt: skip


def test_nobody_to_text_is_said() -> None:
    rig = site(CARETAKER)
    unknown = order(rig, "test.sms", to="carteaker")
    assert (unknown.done, unknown.text.key) == (False, "try_no_recipient")
    assert order(site(), "test.sms").text.key == "try_no_recipients"
    assert order(site(), "test.alarm").done, "MQTT hears of it all the same"
