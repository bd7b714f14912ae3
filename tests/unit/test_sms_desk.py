"""People who text the box: who may what, one answer each, nothing twice, and what keeps forgers and floods out."""

from __future__ import annotations

import itertools
import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.commands import Command, Result, Right
from edge.core.reload import Reload
from edge.core.report import Length, Report
from edge.core.text import Text
from edge.links.sms_guard import ALL_ANSWERS, FREE_MOST, OWN_ANSWERS, PAUSES_S, WRONG_A_DAY, LockOut
from edge.links.sms_senders import listed
from edge.settings.model_sms import Recipient
from sms.mailbox import Received
from tests.memory_kept import MemoryKept
from tests.sms_desk_rig import BOSS, CARE, GUEST, PEOPLE, SITE, KeepingOutlet, Texted
from tests.support import ManualClock
from tests.unit.test_report import made

STRANGER = "+33600000099"


def code_in(answer: str) -> str:
    found = re.search(r"(?:YES|OUI) ([2-9A-Z]{4})", answer)
    assert found, answer
    return found[1]


def alarmed() -> Texted:
    """Return a site with one alarm that waits."""
    box = Texted()
    box.temperature(45.0)
    assert box.site.engine.alarms.waiting()
    return box


# -- who is answered


def test_a_number_that_is_not_listed_gets_silence_and_one_journal_line() -> None:
    box = Texted()
    for _ in range(5):
        assert not box.text("STATUS", STRANGER)
        assert not box.text("OK G001", STRANGER)
    assert box.kinds("sms_stranger") == [{"number": "+336****0099"}]
    box.clock.advance(3600)
    box.step()
    assert box.kinds("sms_stranger")[1:] == [{"number": "+336****0099", "count": 9}]
    assert box.desk.tried == 0, "no code of a stranger is even compared"


@pytest.mark.parametrize("number", ["+33600000001", "0033600000001", "0600000001", "+33 6 00 00 00 01", "600000001"])
def test_a_listed_number_is_known_in_any_writing_and_answered_as_it_is_listed(number: str) -> None:
    person = listed(number, PEOPLE)
    assert person is not None
    assert person.id == "boss"
    box = Texted()
    box.come("CREDIT", number)
    box.settle()
    assert [answer.number for answer in box.outlet.sent] == [BOSS]


@pytest.mark.parametrize(
    "number", ["", "+", "00", "1", "VENDOR", "000001", "+4400000001", "+336000000010", "+3360000000", "☎"]
)
def test_what_only_looks_like_a_listed_number_is_none(number: str) -> None:
    assert listed(number, PEOPLE) is None


def test_who_may_only_read_is_refused_with_one_answer_and_one_journal_line() -> None:
    box = Texted()
    assert "Not done: relay needs the right to operate" in box.text("RELAY valve on", GUEST)
    assert box.orders("relay") == [False]
    assert not box.engine.outputs.by_id["valve"].level
    assert "21 C" not in box.text("SET hall.wanted 21", GUEST)


def test_what_is_no_text_is_another_parts() -> None:
    box = Texted()
    assert box.desk.take(Received("1", BOSS, "", b"\x01\x02", None), 2.0) is False


# -- one answer


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("RELEVES", "Unknown command: RELEVES\nTry: STATUS, ALARMS, READ water, REPORT, HELP"),
        ("", "Empty message"), ("\x00\x1b", "Empty message"), ("\U0001f600" * 70, "Unknown command: ?"),
        ("<script>alert(1)</script>", "Unknown command"), ("A" * 5000, "Unknown command"),
        ("SET", "SET flow.high 90"), ("SET " + "9" * 900, "SET flow.high 90"), ("READ hall", "hall.t, hall.wanted"),
        ("READ watr", "water.cold"), ("RELAY valv perhaps", "RELAY pump on 30min"),
        ("SET hall.hot NaN", "NaN"), ("SET hall.hot 1e400", "another unit"),
        ("TARIFF water base -1 from 2027-02-01", "below 0"),
        ("TARIFF water base 4 from 2001-02-01", "has begun"), ("INDEX water -5", "-5"),
        ("SHELVE 99999 2h", "no alarm 99999"),
        ("MAINT boiler1 on 400 d", "MAINT boiler1 on 3h"), ("{name} {0} %s %(x)s [?x]", "Unknown command"),
    ],
)  # fmt: skip
def test_a_text_that_is_wrong_gets_one_helpful_answer(text: str, told: str) -> None:
    assert told in Texted().text(text)


