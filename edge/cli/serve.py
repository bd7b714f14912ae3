"""The service itself: settings in, a running box until SIGTERM or Ctrl-C, one line of figures at the end.

Outputs are brought to their safe state as soon as the settings are read, before the rest of the program is even loaded:
on a small box that takes more than twice as long as all before it.
"""

from __future__ import annotations

import argparse
import logging
import os
import select
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge.cli.defaults import DEFAULT_CONFIG, DEFAULT_STATE, socket_path
from edge.runtime.outputs import Outputs
from edge.runtime.systemd import notify, watchdog_s
from edge.settings.card_verdict import verdict_of
from edge.settings.faults import SettingsError
from edge.settings.load import load
from edge.settings.model import Settings
from edge.settings.packaged import find
from edge.store.update_store import published

if TYPE_CHECKING:
    from edge.runtime.box import Box, Hardware

LEDS: Final = Path("/sys/class/leds")
LONGEST_WAIT_S: Final = 86_400.0
STOP_WITHIN_S: Final = 1.8  # Ctrl-C ends all within 2 s, a stuck bus included …
PATIENCE_S: Final = 20.0  # … but for a card that takes its time: the unit's TimeoutStopSec= leaves this and some more


class _JournalFormatter(logging.Formatter):
    """Puts the level before each line as journald reads it (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        level = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}.get(record.levelno, 2)
        return "\n".join(f"<{level}>{line}" for line in super().format(record).splitlines())


def set_up_logging(*, verbose: bool) -> None:
    """Log to stderr; with journald's level prefixes when it is the reader."""
    handler = logging.StreamHandler()
    is_journal = "JOURNAL_STREAM" in os.environ
    handler.setFormatter(
        _JournalFormatter("%(message)s") if is_journal else logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    )
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])


def run(args: argparse.Namespace) -> int:
    """Run until told to stop; return 0, 1 when the box can't start, 2 when the settings have faults."""
    set_up_logging(verbose=args.verbose)
    config = args.config or (find("sites", "demo.toml") if args.demo else DEFAULT_CONFIG)
    try:
        settings = load(config)
    except SettingsError as exc:
        from edge.settings.report import language, report

        sys.stderr.write(report(str(config), exc.faults, language(os.environ, config)) + "\n")
        if "NOTIFY_SOCKET" in os.environ:  # it is the service that is refused, not a person's try
            from edge.runtime.signals import show_refused

            show_refused(LEDS)
        return 2
    outputs = Outputs(settings.outputs, settings.buses)
    if not args.demo:
        outputs.open({})
    args.config = config.absolute()
    if args.demo and args.state is None:
        with tempfile.TemporaryDirectory(prefix="vigie-demo-") as folder:
            return serve(args, settings, Path(folder), Path(args.socket or f"{folder}/api.sock"), outputs)
    return serve(args, settings, args.state or DEFAULT_STATE, socket_path(args.socket), outputs)


def serve(args: argparse.Namespace, settings: Settings, state: Path, socket: Path, outputs: Outputs) -> int:
    """Run one box to its end; on real devices its outputs are open already."""
    from edge.runtime.box import Box
    from edge.runtime.last_resort import asker

    asked = Asked()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: asked.to_stop())
    signal.signal(signal.SIGHUP, lambda _number, _frame: asked.to_reload())
    try:
        hardware = partial(_demo, settings) if args.demo else None
        box = Box(
            settings, state, socket=socket, hardware=hardware, config=args.config,
            leds=None if args.demo else LEDS, outputs=outputs, card=None if args.demo else verdict_of(),
        )  # fmt: skip
        ask = asker()
        if ask is not None:
            box.reboot_by(ask)
        if not args.demo and published() is not None:
            box.tell_updates_of(published)
        box.start()
    except OSError as exc:
        where = f": {exc.filename}" if exc.filename else ""
        sys.stderr.write(f"vigie: {exc.strerror or exc}{where}\n")
        return 1
    notify("READY=1")
    wait(asked, box, args.seconds)
    notify("STOPPING=1")
    left_behind = box.stop(STOP_WITHIN_S, PATIENCE_S)
    sys.stdout.write(f"{box.summary()}\n")
    sys.stdout.flush()
    if left_behind:  # a thread that hangs in a system call would hold up the interpreter's own end
        os._exit(0)
    return 0


def _demo(settings: Settings, folder: Path) -> Hardware:
    from edge.runtime.demo import Demo  # a box on real devices never loads the simulated ones

    return Demo(settings, folder, time.monotonic())


class Asked:
    """What signals ask of the service; a handler does nothing but take note.

    Without a lock: a handler runs in the middle of whatever the waiting thread does, and a lock that this holds would
    never come free (an Event has one).
    """

    def __init__(self) -> None:
        self.is_stopping = False
        self.reloads = 0
        self._news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._news, select.POLLIN)

    def to_stop(self) -> None:
        """Take note of SIGTERM or Ctrl-C."""
        self.is_stopping = True
        os.eventfd_write(self._news, 1)

    def to_reload(self) -> None:
        """Take note of SIGHUP."""
        self.reloads += 1
        os.eventfd_write(self._news, 1)

    def wait(self, seconds: float | None) -> None:
        """Return when something is asked, or after so many seconds, a day at the most."""
        if self._poll.poll(None if seconds is None else min(max(seconds, 0.0), LONGEST_WAIT_S) * 1000):
            os.eventfd_read(self._news)


def wait(asked: Asked, box: Box, seconds: float | None, environment: Mapping[str, str] = os.environ) -> None:
    """Return when told to stop or after so many seconds, feeding systemd's watchdog meanwhile."""
    end_s = time.monotonic() + seconds if seconds else float("inf")
    feed_s = watchdog_s(environment) or float("inf")
    reloads = 0
    while not asked.is_stopping and time.monotonic() < end_s:
        wait_s = min(end_s - time.monotonic(), feed_s)
        asked.wait(wait_s if wait_s < float("inf") else None)
        if asked.reloads > reloads:
            reloads = asked.reloads
            box.reloading.ask("", "signal", reloads)
        if feed_s < float("inf") and box.is_alive():
            notify("WATCHDOG=1", environment)
