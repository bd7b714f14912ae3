"""A report in one message of 160 letters: whose, what was used and what it cost, alarms, how complete.

What does not fit goes from the least important on: shares of a tariff, then the site's name and those of meters are
shortened, then the last meters become a number of others. A value, a unit or a date is never cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from edge.core import units
from edge.core.report import CostLine, MeterLine, Report
from edge.settings import catalogue
from edge.settings.amounts import money
from edge.settings.sms_phrases import day_words
from sms.gsm7 import MESSAGE, gsm7, septets

SITE_LEAST: Final = 20  # letters that a long name of a site keeps: whose figures they are matters less than they
NAME_LEAST: Final = 3  # letters to which a name is shortened at the most
TEMPERATURE: Final = "Cel"


class Used(msgspec.Struct, frozen=True):
    """One figure of the message: a name, what was used, what it cost, and its shares."""

    name: str
    figure: str
    cost: str
    shares: str


def report_sms(report: Report, lang: str) -> str:
    """Return the report as one text of at most 160 letters of the GSM 7-bit alphabet."""
    text = ""
    for text in _shorter_and_shorter(report, lang):
        if len(text) <= MESSAGE:
            break
    return text


def _shorter_and_shorter(report: Report, lang: str) -> Iterator[str]:
    """Yield the text without what matters least, then without more and more; the last one always fits."""
    used = [*(_of_cost(cost, lang) for cost in report.costs), *_others(report, lang)]
    for with_shares in (True, False):
        yield _text(report, used, lang, with_shares=with_shares)
    site = report.site[:SITE_LEAST].rstrip(" ,-")
    for letters in range(max((len(one.name) for one in used), default=0), NAME_LEAST - 1, -1):
        yield _text(report, [_named(one, letters) for one in used], lang, site=site)
    short = [_named(one, NAME_LEAST) for one in used]
    for whose in (site, report.box):
        for kept in range(len(short) - 1, -1, -1):
            yield _text(report, short[:kept], lang, others=len(short) - kept, site=whose)
    yield _text(report, [], lang, site=report.box)


def _named(one: Used, letters: int) -> Used:
    return msgspec.structs.replace(one, name=one.name[:letters].rstrip())


def _text(
    report: Report, used: Sequence[Used], lang: str, *, with_shares: bool = False, others: int = 0, site: str = ""
) -> str:
    said = [_said(one, with_shares=with_shares) for one in used]
    if others:
        said.append(f"(+{others})")
    lines = [
        catalogue.render(lang, "report_sms.head", {"site": site or report.site, "when": when(report, lang)}),
        ". ".join(said),
        ". ".join(_rest(report, lang)),
    ]
    if report.complete is not None:
        lines.append(catalogue.render(lang, "report_sms.complete", {"share": percent(report.complete, lang)}))
    text = gsm7("\n".join(line for line in lines if line))
    septets(text)
    return text


def _said(one: Used, *, with_shares: bool) -> str:
    parts = [one.name, one.figure, one.cost, one.shares if with_shares else ""]
    return " ".join(part for part in parts if part)


def _rest(report: Report, lang: str) -> list[str]:
    parts = []
    lows = [line.low for line in report.gauges if line.unit == TEMPERATURE and line.low is not None]
    highs = [line.high for line in report.gauges if line.unit == TEMPERATURE and line.high is not None]
    if lows and highs:
        bounds = {"low": figure(min(lows), lang), "high": figure(max(highs), lang)}
        parts.append(catalogue.render(lang, "report_sms.temperature", bounds))
    machines = report.machines
    if machines.faulty:
        parts.append(catalogue.count(lang, "report_sms.faulty", machines.faulty))
    if report.complete is not None or report.alarms.begun or report.health.starts:  # else the box was not there yet
        parts.append(catalogue.count(lang, "report_sms.alarm", report.alarms.begun))
    return parts


def _of_cost(line: CostLine, lang: str) -> Used:
    """Return a tariff's figure: all that its prices were applied to, its amount, and its shares where there are any."""
    known = [quantity for quantity in line.used.values() if quantity is not None]
    is_known = len(known) == len(line.used) and bool(known)
    total = sum(known, Decimal(0))
    shown = f"{figure(total, lang)} {units.shown(line.unit).name}" if is_known else "-"
    cost = cost_of(lang, line.amount, line.currency, is_partial=line.partial)
    shares = ""
    if len(line.used) > 1 and is_known:
        shares = f"({' '.join(f'{name} {figure(quantity or 0, lang)}' for name, quantity in line.used.items())})"
    return Used(named(line.name, lang) or line.tariff, shown, "" if shown == cost else cost, shares)


