"""The box by SMS alone, whole: alarms and orders of the rows' acceptance lines, from a phone and back to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from edge.core.costs import costs
from edge.core.equipment_list import EquipmentList
from edge.core.setpoint import Setpoints
from tests.sim.clock_world import Stage, StagedClock
from tests.sms_channel_rig import GATEWAY, LINK, STRANGER, Phoned
from tests.sms_desk_rig import BOSS, CARE, GUEST

BOILER = """\
[[point]]
id = "boiler.t"
name = { en = "Boiler flow", fr = "Chaudière départ" }
bus = "w1"
driver = "ds18b20"
probe = "28-3c01f0950a22"
equipment = "boiler1"
period_s = 10
record_s = 60
[[limit]]
id = "boiler.hot"
point = "boiler.t"
kind = "high"
value = 85
"""
MANY = "".join(
    f'[[point]]\nid = "p{n}.t"\nbus = "w1"\ndriver = "ds18b20"\nprobe = "28-0000000{n:05x}"\nperiod_s = 10\n'
    f'record_s = 600\n[[limit]]\nid = "p{n}.hot"\npoint = "p{n}.t"\nkind = "high"\nvalue = 40\n'
    for n in range(100)
)


@contextmanager
def phoned(more: str = "", **options: Any) -> Iterator[Phoned]:
    box = Phoned(more, **options)
    try:
        yield box
    finally:
        box.close()


def test_an_alarm_is_acknowledged_by_its_code_and_not_told_again_also_after_a_restart() -> None:
    """T12, T9: ack by SMS → no more repeats; survives restart; the text says what it means."""
    box = Phoned()
    box.read(60, hall_t=20)
    box.read(60, hall_t=43.5625)
    (begin,) = box.told()
    assert begin.startswith("ALARME 1 HAUTE Gymnase Sud\nhall.t 43,56 C > 40 C (surchauffe)\ndepuis ven 20/11 10:01\n")
    code = begin.split("répondre: ")[1]
    assert re.fullmatch(r"OK [2-9A-Z]{4}", code)
    assert "inconnu" in box.text("OK 2222", CARE) or "2222" in box.told()[-1]
    assert box.engine.alarms.waiting(), "a wrong code acknowledges nothing"
    assert box.text(code, CARE) == "1 acquittée 10:02 par Gardien. Toujours active: 43,56 C > 40 C."
    told = len(box.told())
    box = box.restart()
    box.run(3 * 3600)
    assert len(box.told()) == told, "no reminder, nothing twice"
    box.read(120, hall_t=20)
    (end,) = box.told()[told:]
    assert end.startswith("FIN ALARME 1 Gymnase Sud\nhall.t 20 C, revenu sous 40 C\n")
    assert end.endswith("\nAcquittée 10:02 par Gardien")
    assert [(ack["author"], ack["channel"]) for ack in box.journal("alarm_ack")] == [("gardien", "sms")]
    box.close()


def test_a_gateways_key_that_is_none_keeps_no_alarm_from_people() -> None:
    """32 octets are a key or none; what `vigie check` can't see must not silence the modem."""
    key = "A" * 43
    with phoned(link=f'{LINK}gateway = "+33600000100"\ngateway_key = "{key}"\n') as box:
        assert box.text("ALARMS").startswith("Gymnase Sud")
        box.read(60, hall_t=20)
        box.read(60, hall_t=43.5625)
        assert [text.split("\n")[0] for text in box.told()] == ["ALARME 1 HAUTE Gymnase Sud"]


def test_a_flood_of_a_hundred_alarms_is_one_text_and_one_code() -> None:
    """T13: 100 alarms in 1 min → one text, all alarms in the journal, all acknowledged by its one code."""
    with phoned(MANY) as box:
        for number in range(100):
            box.values[f"p{number}.t"] = 20.0
        box.run(60)
        for number in range(100):
            box.values[f"p{number}.t"] = 50.0
        box.run(600)
        assert len(box.journal("alarm_begin")) == 100
        (text,) = box.told()
        assert text.startswith("100 ALARMES Gymnase Sud, 10:01\n1re: 1 p0.t\npuis p1.t, p2.t, p3.t (+96)\n")
        answer = box.text(text.split("acquitter: ")[1], CARE)
        assert answer == "100 alarmes acquittées 10:11 par Gardien: 1, 2, 3, 4, 5, 6 (+94)."
        assert not box.engine.alarms.waiting()
        assert len(box.journal("alarm_ack")) == 100


