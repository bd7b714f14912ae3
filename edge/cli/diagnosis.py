"""What `vigie doctor` prints of its findings, and of one code. Pure: lines of text."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

from edge.cli.cells import cells, padded, wrapped
from edge.cli.words import Words, clock_time
from edge.core.doctor import CODES, Finding, is_ready
from edge.core.text import Text
from edge.settings import catalogue
from edge.settings.event_text import of_alarm
from hal.sample import REASONS

SUBJECT_WIDTH: Final = 16
TEXT_LEAST: Final = 36
OPEN_CODES: Final = frozenset({"not_open", "unplugged", "driver_error"})
LEVELS: Final = ("fail", "warn", "ok")
PAGES: Final = {"en": "docs/troubleshooting.md", "fr": "docs/fr/depannage.md"}
_PAGE_HEAD: Final = {
    "en": """\
# Troubleshooting

Each line of `vigie doctor` that is not well ends with a code. The same codes stand in values, events, status and texts;
`vigie doctor CODE` prints what is here, in English or French. This page is made by `python -m edge.cli.diagnosis`.
En français : [depannage.md](fr/depannage.md).
""",
    "fr": """\
# Dépannage

Chaque ligne de `vigie doctor` qui n'est pas bonne finit par un code. Les mêmes codes se trouvent dans les valeurs, les
événements, l'état et les messages ; `vigie doctor CODE` affiche ce qui est ici. Cette page est faite par
`python -m edge.cli.diagnosis fr`. In English: [troubleshooting.md](../troubleshooting.md).
""",
}
_FIELD: Final = re.compile(r"\{[^{}]*\}")
_OPTIONAL: Final = re.compile(r"\[\?.*?\]")
KINDS: Final = ("onewire", "i2c", "serial", "gpio", "modbus", "http")


def lines_of(
    findings: Sequence[Finding], live: Mapping[str, Any] | None, took_s: float, say: Words, zone: tzinfo | None,
    width: int = 80,
) -> list[str]:  # fmt: skip
    """Return what was found in lines of at most `width` cells, the remedy behind or below it, and the verdict."""
    lines = []
    if live is not None and zone is not None:
        box, utc_ms = live["box"], live["box"]["utc_ms"]
        now = f"{say.date(utc_ms, zone)} {clock_time(utc_ms, zone)}"
        lines.append(say("doctor.title", box=box["id"], site=box["site"]["name"], time=now))
    level_width = max(cells(say.word("doctor_level", level)) for level in LEVELS)
    subjects = [say.word("doctor_subject", finding.subject) for finding in findings]
    subject_width = min(SUBJECT_WIDTH, max(map(cells, subjects), default=0))
    for finding, subject in zip(findings, subjects, strict=True):
        head = f"{padded(say.word('doctor_level', finding.level), level_width)}  {padded(subject, subject_width)}  "
        lines += _finding(finding, head, say, width)
    verdict, more = _verdict(findings, took_s, say)
    both = f"{verdict}  {more}".rstrip()
    return [*lines, both] if cells(both) <= width else [*lines, *wrapped(verdict, width), *wrapped(more, width)]


def _finding(finding: Finding, head: str, say: Words, width: int) -> list[str]:
    """Return what was found on the first line and, where it does not fit behind it, the remedy on the next ones."""
    text, remedy = words_of(finding, say)
    code = f"[{finding.code}]" if finding.level != "ok" else ""
    told = " ".join(part for part in (remedy, code) if part)
    if told and cells(head) + cells(text) + 2 + cells(told) <= width:
        return [f"{head}{text}  {told}"]
    indent = cells(head) if width - cells(head) >= TEXT_LEAST else 2  # a telephone: the text stands below
    room = width - indent
    lines = wrapped(text, room)
    if told:
        first, *others = wrapped(told, room - 2)
        lines += [f"→ {first}", *(f"  {line}" for line in others)]
    if indent < cells(head):
        return [head.rstrip(), *(f"{' ' * indent}{line}" for line in lines)]
    return [f"{head if number == 0 else ' ' * indent}{line}" for number, line in enumerate(lines)]


def words_of(finding: Finding, say: Words) -> tuple[str, str]:
    """Return what was found and what to do about it, for a person.

    A driver's own words are English: in another language its cause stands behind our own sentence. Its cure counts
    where the code alone leaves several open.
    """
    values = of_alarm(finding.text.values) if finding.code == "alarm_active" else finding.text.values
    text, remedy = say(finding.text.key, **values), remedy_of(finding.remedy, say)
    cause, _, cure = finding.detail.partition("; ")
    if cause and say.lang == catalogue.FALLBACK:
        text, remedy = cause, cure if cure and finding.code in OPEN_CODES else remedy
    elif cause:
        text = f"{text}{say.colon} {cause}"
    name = say.name({"name": finding.name})
    if finding.others:
        text = f"{text}, {say.count('doctor.others', finding.others)}"
    return f"{name}{say.colon} {text}" if name else text, remedy


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


def _verdict(findings: Sequence[Finding], took_s: float, say: Words) -> tuple[str, str]:
    """Return whether the installer may leave, and where to read on."""
    counts = [
        say.count(f"doctor.count_{level}", count)
        for level in LEVELS
        if (count := sum(finding.level == level for finding in findings))
    ]
    key = "doctor.verdict_ready" if is_ready(findings) else "doctor.verdict_not_ready"
    verdict = say(key, counts=", ".join(counts), seconds=max(1, round(took_s)))
    worst = next((f for level in ("fail", "warn") for f in findings if f.level == level), None)
    return verdict, say("doctor.more", code=worst.code) if worst else ""


def known_codes() -> list[str]:
    """Return every code that a finding can have: those of the doctor, of samples, of links and of the modem."""
    tables = [key.partition(".") for key in catalogue.catalogue(catalogue.FALLBACK)]
    return sorted({*CODES, *REASONS, *(code for table, _, code in tables if table in {"link", "modem"})})


def codes_like(code: str) -> str:
    """Return the nearest code, or nothing."""
    return next(iter(difflib.get_close_matches(code, known_codes(), n=1)), "")


def page_of(code: str, say: Words) -> list[tuple[str, str]]:
    """Return what a code means, under "", and what to do about it: whatever the bus, also "", or by kind of bus."""
    meaning = next(
        table for table in ("reason", "link", "modem", "doctor_meaning") if catalogue.has(say.lang, f"{table}.{code}")
    )
    rows = [("", say.word(meaning, code))]
    tables = ("remedy", "doctor_remedy", "link_cure", "doctor_link", "modem_remedy", *map("remedy_{}".format, KINDS))
    for table in tables:
        if catalogue.has(say.lang, f"{table}.{code}"):
            kind = table.removeprefix("remedy_")
            row = (say.word("bus_kind", kind) if kind in KINDS else "", _bare(say, f"{table}.{code}"))
            if row[1] not in [known for _kind, known in rows]:
                rows.append(row)
    return rows


def page_lines(code: str, say: Words, width: int) -> list[str]:
    """Return the page of a code for a screen."""
    (_, meaning), *cures = page_of(code, say)
    lines = wrapped(f"{code}{say.colon} {meaning}", width)
    for kind, cure in cures or [("", say("doctor.no_cure"))]:
        text = f"{kind}{say.colon} {cure}" if kind else cure
        lines += [f"{'→' if number == 0 else ' '} {line}" for number, line in enumerate(wrapped(text, width - 2))]
    return lines


def troubleshooting(lang: str = catalogue.FALLBACK) -> str:
    """Return the page of PAGES in this language: every code with its meaning and what to do, from the catalogue."""
    say = Words(lang)
    parts = [_PAGE_HEAD[lang]]
    for code in known_codes():
        (_, meaning), *cures = page_of(code, say)
        parts.append(f"## {code}\n{_plain_text(meaning)}\n")
        parts += [
            f"- {kind}{say.colon if kind else ''}{' ' if kind else ''}{_plain_text(cure)}" for kind, cure in cures
        ]
        parts.append("" if cures else f"{say('doctor.no_cure')}\n")
    return "\n".join(parts).rstrip() + "\n"


def _plain_text(text: str) -> str:
    """Return a text for a page of Markdown, which would take <…> for HTML."""
    return text.replace("<", "\\<")


def _bare(say: Words, key: str) -> str:
    """Return a sentence of the catalogue with an ellipsis in the place of its values."""
    sentence = catalogue.catalogue(say.lang).get(key) or catalogue.catalogue(catalogue.FALLBACK)[key]
    return _FIELD.sub("…", _OPTIONAL.sub("", sentence))


if __name__ == "__main__":
    print(troubleshooting(*sys.argv[1:2]), end="")
