"""`docs/backup.md` is true: its commands are carried out in their order, and print what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.core.types import Event, EventBatch, RecordBatch
from edge.runtime.compared import compared
from edge.settings.load import load
from edge.store.fs import RealFs
from edge.store.log import Log
from edge.store.notebook import Notebook
from tests.meter_rig import Meter
from tests.support import ROOT
from tests.unit.test_restore import NOW

PAGE = ROOT / "docs" / "backup.md"
REGISTERS = {
    "counter/water": {"base": 482.0, "count": 137, "scale": 0.001, "pending": 0.0},
    "counter/energy": {"raw": 81_234_567, "index": 81_234.567, "pending": 0.1},
}


def steps() -> list[tuple[str, str]]:
    """Return each command of the page with what it is said to print."""
    found: list[tuple[str, list[str]]] = []
    indent = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if command := re.fullmatch(r"( {4,})\$ (.*)", line):
            indent = command[1]
            found.append((command[2], []))
        elif indent and line.startswith(indent):
            found[-1][1].append(line.removeprefix(indent))
        else:
            indent = ""
    return [(command, "\n".join(lines)) for command, lines in found]


def old_box(folder: Path) -> None:
    """Make the state folder and settings of the box that is going to die, after 41 starts."""
    fs, config = RealFs(folder / "state"), Meter(folder).config
    records: Log[Any] = Log(fs, "records", "records", 64 << 10, 16 << 10)
    events: Log[Event] = Log(fs, "events", "events", 64 << 10, 16 << 10)
    records.append(RecordBatch(41, [], REGISTERS))
    events.append(EventBatch(41, [Event("start", 5)], {"running": False}))
    records.close()
    events.close()
    notebook = Notebook(fs)
    compared(notebook, load(config), NOW, {}).accept(notebook)
    notebook.save()


def test_the_page_is_carried_out(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    old, new, usb = tmp_path / "old", tmp_path / "new", tmp_path / "usb"
    for folder in (old, new, usb):
        folder.mkdir()
    (old / "state").mkdir()
    old_box(old)
    verbs = []
    for command, said in steps():
        words = command.removeprefix("sudo ").split()
        if words[0] != "vigie":
            assert words[0] == "systemctl"
            continue
        verbs.append(words[1])
        here = old if words[1] == "backup" else new
        places = {"/media/usb": usb, "/etc/vigie": here, "/var/lib/vigie": here / "state"}
        if words[1] != "check":
            name = "site.toml" if here is old else "vigie.toml"
            words += ["--state", "/var/lib/vigie", "--config", f"/etc/vigie/{name}"]
        # the disk under this test is not ours to fill: tests/fault/test_wipe_disk.py does that, on one of its own
        arguments = [_placed(word, places) for word in words[1:] if word != "--fill"]
        said = "\n".join(line for line in said.splitlines() if "free space" not in line)  # noqa: PLW2901
        assert main(arguments) == 0, command
        wanted = "".join(".*" if part == "…" else re.escape(part) for part in re.split("(…)", _placed(said, places)))
        told = capsys.readouterr().out.rstrip("\n")
        assert re.fullmatch(wanted, told, re.DOTALL), f"{command}\n{told}"
    assert verbs == ["backup", "restore", "check", "wipe"]
    assert list((new / "state").iterdir()) == []


def _placed(text: str, places: dict[str, Path]) -> str:
    for place, folder in places.items():
        text = text.replace(place, str(folder))
    return text
