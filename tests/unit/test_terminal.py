"""The live table on a real pseudo-terminal, read back by a terminal emulator: keys, resizing, and the way out."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pyte
import pytest

from edge.cli.client import Client
from edge.cli.screen import split_keys
from edge.cli.terminal import PlainReport
from edge.core.view import ValueView
from tests.fake_desk import FakeDesk, serving
from tests.support import ROOT, eventually

# What `vigie run --demo --live` does: the table with two more keys; the shell's line comes after it.
SCRIPT = """
import sys, time
from pathlib import Path
from edge.cli.client import Client
from edge.cli.terminal import LiveTable

def fail():
    raise OSError("no such probe")

def bug():
    raise ZeroDivisionError("a bug in an action")

actions = {"c": ("cut the link", lambda: "link cut: c mends it"), "p": ("unplug a probe", fail), "b": ("break", bug)}
seconds = float(sys.argv[2])
print("before")
LiveTable(Client(Path(sys.argv[1])), actions).loop(time.monotonic() + seconds if seconds else float("inf"))
print("after")
"""


class Terminal:
    """A pty with a program on it, and the screen that a person would see."""

    def __init__(self, path: Path, size: tuple[int, int], seconds: float = 0, **environment: str) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.heard = b""
        self.fd, self._program_side = pty.openpty()
        self._set_size(size)
        self.mode_before = termios.tcgetattr(self._program_side)
        os.set_blocking(self.fd, False)
        self.program = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(path), str(seconds)],
            cwd=ROOT, stdin=self._program_side, stdout=self._program_side, stderr=subprocess.PIPE,
            env={**os.environ, "TERM": "xterm-256color", **environment}, process_group=0,
        )  # fmt: skip

    def _set_size(self, size: tuple[int, int]) -> None:
        fcntl.ioctl(self._program_side, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def resize(self, size: tuple[int, int]) -> None:
        self._set_size(size)
        self.screen.resize(size[1], size[0])
        self.program.send_signal(signal.SIGWINCH)  # the kernel sends it to who has the terminal as its controlling one

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def lines(self) -> list[str]:
        """Return the screen as it stands after everything that has come."""
        while True:
            try:
                part = os.read(self.fd, 65536)
            except BlockingIOError:
                break
            except OSError as exc:
                if exc.errno == errno.EIO:
                    break
                raise
            self.heard += part
            self._stream.feed(part)
        return list(self.screen.display)

    def shows(self, text: str) -> bool:
        return any(text in line for line in self.lines())

    def waits_for(self, text: str) -> None:
        eventually(lambda: self.shows(text), 10, f"{text!r} on the screen: {self.lines()}")

    def ends(self) -> int:
        """Return the program's exit code once it has ended, the terminal as it was before it."""
        code = self.program.wait(5)
        self.lines()
        assert termios.tcgetattr(self._program_side) == self.mode_before
        assert b"\x1b[?1049l" in self.heard
        assert self.heard.rindex(b"\x1b[?25h") > self.heard.rindex(b"\x1b[?25l")
        return code

    def close(self) -> None:
        if self.program.poll() is None:
            self.program.kill()
        self.program.communicate()
        os.close(self.fd)
        os.close(self._program_side)


@pytest.fixture
def terminal(path: Path) -> Iterator[Terminal]:
    found = Terminal(path, (80, 24))
    yield found
    found.close()


def test_it_draws_the_draft_at_80_by_24_and_gives_the_terminal_back_on_q(terminal: Terminal) -> None:
    terminal.waits_for(" q quit")  # the last line that is drawn
    lines = terminal.lines()
    assert lines[0] == "vigie 0.1.0  b0042 Gymnase Sud                    Fri 20 Nov 16:20:07  clock ntp"
    assert lines[5].startswith("!boiler.flow            92.5 °C    good               1 s  HIGH > 85  ")
    assert lines[6].startswith("?t.cellar                  - °C    bad no_answer    3 min  FAULT ")
    assert lines[23].startswith(" q quit  a acknowledge  c cut the link  p unplug a probe ")
    terminal.press("q")
    assert terminal.ends() == 0
    assert terminal.heard.endswith(b"after\r\n")