def test_answers_are_in_the_language_of_who_asked() -> None:
    box = Texted()
    assert box.text("STATUS", CARE).startswith("Gymnase Sud b0042, ven 20/11 ")
    assert box.text("ETAT", BOSS).startswith("Gymnase Sud b0042, Fri 20 Nov ")
    assert "Essayez: ETAT" in box.text("XYZ", CARE)


def test_a_value_has_its_unit_and_age_and_what_has_none_says_why_and_is_never_0() -> None:
    box = Texted()
    assert re.fullmatch(r"hall\.t: 20 C, 0 s ago", box.text("READ hall.t"))
    box.temperature(None)
    box.clock.advance(65)
    assert box.text("READ hall.t") == "hall.t: no value for 1 min 5 s: no answer from the device"
    assert box.text("LIRE eau froide", CARE).startswith("Eau froide: pas de valeur depuis ")
    assert "bad 4/6: hall.t " in box.text("DIAG")
    assert "\nWater -\n" in box.text("STATUS"), "what was used is not known: no 0"


def test_alarms_are_listed_in_one_message_and_those_that_do_not_fit_are_counted() -> None:
    box = alarmed()
    assert box.text("ALARMS") == "1 alarm Gymnase Sud\n1 hall.t 45 C > 40 C"
    assert "1 alarme: 1 hall.t" in box.text("STATUS", CARE)
    points = "".join(
        f'[[point]]\nid = "cold.room.number.{n}"\nbus = "w1"\ndriver = "ds18b20"\nprobe = "28-3c01f0950b{n:02}"\n'
        "period_s = 60\n"
        f'[[limit]]\nid = "l{n}"\npoint = "cold.room.number.{n}"\nkind = "high"\nvalue = 5\n'
        for n in range(30)
    )
    many = Texted(points)
    for n in range(30):
        many.temperature(7.0 + n, f"cold.room.number.{n}")
    listing = many.text("ALARMS")
    assert listing.startswith("30 alarms Gymnase Sud\n")
    left = re.search(r"\(\+(\d+)\)$", listing)
    assert left
    assert int(left[1]) + listing.count(" C > 5 C") == 30


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("REPORT", ("day", "2026-11-19")), ("rapport hier", ("day", "2026-11-19")),
        ("RAPPORT mois", ("month", "2026-11-20")),        ("REPORT 01/11/2026", ("day", "2026-11-01")),
    ],
)  # fmt: skip
def test_a_report_is_that_of_yesterday_of_a_day_or_of_this_month(text: str, asked: tuple[str, str]) -> None:
    box, told = Texted(), []

    def report(length: Length, day: date) -> Report:
        told.append((length, day.isoformat()))
        return made()

    box.report = report
    assert box.text(text).startswith("Gymnase Sud, Thu 19 Nov\n")
    assert told == [asked]


def test_a_report_that_can_not_be_made_says_why() -> None:
    box = Texted()
    assert box.text("REPORT") == "b0042: no report: there is no history to report from."

    def report(_length: Length, _day: date) -> Report:
        raise ValueError("future")

    box.report = report
    assert box.text("REPORT 2099-01-01") == "b0042: this day is still to come."

    def no_report(_length: Length, _day: date) -> Report:
        raise ValueError("no_day")

    box.report = no_report
    assert box.text("REPORT 1969-12-31") == "b0042: no report: there is no history to report from."
    assert "REPORT month" in box.text("REPORT whatever")
    box.clock.trusted = "none"
    assert "nobody vouches for the date" in box.text("REPORT")
    assert box.text("STATUS").startswith("Gymnase Sud b0042, date unknown\n")


# -- two steps


def test_an_order_is_done_only_with_its_code_and_once() -> None:
    box = Texted()
    answer = box.text("SET hall.wanted 21,5 C")
    assert answer.startswith("b0042: setpoint hall.wanted 19 C -> 21.5 C\nTo confirm, reply within 15 min: YES ")
    assert box.text("STATUS"), "asking meanwhile takes nothing away"
    done = box.text(f"yes {code_in(answer).lower()}.")
    assert re.fullmatch(r"b0042 DONE \d\d:\d\d: setpoint hall\.wanted 21\.5 C \(was 19 C\), by boss\.", done)
    assert "No message waits for the code" in box.text(f"YES {code_in(answer)}")


