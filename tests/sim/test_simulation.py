"""The site in virtual time: nothing lost in an outage, the same run for a seed, and a month within a minute of CPU."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from edge.cli.main import main
from edge.settings.load import load
from edge.settings.specs import specs
from edge.sim.devices import course_of
from edge.sim.simulation import Report, Simulation
from edge.sim.upstream import Outage
from tests.support import ROOT

DEMO = ROOT / "config" / "sites" / "demo.toml"
GSM = ROOT / "config" / "sites" / "gsm-17.toml"
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


def simulate(days: float, *outages: Outage, seed: int = 1, acknowledges: bool = True) -> Report:
    return Simulation(load(DEMO), seed=seed, outages=list(outages), acknowledges=acknowledges).run(days)


def test_everything_made_is_stored_once() -> None:
    report = simulate(0.2)

    assert report.records > 5000
    assert (report.stored, report.lost, report.waiting, report.repeated) == (report.records, 0, 0, 0)
    assert report.alarms_begun > 0


def test_the_simulated_meter_subscribes_more_than_the_site_draws() -> None:
    """Else the limit of the subscribed power would begin with each pot of tea."""
    settings = load(DEMO)
    points = {point.id: point for point in specs(settings)[0]}
    courses = {entry.point.id: course_of(entry, points[entry.point.id], 0) for entry in settings.points}
    drawn_va = [courses["tic.papp"](float(t_s)) for t_s in range(0, round(DAY_S), 60)]
    assert courses["tic.subscribed"](0.0) == courses["tic.subscribed"](DAY_S / 2) == 45
    assert 0 < max(drawn_va) < 0.9 * 45 * 200


def test_the_demonstration_begins_an_alarm_every_few_hours() -> None:
    assert 1 <= simulate(0.25).alarms_begun <= 6


def test_an_outage_costs_waiting_records_and_loses_none() -> None:
    report = simulate(0.5, Outage(2 * HOUR_S, 8 * HOUR_S))

    assert (report.stored, report.lost, report.waiting) == (report.records, 0, 0)
    assert report.most_waiting > report.records / 4


def test_an_outage_shorter_than_an_hour_makes_records_wait_too() -> None:
    report = simulate(0.03, Outage(60.0, 660.0))

    assert (report.lost, report.most_waiting_day) == (0, 1)
    assert report.most_waiting > report.records / 6


def test_who_waits_is_told_each_day_that_is_over() -> None:
    seen: list[int] = []
    Simulation(load(DEMO), seed=1, outages=[]).run(0.01, seen.append)

    assert seen == [1]


def test_the_same_seed_gives_the_same_run() -> None:
    outage = Outage(HOUR_S, 2 * HOUR_S)

    assert simulate(0.1, outage) == simulate(0.1, outage)
    assert simulate(0.1, outage, seed=2) != simulate(0.1, outage)


def test_with_nobody_to_acknowledge_a_day_is_sent_about_once() -> None:
    once = simulate(0.5)
    alone = simulate(0.5, acknowledges=False)

    assert alone.octets_sent <= 1.1 * once.octets_sent
    assert alone.stored == alone.records
    assert alone.waiting == alone.records  # none of it may be forgotten


def test_the_command_prints_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["simulate", str(DEMO), "--days", "0.05", "--outage", "mqtt=30m@day1", "--json"])

    report = msgspec.json.decode(capsys.readouterr().out, type=Report)
    assert code == 0
    assert report.lost == 0


@pytest.mark.parametrize("outage", ["mqtt", "mqtt=0h@day1", "mqtt=1h@day0", "gsm=1h@day1", "mqtt=1y@day1"])
def test_a_wrong_outage_is_refused_with_the_right_form(outage: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", str(DEMO), "--outage", outage])

    assert outage in capsys.readouterr().err


def test_an_outage_of_a_link_that_the_site_has_not_is_refused_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", str(GSM), "--outage", "mqtt=1h@day1"]) == 2
    assert "has no [link.mqtt]" in capsys.readouterr().err


@pytest.mark.campaign(reason="a month of the demonstration, with an outage of 36 h, in under 60 s of CPU")
def test_a_month_takes_less_than_a_minute_of_cpu() -> None:
    began_s = time.process_time()
    report = simulate(30, Outage(2 * DAY_S, 2 * DAY_S + 36 * HOUR_S))

    cpu_s = time.process_time() - began_s
    assert (report.stored, report.gaps, report.lost, report.waiting) == (report.records, 0, 0, 0)
    assert cpu_s < 60, f"{cpu_s:.1f} s of CPU for {report.records} records"


@pytest.mark.slow(reason="two days of the month that the campaign runs whole: an outage over two midnights")
def test_an_outage_over_two_midnights_loses_nothing() -> None:
    report = simulate(2.1, Outage(20 * HOUR_S, 49 * HOUR_S))

    assert (report.stored, report.gaps, report.lost, report.waiting) == (report.records, 0, 0, 0)
    assert report.most_waiting > report.records / 3


@pytest.mark.parametrize(
    "hours",
    [0.2, pytest.param(1.0, marks=pytest.mark.campaign(reason="the byte stream of a whole hour through a pty"))],
)
def test_hours_down_to_the_wire_lose_nothing(tmp_path: Path, hours: float) -> None:
    simulation = Simulation(load(DEMO), seed=1, outages=[], wire_folder=tmp_path)

    report = simulation.run(hours / 24)

    points = simulation.station.engine.points
    assert (report.stored, report.lost, report.waiting) == (report.records, 0, 0)
    assert report.readings > hours * 3600 * 8 / 2  # eight labels of the meter every 2 s
    assert {point.id for point in points.values() if point.quality} == set()
    index = points["tic.index.hp"].value
    assert isinstance(index, float)
    assert index > 8552
    assert (report.alarms_begun, report.alarms_ended) == (1, 1)
