"""What the box writes for whoever holds the card: `vigie-errors.txt` and `vigie-status.txt`, English above French.

Lines end with CRLF and a byte order mark stands first, so that any Windows' Notepad shows accents and lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from edge.core.text import Text
from edge.settings.card_choice import ERRORS, STATUS
from edge.settings.card_verdict import Verdict
from edge.settings.catalogue import render, written
from edge.settings.faults import Fault
from edge.settings.report import message

LANGUAGES: Final = ("en", "fr")
BETWEEN: Final = "--"
MOST_FAULTS: Final = 12
MOST_LINES: Final = 30
LONGEST: Final = 300
EARLIEST_S: Final = 1_735_689_600  # 2025: a clock before that was never set


def stamp(utc_s: int, tz: str) -> str:
    """Return a local time such as 20/11/2026 10:31; "-" where the clock was never set."""
    if utc_s < EARLIEST_S:
        return "-"
    try:
        zone = ZoneInfo(tz)
    except (KeyError, ValueError, OSError):
        return f"{datetime.fromtimestamp(utc_s, UTC):%d/%m/%Y %H:%M}Z"
    return f"{datetime.fromtimestamp(utc_s, zone):%d/%m/%Y %H:%M}"


def errors_page(file: str, faults: Sequence[Fault], *, box: str, when: str, since: str) -> str:
    """Return the page of a refused file. `since`: when the settings in force were taken; empty: there are none.

    It is written before the network is there: on a board without a clock of its own, `when` is about when it last ran.
    """
    parts = []
    for lang in LANGUAGES:

        def say(key: str, lang: str = lang, **values: Any) -> str:
            return render(lang, f"card_page.{key}", values)

        runs = say("runs_on_older", since=since) if since else say("runs_on_nothing")
        lines = [say("refused", file=file) if file else say("refused_several"), runs]
        lines += [fault_line(fault, lang) for fault in faults[:MOST_FAULTS]]
        if len(faults) > MOST_FAULTS:
            lines.append(say("more", count=len(faults) - MOST_FAULTS))
        parts.append([*lines, say("correct", file=file or "vigie.toml")])
    return _page([_head(ERRORS, when, box, "early"), *parts[0], BETWEEN, *parts[1]])


def fault_line(fault: Fault, lang: str) -> str:
    """Return one fault in one line: where, what, what to write."""
    where = render(lang, "card_page.line", {"line": fault.line}) if fault.line else ""
    key = f"{fault.path}{render(lang, 'card_page.colon', {})}" if fault.path else ""
    return _short(f"{where}{key}{message(fault, lang)}")


def _short(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _head(name: str, when: str, box: str, clock: str) -> str:
    return f"{name}, {when}, box {box} ({render('en', f'card_clock.{clock}', {})})"


def _page(lines: Sequence[str]) -> str:
    return "\ufeff" + "\r\n".join([*lines, ""])


def is_same(page: bytes, written: bytes) -> bool:
    """Return whether a page says the same as the one that lies there: the first line, which holds the time, aside."""
    return page.split(b"\n", 1)[1:] == written.split(b"\n", 1)[1:]


class StatusFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the box says of itself to whoever holds the card."""

    box: str
    site: str = ""
    version: str = ""
    verdict: Verdict
    is_silent: bool = False
    """Whether the box does not run, long after the machine started."""
    since: str = ""
    """When the settings in force were taken, local."""
    misnamed: str = ""
    """A file on the card that was probably meant to be the installer's."""
    acts: Sequence[tuple[str, Mapping[str, str], str, str, Text | None]] = ()
    """Verb, args, outcome (done, refused, waits), when, and why it was refused or what came of it."""
    update: Mapping[str, Any] | None = None
    """What everybody may know of updates (`edge.core.update_state.public`); None where there are none."""
    report: str = ""
    """What came of the last test of the whole chain: the page `vigie-report.txt`, empty before the first."""
    addresses: Sequence[str] = ()
    wired: Mapping[str, Sequence[str]] = {}
    """What `vigie scan` finds, by language; empty where a site's settings are in force."""


def status_page(facts: StatusFacts, when: str, clock: str) -> str:
    """Return the page. `clock`: whether somebody vouches for the time, a word of [card_clock]."""
    parts = [list(_status(facts, lang)) for lang in LANGUAGES]
    return _page([_head(STATUS, when, facts.box, clock), *parts[0], BETWEEN, *parts[1]])


def _status(facts: StatusFacts, lang: str) -> Iterator[str]:
    def say(key: str, **values: Any) -> str:
        return render(lang, f"card_page.{key}", values)

    verdict = facts.verdict
    yield say("box", box=facts.box, site=facts.site, version=facts.version)
    if facts.is_silent:
        yield say("silent")
    if verdict.state == "no_data":
        yield render(lang, "doctor.card_no_data", {"data": verdict.data})
        yield render(lang, "doctor_remedy.card_no_data", {})
    if verdict.faults:
        yield say("see_errors", file=verdict.file or "vigie.toml")
    elif not verdict.is_configured:
        yield say("no_file")
        yield say("misnamed", file=facts.misnamed) if facts.misnamed else say("write_one")
    elif verdict.file:
        yield say("taken", file=verdict.file, since=facts.since)
    for verb, args, outcome, at, why in facts.acts:
        yield f"{render(lang, f'card_outcome.{outcome}', {'at': at})} {render(lang, f'card_act.{verb}', args)}"
        if why is not None:
            yield _short(f"  {written(lang, why)}")
    if told := verdict.restore or verdict.left:
        yield told.get(lang, "")
    yield from of_update(facts.update, lang)
    yield from of_test(facts.report, lang)
    yield say("addresses", addresses=", ".join(facts.addresses)) if facts.addresses else say("no_address")
    if facts.wired:
        yield say("wired")
        yield from (f"  {line}" for line in facts.wired.get(lang, ()))


def of_update(update: Mapping[str, Any] | None, lang: str) -> Iterator[str]:
    """Yield what became of the last update, what waits to be tried, and which system is lost."""
    if update is None:
        return
    lost, trial, last = (update.get(name) for name in ("lost", "trial", "last"))
    if lost is not None:
        yield render(lang, "doctor.system_lost", {"slot": lost, "version": update["version"]})
        yield render(lang, "doctor_remedy.system_lost", {})
    if trial is not None and trial["phase"] == "installed":
        yield render(lang, "update.waits", {"version": trial["version"], "slot": trial["slot"]}).strip()
    if last is not None:
        values = {name: last[name] for name in ("version", "why") if last[name]}
        yield render(lang, f"update.last_{last['outcome']}", values).strip()


def of_test(report: str, lang: str) -> Iterator[str]:
    """Yield this language's part of the report of the last test, its first lines."""
    parts = report.removeprefix("\ufeff").replace("\r\n", "\n").split(f"\n{BETWEEN}\n")
    if len(parts) == len(LANGUAGES):
        lines = [line for line in parts[LANGUAGES.index(lang)].split("\n") if line.strip()]
        yield from map(_short, lines[:MOST_LINES])
