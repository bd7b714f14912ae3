"""The registry: rights, two steps, refusals that are counted, orders on trial."""

from __future__ import annotations

import random
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.answers import Answers
from edge.core.commands import Command, Result, Right, Verb
from edge.core.on_trial import KEEP_MS, RESTARTS_MOST
from edge.core.proposals import CODE_LETTERS, EXPIRES_MS, WRONG_MOST
from edge.core.refusals import SENDERS_MOST
from edge.core.registry import Confirm, Registry
from edge.core.text import Text
from edge.settings import catalogue
from edge.settings.expect import expected


class Apn(msgspec.Struct, forbid_unknown_fields=True):
    name: str


WORDS = {"en": ("apn",), "fr": ("apn",)}
TABLE = {
    "apn": Verb(Apn, "configure", WORDS, two_step=True),
    "look": Verb(Apn, "read", WORDS),
    "confirm": Verb(Confirm, "read", WORDS, secret=frozenset({"code"})),
}
SMS = "sms"


class Modem:
    """One thing to set, by a registry of its own."""

    def __init__(self, saved: Any = None, seed: int = 1, trials: Any = None, apn: str = "old") -> None:
        self.apn = apn
        self.set = 0
        self.now_ms = 0
        self.registry = Registry(TABLE, saved, trials)
        self.registry.random_below = random.Random(seed).randrange
        self.registry.on("apn", self.carry_out, would=self.would)
        self.registry.on_trial.on("apn", self.undo)
        self.registry.on("look", lambda command, _args: Result(command.id, done=True, text=Text("k", {"v": self.apn})))

    def would(self, command: Command, args: Apn) -> Result:
        if not args.name:
            return Result(command.id, done=False, text=Text("empty"))
        return Result(command.id, done=True, text=Text("would", {"before": self.apn, "after": args.name}))

    def carry_out(self, command: Command, args: Apn) -> Result:
        if command.channel == SMS:
            self.registry.on_trial.begin(command, self.apn, self.now_ms)
        before, self.apn, self.set = self.apn, args.name, self.set + 1
        return Result(command.id, done=True, text=Text("set"), values={"before": before, "after": self.apn})

    def undo(self, noted: Any) -> bool:
        was, self.apn = self.apn, noted
        return was != noted

    def order(
        self, id_: str, verb: str = "apn", now_ms: int = 0, author: str = "+33600000001",
        right: Right = "configure", **args: Any,
    ) -> Result:  # fmt: skip
        command, self.now_ms = Command(id_, verb, args, author, SMS, right, proposes=verb == "apn"), now_ms
        return self.registry.carry_out(command, now_ms).result


@pytest.mark.parametrize(
    ("granted", "channel", "verb", "is_done"),
    [
        ("read", "sms", "apn", False), ("operate", "sms", "apn", False), ("configure", "sms", "apn", True),
        ("read", "sms", "look", True), (None, "sms", "apn", False), (None, "mqtt", "apn", False),
        (None, "", "apn", False), (None, "local", "apn", True), ("read", "local", "apn", False),
        (None, "sms", "look", True),
    ],
)  # fmt: skip
def test_a_sender_may_do_what_his_right_allows_and_nothing_more(
    granted: Right | None, channel: str, verb: str, *, is_done: bool
) -> None:
    modem = Modem()
    result = modem.registry.carry_out(Command("1", verb, {"name": "new"}, "x", channel, granted)).result
    assert result.done is is_done
    assert modem.apn == ("new" if is_done and verb == "apn" else "old")
    if not is_done:
        assert (result.text.key, result.text.values["needs"]) == ("command_no_right", "configure")


def test_without_the_right_nobody_learns_which_args_a_verb_takes() -> None:
    assert Modem().order("1", right="read", nonsense=1).text.key == "command_no_right"


def test_a_proposal_says_what_would_change_and_its_code_does_it_once() -> None:
    modem = Modem()
    proposed = modem.order("1", name="new")
    assert modem.apn == "old"
    assert proposed.text.key == "command_proposed"
    assert proposed.values["what"] == Text("would", {"before": "old", "after": "new"})
    code = proposed.values["code"]
    done = modem.order("2", "confirm", 1000, code=code.lower())
    assert (done.done, done.values, modem.apn) == (True, {"before": "old", "after": "new"}, "new")
    again = modem.order("2", "confirm", 2000, code=code)
    assert (again.done, again.text, modem.set) == (True, done.text, 1)
    assert modem.order("3", "confirm", 3000, code=code).text.key == "command_no_proposal"
    assert (modem.order("1", name="new").text, modem.set) == (done.text, 1)


