"""One message of 160 letters: what is too long is shortened in its names, never in a value, a limit, a time or a code.

`sms.gsm7` maps to the letters of a single septet; here names give way: first down to what still reads well, then what
the sentence can do without is left out, then names down to a few letters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from edge.settings import catalogue
from sms.gsm7 import MESSAGE, gsm7

READABLE: Final = 14
"""Letters of a name that still tell a person which one it is."""
NAME_LEAST: Final = 3


class TooLongError(ValueError):
    """A text that no shortening makes one message: says which, and how long it is."""


def sms_name(name: str, otherwise: str = "") -> str:
    r"""Return a name as a phone shows it: one line, every letter one septet; `otherwise` where nothing is left of it.

    >>> sms_name("Forêt - Bât. C"), sms_name("à è é ù ì ò"), sms_name("\u0301", "p1")
    ('Foret - Bat. C', 'à è é ù ì ò', 'p1')
    """
    return " ".join(gsm7(name).split()) or " ".join(gsm7(otherwise).split()) or "?"


def short(name: str, letters: int) -> str:
    """Return a name of at most so many letters; a full stop says that it goes on.

    >>> short("Chaudière 1 départ", 14), short("Cave", 14)
    ('Chaudière 1 d.', 'Cave')
    """
    return name if len(name) <= letters else f"{name[: letters - 1].rstrip()}."


def fitted(lang: str, key: str, values: Mapping[str, Any], names: Mapping[str, str], drops: Sequence[str] = ()) -> str:
    """Return the sentence `key` as one message. `drops`: values that it can do without, the first goes first.

    Raises TooLongError where even that is not enough.
    """
    mapped = {name: sms_name(text) for name, text in names.items()}
    text = ""
    for letters, left_out in _steps(max(map(len, mapped.values()), default=0), drops):
        kept = {name: value for name, value in values.items() if name not in left_out}
        kept |= {name: short(text, letters) for name, text in mapped.items() if name not in left_out}
        text = gsm7_of(catalogue.render(lang, key, kept))
        if len(text) <= MESSAGE:
            return text
    raise TooLongError(f"{key} in {lang} takes {len(text)} of {MESSAGE} letters: {text!r}")


def _steps(longest: int, drops: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield how long names may be and what is left out, from nothing to everything."""
    most = max(longest, NAME_LEAST)
    for letters in range(most, READABLE, -1):
        yield letters, ()
    for count in range(len(drops) + 1):
        yield min(most, READABLE), drops[:count]
    for letters in range(min(most, READABLE), NAME_LEAST - 1, -1):
        yield letters, drops


def gsm7_of(text: str) -> str:
    """Return a sentence as a phone shows it, without the spaces and lines that what was left out leaves behind.

    French has a space before a colon; here it would cost a letter.
    """
    lines = (" ".join(line.split()) for line in gsm7(text.replace("\u00a0:", ":").replace(":,", ":")).split("\n"))
    return "\n".join(line for line in lines if line)