def test_toggle_is_told_and_done_as_what_it_means_now() -> None:
    box = Texted()
    answer = box.text("RELAY valve toggle")
    assert answer.startswith("b0042: valve off -> on\n")
    confirmed = box.text("RELAY valve on", CARE)
    box.text(f"OUI {code_in(confirmed)}", CARE)
    box.clock.advance(60)
    box.text(f"YES {code_in(answer)}")
    assert box.engine.outputs.by_id["valve"].level, "on was told, and on it is"


def test_an_order_that_can_not_be_done_is_refused_before_its_code() -> None:
    fixed = '[[output]]\nid = "fixed"\nbus = "gpio"\npin = 9\nlimit = "hall.hot"\nby_command = false\n'
    box = Texted(SITE.replace("[[limit]]", f"{fixed}[[limit]]", 1))
    assert "not switched by orders" in box.text("RELAY fixed on")


def test_a_question_mark_asks_for_help() -> None:
    assert Texted().text(" ? ").startswith("STATUS, ALARMS")


def test_a_code_is_worth_nothing_from_another_number_or_too_late() -> None:
    box = Texted()
    answer = box.text("RELAY valve on 30min")
    assert "No message waits" in box.text(f"YES {code_in(answer)}", CARE) or "Aucun message" in box.outlet.sent[-1].text
    box.clock.advance(901)
    assert "No message waits" in box.text(f"YES {code_in(answer)}")
    assert not box.engine.outputs.by_id["valve"].level


def test_the_network_delivers_twice_and_it_is_done_and_answered_once() -> None:
    box = Texted()
    answer = box.text("RELAY valve toggle")
    for copy in range(3):
        box.come(f"YES {code_in(answer)}", stamp=77, id_=f"copy{copy}")
    box.settle()
    assert len(box.outlet.sent) == 2
    assert box.engine.outputs.by_id["valve"].level


@pytest.mark.parametrize("steps", range(6))
@pytest.mark.parametrize("writes", [True, False])
def test_a_kill_at_any_step_executes_nothing_twice_and_answers_once(steps: int, *, writes: bool) -> None:
    box = Texted()
    answer = box.text("SET hall.wanted 21")
    box.come(f"YES {code_in(answer)}")
    for _ in range(steps):
        box.step(writes=writes)
    again = box.restart()
    again.settle()
    told = [sent.text for sent in again.outlet.sent[1:]]
    assert len(told) == 1
    is_done = "DONE" in told[0]
    assert again.orders("set") == [True] * is_done, "done once and told so, or not done and told so"
    assert again.wanted() == (21 if is_done else 19)
    assert is_done is (writes and steps > 0)


def test_an_answer_that_is_not_on_the_card_yet_is_not_given() -> None:
    box = Texted()
    answer = box.text("RELAY valve on")
    box.come(f"YES {code_in(answer)}")
    for _ in range(20):
        box.step(writes=False)
    assert len(box.outlet.sent) == 1
    assert box.mailbox, "it stays in the mailbox until it is dealt with"
    box.step(1.5)
    box.settle()
    assert len(box.outlet.sent) == 2


def test_any_order_of_five_texts_ends_as_each_alone_allows() -> None:
    texts = ("SET hall.wanted 21", "RELAY valve on", "STATUS", "OK B001", "YES 2222")
    ends = set()
    for order in itertools.permutations(range(5)):
        box = alarmed()
        for number in order:
            box.come(texts[number], stamp=1000 + number)
            if number == order[0]:
                box.come(texts[number], stamp=1000 + number)  # the network delivers it twice
        box.settle()
        assert len(box.outlet.sent) == 5, "one answer each"
        alarm = box.engine.alarms.list.numbered(1)
        assert alarm is not None
        ends.add((alarm.acknowledged, box.engine.outputs.by_id["valve"].level, len(box.kinds("sms_lockout"))))
    assert ends == {(True, False, 0)}


