"""`vigie alarms`, `ack` and `shelve`, as a person sees them, over an engine behind the real local API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli.cells import cells
from edge.cli.main import main
from edge.cli.terminal import user_name
from edge.core import alarm_view, view
from edge.core.clock import ClockEntry, Dating
from edge.core.commands import Command, Result
from edge.core.types import PointSpec
from tests.fake_desk import NOW_MS, FakeDesk, serving
from tests.unit.rig import Rig, gauge, high, sample

WHO = user_name()
Vigie = Callable[..., tuple[int, str, str]]
NAMED = {"name": {"en": "Boiler flow", "fr": "Chaudière départ"}, "place": "boiler room", "unit": "Cel"}
MAINS = PointSpec("mains", kind="state", words=("present", "lost"), name={"en": "Mains", "fr": "Secteur"})


class EngineDesk(FakeDesk):
    """Answers out of an engine whose monotonic 900 s are now."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(
            gauge(id="flow", **NAMED), gauge(id="cellar"), MAINS,
            high(85, id="flow.high", point="flow", priority="high", diagnosis="overheating"),
            high(id="cellar.lost", point="cellar", kind="fault", priority="low"),
            high(1, id="mains.lost", point="mains", kind="equal", priority="critical", latch=True),
            utc_offset_ms=NOW_MS - 900_000,
        )  # fmt: skip
        self.dating = Dating()
        self.dating.add(ClockEntry(1, 0, NOW_MS - 900_000, "ntp"))

    def values(self) -> Any:
        """Return the engine's points."""
        return view.values(self.rig.engine, 900_000)

    def alarms(self) -> Any:
        """Return the engine's alarms."""
        return alarm_view.alarms(self.rig.engine, self.dating)

    def view(self, name: str) -> Any:
        """Return what is silenced too."""
        return alarm_view.silenced(self.rig.engine, self.dating) if name == "silenced" else super().view(name)

    def order(self, command: Command) -> Result:
        """Hand the command to the engine."""
        result = self.rig.engine.command(command, 900_000)
        self.rig.collect()
        return result

    def happen(self) -> None:
        """Let the boiler overheat, the cellar's probe fail, and the mains go and come back."""
        self.rig.cycle(1, sample(1, 94.125, point="flow"), sample(1, 12, point="cellar"), sample(1, 0, point="mains"))
        self.rig.cycle(30, sample(30, 92.53, point="flow"), sample(30, None, "no_answer", point="cellar"))
        self.rig.cycle(40, sample(40, 1, point="mains"))
        self.rig.cycle(50, sample(50, 0, point="mains"))


@pytest.fixture
def desk() -> EngineDesk:
    return EngineDesk()