def cost_of(lang: str, amount: Decimal | str | None, currency: str, *, is_partial: bool = False) -> str:
    """Return an amount as a text says it: in words where the true one may be higher, "-" where it is not known.

    >>> cost_of("en", "17.4", "EUR"), cost_of("fr", "17.4", "EUR", is_partial=True), cost_of("en", None, "EUR")
    ('17.40 EUR', 'au moins 17,40 EUR', '-')
    """
    return money(lang, amount, currency, is_partial=is_partial).replace(
        "≥", catalogue.render(lang, "report_sms.at_least", {})
    )


def _others(report: Report, lang: str) -> list[Used]:
    """Return the meters that no tariff counts; where some have a role, those: the others measure parts of them."""
    priced = {point for cost in report.costs for point in cost.meters}
    lines = [line for line in report.meters if line.point not in priced]
    if any(line.role for line in report.meters):
        lines = [line for line in lines if line.role]
    return [Used(named(line.name, lang) or line.point, _moved(line, lang), "", "") for line in lines]


def _moved(line: MeterLine, lang: str) -> str:
    how = units.shown(line.unit)
    return "-" if line.moved is None else f"{figure(line.moved * how.factor, lang)} {how.name}".rstrip()


def named(name: Mapping[str, str], lang: str) -> str:
    """Return a name in this language, else in another one."""
    return name.get(lang) or next(iter(name.values()), "")


def when(report: Report, lang: str) -> str:
    """Return "Thu 19 Nov", in French "jeu 19/11", of another year with that; or "Nov 2026"."""
    day = report.span.day
    if report.span.length != "day":
        return f"{month(day, lang)} {day.year}"
    this_year = datetime.fromtimestamp(report.made_ms / 1000, ZoneInfo(report.tz)).year
    year = "" if day.year == this_year else f"{'/' if lang == 'fr' else ' '}{day.year}"
    return f"{day_words(lang, day)}{year}"


def local_day(day: date, lang: str) -> str:
    """Return a day such as "Thu 19 Nov"."""
    return f"{catalogue.word(lang, 'calendar', 'days').split()[day.weekday()]} {day.day} {month(day, lang)}"


def month(day: date, lang: str) -> str:
    """Return the month's short name."""
    return catalogue.word(lang, "calendar", "months").split()[day.month - 1]


def figure(value: float | Decimal, lang: str) -> str:
    """Return a number as short as a person needs it: 212, 41.3, 3.1, 0.02.

    >>> figure(212.4, "en"), figure(48.0, "en"), figure(3.14159, "fr"), figure(0.0213, "en"), figure(-0.0, "en")
    ('212', '48', '3,1', '0.021', '0')
    """
    decimals = 0 if value >= 100 or value <= -100 else 1 if value >= 1 or value <= -1 else 3
    text = f"{value:.{decimals}f}"
    if decimals:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text.replace(".", catalogue.word(lang, "number", "decimal"))


def percent(share: float, lang: str) -> str:
    """Return a share as a percentage that is 100 % only where nothing is missing.

    >>> percent(0.9984, "fr"), percent(1.0, "en"), percent(0.99999, "en")
    ('99,8', '100', '99.9')
    """
    tenths = int(share * 1000)
    text = f"{tenths // 10}" if tenths % 10 == 0 and share in {0.0, 1.0} else f"{tenths / 10:.1f}"
    return text.replace(".", catalogue.word(lang, "number", "decimal"))