def reloading(undone: list[int]) -> Texted:
    """Return a site on which a reload was ordered by text and confirmed."""
    box = Texted()

    def undo(noted: Any) -> bool:
        undone.append(noted)
        return True

    def reload(command: Command, _args: Reload) -> Result:
        box.engine.commands.on_trial.begin(command, 1, box.engine.now_ms)
        return Result(command.id, done=True, text=Text("reload_begun"))

    box.engine.commands.on("reload", reload)
    box.engine.commands.on_trial.on("reload", undo)
    told = box.text(f"YES {code_in(box.text('RELOAD'))}")
    assert "Reply KEEP within 15 min" in told
    return box


def test_what_can_cut_the_box_off_is_taken_back_unless_its_sender_keeps_it() -> None:
    undone: list[int] = []
    box = reloading(undone)
    assert box.text("KEEP", CARE) == "b0042: Rien de cet expéditeur n'attend d'etre gardé."
    assert "What was ordered stands" in box.text("garder")
    box.clock.advance(1800)
    box.step()
    assert not undone
    other = reloading(undone)
    other.clock.advance(901)
    other.step()
    other.step()
    assert undone == [1]
    assert "command_undone" in [kind for kind, _values in other.journal]
    assert "Nothing of this sender" in other.text("KEEP")


# -- alarms are acknowledged by their code


def test_the_code_of_an_alarm_acknowledges_it_once() -> None:
    box = alarmed()
    done = box.text("ok g001.", CARE)
    assert re.fullmatch(r"1 acquittée \d\d:\d\d par gardien\. Toujours active: 45 C > 40 C\.", done)
    assert box.text("OK G001", CARE) == "1: déjà acquittée."
    assert box.text("ALARMS", CARE).endswith("1 hall.t 45 C > 40 C (acquittée)")
    assert box.desk.lock_out.until_s(CARE, 0) == 0


def test_who_may_only_read_acknowledges_nothing() -> None:
    box = alarmed()
    assert "needs the right to operate" in box.text("OK G001", GUEST)
    assert box.engine.alarms.waiting()


def test_wrong_codes_lock_out_for_longer_and_longer_with_one_line_each() -> None:
    box = alarmed()
    for n in range(FREE_MOST):
        assert "No message waits" in box.text(f"OK 22{n:02}") or "Too many wrong codes" in box.outlet.sent[-1].text
    assert "none counts for 5 min" in box.outlet.sent[-1].text
    assert not box.text("OK B001"), "the right one neither while it lasts"
    assert box.engine.alarms.waiting()
    assert box.kinds("sms_lockout") == [{"author": "boss", "for_ms": 300_000}]
    box.clock.advance(301)
    box.text("OK 2299")
    assert box.kinds("sms_lockout")[1] == {"author": "boss", "for_ms": 900_000}
    assert "acquittée" in box.text("OK G001", CARE), "another number is not locked out"
    box.clock.advance(901)
    assert box.text("OK B001") == "1: acknowledged already."


def test_a_lock_out_grows_ends_and_is_forgotten() -> None:
    guard, now_s, pauses = LockOut(), 0.0, []
    for _ in range(FREE_MOST + len(PAUSES_S)):
        assert guard.may_try("n", now_s)
        pauses.append(max(0.0, guard.until_s("n", now_s) - now_s))
        if pauses[-1]:
            assert not guard.may_try("n", now_s + pauses[-1] - 1), "none while it lasts"
        now_s += pauses[-1]
    assert pauses == [0.0] * (FREE_MOST - 1) + [*PAUSES_S, PAUSES_S[-1]]
    crowd = LockOut()
    for n in range(WRONG_A_DAY):
        assert crowd.may_try(f"m{n}", float(n))
    assert not crowd.may_try("innocent", 50.0), "of all together as well"
    assert crowd.may_try("innocent", 86_401.0)


def test_a_day_without_a_wrong_code_takes_one_back_and_a_right_one_counts_as_none() -> None:
    guard = LockOut()
    for n in range(FREE_MOST - 1):
        assert guard.may_try("n", float(n))
    assert guard.may_try("n", 10.0)
    guard.right("n", 10.0)
    assert guard.until_s("n", 10.0) == 0.0, "the right one at the last moment"
    assert guard.may_try("n", 3 * 86_400.0)
    assert guard.until_s("n", 3 * 86_400.0) == 0.0


