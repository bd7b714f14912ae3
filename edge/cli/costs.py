"""Costs on a screen: the live table's line, and what `vigie status` and `vigie tariff` print of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge.cli.printed import aligned
from edge.cli.words import Words
from edge.settings import amounts

SPANS: Final = ("today", "month", "year")
GAP: Final = "   "


def line(costs: Any, width: int, say: Words) -> str:
    """Return today by tariff, then month and year of all, as far as they fit; nothing where nothing is priced."""
    if not costs or not costs["tariffs"]:
        return ""
    if not costs["dated"]:
        return say("cost.undated")
    parts = [f"{_named(view, say)} {_used_and_paid(view, say)}" for view in costs["tariffs"]]
    parts[0] = f"{say('cost.today')} {_used_and_paid(costs['tariffs'][0], say)}"
    months = [f"{say(f'cost.{span}')} {total_of(costs['totals'], span, say)}" for span in ("month", "year")]
    while len(parts) > 1 and len(GAP.join([*parts, *months])) > width:
        # the month stays in sight, other tariffs give way
        if len(months) > 1:
            months.pop()
        else:
            parts.pop()
    while months and len(GAP.join([*parts, *months])) > width:
        months.pop()
    return GAP.join([*parts, *months])


def _named(view: Mapping[str, Any], say: Words) -> str:
    return say.name(view) or str(view["tariff"])


def _used_and_paid(view: Mapping[str, Any], say: Words) -> str:
    span = view["spans"]["today"]
    if span["amount"] is None and None in span["used"].values():
        return amounts.MISSING
    return f"{used(span, view, say)} {paid(span, view, say)}"


def used(span: Mapping[str, Any], view: Mapping[str, Any], say: Words) -> str:
    """Return what was used in a span, all prices together."""
    return amounts.used(say.lang, amounts.summed(span["used"].values()), view["unit"])


def paid(span: Mapping[str, Any], view: Mapping[str, Any], say: Words) -> str:
    """Return what a span costs."""
    return amounts.money(say.lang, span["amount"], view["currency"], is_partial=span["partial"])


def total_of(totals: Sequence[Mapping[str, Any]], span: str, say: Words) -> str:
    """Return what all tariffs cost in a span; currencies one after the other."""
    return " + ".join(
        amounts.money(say.lang, total["amounts"][span], total["currency"], is_partial=total["partial"][span])
        for total in totals
    )


def status(costs: Any, say: Words) -> list[str]:
    """Return the costs in one line, or none where nothing is priced."""
    if not costs or not costs["tariffs"]:
        return []
    if not costs["dated"]:
        return [say("cost.undated")]
    told = ", ".join(f"{say(f'cost.{span}')} {total_of(costs['totals'], span, say)}" for span in SPANS)
    return [f"{say('cost.cost')}{say.colon} {told}"]


def table(costs: Mapping[str, Any], say: Words) -> list[str]:
    """Return a line a tariff: its version, what was used today, what today, month and year cost, and what lacks."""
    head = [say("cost.tariff"), say("cost.version"), say("cost.used"), *(say(f"cost.{span}") for span in SPANS)]
    rows = [head]
    for view in costs["tariffs"]:
        spans = view["spans"]
        version = "-" if view["version"] is None else f"v{view['version']}"
        cells = (
            [used(spans["today"], view, say), *(paid(spans[span], view, say) for span in SPANS)] if spans else ["-"] * 4
        )
        rows.append([view["tariff"], version, *cells])
    if len(costs["tariffs"]) > 1 and costs["dated"]:
        rows.append([say("cost.all"), "", "", *(total_of(costs["totals"], span, say) for span in SPANS)])
    lines = aligned(rows, frozenset(range(2, 6)))
    if not costs["dated"]:
        lines.append(say("cost.undated"))
    for view in costs["tariffs"]:
        lines += [f"{view['tariff']}{say.colon} {note}" for note in notes(view, say)]
    return lines


def notes(view: Mapping[str, Any], say: Words) -> list[str]:
    """Return what makes the costs of a tariff doubtful: data that lack, are estimated, or have no price."""
    found = []
    spans = view["spans"]
    if any(facts["partial"] for facts in spans.values()):
        words: dict[str, Any] = {
            span: f"{100 * spans[span]['completeness']:.1f}".replace(".", say.point) for span in SPANS
        }
        if float(spans["year"]["unpriced"]):
            words["unpriced"] = amounts.used(say.lang, spans["year"]["unpriced"], view["unit"])
        if spans["year"]["without_tariff"]:
            words["days"] = spans["year"]["without_tariff"]
        found.append(say("cost.partial", **words))
    if any(facts["estimated"] for facts in spans.values()):
        found.append(say("cost.estimated"))
    if float(view["undated"]):
        found.append(say("cost.in_no_day", used=amounts.plain(say.lang, view["undated"])))
    if not view["with_tax"]:
        found.append(say("cost.before_tax"))
    return found
