"""The station on the kernel's own 1-Wire and I2C drivers, with chips that fail in every way that we know of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from tests.hil.guest import Guest
from tests.hil.inside import fault_table, hung_bus, many_probes, watchdog
from tests.hil.inside.chips import ABSENT
from tests.hil.modules import build
from tests.support import ROOT

pytestmark = [
    pytest.mark.hil,
    pytest.mark.skipif(bool(build.missing()), reason=f"the modules need: apt-get install {build.missing()}"),
]
PAGE: Final = ROOT / ".run" / "hil" / "faults.md"
BUS_S: Final = 3.0  # of thirty probes together
NOTICED_S: Final = 60.0
LATER_MS: Final = 10.0  # a hundredth of the shortest period there
HOST_S: Final = 900.0
RELEARNT_S: Final = 30.0  # what a bus that was blocked may take until each of its points has a value again

Tell = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """A guest that holds our modules, none of them loaded."""
    files = build.build(Guest.release())
    with Guest(tmp_path_factory.mktemp("faults"), modules=("i2c-dev", "w1_therm")) as made:
        for file in files:
            (made.share / file.name).write_bytes(file.read_bytes())
        yield made


@pytest.fixture
def tell(guest: Guest) -> Iterator[Tell]:
    """Run one of the programs of tests/hil/inside with these modules; return the lines that it told."""
    loaded: list[str] = []

    def run(program: str, **parameters: str) -> list[dict[str, Any]]:
        for module, words in parameters.items():
            guest.run(f"insmod /hil/{module}.ko {words}")
            loaded.insert(0, module)
        result = guest.run(f"cd /opt/vigie/tree && python -m tests.hil.inside.{program}", HOST_S)
        told = [json.loads(line.removeprefix("told ")) for line in result.lines if line.startswith("told ")]
        assert told, result.text
        return told

    yield run
    for module in loaded:
        guest.run(f"rmmod {module}")


@pytest.fixture(scope="module")
def page() -> Iterator[dict[str, list[str]]]:
    """Keep what the tests print, as the pages that docs/hil-faults.md is made of."""
    parts: dict[str, list[str]] = {}
    yield parts
    if len(parts) == PARTS:
        PAGE.write_text("\n".join([HEAD, *(line for lines in parts.values() for line in ["", *lines])]) + "\n", "utf-8")


PARTS: Final = 5
HEAD: Final = """# What the station says of broken hardware

