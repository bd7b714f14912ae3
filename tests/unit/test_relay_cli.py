"""`vigie relay` over the real local API: what it lists, what it orders, what it refuses, in both languages."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from edge.cli.client import Client
from edge.cli.main import main
from edge.cli.relay import seconds
from edge.core.commands import Command, Result
from edge.core.output_view import OutputView
from edge.core.text import Text
from tests.fake_desk import FakeDesk, serving

PUMP = OutputView(
    output="pump", state="off", quality="good", reason="", driven="off", wanted="off", mode="auto", limit="tank.high",
    source="", rule="", author="", channel="", for_s=7500.0, ends_s=None, held_s=None, orders_s=None, safe="off",
    by_command=True, name={"en": "Pump"}, place="cellar",
)  # fmt: skip


def view(**more: Any) -> OutputView:
    return msgspec.structs.replace(PUMP, **more)


@pytest.fixture
def orders(desk: FakeDesk) -> FakeDesk:
    desk.relays = [PUMP, view(output="fan", state="on", driven="on", mode="order", limit="", author="anna",
                              channel="local", ends_s=29.5)]  # fmt: skip
    return desk


def test_the_list_says_state_since_when_and_who_decides(vigie: Any, orders: FakeDesk) -> None:
    code, out, _err = vigie("relay")
    assert code == 0
    assert out.splitlines() == [
        "output  state  since   who decides                 note",
        "pump    off    2 h 05  limit tank.high",
        "fan     on     2 h 05  order by anna (at the box)  order ends in 30 s",
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"state": "on", "quality": "uncertain", "reason": "mismatch"}, "driven off: not as it was switched"),
        ({"state": "", "quality": "bad", "reason": "not_open"}, "driven off: could not be opened yet"),
        ({"wanted": "on", "held_s": 170.0}, "will be on in 2 min 50 s: minimum time"),
        ({"mode": "max_on"}, "safe state: longest time on"),
        ({"mode": "link_lost"}, "safe state: the link is lost"),
        ({"orders_s": 3.2}, "takes the next order in 4 s"),
        ({"by_command": False}, "takes no orders"),
        ({"limit": ""}, "safe state"),
    ],
)
def test_the_list_says_why_an_output_may_not_switch(vigie: Any, orders: FakeDesk, more: Any, said: str) -> None:
    orders.relays = [view(**more)]
    _code, out, _err = vigie("relay", "pump")
    assert said in out.splitlines()[1]


def test_a_state_that_nobody_knows_is_a_dash(vigie: Any, orders: FakeDesk) -> None:
    orders.relays = [view(state="", quality="bad", reason="not_open")]
    assert vigie("relay")[1].splitlines()[1].split()[:2] == ["pump", "-"]


def test_an_order_carries_output_state_and_time_and_the_name_of_who_asks(vigie: Any, orders: FakeDesk) -> None:
    vigie("relay", "pump", "on", "--for", "5m")
    vigie("relay", "pump", "auto")
    first, second = orders.orders
    assert (first.verb, first.args, first.channel) == ("relay", {"output": "pump", "to": "on", "for_s": 300.0}, "local")
    assert second.args == {"output": "pump", "to": "auto"}
    assert first.author
    assert first.id != second.id


class Obeyed(FakeDesk):
    """A box that carries every order out."""

    def order(self, command: Command) -> Result:
        return Result(
            command.id, done=True, text=Text("relay_for", {"output": "pump", "level": "on", "for_ms": 300_000})
        )


def test_an_answer_is_in_the_language_of_the_site(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    desk = Obeyed()
    desk.relays = [view(state="off", driven="on", quality="uncertain", reason="mismatch")]
    with serving(desk, tmp_path / "api.sock") as path:
        assert main(["relay", "pump", "on", "--for", "5m", "--socket", str(path)]) == 0
        assert capsys.readouterr() == (
            "pump is on by order for 5 min.\n",
            "vigie: pump: not as it was switched: wiring, relay or contact?\n",
        )
        desk.lang = "fr"
        assert main(["relay", "pump", "on", "--for", "5m", "--socket", str(path)]) == 0
        assert capsys.readouterr().out == "pump est en marche sur ordre pendant 5 min.\n"
        assert main(["relay", "--socket", str(path)]) == 0
        assert capsys.readouterr().out.splitlines()[1].startswith("pump    à l'arrêt  2 h 05  seuil tank.high")


def test_json_is_the_apis_own_answer(vigie: Any, orders: FakeDesk) -> None:
    _code, out, _err = vigie("relay", "--json")
    assert json.loads(out) == msgspec.to_builtins(orders.relays)
    code, out, _err = vigie("relay", "pump", "on", "--json")
    assert (code, json.loads(out)["done"]) == (0, True)
    code, out, _err = vigie("relay", "pump", "on", "--json")
    assert (code, json.loads(out)["done"]) == (1, False)


def test_an_unknown_output_is_named_with_those_that_are_there(vigie: Any, orders: FakeDesk) -> None:
    code, out, err = vigie("relay", "pomp", "on")
    assert (code, out) == (2, "")
    assert "There is no output pomp; there are: fan, pump." in err
    assert orders.orders == []
    orders.relays = []
    assert "There is no output pomp.\n" in vigie("relay", "pomp")[2]
    assert vigie("relay")[:2] == (0, "This site has no outputs.\n")


def test_a_time_without_an_order_is_refused(vigie: Any, orders: FakeDesk) -> None:
    code, _out, err = vigie("relay", "pump", "--for", "5m")
    assert code == 2
    assert "--for goes with on, off or pulse" in err


@pytest.mark.parametrize(
    ("words", "seconds_"),
    [("30", 30), ("0.5s", 0.5), ("30s", 30), ("5m", 300), ("5 min", 300), ("2h", 7200), ("1d", 86_400), ("1j", 86_400)],
)
def test_a_time_is_written_as_people_write_it(words: str, seconds_: float) -> None:
    assert seconds(words) == seconds_


@pytest.mark.parametrize("words", ["", "0", "-5s", "5y", "1e9", "400d", "5 5", "\u0663s", "inf"])
def test_what_is_no_time_is_refused(vigie: Any, orders: FakeDesk, words: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        vigie("relay", "pump", "on", f"--for={words}")
    assert orders.orders == []


def test_only_known_states_can_be_ordered(vigie: Any, orders: FakeDesk) -> None:
    with pytest.raises(SystemExit, match="2"):
        vigie("relay", "pump", "swap")


def test_the_api_lists_outputs(vigie: Any, orders: FakeDesk, path: Any) -> None:
    assert Client(path).get("outputs") == msgspec.to_builtins(orders.relays)
