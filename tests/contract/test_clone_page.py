"""docs/clone-and-replace.md and its French twin are true: template and list make cards, and faults read as they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from tests.support import ROOT

PAGES = {"en": ROOT / "docs/clone-and-replace.md", "fr": ROOT / "docs/fr/cloner-et-remplacer.md"}
NAMES = {
    "en": ("template.toml", "sites.csv", "wrong.csv", "half"),
    "fr": ("modele.toml", "sites.csv", "faux.csv", "demi"),
}


def commands(page: str) -> list[tuple[list[str], str]]:
    """Return each command of a page, and what it is said to print."""
    found: list[tuple[list[str], list[str]]] = []
    is_answer = False
    for line in page.splitlines():
        if line.startswith("    $ "):
            found.append((line[6:].split(), []))
            is_answer = True
        elif is_answer and line.startswith("    "):
            found[-1][1].append(line[4:])
        else:
            is_answer = False
    return [(words, "\n".join(answer) + "\n") for words, answer in found]


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_template_list_commands_and_faults_are_as_written(tmp_path: Path, capsys: Any, lang: str) -> None:
    page = PAGES[lang].read_text(encoding="utf-8")
    (template,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (sites,) = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)
    names = NAMES[lang]
    (tmp_path / names[0]).write_text(template, encoding="utf-8")
    (tmp_path / names[1]).write_text(sites, encoding="utf-8")
    (tmp_path / names[2]).write_text(sites.replace("0,5", names[3]).replace("b0002", "b0001"), encoding="utf-8")
    (good, made), (bad, told) = commands(page)
    folder = good[-1]
    for words, answer, code in ((good, made, 0), (bad, told, 2)):
        assert words[0] == "vigie"
        here = [str(tmp_path / word) if word in {*names, folder} else word for word in words[1:]]
        assert main([*here, "--lang", lang]) == code
        said = capsys.readouterr().out.replace(f"{tmp_path}/", "")
        assert said.replace("\u00a0", " ") == answer.replace("\u00a0", " ")
    assert {path.name for path in (tmp_path / folder).iterdir()} == {"b0001", "b0002", "labels.html"}


def test_both_pages_have_the_same_headings_tables_and_steps() -> None:
    shapes = []
    for path in PAGES.values():
        page = path.read_text(encoding="utf-8")
        shapes.append(
            [re.match(r"#+|\||\d\.|- ", line)[0] for line in page.splitlines() if re.match(r"#+ |\||\d\.|- ", line)]
        )  # type: ignore[index]
    assert shapes[0] == shapes[1]