def test_alarm_and_bad_are_told_by_colour_too(terminal: Terminal) -> None:
    terminal.waits_for(" q quit")
    assert terminal.screen.buffer[2][1].bg == "red"
    assert terminal.screen.buffer[6][0].fg == "brown"  # as pyte calls yellow
    terminal.press("q")
    terminal.ends()


def test_no_color_gives_the_same_text_without_any_attribute(path: Path, desk: FakeDesk) -> None:
    terminal = Terminal(path, (80, 24), NO_COLOR="1")
    try:
        terminal.waits_for("ALARM #12")
        terminal.press("q")
        terminal.ends()
        assert set(re.findall(rb"\x1b\[[0-9;]*m", terminal.heard)) <= {b"\x1b[0m"}
    finally:
        terminal.close()


def test_resizing_is_followed_at_once(terminal: Terminal) -> None:
    terminal.waits_for("ALARM #12")
    terminal.resize((100, 30))
    # the last line that is drawn, and a column that only a wide screen has
    eventually(lambda: terminal.lines()[29].startswith(" q quit") and terminal.shows("Off-peak index"), 5)
    lines = terminal.lines()
    assert len(lines) == 30
    assert all(len(line) == 100 for line in lines)
    assert lines[0].endswith("Fri 20 Nov 16:20:07  clock ntp")
    terminal.resize((60, 16))
    head = ["point", "value", "unit", "quality", "age"]
    eventually(lambda: terminal.lines()[4].split() == head and terminal.lines()[15].startswith(" q quit"), 5)
    terminal.press("q")
    assert terminal.ends() == 0


def test_pages_turn_and_help_opens_and_closes(terminal: Terminal) -> None:
    terminal.waits_for("next page 1/2")
    terminal.press(" ")
    terminal.waits_for("next page 2/2")
    terminal.press("\x1b[5~")
    terminal.waits_for("next page 1/2")
    terminal.press("h")
    terminal.waits_for("What this table says")
    terminal.press(" ")
    terminal.waits_for("next page 1/2")
    terminal.press("xZ\x1b[24~\xff")  # keys that mean nothing
    terminal.press("q")
    assert terminal.ends() == 0


def test_a_acknowledges_under_the_persons_name_and_says_what_the_box_answered(
    terminal: Terminal, desk: FakeDesk
) -> None:
    terminal.waits_for("ack? a")
    terminal.press("a")
    terminal.waits_for("Acknowledged: 12.")
    eventually(lambda: not terminal.shows("ack? a"), 5)
    assert [(order.verb, order.args, order.channel) for order in desk.orders] == [("ack", {}, "local")]
    assert len(desk.orders[0].id) == 32
    assert desk.orders[0].author
    terminal.press("a")
    terminal.waits_for("No alarm waits for an acknowledgement.")
    terminal.press("q")
    assert terminal.ends() == 0


def test_further_keys_do_what_they_were_given_and_a_failure_is_said(terminal: Terminal) -> None:
    terminal.waits_for("ALARM #12")
    terminal.press("c")
    terminal.waits_for("link cut: c mends it")
    terminal.press("p")
    terminal.waits_for("no such probe")
    terminal.press("q")
    assert terminal.ends() == 0


def test_values_move_and_a_box_that_falls_silent_is_said_and_comes_back(terminal: Terminal, desk: FakeDesk) -> None:
    terminal.waits_for(" q quit")
    assert terminal.shows(" 1 780 ")
    desk.t_s = 11.0
    terminal.waits_for(" 2 180 ")
    desk.fails = TimeoutError()
    terminal.waits_for("has not answered for")
    desk.fails = None
    eventually(lambda: not terminal.shows("has not answered"), 5)
    terminal.press("q")
    assert terminal.ends() == 0


def test_times_of_a_link_are_noted_where_the_box_does_not_tell_them(path: Path, desk: FakeDesk) -> None:
    for key in ("since_utc_ms", "last_ack_utc_ms"):
        del desk.link[key]
    terminal = Terminal(path, (80, 24))
    try:
        terminal.waits_for("acknowledged 48 213  ")
        desk.t_s = 100.0
        desk.link["state"] = "down"
        terminal.waits_for("link mqtt down 0 s")
        desk.t_s = 160.0
        terminal.waits_for("link mqtt down 1 min")
        terminal.press("q")
        assert terminal.ends() == 0
    finally:
        terminal.close()


