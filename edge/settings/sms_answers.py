"""Answers to questions by text: one message each, from what the running box shows of itself.

Names give way, then the least important lines. What is not known is "-" or is left out, and never 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from edge.core.alarm_view import AlarmView
from edge.core.costs import CostsView, CostView
from edge.core.limit import sign
from edge.core.meter_view import MeterView
from edge.core.view import ValueView
from edge.settings import amounts, catalogue
from edge.settings.event_text import figure
from edge.settings.report_sms import cost_of
from edge.settings.sms_speech import NAMES, Speech, by_names, called, fitting, listed, short
from hal.sample import Value

BARS: Final = 5


class BoxFacts(msgspec.Struct, frozen=True):
    """What the box knows beside its points; None: not known."""

    version: str = ""
    boot: int = 0
    up_s: float = 0.0
    clock: str = ""
    """Who is believed about the time: ntp, gsm …; and how old his word is."""
    clock_age_s: float | None = None
    waiting: int | None = None
    """Entries that the server has not acknowledged; None: there is no server."""
    acked_utc_ms: int | None = None
    disk_percent: float | None = None
    signal_percent: int | None = None
    operator: str = ""
    sent_today: int | None = None
    per_day: int | None = None
    sent_month: int | None = None
    per_month: int | None = None
    cost: Decimal | float | None = None
    currency: str = ""
    is_id_twice: bool = False
    """Another box uses this one's id, as a link saw."""


def read(to: Speech, value: ValueView) -> str:
    """Return a point's value with its age; why there is none, or why it is doubtful."""
    name = called(value.name, value.point, to.lang)
    age = catalogue.duration(to.lang, value.age_s * 1000)
    why = catalogue.word(to.lang, "reason", value.reason) if value.reason else None
    if value.value is None:
        return fitting(by_names(lambda letters: to.say("read_none", name=short(name, letters), age=age, why=why)))
    shown = (
        catalogue.word(to.lang, "word", value.word) if value.word
        else catalogue.quantity(to.lang, _read(value), value.unit)
    )  # fmt: skip
    doubt = why if value.quality != "good" else None

    def text(letters: int) -> str:
        point = value.point if name != value.point else None
        return to.say("read", name=short(name, letters), point=point, shown=shown, age=age, doubt=doubt)

    return fitting(by_names(text))


def _read(value: ValueView) -> Value | None:
    """Return a value by the figures that count; an index is read off with all of them."""
    if isinstance(value.value, bool) or not isinstance(value.value, int | float) or value.kind == "counter":
        return value.value
    return figure(value.value)


def alarms(to: Speech, views: Sequence[AlarmView]) -> str:
    """Return the alarms of which people hear: how many, and as many lines as fit."""
    told = [view for view in views if view.state not in {"shelved", "suppressed", "out_of_service"}]
    if not told:
        return fitting(to.say("alarms_none", site=short(to.site, letters)) for letters in NAMES)
    head = to.say("alarms_n", count=len(told), site=short(to.site, 24))
    return fitting(listed(head, lambda letters: [_alarm(to, view, letters) for view in told], "", "\n"))


def _alarm(to: Speech, view: AlarmView, letters: int) -> str:
    name = short(called(view.name, view.point, to.lang), letters)
    kind = catalogue.word(to.lang, "alarm", view.kind)
    mark = to.say("over") if not view.active else to.say("seen") if view.acknowledged else ""
    if view.word:
        return f"{view.number} {name} {catalogue.word(to.lang, 'word', view.word)} {mark}"
    if isinstance(view.value, int | float) and view.at is not None:
        between = sign(view.kind, view.value, view.at, or_equal=bool(view.details.get("or_equal")))
        word = catalogue.word(to.lang, "sign", between)
        now = catalogue.quantity(to.lang, figure(view.value, view.at), view.unit)
        at = catalogue.quantity(to.lang, view.at, view.unit)
        return f"{view.number} {name} {now} {word if word != between else '/'} {at} {mark}"
    return f"{view.number} {kind} {name} {mark}"


