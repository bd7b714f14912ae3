"""What people write for a value: a number with a decimal point or comma and perhaps its unit, or a word. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge.core import units
from edge.core.point import LARGEST
from edge.core.text import Text

_NUMBER: Final = re.compile(r"([+-]?\d{1,15}(?:[.,]\d{1,9})?)\s*([^\s\d.,+-].*)?", re.ASCII)
ENTERED_MAX: Final = 64
SWITCH_WORDS: Final[Mapping[str, int]] = {
    "on": 1, "off": 0, "marche": 1, "arret": 0, "arrêt": 0, "oui": 1, "non": 0, "yes": 1, "no": 0,
}  # fmt: skip
"""What people say for a switch, whatever its words."""


class RefusedValueError(ValueError):
    """A value that can't be taken; `text` says why and what can."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.text = Text(key, values)


def number(entered: str | float, unit: str = "") -> float:
    """Return the number that was entered. Raises RefusedValueError: no number, or one in another unit.

    >>> number("82,5"), number("-5 °C", "Cel"), number("1200 W", "W"), number("15 l/min", "m3/s")
    (82.5, -5.0, 1200.0, 0.00025)
    """
    if isinstance(entered, int | float):
        if isinstance(entered, bool) or not -LARGEST <= entered <= LARGEST:
            raise RefusedValueError("set_no_number", value=str(entered)[:ENTERED_MAX])
        return float(entered)
    found = _NUMBER.fullmatch(entered.strip().replace("\u2212", "-"))
    if found is None:
        raise RefusedValueError("set_no_number", value=entered.strip()[:ENTERED_MAX])
    shown = units.shown(unit)
    if found[2] and found[2] == shown.name:
        return float(found[1].replace(",", ".")) / shown.factor  # as people read it: l/min where the unit is m3/s
    if found[2]:
        meant, own = units.meant(found[2]), units.meant(unit)
        if meant is None or meant != own:
            name = shown.name
            raise RefusedValueError("set_unit", value=entered.strip()[:ENTERED_MAX], **({"unit": name} if name else {}))
    return float(found[1].replace(",", "."))


def word(entered: str | float, words: Sequence[str]) -> int:
    """Return the number of a state's word, of itself, or, for two words, of on and off in any language.

    >>> word("Eco", ["frost", "eco", "comfort"]), word(1, ["off", "on"]), word("marche", ["off", "on"])
    (1, 1, 1)
    """
    told = f"{entered:g}" if isinstance(entered, int | float) else entered.strip().lower()
    folded = [one.lower() for one in words]
    if told in folded:
        return folded.index(told)
    if len(words) == 2 and told in SWITCH_WORDS:
        return SWITCH_WORDS[told]
    if told.isascii() and told.isdigit() and len(told) <= 3 and int(told) < len(words):
        return int(told)
    raise RefusedValueError("set_no_word", value=str(entered).strip()[:ENTERED_MAX], known=list(words))
