#!/usr/bin/env python3
"""What of requirements.lock an installation needs, and whether the lock still agrees with pyproject.toml.

    lock.py select [--extra NAME]...   prints what vigie with these extras needs, for pip
    lock.py select --with hatchling    the same, and one locked package more, with what that needs
    lock.py select --only hatchling    prints what this one package needs
    lock.py check                      lists every disagreement; exit 1 when there is one

`select` runs before anything is installed and needs the standard library only. It follows uv's "# via" notes, which
name the parents of each package.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OURS = "vigie (pyproject.toml)"
HEADER = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)\s*(?:;\s*(.*?)\s*)?\\?$")
HASH = re.compile(r"^\s+--hash=sha256:[0-9a-f]{64}\s*\\?$")
REQUIREMENT_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
# an address of an index, a folder of the machine it was made on, or an installation without a version
FOREIGN = re.compile(
    r"://|^\s*(?:-i|-f|-e|--index-url|--extra-index-url|--find-links|--trusted-host)\b|(?:^|\s)\.{0,2}/"
)


@dataclass
class Entry:
    """One locked package: its lines as they stand in the file, and the packages that ask for it."""

    name: str
    version: str
    marker: str = ""
    lines: list[str] = field(default_factory=list)
    hashes: int = 0
    parents: set[str] = field(default_factory=set)


def normal(name: str) -> str:
    """Return the name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(lock: str) -> dict[str, Entry]:
    """Return the locked packages by name. Raises ValueError with the line that is no part of a lock."""
    found: dict[str, Entry] = {}
    current: Entry | None = None
    for number, line in enumerate(lock.splitlines(), 1):
        if header := HEADER.match(line):
            current = Entry(normal(header[1]), header[2], header[3] or "", [line])
            if current.name in found:
                message = f"line {number}: {current.name} stands twice"
                raise ValueError(message)
            found[current.name] = current
        elif current is not None and HASH.match(line):
            current.hashes += 1
            current.lines.append(line)
        elif line.lstrip().startswith("#"):
            if current is not None and (parent := line.strip(" #").removeprefix("via").strip()):
                current.parents.add(parent if parent == OURS else normal(parent))
        elif line.strip():
            message = f"line {number}: neither a pinned package nor its hash: {line.strip()}"
            raise ValueError(message)
    return found


def direct(project: dict[str, Any], extras: list[str]) -> list[str]:
    """Return the requirements that pyproject.toml states for these extras, the base ones first."""
    optional = project["project"].get("optional-dependencies", {})
    wanted: list[str] = list(project["project"].get("dependencies", []))
    for extra in extras:
        if extra not in optional:
            message = f"no extra {extra!r}: there are {', '.join(sorted(optional))}"
            raise ValueError(message)
        wanted += optional[extra]
    return wanted


def select(lock: dict[str, Entry], requirements: list[str]) -> list[Entry]:
    """Return what these requirements need, with all that they in turn need, in the lock's order.

    Raises ValueError when one is not locked.
    """
    chosen: set[str] = set()
    for requirement in requirements:
        match = REQUIREMENT_NAME.match(requirement)
        name = normal(match[1]) if match else requirement
        if name not in lock:
            message = f"not locked: {requirement}"
            raise ValueError(message)
        chosen.add(name)
    while more := {name for name, entry in lock.items() if name not in chosen and entry.parents & chosen}:
        chosen |= more
    return [entry for name, entry in lock.items() if name in chosen]


def faults(lock_text: str, project: dict[str, Any]) -> list[str]:
    """Return every way in which the lock does not agree with pyproject.toml; empty when it is in step."""
    from packaging.requirements import Requirement
    from packaging.version import Version

    found = [
        f"line {number}: an index address, folder or option of one machine: {line.strip()}"
        for number, line in enumerate(lock_text.splitlines(), 1)
        if FOREIGN.search(line)
    ]
    try:
        lock = entries(lock_text)
    except ValueError as exc:
        return [*found, str(exc)]
    stated = [Requirement(text) for text in direct(project, list(project["project"].get("optional-dependencies", {})))]
    for requirement in stated:
        entry = lock.get(normal(requirement.name))
        if entry is None:
            found.append(f"{requirement} is not locked")
        elif not requirement.specifier.contains(Version(entry.version), prereleases=True):
            found.append(f"{requirement} is locked at {entry.version}")
        elif requirement.marker and not entry.marker:
            found.append(f"{requirement} is locked without its marker")
    found += [f"{entry.name} has no hash" for entry in lock.values() if not entry.hashes]
    names = {normal(requirement.name) for requirement in stated}
    for entry in lock.values():
        if OURS in entry.parents and entry.name not in names:
            found.append(f"{entry.name} is locked for us, but pyproject.toml does not ask for it")
        if not entry.parents:
            found.append(f"{entry.name} says no parent")
        orphaned = sorted(entry.parents - {OURS} - lock.keys())
        found += [f"{entry.name} is locked for {parent}, which is not" for parent in orphaned]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; see the module's first lines."""
    parser = argparse.ArgumentParser(prog="lock.py")
    parser.add_argument("action", choices=["select", "check"])
    parser.add_argument("--extra", action="append", default=[])
    parser.add_argument("--with", dest="extra_packages", action="append", default=[], metavar="PACKAGE")
    parser.add_argument("--only", metavar="PACKAGE")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of requirements.lock and pyproject.toml")
    chosen = parser.parse_args(arguments)
    lock_text = (chosen.root / "requirements.lock").read_text(encoding="utf-8")
    project = tomllib.loads((chosen.root / "pyproject.toml").read_text(encoding="utf-8"))
    if chosen.action == "select":
        try:
            requirements = [chosen.only] if chosen.only else direct(project, chosen.extra) + chosen.extra_packages
            wanted = select(entries(lock_text), requirements)
        except ValueError as exc:
            print(f"requirements.lock: {exc}", file=sys.stderr)
            return 2
        print("\n".join(line for entry in wanted for line in entry.lines))
        return 0
    wrong = faults(lock_text, project)
    for line in wrong:
        print(f"requirements.lock: {line}", file=sys.stderr)
    if wrong:
        print("cure: make lock", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
