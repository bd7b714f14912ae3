"""Where each key of a TOML text stands: line and column for every key path.

tomllib gives values and no places; this scanner gives places and no values. It runs on text that tomllib has accepted
(TOML 1.0, https://toml.io/en/v1.0.0), so it tells a comment from a string and a header from an array and checks nothing
else. Lines end at LF or CRLF; columns are counted in characters from 1; a byte order mark takes no column.
"""

from __future__ import annotations

import bisect
import tomllib
from typing import Final, NamedTuple, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]

_BLANK: Final = " \t"
_BLANK_OR_LINE_END: Final = " \t\n"
_BARE_KEY: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


class Place(NamedTuple):
    """A character of the text: line and column, both from 1."""

    line: int
    column: int


class Places:
    """The places of one text, by key path: names of tables and keys, and numbers from 0 in arrays."""

    def __init__(
        self, keys: dict[KeyPath, Place], values: dict[KeyPath, Place], spans: dict[KeyPath, tuple[int, int]]
    ) -> None:
        self.spans = spans
        """Of each `key = value` the offsets of the key's last part and of what follows the value."""
        self.keys = keys
        """Where the name stands: the key's first character, the `[` of a table's header, an array's element."""
        self.values = values
        """Where the value begins; a table made by a header has its value at the header."""

    def key(self, path: KeyPath) -> Place:
        """Return the place of the name, or of the nearest table around it that has one; at worst line 1, column 1."""
        return self._nearest(self.keys, path)

    def value(self, path: KeyPath) -> Place:
        """Return the place of the value, or of the nearest table around it."""
        return self.values[path] if path in self.values else self.key(path)

    def _nearest(self, places: dict[KeyPath, Place], path: KeyPath) -> Place:
        while path:
            if path in places:
                return places[path]
            path = path[:-1]
        return Place(1, 1)


def scan(text: str) -> Places:
    r"""Return the places of every key, table and array element of a valid TOML text.

    >>> scan('[box]\nid = "b1"').key(("box", "id"))
    Place(line=2, column=1)
    >>> scan('[box]\nid = "b1"').value(("box", "id"))
    Place(line=2, column=6)
    """
    scanner = _Scanner(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    scanner.document()
    return Places(scanner.keys, scanner.values, scanner.spans)


class _Scanner:
    """One pass over the text; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text + "\n"
        self.at = 0
        self.keys: dict[KeyPath, Place] = {}
        self.values: dict[KeyPath, Place] = {}
        self.spans: dict[KeyPath, tuple[int, int]] = {}
        self._line_starts = [0, *(i + 1 for i, character in enumerate(text) if character == "\n")]
        self._implicit: set[KeyPath] = set()
        self._tables_of_array: dict[KeyPath, int] = {}

    def document(self) -> None:
        """Walk the whole text: headers, and the keys below each."""
        table: KeyPath = ()
        while self._skip(_BLANK_OR_LINE_END):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._assignment(table)

    def _place(self, offset: int) -> Place:
        line = bisect.bisect_right(self._line_starts, offset)
        return Place(line, offset - self._line_starts[line - 1] + 1)

    def _skip(self, blanks: str) -> bool:
        """Step over blanks and comments; False at the end of the text."""
        while self.at < len(self.text):
            if self.text[self.at] in blanks:
                self.at += 1
            elif self.text[self.at] == "#":
                self.at = self.text.index("\n", self.at)
                if "\n" not in blanks:
                    return True
            else:
                return True
        return False

    def _header(self) -> KeyPath:
        start = self._place(self.at)
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        parts = self._key_parts()
        self.at = self.text.index("]", self.at) + (2 if is_array else 1)
        path: KeyPath = ()
        for part, _ in parts[:-1]:
            path = self._entered((*path, part))
            if path not in self.keys:
                self._implicit.add(path)
                self._keep(path, start)
        path = (*path, parts[-1][0])
        if is_array:
            self._tables_of_array[path] = self._tables_of_array.get(path, 0) + 1
            if path not in self.keys:
                self._keep(path, start)
            path = self._entered(path)
            self._keep(path, start)
        elif path not in self.keys or path in self._implicit:
            # [a.b] before [a]: the header that defines the table is its place, not the one that mentioned it first
            self._implicit.discard(path)
            self._keep(path, start)
        return path

    def _entered(self, path: KeyPath) -> KeyPath:
        """Return the path itself, or that of the last table when it is an array of tables."""
        count = self._tables_of_array.get(path)
        return path if count is None else (*path, count - 1)

    def _keep(self, path: KeyPath, place: Place) -> None:
        self.keys[path] = place
        self.values[path] = place

    def _assignment(self, table: KeyPath) -> None:
        """One `key = value`, with every dotted part of the key at its own place."""
        path, start = table, self.at
        for part, offset in self._key_parts():
            start = offset
            path = (*path, part)
            if path not in self.keys:
                self._keep(path, self._place(offset))
        self._skip(_BLANK)
        self.at += 1  # the equals sign
        self._skip(_BLANK)
        self.values[path] = self._place(self.at)
        self._value(path)
        self.spans[path] = start, self.at

    def _key_parts(self) -> list[tuple[str, int]]:
        """Return the parts of a possibly dotted key, each with its offset; stops at what follows the last one."""
        parts = []
        while True:
            self._skip(_BLANK)
            start = self.at
            if self.text[start] in "\"'":
                self._string(self.text[start])
                # tomllib knows the escapes
                name: str = tomllib.loads(f"k = {self.text[start : self.at]}")["k"]
            else:
                while self.text[self.at] in _BARE_KEY:
                    self.at += 1
                name = self.text[start : self.at]
            parts.append((name, start))
            self._skip(_BLANK)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def _value(self, path: KeyPath) -> None:
        first = self.text[self.at]
        if first in "\"'":
            is_long = self.text.startswith(first * 3, self.at)
            self._string(first * 3 if is_long else first)
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            while self.text[self.at] not in ",]}#\n":
                self.at += 1

    def _string(self, quote: str) -> None:
        """Step over a string that begins here with this quote: ', ", or three of one of them."""
        self.at += len(quote)
        while not self.text.startswith(quote, self.at):
            self.at += 2 if quote[0] == '"' and self.text[self.at] == "\\" else 1
        self.at += len(quote)
        if len(quote) == 3:  # a long string may end in up to two quotes of its own: """"so"""""
            for _ in range(2):
                self.at += self.text[self.at] == quote[0]

    def _array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        while self._skip(_BLANK_OR_LINE_END) and self.text[self.at] != "]":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._keep((*path, index), self._place(self.at))
            self._value((*path, index))
            index += 1
        self.at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        # TOML 1.1 lets an inline table span lines; whether this one may was tomllib's to say
        while self._skip(_BLANK_OR_LINE_END) and self.text[self.at] != "}":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._assignment(path)
        self.at += 1