def test_the_journal_gets_the_order_that_was_confirmed_not_the_code() -> None:
    modem = Modem()
    code = modem.order("1", name="new").values["code"]
    command = Command("2", "confirm", {"code": code}, "+33600000001", SMS, "configure")
    order = modem.registry.carry_out(command).order
    assert order is not None
    assert (order.id, order.verb, order.args) == ("1", "apn", {"name": "new"})


@pytest.mark.parametrize("code", ["", "AAAA", "0000", "é", "x" * 500])
def test_a_wrong_code_does_nothing(code: str) -> None:
    modem = Modem()
    modem.order("1", name="new")
    result = modem.order("2", "confirm", code=code)
    assert (result.done, result.text.key, modem.apn) == (False, "command_no_proposal", "old")


@pytest.mark.parametrize("args", [{}, {"code": 1}, {"kode": "AAAA"}, {"code": None}])
def test_a_confirmation_of_the_wrong_form_does_nothing(args: dict[str, Any]) -> None:
    modem = Modem()
    modem.order("1", name="new")
    assert modem.order("2", "confirm", **args).text.key == "command_no_proposal"


def test_a_code_expires() -> None:
    modem = Modem()
    code = modem.order("1", name="new").values["code"]
    assert modem.order("2", "confirm", EXPIRES_MS, code=code).done is False
    modem = Modem()
    code = modem.order("1", name="new").values["code"]
    assert modem.order("2", "confirm", EXPIRES_MS - 1, code=code).done is True


def test_a_code_is_the_senders_own() -> None:
    modem = Modem()
    code = modem.order("1", name="new").values["code"]
    assert modem.order("2", "confirm", author="+33600000002", code=code).done is False
    assert modem.apn == "old"


def test_codes_cannot_be_tried_out() -> None:
    modem = Modem()
    code = modem.order("1", name="new").values["code"]
    for number in range(WRONG_MOST):
        modem.order(f"w{number}", "confirm", code="2222")
    assert modem.order("2", "confirm", code=code).done is False


def test_a_newer_proposal_takes_the_place_of_the_older() -> None:
    modem = Modem()
    old = modem.order("1", name="first").values["code"]
    new = modem.order("2", name="second").values["code"]
    assert modem.order("3", "confirm", code=old).done is False
    assert modem.order("4", "confirm", code=new).done is True
    assert modem.apn == "second"


def test_what_would_be_refused_is_refused_at_once() -> None:
    modem = Modem()
    assert modem.order("1", name="").text.key == "empty"
    assert modem.order("2", "confirm", code="2222").text.key == "command_no_proposal"


def test_without_a_random_source_nothing_is_proposed() -> None:
    modem = Modem()
    modem.registry.random_below = None
    assert modem.order("1", name="new").text.key == "command_no_codes"


@given(st.integers(0, 2**32))
def test_codes_are_four_characters_that_are_not_taken_for_others(seed: int) -> None:
    code = Modem(seed=seed).order("1", name="new").values["code"]
    assert len(code) == 4
    assert set(code) <= set(CODE_LETTERS)
    assert not set(CODE_LETTERS) & set("0O1I")


def test_what_may_cut_the_box_off_is_taken_back_unless_kept() -> None:
    modem = Modem()
    code = modem.order("1", name="new").values["code"]
    modem.order("2", "confirm", 1000, code=code)
    assert modem.registry.step(1000 + KEEP_MS - 1) == []
    assert modem.apn == "new"
    (undone,) = modem.registry.step(1000 + KEEP_MS)
    assert (modem.apn, undone.kind, undone.values) == ("old", "command_undone", {"id": "1"})
    assert modem.registry.step(9 * KEEP_MS) == []


def changed(modem: Modem, name: str = "new", now_ms: int = 1000) -> Modem:
    number = modem.set * 2
    code = modem.order(f"{number}", name=name).values["code"]
    assert modem.order(f"{number + 1}", "confirm", now_ms, code=code).done
    return modem


def restarted(modem: Modem) -> Modem:
    registry = modem.registry
    return Modem(registry.register(), trials=registry.on_trial.register(), apn=modem.apn)


