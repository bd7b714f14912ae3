"""`vigie time`: what it prints of the box's clock, and how the time is set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.cli.clock import lines
from edge.cli.main import main
from edge.cli.words import Words
from edge.core.commands import Command, Result
from edge.core.text import Text
from tests.fake_desk import FakeDesk

PARIS = ZoneInfo("Europe/Paris")


class SetDesk(FakeDesk):
    """A desk that keeps the orders it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[Command] = []
        self.done = True

    def order(self, command: Command) -> Result:
        self.orders.append(command)
        if self.done:
            return Result(command.id, done=True, text=Text("time_set_done", {"step_ms": -5_400_000}))
        return Result(command.id, done=False, text=Text("time_set_worse", {"source": "ntp"}))


@pytest.fixture
def desk() -> SetDesk:
    return SetDesk()


@pytest.fixture
def vigie(path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str) -> tuple[int, str]:
        code = main([*words, "--socket", str(path)])
        return code, capsys.readouterr().out

    return run


def test_it_says_the_time_by_whom_how_right_and_every_step(vigie: Any) -> None:
    code, out = vigie("time")
    assert code == 0
    assert out.splitlines() == [
        "Fri 20 Nov 16:20:07 2026 by the network",
        "  last heard 4 s ago, right within 0.1 s",
        "  it is later than Thu 19 Nov 16:20:07 2026: records were kept then",
        "",
        "heard from             at         verdict     off by  ago",
        "the network            timesyncd  used        +0.0 s  4 s",
        "the electricity meter  tic        not needed  -1.2 s  1 s",
        "",
        "start  dated                     by           moved by",
        "3      Fri 20 Nov 15:15:07 2026  the network  -1 h 02",
    ]


def test_json_is_the_boxs_own_answer(vigie: Any, desk: SetDesk) -> None:
    code, out = vigie("time", "--json")
    assert (code, json.loads(out)) == (0, desk.time())


def test_setting_it_asks_the_box_once_by_name_and_says_how_far_it_moved(vigie: Any, desk: SetDesk) -> None:
    code, out = vigie("time", "set", "2026-11-21 14:05")
    assert (code, out) == (0, "The clock is set; it was moved by -1 h 30 min.\n")
    assert [(order.verb, order.args, order.channel) for order in desk.orders] == [
        ("time.set", {"at": "2026-11-21 14:05"}, "local")
    ]
    assert desk.orders[0].author


def test_a_refusal_is_said_with_its_reason(vigie: Any, desk: SetDesk) -> None:
    desk.done = False
    code, out = vigie("time", "set", "2026-11-21 14:05")
    assert code == 1
    assert "it is right by the network, which is trusted more" in out
    code, out = vigie("time", "set", "2026-11-21 14:05", "--json")
    assert (code, json.loads(out)["done"]) == (1, False)


def test_without_a_time_it_says_how_to_write_it_and_asks_nothing(
    path: Path, desk: SetDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["time", "set", "--socket", str(path)]) == 2
    assert 'vigie time set "2026-11-21 14:05"' in capsys.readouterr().err
    assert desk.orders == []


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize("source", ["none", "floor", "person"])
def test_a_box_that_nobody_told_says_what_to_do(lang: str, source: str) -> None:
    told = {
        "utc_ms": 1_790_000_000_000, "source": source, "age_s": None, "error_ms": None, "machine_off_ms": -10**12,
        "floor": {"utc_ms": 1_790_000_000_000, "from": "build"}, "sources": [], "entries": [], "steps": [], "boot": 1,
    }  # fmt: skip
    text = "\n".join(lines(told, PARIS, Words(lang)))
    assert ("vigie time set" in text) is (source != "person")
    assert "2026" in text
    assert "=" not in text, "every sentence has what it needs"
    assert "11574 d" in text or "11574 j" in text
