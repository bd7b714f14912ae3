"""What a key takes, said for people: from its declared type to a text such as "a whole number from 0 to 27".

The declarations (msgspec types and their Meta) are the only source, for our tables and for any driver's options.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from msgspec import inspect

from edge.core.text import Text
from edge.settings.places import KeyPath


def expected(kind: Any) -> Text:
    """Return what a value of this type may be.

    >>> from typing import Literal
    >>> expected(Literal["json", "json+zlib"]).values
    {'choices': '"json", "json+zlib"'}
    """
    return _described(inspect.type_info(kind))


def choices(kind: Any) -> list[str]:
    """Return the words that a type lists; empty when it lists none."""
    found: list[str] = []
    for info in _alternatives(inspect.type_info(kind)):
        if isinstance(info, inspect.LiteralType):
            found += [str(value) for value in info.values]
        elif isinstance(info, inspect.EnumType):
            found += [str(member.value) for member in info.cls]
    return found


def within(kind: Any, path: KeyPath) -> Any:
    """Return the type that stands at a path inside a value of this type, or Any when nobody can tell."""
    found = inspect.type_info(kind)
    for part in path:
        found = next((inner for info in _alternatives(found) for inner in _inner(info, part)), inspect.AnyType())
    return found


def described(found: Any) -> Text:
    """Return what a type given by `within` may be."""
    return _described(found)


def _alternatives(info: inspect.Type) -> list[inspect.Type]:
    """Return the types of a union, without their wrapping and without None: TOML has no null."""
    if isinstance(info, inspect.Metadata):
        return _alternatives(info.type)
    if isinstance(info, inspect.UnionType):
        return [inner for part in info.types for inner in _alternatives(part)]
    return [] if isinstance(info, inspect.NoneType) else [info]


def _inner(info: inspect.Type, part: str | int) -> Sequence[inspect.Type]:
    if isinstance(info, inspect.ListType | inspect.SetType | inspect.VarTupleType) and isinstance(part, int):
        return [info.item_type]
    if isinstance(info, inspect.DictType):
        return [info.value_type]
    if isinstance(info, inspect.StructType):
        return [field.type for field in info.fields if field.encode_name == part]
    return []


def _described(info: inspect.Type) -> Text:
    if isinstance(info, inspect.Metadata):
        key = (info.extra or {}).get("expect")
        return Text(f"expect.{key}") if key else _described(info.type)
    if isinstance(info, inspect.UnionType):
        texts = [_described(part) for part in info.types if not isinstance(part, inspect.NoneType)]
        return texts[0] if len(texts) == 1 else Text("expect.either", {"first": texts[0], "second": texts[-1]})
    if isinstance(info, inspect.IntType | inspect.FloatType):
        return _number(info)
    if isinstance(info, inspect.StrType):
        return _text(info)
    if isinstance(info, inspect.LiteralType | inspect.EnumType):
        values = info.values if isinstance(info, inspect.LiteralType) else [member.value for member in info.cls]
        return Text("expect.choice", {"choices": ", ".join(json.dumps(value, ensure_ascii=False) for value in values)})
    if isinstance(info, inspect.ListType | inspect.SetType | inspect.VarTupleType):
        return Text("expect.list", {"item": _described(info.item_type)})
    if isinstance(info, inspect.DictType | inspect.StructType):
        is_filled = isinstance(info, inspect.DictType) and info.min_length
        return Text("expect.table_filled" if is_filled else "expect.table")
    plain = {inspect.DateType: "expect.date", inspect.BoolType: "expect.bool"}
    return Text(plain.get(type(info), "expect.any"))


def _number(info: inspect.IntType | inspect.FloatType) -> Text:
    bounds = {"low": info.ge, "high": info.le, "above": info.gt, "below": info.lt}
    is_whole = isinstance(info, inspect.IntType)
    return Text(
        "expect.int" if is_whole else "expect.number",
        {name: bound for name, bound in bounds.items() if bound is not None},
    )


def _text(info: inspect.StrType) -> Text:
    if info.pattern:
        return Text("expect.pattern", {"pattern": info.pattern})
    if info.max_length:
        return Text("expect.text_to", {"low": info.min_length or 0, "high": info.max_length})
    return Text("expect.text_not_empty" if info.min_length else "expect.text")
