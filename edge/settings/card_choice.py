"""Which file on the card is the installer's: the names that browsers, Windows and people make of `vigie.toml`.

`vigie.toml`, `vigie.toml.txt` (Notepad), `vigie (1).toml` (a second download), in any case of letters. Where several
lie there, those that were taken before don't count; more than one that is left is a fault, not a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

ERRORS: Final = "vigie-errors.txt"
STATUS: Final = "vigie-status.txt"

_NAME: Final = re.compile(r"vigie ?(\(\d{1,3}\))?\.toml(\.txt)?", re.IGNORECASE)
_NEAR: Final = re.compile(
    r"vigie(?!-)[^/]{0,40}\.(toml|txt|tml|tom|rtf|docx?|odt|ini|conf)|[^./][^/]{0,80}\.(toml|tml|tom)[^/]{0,9}",
    re.IGNORECASE,
)
_OURS: Final = re.compile(r"vigie-example\.toml|.*\.tmp", re.IGNORECASE)


def candidates(names: Iterable[str]) -> list[str]:
    """Return the names that count, the plainest first.

    >>> candidates(["Vigie (1).TOML", "vigie-errors.txt", "vigie.toml.txt", "vigie.toml", "vigie.toml.tmp"])
    ['vigie.toml', 'Vigie (1).TOML', 'vigie.toml.txt']
    """
    return sorted((name for name in names if _NAME.fullmatch(name)), key=lambda name: (len(name), name))


def misnamed(names: Iterable[str]) -> str:
    """Return a name that was probably meant to count and does not; empty where there is none.

    >>> misnamed(["LISEZMOI.txt", "vigie-status.txt", "vigie.txt"]), misnamed(["vigie.toml", "vigie-example.toml"])
    ('vigie.txt', '')
    >>> misnamed(["Copie de vigie.toml"]), misnamed(["b0042.toml.txt"]), misnamed(["._vigie.toml", "vigie.toml.tmp"])
    ('Copie de vigie.toml', 'b0042.toml.txt', '')
    """
    meant = (name for name in sorted(names) if _NEAR.fullmatch(name) and not _OURS.fullmatch(name))
    return shown(next((name for name in meant if not _NAME.fullmatch(name)), ""))


def shown(name: str) -> str:
    r"""Return a name of a file as it may stand on a page: whoever wrote the card or the stick chose its octets.

    >>> shown("sauvegarde été.vigie"), shown("b\udcff\n.vigie")
    ('sauvegarde été.vigie', 'b??.vigie')
    """
    return "".join(character if character.isprintable() else "?" for character in name)[:100]


def chosen(prints: Mapping[str, str], taken: str, earlier: Iterable[str]) -> list[str]:
    """Return the one file that counts, or all between which nobody can decide.

    `prints`: of each candidate what tells its content from others; `taken`: of the settings in force; `earlier`: of
    those before. Candidates of one content are one.
    """
    by_print: dict[str, str] = {}
    for name, told in prints.items():
        by_print.setdefault(told, name)
    if len(by_print) > 1:
        fresh = {told: name for told, name in by_print.items() if told != taken and told not in set(earlier)}
        by_print = fresh or {told: name for told, name in by_print.items() if told == taken} or by_print
    return list(by_print.values())
