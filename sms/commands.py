"""What people text to a box: its first word, whatever case and accents, and names shortened to what is unambiguous.

It knows no verb by itself: it is given the words of each, and what things on the site are called. What can't be
understood raises `UnclearError`, whose key and values make one answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

TEXT_MOST: Final = 320
"""Letters that are looked at: two messages."""
GIVEN_MOST: Final = 20
NEAR_MOST: Final = 4

Known: TypeAlias = Mapping[str, Sequence[str]]
"""By id, what people call it beside."""

EXAMPLES: Final[Mapping[str, Mapping[str, str]]] = {
    "status": {"en": "STATUS", "fr": "ETAT"},
    "read": {"en": "READ water", "fr": "LIRE eau"},
    "alarms": {"en": "ALARMS", "fr": "ALARMES"},
    "report": {"en": "REPORT month", "fr": "RAPPORT mois"},
    "diag": {"en": "DIAG", "fr": "DIAG"},
    "credit": {"en": "CREDIT", "fr": "CREDIT"},
    "help": {"en": "HELP", "fr": "AIDE"},
    "ack": {"en": "OK 4F7K", "fr": "OK 4F7K"},
    "confirm": {"en": "YES 2M8P", "fr": "OUI 2M8P"},
    "set": {"en": "SET flow.high 90", "fr": "REGLER flow.high 90"},
    "relay": {"en": "RELAY pump on 30min", "fr": "RELAIS pump marche 30min"},
    "tariff": {"en": "TARIFF elec HP 0.2146 from 2027-02-01", "fr": "TARIF elec HP 0,2146 du 01/02/2027"},
    "shelve": {"en": "SHELVE 12 2h", "fr": "SOMMEIL 12 2h"},
    "maintenance": {"en": "MAINT boiler1 on 3h", "fr": "MAINT boiler1 marche 3h"},
    "meter.set": {"en": "INDEX water 482.1", "fr": "INDEX water 482,1"},
    "meter.read": {"en": "READING water 482.1", "fr": "RELEVE water 482,1"},
    "time.set": {"en": "TIME 2026-11-21 16:20", "fr": "HEURE 21/11/2026 16:20"},
    "reload": {"en": "RELOAD", "fr": "RECHARGER"},
    "keep": {"en": "KEEP", "fr": "GARDER"},
    "test": {"en": "TEST", "fr": "TEST"},
}
"""What is answered to who wrote something that can't be understood, and stands in the docs."""

_GLUED: Final = re.compile(r"(OK|YES|OUI)[:.,-]?([0-9A-Z]{4})")
_CODE: Final = re.compile(r"[2-9A-HJKMNP-TV-Z]{4}")
"""As `edge.core.reply_codes` makes them."""
_SIGNATURE: Final = re.compile(r"\n\s*(?:--|__|envoy[ée] |sent from ).*", re.DOTALL | re.IGNORECASE)
_QUOTES: Final = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "«": '"', "»": '"', "=": " ", "−": "-"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a text asks for: the verb or question, and the words after it as they were written."""

    what: str
    rest: tuple[str, ...]

    @property
    def code(self) -> str:
        """The reply code in the rest: "4f 7k" is 4F7K, and so is it before or behind what somebody says to it."""
        words = ["".join(one for one in folded(word) if one.isalnum()) for word in self.rest]
        for at in range(len(words)):
            found = ""
            for word in words[at:]:
                found += word
                if _CODE.fullmatch(found):
                    return found
        return folded("".join(self.rest))


class UnclearError(ValueError):
    """A text that can't be understood: `key` names the answer, `values` what it says.

    empty; unknown: word; how: what; which, none: given, near.
    """

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


def folded(text: str) -> str:
    """Return a text without case and accents.

    >>> folded("État"), folded("réglér"), folded("ß")
    ('ETAT', 'REGLER', 'SS')
    """
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part)).upper()


def asked(text: str, words: Mapping[str, Sequence[str]]) -> Asked:
    """Return what a text asks for; `words` are those of each verb and question. Raises UnclearError.

    >>> asked(" état.", {"status": ["status", "etat"]})
    Asked(what='status', rest=())
    >>> asked("ok 4f7 k.", {"ack": ["ok"]}).code
    '4F7K'
    """
    said = _SIGNATURE.sub("", text[:TEXT_MOST].translate(_QUOTES))
    plain = " ".join("".join(_letter(one) for one in said).split())
    written = plain.strip(" .,;:!?>*\"'").split() or ["?"] * ("?" in plain)
    if not written:
        raise UnclearError("empty")
    table = {folded(word): what for what, own in words.items() for word in own}
    head = folded(written[0]).strip(".,;:!?\"'") or "?"
    if head in table:
        return Asked(table[head], tuple(written[1:]))
    glued = _GLUED.fullmatch(head)
    if glued and glued[1] in table and len(written) == 1:
        return Asked(table[glued[1]], (glued[2],))
    raise UnclearError("unknown", word=written[0][:GIVEN_MOST])


def _letter(letter: str) -> str:
    return " " if letter.isspace() or unicodedata.category(letter)[0] in "CZ" else letter


# -- names


def _key(name: str) -> str:
    return " ".join("".join(one if one.isalnum() else " " for one in folded(name)).split())


def _rank(given: str, names: Sequence[str]) -> int:
    """Return how well this names something: 0 wholly, 1 by its beginning, 2 by that of a word in it, 3 not."""
    keys = [_key(name) for name in names]
    if given in keys:
        return 0
    if len(given) < 2:
        return 3
    if any(key.startswith(given) for key in keys):
        return 1
    return 2 if any(f" {given}" in key for key in keys) else 3


def named(written: Sequence[str], known: Known, after: int = 0) -> tuple[str, tuple[str, ...]]:
    """Return the id that the first words name, and the words behind it, at least `after`. Raises UnclearError.

    A name may be shortened to a beginning that is no other's.

    >>> named(["eau", "froide"], {"water.cold": ["Eau froide"], "water.hot": ["Eau chaude"]})
    ('water.cold', ())
    """
    for count in range(len(written) - after, 0, -1):
        given = _key(" ".join(written[:count]))
        ranks = {name: _rank(given, [name, *names]) for name, names in known.items()} if given else {}
        best = min(ranks.values(), default=3)
        found = [name for name, rank in ranks.items() if rank == best]
        if best < 3 and len(found) == 1:
            return found[0], tuple(written[count:])
        if best < 3:
            raise UnclearError("which", given=" ".join(written[:count])[:GIVEN_MOST], near=found[:NEAR_MOST])
    raise UnclearError("none", given=" ".join(written[:1])[:GIVEN_MOST], near=near(written, known))


def near(written: Sequence[str], known: Known) -> list[str]:
    """Return the ids whose names are nearest to what was written, at most NEAR_MOST; the first ones where none is."""
    import difflib  # a box whose names nobody misspells never loads it

    by_key = {_key(name): one for one, names in known.items() for name in (one, *names)}
    close = difflib.get_close_matches(_key(written[0]) if written else "", by_key, NEAR_MOST, 0.5)
    return list(dict.fromkeys(by_key[key] for key in close)) or list(known)[:NEAR_MOST]
