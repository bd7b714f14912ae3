"""The modem's watchdog in virtual time: what is wrong is seen, cured by the least step that helps, and said."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from edge.core.types import NEVER
from edge.links.modem_hands import FileHands
from edge.links.sms_cures import Answer, Cure
from edge.links.sms_faults import NO_CREDIT, Moves, fault_of
from edge.links.sms_watch import SmsWatch
from sms.mailbox import Health, MailboxError

WELL = Health(True, 5.0, 60, "Orange F", "999", "994", 0, 0.0, 7, 2)
BACK_S = 12.0  # from the daemon's start to its first heartbeat
DETECTED_S, DETECTED_URGENT_S, RECOVERED_S = 240.0, 120.0, 420.0


NOTHING = Answer(0)


@dataclass
class Fault:
    """What is wrong, what a look finds, and what helps."""

    cured_by: tuple[Cure, ...] = ()
    answer: Answer = NOTHING
    is_silent: bool = False
    is_still: bool = False
    is_lost: bool = False
    health: dict[str, Any] | None = None


class Left:
    """What left and is not proven: its keys by when the modem is to be asked."""

    def __init__(self) -> None:
        self.is_asked_for = False
        self.dues: dict[str, float] = {}
        self.sent_again: list[str] = []
        self.hurried = 0

    @property
    def unproven(self) -> Left:
        return self

    def hurry(self) -> None:
        self.hurried += 1

    def due_s(self) -> float:
        return min(self.dues.values(), default=NEVER)

    def keys(self) -> list[str]:
        return list(self.dues)

    def proved(self, keys: list[str]) -> None:
        for key in keys:
            self.dues.pop(key, None)

    def again(self, now_s: float) -> int:
        self.sent_again += self.dues
        count = len(self.dues)
        self.dues.clear()
        return count


class House:
    """A modem with its daemon, seen through the database, and the units that wake it. Both are told in virtual time."""

    def __init__(self, *, urgent: bool = False, takes_s: float = 20.0, left: Left | None = None) -> None:
        self.now_s = 1000.0
        self.urgent = urgent
        self.takes_s = takes_s
        self.fault: Fault | None = None
        self.begun_s = 0.0
        self.beat_s = 0.0
        self.sent = 7
        self.said: list[tuple[float, str, dict[str, Any]]] = []
        self.cures: list[Cure] = []
        self.work: tuple[float, Cure, int] | None = None
        self.last: Answer | None = None
        self.is_broken = False
        self.pin = False
        self.mode = Answer(0, "", {"text_mode": False})
        self.watch = SmsWatch(
            self, say=self.say, hands=self, now_s=self.now_s, sends=left  # type: ignore[arg-type]
        )  # fmt: skip

    def say(self, kind: str, **values: Any) -> None:
        self.said.append((self.now_s, kind, values))

    # -- the mailbox

    def health(self) -> Health:
        if self.is_broken:
            raise MailboxError("smsd.db: malformed")
        fault = self.fault or Fault()
        if not fault.is_silent:
            self.beat_s = self.now_s - self.now_s % 60
        waits = fault.is_still or fault.is_silent
        waiting_s = self.now_s - self.begun_s if waits else 0.0
        if not waits:
            self.sent = 7 + int(self.now_s // 600)
        return replace(
            WELL, heartbeat_age_s=max(self.now_s - self.beat_s, 0.0), sent=self.sent, waiting=int(waits),
            oldest_waiting_s=waiting_s, urgent_waiting_s=waiting_s if self.urgent else 0.0,
            operator="" if fault.is_lost else "Orange F", **(fault.health or {}),
        )  # fmt: skip

    # -- the hands

    def has_pin(self) -> bool:
        return self.pin

    def ask(self, cure: Cure, number: int) -> None:
        assert self.work is None, "one at a time"
        self.cures.append(cure)
        self.work = (self.now_s + self.takes_s, cure, number)

    def answer(self) -> Answer | None:
        return self.last

    # -- time

    def breaks(self, fault: Fault) -> None:
        self.fault, self.begun_s = fault, self.now_s

    def runs(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            due_s = self.watch.step(self.now_s)
            assert due_s > self.now_s
            self.now_s = min(due_s, end_s, self.work[0] if self.work else due_s)
            if self.work and self.now_s >= self.work[0]:
                _, cure, number = self.work
                self.work = None
                found = self.fault.answer if self.fault and cure in {"look", "drain", "pin"} else Answer(0)
                found = self.mode if cure == "mode" else found
                self.last = Answer(number, found.fault, found.modem)
                if self.fault is not None and cure in self.fault.cured_by:
                    self.fault = None
                    self.beat_s = self.now_s + BACK_S - 60

    def kinds(self, kind: str) -> list[tuple[float, str]]:
        return [(at_s - self.begun_s, values["code"]) for at_s, said, values in self.said if said == kind]


LOCKED = Answer(0, "", {"sim": "SIM PIN"})
CURABLE = {
    "the daemon hangs after a lost reply": (Fault(("look", "reset", "power"), is_silent=True), ("look",)),
    "the modem is deaf": (Fault(("reset", "power"), Answer(0, "no_answer"), is_silent=True), ("look", "reset")),
    "unplugged inside, its power must go": (
        Fault(("power",), Answer(0, "no_device"), is_silent=True), ("look", "reset", "power"),
    ),
    "the SIM asks for its PIN": (Fault(("pin",), LOCKED, is_silent=True), ("look", "pin")),
    "a message that can't be read": (
        Fault(("drain",), Answer(0, "", {"sim": "READY", "used": 1}), is_still=True), ("look", "drain"),
    ),
    "the SIM can't be read": (
        Fault(("drain",), Answer(0, "", {"sim": "READY", "used": 0}), health={"unreadable": 9}), ("drain",),
    ),
    "sends nothing": (Fault(("reset", "power"), Answer(0, "", {"used": 0}), is_still=True), ("look", "reset")),
    "no network until a reset": (Fault(("reset", "power"), is_lost=True), ("look", "reset")),
}  # fmt: skip


@pytest.mark.parametrize("urgent", [False, True], ids=["", "an alarm waits"])
@pytest.mark.parametrize("name", list(CURABLE))
def test_a_fault_is_seen_cured_by_the_least_step_and_over_in_time(name: str, urgent: bool) -> None:
    house = House(urgent=urgent)
    house.runs(601)
    assert house.said == []
    fault, cures = CURABLE[name]
    house.breaks(fault)
    house.runs(900)
    detected_s = house.kinds("modem_fault")[0][0]
    ((recovered_s, _),) = house.kinds("modem_ok")
    waits = fault.is_still or fault.is_silent
    assert detected_s <= (DETECTED_URGENT_S if urgent and waits else DETECTED_S)
    assert recovered_s <= RECOVERED_S
    assert tuple(house.cures) == cures
    assert len(house.kinds("modem_cure")) == len(cures)
    assert house.kinds("modem_given_up") == []
    assert house.watch.code == ""
    print(f"{name}{', an alarm waits' * urgent}: detected after {detected_s:.0f} s, over after {recovered_s:.0f} s")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(answer=Answer(0, "", {"sim": "absent"}), is_silent=True), "sim_missing"),
        (Fault(answer=Answer(0, "", {"sim": "SIM PUK"}), is_silent=True), "sim_puk"),
        (Fault(answer=Answer(0, "no_pin", {"sim": "SIM PIN"}), is_silent=True), "sim_locked"),
        (Fault(answer=Answer(0, "no_device"), is_silent=True), "modem_gone"),
        (Fault(health={"failed_in_a_row": 2, "failed_code": 21}), "no_credit"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_needs_a_person_is_said_once_by_the_other_path_and_looked_at_again(fault: Fault, code: str) -> None:
    house = House()
    house.breaks(fault)
    house.runs(600)
    assert house.kinds("modem_fault")[-1][1] == code
    assert house.kinds("modem_fault")[-1][0] <= RECOVERED_S
    ((given_up_s, said),) = house.kinds("modem_given_up")
    assert said == code
    assert given_up_s <= 480
    before = len(house.said)
    house.runs(86_400)
    assert len(house.said) == before, "no word a minute for a day"
    assert len(house.cures) <= 5 * 30, "and no reset a minute"
    house.fault = None
    house.runs(60)
    assert [found for _, found in house.kinds("modem_ok")] == [said] or code in {"sim_missing", "modem_gone"}
    assert house.watch.code == ""


def test_the_pauses_between_rounds_grow_to_an_hour() -> None:
    house = House(takes_s=5)
    house.breaks(Fault(answer=Answer(0, "no_device"), is_silent=True))
    resets = []
    for _ in range(8 * 60):
        count = len(house.cures)
        house.runs(60)
        resets += [house.now_s - house.begun_s] * house.cures[count:].count("power")
    gaps = [round((later - earlier) / 60) for earlier, later in pairwise(resets)]
    assert gaps[0] <= 15
    assert gaps[-1] <= 65
    assert max(gaps) >= 55
    assert len(resets) <= 14


def test_a_receipt_that_does_not_come_costs_one_reset_an_hour_at_most() -> None:
    """A modem that began anew in text mode sends hexadecimal digits to a number nobody has, and says it is sent."""
    house = House()
    house.breaks(Fault(health={"unconfirmed": 3}))
    house.runs(20)
    assert (house.watch.code, house.cures) == ("not_confirmed", ["reset"])
    house.runs(6 * 3600)
    assert set(house.cures) == {"reset"}
    assert len(house.cures) <= 9


def test_a_reset_with_a_known_pin_is_followed_by_that_pin() -> None:
    house = House()
    house.pin = True
    house.breaks(Fault(("pin",), Answer(0, "no_answer"), is_silent=True))
    house.runs(600)
    assert house.cures[:3] == ["look", "reset", "pin"]
    assert house.kinds("modem_ok")[0][0] <= RECOVERED_S


def test_a_database_that_cannot_be_used_has_the_daemon_begin_anew() -> None:
    house = House()
    house.runs(100)
    house.is_broken = True
    house.runs(30)
    house.is_broken = False  # another program held it
    house.runs(100)
    assert house.said == []
    house.is_broken = True
    house.begun_s = house.now_s
    house.runs(120)
    assert house.kinds("modem_fault")[0][1] == "mailbox"
    assert house.kinds("modem_fault")[0][0] <= 90
    assert house.cures == ["look"]
    house.is_broken = False
    house.runs(60)
    assert len(house.kinds("modem_ok")) == 1


def test_many_messages_that_leave_one_by_one_are_no_fault() -> None:
    moving = replace(WELL, waiting=12, oldest_waiting_s=400.0, urgent_waiting_s=90.0)
    assert fault_of(moving, Moves(still_s=20.0)) is None
    assert fault_of(moving, Moves(still_s=61.0)) == "not_sending"
    assert fault_of(replace(moving, urgent_waiting_s=0.0), Moves(still_s=170.0)) is None


def test_a_network_that_is_away_is_no_lack_of_credit() -> None:
    refused = replace(WELL, failed_in_a_row=2, failed_code=38)
    assert fault_of(refused, Moves()) == "no_credit"
    assert fault_of(replace(refused, operator=""), Moves(unregistered_s=200.0)) == "no_network"
    assert fault_of(replace(refused, failed_code=None), Moves()) is None
    assert fault_of(replace(refused, failed_in_a_row=1), Moves()) is None
    assert fault_of(replace(refused, failed_in_a_row=3, failed_code=500), Moves()) == "sending_fails"
    assert 500 not in NO_CREDIT


def test_what_the_network_refused_once_is_tried_again_before_the_modem_is_reset() -> None:
    waiting = replace(WELL, waiting=1, oldest_waiting_s=70.0, urgent_waiting_s=70.0)
    assert fault_of(waiting, Moves(still_s=70.0)) == "not_sending"
    once = replace(waiting, refused=1, failed_in_a_row=1, failed_code=21)
    assert fault_of(once, Moves(still_s=70.0)) is None
    assert fault_of(replace(once, oldest_waiting_s=200.0), Moves(still_s=190.0)) == "not_sending"
    assert fault_of(replace(once, failed_in_a_row=2), Moves(still_s=70.0)) == "no_credit"


def test_a_modem_that_was_never_there_is_said_and_no_signal_is_made_up() -> None:
    house = House()
    fresh = replace(WELL, heartbeat_age_s=None, signal=None, operator="", is_running=False)
    house.health = lambda: fresh  # type: ignore[method-assign]
    house.runs(170)
    assert house.said == []
    house.runs(40)
    assert house.kinds("modem_fault")[0][1] == "modem_silent"


def test_a_heartbeat_of_before_a_power_cut_is_no_fault_of_the_daemon_that_begins_now() -> None:
    house = House()
    house.beat_s = house.now_s - 8 * 3600
    house.breaks(Fault(is_silent=True))
    house.runs(60)
    assert house.said == []
    house.fault = None
    house.runs(600)
    assert house.said == []


def test_without_units_it_is_said_alone() -> None:
    house = House()
    watch = SmsWatch(house, say=house.say, hands=None, now_s=house.now_s)  # type: ignore[arg-type]
    house.breaks(Fault(is_silent=True))
    for _ in range(100):
        house.now_s = watch.step(house.now_s)
    assert [(kind, values["code"]) for _, kind, values in house.said] == [("modem_fault", "modem_silent")]


def test_a_message_that_was_stuck_is_kept_raw_in_the_journal() -> None:
    house = House()
    raw = "07913306000000F0040B91"
    house.breaks(
        Fault(("drain",), Answer(0, "", {"sim": "READY", "used": 1, "drained": [raw, "FF" * 400]}), is_still=True)
    )
    house.runs(600)
    unread = [values for _, kind, values in house.said if kind == "sms_unread"]
    assert unread[-2] == {"why": "stuck", "number": "", "raw": raw}
    assert len(unread[-1]["raw"]) == 360


# -- the files


def test_a_request_is_one_whole_line_and_nobody_else_reads_the_pin(tmp_path: Path) -> None:
    hands = FileHands(tmp_path, [], lambda: "1234")
    words: dict[Cure, tuple[str, str]] = {
        "look": ("modem-exclusive", "7 identity\n"), "mode": ("modem-exclusive", "7 mode\n"),
        "drain": ("modem-exclusive", "7 drain\n"), "pin": ("modem-exclusive", "7 pin 1234\n"),
        "reset": ("modem-reset", "7 usb\n"), "power": ("modem-reset", "7 power\n"),
    }  # fmt: skip
    for cure, (name, line) in words.items():
        hands.ask(cure, 7)
        assert (tmp_path / name).read_text() == line
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["modem-exclusive", "modem-reset"]
    FileHands(tmp_path, []).ask("pin", 8)
    assert (tmp_path / "modem-exclusive").read_text() == "8 pin\n"


def test_an_answer_is_read_and_one_that_is_damaged_is_none(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    hands = FileHands(tmp_path, [tmp_path, other])
    assert hands.answer() is None
    path = tmp_path / "answer.json"
    path.write_text(json.dumps({"number": 7, "fault": "", "modem": {"sim": "READY", "used": 0}}))
    assert hands.answer() == Answer(7, "", {"sim": "READY", "used": 0})
    (other / "answer.json").write_text('{"number": 8, "fault": "no_device"}')
    assert hands.answer() == Answer(8, "no_device")
    (other / "answer.json").unlink()
    for text in ("", "{", '{"number": "x"}', "[]", "\0\0"):
        path.write_text(text)
        assert hands.answer() is None
    with pytest.raises(OSError, match="No such file"):
        FileHands(tmp_path / "none", []).ask("look", 1)


def test_hands_that_can_not_ask_are_tried_step_by_step_and_never_raise() -> None:
    house = House()

    def fails(cure: Cure, number: int) -> None:
        house.cures.append(cure)
        raise OSError(28, "No space left on device")

    house.ask = fails  # type: ignore[method-assign]
    house.breaks(Fault(is_silent=True))
    house.runs(900)
    assert house.cures == ["look", "reset", "power"]
    assert len(house.kinds("modem_given_up")) == 1


def test_a_fault_that_comes_back_soon_is_not_cured_by_what_did_not_last() -> None:
    house = House(urgent=True)
    deaf = Fault(("reset", "power"), Answer(0, "no_answer"), is_silent=True)
    house.breaks(deaf)
    house.runs(400)
    assert house.cures == ["look", "reset"]
    house.breaks(deaf)
    house.runs(400)
    assert house.cures == ["look", "reset", "look", "power"]
    house.runs(1000)
    house.breaks(deaf)
    house.runs(400)
    assert house.cures[4:] == ["look", "reset"]  # long after, it begins anew


def test_two_refusals_for_want_of_a_network_are_believed_before_the_daemon_says_so() -> None:
    refused = replace(WELL, failed_in_a_row=2, failed_code=331)
    assert fault_of(refused, Moves()) == "no_network"
    assert fault_of(replace(refused, failed_in_a_row=1), Moves()) is None
    assert fault_of(replace(refused, failed_code=500), Moves()) is None


# -- text mode, which nothing tells


def texting(mode: Answer) -> tuple[House, Left]:
    left = Left()
    house = House(left=left)
    house.mode = mode
    house.runs(601)
    assert house.said == []
    assert house.cures == []
    return house, left


def test_a_modem_that_fell_back_into_text_mode_is_found_after_the_next_message_which_goes_again() -> None:
    house, left = texting(Answer(0, "", {"text_mode": True}))
    left.dues = {"report-7": house.now_s + 120, "report-8": house.now_s + 125}
    house.breaks(Fault())
    house.runs(DETECTED_S)
    assert left.sent_again == ["report-7", "report-8"]
    assert house.cures == ["mode"]
    ((seen_s, code),) = house.kinds("modem_fault")
    assert code == "text_mode"
    assert seen_s <= 120 + 20 + 15 + 5
    assert house.kinds("modem_ok") == [(seen_s, "text_mode")]


def test_a_modem_in_pdu_mode_vouches_for_what_left_before_and_not_for_what_leaves_after() -> None:
    house, left = texting(Answer(0, "", {"text_mode": False}))
    left.dues = {"alarm-1": house.now_s + 45}
    house.runs(61)
    assert house.cures == ["mode"]
    left.dues["alarm-2"] = house.now_s + 45  # while the answer is on its way
    house.runs(20)
    assert left.keys() == ["alarm-2"]
    house.runs(120)
    assert (left.keys(), house.cures, house.said) == ([], ["mode", "mode"], [])


@pytest.mark.parametrize("answer", [Answer(0, "no_answer"), Answer(0), Answer(0, "", {"text_mode": None})])
def test_an_answer_that_tells_no_mode_proves_nothing_and_is_not_asked_for_without_end(answer: Answer) -> None:
    house, left = texting(answer)
    left.dues = {"report-7": house.now_s}
    house.runs(1800)
    assert left.keys() == ["report-7"]
    assert len(house.cures) == 3
    assert house.said == []


def test_the_daemon_is_not_stopped_for_it_while_messages_wait() -> None:
    house, left = texting(Answer(0, "", {"text_mode": False}))
    left.dues = {"report-7": house.now_s}
    house.breaks(Fault(is_still=True))
    house.runs(45)
    assert house.cures == []
    house.runs(60)
    assert house.cures == ["mode"]


def test_a_look_for_another_reason_finds_text_mode_as_well() -> None:
    house, left = texting(Answer(0))
    left.dues = {"report-7": house.now_s + 10_000}
    house.breaks(Fault(("look",), Answer(0, "", {"sim": "READY", "used": 1, "text_mode": True}), is_silent=True))
    house.runs(900)
    assert [code for _, code in house.kinds("modem_fault")] == ["modem_silent", "text_mode"]
    assert left.sent_again == ["report-7"]
    assert house.cures == ["look"]
    assert [code for _, code in house.kinds("modem_ok")] == ["text_mode"]


def test_text_mode_of_a_modem_that_has_sent_nothing_is_no_fault() -> None:
    house, left = texting(Answer(0))
    house.breaks(Fault(("look",), Answer(0, "", {"sim": "READY", "used": 0, "text_mode": True}), is_silent=True))
    house.runs(900)
    assert [code for _, code in house.kinds("modem_fault")] == ["modem_silent"]
    assert left.sent_again == []


# -- what only seems to be over


class Relapse(House):
    """The daemon's heart beats after each cure, until it hands the modem the message that still waits.

    It counts what it sent from 0 when it is begun anew; `pause_s`: what was underway then failed, and is handed over so
    much later, unless the queue is told to hurry.
    """

    pause_s = 0.0

    def health(self) -> Health:
        since_s = self.now_s - self.done_s
        if self.fault is not None and self.cures and self.work is None and self.last is not None:
            self.fault.is_silent = since_s > 20 + self.pause_s
        found = super().health()
        if self.cures and self.fault is not None:
            found = replace(found, sent=0, failed_in_a_row=int(self.pause_s > 0))
            if since_s < self.pause_s:
                found = replace(found, waiting=0, oldest_waiting_s=0.0, urgent_waiting_s=0.0)
        return found

    def answer(self) -> Answer | None:
        if self.last is not self.heard:
            self.heard, self.done_s = self.last, self.now_s
        return self.last

    heard: Answer | None = None
    done_s = 0.0


@pytest.mark.parametrize("pause_s", [0.0, 5.0, 60.0])
def test_a_modem_that_seems_well_until_the_next_message_gets_the_next_cure_not_the_first_again(pause_s: float) -> None:
    house = Relapse(left=Left())
    house.pause_s = pause_s
    house.runs(601)
    house.breaks(Fault(("power",), Answer(0, "no_answer"), is_silent=True, is_still=True))
    house.runs(900)
    assert house.cures == ["look", "reset", "power"]
    assert len(house.kinds("modem_ok")) == 1
    assert house.kinds("modem_ok")[0][0] <= RECOVERED_S


def test_a_message_that_leaves_late_ends_it_without_another_cure() -> None:
    """Its trouble is over when it left, though it waited while all seemed well."""
    house = House()
    house.runs(601)
    house.breaks(Fault(("look",), Answer(0, "", {"used": 0}), is_silent=True, is_still=True))
    house.runs(900)
    assert house.cures == ["look"]


class Failed(House):
    """A message failed and was given up; nothing else is sent."""

    def health(self) -> Health:
        return replace(super().health(), failed_in_a_row=1, sent=7)


def test_a_message_that_failed_is_told_to_hurry_and_waited_for_no_longer_than_five_minutes() -> None:
    """No modem that seems well is reset for one that was given up."""
    left = Left()
    house = Failed(left=left)
    house.runs(601)
    house.breaks(Fault(("look",), Answer(0, "", {"used": 0}), is_silent=True))
    house.runs(900)
    assert house.cures == ["look"]
    assert left.hurried == 1
    ((over_s, _),) = house.kinds("modem_ok")
    assert 300 < over_s - house.kinds("modem_fault")[0][0] < 345