def test_in_maintenance_an_alarm_is_journaled_and_not_texted_and_its_end_is_by_itself() -> None:
    """T18, ST2: MAINT by SMS → alarm in maintenance journaled, not notified; it ends by itself when it was to."""
    with phoned(BOILER) as box:
        box.read(60, boiler_t=60)
        box.order("MAINT boiler1 marche 1h joint de pompe", CARE)
        cause = box.engine.part(EquipmentList).machines["boiler1"].cause
        assert cause is not None
        assert (cause.author, cause.channel, cause.reason) == ("gardien", "sms", "joint de pompe")
        before = len(box.told())
        box.read(120, boiler_t=99)
        box.read(600, boiler_t=60)
        assert [values["limit"] for values in box.journal("alarm_begin")] == ["boiler.hot"]
        assert len(box.told()) == before
        box.run(3600)
        assert box.engine.part(EquipmentList).machines["boiler1"].state == "in_service"
        box.read(120, boiler_t=99)
        assert len(box.told()) == before + 1, "and then it is told again"


def test_a_relay_is_switched_by_text_read_back_and_journaled() -> None:
    """ACT1: RELAY by SMS → pin changes, journal has author and channel; without its code nothing moves."""
    with phoned() as box:
        proposed = box.text("RELAY valve on 30min")
        assert "valve off -> on for 30 min" in proposed
        assert not box.board.factory.pin(6).state
        done = box.text(proposed.split("min: ")[1].split("\n")[0])
        assert done == "b0042 DONE 10:00: valve on for 30 min, by boss."
        assert box.board.factory.pin(6).state, "the pin itself"
        (order,) = box.commands("relay")
        assert (order["author"], order["channel"], order["before"], order["after"]) == (
            "boss", "sms", "off (auto)", "on (order)",
        )  # fmt: skip
        box.run(1800)
        assert not box.board.factory.pin(6).state, "and back by itself"


def test_a_setpoint_written_by_text_persists() -> None:
    """ACT5: write from SMS → persisted, restored after a power cut."""
    box = Phoned()
    assert box.order("SET hall.wanted 21.5") == "b0042 DONE 10:00: setpoint hall.wanted 21.5 C (was 19 C), by boss."
    assert "5" in box.text("SET hall.wanted 90")
    box = box.restart()
    assert box.engine.part(Setpoints).shown("hall.wanted") == 21.5
    box.close()


def test_who_may_not_is_refused_once_and_a_flood_is_bounded() -> None:
    """ACT8, U1, U3: unknown number → no reply, 1 journal line; read-only → refused; no reply storm."""
    with phoned() as box:
        for _ in range(50):
            box.mailbox.bring(STRANGER, "RELAY valve on")
        assert not box.text("STATUS", STRANGER)
        assert "needs the right to operate" in box.text("RELAY valve on", GUEST)
        assert [(order["author"], order["done"]) for order in box.commands("relay")] == [("guest", False)]
        for number in range(200):
            box.mailbox.bring(GUEST, f"RELAY valve {number}")
        box.run(3700)
        assert not box.told(STRANGER)
        assert len(box.told(GUEST)) <= 2 * 8, "8 an hour"
        assert not box.board.factory.pin(6).state
        lines = box.journal("sms_stranger")
        assert {line["number"] for line in lines} == {"+336****0666"}
        assert len(lines) + len(box.journal("sms_flood")) <= 6
        assert not box.mailbox.inbox


def test_a_tariff_by_text_counts_from_its_date() -> None:
    """C5, R1: TARIFF by SMS, from tomorrow → today's cost unchanged, tomorrow's uses it; answered with what was."""
    with phoned(reads_s=60, at="2026-11-20 22:00") as box:
        box.read(60, water_cold=0)
        box.read(60, water_cold=1)
        done = box.order("TARIF eau base 5,00 du 21/11/2026")
        assert done.endswith("tariff water v2 holds from 21 Nov 2026 00:00 (base 5.00 EUR/m3). Until then v1, by boss.")
        box.until("2026-11-20 23:58")
        assert spent(box, "today") == "4.26"
        box.until("2026-11-21 00:02")
        box.read(120, water_cold=3)
        assert (spent(box, "today"), spent(box, "month")) == ("10.00", "14.26")
        (change,) = box.journal("tariff_changed")
        assert (change["author"], change["channel"], change["until"]) == ("boss", "sms", 1)


