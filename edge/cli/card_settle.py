"""`vigie card settle`: what stands in [start], once the box runs; then the box's own page on the card.

The page is written only where it says something else than the one that lies there: at most once a start, and once more
when a test that the card asked for is over. A new version on trial writes none before it is committed.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from edge.cli import scan
from edge.cli.client import Client, NotRunningError, RefusedError
from edge.cli.scanned import lines_of
from edge.cli.words import Words
from edge.core.text import Text
from edge.runtime.boot_partition import writable
from edge.runtime.card_acts import carry_out
from edge.runtime.card_start import Opens, settings_in_force, taking_of
from edge.runtime.card_take import Taking
from edge.settings.card_choice import STATUS, misnamed
from edge.settings.card_machine import FOLDER
from edge.settings.card_pages import LANGUAGES, StatusFacts, stamp, status_page
from edge.settings.card_verdict import Verdict, verdict_of
from edge.settings.event_text import is_doubtful
from edge.settings.packaged import product_version
from edge.settings.trial_text import FILE
from edge.store.update_store import published

SETTLED: Final = f"{FOLDER}/settled"
"""There once nothing is left to do at this start: vigie-card-status.service waits for its absence."""
EXIT_NOT_YET: Final = 1
PATIENCE_S: Final = 600.0
"""So long after the machine's start a box that does not answer is one that does not run."""
REPORT: Final = f"var/lib/vigie/{FILE}"
MOST_LETTERS: Final = 20_000
MOST_ACTS: Final = 12
WIDTH: Final = 78

log = logging.getLogger(__name__)


class _Address(msgspec.Struct):
    local: str = ""


class _Interface(msgspec.Struct):
    ifname: str = ""
    addr_info: list[_Address] = []


class Asked(Protocol):
    """The running box. Raises NotRunningError or RefusedError, as `Client` does."""

    def get(self, name: str) -> Any:
        """Return what the API tells."""

    def post(self, name: str, body: Any) -> Any:
        """Hand an order over and return the answer."""


def settle(
    boot: Path, root: Path, socket: Path, *, open_boot: Opens = writable, box: Asked | None = None,
    addresses: Callable[[], Sequence[str]] | None = None, wired: Callable[[], dict[str, list[str]]] | None = None,
    now_s: Callable[[], float] = time.time,
    up_s: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
) -> int:  # fmt: skip
    """Do what waits, write the page; return 1 where something waits still. `box`: who is asked on the socket."""
    verdict = verdict_of(root)
    if verdict is None:
        return 0
    update = published(root)
    if update is not None and update.get("is_try"):
        return EXIT_NOT_YET  # what becomes of it is to be told, and until then nothing
    client, utc_s = box or Client(socket), int(now_s())
    taking = taking_of(boot, root, utc_s, open_boot)
    clock = _clock(client)
    is_silent = clock is None and verdict.is_configured
    if is_silent and up_s() < PATIENCE_S:
        return EXIT_NOT_YET  # the box does not answer yet

    def when() -> str:
        return stamp(utc_s, taking.zone()) if clock == "sure" else "-"

    left = int(is_silent) or carry_out(taking, lambda command: _order(client, command), when)
    left += _is_trying_out(client)
    facts = _facts(taking, verdict, root, boot, (addresses or own_addresses)(), wired or own_wiring, update)
    facts = msgspec.structs.replace(facts, is_silent=is_silent)
    taking.write_page(STATUS, status_page(facts, stamp(utc_s, taking.zone()), clock or "unsure"))
    if left == 0:
        (root / SETTLED).touch()
    return EXIT_NOT_YET if left else 0


def _order(client: Asked, command: Any) -> Any:
    try:
        return client.post("commands", command)
    except RefusedError as exc:
        raise LookupError(str(exc)) from exc


def _is_trying_out(client: Asked) -> bool:
    """Return whether a test of the whole chain runs: its outcome is still to be told."""
    try:
        return bool(client.get("trial")["state"] == "running")
    except (NotRunningError, RefusedError):
        return False


def _clock(client: Asked) -> str | None:
    """Return whether the box vouches for the time; None where no box answers."""
    try:
        return "unsure" if is_doubtful(client.get("box")["clock"]) else "sure"
    except (NotRunningError, RefusedError) as exc:
        log.info("%s", exc)
        return None


def _facts(
    taking: Taking, verdict: Verdict, root: Path, boot: Path, addresses: Sequence[str],
    wired: Callable[[], dict[str, list[str]]], update: Mapping[str, Any] | None,
) -> StatusFacts:  # fmt: skip
    settings = settings_in_force(root)
    acts = list(taking.state.acts.values())[-MOST_ACTS:]
    return StatusFacts(
        box=settings.box.id,
        site=settings.site.name,
        version=product_version(),
        verdict=verdict,
        since=stamp(taking.state.t, taking.zone()),
        misnamed=misnamed(path.name for path in boot.glob("*")),
        acts=[
            (act.verb, act.args, "waits", "", None) if act.outcome is None
            else (
                act.verb, act.args, "done" if act.outcome.is_done else "refused", act.outcome.when,
                Text(act.why, act.values) if act.why else None,
            )
            for act in acts
        ],
        update=update,
        report=_report(root),
        addresses=addresses,
        wired={} if verdict.is_configured else wired(),
    )  # fmt: skip


def _report(root: Path) -> str:
    """Return what came of the last test of the whole chain, as the box wrote it down; empty without one."""
    try:
        with (root / REPORT).open(encoding="utf-8", errors="replace", newline="") as file:
            return file.read(MOST_LETTERS)
    except OSError:
        return ""


def own_addresses() -> list[str]:
    """Return this machine's addresses, each with its interface, such as "eth0 192.168.1.40"."""
    try:
        found = subprocess.run(
            ["/usr/sbin/ip", "-json", "-family", "inet", "address", "show", "scope", "global"],
            capture_output=True, check=True, timeout=10, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return addresses_in(found.stdout)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError) as exc:
        log.info("%s", exc)
        return []


def addresses_in(told: bytes) -> list[str]:
    """Return them from what `ip -json address` printed. Raises msgspec.DecodeError."""
    found = msgspec.json.decode(told, type=list[_Interface])
    return [f"{one.ifname} {address.local}" for one in found for address in one.addr_info if address.local]


def own_wiring() -> dict[str, list[str]]:
    """Return what `vigie scan` finds, by language. Listens at each serial port for some seconds."""
    parser = argparse.ArgumentParser()
    scan.add_arguments(parser)
    args = parser.parse_args([])
    rows = scan.looked(args, None, Words("en"), is_running=False)
    return {lang: lines_of(rows, Words(lang), WIDTH) for lang in LANGUAGES}