def status(
    to: Speech, costs: CostsView, meters: Sequence[MeterView], alarms: Sequence[AlarmView], facts: BoxFacts
) -> str:
    """Return how the site is: what was used and spent today, alarms, the server, the signal."""
    active = [view for view in alarms if view.active]
    first = active[0] if active else None

    def used(letters: int) -> list[str]:
        priced = {meter for cost in costs.tariffs for meter in cost.meters}
        others = [meter for meter in meters if meter.point not in priced]
        if any(meter.role for meter in meters):
            others = [meter for meter in others if meter.role]
        return [*(_cost(to, cost, letters) for cost in costs.tariffs), *(_meter(to, one, letters) for one in others)]

    def end(letters: int) -> str:
        known = None if first is None else f"{first.number} {short(called(first.name, first.point, to.lang), letters)}"
        return "\n".join((to.say("alarm_n", count=len(active), first=known), ". ".join(_links(to, facts))))

    def texts() -> Iterator[str]:
        for letters in NAMES:
            head = to.say("head", site=short(to.site, max(letters, 8)), box=to.box, when=to.when)
            yield "\n".join((head, ". ".join(used(letters)), end(letters)))
        head = to.say("head", site=short(to.site, 8), box=to.box, when=to.when)
        yield from listed(head, used, end(NAMES[-1]), ". ")

    return fitting(texts())


def _cost(to: Speech, cost: CostView, letters: int) -> str:
    name, today = short(called(cost.name, cost.tariff, to.lang), letters), cost.spans.get("today")
    if today is None:
        return f"{name} {amounts.MISSING}"
    total = amounts.summed(today.used.values()) if today.used else None
    money = cost_of(to.lang, today.amount, cost.currency, is_partial=today.partial)
    return f"{name} {amounts.used(to.lang, total, cost.unit)} {money}".replace("- -", "-")


def _meter(to: Speech, meter: MeterView, letters: int) -> str:
    name, today = short(called(meter.name, meter.point, to.lang), letters), meter.totals.get("today")
    return f"{name} {amounts.used(to.lang, None if today is None else today.moved, meter.unit)}"


def _links(to: Speech, facts: BoxFacts) -> Iterator[str]:
    if facts.is_id_twice:
        yield to.say("id_twice")
    if facts.waiting is not None:
        key = "server" if facts.acked_utc_ms is not None else "server_never"
        yield to.say(key, at=to.clock(facts.acked_utc_ms), waiting=facts.waiting or None)
    if facts.signal_percent is not None:
        yield f"GSM {bars(facts.signal_percent)}/{BARS}"


def bars(percent: int) -> int:
    """Return the signal as bars of five: none only where there is none.

    >>> bars(0), bars(1), bars(50), bars(100)
    (0, 1, 3, 5)
    """
    return min(BARS, -(-percent // (100 // BARS)))


def diag(to: Speech, values: Sequence[ValueView], alarms: Sequence[AlarmView], facts: BoxFacts) -> str:
    """Return the box's own state for who maintains it, the same in each language."""
    bad = [value for value in values if value.value is None]
    active = [view for view in alarms if view.active]
    days, hours = divmod(int(facts.up_s) // 3600, 24)
    trust = f"{facts.clock or '?'}{'' if facts.clock_age_s is None else f' {round(facts.clock_age_s)}s'}"
    queue = "" if facts.waiting is None else f" q={facts.waiting} ack {to.clock(facts.acked_utc_ms)}"
    disk = "" if facts.disk_percent is None else f" disk {facts.disk_percent:.0f}%"
    sms = f"{_or_unknown(facts.sent_month)}/{_or_unknown(facts.per_month)}"
    head = [
        f"vigie {to.box} {facts.version} boot {facts.boot} up {days}d{hours:02}h",
        f"t={trust}{queue}{disk}",
        f"gsm {_or_unknown(facts.signal_percent)}% {facts.operator} sms {sms} {_price(facts)}",
    ]
    bads = f"bad {len(bad)}/{len(values)}"
    als = f"al {len(active)}"

    def texts() -> Iterator[str]:
        for most in (6, 4, 3, 2, 1, 0):
            for letters in (30, 20, 12):
                told = " ".join(f"{short(value.point, letters)} {value.reason}" for value in bad[:most])
                shown = " ".join(f"#{view.number} {short(view.limit, letters)}" for view in active[:most])
                lines = [f"{bads}{': ' if told else ''}{told}", f"{als}{': ' if shown else ''}{shown}"]
                yield "\n".join([*head, *lines])

    return fitting(texts())


def _or_unknown(number: int | None) -> str:
    return "?" if number is None else str(number)


def _price(facts: BoxFacts) -> str:
    return "" if facts.cost is None else amounts.money("en", Decimal(str(facts.cost)), facts.currency)


def credit(to: Speech, facts: BoxFacts) -> str:
    """Return what was sent this month, and what that cost; that it is not known where it is not."""
    if facts.sent_month is None:
        return fitting([to.say("credit_unknown", box=to.box)])
    cost = None if facts.cost is None else amounts.money(to.lang, Decimal(str(facts.cost)), facts.currency)
    values = {"sent": facts.sent_month, "most": facts.per_month, "today": facts.sent_today, "per_day": facts.per_day}
    return fitting([to.say("credit", box=to.box, cost=cost, **values)])
