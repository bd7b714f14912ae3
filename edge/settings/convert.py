"""From the tables of a file to typed values, key by key, so that every wrong one is found and not only the first."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from edge.settings.faults import Faults
from edge.settings.hints import nearest
from edge.settings.places import KeyPath

_INNER_PLACE: Final = re.compile(r" - at `\$(.*)`$")
_ANY_VALUE: Final = "`$[...]"
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")


class Rule(NamedTuple):
    """One key of a table: its type, whether it must be there, and the name of the struct's field."""

    type: Any
    is_required: bool
    field: str


Rules: TypeAlias = Mapping[str, Rule]
Unknown: TypeAlias = Callable[[KeyPath, Iterable[str], Faults], None]


@cache
def rules_of(kind: type[msgspec.Struct]) -> dict[str, Rule]:
    """Return the keys of a declared table."""
    return {field.encode_name: Rule(field.type, field.required, field.name) for field in msgspec.structs.fields(kind)}


def note_unknown(path: KeyPath, candidates: Iterable[str], faults: Faults) -> None:
    """Note a key that the table does not have, with the one that was probably meant."""
    near = nearest(str(path[-1]), candidates)
    if near:
        faults.at_key(path, "fault.unknown_key_near", near=near)
    else:
        faults.at_key(path, "fault.unknown_key", known=sorted(candidates))


def take(
    table: Mapping[str, Any], path: KeyPath, rules: Rules, faults: Faults, unknown: Unknown = note_unknown
) -> dict[str, Any]:
    """Return the table's keys that are right, typed; note what is unknown, wrong or missing."""
    good = {}
    for name, raw in table.items():
        if name not in rules:
            unknown((*path, name), rules, faults)
            continue
        value = typed(raw, (*path, name), rules[name].type, faults)
        if value is not msgspec.UNSET:
            good[name] = value
    for name, rule in rules.items():
        if rule.is_required and name not in table:
            from edge.settings.expect import expected  # read only when there is something to say

            faults.missing(path, "fault.missing_key", name=name, expected=expected(rule.type))
    return good


def built(kind: type[msgspec.Struct], good: Mapping[str, Any], path: KeyPath, faults: Faults) -> Any:
    """Return the struct of a table whose keys are all right, or UNSET; a driver's own objection is a fault."""
    rules = rules_of(kind)
    if any(rule.is_required and name not in good for name, rule in rules.items()):
        return msgspec.UNSET
    try:
        return kind(**{rules[name].field: value for name, value in good.items() if name in rules})
    except (ValueError, TypeError) as exc:  # of the struct's __post_init__
        note_objection(path, good, str(exc), faults)
        return msgspec.UNSET


def note_objection(path: KeyPath, given: Mapping[str, Any], why: str, faults: Faults) -> None:
    """Note what a driver itself refuses, at the value that its message quotes, else at the table."""
    quoted = [name for name, value in given.items() if isinstance(value, str) and value and repr(value) in why]
    if len(quoted) == 1:
        faults.at_value((*path, quoted[0]), "fault.refused", why=why)
    else:
        faults.at_key(path, "fault.refused", why=why)


def typed(raw: Any, path: KeyPath, kind: Any, faults: Faults) -> Any:
    """Return the value in the declared type, or UNSET after noting why not."""
    if _has_odd_parts(raw, path, faults):
        return msgspec.UNSET
    try:
        return msgspec.convert(raw, type=kind)
    except msgspec.ValidationError as exc:
        _note_wrong(raw, path, kind, str(exc), faults, is_own_objection=exc.__cause__ is not None)
        return msgspec.UNSET


def _has_odd_parts(raw: Any, path: KeyPath, faults: Faults) -> bool:
    """Note numbers that are none, and texts with line ends or other control characters: they reach topics and texts."""
    if isinstance(raw, dict | list):
        items = list(raw.items()) if isinstance(raw, dict) else list(enumerate(raw))
        # each one is asked, so that each is noted
        return sum(_has_odd_parts(item, (*path, name), faults) for name, item in items) > 0
    if isinstance(raw, float) and not math.isfinite(raw):
        faults.at_value(path, "fault.not_finite")
        return True
    if isinstance(raw, str) and any(ord(character) < 32 or ord(character) == 127 for character in raw):
        faults.at_value(path, "fault.control_character")
        return True
    return False


def _note_wrong(raw: Any, path: KeyPath, kind: Any, message: str, faults: Faults, *, is_own_objection: bool) -> None:
    from edge.settings import expect

    struct = next((a for a in _structs(kind) if isinstance(raw, dict)), None)
    if struct is not None and not is_own_objection:
        take(raw, path, rules_of(struct), faults)
        return
    inner_kind = _value_kind(kind) if isinstance(raw, dict) and _ANY_VALUE in message else None
    if inner_kind is not None:  # the message does not say under which name
        for name, value in raw.items():
            typed(value, (*path, name), inner_kind, faults)
        return
    if is_own_objection:
        faults.at_value(path, "fault.refused", why=_INNER_PLACE.sub("", message))
        return
    found = _INNER_PLACE.search(message)
    steps = _STEP.findall(found[1]) if found else []
    inner: KeyPath = tuple(name or int(index) for name, index in steps)
    value = raw
    for part in inner:
        value = value[part]
    wanted = expect.described(expect.within(kind, inner))
    where = (*path, *inner)
    near = nearest(value, expect.choices(kind)) if isinstance(value, str) and not inner else None
    bare = _unquoted(value, kind) if not inner else None
    if near:
        faults.at_value(where, "fault.expected_near", expected=wanted, near=f'"{near}"')
    elif bare:
        faults.at_value(where, "fault.expected_bare", expected=wanted, bare=bare)
    else:
        faults.at_value(where, "fault.expected", expected=wanted)


def _structs(kind: Any) -> list[type[msgspec.Struct]]:
    """Return the declared tables among the types that a key may have."""
    import typing

    parts = [kind, *typing.get_args(kind)]
    return [part for part in parts if isinstance(part, type) and issubclass(part, msgspec.Struct)]


def _value_kind(kind: Any) -> Any:
    """Return what the values of a table with free names must be, None where this type is no such table."""
    import typing

    if typing.get_origin(kind) is dict:
        return typing.get_args(kind)[1]
    return next((found for part in typing.get_args(kind) if (found := _value_kind(part)) is not None), None)


def _unquoted(value: Any, kind: Any) -> str | None:
    """Return a text as the bare number or true/false that it should have been, None when that would be wrong too."""
    if not isinstance(value, str):
        return None
    word = value.strip().lower().replace(",", ".")
    for bare in (
        word,
        {"yes": "true", "oui": "true", "on": "true", "no": "false", "non": "false", "off": "false"}.get(word),
    ):
        try:
            msgspec.convert(msgspec.json.decode(bare or ""), type=kind)
        except msgspec.MsgspecError:
            continue
        return bare
    return None
