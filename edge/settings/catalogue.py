"""The text catalogue: from a key and named values to a sentence in the reader's language.

A language is one file, `config/text/<lang>.toml`; a key of a table is written "table.key" in the program. A sentence
holds `{name}` where a value goes; what stands after a colon says how it is written:

- `{why:reason}`: the value is itself a key, here of the table [reason]
- `{v:=u}`: a quantity, in the unit that the value `u` names, as people read it (92.5 °C)
- `{lasted_ms:duration}`: milliseconds as 47 min; `{step_ms:step}`: with its sign, as +47 min
- `{from:date}`: a local day such as 2026-02-01 as people write it; `{price:decimal}`: a text with the decimal mark
- `[? … ]`: left out when one of the values in it is missing

A key or value that is missing never raises: the reader gets the key and the values as they are.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from typing import Any, Final

from edge.core import units
from edge.core.text import Text
from edge.settings import packaged

FALLBACK: Final = "en"

_OPTIONAL: Final = re.compile(r"\[\?(.*?)\]")
_FIELD: Final = re.compile(r"\{(\w+)(?::([^{}]*))?\}")
_DURATIONS: Final = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def render(lang: str, key: str, values: Mapping[str, Any]) -> str:
    """Return the sentence of this key in this language, else in English, else the key with its values.

    >>> render("en", "no.such.key", {"a": 1, "b": 2.5})
    'no.such.key a=1 b=2.5'
    """
    template = catalogue(lang).get(key) or catalogue(FALLBACK).get(key)
    try:
        if template is not None:
            return _filled(lang, _OPTIONAL.sub(lambda part: _optional(part[1], values), template), values)
    except KeyError:
        pass  # a value that the sentence needs is missing
    return " ".join([key, *(f"{name}={written(lang, value)}" for name, value in values.items())])


def count(lang: str, key: str, number: int) -> str:
    """Return the sentence `key`_one or `key`_many for so many, which it gets as {count}; in French 0 goes with 1.

    >>> count("en", "live.alarm", 0), count("en", "live.alarm", 1)
    ('0 alarms', '1 alarm')
    """
    is_one = number in {0, 1} if lang == "fr" else number == 1
    return render(lang, f"{key}_{'one' if is_one else 'many'}", {"count": number})


def has(lang: str, key: str) -> bool:
    """Return whether this language, or English, has a sentence for the key."""
    return key in catalogue(lang) or key in catalogue(FALLBACK)


def word(lang: str, table: str, name: str) -> str:
    """Return the words for one name of a table, such as crc of [reason]; the name itself when there are none.

    What stands behind a colon is the value {of}: the point in input_bad:boiler.flow.
    """
    code, _, of = name.partition(":")
    return render(lang, f"{table}.{code}", {"of": of} if of else {}) if has(lang, f"{table}.{code}") else name


def written(lang: str, value: Any) -> str:
    """Return a value as people of this language read it: decimal comma in French, lists with commas."""
    if isinstance(value, Text):
        return render(lang, value.key, value.values)
    if isinstance(value, dict) and value.keys() == {"key", "values"}:  # a Text that came as JSON
        return render(lang, value["key"], value["values"])
    if isinstance(value, float):
        point = catalogue(lang).get("number.decimal", ".")
        return f"{value:.10g}".replace(".", point)
    if isinstance(value, Mapping):  # people's names by language
        return str(value.get(lang) or value.get(FALLBACK) or next(iter(value.values()), ""))
    if isinstance(value, list | tuple):
        return ", ".join(written(lang, item) for item in value)
    return str(value)


def duration(lang: str, ms: float) -> str:
    """Return a duration by its two largest units.

    >>> duration("en", 2_820_000), duration("en", 7_812_000), duration("en", 400)
    ('47 min', '2 h 10 min', '0 s')
    """
    left = max(0, int(ms)) // 1000
    parts: list[str] = []
    for name, seconds in _DURATIONS:
        if left >= seconds or (name == "second" and not parts):
            parts.append(f"{left // seconds} {word(lang, 'duration', name)}")
            left %= seconds
        elif parts:
            break
    return " ".join(parts[:2])


def day(lang: str, iso: str) -> str:
    """Return a day as people of this language write it; what is no day as it is.

    >>> day("en", "2027-02-01"), day("fr", "2027-02-01"), day("en", "soon")
    ('1 Feb 2027', '1 févr. 2027', 'soon')
    """
    try:
        found = date.fromisoformat(iso)
    except ValueError:
        return iso
    month = word(lang, "calendar", "months").split()[found.month - 1]
    values = {"day": found.day, "month": month, "year": found.year}
    return render(lang, "calendar.date", values)


def quantity(lang: str, value: Any, unit: str) -> str:
    """Return a number with its unit as people read it.

    >>> quantity("en", 92.5, "Cel"), quantity("en", 0.00025, "m3/s")
    ('92.5 °C', '15 l/min')
    """
    how = units.shown(unit)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{written(lang, float(value) * how.factor)} {how.name}".rstrip()
    return written(lang, value)


@cache
def catalogue(lang: str) -> dict[str, str]:
    """Return the sentences of one language by key; empty when there is no such file."""
    try:
        text = packaged.find("text", f"{lang}.toml").read_text(encoding="utf-8")
        return dict(_flat("", tomllib.loads(text)))
    except (OSError, ValueError):  # no such language, or a damaged file: the texts are never a reason to stop
        return {}


def _flat(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield prefix + name, str(value)


def _optional(part: str, values: Mapping[str, Any]) -> str:
    """Return an optional part with its braces still in it, or nothing when one of its values is missing."""
    return part if all(match[1] in values for match in _FIELD.finditer(part)) else ""


def _filled(lang: str, template: str, values: Mapping[str, Any]) -> str:
    return _FIELD.sub(lambda field: _field(lang, values[field[1]], field[2] or "", values), template)


def _field(lang: str, value: Any, how: str, values: Mapping[str, Any]) -> str:
    if how == "duration" and isinstance(value, int | float):
        return duration(lang, value)
    if how == "step" and isinstance(value, int | float):
        return ("-" if value < 0 else "+") + duration(lang, abs(value))
    if how == "decimal":
        return str(value).replace(".", word(lang, "number", "decimal"))
    if how == "unit":
        return units.shown(str(value)).name
    if how == "date":
        return day(lang, str(value))
    if how.startswith("="):
        return quantity(lang, value, str(values.get(how[1:], "")))
    if how:
        return word(lang, how, str(value))
    return written(lang, value)
