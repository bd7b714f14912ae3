"""What `vigie check` says: each fault with its place, its key, what was expected and what to write."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from edge.settings.catalogue import FALLBACK, catalogue, count, render, written
from edge.settings.faults import Fault
from edge.settings.model import Settings
from edge.settings.room import buffer_days

LANGUAGE_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set counts (POSIX, chapter 8.2)
_SITE_LANGUAGE: Final = re.compile(r"""^[ \t]*lang[ \t]*=[ \t]*["']([a-z]{2})["']""", re.MULTILINE)
_LOOKED_AT: Final = 1 << 20


def language(environment: Mapping[str, str], file: Path | str | None = None) -> str:
    """Return the language in which to tell what is wrong: the file's own, else the environment's, else English.

    The file may be too broken to be read as TOML, so its lang is looked for as a line.
    """
    if file is not None:
        try:
            with Path(file).open("rb") as opened:
                found = _SITE_LANGUAGE.search(opened.read(_LOOKED_AT).decode("utf-8", "replace"))
        except OSError:
            found = None
        if found and catalogue(found[1]):
            return found[1]
    wanted = next((value for name in LANGUAGE_VARIABLES if (value := environment.get(name))), "")[:2]
    return wanted if wanted.isalpha() and catalogue(wanted) else FALLBACK


def report(name: str, faults: Sequence[Fault], lang: str) -> str:
    """Return all faults of the file `name` for a person, and their number in the last line."""
    lines = [line for fault in faults for line in fault_lines(name, fault, lang)]
    key = "check.one_fault" if len(faults) == 1 else "check.faults"
    return "\n".join([*lines, render(lang, key, {"count": len(faults)})])


def warned(name: str, warnings: Sequence[Fault], lang: str) -> list[str]:
    """Return all warnings of the file `name` for a person, each said to be one; nothing where there are none."""
    found = []
    for warning in warnings:
        head, text, *more = fault_lines(name, warning, lang)
        found += [head, f"   {render(lang, 'check.warning', {})} {text.strip()}", *more]
    return found


def fault_lines(name: str, fault: Fault, lang: str) -> list[str]:
    """Return one fault: file:line:column and key, then what is wrong and the cure, then the line where it helps."""
    place = f"{name}:{fault.line}:{fault.column}" if fault.line else name
    head = f"{place}  {fault.path}" if fault.path else place
    if fault.shown:
        head += f" = {fault.shown}"
    lines = [head, f"   {message(fault, lang)}"]
    if fault.source:
        lines.append(f"   {fault.line} | {fault.source}")
    if fault.use:
        key = "check.made_by_several" if fault.use.more else "check.made_by"
        lines.append("   " + render(lang, key, msgspec.structs.asdict(fault.use)).rstrip())
    return lines


def message(fault: Fault, lang: str) -> str:
    """Return what is wrong and what to write, without the place."""
    return render(lang, fault.key, fault.values)


def summary(name: str, settings: Settings, lang: str) -> str:
    """Return what a good file gets: whose it is, how much it reads, where it sends, how long the buffer lasts."""
    mqtt = settings.links.mqtt
    links = []
    if mqtt is not None:
        port = mqtt.port or (8883 if mqtt.tls else 1883)
        links.append(render(lang, "check.link_mqtt", {"host": mqtt.host, "port": port}))
    if settings.links.sms is not None and settings.links.sms.gateway:
        links.append(render(lang, "check.link_sms", {"number": settings.links.sms.gateway}))
    values = {
        "file": name,
        "box": settings.box.id,
        "site": settings.site.name,
        "points": count(lang, "check.point", len(settings.points)),
        "buses": count(lang, "check.bus", len(settings.buses)),
        "limits": count(lang, "check.limit", len(settings.limits)),
        "outputs": count(lang, "check.output", len(settings.outputs)),
        "link": ", ".join(links) or render(lang, "check.no_link", {}),
    }
    lasts = render(lang, "check.buffer", {"mb": settings.box.buffer_mb, "days": days_text(lang, settings)})
    return f"{render(lang, 'check.good', values)}\n{lasts}"


def days_text(lang: str, settings: Settings) -> str:
    """Return how many days the buffer lasts, whole ones where there are ten or more."""
    days = buffer_days(settings)
    return written(lang, round(days, 1) if days < 10 else round(days))
