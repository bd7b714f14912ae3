"""`vigie set` and `vigie programs` over the real local API and a real engine, in both languages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli.main import main
from edge.core.clock import ClockEntry, Dating
from edge.core.commands import Command, Result
from edge.core.views import VIEWS
from tests.fake_desk import FakeDesk, serving
from tests.orders_rig import Site
from tests.unit.test_settings_orders import GOOD

Run = Callable[..., tuple[int, str, str]]


class SiteDesk(FakeDesk):
    """A box whose engine is a site in virtual time."""

    def __init__(self) -> None:
        super().__init__()
        self.site = Site(GOOD, "2026-11-20 07:00")
        self.dating = Dating()
        self.dating.add(ClockEntry(1, 0, self.site.engine.utc_offset_ms, "ntp"))

    def view(self, name: str) -> Any:
        return VIEWS[name](self.site.engine, self.site.now_ms, self.dating)

    def order(self, command: Command) -> Result:
        result = self.site.engine.command(command, self.site.now_ms)
        self.site.settle()
        return result


@pytest.fixture
def desk() -> SiteDesk:
    return SiteDesk()


@pytest.fixture
def cli(desk: SiteDesk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    with serving(desk, tmp_path / "api.sock") as path:

        def run(*words: str) -> tuple[int, str, str]:
            code = main([*words, "--socket", str(path)])
            captured = capsys.readouterr()
            return code, captured.out, captured.err

        yield run


def test_the_list_says_what_can_be_set_with_range_unit_present_and_the_files_value(cli: Run) -> None:
    cli("set", "hall.hot", "35")
    code, out, _err = cli("set")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["id", "value", "takes", "note"]
    assert lines[1].startswith("hall.wanted  20 °C  5 to 25 °C, by 0.5     set by hall.week (program)")
    assert lines[2].startswith("hall.mode    eco    frost / eco / comfort")
    assert "-30 to 80 °C" in lines[3]
    assert "limit HIGH of hall.t; the file says 40 °C; set by" in lines[3]
    assert lines[4].startswith("hall.week    on")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hall.wanted", "21,5"), "hall.wanted is 21.5 °C; it was 20 °C."),
        (("hall.wanted", "21 °C"), "hall.wanted is 21 °C; it was 20 °C."),
        (("hall.mode", "Comfort"), "hall.mode is comfort; it was eco."),
        (("hall.hot", "-5,5"), "hall.hot is -5.5 °C; it was 40 °C. The settings file says 40 °C{}"),
        (("hall.week", "arrêt"), "hall.week is off; it was on. The settings file says on{}"),
    ],
)
def test_what_was_set_is_told_with_what_it_was(cli: Run, words: tuple[str, ...], said: str) -> None:
    back = f": `vigie set {words[0]} --default` goes back to it."
    assert cli("set", *words) == (0, said.format(back) + "\n", "")


def test_the_default_is_the_files_value_again(cli: Run) -> None:
    cli("set", "hall.hot", "35")
    said = "hall.hot is 40 °C again, as the settings file says; it was 35 °C.\n"
    assert cli("set", "hall.hot", "--default") == (0, said, "")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("hall.wanted", "30"), 1, "hall.wanted is not set to 30 °C: the lowest is 5 °C; the highest is 25 °C."),
        (("hall.hot", "90"), 1, "hall.hot is not set to 90 °C: outside what its point measures, from -30 °C to 80 °C."),
        (("hall.mode", "warm"), 1, "hall.mode is not set: it has no word warm; it has: frost, eco, comfort."),
        (("hall.wantd", "20"), 2, "There is no hall.wantd to set; there are: hall.wanted"),
        (("hall.wanted", "20", "--default"), 1, "hall.wanted is not set: give a value, or --default"),
    ],
)
def test_a_refusal_says_what_is_allowed(cli: Run, words: tuple[str, ...], code: int, said: str) -> None:
    found, out, err = cli("set", *words)
    assert found == code
    assert said in out + err


def test_programs_say_what_they_do_now_and_next(cli: Run, desk: SiteDesk) -> None:
    assert cli("programs")[1].splitlines() == [
        "program    state  acts on      now    next",
        "hall.week  on     hall.wanted  20 °C  12 °C, Fri 20 Nov 08:00",
    ]
    cli("set", "hall.week", "off")
    line = cli("programs")[1].splitlines()[1]
    assert line.startswith("hall.week  off, by order of ")
    assert line.endswith("hall.wanted  -    -")


def test_french(cli: Run, desk: SiteDesk) -> None:
    desk.lang = "fr"
    assert cli("set", "hall.wanted", "21,5")[1] == "hall.wanted est à 21,5 °C\u00a0; c'était 20 °C.\n"
    assert (
        cli("programs")[1].splitlines()[1] == "hall.week  en marche  hall.wanted  20 °C       12 °C, ven. 20 nov. 08:00"
    )
    assert "5 à 25 °C, par 0,5" in cli("set", "hall.wanted")[1]


def test_json_is_the_apis_own_answer(cli: Run) -> None:
    listed = json.loads(cli("set", "--json")[1])
    assert [view["id"] for view in listed] == ["hall.wanted", "hall.mode", "hall.hot", "hall.week"]
    assert {view["right"] for view in listed} == {"operate", "configure"}
    assert json.loads(cli("programs", "--json")[1])[0]["next"] == 12.0
    assert json.loads(cli("set", "hall.wanted", "21", "--json")[1])["done"] is True


def test_a_site_without_anything_says_so(cli: Run, desk: SiteDesk) -> None:
    desk.site = Site()
    assert cli("programs") == (0, "This site has no programs.\n", "")
    assert cli("set") == (0, "This site has nothing to set.\n", "")


def test_relay_says_what_an_output_follows(cli: Run, desk: SiteDesk) -> None:
    desk.site.temperature = 41.0
    desk.site.go(20)
    lines = cli("relay")[1].splitlines()
    assert lines[1].split("  ")[-1].strip() == "hall.heat"
    assert lines[2].endswith("rule hot.open, on its alarm")
    assert cli("relay", "heater", "on")[1] == (
        "heater is on by order; hall.heat does not switch it, until `vigie relay heater auto`.\n"
    )