def test_codes_that_come_all_at_once_are_not_compared_more_often_than_one_by_one() -> None:
    box = alarmed()
    for n in range(60):
        box.come(f"OK 2{n:03}")
    box.settle()
    assert box.desk.tried == FREE_MOST
    assert len(box.kinds("sms_lockout")) == 1


# -- forgers and floods


def forge(box: Texted, count: int, number: str = BOSS) -> None:
    """Let that many forged replies come, one each 36 s, with codes in their order."""
    letters = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
    for n in range(count):
        code = "".join(letters[n // 30**place % 30] for place in range(4))
        box.come(f"OK {code}" if n % 2 else f"YES {code}", number, stamp=10_000 + n)
        box.clock.advance(36)
        box.settle(6)


def forged(count: int) -> None:
    box = alarmed()
    proposal = code_in(box.text("RELAY valve on"))
    forge(box, count)
    days = count * 36 / 86_400
    odds = box.desk.tried / 810_000
    print(f"{count} forged replies in {days:.1f} days: {box.desk.tried} compared, odds {odds:.1e}")
    assert box.engine.alarms.waiting(), "acknowledged: none"
    assert not box.engine.outputs.by_id["valve"].level
    assert proposal
    assert box.desk.tried <= WRONG_A_DAY * (days + 1)
    assert len(box.kinds("sms_flood")) <= 24 * days + 2
    assert len(box.outlet.sent) <= 1 + OWN_ANSWERS[1][1] * (days + 1)


def test_forged_replies_acknowledge_nothing_and_most_are_not_even_compared() -> None:
    forged(300)


@pytest.mark.campaign("10,000 forged replies over four days of virtual time")
def test_ten_thousand_forged_replies_acknowledge_nothing() -> None:
    forged(10_000)


def test_a_flood_executes_nothing_keeps_the_budget_and_leaves_one_line_of_each_kind() -> None:
    box = Texted()
    for n in range(250):
        for number in (BOSS, CARE, STRANGER, f"+3361{n:07}"):
            box.come(("RELAY valve on", "STATUS", "YES 2222", "?!")[n % 4], number, stamp=n)
        box.clock.advance(14.4)
        box.settle(6)
    assert not box.engine.outputs.by_id["valve"].level
    assert len(box.outlet.sent) <= ALL_ANSWERS[0][1] * 2
    assert all(sent.number in {BOSS, CARE} for sent in box.outlet.sent)
    assert [values["author"] for values in box.kinds("sms_flood")] == ["boss", "gardien"]
    assert len(box.kinds("sms_stranger")) <= 4
    box.clock.advance(3600)
    box.step()
    counted = sum(values.get("count", 0) for values in box.kinds("sms_stranger"))
    assert counted + sum("count" not in values for values in box.kinds("sms_stranger")) == 500


def test_without_room_in_the_links_budget_nothing_is_proposed_and_a_right_code_still_counts() -> None:
    box = alarmed()
    answer = box.text("RELAY valve on")
    box.outlet.budget = 0
    assert not box.text("SET hall.wanted 21")
    assert not box.text("STATUS")
    assert box.text(f"YES {code_in(answer)}"), "what a code has done is told as long as the link takes it"
    assert box.engine.outputs.by_id["valve"].level
    assert "acknowledged" in box.text("OK B001")


def test_a_station_that_does_not_answer_is_told_and_the_text_is_done_with() -> None:
    box = Texted()
    box.come("STATUS")
    now_s = box.clock.now_ns / 1e9
    assert box.desk.take(box.mailbox[0], now_s) is None
    box.desk.step(now_s + 31)
    box.outlet.step()
    assert box.desk.take(box.mailbox[0], now_s + 32) is True
    assert [sent.text for sent in box.outlet.sent] == ["b0042: no answer in time. Send it again."]


@pytest.mark.parametrize("right", ["read", "operate", "configure"])
def test_rights_are_those_of_the_table(right: Right) -> None:
    box = Texted(people=(Recipient(id="p", number=BOSS, lang="en", right=right),), outlet=KeepingOutlet())
    may = {"read": 0, "operate": 1, "configure": 2}[right]
    for text, needs in (
        ("SET hall.wanted 21", 1),
        ("SET hall.hot 45", 2),
        ("MAINT boiler1 on", 1),
        ("INDEX water 5", 2),
    ):
        assert ("YES " in box.text(text)) is (may >= needs), text


BOX = Texted()


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["", "SET ", "READ ", "TARIFF water ", "RELAY valve ", "REPORT ", "SHELVE ", "TIME "]),
    st.text(max_size=120),
)
def test_any_text_has_at_most_one_answer_of_one_message(head: str, text: str) -> None:
    BOX.clock.advance(86_400)
    BOX.text(head + text)


