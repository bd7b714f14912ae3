"""Every key that tomllib finds is found at its true place, in texts whose places are known as they are written."""

from __future__ import annotations

import doctest
import random
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.settings import places
from edge.settings.places import KeyPath, Place, scan

SCALARS = (
    "1",
    "-12.5e3",
    "0xff_ff",
    "true",
    "nan",
    "-inf",
    "1979-05-27 07:32:00.5+01:00",
    "07:32:00",
    '""',
    '"a # b = [c] {d} , \\" \\\\"',
    "'lit \\ # ]} \"'",
    '"é € 😀"',
    '""""quoted" ends in two"""""',
    "''''lit' = ''''",
)
LONG = ('"""two{n}lines \\""" # ]{n}[x]{n}"""', "'''{n}k = 1{n}[[y]]\\'''", '"""\\{n}   folded \\\\"""')
NAMES = ("a", "b-1", "c_2", "3", "d.e", "f g", "é#", "=", "]", 'q"u', "it's", "😀", "")


class Writer:
    """Writes TOML and notes where each key and value begins, counting for itself."""

    def __init__(self, rng: random.Random, line_end: str) -> None:
        self.rng = rng
        self.line_end = line_end
        self.text = ""
        self.line = 1
        self.column = 1
        self.keys: dict[KeyPath, Place] = {}
        self.values: dict[KeyPath, Place] = {}

    def put(self, text: str) -> None:
        self.text += text
        for character in text.replace("\r\n", "\n"):
            self.line, self.column = (self.line + 1, 1) if character == "\n" else (self.line, self.column + 1)

    def here(self) -> Place:
        return Place(self.line, self.column)

    def space(self) -> None:
        self.put(self.rng.choice(("", "", " ", "\t", "  ")))

    def end_line(self) -> None:
        self.put(self.rng.choice(("", " ", "  # [no] = 'key' \" é", "#")) + self.line_end)
        while self.rng.random() < 0.2:
            self.put(self.rng.choice(("", "# x = 1", "\t")) + self.line_end)

    def name(self, name: str) -> None:
        is_bare = bool(name) and all(c.isascii() and (c.isalnum() or c in "-_") for c in name)
        if is_bare and self.rng.random() < 0.7:
            self.put(name)
        elif "'" not in name and self.rng.random() < 0.5:
            self.put(f"'{name}'")
        else:
            escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("é", "\\u00e9")
            self.put(f'"{escaped}"')

    def dotted(self, parts: list[str]) -> list[Place]:
        found = []
        for number, part in enumerate(parts):
            if number:
                self.space()
                self.put(".")
                self.space()
            found.append(self.here())
            self.name(part)
        return found

    def fresh(self, taken: set[str]) -> str:
        name = self.rng.choice(NAMES)
        while name in taken:
            name += self.rng.choice("xyz")
        taken.add(name)
        return name

    def assignment(self, table: KeyPath, taken: set[str], depth: int) -> None:
        """`k = v` or `k.l.m = v`; a dotted name is fresh, so that its tables are nobody else's."""
        parts = [self.fresh(taken)] + [self.rng.choice(NAMES) for _ in range(self.rng.choice((0, 0, 0, 1, 2)))]
        path = table
        for part, place in zip(parts, self.dotted(parts), strict=True):
            path = (*path, part)
            self.keys[path] = self.values[path] = place
        self.space()
        self.put("=")
        self.space()
        self.value(path, depth)

    def value(self, path: KeyPath, depth: int) -> None:
        self.values[path] = self.here()
        kind = self.rng.random()
        if depth and kind < 0.2:
            self.array(path, depth - 1)
        elif depth and kind < 0.4:
            self.inline_table(path, depth - 1)
        elif kind < 0.5:
            self.put(self.rng.choice(LONG).format(n=self.line_end))
        else:
            self.put(self.rng.choice(SCALARS))

    def array(self, path: KeyPath, depth: int) -> None:
        self.put("[")
        for index in range(self.rng.randrange(4)):
            if index:
                self.put(",")
            if self.rng.random() < 0.3:
                self.end_line()
            self.space()
            self.keys[(*path, index)] = self.here()
            self.value((*path, index), depth)
            if self.rng.random() < 0.3:
                self.end_line()
        self.space()
        self.put("]")

    def inline_table(self, path: KeyPath, depth: int) -> None:
        self.put("{")
        taken: set[str] = set()
        for index in range(self.rng.randrange(3)):
            if index:
                self.put(",")
            self.space()
            self.assignment(path, taken, depth)
            self.space()
        self.put("}")

    def header(self, names: list[str], path: KeyPath, *, is_array: bool) -> None:
        self.space()
        start = self.here()
        self.put("[[" if is_array else "[")
        self.space()
        self.dotted(names)
        self.space()
        self.put("]]" if is_array else "]")
        self.end_line()
        self.keys[path] = self.values[path] = start

    def body(self, path: KeyPath, taken: set[str]) -> None:
        for _ in range(self.rng.randrange(4)):
            self.space()
            self.assignment(path, taken, 3)
            self.end_line()

    def document(self) -> None:
        taken: set[str] = set()
        self.body((), taken)
        for _ in range(self.rng.randrange(5)):
            name = self.fresh(taken)
            self.rng.choice((self.plain_table, self.late_parent, self.array_of_tables))(name)

    def plain_table(self, name: str) -> None:
        self.header([name], (name,), is_array=False)
        self.body((name,), set())

    def late_parent(self, name: str) -> None:
        """[a.b.c] first, [a] afterwards: a's place is its own header, b's is the one that mentions it."""
        inner = [self.rng.choice(NAMES), self.rng.choice(NAMES)]
        self.header([name, *inner], (name, *inner), is_array=False)
        start = self.keys[name, *inner]
        for path in ((name,), (name, inner[0])):
            self.keys[path] = self.values[path] = start
        self.body((name, *inner), set())
        if self.rng.random() < 0.5:
            self.header([name], (name,), is_array=False)
            self.body((name,), {inner[0]})

    def array_of_tables(self, name: str) -> None:
        for index in range(self.rng.randrange(1, 4)):
            self.header([name], (name, index), is_array=True)
            if index == 0:
                self.keys[name,] = self.values[name,] = self.keys[name, 0]
            taken: set[str] = set()
            self.body((name, index), taken)
            if self.rng.random() < 0.5:
                sub = self.fresh(taken)
                self.header([name, sub], (name, index, sub), is_array=False)
                self.body((name, index, sub), set())
            if self.rng.random() < 0.5:
                sub = self.fresh(taken)
                for inner in range(2):
                    self.header([name, sub], (name, index, sub, inner), is_array=True)
                    self.body((name, index, sub, inner), set())
                self.keys[name, index, sub] = self.values[name, index, sub] = self.keys[name, index, sub, 0]


