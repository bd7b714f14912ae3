"""What was wrong with the args of an order, and what is allowed, for people in their language."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from edge.core.text import Text

Expected: TypeAlias = Callable[[Any], Text]
"""A type -> what a value of it may be."""

ARGUMENT_MAX: Final = 40
_AT: Final = re.compile(r" - at `\$\.(\w+)")
_MISSING: Final = re.compile(r"missing required field `(\w+)`$")
_UNKNOWN: Final = re.compile(r"contains unknown field `(.*)`$", re.DOTALL)


def why(objection: str, kind: type[msgspec.Struct], expected: Expected) -> Text | None:
    """Return what msgspec's objection to the args of this kind means; None where it is about none of them."""
    types = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for key, form in (("arg_missing", _MISSING), ("arg_wrong", _AT)):
        found = form.search(objection)
        if found is not None and found[1] in types:
            return Text(key, {"argument": found[1], "expected": expected(types[found[1]])})
    found = _UNKNOWN.search(objection)
    if found is None:
        return None
    return Text("arg_unknown", {"argument": found[1][:ARGUMENT_MAX], "known": sorted(types)})
