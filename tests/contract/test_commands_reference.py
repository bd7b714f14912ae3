"""Orders: the page is the program's own, and command line, channels and page have the same words."""

from __future__ import annotations

import inspect
from collections import Counter

import msgspec
import pytest

from edge.cli.commands_reference import help_lines, page
from edge.cli.main import VERBS as COMMANDS
from edge.cli.main import main
from edge.core.commands import RIGHTS
from edge.core.registry import CONFIRM, KEEP
from edge.core.verbs import VERBS
from tests.support import ROOT

ONLY_BY_MESSAGE = {CONFIRM, KEEP}
"""Orders for which the command line needs no word: whoever sits at the box has confirmed by typing."""


def test_the_page_of_orders_is_the_one_that_the_program_makes() -> None:
    assert (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_a_word_means_one_order(lang: str) -> None:
    said = Counter(word for verb in VERBS.values() for word in verb.words[lang])
    assert [word for word, count in said.items() if count > 1] == []
    assert all(word == word.lower() and word.split() == [word] for word in said)


def test_each_order_has_a_right_words_in_both_languages_and_says_what_it_does() -> None:
    for name, verb in VERBS.items():
        assert verb.right in RIGHTS, name
        assert all(verb.words.get(lang) for lang in ("en", "fr")), name
        assert inspect.cleandoc(verb.args.__doc__ or ""), name
        assert verb.secret <= set(verb.args.__struct_fields__), name
        assert verb.args.__struct_config__.forbid_unknown_fields, name


def test_what_changes_how_the_site_is_made_takes_two_steps() -> None:
    assert [name for name, verb in VERBS.items() if verb.right == "configure" and not verb.two_step] == []


def test_the_command_line_has_each_order_under_its_name_or_its_first_word() -> None:
    for name, verb in VERBS.items():
        fronts = {name.partition(".")[0], verb.words["en"][0]}
        assert name in ONLY_BY_MESSAGE or fronts & COMMANDS.keys() or name == "alarm.service", name


def test_each_argument_that_is_a_time_or_size_says_its_unit() -> None:
    for verb in VERBS.values():
        for field in msgspec.structs.fields(verb.args):
            if field.encode_name.endswith(("_s", "_ms", "_min", "_h")):
                assert "(" in next(line for line in help_lines_of(verb) if line.strip().startswith(field.encode_name))


def help_lines_of(verb: object) -> list[str]:
    return help_lines(next(name for name, one in VERBS.items() if one is verb))


@pytest.mark.parametrize("word", ["set", "régler", "consigne", "relais", "meter", "journal"])
def test_help_finds_a_command_by_any_of_its_words(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", word]) == 0
    assert "usage: vigie " in capsys.readouterr().out


def test_help_tells_what_the_order_takes_and_which_right_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "relay"]) == 0
    out = capsys.readouterr().out
    assert "order relay" in out
    assert "right: operate; by SMS in two steps" in out
    assert "for_s: a number from 0.1 to 31622400 (s)" in out


def test_help_of_nothing_lists_all_and_of_nonsense_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    assert "journal" in capsys.readouterr().out
    assert main(["help", "journl"]) == 2
    assert "journal" in capsys.readouterr().err
