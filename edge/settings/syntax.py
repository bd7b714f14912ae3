"""From the bytes of a file to its TOML tables, with a place for everything that is not TOML.

tomllib stops at the first fault. A line that is wrong by itself is noted and left out, and the rest is read: whoever
forgot the quotes in one place has often forgotten them in two.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

from edge.settings.faults import Fault, Faults, shown_line

MOST_FAULTS: Final = 50  # of the syntax: a file with more is no settings file
MOST_TRIES: Final = 100  # lines looked back for where something was opened

_DEEP_KEY: Final = re.compile(r"(?:[\w-]+[ \t]*\.[ \t]*){33}")
_TEXT: Final = re.compile(r""""(?:\\.|[^"\\])*"|'[^']*'""")
_LONG_NUMBER: Final = re.compile(r"\d[\d_]{4000}")  # Python makes no number of more than 4,300 digits

_PLACE: Final = re.compile(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)

# tomllib's words -> key of the catalogue; what is not listed is shown as tomllib says it
_KEYS: Final = (
    ("Invalid value", "syntax.value"),
    ("Expected '='", "syntax.equals"),
    ("Expected newline", "syntax.rest"),
    ("Unterminated string", "syntax.open_text"),
    ("Illegal character '\\n'", "syntax.open_text"),
    ('Expected "\'"', "syntax.open_text"),
    ("Cannot overwrite", "syntax.twice"),
    ("Duplicate inline table key", "syntax.twice"),
    ("Cannot declare", "syntax.table_twice"),
    ("Cannot redefine", "syntax.table_twice"),
    ("Cannot mutate", "syntax.table_twice"),
    ("Unclosed array", "syntax.open_array"),
    ("Unclosed inline table", "syntax.open_table"),
    ("Unescaped '\\'", "syntax.backslash"),
    ("Invalid initial character for a key", "syntax.key"),
    ("Invalid statement", "syntax.statement"),
    ("Expected ']", "syntax.header"),
)

_AT_ONE_CHARACTER: Final = frozenset(
    {"syntax.value", "syntax.equals", "syntax.rest", "syntax.key", "syntax.statement", "syntax.header", "syntax.other"}
)
_OPEN: Final = ("syntax.open_text", "syntax.open_array", "syntax.open_table")


def text_of(content: bytes, faults: Faults) -> str | None:
    """Return the file's text, or None and a fault when it is not UTF-8."""
    halves = content[:64:2], content[1:64:2]
    is_wide = any(each and not any(each) for each in halves) and any(map(all, halves))  # without a mark
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or is_wide:
        faults.known.append(Fault(1, 1, "", "syntax.utf16"))
        return None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as exc:
        before = content[: exc.start].decode("utf-8").removeprefix("\ufeff")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        faults.known.append(Fault(line, column, "", "syntax.utf8", {"byte": f"0x{content[exc.start]:02x}"}))
        return None
    if "\0" in text:
        faults.known.append(Fault(text.count("\n", 0, text.index("\0")) + 1, 1, "", "syntax.nul"))
        return None
    return text


def tables_of(text: str, faults: Faults) -> tuple[str, dict[str, Any] | None]:
    """Return the text that could be read and its tables; None instead of tables when too little is left to judge."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    while len(faults.known) < MOST_FAULTS:
        readable = "\n".join(lines)
        try:
            _refuse_deep_keys(lines)
            return readable, tomllib.loads(readable)
        except tomllib.TOMLDecodeError as exc:
            fault = _fault(str(exc), lines)
        except RecursionError:
            fault = Fault(1, 1, "", "syntax.depth")
        except ValueError:
            line = next((number for number, text in enumerate(lines, 1) if _LONG_NUMBER.search(text)), 1)
            fault = Fault(line, 1, "", "syntax.value")
        faults.known.append(fault)
        if not _is_by_itself(fault, lines):
            return readable, None
        lines[fault.line - 1] = ""
    return "", None


def _refuse_deep_keys(lines: list[str]) -> None:
    """Raise RecursionError for a key of very many parts: tomllib takes time by the square of their number."""
    for line in lines:
        if line.count(".") > 32 and _DEEP_KEY.search(_TEXT.sub("s", line)):
            raise RecursionError


def _fault(message: str, lines: list[str]) -> Fault:
    found = _PLACE.match(message)
    what = found[1] if found else message
    if found and found[2]:
        line, column = int(found[2]), int(found[3])
    else:
        line, column = len(lines), len(lines[-1]) + 1
    key = next((key for start, key in _KEYS if what.startswith(start)), "syntax.other")
    values = {"detail": what}
    at = lines[line - 1][column - 1 : column]
    if key in _AT_ONE_CHARACTER and not at.isprintable():  # also the fixed spaces of text programs and web pages
        key, values = "syntax.invisible", {"code": f"U+{ord(at):04X}"}
    elif key in {"syntax.equals", "syntax.statement"} and not at.isascii():
        key = "syntax.accent"
    elif key in _OPEN:
        line = _opening_line(lines, line)
        before = lines[line - 1].partition("=")
        column = len(before[0]) + 2 + len(before[2]) - len(before[2].lstrip()) if before[1] else 1
    elif key == "syntax.twice":  # tomllib points behind the value; the second key is what is wrong
        column = len(lines[line - 1]) - len(lines[line - 1].lstrip()) + 1
    elif key == "syntax.backslash":  # and behind the escape
        column -= 2
    return Fault(line, column, "", key, values, source=shown_line(lines, line))


def _opening_line(lines: list[str], noticed: int) -> int:
    """Return the line that opens what is never closed: the one after the last beginning of the file that is whole."""
    for count in range(noticed - 1, max(-1, noticed - MOST_TRIES), -1):
        try:
            tomllib.loads("\n".join(lines[:count]))
        except ValueError:
            continue
        return next(number for number in range(count + 1, len(lines) + 1) if lines[number - 1].strip())
    return noticed


def _is_by_itself(fault: Fault, lines: list[str]) -> bool:
    """Return whether leaving out the line leaves the others as they were meant."""
    line = lines[fault.line - 1].strip()
    if fault.key == "syntax.depth" or not line or line.startswith("["):
        return False  # without its header, the keys below would fall into the table above
    if fault.key == "syntax.twice":
        return True
    try:
        tomllib.loads(line)
    except ValueError:
        # a list or a long text that is left open may have been meant to go on below
        return fault.key != "syntax.open_array" and '"""' not in line and "'''" not in line
    return False