def paths_of(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    found = {path} if path else set()
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        found |= paths_of(inner, (*path, name))
    return found


@given(st.randoms(use_true_random=False), st.sampled_from(("\n", "\r\n")), st.sampled_from(("", "\ufeff")))
@settings(max_examples=120, deadline=None)
def test_every_key_of_a_generated_file_is_found_at_its_true_place(rng: random.Random, end: str, mark: str) -> None:
    writer = Writer(rng, end)
    writer.document()
    text = writer.text
    assert paths_of(tomllib.loads(text)) == set(writer.keys)
    found = scan(mark + text)
    assert found.keys == writer.keys
    assert found.values == writer.values


@given(st.text(alphabet="ab.=[]{}\"'#\\\n\r ,1\ufeff", max_size=60))
@settings(max_examples=500, deadline=None)
def test_whatever_tomllib_accepts_is_scanned_without_stumbling(text: str) -> None:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(scan(text).keys) == paths_of(found)


def test_places_are_counted_from_one_in_characters_not_bytes() -> None:
    found = scan('[site]\nname = "Chaudière 😀" # é\n"clé é" = 1\n')
    assert found.key(("site",)) == Place(1, 1)
    assert found.value(("site", "name")) == Place(2, 8)
    assert found.value(("site", "clé é")) == Place(3, 11)


def test_a_path_that_is_not_there_is_placed_at_the_table_around_it() -> None:
    found = scan("[box]\nid = 'a'\n\n[[point]]\n")
    assert found.key(("point", 0, "driver")) == Place(4, 1)
    assert found.value(("point", 0, "driver", "x")) == Place(4, 1)
    assert found.key(("nowhere", "at", "all")) == Place(1, 1)


@pytest.mark.parametrize("text", ["", "\ufeff", "# only a comment", "\r\n\r\n"])
def test_an_empty_text_has_no_places(text: str) -> None:
    assert scan(text).keys == {}
    assert scan(text).key(("box",)) == Place(1, 1)


def test_crlf_and_byte_order_mark_move_no_place() -> None:
    text = '[a]\nb = """x\ny"""\nc = {d = [1,\n2]}\n'
    assert scan("\ufeff" + text.replace("\n", "\r\n")).values == scan(text).values


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(places).failed == 0
