"""The tables of `make hil`: a run of a part puts its own in their place and leaves the others."""

from __future__ import annotations

from pathlib import Path

from tests.hil.results import BEGIN, END, Results


def kept(page: Path, **rows: str) -> str:
    results = Results()
    for title, value in rows.items():
        results.add(title, what=value)
    results.keep("make hil", "a machine", page)
    return page.read_text("utf-8")


def test_a_part_replaces_its_own_tables_alone(tmp_path: Path) -> None:
    page = tmp_path / "hil.md"
    page.write_text(f"before\n{BEGIN}\n{END}\nafter\n", "utf-8")
    kept(page, Pulses="1", Watchdog="2")
    text = kept(page, Watchdog="3", Modem="4")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert [line for line in text.splitlines() if line.startswith("###")] == ["### Pulses", "### Watchdog", "### Modem"]
    assert [line for line in text.splitlines() if line[:3] in {"| 1", "| 2", "| 3", "| 4"}] == [
        "| 1 |",
        "| 3 |",
        "| 4 |",
    ]
    assert kept(page, Watchdog="3", Modem="4") == text, "the same again changes nothing"
