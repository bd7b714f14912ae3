"""What a run of `make hil` measured: tables, printed at its end and, after one with --full, kept in docs/hil.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "hil.md"
BEGIN: Final = "<!-- measured: written by make hil FULL=1 -->"
END: Final = "<!-- /measured -->"


class Results:
    """Tables by their title, each with its columns and the rows that tests added."""

    def __init__(self) -> None:
        self._tables: dict[str, tuple[tuple[str, ...], list[tuple[str, ...]]]] = {}

    def add(self, title: str, **row: object) -> None:
        """Add a row; the names are the columns, `_` for a space, the same in every row of a table."""
        columns = tuple(name.replace("_", " ") for name in row)
        known, rows = self._tables.setdefault(title, (columns, []))
        if known != columns:
            raise ValueError(f"{title}: columns {columns} beside {known}")
        rows.append(tuple(str(value) for value in row.values()))

    def __bool__(self) -> bool:
        return bool(self._tables)

    def text(self) -> str:
        """Return all tables in Markdown."""
        parts = []
        for title, (columns, rows) in self._tables.items():
            lines = [columns, ("---",) * len(columns), *rows]
            parts.append(f"### {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines))
        return "\n\n".join(parts)

    def keep(self, command: str, machine: str, page: Path = PAGE) -> None:
        """Write the tables into the page, in the place of those of the same titles; the others stay."""
        text = page.read_text("utf-8")
        found = text.partition(BEGIN)[2].partition(END)[0]
        tables = {part.partition("\n")[0]: part.strip() for part in found.split("### ")[1:]}
        tables |= {part.partition("\n")[0]: part.strip() for part in f"\n{self.text()}".split("\n### ")[1:]}
        kept = "\n\n".join(f"### {part}" for part in tables.values())
        block = f"{BEGIN}\nMade by `{command}`: {machine}.\n\n{kept}\n{END}"
        page.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: block, text, flags=re.DOTALL), "utf-8")