@pytest.fixture
def vigie(desk: EngineDesk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Vigie]:
    path = tmp_path / "api.sock"

    def run(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--socket", str(path)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    with serving(desk, path):
        yield run


def test_alarms_say_what_where_how_much_since_when_and_what_to_do(vigie: Vigie, desk: EngineDesk) -> None:
    assert vigie("alarms")[:2] == (0, "no alarm\n")
    desk.happen()
    vigie("ack", "2")
    out = vigie("alarms")[1].splitlines()
    assert out == [
        "ALARM 3 STATE, priority critical  mains.lost",
        "  Mains: present",
        "  since 16:05 (14 min 20 s)",
        "  back within its limit; it stands until it is acknowledged: vigie ack 3",
        "FAULT 2, priority low  cellar.lost",
        "  cellar: no answer from the device",
        "  since 16:05 (14 min 30 s)",
        f"  acknowledged 16:20 by {WHO}",
        "ALARM 1 HIGH, priority high, the first of several  flow.high",
        "  Boiler flow (boiler room): 92.53 °C > 85 °C (overheating)",
        "  since 16:05 (14 min 59 s), at worst 94.12 °C at 16:05",
        "  to acknowledge: vigie ack 1",
    ], out
    assert all(cells(line) <= 80 for line in out)


def test_the_same_in_french(vigie: Vigie, desk: EngineDesk) -> None:
    desk.happen()
    desk.lang = "fr"
    vigie("shelve", "1", "--for", "2h", "--reason", "ramonage")
    out = vigie("alarms")[1].replace("\u00a0", " ").splitlines()
    assert out[-4:] == [
        "ALARME 1 HAUTE, priorité haute, la première de plusieurs  flow.high",
        "  Chaudière départ (boiler room) : 92,53 °C > 85 °C (surchauffe)",
        "  depuis 16:05 (14 min 59 s), au pire 94,12 °C à 16:05",
        f"  en sommeil jusqu'à 18:20 par {WHO} : ramonage",
    ]
    assert out[0].startswith("ALARME 3 ÉTAT, priorité critique")


def test_an_alarm_that_is_over_tells_from_when_to_when(vigie: Vigie, desk: EngineDesk) -> None:
    desk.happen()
    desk.rig.cycle(630, sample(630, 79.8, point="flow"))
    out = vigie("alarms")[1].splitlines()
    place = out.index("END OF ALARM 1, the first of several  flow.high")
    assert out[place + 2] == "  16:05 to 16:15 (10 min 29 s), at worst 94.12 °C at 16:05"


def test_no_line_says_that_a_value_is_beyond_a_limit_where_it_is_not(vigie: Vigie, desk: EngineDesk) -> None:
    desk.happen()
    desk.rig.cycle(60, sample(60, 85.0, point="flow"))
    assert "  Boiler flow (boiler room): 85 °C against 85 °C (overheating)" in vigie("alarms")[1]
    desk.rig.cycle(630, sample(630, 79.8, point="flow"))
    assert "  Boiler flow (boiler room): 79.8 °C against 85 °C (overheating)" in vigie("alarms")[1]
    desk.lang = "fr"
    assert "79,8 °C seuil 85 °C" in vigie("alarms")[1]


@pytest.mark.parametrize(
    ("value", "text"), [(12345.6, "12346 °C > 85 °C"), (85.0004, "85.0004 °C > 85 °C"), (92.94999694824219, "92.95 °C")]
)
def test_a_value_loses_what_nobody_reads_and_never_a_digit_before_the_point(
    vigie: Vigie, desk: EngineDesk, value: float, text: str
) -> None:
    desk.rig.cycle(1, sample(1, value, point="flow"))
    assert text in vigie("alarms")[1]


def test_shelve_and_out_of_service_are_listed_and_taken_back(vigie: Vigie, desk: EngineDesk) -> None:
    assert vigie("shelve")[:2] == (0, "no limit is shelved or out of service\n")
    assert vigie("shelve", "flow.high", "--for", "2h", "--reason", "sweep")[:2] == (
        0, "flow.high is shelved for 2 h: journaled, and nobody is told.\n",
    )  # fmt: skip
    assert vigie("alarms", "out", "cellar.lost", "--reason", "probe")[0] == 0
    out = vigie("shelve")[1].splitlines()
    assert out == [
        f"cellar.lost (cellar): out of service since 16:20 by {WHO}: probe",
        f"flow.high (flow): shelved until 18:20 by {WHO}: sweep",
    ]
    assert vigie("alarms")[1].splitlines()[-2:] == out
    assert vigie("shelve", "flow.high", "--back")[:2] == (0, "flow.high is no longer shelved.\n")
    assert vigie("alarms", "in", "cellar.lost")[:2] == (0, "cellar.lost is in service again.\n")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["shelve", "flow.high", "--reason", "x"], 1, "for how long"),
        (["shelve", "flow.high", "--for", "2h"], 1, "why?"),
        (["shelve", "flow.high", "--for", "30d", "--reason", "x"], 1, "7 d at most"),
        (["shelve", "flow.hihg", "--for", "2h", "--reason", "x"], 1, "near it: flow.high"),
        (["shelve", "77", "--for", "2h", "--reason", "x"], 1, "no alarm 77"),
        (["shelve", "flow.high", "--back"], 1, "is not shelved"),
        (["alarms", "out", "flow.high"], 1, "why?"),
        (["alarms", "out"], 2, "which limit?"),
        (["ack", "7"], 1, "no alarm 7"),
        (["ack"], 1, "No alarm waits"),
    ],
)
def test_what_makes_no_sense_is_said(vigie: Vigie, words: list[str], code: int, told: str) -> None:
    found, out, err = vigie(*words)
    assert (found, told in out + err) == (code, True), (out, err)


@pytest.mark.parametrize("words", [["ack", "twelve"], ["ack", "-1"], ["alarms", "off"], ["shelve", "1", "--for", "x"]])
def test_what_is_no_number_or_time_is_refused_before_the_box_is_asked(vigie: Vigie, words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        vigie(*words)
    assert ended.value.code == 2


@pytest.mark.parametrize(("words", "left"), [(["all"], []), (["1", "2"], [3]), (["#3"], [1, 2]), ([], [])])
def test_ack_takes_a_number_several_or_all(vigie: Vigie, desk: EngineDesk, words: list[str], left: list[int]) -> None:
    desk.happen()
    assert vigie("ack", *words)[0] == 0
    assert desk.rig.engine.alarms.waiting() == left


def test_a_silenced_alarm_is_no_alarm_in_status_and_stands_behind_the_others(vigie: Vigie, desk: EngineDesk) -> None:
    desk.happen()
    vigie("shelve", "3", "--for", "2h", "--reason", "x")
    lines = vigie("status")[1].splitlines()
    assert "2 alarms" in lines
    assert [line for line in lines if "mains" in line][-1].endswith("  shelved")
