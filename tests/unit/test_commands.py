"""Orders: checked, carried out once, answered the same way again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge.core.alarm_orders import Ack
from edge.core.answers import DONE_MOST, REFUSED_MOST
from edge.core.commands import ARG_MAX, ARGS_MAX, RIGHTS, Command, Result, Verb, journaled, told
from edge.core.registry import Registry
from edge.core.text import Text
from edge.core.verbs import VERBS


class Hands:
    """A registry whose `ack` only writes down that it was called."""

    def __init__(self, saved: Any = None) -> None:
        self.done: list[int | None] = []
        self.registry = Registry(VERBS, saved)
        self.registry.on("ack", self.carry_out)

    def carry_out(self, command: Command, args: Ack) -> Result:
        self.done.append(args.number)
        return Result(command.id, done=True, text=Text("ack_done", {"numbers": [args.number]}))

    def order(self, id_: str, verb: str = "ack", **args: Any) -> tuple[Result, bool]:
        result, order = self.registry.carry_out(Command(id_, verb, args, "anna", "local"))
        return result, order is not None

    def durable(self) -> Any:
        return msgspec.json.decode(msgspec.json.encode(self.registry.register()))


def test_a_repeat_gets_the_same_answer_and_does_nothing() -> None:
    hands = Hands()
    first = hands.order("a", number=1)
    assert first[1]
    assert hands.order("a", number=2) == (first[0], False)
    assert hands.done == [1]


def test_answers_outlive_a_restart() -> None:
    hands = Hands()
    first, _ = hands.order("a", number=1)
    again = Hands(hands.durable())
    assert again.order("a", number=1) == (first, False)
    assert again.done == []


@pytest.mark.parametrize("args", [{"number": "1"}, {"number": 1.5}, {"nomber": 1}, {"number": [1]}, {"number": True}])
def test_arguments_of_the_wrong_form_are_refused_by_name(args: dict[str, Any]) -> None:
    hands = Hands()
    result, _ = hands.order("a", **args)
    assert (result.done, result.text.key, result.text.values["verb"]) == (False, "command_bad_args", "ack")
    assert result.text.values["why"]
    assert hands.done == []


def test_a_foreign_key_of_any_length_does_not_fill_what_is_kept() -> None:
    result, _ = Hands().registry.carry_out(Command("a", "ack", {"x" * 60_000: 1}, channel="local"))
    assert (result.done, result.text.key) == (False, "command_bad_args")
    assert len(result.text.values["why"]) <= 200


@pytest.mark.parametrize("verb", ["", "reboot", "ACK"])
def test_an_unknown_verb_is_refused(verb: str) -> None:
    result, is_new = Hands().order("a", verb)
    assert (result.done, result.text, is_new) == (False, Text("command_unknown", {"verb": verb}), True)


def test_a_verb_that_nobody_carries_out_is_unknown() -> None:
    assert Registry(VERBS).carry_out(Command("a", "ack"))[0].text.key == "command_unknown"
    with pytest.raises(KeyError):
        Registry(VERBS).on("reboot", Hands().carry_out)


def test_the_oldest_answers_are_forgotten_first() -> None:
    hands = Hands()
    for number in range(DONE_MOST + 10):
        hands.order(f"c{number}", number=number)
    assert len(hands.durable()) == DONE_MOST
    assert hands.order("c10")[1] is False
    assert hands.order("c9")[1] is True


def test_answers_older_than_a_month_are_forgotten_where_both_dates_are_known() -> None:
    hands = Hands()
    hands.registry.utc_s = lambda now_ms: now_ms // 1000
    day_ms = 86_400_000
    for id_, at_ms in (("undated", 0), ("old", day_ms), ("young", 20 * day_ms), ("new", 33 * day_ms)):
        hands.registry.carry_out(Command(id_, "ack", channel="local"), at_ms)
    assert [kept["id"] for kept in hands.durable()] == ["undated", "young", "new"]


def test_refused_orders_push_no_answer_out() -> None:
    hands = Hands()
    first, _ = hands.order("good", number=1)
    for number in range(1000):
        hands.registry.carry_out(Command(f"bad{number}", "ack", {"x": 1}, f"sender {number}", "local"), number * 3000)
        hands.registry.step(number * 3000)
    assert len(hands.durable()) == 1 + REFUSED_MOST
    assert hands.order("good", number=1) == (first, False)
    assert hands.done == [1]


def test_every_verb_has_a_right_and_words_in_both_languages() -> None:
    assert {verb.right for verb in VERBS.values()} <= set(RIGHTS)
    for verb in VERBS.values():
        assert set(verb.words) == {"en", "fr"}
        assert all(verb.words.values())


def test_the_journal_keeps_an_order_with_its_args_and_what_was_and_is() -> None:
    order = Command("c1", "ack", {"number": 12}, "anna", "local")
    result = Result("c1", done=True, text=Text("ack_done"), values={"before": "a", "after": "b", "more": 1})
    assert journaled(order, result, VERBS) == {
        "id": "c1", "verb": "ack", "author": "anna", "channel": "local", "done": True, "text": "ack_done",
        "args": "number=12", "before": "a", "after": "b",
    }  # fmt: skip


class Many(msgspec.Struct):
    name: str = ""
    words: list[str] = []
    code: str = ""


TABLE = {"many": Verb(Many, "configure", {}, secret=frozenset({"code"}))}


def test_the_journal_keeps_no_secret_and_nothing_that_no_verb_declares() -> None:
    order = Command("a", "many", {"name": "hall", "code": "4F7K", "password": "hunter2"})
    assert told(order, TABLE) == "name=hall code=*** password=***"
    assert told(Command("a", "no_such_verb", {"password": "hunter2", "x": 5}), VERBS) == "password=*** x=***"


def test_the_journal_never_keeps_much_of_an_order() -> None:
    long = told(Command("a", "many", {"name": "9" * 1000, "words": ["é"] * 1000}), TABLE)
    assert long == f"name={'9' * ARG_MAX} words={str(['é'] * 99).replace(chr(39), chr(34)).replace(' ', '')[:ARG_MAX]}"
    assert len(told(Command("a", "many", {f"k{n}": "x" * 99 for n in range(999)}), TABLE)) == ARGS_MAX
    assert told(Command("a", "many", {"k" * 999: None}), TABLE) == f"{'k' * ARG_MAX}=***"
    assert told(Command("a", "many"), TABLE) == ""
