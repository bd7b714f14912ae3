"""A file's tables as far as they are right: what the rules between tables look at, and what Settings are made of.

Every table is read by its declaration, whatever is wrong elsewhere; a value that was refused is simply not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from edge.settings import model
from edge.settings.convert import Rules, built, note_objection, note_unknown, rules_of, take
from edge.settings.faults import Faults
from edge.settings.hints import nearest, translated
from edge.settings.model_sms import SmsLink
from edge.settings.options import owners
from edge.settings.patterns import BUS_PATTERN
from edge.settings.places import KeyPath
from edge.settings.tables import REPEATED, REQUIRED, SEVERAL, SINGLE, TEMPLATES
from hal import buses, drivers
from hal.driver import Driver
from hal.sample import Channel

TABLES: Final = (*SINGLE, "bus", *REPEATED, "link", *TEMPLATES)
LINKS: Final[dict[str, type[msgspec.Struct]]] = {"mqtt": model.MqttLink, "sms": SmsLink}
"""The ways upstream: [link.NAME], each at most once."""

_BUS_NAME: Final = re.compile(BUS_PATTERN)


class Row(msgspec.Struct):
    """One table of the file: where it stands, what was written, and its keys that are right."""

    path: KeyPath
    raw: Mapping[str, Any]
    good: dict[str, Any]
    channel: Channel | None = None
    """What a point is; None where that is not known, or for a table that is none."""

    def key(self, name: str) -> KeyPath:
        """Return the path of one of its keys, for a fault's place; the table's own where the key is not written."""
        return (*self.path, name) if name in self.raw else self.path


class BusRow(Row):
    """A [bus.NAME] table; options are None where they are not right."""

    name: str = ""
    options: Any = None


class PointRow(Row):
    """A [[point]]; driver, options and what the driver says of them are None where they are not right."""

    driver: type[Driver] | None = None
    options: Any = None
    device: str | None = None


class Draft(msgspec.Struct):
    """All tables of one file; `single` and `rows` by the table's name, those of `rows` always there."""

    single: dict[str, Row] = {}
    rows: dict[str, list[Row]] = {}
    links: dict[str, Row] = {}
    buses: dict[str, BusRow] = {}
    points: list[PointRow] = []

    @property
    def mqtt(self) -> Row | None:
        """[link.mqtt]."""
        return self.links.get("mqtt")

    @property
    def sms(self) -> Row | None:
        """[link.sms]."""
        return self.links.get("sms")

    @property
    def limits(self) -> list[Row]:
        """All [[limit]] tables."""
        return self.rows["limit"]

    @property
    def outputs(self) -> list[Row]:
        """All [[output]] tables."""
        return self.rows["output"]


def drafted(data: Mapping[str, Any], faults: Faults) -> Draft:
    """Return what is right in each table, and note everything that is not."""
    for name in data:
        if name not in TABLES:
            _note_unknown_table(name, data[name], faults)
    single = {
        name: _single(name, kind, data, faults) for name, kind in SINGLE.items() if name in data or name in REQUIRED
    }
    draft = Draft(
        single={name: row for name, row in single.items() if row is not None},
        rows={
            name: [_row(path, raw, kind, faults) for path, raw in _several(name, data, faults)]
            for name, kind in SEVERAL.items()
        },
        points=[_point(path, raw, faults) for path, raw in _several("point", data, faults)],
        buses={name: _bus(name, raw, faults) for name, raw in _named("bus", data, faults)},
    )
    for name, raw in _named("link", data, faults):
        if name in LINKS:
            draft.links[name] = _row(("link", name), raw, LINKS[name], faults)
        else:
            note_unknown(("link", name), LINKS, faults)
    return draft


def written(table: str) -> str:
    """Return how the header of a table is written.

    >>> written("limit"), written("bus"), written("box")
    ('[[limit]]', '[bus.NAME]', '[box]')
    """
    if table in REPEATED or table in TEMPLATES:
        return f"[[{table}]]"
    return {"bus": "[bus.NAME]", "link": "[link.mqtt]"}.get(table, f"[{table}]")


def _note_unknown_table(name: str, value: Any, faults: Faults) -> None:
    meant = translated(name, TABLES)
    near = nearest(name, TABLES)
    if meant:
        faults.at_key((name,), "fault.table_written", table=meant, near=written(meant))
    elif near:
        faults.at_key((name,), "fault.unknown_table_near", near=written(near))
    elif isinstance(value, dict | list):
        faults.at_key((name,), "fault.unknown_table", known=[written(table) for table in TABLES])
    else:
        faults.at_key((name,), "fault.key_outside", known=[written(table) for table in TABLES])


def _single(name: str, kind: type[msgspec.Struct], data: Mapping[str, Any], faults: Faults) -> Row | None:
    if name not in data:
        faults.missing((), "fault.missing_table", table=written(name))
        return None
    raw = data[name]
    if not isinstance(raw, dict):
        faults.at_key((name,), "fault.once", near=written(name))
        return None
    return _row((name,), raw, kind, faults)


