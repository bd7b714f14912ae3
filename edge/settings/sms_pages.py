"""From a `page` event's values to its text: which of `edge.settings.sms_texts` it is, and whose names stand in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec

from edge.core.page_facts import numbers_of
from edge.core.report import Report
from edge.settings import catalogue, sms_texts
from edge.settings.amounts import money
from edge.settings.report_sms import percent
from edge.settings.sms_fit import fitted
from edge.settings.sms_phrases import Reader, Said, when

FIELDS: Final = frozenset(Said.__struct_fields__) - {"number", "kind", "point"}
Named = Callable[[str], str]
"""(id) -> what people call it, in the reader's language."""


def alarm_text(reader: Reader, values: Mapping[str, Any], point: str, code: str, named: Named, people: Named) -> str:
    """Return the text of a page about alarms. Raises ValueError for a kind that is none."""
    what = values["what"]
    said = [msgspec.structs.replace(one, by=people(one.by) if one.by else "") for one in said_of(values, point, named)]
    several = len(said) > 1
    if what == "merged":
        begun = said if "ids" in values else []
        ended = [Said(number, "", "") for number in numbers_of(values.get("ended"))] if begun else said
        return sms_texts.merged(reader, begun, ended, code)
    if what == "reminder":
        again = (values["reminder"], values["reminders"], people(values["next"]) if "next" in values else "")
        if several:
            return sms_texts.reminders(reader, said, code, *again, values.get("next_ms"))
        return sms_texts.reminder(reader, said[0], code, *again, values.get("next_ms"))
    if what == "acknowledged":
        return sms_texts.acknowledged_several(reader, said) if several else sms_texts.acknowledged(reader, said[0])
    if what == "gave_up":
        told = [people(name) for name in str(values.get("told", "")).split(", ") if name]
        if several:
            return sms_texts.gave_up_several(reader, said, code, told)
        return sms_texts.gave_up(reader, said[0], code, told)
    if what == "chattering":
        return sms_texts.merged(reader, said, [], code) if several else sms_texts.chattering(reader, said[0], code)
    if what not in {"begin", "end"}:
        raise ValueError(f"{what} is no text about alarms")
    return sms_texts.begin(reader, said[0], code) if what == "begin" else sms_texts.end(reader, said[0], code)


def said_of(values: Mapping[str, Any], point: str, named: Named) -> list[Said]:
    """Return the alarms that a page is about; of several, what is told of all: numbers, first points, from when on."""
    numbers = numbers_of(values.get("ids") or values.get("ended")) or [values.get("id", 0)]
    one = Said(point=named(point), **{name: values[name] for name in FIELDS & values.keys()},
               number=values.get("id", numbers[0]), kind=values.get("kind", ""))  # fmt: skip
    if len(numbers) == 1:
        return [one]
    points = str(values.get("points", "")).split(", ")
    later_ms = values.get("begun_ms", one.begin_ms)
    others = [number for number in numbers if number != one.number]
    return [
        msgspec.structs.replace(one, point=named(points[0])),
        *(
            msgspec.structs.replace(one, number=number, point=named(name), begin_ms=later_ms)
            for number, name in zip(others, [*points[1:], *[""] * len(others)], strict=False)
        ),
    ]


def test_text(reader: Reader, by: str, utc_ms: int | None) -> str:
    """Return the text of `vigie test sms`."""
    values = {"box": reader.box, "when": "" if utc_ms is None else when(reader, utc_ms)}
    return fitted(reader.lang, "sms.test", values, {"site": reader.site, **({"by": by} if by else {})})


class LifeFacts(msgspec.Struct, frozen=True):
    """What the sign of life tells of the month before; None: not known."""

    sent: int | None = None
    budget: int | None = None
    cost: Decimal | None = None
    currency: str = "EUR"
    signal_percent: int | None = None


def life_text(reader: Reader, month: date, facts: LifeFacts, report: Report | None) -> str:
    """Return the sign of life: what was sent in that month, how complete its figures are, how good the signal is."""
    lang = reader.lang
    values: dict[str, Any] = {
        "box": reader.box,
        "month": f"{catalogue.word(lang, 'calendar', 'months').split()[month.month - 1].rstrip('.')} {month.year}",
        "sent": facts.sent, "budget": facts.budget if facts.sent is not None else None,
        "cost": None if facts.cost is None else money(lang, facts.cost, facts.currency),
        "signal": None if facts.signal_percent is None else bars(facts.signal_percent),
    }  # fmt: skip
    if report is not None:
        values["alarms"] = catalogue.count(lang, "report_sms.alarm", report.alarms.begun)
        values["share"] = None if report.complete is None else percent(report.complete, lang)
    values = {name: value for name, value in values.items() if value is not None}
    return fitted(lang, "sms.life", values, {"site": reader.site})


def bars(percent_of_best: int) -> int:
    """Return a signal as a phone shows it, 0 to 5.

    >>> bars(0), bars(1), bars(66), bars(100)
    (0, 1, 4, 5)
    """
    return min(5, -(-percent_of_best // 20))