Measured in a guest (Debian 12's kernel, time of its own) whose kernel has simulated masters and adapters; above them
everything is real: w1_therm, i2c-dev, the GPIO character device, w1thermsensor, smbus2, gpiod, and the station. The
chips and their faults: `tests/hil/modules`. This page is what `make hil ARGS=tests/hil/test_faults.py` wrote to
`.run/hil/faults.md`."""


def show(page: dict[str, list[str]], title: str, lines: list[str]) -> None:
    """Print a part of the page and keep it."""
    page[title] = [f"## {title}", *lines]
    print("", *page[title], sep="\n")


def test_each_fault_is_said_in_its_own_words_and_never_as_a_value(tell: Tell, page: dict[str, list[str]]) -> None:
    told = tell("fault_table", w1_sim=f"probes={fault_table.PROBES}", i2c_sim="")
    lines = [
        "| fault | what its points say | after s | all well again after s | `vigie explain` adds |",
        "|---|---|---|---|---|",
    ]
    for row in told:
        said = ", ".join(sorted({why or "a good value" for why in row["said"].values()}))
        explained = "; ".join(row["explained"])
        lines.append(
            f"| {row['fault']} | {said} | {row['after_s'] or 0:.1f} | {row['back_s'] or 0:.1f} | {explained} |"
        )
    lines += [
        "",
        "Points are read each second, probes and the SCD4x each 5 s. A device that was lost is tried again after 1,",
        "2, 5, 15 and 30 s. Linux 6.1 shows an empty file for a probe whose bytes arrive damaged five times in a",
        "row, as for one that is silent: both say `no_answer`.",
    ]
    show(page, "Faults and what is said of them", lines)
    assert len(told) > 25
    assert {row["fault"]: row["said"] for row in told} == {row["fault"]: row["expected"] for row in told}
    assert [row["fault"] for row in told if row["after_s"] is None or row["back_s"] is None] == []
    for row in told:
        assert {name: value is None for name, value in row["values"].items()} == {
            name: bool(why) for name, why in row["expected"].items()
        }
        assert row["others"] == {}, row["fault"]


def test_thirty_probes_share_a_conversion_and_one_that_goes_comes_back(tell: Tell, page: dict[str, list[str]]) -> None:
    faults = ",".join(["0"] * many_probes.NEW + [str(ABSENT)])
    told = tell("many_probes", w1_sim=f"probes={many_probes.NEW + 1} fault={faults}")
    alone, new, unplugged = (
        next(row for row in told if row["what"] == what) for what in ("one by one", "new", "unplugged")
    )
    together = [row for row in told if row["what"] == "together"]
    worst_s = max(row["bus_s"] for row in together)
    reasons = ", ".join(f"{why} at {t_s:.0f} s" for why, t_s in unplugged["said"])
    show(
        page,
        "Thirty probes on one master",
        [
            f"- each converted by itself: {alone['bus_s']:.1f} s on the line; together: {worst_s:.2f} s at most",
            f"- a probe of no setting is noticed {new['after_s']:.0f} s after it was plugged in, once",
            f"- a probe that is pulled off says {reasons}: the last {unplugged['back_s']:.0f} s after it was put back",
        ],
    )
    assert alone["bus_s"] > many_probes.PROBES * 0.7
    assert worst_s < BUS_S
    assert [row["wrong"] for row in together] == [[]] * many_probes.TURNS
    assert new["after_s"] <= NOTICED_S
    assert len(new["said"]) == 1
    assert [why for why, _ in unplugged["said"]] == ["good", "no_answer", "unplugged", "good"]
    assert unplugged["back_s"] <= NOTICED_S
    assert new["others"] == unplugged["others"] == []


def test_a_hung_i2c_bus_changes_no_other_buss_period(tell: Tell, page: dict[str, list[str]]) -> None:
    told = tell("hung_bus", w1_sim=f"probes={hung_bus.PROBES}", i2c_sim="adapters=2", pulse_gen="")
    phases = {row["phase"]: row for row in told}
    before, hung, after, end = (phases[name] for name in ("before", "hung", "after", "end"))
    others = sorted(set(before["buses"]) - {"hung"})
    lines = ["| bus | ticks of a minute before, with and after the hang | 99 % read within ms | all within ms |"]
    lines.append("|---|---|---|---|")
    for bus in others:
        of = [phase["buses"][bus] for phase in (before, hung, after)]
        columns = [" · ".join(str(each[key]) for each in of) for key in ("ticks", "late_p99_ms", "late_worst_ms")]
        lines.append(f"| {bus} | {' | '.join(columns)} |")
    counted = end["counted"][1] - end["counted"][0]
    lines += ["", "1-Wire is read after the conversion that all its probes share, 0.75 s after the tick."]
    lines += [f"The pulse meter counted {counted:.0f} of {end['sent']} pulses in these three minutes."]
    show(page, "One I2C bus hangs in a call for 60 s", lines)
    assert set(hung["bad"].values()) == {"bus_blocked"}
    assert {name.partition(".")[0] for name in hung["bad"]} == {"hung"}
    assert before["bad"] == after["bad"] == {}
    assert end["back_s"] < RELEARNT_S
    assert counted == end["sent"] == end["pulses"]
    for bus in others:
        assert hung["buses"][bus]["ticks"] == before["buses"][bus]["ticks"]
        assert hung["buses"][bus]["samples"] == before["buses"][bus]["samples"]
        assert hung["buses"][bus]["late_worst_ms"] - before["buses"][bus]["late_worst_ms"] < LATER_MS


def test_no_dead_device_stops_the_watchdogs_food_and_a_stopped_process_does(
    tell: Tell, page: dict[str, list[str]]
) -> None:
    told = tell("watchdog", w1_sim=f"probes={watchdog.PROBES}", i2c_sim="")
    silence_s = {row["phase"]: row["longest_s"] for row in told if "longest_s" in row}
    lines = [f"| {phase} | {seconds:.1f} |" for phase, seconds in silence_s.items()]
    show(
        page,
        f"Longest silence between two WATCHDOG=1, with WatchdogSec={watchdog.WATCHDOG_S}",
        ["| while | s |", "|---|---|", *lines],
    )
    assert silence_s.pop("the process stands still") >= watchdog.STOPPED_S
    assert len(silence_s) == 4
    assert max(silence_s.values()) < watchdog.WATCHDOG_S * 0.6
    assert told[-1]["code"] is None


def test_a_missing_right_names_the_group_and_with_it_all_is_read(tell: Tell, page: dict[str, list[str]]) -> None:
    without, rightful = tell("rights", w1_sim="probes=2", i2c_sim="", pulse_gen="")
    lines = [line.partition(" WARNING ")[2] for line in without["log"] if " WARNING " in line]
    show(page, "A station whose user is in no group", [f"- {line}" for line in lines])
    assert any("add the user to group i2c" in line for line in lines)
    assert any("add the user to group gpio" in line for line in lines)
    assert without["log"][-1] == rightful["log"][-1] == "code 0"
    assert [line for line in rightful["log"] if " WARNING " in line or " ERROR " in line] == []
