"""A command that asks the past: the box or its state folder is opened, and every failure becomes a sentence on stderr.

Exit codes: 0 done, 1 refused or not writable, 2 bad input, 3 neither a box nor its state folder.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable
from types import FrameType
from typing import Final, NoReturn

from edge.cli.client import NotRunningError, RefusedError
from edge.cli.console import complain
from edge.cli.output import STDOUT, ExistsError, OutputError
from edge.cli.selection import SelectionError
from edge.cli.source import Source, opened
from edge.cli.words import Words, own_words

EXIT_REFUSED: Final = 1
EXIT_BAD_INPUT: Final = 2
EXIT_NO_BOX: Final = 3


def asked(args: argparse.Namespace, answer: Callable[[Source, Words], int]) -> int:
    """Return the exit code of a command that asks the past."""
    say = own_words()
    before = signal.signal(signal.SIGTERM, _end)
    try:
        with opened(args) as source:
            say = Words(source.box.lang)
            return answer(source, say)
    except NotRunningError as exc:
        complain(str(exc))
        return EXIT_NO_BOX
    except SelectionError as exc:
        for line in exc.lines:
            complain(line)
        return EXIT_BAD_INPUT
    except ExistsError as exc:
        complain(say("export.exists", file=exc.filename))
    except OutputError as exc:
        key = "export.not_printed" if exc.filename == STDOUT else "export.not_written"
        complain(say(key, file=exc.filename, why=str(exc.strerror)))
    except RefusedError as exc:
        complain(str(exc))
    except BrokenPipeError:
        raise
    except OSError as exc:  # the state folder, which says its name itself
        complain(f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc.strerror or exc))
    finally:
        signal.signal(signal.SIGTERM, before)
    return EXIT_REFUSED


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    """End as after Ctrl-C: what was begun is taken away."""
    raise SystemExit(128 + signal.SIGTERM)
