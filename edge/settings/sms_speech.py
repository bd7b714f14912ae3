"""How a box answers who texts it: his language, the site's clock, and names that give way so that it is one message.

A value, a unit, a limit, a time or a code is never cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final

import msgspec

from edge.settings import amounts, catalogue, sms_fit, sms_phrases
from sms.gsm7 import MESSAGE, gsm7

NAMES: Final = (30, 24, 20, 16, 13, 10, 8, 6, 5, 4, 3)
"""Letters of a name at most, as long as the message is too long."""


class Speech(msgspec.Struct, frozen=True):
    """Whom an answer is for, and where and when it is given. `utc_ms` None: nobody vouches for the box's clock."""

    lang: str
    box: str
    site: str
    zone: tzinfo
    utc_ms: int | None = None

    def say(self, key: str, **values: Any) -> str:
        """Return a sentence of the answers; what is None counts as missing."""
        return catalogue.render(self.lang, f"sms_answer.{key}", _known(values))

    def clock(self, utc_ms: int | None) -> str:
        """Return a local time such as 16:20, "-" where none is known."""
        if utc_ms is None:
            return amounts.MISSING
        return f"{datetime.fromtimestamp(utc_ms / 1000, self.zone):%H:%M}"

    @property
    def when(self) -> str:
        """Now, as "Fri 20 Nov 16:20"."""
        if self.utc_ms is None:
            return self.say("undated")
        return sms_phrases.when(self._reader, self.utc_ms)

    def local(self, iso: str) -> str:
        """Return a local time such as "2026-11-20 13:07" as people write it; what is none as it is."""
        try:
            at = datetime.fromisoformat(iso).replace(tzinfo=self.zone)
        except ValueError:
            return iso
        return sms_phrases.when(self._reader, round(at.timestamp() * 1000))

    @property
    def _reader(self) -> sms_phrases.Reader:
        return sms_phrases.Reader(self.lang, self.zone, self.site, self.box)


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def fitting(texts: Iterable[str]) -> str:
    """Return the first of these that is one message; of the last, as much as whole words give."""
    text = ""
    for text in map(sms_fit.gsm7_of, texts):
        if len(text) <= MESSAGE:
            return text
    return cut(text, MESSAGE)


def cut(text: str, letters: int) -> str:
    """Return as much of a text as whole words give, and dots where it goes on.

    >>> cut("one two three", 10), cut("one", 10), cut("", 10)
    ('one two...', 'one', '')
    """
    if len(text) <= letters:
        return text
    part = text[: letters - 2]
    return f"{part[: max(part.rfind(' '), part.rfind(chr(10)), letters // 2)].rstrip()}..."


def short(name: str, letters: int) -> str:
    """Return a name as a phone shows it, of at most so many letters; a full stop says that it goes on.

    >>> short("Boiler 1 flow", 9), short("Pump", 9), short("", 9)
    ('Boiler 1.', 'Pump', '')
    """
    return sms_fit.short(" ".join(gsm7(name).split()), letters)


def called(name: Mapping[str, str], otherwise: str, lang: str) -> str:
    """Return what people call something, its id where they have no word for it."""
    return name.get(lang) or next((word for word in name.values() if word), "") or otherwise


def by_names(make: Callable[[int], str]) -> Iterator[str]:
    """Yield a message with names of fewer and fewer letters."""
    return (make(letters) for letters in NAMES)


def listed(head: str, parts: Callable[[int], Sequence[str]], end: str, joint: str) -> Iterator[str]:
    """Yield a message with a list: names shorter and shorter, then fewer of them and how many are left out."""
    for letters in NAMES:
        yield "\n".join((head, joint.join(parts(letters)), end))
    told = parts(NAMES[-1])
    for count in range(len(told) - 1, -1, -1):
        yield "\n".join((head, joint.join([*told[:count], f"(+{len(told) - count})"]), end))
