"""Rules of tariffs: each price has a counter of a fitting unit, dates leave no gap, hours mean something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge.core import units
from edge.core.timetable import hours_of, overlapping
from edge.settings.draft import Draft, Row
from edge.settings.faults import Faults, LineOf
from edge.settings.hints import nearest
from edge.settings.places import KeyPath
from edge.settings.sources import sources
from edge.settings.tariffs import SUBSCRIPTION, factor_between

RESERVED = (SUBSCRIPTION, "coefficient")
"""Names that an order uses for other things than prices."""


def check_tariffs(draft: Draft, faults: Faults) -> None:
    """Note tariffs that could not say what something costs."""
    points = sources(draft)
    rows = draft.rows["tariff"]
    for row in rows:
        _check_names(row, faults)
        _check_prices(row, faults)
        _check_meters(row, points, faults)
        _check_split(row, points, faults)
        for name, needed in (("subscription_kva", "subscription"), ("subscription_vat", "vat")):
            if name in row.raw and needed not in row.raw:
                faults.at_key(row.key(name), "fault.pair", name=needed)
    _check_dates(rows, faults)
    _check_owners(rows, faults)


def _inner(row: Row, *steps: str | int) -> KeyPath:
    return (*row.path, *steps)


def _check_names(row: Row, faults: Faults) -> None:
    """Note names that an order could not tell apart."""
    seen: dict[str, KeyPath] = {}
    for table in ("prices", "taxes", "charges"):
        for name in row.good.get(table, {}):
            place = _inner(row, table, name)
            if name in RESERVED or not name or any(character in name for character in " ="):
                faults.at_key(place, "fault.tariff_name")
            elif name in seen:
                faults.at_key(place, "fault.tariff_name_twice", line=LineOf(seen[name]))
            seen.setdefault(name, place)


def _check_prices(row: Row, faults: Faults) -> None:
    for name, price in row.good.get("prices", {}).items():
        if price < 0 and not row.good.get("production"):
            faults.at_value(_inner(row, "prices", name), "fault.tariff_negative")
    unit = row.good.get("unit", "kWh")
    if not units.is_known(unit) or not unit:
        meant = units.meant(unit)
        if meant is not None and meant.factor == 1:
            faults.at_value(row.key("unit"), "fault.unit_near", near=meant.unit)
        else:
            faults.at_value(row.key("unit"), "fault.unit")


def _check_meters(row: Row, points: Mapping[str, Row], faults: Faults) -> None:
    prices, own, meter = row.good.get("prices", {}), row.good.get("points", {}), row.good.get("meter", "")
    if own and meter:
        faults.at_key(row.key("meter"), "fault.tariff_both", line=LineOf(row.key("points")))
        return
    if "points" not in row.raw and "meter" not in row.raw:
        faults.missing(row.path, "fault.tariff_no_meter")
        return
    if meter:
        _check_meter(row, row.key("meter"), meter, points, faults)
    seen: dict[str, str] = {}
    for price, point in own.items():
        place = _inner(row, "points", price)
        if prices and price not in prices:
            faults.at_key(place, "fault.tariff_no_price", known=sorted(prices))
        if point in seen:
            faults.at_value(place, "fault.tariff_point_twice", line=LineOf(_inner(row, "points", seen[point])))
        seen.setdefault(point, price)
        _check_meter(row, place, point, points, faults)
    for price in prices if own else ():
        if price not in own:
            faults.at_key(_inner(row, "prices", price), "fault.tariff_price_unused")


def _check_meter(row: Row, place: KeyPath, name: str, points: Mapping[str, Row], faults: Faults) -> None:
    """Note a point that is none, that counts nothing, or in units that the price can't be for."""
    point = points.get(name)
    if point is None:
        note_no_point(place, name, points, faults)
        return
    if point.channel is None:
        return
    if point.channel.kind != "counter":
        faults.at_value(place, "fault.tariff_no_counter", kind=point.channel.kind)
        return
    unit = point.good.get("unit")
    unit, wanted = point.channel.unit if unit is None else unit, row.good.get("unit", "kWh")
    has_coefficient = "coefficient" in row.raw
    is_same = factor_between(unit, wanted) is not None
    if is_same and has_coefficient:
        faults.at_key(row.key("coefficient"), "fault.tariff_coefficient", unit=unit, wanted=wanted)
    elif not is_same and not has_coefficient:
        faults.at_value(place, "fault.tariff_unit", unit=unit or "-", wanted=wanted)


def note_no_point(place: KeyPath, name: str, points: Mapping[str, Row], faults: Faults) -> None:
    """Note that a point is named that there is none of."""
    if faults.is_partial:
        return
    near = nearest(name, points)
    if near:
        faults.at_value(place, "fault.no_point_near", near=near, line=LineOf(points[near].key("id")))
    elif points:
        faults.at_value(place, "fault.no_point", known=sorted(points)[:8])
    else:
        faults.at_value(place, "fault.no_points")


