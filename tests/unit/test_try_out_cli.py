"""`vigie test sms` and `vigie test alarm` as a person sees them, behind the real local API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.cli.main import main
from edge.core.commands import Command, Result
from edge.core.reachable import RecipientSpec
from edge.core.series import JournalLine
from tests.fake_desk import NOW_MS, FakeDesk, serving
from tests.unit.rig import Rig
from tests.unit.test_try_out import site

Vigie = Callable[..., tuple[int, str, str]]


class EngineDesk(FakeDesk):
    """Hands orders to an engine; a test text has become `fate` when somebody asks."""

    def __init__(self) -> None:
        super().__init__()
        self.rig: Rig = site(RecipientSpec("caretaker"), RecipientSpec("manager"))
        self.fate = "handed"
        self.lines = [self.line(1, "manager", "delivered")]

    def line(self, seq: int, to: str, fate: str) -> JournalLine:
        values = {"to": to, "what": "test", "page": seq, "fate": fate}
        return JournalLine("0c77d1e2", seq, 1, NOW_MS, "ntp", "page_sent", "", values)

    def order(self, command: Command) -> Result:
        """Hand the command to the engine."""
        result = self.rig.engine.command(command, self.rig.engine.now_ms)
        if result.done and self.fate and "to" in result.values:
            self.lines.append(self.line(self.lines[-1].seq + 1, result.values["to"], self.fate))
        return result


@pytest.fixture
def desk() -> EngineDesk:
    return EngineDesk()


@pytest.fixture
def vigie(desk: EngineDesk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Vigie]:
    path = tmp_path / "api.sock"

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["test", *words, "--socket", str(path)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    with serving(desk, path):
        yield run


def test_a_text_is_sent_and_what_became_of_it_is_said(vigie: Vigie, desk: EngineDesk) -> None:
    assert vigie("sms")[:2] == (0, "A text goes to caretaker.\nto caretaker: handed to the modem\n")
    desk.fate = "refused"
    desk.lang = "fr"
    code, out, _ = vigie("sms", "manager")
    assert (code, out.splitlines()[0]) == (1, "Un message part pour manager.")
    assert out.splitlines()[1].startswith("pour manager\u00a0: non envoyé")
    code, out, _ = vigie("sms", "manager", "--json")
    assert (code, json.loads(out)["fate"]) == (1, "refused")


def test_what_became_of_an_older_test_is_not_taken_for_this_one(vigie: Vigie, desk: EngineDesk) -> None:
    desk.fate = ""
    code, out, _ = vigie("sms", "manager", "--wait", "0.1s")
    assert code == 1
    assert "Nothing has become of it within 0 s" in out
    assert vigie("sms", "--now")[:2] == (0, "A text goes to caretaker.\n")


def test_somebody_who_is_not_listed_is_refused_and_the_others_are_named(vigie: Vigie) -> None:
    assert vigie("sms", "carteaker")[:2] == (
        1, "There is no recipient carteaker; there are caretaker, manager.\n",
    )  # fmt: skip


def test_a_test_alarm_is_begun_once(vigie: Vigie) -> None:
    assert vigie("alarm")[:2] == (0, "Test alarm 1 begins and ends in 1 min.\n")
    assert vigie("alarm")[0] == 1
