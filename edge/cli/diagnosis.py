"""What `vigie doctor` prints of its findings, and of one code. Pure: lines of text."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

from edge.cli.cells import cells, padded, printable
from edge.cli.words import Words, clock_time
from edge.core.doctor import CODES, Finding, is_ready
from edge.core.text import Text
from edge.settings import catalogue
from hal.sample import REASONS

WIDTH: Final = 100
SUBJECT_WIDTH: Final = 16
_PAGE_HEAD: Final = """\
# Troubleshooting

Each line of `vigie doctor` that is not well ends with a code. The same codes stand in values, events, status and texts;
`vigie doctor CODE` prints what is here, in English or French. This page is made by `python -m edge.cli.diagnosis`.
"""
KINDS: Final = ("onewire", "i2c", "serial", "gpio", "modbus", "http")


def lines_of(
    findings: Sequence[Finding], live: Mapping[str, Any] | None, took_s: float, say: Words, zone: tzinfo | None
) -> list[str]:
    """Return a line a finding, its remedy beside or below it, and the verdict."""
    lines = []
    if live is not None and zone is not None:
        utc_ms = live["box"]["utc_ms"]
        lines.append(
            say("doctor.title", box=live["box"]["id"], time=f"{say.date(utc_ms, zone)} {clock_time(utc_ms, zone)}")
        )
    level_width = max(cells(say.word("doctor_level", level)) for level in ("ok", "warn", "fail"))
    subjects = [say.word("doctor_subject", finding.subject) for finding in findings]
    subject_width = min(SUBJECT_WIDTH, max(map(cells, subjects), default=0))
    for finding, subject in zip(findings, subjects, strict=True):
        head = f"{padded(say.word('doctor_level', finding.level), level_width)}  {padded(subject, subject_width)}  "
        text = say(finding.text.key, **finding.text.values)
        remedy = remedy_of(finding.remedy, say)
        code = f"[{finding.code}]" if finding.level != "ok" else ""
        lines += [printable(line) for line in _wrapped(head, text, remedy, code)]
    lines.append(_verdict(findings, took_s, say))
    return lines


def _wrapped(head: str, text: str, remedy: str, code: str) -> list[str]:
    """Return what was found on the first line and, where it does not fit behind it, the remedy on the next."""
    told = " ".join(part for part in (remedy, code) if part)
    if not told:
        return [f"{head}{text}"]
    if cells(head) + cells(text) + 2 + cells(told) <= WIDTH:
        return [f"{head}{text}  {told}"]
    return [f"{head}{text}", f"{' ' * cells(head)}→ {told}"]


def remedy_of(remedy: Text | None, say: Words) -> str:
    """Return what to do, empty where nobody knows: the bus's own words for a reason, or those for any bus."""
    if remedy is None:
        return ""
    if catalogue.has(say.lang, remedy.key):
        return say(remedy.key, **remedy.values)
    for table, name in (("remedy", "reason"), ("link_cure", "link")):  # whatever the bus; what screens say of a link
        general = f"{table}.{remedy.values.get(name, '')}"
        if catalogue.has(say.lang, general):
            return say(general)
    return ""


def _verdict(findings: Sequence[Finding], took_s: float, say: Words) -> str:
    counts = [
        say(f"doctor.count_{level}", count=count)
        for level in ("fail", "warn", "ok")
        if (count := sum(finding.level == level for finding in findings))
    ]
    key = "doctor.verdict_ready" if is_ready(findings) else "doctor.verdict_not_ready"
    verdict = say(key, counts=", ".join(counts), seconds=round(took_s))
    worst = next((f for level in ("fail", "warn") for f in findings if f.level == level), None)
    return f"{verdict}  {say('doctor.more', code=worst.code)}" if worst else verdict


def known_codes() -> list[str]:
    """Return every code that a finding can have: those of the doctor, of samples and of links."""
    links = [key.removeprefix("link.") for key in catalogue.catalogue(catalogue.FALLBACK) if key.startswith("link.")]
    return sorted({*CODES, *REASONS, *links})


def codes_like(code: str) -> str:
    """Return the nearest code, or nothing."""
    return next(iter(difflib.get_close_matches(code, known_codes(), n=1)), "")


def page_of(code: str, say: Words) -> list[tuple[str, str]]:
    """Return what a code means and what to do about it, on each kind of bus that has its own answer."""
    meanings = [say.word(table, code) for table in ("reason", "link") if catalogue.has(say.lang, f"{table}.{code}")]
    rows = [(code, meanings[0] if meanings else _bare(say, f"doctor.{code}"))]
    tables = ("remedy", "doctor_remedy", "link_cure", "doctor_link", *(f"remedy_{kind}" for kind in KINDS))
    for table in tables:
        if catalogue.has(say.lang, f"{table}.{code}"):
            kind = table.removeprefix("remedy_")
            rows.append((f"  {kind}" if kind in KINDS else "  →", _bare(say, f"{table}.{code}")))
    return rows


def troubleshooting() -> str:
    """Return `docs/troubleshooting.md`: every code with its meaning and what to do, from the catalogue."""
    say = Words(catalogue.FALLBACK)
    parts = [_PAGE_HEAD]
    for code in known_codes():
        (_, meaning), *cures = page_of(code, say)
        parts.append(f"## {code}\n{meaning}\n")
        parts += [f"- {_where(kind)}{cure}" for kind, cure in cures]
        parts.append("" if cures else "Nothing has to be done about it by itself.\n")
    return "\n".join(parts).rstrip() + "\n"


def _where(kind: str) -> str:
    return "" if "→" in kind else f"{kind.strip()}: "


def _bare(say: Words, key: str) -> str:
    """Return a sentence of the catalogue with its places for values left as they are."""
    return catalogue.catalogue(say.lang).get(key) or catalogue.catalogue(catalogue.FALLBACK)[key]


if __name__ == "__main__":
    print(troubleshooting(), end="")