def spent(box: Phoned, span: str) -> str:
    (water,) = costs(box.engine).tariffs
    return f"{water.spans[span].amount:.2f}"


def test_a_threshold_by_text_counts_at_once_also_after_a_restart() -> None:
    """R1: thresholds by SMS → active, ack with what it was, journal."""
    box = Phoned()
    box.read(60, hall_t=20)
    assert "limit hall.hot 45 C (was 40 C)" in box.order("SET hall.hot 45")
    box = box.restart()
    box.read(120, hall_t=43)
    assert not box.told()
    box.read(120, hall_t=46)
    assert len(box.told()) == 1
    box.close()


def test_a_question_has_one_answer_and_a_word_nobody_knows_a_helpful_one() -> None:
    """S8: SMS "STATUS" → one reply, in the asker's language, in any letters; a question costs one text."""
    with phoned() as box:
        box.read(60, hall_t=20, water_cold=0)
        assert box.text("STATUS").startswith("Gymnase Sud b0042, Fri 20 Nov 10:01\n")
        assert box.text(" état. ", CARE).startswith("Gymnase Sud b0042, ven 20/11 10:01\n")
        box.read(60, hall_t=None)
        assert re.match(r"hall\.t: no value", box.text("READ hall.t", GUEST)), box.told(GUEST)
        assert "RELEV" in box.text("RELEVER", CARE)
        assert not box.text("", GATEWAY)


@pytest.mark.parametrize(("asks", "number"), [("HELP", BOSS), ("AIDE", CARE)])
def test_what_help_says_is_alone_tells_how_and_starts_nothing(asks: str, number: str) -> None:
    """S8: each word that HELP names as telling how is sent alone, and told how; TEST, which begins at once, is not."""
    with phoned() as box:
        box.read(60, hall_t=20, water_cold=0)
        told = box.text(asks, number)
        words = re.search(r"\. ((?:[A-Z]+ )+[A-Z]+): ", told)
        assert words, told
        assert "TEST" in told
        assert "TEST" not in words[1]
        for word in words[1].split()[:6]:
            assert word in box.text(word, number)
        assert not box.journal("command")


def test_a_box_that_does_not_know_the_time_is_told_it_by_text() -> None:
    """R3: boot with clock 1970 → undated; corrected when a text tells the time, order kept, journaled."""
    clock = StagedClock([Stage(0, off_s=-1_795_000_000, word="")], 1_795_166_000_000, 100.0)
    with phoned(clock=clock) as box:
        box.read(120, hall_t=20)
        assert "10:1" not in box.text("STATUS")
        done = box.order("TIME 2026-11-20 10:20")
        assert "DONE" in done
        box.run(120)
        assert box.text("STATUS").startswith("Gymnase Sud b0042, Fri 20 Nov 10:2")
        (order,) = box.commands("time.set")
        assert (order["author"], order["channel"], order["done"]) == ("boss", "sms", True)
        assert box.dating.utc_ms(1, 100_000) is not None, "what was before has its date too"


def test_a_test_text_reaches_the_phone_and_the_journal_says_so() -> None:
    """I3: `test sms` → the phone has it, the journal tells that it was sent."""
    with phoned() as box:
        assert box.local("test.sms", to="gardien").done
        assert box.told()[0].startswith("ESSAI Gymnase Sud b0042\nMessage demandé par anna")
        box.run(30)
        fates = [sent["fate"] for sent in box.journal("page_sent") if sent["what"] == "test"]
        assert fates[:1] == ["handed"]
        assert fates[-1] in {"handed", "sent", "delivered"}
        assert not box.told(BOSS)


def test_a_test_asked_for_by_text_is_answered_once_with_its_outcome() -> None:
    """I3: TEST by SMS → within 5 minutes one text that says what it came to, and none before."""
    with phoned() as box:
        box.read(60, hall_t=20)
        assert not box.text("TEST", CARE)
        box.run(300)
        (outcome,) = box.told()
        assert outcome.startswith("TEST b0042 ÉCHEC ven 20/11 10:06\nPoints ")
        assert outcome.endswith("\nServeur: pas de réponse en 5 min\nCorriger puis TEST")
        box.run(600)
        assert len(box.told()) == 1