def test_it_waits_for_a_box_that_is_not_there_yet(tmp_path: Path, desk: FakeDesk) -> None:
    terminal = Terminal(tmp_path / "later.sock", (80, 24))
    try:
        terminal.waits_for("waiting for the box")
        with serving(desk, tmp_path / "later.sock"):
            terminal.waits_for("ALARM #12")
            terminal.press("q")
            assert terminal.ends() == 0
    finally:
        terminal.close()


def test_ctrl_c_and_a_bug_give_the_terminal_back(path: Path) -> None:
    leaves: list[tuple[Callable[[Terminal], None], str]] = [
        (lambda t: t.program.send_signal(signal.SIGINT), "KeyboardInterrupt"),
        (lambda t: t.press("b"), "a bug"),
    ]
    for leave, last_words in leaves:
        terminal = Terminal(path, (80, 24))
        try:
            terminal.waits_for("ALARM #12")
            leave(terminal)
            assert terminal.ends() != 0
            assert terminal.program.stderr is not None
            assert last_words in terminal.program.stderr.read().decode()
        finally:
            terminal.close()


def test_it_ends_by_itself_when_its_time_is_over(path: Path) -> None:
    terminal = Terminal(path, (80, 24), seconds=0.7)
    try:
        terminal.waits_for("ALARM #12")
        eventually(lambda: terminal.lines() is not None and terminal.program.poll() is not None, 5)
        assert terminal.ends() == 0
    finally:
        terminal.close()


def test_a_window_that_is_closed_ends_it(path: Path) -> None:
    terminal = Terminal(path, (80, 24))
    try:
        terminal.waits_for("ALARM #12")
        os.close(terminal.fd)  # what a closed window is to the program: reading gives EIO
        terminal.program.wait(5)
    finally:
        terminal.fd = os.open(os.devnull, os.O_RDONLY)
        terminal.close()


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("", []),
        ("q", ["q"]),
        ("  a", [" ", " ", "a"]),
        ("\x1b", ["\x1b"]),
        ("\x1b[6~\x1b[A\x1bOPq", ["\x1b[6~", "\x1b[A", "\x1bOP", "q"]),
        ("\x1b[1;5", ["\x1b[1;5"]),
        ("é", ["é"]),
    ],
)
def test_escape_sequences_are_one_key_and_never_a_q_inside_them(typed: str, keys: list[str]) -> None:
    assert split_keys(typed) == keys


# -- without a terminal


def test_without_a_terminal_a_line_says_it_all(path: Path, desk: FakeDesk) -> None:
    out = StringIO()
    PlainReport(Client(path), out).loop(time.monotonic() + 0.2)
    assert out.getvalue() == (
        "16:20:07  26 points: 24 good, 1 uncertain, 1 bad (t.cellar no_answer)  2 alarms #12 boiler.flow #11 t.cellar"
        "  mqtt ok  acknowledged 48 213  buffer 0\n"
    )


def test_the_line_names_only_the_first_of_many_bad_points_and_a_box_without_a_link(path: Path, desk: FakeDesk) -> None:
    out = StringIO()
    views = desk.view("values")
    desk.more = [type(views[0])(**{**_fields(views[5]), "point": f"t.{n}"}) for n in range(9)]
    desk.buffer = lambda: {**FakeDesk.buffer(desk), "links": {}}  # type: ignore[method-assign]
    PlainReport(Client(path), out).loop(time.monotonic() + 0.2)
    assert "10 bad (t.cellar no_answer, t.0 no_answer, t.1 no_answer, …)" in out.getvalue()
    assert out.getvalue().endswith("no link upstream: 8 213 records kept\n")


def _fields(view: ValueView) -> dict[str, Any]:
    return {name: getattr(view, name) for name in view.__struct_fields__}


def test_without_a_box_the_line_says_so_and_it_goes_on(tmp_path: Path) -> None:
    out = StringIO()
    PlainReport(Client(tmp_path / "none.sock"), out).loop(time.monotonic() + 0.2)
    assert out.getvalue().startswith("no box answers on ")
