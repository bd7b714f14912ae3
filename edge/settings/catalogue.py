"""The text catalogue: from a key and named values to a sentence in the reader's language.

A language is one gettext catalogue, `config/text/<lang>/LC_MESSAGES/vigie.po`, compiled by `make texts`; its msgids are
the keys by which the program names sentences, "key" or "table.key". A sentence holds `{name}` where a value goes; what
stands after a colon says how it is written:

- `{why:reason}`: the value is itself a key, here of the table [reason]
- `{v:=u}`: a quantity, in the unit that the value `u` names, as people read it (92.5 °C)
- `{lasted_ms:duration}`: milliseconds as 47 min; `{step_ms:step}`: with its sign, as +47 min
- `{count:alarm|alarms}`: the word that goes with so many, the number itself stands beside it
- `{from:date}`: a local day such as 2026-02-01 as people write it; `{price:decimal}`: a text with the decimal mark
- `[? … ]`: left out when one of the values in it is missing

A key or value that is missing never raises: the reader gets the key and the values as they are.
"""

from __future__ import annotations

import gettext
import re
import struct
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
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

    A key that ends with _n is said for so many as its value `count` is.

    >>> render("en", "no.such.key", {"a": 1, "b": 2.5})
    'no.such.key a=1 b=2.5'
    """
    if key.endswith("_n") and isinstance(values.get("count"), int):
        return count(lang, key.removesuffix("_n"), values["count"], values)
    return _rendered(lang, key, catalogue(lang).get(key) or catalogue(FALLBACK).get(key), values)


def count(lang: str, key: str, number: int, values: Mapping[str, Any] | None = None) -> str:
    """Return the sentence `key`_n for so many, which it gets as {count}; in French 0 goes with 1.

    >>> count("en", "live.alarm", 0), count("en", "live.alarm", 1), count("fr", "live.alarm", 0)
    ('0 alarms', '1 alarm', '0 alarme')
    """
    name = f"{key}_n"
    found = (_translations(known).ngettext(name, name, number) for known in (lang, FALLBACK))
    template = next((sentence for sentence in found if sentence != name), None)
    return _rendered(lang, key, template, {"count": number, **(values or {})})


def _rendered(lang: str, key: str, template: str | None, values: Mapping[str, Any]) -> str:
    try:
        if template is not None:
            return _filled(lang, _OPTIONAL.sub(lambda part: _optional(part[1], values), template), values)
    except KeyError:
        pass  # a value that the sentence needs is missing
    return " ".join([key, *(f"{name}={written(lang, value)}" for name, value in values.items())])


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
    """Return the sentences of one language by key, without those that count; empty when there is no such file."""
    known: Mapping[Any, str] = getattr(_translations(lang), "_catalog", {})  # gettext has no public way to list them
    return {key: sentence for key, sentence in known.items() if isinstance(key, str) and key}


@cache
def _translations(lang: str) -> gettext.NullTranslations:
    return opened(packaged.config_dir() / "text" / lang / "LC_MESSAGES" / "vigie.mo")


def opened(file: Path) -> gettext.NullTranslations:
    """Return a compiled catalogue; an empty one where it is missing or damaged: texts are never a reason to stop."""
    try:
        with file.open("rb") as found:
            return gettext.GNUTranslations(found)
    except (OSError, ValueError, struct.error):
        return gettext.NullTranslations()


def _optional(part: str, values: Mapping[str, Any]) -> str:
    """Return an optional part with its braces still in it, or nothing when one of its values is missing."""
    return part if all(match[1] in values for match in _FIELD.finditer(part)) else ""


def _filled(lang: str, template: str, values: Mapping[str, Any]) -> str:
    return _FIELD.sub(lambda field: _field(lang, values[field[1]], field[2] or "", values), template)


def _plural(lang: str, number: str) -> int:
    """Return which of a language's forms goes with a number as it is written; in French 0.4 and 1.5 go with 1.

    >>> [_plural("en", text) for text in ("0", "1", "1.5", "1 214")]
    [1, 0, 1, 1]
    >>> [_plural("fr", text) for text in ("0", "1,5", "2")]
    [0, 0, 1]
    """
    form: Callable[[int], int] = getattr(_translations(lang), "plural", lambda count: int(count != 1))
    try:
        count = abs(float(re.sub(r"\s", "", number).replace(",", ".")))
    except ValueError:
        return form(2)
    return form(int(count)) if count.is_integer() or form(0) == form(1) else form(2)


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
        return how.split("|")[_plural(lang, str(value))] if "|" in how else word(lang, how, str(value))
    return written(lang, value)
