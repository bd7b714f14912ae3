"""An installer's file taken apart: settings for the box, secrets for files of their own, acts to be done once.

The text that stays keeps its comments and its order. `fat` is what then stands on the card: without secrets, with what
was done struck out; `settings` is the same without acts, so that both are the same settings however often the card is
rewritten. Pure: text in, text out.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final, NamedTuple

import msgspec

from edge.core.meter import decimal_text
from edge.settings.faults import Fault
from edge.settings.places import KeyPath, Places, scan
from edge.settings.rules_card import BESIDE, SECRETS
from edge.settings.secrets import SHORTEST

SECRETS_FOLDER: Final = "/etc/vigie/secrets"
START: Final = "start"
_STRUCK: Final = re.compile(r"^# (?:done|refused) (?:\d\d/\d\d/\d{4} \d\d:\d\d|-): ")
_LEXICAL: Final = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|(?P<comment>\#[^\n]*)''', re.DOTALL
)


class FormError(ValueError):
    """Secrets or acts are written in a form that can't be taken out line by line; `fault` says what to write."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.key)
        self.fault = fault


class Act(msgspec.Struct, frozen=True):
    """Something that is done once, and how it is known again: by what it says, wherever it stands."""

    id: str
    verb: str
    """meter.set, test or restore."""
    args: dict[str, str]
    lines: tuple[int, ...]
    """Of `CardText.plain`, from 0."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of an act."""

    is_done: bool
    when: str
    """Local, such as 20/11/2026 10:31; "-" where nobody knew the time."""


class CardText(msgspec.Struct, frozen=True):
    """The parts of a good file."""

    plain: str
    """The text without secrets; its lines end with LF."""
    settings: str
    """For the box: `plain` without acts."""
    secrets: dict[str, str]
    """File name within SECRETS_FOLDER -> content."""
    acts: tuple[Act, ...]
    files: dict[str, str] = {}
    """File name within SECRETS_FOLDER -> name of the file that lies beside the installer's."""

    @property
    def print(self) -> str:
        """What tells these settings from others."""
        return print_of(self.settings)

    def fat(self, outcomes: Mapping[str, Outcome]) -> str:
        """Return the text for the card: lines of acts that have an outcome are comments that say so."""
        lines = self.plain.split("\n")
        groups: dict[tuple[int, ...], list[str]] = {}
        for act in self.acts:
            groups.setdefault(act.lines, []).append(act.id)
        for numbers, ids in groups.items():
            found = [outcomes[one] for one in ids if one in outcomes]
            if len(found) < len(ids):
                continue  # acts that share their lines are struck out together
            word = "done" if all(one.is_done for one in found) else "refused"
            for number in numbers:
                lines[number] = f"# {word} {found[-1].when}: {lines[number]}"
        return "\n".join(lines)


def print_of(settings: str) -> str:
    """Return what tells a box's settings from others: a hash."""
    return hashlib.sha256(settings.encode()).hexdigest()


def card_text(text: str) -> CardText:
    """Take a good file apart. Raises FormError."""
    data = tomllib.loads(text)
    plain, secrets, files = _without_secrets(text, data)
    acts = tuple(_acts(plain, tomllib.loads(plain)))
    taken_out = {number for act in acts for number in act.lines} | _start_lines(plain)
    lines = plain.split("\n")
    settings = "\n".join(
        line for number, line in enumerate(lines) if number not in taken_out and not _STRUCK.match(line)
    )
    if _read(settings) != {name: table for name, table in _expected(data).items() if name != START}:
        raise FormError(Fault(*scan(text).key((START,)), "[start]", "card.odd_start"))
    found = CardText(plain, settings, secrets, acts, files)
    test = [msgspec.structs.replace(act, id=_id(act.verb, found.print)) if act.verb == "test" else act for act in acts]
    return msgspec.structs.replace(found, acts=tuple(test))