def _check_split(row: Row, points: Mapping[str, Row], faults: Faults) -> None:
    prices = row.good.get("prices", {})
    for name, needed in (("split_by", "meter"), ("hours", "meter"), ("periods", "split_by")):
        if name in row.raw and needed not in row.raw:
            faults.at_key(row.key(name), "fault.pair", name=needed)
    if "split_by" in row.raw and "hours" in row.raw:
        faults.at_key(row.key("hours"), "fault.tariff_both", line=LineOf(row.key("split_by")))
    elif "split_by" in row.raw:
        _check_periods(row, prices, points, faults)
    elif "hours" in row.raw:
        _check_hours(row, prices, faults)
    elif "meter" in row.raw and len(prices) > 1:
        faults.at_key(row.key("meter"), "fault.tariff_unsplit")


def _check_periods(row: Row, prices: Mapping[str, float], points: Mapping[str, Row], faults: Faults) -> None:
    name = row.good.get("split_by", "")
    point = points.get(name)
    if point is None:
        note_no_point(row.key("split_by"), name, points, faults)
    elif point.channel is not None and point.channel.kind not in {"state", "text"}:
        faults.at_value(row.key("split_by"), "fault.tariff_no_words", kind=point.channel.kind)
    periods = row.good.get("periods", {})
    for price in prices:
        if price not in periods and ("periods" in row.good or "periods" not in row.raw):
            faults.missing(row.key("periods"), "fault.tariff_no_period", price=price)
    words = None if point is None or point.channel is None else point.good.get("words") or point.channel.words
    seen: dict[str, KeyPath] = {}
    for price, own in periods.items():
        if prices and price not in prices:
            faults.at_key(_inner(row, "periods", price), "fault.tariff_no_price", known=sorted(prices))
        for number, word in enumerate(own):
            place = _inner(row, "periods", price, number)
            if words and word not in words:
                faults.at_value(place, "fault.word", known=list(words))
            if word in seen:
                faults.at_value(place, "fault.tariff_word_twice", line=LineOf(seen[word]))
            seen.setdefault(word, place)


def _check_hours(row: Row, prices: Mapping[str, float], faults: Faults) -> None:
    spans = {}
    for price, texts in row.good.get("hours", {}).items():
        if prices and price not in prices:
            faults.at_key(_inner(row, "hours", price), "fault.tariff_no_price", known=sorted(prices))
        for number, text in enumerate(texts):
            try:
                hours_of([text])
            except ValueError:
                faults.at_value(_inner(row, "hours", price, number), "fault.tariff_hours")
                break
        else:
            spans[price] = hours_of(texts)
            for other, found in spans.items():
                if other != price and overlapping(found, spans[price]):
                    line = LineOf(_inner(row, "hours", other))
                    faults.at_key(_inner(row, "hours", price), "fault.tariff_hours_twice", line=line)
    without = [price for price in prices if price not in row.good.get("hours", {})]
    if prices and "hours" in row.good and len(without) != 1:
        faults.at_key(row.key("hours"), "fault.tariff_rest", count=len(without))


def _check_dates(rows: Sequence[Row], faults: Faults) -> None:
    """Note two versions of one day, and an end that leaves a gap before the next version or reaches into it."""
    by_id: dict[str, list[Row]] = {}
    for row in rows:
        if "id" in row.good and "valid_from" in row.good:
            by_id.setdefault(row.good["id"], []).append(row)
    for versions in by_id.values():
        versions.sort(key=lambda row: row.good["valid_from"])
        for row, following in zip(versions, [*versions[1:], None], strict=True):
            until = row.good.get("valid_until")
            if until is not None and until <= row.good["valid_from"]:
                faults.at_value(row.key("valid_until"), "fault.tariff_ends_first", begins=row.good["valid_from"])
                continue
            if following is None:
                continue
            begins, line = following.good["valid_from"], LineOf(row.key("valid_from"))
            if begins == row.good["valid_from"]:
                faults.at_value(following.key("valid_from"), "fault.tariff_same_day", line=line)
            elif until is not None and until != begins:
                key = "fault.tariff_gap" if until < begins else "fault.tariff_overlap"
                faults.at_value(following.key("valid_from"), key, until=until, line=LineOf(row.key("valid_until")))
            if row.good.get("currency") != following.good.get("currency") and "currency" in following.good:
                faults.at_value(following.key("currency"), "fault.tariff_currency", line=LineOf(row.key("currency")))


def _check_owners(rows: Sequence[Row], faults: Faults) -> None:
    """Note a counter that two tariffs price: its consumption would be paid twice."""
    owners: dict[str, Row] = {}
    for row in rows:
        meters = {"": row.good.get("meter", ""), **row.good.get("points", {})}
        for price, point in meters.items():
            first = owners.setdefault(point, row) if point else row
            if first.good.get("id") != row.good.get("id"):
                place = _inner(row, "points", price) if price else row.key("meter")
                faults.at_value(place, "fault.tariff_priced", id=first.good.get("id", ""), line=LineOf(first.path))
