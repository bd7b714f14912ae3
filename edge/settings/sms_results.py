"""Answers to orders by text: what would change and its code, what was done, and what was not understood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from edge.core.commands import Command, Result
from edge.core.text import Text
from edge.settings import catalogue
from edge.settings.event_text import figure
from edge.settings.sms_speech import Speech, cut, fitting, short
from sms.commands import EXAMPLES, UnclearError, folded

NUMBERS_MOST: Final = 6
"""Alarms whose numbers stand in one answer."""


def proposed(to: Speech, order: Command, result: Result) -> str:
    """Return what would change, and by which code it is confirmed."""
    what = result.values.get("what")
    expires = catalogue.duration(to.lang, result.values["expires_ms"])
    said = _would(to, order) or _said(to, what)
    values = {"box": to.box, "code": result.values["code"], "within": expires}
    short_forms = (to.say("proposed_short", what=cut(said, letters), **values) for letters in (160, 130, 110, 90, 70))
    return fitting([to.say("proposed", what=said, **values), *short_forms])


def _would(to: Speech, order: Command) -> str:
    """Return what an order would do whose verb does not say it by itself."""
    key = f"sms_would.{order.verb}.{order.args.get('do', '')}".rstrip(".")
    if not catalogue.has(to.lang, key):
        return ""
    values = {**order.args, **({"for_ms": order.args["for_s"] * 1000} if order.args.get("for_s") else {})}
    return catalogue.render(to.lang, key, values)


def done(to: Speech, who: str, result: Result) -> str:
    """Return what an order has come to: done, by whom and when; or not, and why."""
    text, is_kept = result.text, result.values.get("kept", True)
    if not is_kept:
        text = text.values.get("answer", text)
    said = _said(to, text).rstrip(".")
    if not result.done:
        return fitting([to.say("refused", box=to.box, what=said)])
    kept = "" if is_kept else to.say("not_kept")
    by = [to.say("done", box=to.box, at=to.clock(to.utc_ms), what=said, who=short(who, most)) for most in (20, 8)]
    return fitting([f"{text} {kept}" for text in by])


def acknowledged(to: Speech, who: str, result: Result) -> str:
    """Return which alarms were acknowledged, by whom, and how bad one is that goes on."""
    if not result.done:
        return done(to, who, result)
    values = {**result.text.values, "at_time": to.clock(to.utc_ms)}
    numbers = list(values.get("numbers", []))
    values |= {"v": figure(values["v"], values.get("at"))} if "v" in values else {}
    values |= {"numbers": numbers[:NUMBERS_MOST], "count": len(numbers)}
    values |= {"more": len(numbers) - NUMBERS_MOST} if len(numbers) > NUMBERS_MOST else {}
    return fitting(
        catalogue.count(to.lang, "sms_answer.ack", len(numbers), {**values, "who": short(who, most)})
        for most in (20, 8)
    )


def _said(to: Speech, text: Any) -> str:
    """Return a text of the registry as phones get it: shorter where the catalogue has it shorter."""
    if isinstance(text, Mapping):  # it was kept as JSON
        key, values = str(text.get("key", "")), text.get("values", {})
    else:
        key, values = text.key, text.values
    if "until" in values:
        values = {**values, "until": to.local(str(values["until"]))}
    name = f"sms_what.{key}"
    return catalogue.render(to.lang, name if catalogue.has(to.lang, name) else key, values)


def unclear(to: Speech, why: UnclearError) -> str:
    """Return what was not understood, and what can be written instead."""
    values = why.values
    if why.key == "how":
        example = EXAMPLES[values["what"]][to.lang]
        key = "how_code" if values["what"] in {"ack", "confirm"} else "how"
        return fitting([to.say(key, word=example.split()[0], example=example)])
    if why.key in {"which", "none"}:
        near, key = values["near"], why.key
        given = short(values["given"], 20) or "?"
        if not values["given"] and near:  # READ alone
            key, given = "which", EXAMPLES["read"][to.lang].split()[0]
        return fitting(
            to.say(key, given=given, near=", ".join(short(one, 40) for one in near[:count]) or None)
            for count in range(len(near), -1, -1)
        )
    word = short(values.get("word", ""), 20)
    return fitting([to.say("unknown", word=word) if word else to.say("empty")])


def wrong_code(to: Speech, code: str, locked_s: float) -> str:
    """Return that a code is none; and when codes count again, where there were too many wrong ones."""
    if locked_s <= 0:
        return fitting([to.say("wrong_code", code=short(folded(code), 8) or "?")])
    again = None if to.utc_ms is None else to.clock(to.utc_ms + round(locked_s * 1000))
    return fitting([to.say("locked", within=catalogue.duration(to.lang, locked_s * 1000), at=again)])


def refused(to: Speech, why: Text) -> str:
    """Return why something can't be."""
    return fitting([to.say("refused", box=to.box, what=_said(to, why).rstrip("."))])
