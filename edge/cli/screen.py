"""A terminal in our hands: its other screen, single keys, a new size, and everything given back at the end.

One thread: it waits for keys, for a new size of the window and for an instant, at once.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import tty
from types import TracebackType
from typing import Any, Final, Self

from edge.cli.cells import Line, plain

STYLES: Final = {
    "title": "1",
    "head": "4",
    "dim": "2",
    "ok": "32",
    "alert": "1;97;41",
    "alarm": "1;31",
    "bad": "33",
    "uncertain": "35",
    "trend": "36",
    "note": "1;36",
    "key": "1",
}
FALLBACK_SIZE: Final = (80, 24)


class Screen:
    """The terminal while we hold it: a context manager that gives it back as it was.

    Also after an exception, Ctrl-C or a closed window.
    """

    def __init__(self, keys_fd: int, out_fd: int, *, has_colour: bool) -> None:
        self._in = keys_fd
        self._out = out_fd
        self._has_colour = has_colour
        self._shown: list[str] = []
        self._bell = -1
        self._ringer = -1
        self._before: list[Any] = []
        self._handler: Any = None

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self._in)
        self._bell, self._ringer = os.pipe()
        os.set_blocking(self._ringer, False)
        self._handler = signal.signal(signal.SIGWINCH, self._resized)
        try:
            tty.setcbreak(self._in)
            mode = termios.tcgetattr(self._in)
            mode[6][termios.VSUSP] = b"\x00"  # Ctrl-Z would leave the shell on our screen
            termios.tcsetattr(self._in, termios.TCSANOW, mode)
            self._write("\x1b[?1049h\x1b[?25l\x1b[?7l")
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _restore(self) -> None:
        with contextlib.suppress(OSError):  # the window is gone
            self._write("\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l")
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._in, termios.TCSAFLUSH, self._before)
        signal.signal(signal.SIGWINCH, self._handler or signal.SIG_DFL)
        os.close(self._bell)
        os.close(self._ringer)

    def _resized(self, _number: int, _frame: Any) -> None:
        with contextlib.suppress(BlockingIOError):  # it rings already
            os.write(self._ringer, b"!")

    def _write(self, text: str) -> None:
        left = memoryview(text.encode("utf-8", "replace"))
        while left:
            left = left[os.write(self._out, left) :]

    def size(self) -> tuple[int, int]:
        """Return columns and lines."""
        try:
            found = os.get_terminal_size(self._out)
        except OSError:
            return FALLBACK_SIZE
        return (found.columns, found.lines) if found.columns and found.lines else FALLBACK_SIZE

    def show(self, lines: list[Line]) -> None:
        """Show these lines; only those that changed are written."""
        texts = [ansi(line) if self._has_colour else plain(line) for line in lines]
        if len(texts) != len(self._shown):
            self._shown = []
        fresh = "" if self._shown else "\x1b[2J"
        for place, text in enumerate(texts):
            if not self._shown or self._shown[place] != text:
                fresh += f"\x1b[{place + 1};1H{text}"
        self._shown = texts
        if fresh:
            self._write(fresh)

    def keys(self, seconds: float) -> list[str]:
        """Return the keys pressed within so many seconds, at the first; "" means that the terminal has gone.

        Comes back at once, without a key, when the window gets another size.
        """
        ready, _, _ = select.select([self._in, self._bell], [], [], max(0.0, seconds))
        if self._bell in ready:
            os.read(self._bell, 64)
            self._shown = []
        if self._in not in ready:
            return []
        try:
            typed = os.read(self._in, 256)
        except OSError:
            return [""]
        return split_keys(typed.decode("utf-8", "replace")) if typed else [""]


def ansi(line: Line) -> str:
    """Return the line with its styles as escape sequences."""
    return "".join(f"\x1b[{STYLES[piece.style]}m{piece.text}\x1b[0m" if piece.style else piece.text for piece in line)


def split_keys(typed: str) -> list[str]:
    r"""Return single keys; an escape sequence is one key.

    >>> split_keys("a\x1b[6~q"), split_keys("\x1b")
    (['a', '\x1b[6~', 'q'], ['\x1b'])
    """
    keys: list[str] = []
    place = 0
    while place < len(typed):
        end = place + 1
        if typed.startswith(("\x1b[", "\x1bO"), place):
            end += 1
            while end < len(typed) and not "@" <= typed[end] <= "~":
                end += 1
            end += 1
        keys.append(typed[place:end])
        place = end
    return keys
