"""What came of a trial in people's words: one text of at most 160 letters, and the page that lies beside the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from edge.core.trial import BOX, Failing, Meter, Verdict
from edge.settings import catalogue
from edge.settings.report_sms import named
from sms.gsm7 import MESSAGE, gsm7

NO_PULSE: Final = "no_pulse"
FILE: Final = "vigie-report.txt"
NAME_MOST: Final = 24
LANGUAGES: Final = ("en", "fr")


class TrialFacts(msgspec.Struct, frozen=True):
    """What is told beside the verdict. `names`: point -> its name by language."""

    box: str
    site: str
    when: str = ""
    names: Mapping[str, Mapping[str, str]] = {}
    buses: Mapping[str, str] = {}
    """Point -> kind of its bus: a remedy may be that bus's own."""
    signal: str = ""
    """Such as "GSM 4/5"."""


def trial_sms(verdict: Verdict, facts: TrialFacts, lang: str) -> str:
    """Return the outcome as one text; where there is no room for all that fails, how many more there are."""
    for told in range(len(verdict.failing), -1, -1):
        text = _sms(verdict, facts, lang, told)
        if len(text) <= MESSAGE:
            return text
    return _sms(msgspec.structs.replace(verdict, meter=None), msgspec.structs.replace(facts, signal=""), lang, 0)


def _sms(verdict: Verdict, facts: TrialFacts, lang: str, told: int) -> str:
    def say(key: str, **values: object) -> str:
        return catalogue.render(lang, f"sms.trial_{key}", values)

    points = say("points", sound=verdict.sound, points=verdict.points)
    failing = [_short(one, lang) for one in verdict.failing[:told]]
    if told < len(verdict.failing):
        failing.append(catalogue.render(lang, "sms.others", {"count": len(verdict.failing) - told}))
    if failing:
        points = f"{points}: {', '.join(failing)}".replace(", (", " (")
    elif verdict.meter is not None:
        name = named(facts.names.get(verdict.meter.point, {}), lang) or verdict.meter.point
        index = f"{verdict.meter.v / 1000:.1f}".replace(".", catalogue.word(lang, "number", "decimal"))  # it is in Wh
        points = f"{points}. {name[:NAME_MOST]} {index} kWh"
    server = say("not_stored") if verdict.stored_s is None else say("stored", stored_s=round(verdict.stored_s))
    head = say("head", box=facts.box, passed=verdict.passed, **({"when": facts.when} if facts.when else {}))
    lines = [head, points, f"{facts.signal}. {server}" if facts.signal else server]
    return gsm7("\n".join([*lines, say("passed" if verdict.passed else "failed")]))


def _short(failing: Failing, lang: str) -> str:
    if not failing.point:
        return catalogue.render(lang, "sms.trial_clock", {})
    if failing.reason == NO_PULSE:
        return catalogue.render(lang, "sms.trial_pulse", {"point": failing.point})
    return f"{failing.point} {catalogue.word(lang, 'reason', failing.reason)}"


def verdict_of(values: Mapping[str, Any], point: str) -> Verdict:
    """Return the verdict that a `page` event tells of; of what fails only the first ones are in it."""
    said = [item for item in str(values.get("failing", "")).split(", ") if " " in item]
    split = [item.partition(" ") for item in said]
    failing = [Failing("" if name == BOX else name, reason) for name, _space, reason in split]
    meter = Meter(point, values["v"], str(values.get("u", ""))) if point and "v" in values else None
    return Verdict(
        bool(values["passed"]), int(values["of"]), failing, values.get("stored_s"), str(values.get("link", "")),
        "", "", 0, meter, int(values["points"]),
    )  # fmt: skip


def trial_page(verdict: Verdict, facts: TrialFacts) -> str:
    """Return the page for whoever has the card in hand: both languages, each failing point with its remedy, CRLF."""
    return "\r\n".join("\r\n".join(_page(verdict, facts, lang)) + "\r\n" for lang in LANGUAGES).replace(
        "\r\n\r\n", "\r\n--\r\n", 1
    )


def _page(verdict: Verdict, facts: TrialFacts, lang: str) -> list[str]:
    def say(key: str, **values: object) -> str:
        return catalogue.render(lang, f"trial_file.{key}", values)

    when = {"when": facts.when} if facts.when else {}
    lines = [say("title", box=facts.box, site=facts.site, passed=verdict.passed, **when)]
    lines.append(say("points", sound=verdict.sound, points=verdict.points))
    for one in verdict.failing:
        if not one.point:
            lines.append(say("clock"))
            lines.append(say("remedy", what=catalogue.render(lang, "doctor_remedy.clock_unset", {})))
            continue
        name = named(facts.names.get(one.point, {}), lang)
        lines.append(failing_line(one.point, one.reason, lang, name))
        lines.append(say("remedy", what=remedy(facts.buses.get(one.point, ""), one.reason, lang)))
    if verdict.stored_s is None:
        lines += [say("not_stored"), say("not_stored_remedy")]
    else:
        lines.append(say("stored", stored_s=verdict.stored_s, link=verdict.link))
    return [*lines, say("passed" if verdict.passed else "failed")]


def failing_line(point: str, reason: str, lang: str, name: str = "") -> str:
    """Return what is wrong with a point: "t.flow (Boiler flow): no answer"."""
    key = "no_pulse" if reason == NO_PULSE else "failing"
    return catalogue.render(lang, f"trial_file.{key}", {"name": f"{point} ({name})" if name else point, "why": reason})


def remedy(bus: str, reason: str, lang: str) -> str:
    """Return what to do about a reason on a bus of this kind, else about the reason anywhere."""
    code = reason.partition(":")[0]
    for key in (f"remedy_{bus}.{code}", f"remedy.{code}"):
        if catalogue.has(lang, key):
            return catalogue.render(lang, key, {})
    return catalogue.render(lang, "trial_file.ask_doctor", {})
