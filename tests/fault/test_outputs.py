"""Outputs of a real `vigie run`: safe after a kill and at a stop, ordered, limited, bent; all of it in the journal."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from edge.cli.client import Client
from edge.cli.main import main
from edge.core.commands import Command
from tests.box_rig import Service, write_site
from tests.support import ROOT, eventually
from tests.told_pins import ToldPins

PUMP, VALVE = 17, 27


@pytest.fixture
def pins(tmp_path: Path) -> ToldPins:
    return ToldPins(tmp_path)


def site(folder: Path, **pump: Any) -> Path:
    gpio = {"bus": "gpio"}
    outputs = [{"id": "pump", "pin": PUMP, **gpio, **pump}, {"id": "valve", "pin": VALVE, **gpio, "safe": "on"}]
    return write_site(folder, bus={"gpio": {"kind": "gpio"}}, output=outputs)


def order(running: Service, to: str, output: str = "pump", number: int = 0, **more: Any) -> dict[str, Any]:
    args = {"output": output, "to": to, **more}
    answer = Client(running.socket).post("commands", Command(f"{time.monotonic_ns()}-{number}", "relay", args, "anna"))
    assert isinstance(answer, dict)
    return answer


def shown(running: Service, output: str = "pump") -> tuple[Any, str, str]:
    view = next(view for view in Client(running.socket).get("values") if view["point"] == output)
    return view["word"], view["quality"], view["reason"]


def cpu_of(pid: int) -> float:
    """Return the CPU seconds that a process has used, in user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def journal(running: Service, *kinds: str) -> list[dict[str, Any]]:
    page = Client(running.socket).get(f"journal?limit=500&kinds={','.join(kinds)}")
    return [line["values"] for line in reversed(page["lines"])]


def test_after_a_kill_outputs_are_safe_before_anything_else_of_the_next_start(tmp_path: Path, pins: ToldPins) -> None:
    config = site(tmp_path)
    with pins.service(config, "first", ROOT) as running:
        assert order(running, "on")["done"]
        assert order(running, "off", "valve")["done"]
        assert (pins.level(PUMP), pins.level(VALVE)) == (True, False)
        eventually(lambda: len(journal(running, "command")) == 2, 5, "both orders are durable")
        running.kill()
    assert (pins.level(PUMP), pins.level(VALVE)) == (True, False), "nothing ran any more"
    calls = len(pins.told(PUMP))
    began_s = time.monotonic()
    with pins.service(config, "second", ROOT) as running:
        cpu_s = cpu_of(running.pid)
        safe = next(call for call in pins.told(PUMP)[calls:] if call.function == "output")
        assert not safe.level
        assert not safe.is_box_loaded, "before the rest of the program is even loaded"
        assert safe.cpu_s < 0.8 * cpu_s, "and well before the box is ready"
        assert pins.level(VALVE) is True
        print(
            f"safe {safe.at_s - began_s:.3f} s ({safe.cpu_s:.3f} s of CPU) after the start;"
            f" the API answers after {time.monotonic() - began_s:.3f} s ({cpu_s:.3f} s of CPU)"
        )
        ended = journal(running, "output_order_end")
        assert {(values["why"], values["to"], values["author"]) for values in ended} == {
            ("restart", "on", "anna"), ("restart", "off", "anna"),
        }  # fmt: skip
        assert "unclean_stop" in (tmp_path / "second.out").read_text() or journal(running, "unclean_stop")


def test_a_stop_brings_the_safe_state_first_and_gives_the_pins_back(tmp_path: Path, pins: ToldPins) -> None:
    with pins.service(site(tmp_path, min_on_s=3600), "run", ROOT) as running:
        order(running, "on")
        order(running, "off", "valve")
        running.finish()
    driven = [call.level for call in pins.told(PUMP) if call.function == "output"]
    on = driven.index(True)
    assert (any(driven[:on]), any(driven[on + 1 :])) == (False, False), "off, on by order, off at the stop"
    assert pins.told(PUMP)[-1].function == "input"
    driven = [call.level for call in pins.told(VALVE) if call.function == "output"]
    assert (False in driven[driven.index(True) :], driven[-1]) == (True, True), "off by order, on at the stop"


def test_a_bent_pin_is_a_mismatch_in_values_and_journal_and_over_when_it_is_let_go(
    tmp_path: Path, pins: ToldPins, capsys: pytest.CaptureFixture[str]
) -> None:
    with pins.service(site(tmp_path), "run", ROOT) as running:
        pins.hold(PUMP, level=False)
        assert order(running, "on")["done"]
        assert shown(running) == ("off", "uncertain", "mismatch")
        assert main(["values", "pump", "--socket", str(running.socket)]) == 0
        assert "~  pump     off  uncertain mismatch" in capsys.readouterr().out
        pins.hold(PUMP, level=None)
        eventually(lambda: shown(running) == ("on", "good", ""), 8, "it agrees")
        eventually(lambda: journal(running, "output_agrees"), 3)
        assert journal(running, "output_mismatch") == [{"wanted": "on", "is": "off"}]
        assert main(["journal", "--socket", str(running.socket)]) == 0
        said = capsys.readouterr().out
        assert "pump: does not obey: switched on, and is off" in said
        assert "pump: is on, as it was switched" in said


def test_ten_orders_a_second_are_limited_and_journaled_without_a_flood(tmp_path: Path, pins: ToldPins) -> None:
    with pins.service(site(tmp_path), "run", ROOT) as running:
        answers = [order(running, "on" if number % 2 == 0 else "off", number=number) for number in range(10)]
        taken = [answer["done"] for answer in answers].count(True)
        assert 3 <= taken <= 4, "a slow machine may reach the next one"
        refused = next(answer for answer in answers if not answer["done"])
        assert refused["text"]["key"] == "relay_too_often"
        assert 0 < refused["values"]["wait_ms"] <= 5000
        told = journal(running, "command")  # durable with the answer
        assert [values["done"] for values in told].count(True) == taken
        assert [values["done"] for values in told].count(False) == 1, "the others refused are counted"
        assert {(values["author"], values["channel"], values["verb"]) for values in told} == {
            ("anna", "local", "relay")
        }
        assert len([call for call in pins.told(PUMP) if call.function == "output"]) <= 2 + taken


def test_the_command_line_lists_orders_and_refuses(
    tmp_path: Path, pins: ToldPins, capsys: pytest.CaptureFixture[str]
) -> None:
    with pins.service(site(tmp_path, min_on_s=600), "run", ROOT) as running:
        socket = ["--socket", str(running.socket)]
        assert main(["relay", *socket]) == 0
        assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["pump", "off"]
        assert main(["relay", "pump", "on", "--for", "2h", *socket]) == 0
        assert capsys.readouterr().out == "pump is on by order for 2 h.\n"
        assert main(["relay", "pump", "off", *socket]) == 0
        assert "It stays on for 10 min" in capsys.readouterr().out.replace("9 min 59 s", "10 min")
        assert main(["relay", "pump", "--json", *socket]) == 0
        (view,) = json.loads(capsys.readouterr().out)
        assert (view["state"], view["wanted"], view["mode"], view["channel"]) == ("on", "off", "order", "local")
        assert view["held_s"] > 500
        assert main(["relay", "pomp", "on", *socket]) == 2
        assert "There is no output pomp; there are: pump, valve." in capsys.readouterr().err
        assert main(["relay", "pump", "pulse", *socket]) == 1
        assert "--for" in capsys.readouterr().out
        assert main(["relay", "pump", "auto", *socket]) == 0
        assert main(["relay", "pump", "on", *socket]) == 1
        assert "it takes the next one in" in capsys.readouterr().out