def test_over_a_restart_it_is_on_trial_as_long_again_and_taken_back_once() -> None:
    modem = restarted(changed(Modem()))
    assert modem.registry.step(500) == []
    assert modem.registry.step(500 + KEEP_MS - 1) == []
    assert modem.apn == "new"
    (undone,) = modem.registry.step(500 + KEEP_MS)
    assert (modem.apn, undone.values) == ("old", {"id": "0"})
    assert modem.registry.step(9 * KEEP_MS) == []


def test_a_change_after_which_the_box_starts_again_and_again_is_not_waited_for() -> None:
    modem = changed(Modem())
    for _ in range(RESTARTS_MOST):
        modem = restarted(modem)
        assert modem.registry.step(1) == []
        assert modem.apn == "new"
    modem = restarted(modem)
    (undone,) = modem.registry.step(1)
    assert (modem.apn, undone.kind) == ("old", "command_undone")


def test_what_was_taken_back_is_taken_back_at_each_start_and_told_no_more() -> None:
    modem = changed(Modem())
    modem.registry.step(1000 + KEEP_MS)
    for _ in range(3):
        modem = Modem(trials=modem.registry.on_trial.register(), apn="new")  # the file says so still
        assert modem.registry.step(1) == []
        assert modem.apn == "old"
    modem = Modem(trials=modem.registry.on_trial.register(), apn="old")  # the file was mended
    assert modem.registry.step(1) == []
    assert modem.registry.on_trial.register() == {}


def test_what_was_kept_stands_over_a_restart_too() -> None:
    modem = changed(Modem())
    assert modem.order("k", "keep", 2000).done
    modem = restarted(modem)
    assert modem.registry.on_trial.register() == {}
    assert modem.registry.step(9 * KEEP_MS) == []
    assert modem.apn == "new"
    assert modem.order("k", "keep", 2000).done, "a repeat is answered as before"


def test_a_second_change_that_nobody_keeps_goes_back_to_what_was_before_the_first() -> None:
    modem = changed(changed(Modem()), "newer", 2000)
    assert modem.registry.step(1000 + KEEP_MS) == [], "it is part of the second"
    (undone,) = modem.registry.step(2000 + KEEP_MS)
    assert (modem.apn, undone.values) == ("old", {"id": "2"})


def test_a_change_that_failed_leaves_the_one_before_on_trial() -> None:
    modem = changed(Modem())
    never_mind = modem.registry.on_trial.begin(Command("9", "apn", {}, "b", SMS), "new", 5000)
    never_mind()
    (undone,) = modem.registry.step(1000 + KEEP_MS)
    assert (modem.apn, undone.values) == ("old", {"id": "0"})


def test_what_somebody_on_the_spot_changes_settles_it() -> None:
    modem = changed(Modem())
    modem.registry.on_trial.settle("look")
    assert modem.registry.on_trial.register()
    modem.registry.on_trial.settle("apn")
    assert modem.registry.step(9 * KEEP_MS) == []
    assert modem.apn == "new"


@pytest.mark.parametrize("saved", [None, {}, [], "x", {"trials": 1}, {"trials": {"1": {"verb": 2}}}, {"back": []}])
def test_a_register_of_another_version_stops_no_start(saved: Any) -> None:
    assert Modem(trials=saved).registry.step(1) == []


def test_its_sender_keeps_what_he_ordered_and_nobody_else_does() -> None:
    modem = Modem()
    code = modem.order("1", name="new").values["code"]
    assert modem.order("2", "confirm", 1000, code=code).done
    assert modem.order("3", "keep", 2000, author="+33600000002").text.key == "command_nothing_to_keep"
    assert modem.order("4", "keep", 3000, right="read").done
    assert modem.order("4", "keep", 3000).done, "a repeat is answered as before"
    assert not modem.order("5", "keep", 3000).done
    assert modem.registry.step(9 * KEEP_MS) == []
    assert modem.apn == "new"


def test_what_was_ordered_on_the_spot_cuts_nobody_off_and_stays() -> None:
    modem = Modem()
    modem.registry.carry_out(Command("1", "apn", {"name": "new"}, "anna", "local"), 0)
    assert modem.registry.step(9 * KEEP_MS) == []
    assert modem.apn == "new"