def _read(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


# -- secrets


class _Moved(NamedTuple):
    """A key whose value leaves the card: the key that takes its place, the file that it names then."""

    path: KeyPath
    key: str
    file: str
    value: str
    """The secret, or the name of the file that holds it."""
    is_beside: bool


def _moved(data: Mapping[str, Any]) -> Iterator[_Moved]:
    """Yield each secret in plain, and each file beside the installer's that is named."""
    for secret in (*SECRETS, *BESIDE):
        table: Any = data
        for part in secret.path[:-1]:
            table = table.get(part, {})
        name, is_beside = str(secret.path[-1]), secret in BESIDE
        value = table.get(name)
        if value and not (is_beside and "/" in value):
            yield _Moved(secret.path, name if is_beside else f"{name}_file", secret.file, value, is_beside)


def _expected(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables as they must be when secrets stand in files."""
    copied: dict[str, Any] = deepcopy(dict(data))
    for moved in _moved(data):
        table = copied
        for part in moved.path[:-1]:
            table = table[str(part)]
        del table[str(moved.path[-1])]
        table[moved.key] = f"{SECRETS_FOLDER}/{moved.file}"
    return copied


def _without_secrets(text: str, data: Mapping[str, Any]) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return the text without secrets and without comments that repeat one; secrets and files beside, by their file."""
    found = list(_moved(data))
    if not found:
        return text, {}, {}
    spans = scan(text).spans
    for moved in sorted(found, key=lambda each: spans[each.path], reverse=True):
        begin, end = spans[moved.path]
        text = f'{text[:begin]}{moved.key} = "{SECRETS_FOLDER}/{moved.file}"{text[end:]}'
    values = [moved.value for moved in found if not moved.is_beside and len(moved.value) >= SHORTEST]
    text = _LEXICAL.sub(lambda found: _without_value(found, values), text)
    if _read(text) != _expected(data):
        path = found[0].path
        raise FormError(Fault(*scan(text).key(path[:-1]), ".".join(map(str, path)), "card.odd_secret"))
    secrets, files = ({m.file: m.value for m in found if m.is_beside is kind} for kind in (False, True))
    return text, secrets, files


def _without_value(found: re.Match[str], values: list[str]) -> str:
    """Return a comment that repeats a secret as an empty one, everything else as it is."""
    comment = found["comment"]
    return "#" if comment and any(value in comment for value in values) else found[0]


# -- acts


def _acts(text: str, data: Mapping[str, Any]) -> Iterator[Act]:
    """Yield the acts of [start], each with its lines."""
    start = data.get(START)
    if not start:
        return
    places = scan(text)
    for number, row in enumerate(start.get("meter", [])):
        path = (START, "meter", number)
        index = row["index"]
        value = decimal_text(index) if isinstance(index, float) else str(index).replace(",", ".")
        args = {"point": row["meter"], "value": value}
        yield Act(_id("meter.set", *args.values()), "meter.set", args, _lines(text, places, path))
    if start.get("test"):
        yield Act("", "test", {}, _lines(text, places, (START, "test")))
    if start.get("restore"):
        lines = _lines(text, places, (START, "restore"))
        yield Act(_id("restore", start["restore"]), "restore", {"file": start["restore"]}, lines)


def _id(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _lines(text: str, places: Places, path: KeyPath) -> tuple[int, ...]:
    """Return the lines of what stands at a path and below it: its header, or the assignment that holds it."""
    found = {places.key(path).line - 1}
    for other, (begin, end) in places.spans.items():
        if other[: len(path)] == path or path[: len(other)] == other:
            found |= set(range(text.count("\n", 0, begin), text.count("\n", 0, end) + 1))
    return tuple(sorted(found))


def _start_lines(text: str) -> set[int]:
    """Return the lines of [start] itself, whatever it holds."""
    places = scan(text)
    headers = {place.line - 1 for path, place in places.keys.items() if path[:1] == (START,)}
    return headers | {
        number
        for path, (begin, end) in places.spans.items()
        if path[:1] == (START,)
        for number in range(text.count("\n", 0, begin), text.count("\n", 0, end) + 1)
    }
