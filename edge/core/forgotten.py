"""What a log remembers in a form that this version does not know: after a newer version was taken back.

That stops no start. Who can't read what is kept begins anew, and the journal hears of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")

UNREADABLE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a register of another form raises where it is taken apart; msgspec's ValidationError is a ValueError."""
TEXT_MOST: Final = 200


def why(name: str, exc: Exception) -> str:
    """Return what the journal hears.

    >>> why("Paging", ValueError("Expected `object`, got `int`"))
    'Paging begins anew: ValueError Expected `object`, got `int`'
    """
    return f"{name} begins anew: {type(exc).__name__} {exc}"[:TEXT_MOST]


def kept(name: str, make: Callable[[Any], T], saved: Any, forgotten: list[str]) -> T:
    """Return what is made of a register, of none where that can't be read; `forgotten` then says so."""
    try:
        return make(saved)
    except UNREADABLE as exc:
        forgotten.append(why(name, exc))
        return make(None)