def test_a_flood_of_bad_orders_is_one_line_a_minute_and_sender() -> None:
    modem = Modem()
    lines = 0
    told = []
    for second in range(600):
        for number in range(10):
            command = Command(f"{second}-{number}", "reboot", {}, "eve", SMS)
            lines += modem.registry.carry_out(command, second * 1000).order is not None
        if second * 1000 >= modem.registry.due_ms:
            told += modem.registry.step(second * 1000)
    assert lines == 1
    assert [event.values["author"] for event in told] == ["eve"] * 9
    assert sum(event.values["count"] for event in told) == 5400 + 9  # up to the 9th minute's first order but its line
    assert {event.kind for event in told} == {"command_flood"}


def test_a_sender_who_was_silent_gets_a_line_again() -> None:
    modem = Modem()
    assert modem.registry.carry_out(Command("1", "reboot", {}, "eve", SMS), 0).order is not None
    assert modem.registry.carry_out(Command("2", "reboot", {}, "eve", SMS), 59_000).order is None
    assert [event.values["count"] for event in modem.registry.step(60_000)] == [1]
    assert modem.registry.step(120_000) == []
    assert modem.registry.carry_out(Command("3", "reboot", {}, "eve", SMS), 121_000).order is not None


def test_many_senders_of_bad_orders_fill_nothing_either() -> None:
    modem = Modem()
    lines = sum(
        modem.registry.carry_out(Command(f"{number}", "reboot", {}, f"eve {number}", SMS), 0).order is not None
        for number in range(1000)
    )
    assert lines == SENDERS_MOST + 1
    counts = [event.values["count"] for event in modem.registry.step(60_000)]
    assert counts == [1000 - lines]


@pytest.mark.parametrize("saved", [None, [], [{"id": "a", "done": True, "text": {"key": "k", "values": {}}}]])
def test_answers_of_an_earlier_version_are_understood(saved: Any) -> None:
    assert len(Answers(saved).register()) == len(saved or [])


def test_a_repeat_of_a_refused_order_has_the_same_answer_after_a_restart() -> None:
    modem = Modem()
    first = modem.order("1", "reboot")
    again = Modem(msgspec.json.decode(msgspec.json.encode(modem.registry.register())))
    result, order = again.registry.carry_out(Command("1", "reboot", {}, "eve", SMS))
    assert (result.text, order) == (first.text, None)


class Relay(msgspec.Struct, forbid_unknown_fields=True):
    output: str
    to: Literal["on", "off"] = "on"
    for_s: Annotated[float, msgspec.Meta(ge=0.5, le=60)] | None = None


@pytest.mark.parametrize(
    ("args", "en", "fr"),
    [
        ({"output": "x", "to": "swap"}, 'relay: to is not right; one of "off", "on" is expected',
         "relay : to ne convient pas ; l'un de \"off\", \"on\" est attendu"),
        ({"output": 5}, "relay: output is not right; a text in quotes is expected", ""),
        ({}, "relay: output is missing; a text in quotes is expected", ""),
        ({"output": "x", "for_s": 0}, "relay: for_s is not right; a number from 0.5 to 60 is expected", ""),
        ({"output": "x", "for_s": None, "lasts": 1}, "relay: there is no lasts here; known: for_s, output, to", ""),
    ],
)  # fmt: skip
def test_args_of_the_wrong_form_are_answered_by_what_is_allowed_in_both_languages(
    args: dict[str, Any], en: str, fr: str
) -> None:
    registry = Registry({"relay": Verb(Relay, "operate", WORDS)})
    registry.expected = expected
    registry.on("relay", lambda command, _args: Result(command.id, done=True, text=Text("k")))
    text = registry.carry_out(Command("1", "relay", args, channel="local")).result.text
    kept = msgspec.json.decode(msgspec.json.encode(text))
    assert catalogue.render("en", text.key, text.values) == catalogue.render("en", kept["key"], kept["values"]) == en
    if fr:
        assert catalogue.render("fr", text.key, text.values).replace("\u00a0", " ") == fr


def test_a_foreign_argument_of_any_length_is_told_in_short() -> None:
    registry = Registry({"relay": Verb(Relay, "operate", WORDS)})
    registry.expected = expected
    registry.on("relay", lambda command, _args: Result(command.id, done=True, text=Text("k")))
    refused = registry.carry_out(Command("1", "relay", {"output": "x", "é`\n" * 9999: 1}, channel="local")).result
    assert len(msgspec.json.encode(refused)) < 400
