"""The live table on a terminal, and the lines that stand for it where there is none."""

from __future__ import annotations

import getpass
import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO

from edge.cli import table
from edge.cli.cells import Line, Piece, filled
from edge.cli.client import Client, NotRunningError, RefusedError
from edge.cli.line import line_of
from edge.cli.screen import Screen
from edge.cli.trend import Trends
from edge.cli.words import Words, zone_of
from edge.core.commands import Command

POLL_S: Final = 1.0
REPORT_EVERY_S: Final = 5.0
MESSAGE_S: Final = 8.0
NEXT_PAGE: Final = frozenset({" ", "\x1b[6~", "\x1b[B", "\x1b[C"})  # space, page down, down, right
PREVIOUS_PAGE: Final = frozenset({"\x7f", "\x1b[5~", "\x1b[A", "\x1b[D"})
UNANSWERED: Final = (NotRunningError, RefusedError)

Action = tuple[str, Callable[[], str]]


class _LinkTimes:
    """When a link's state and its acknowledged seq changed while we looked, where the box does not say it itself."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[Any, int | None]] = {}

    def fill(self, live: Mapping[str, Any]) -> None:
        """Write what is known into a fresh answer."""
        now_ms, buffer = live["box"]["utc_ms"], live["buffer"]
        for name, link in buffer.get("links", {}).items():
            seq = buffer["records"]["acknowledged"].get(name, 0)
            for key, fact in (("since_utc_ms", link["state"]), ("last_ack_utc_ms", seq)):
                before = self._seen.get((name, key))
                if before is None or before[0] != fact:
                    # what was so at the first look began before it
                    self._seen[name, key] = (fact, None if before is None else now_ms)
                if not link.get(key):
                    link[key] = self._seen[name, key][1]


class LiveTable:
    """The table of a running box, refreshed each second until q is pressed."""

    def __init__(self, client: Client, actions: Mapping[str, Action] | None = None) -> None:
        """Keep whom to ask, and what further keys do: key -> (label, what returns a text for the person)."""
        self._client = client
        self._actions = dict(actions or {})
        self._live: dict[str, Any] | None = None
        self._answered_s = 0.0
        self._trends = Trends()
        self._link_times = _LinkTimes()
        self._page = 0
        self._message = ""
        self._message_until_s = 0.0
        self._is_help = False

    def loop(self, until_s: float = float("inf"), *, keys_fd: int = 0, out_fd: int = 1) -> None:
        """Show the table until q, or until monotonic `until_s`. Ctrl-C passes as KeyboardInterrupt."""
        has_colour = not os.environ.get("NO_COLOR")
        with Screen(keys_fd, out_fd, has_colour=has_colour) as screen:
            next_s = 0.0
            while (now_s := time.monotonic()) < until_s:
                if now_s >= next_s:
                    self._poll()
                    next_s = time.monotonic() // POLL_S * POLL_S + POLL_S
                screen.show(self._lines(screen.size()))
                for key in screen.keys(min(next_s, until_s) - time.monotonic()):
                    if key in {"q", "Q", ""}:
                        return
                    self._press(key, screen)

    def _poll(self) -> None:
        try:
            live = self._client.get("live")
        except UNANSWERED:
            return  # the table says for how long
        self._link_times.fill(live)
        self._live = live
        self._answered_s = time.monotonic()
        self._trends.take(live["values"], self._answered_s)

    def _words(self) -> Words:
        return Words(self._live["box"]["site"]["lang"] if self._live else "en")

    def _lines(self, size: tuple[int, int]) -> list[Line]:
        now_s = time.monotonic()
        if now_s > self._message_until_s:
            self._message = ""
        say = self._words()
        if self._live is None:
            lines = [filled((), size[0])] * size[1]
            return [filled([Piece(say("live.waiting_for_box"))], size[0]), *lines[1:]]
        silent_s = now_s - self._answered_s
        sight = table.Sight(
            self._live, self._trends, self._page, self._labels(say), self._message, silent_s, self._is_help
        )
        utc_ms = self._live["box"]["utc_ms"] + round(silent_s * 1000)
        return table.compose(sight, size, zone_of(self._live), utc_ms, say.lang)

    def _labels(self, say: Words) -> list[tuple[str, str]]:
        own = [(key, label) for key, (label, _) in self._actions.items()]
        return [("q", say("live.key_quit")), ("a", say("live.key_ack")), *own, ("h", say("live.key_help"))]

    def _press(self, key: str, screen: Screen) -> None:
        """Do what a key asks for; one that means nothing does nothing."""
        if key in {"h", "?"}:
            self._is_help = not self._is_help
        elif self._is_help and key in {" ", "\x1b"}:
            self._is_help = False
        elif key in NEXT_PAGE:
            self._page += 1
        elif key in PREVIOUS_PAGE:
            self._page -= 1
        elif key == "a":
            self._say(self._acknowledge())
            self._poll()
        elif key in self._actions:
            label, act = self._actions[key]
            self._say(f"{label} …")
            screen.show(self._lines(screen.size()))  # it may take its time
            try:
                self._say(act())
            except OSError as exc:
                self._say(str(exc))
            self._poll()

    def _say(self, text: str) -> None:
        self._message, self._message_until_s = text, time.monotonic() + MESSAGE_S

    def _acknowledge(self) -> str:
        try:
            result = self._client.post("commands", Command(uuid.uuid4().hex, "ack", author=user_name()))
        except UNANSWERED as exc:
            return str(exc)
        return self._words().result(result["text"])


def user_name() -> str:
    """Return who is at the terminal, for the journal; a number where the system has no name for it."""
    try:
        return getpass.getuser()[:64]
    except (KeyError, OSError):
        return str(os.getuid())


class PlainReport:
    """What stands for the table where there is no terminal: one line every 5 s."""

    def __init__(self, client: Client, out: TextIO = sys.stdout) -> None:
        self._client = client
        self._out = out

    def loop(self, until_s: float = float("inf")) -> None:
        """Write a line at once and every 5 s, until monotonic `until_s`."""
        next_s = time.monotonic()
        while (now_s := time.monotonic()) < until_s:
            if now_s >= next_s:
                next_s += REPORT_EVERY_S
                self._out.write(f"{self._line()}\n")
                self._out.flush()
            time.sleep(max(0.0, min(next_s, until_s) - time.monotonic()))

    def _line(self) -> str:
        try:
            return line_of(self._client.get("live"))
        except UNANSWERED as exc:
            return str(exc)