def test_the_last_answer_before_a_pause_says_until_when_and_cuts_nothing_off() -> None:
    box = Texted()
    told = []
    for number in range(OWN_ANSWERS[0][1]):
        told.append(box.text("RELAY valve on" if number % 2 else "STATUS"))
        box.clock.advance(60)
    assert not any("No more answers" in text for text in told[:-1])
    last = [sent.text for sent in box.outlet.sent][-2:]
    assert any("No more answers before" in text for text in last), last
    assert code_in(told[-1]), "the proposal still ends with its code"
    assert all(len(sent.text) <= 160 for sent in box.outlet.sent)
    before = len(box.outlet.sent)
    box.come("STATUS", stamp=99_999)
    box.settle()
    assert len(box.outlet.sent) == before
    box.clock.advance(3600)
    assert box.text("STATUS")


def test_a_lock_out_and_what_was_tried_outlast_a_restart_and_go_on_while_the_box_is_off() -> None:
    kept, clock = MemoryKept(), ManualClock(1_795_172_400_000)

    def now_s() -> float:
        return clock.monotonic_ns() / 1e9

    guard = LockOut(kept, clock)
    for _ in range(FREE_MOST):
        assert guard.may_try("n", now_s())
    assert guard.may_try("m", now_s())
    guard.right("m", now_s())
    assert kept.saves == FREE_MOST + 2
    for _ in range(100):
        assert not guard.may_try("n", now_s())
    assert kept.saves == FREE_MOST + 2, "a flood while it is locked writes nothing"
    clock.advance(100)
    again = LockOut(kept, clock)
    assert again.until_s("n", now_s()) == pytest.approx(now_s() + PAUSES_S[0], abs=101)
    assert not again.may_try("n", now_s())
    clock.advance(PAUSES_S[0])
    assert again.may_try("n", now_s())
    assert again.until_s("n", now_s()) == pytest.approx(now_s() + PAUSES_S[1]), "the next pause, not the first again"
    assert LockOut(kept, clock).until_s("m", now_s()) <= now_s()


def test_who_is_not_locked_out_may_try_at_the_very_instant_of_a_start() -> None:
    """The instant that a worker was given is a little before the one at which the file was read."""
    kept, clock = MemoryKept(), ManualClock(1_795_172_400_000)
    given_s = clock.monotonic_ns() / 1e9
    assert LockOut(kept, clock).may_try("m", given_s)
    clock.advance(0.013)
    again = LockOut(kept, clock)
    assert again.may_try("m", given_s)


def test_codes_of_all_numbers_are_counted_over_restarts() -> None:
    kept, clock = MemoryKept(), ManualClock(1_795_172_400_000)
    for n in range(WRONG_A_DAY):
        assert LockOut(kept, clock).may_try(f"m{n}", clock.monotonic_ns() / 1e9)
    assert not LockOut(kept, clock).may_try("innocent", clock.monotonic_ns() / 1e9)


@pytest.mark.parametrize("tables", [{"numbers": 7}, {"all": ["x"]}, {"numbers": {"n": {"wrong": "many"}}}, {}])
def test_a_file_that_holds_something_else_or_a_card_that_takes_nothing_stops_no_text(tables: dict[str, Any]) -> None:
    kept, clock = MemoryKept(), ManualClock(1_795_172_400_000)
    kept.tables = tables
    guard = LockOut(kept, clock)
    kept.refuses = True
    for _ in range(FREE_MOST):
        assert guard.may_try("n", clock.monotonic_ns() / 1e9)
    assert not guard.may_try("n", clock.monotonic_ns() / 1e9), "it counts all the same"
