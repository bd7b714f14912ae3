"""What a file may say and probably does not mean: `vigie check` warns of it, and the box runs all the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from edge.core.conversion import factor
from edge.core.dimension import rounded
from edge.settings.draft import Draft, PointRow, Row
from edge.settings.faults import Faults, LineOf
from edge.settings.pins import W1_PIN, pin_words
from edge.settings.rules_card import plain_secrets
from edge.settings.rules_recipients import advise_recipients
from edge.settings.sources import sources

NAMED: Final = ("place", "equipment")
LEVELS: Final = frozenset({"high", "high_high", "low", "low_low"})


def advise(draft: Draft, warnings: Faults) -> None:
    """Note what is probably meant otherwise in a draft without faults."""
    _check_w1_pin(draft, warnings)
    _check_renamed(draft, warnings)
    _check_flutter(draft, warnings)
    _check_same_names(draft, warnings)
    _check_spellings(draft, warnings)
    _check_taxes(draft, warnings)
    advise_recipients(draft, warnings)
    for secret, row in plain_secrets(draft):
        name = str(secret.path[-1])
        warnings.at_key(row.key(name), "warn.card_plain", name=name)


def _check_w1_pin(draft: Draft, warnings: Faults) -> None:
    """Note a pin that the 1-Wire overlay has unless it names another (Linux, w1-gpio; header pin 7)."""
    line = next((bus for bus in draft.buses.values() if bus.good.get("kind") == "onewire"), None)
    if line is None:
        return
    for row, key in _pins(draft):
        if row.good.get(key) == W1_PIN:
            at = LineOf(line.path)
            warnings.at_value(row.key(key), "warn.w1_pin", **pin_words(W1_PIN), bus=line.name, line=at)


def _pins(draft: Draft) -> Iterator[tuple[Row, str]]:
    for point in draft.points:
        if point.driver is not None and point.driver.bus_kind == "gpio":
            yield point, "pin"
    others = [*draft.rows["output"], *([draft.single["led"]] if "led" in draft.single else [])]
    yield from ((row, key) for row in others for key in ("pin", "readback_pin") if key in row.good)
    for bus in draft.buses.values():
        if getattr(bus.options, "power_pin", None) is not None:
            yield bus, "power_pin"


def _check_renamed(draft: Draft, warnings: Faults) -> None:
    """Note a unit of the same quantity without the scale that leads to it: 5,000 Wh would stand as 5,000 kWh."""
    for row in draft.points:
        unit, channel = row.good.get("unit"), row.channel
        times = None if channel is None or not unit else factor(channel.unit, unit)
        if channel is None or times in {None, 1.0} or "scale" in row.raw or "scale_points" in row.raw:
            continue
        wanted = rounded(channel.scale * (times or 1.0))
        warnings.at_value(row.key("unit"), "warn.renamed", own=channel.unit, unit=unit, scale=f"{wanted:g}")


def _check_flutter(draft: Draft, warnings: Faults) -> None:
    """Note a limit that a measured value crosses with every flicker of its last digit."""
    points = sources(draft)
    for limit in draft.rows["limit"]:
        point = points.get(limit.good.get("point", ""))
        if point is None or point.channel is None or point.channel.kind != "gauge":
            continue
        is_level = limit.good.get("kind") in LEVELS
        if is_level and not any(limit.good.get(key) for key in ("deadband", "on_delay_s", "off_delay_s", "latch")):
            warnings.at_key(limit.path, "warn.flutter")


def _check_same_names(draft: Draft, warnings: Faults) -> None:
    """Note two points that people can't tell apart: of one name, place and equipment."""
    first: dict[Any, PointRow] = {}
    for row in draft.points:
        name = row.good.get("name")
        if not name:
            continue
        told = (repr(name), *(row.good.get(key, "") for key in NAMED))
        other = first.setdefault(told, row)
        if other is not row:
            warnings.at_value(row.key("name"), "warn.same_name", point=other.good["id"], line=LineOf(other.key("name")))


def _check_spellings(draft: Draft, warnings: Faults) -> None:
    """Note a place or machine that is written in two ways: it would be two in every list."""
    first: dict[tuple[str, str], tuple[str, Row]] = {}
    for row in (*draft.points, *(row for rows in draft.rows.values() for row in rows)):
        for key in NAMED:
            text = row.good.get(key)
            if not isinstance(text, str) or not text:
                continue
            known, other = first.setdefault((key, _plain(text)), (text, row))
            if known != text:
                warnings.at_value(row.key(key), "warn.spelling", other=known, line=LineOf(other.key(key)))


def _check_taxes(draft: Draft, warnings: Faults) -> None:
    """Note a rate of value-added tax on prices that hold it already: whoever forgot `with_tax` pays too little."""
    for row in draft.rows["tariff"]:
        if "vat" in row.good and row.good.get("with_tax", True):
            warnings.at_value(row.key("vat"), "warn.tariff_vat")


def _plain(text: str) -> str:
    """Return a text without what hands write differently.

    >>> _plain("Salle  d'Eau, étage") == _plain("salle d'eau étage")
    True
    """
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if letter.isalnum())