def _several(name: str, data: Mapping[str, Any], faults: Faults) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    raw = data.get(name, [])
    if isinstance(raw, dict):
        faults.at_key((name,), "fault.several", near=written(name))
        if not all(isinstance(value, dict) for value in raw.values()):  # else it is [point.water]: nothing to read
            yield (name,), raw
        return
    if not isinstance(raw, list):
        faults.at_key((name,), "fault.several", near=written(name))
        return
    for index, row in enumerate(raw):
        if isinstance(row, dict):
            yield (name, index), row
        else:
            faults.at_value((name, index), "fault.several", near=written(name))


def _named(name: str, data: Mapping[str, Any], faults: Faults) -> Iterator[tuple[str, Mapping[str, Any]]]:
    raw = data.get(name, {})
    if not isinstance(raw, dict):
        faults.at_key((name,), "fault.named", near=written(name))
        return
    for inner, table in raw.items():
        if isinstance(table, dict):
            yield inner, table
        else:
            faults.at_key((name, inner), "fault.named", near=written(name))


def _row(path: KeyPath, raw: Mapping[str, Any], kind: type[msgspec.Struct], faults: Faults) -> Row:
    good = take(raw, path, rules_of(kind), faults)
    _check_languages(path, good.get("name"), faults)
    return Row(path, raw, good)


def _check_languages(path: KeyPath, name: Any, faults: Faults) -> None:
    for lang in name if isinstance(name, dict) else ():
        if lang not in {"en", "fr"}:
            faults.at_key((*path, "name", lang), "fault.language")


def _bus(name: str, raw: Mapping[str, Any], faults: Faults) -> BusRow:
    path = ("bus", name)
    row = BusRow(path, raw, {}, name=name)
    if not _BUS_NAME.fullmatch(name):
        faults.at_key(path, "fault.bus_name")
    kind = raw.get("kind")
    if kind is None:
        faults.missing(path, "fault.bus_kind", known=sorted(buses.KINDS))
    elif not isinstance(kind, str) or kind not in buses.KINDS:
        near = nearest(kind, buses.KINDS) if isinstance(kind, str) else None
        _note_choice((*path, "kind"), near, sorted(buses.KINDS), "fault.unknown_bus_kind", faults)
    else:
        options = {key: value for key, value in raw.items() if key != "kind"}
        row.good = take(options, path, rules_of(buses.KINDS[kind]), faults)
        made = built(buses.KINDS[kind], row.good, path, faults)
        row.options = None if made is msgspec.UNSET else made
        row.good["kind"] = kind
    return row


def _note_choice(path: KeyPath, near: str | None, known: Iterable[str], key: str, faults: Faults) -> None:
    if near:
        faults.at_value(path, f"{key}_near", near=near)
    else:
        faults.at_value(path, key, known=list(known))


def _point(path: KeyPath, raw: Mapping[str, Any], faults: Faults) -> PointRow:
    """Read a point: the common keys by model.Point, the others by the Options of the driver that it names."""
    common = rules_of(model.Point)
    driver = _driver(path, raw.get("driver"), faults)
    own: Rules = {} if driver is None else rules_of(driver.Options)
    hidden = sorted(common.keys() & own.keys())
    if hidden:
        faults.at_value((*path, "driver"), "fault.driver_broken", why=f"Options: {', '.join(hidden)}")
        driver, own = None, {}
    table = raw
    if driver is None:  # the options of a driver that nobody knows can't be judged
        is_named = isinstance(raw.get("driver"), str)
        table = {key: value for key, value in raw.items() if key in common or not (is_named or owners(key))}
    good = take(table, path, {**common, **own}, faults, _unknown_of_point)
    _check_languages(path, good.get("name"), faults)
    row = PointRow(path, raw, good, driver=driver)
    if driver is not None and all(key in good for key in own if key in raw):
        made = built(driver.Options, {key: good[key] for key in own if key in good}, path, faults)
        row.options = None if made is msgspec.UNSET else made
    if driver is not None and row.options is not None:
        try:
            row.device, row.channel = driver.device(row.options), driver.channel(row.options)
        except Exception as exc:  # noqa: BLE001 - a driver from elsewhere may object, or fail, in any way
            note_objection(path, {key: raw[key] for key in own if key in raw}, str(exc) or type(exc).__name__, faults)
            row.options = None
    return row


def _driver(path: KeyPath, name: Any, faults: Faults) -> type[Driver] | None:
    if not isinstance(name, str):
        return None  # missing or no text: noted with the other keys
    try:
        found = drivers.load(name)
        rules_of(found.Options)
    except KeyError:
        _note_choice((*path, "driver"), nearest(name, drivers.names()), drivers.names(), "fault.unknown_driver", faults)
    except Exception as exc:  # noqa: BLE001 - an installed package may fail at its import in any way
        faults.at_value((*path, "driver"), "fault.driver_broken", why=f"{type(exc).__name__}: {exc}")
    else:
        return found
    return None


def _unknown_of_point(path: KeyPath, candidates: Iterable[str], faults: Faults) -> None:
    """Note an unknown key of a point: perhaps a limit's, perhaps another driver's, perhaps misspelt."""
    name = str(path[-1])
    known = list(candidates)
    holders = owners(name)
    if translated(name, known):
        note_unknown(path, known, faults)
    elif translated(name, ["limit"]):
        faults.at_key(path, "fault.own_table", table="limit", near=written("limit"))
    elif holders:
        faults.at_key(path, "fault.other_driver", drivers=holders)
    else:
        note_unknown(path, known, faults)
