"""What a box sends by itself where it has SMS alone, or beside MQTT: reports, summaries, values, within a budget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.settings.load import loads
from edge.sim.gsm import Gsm
from edge.sim.simulation import BEGIN, Simulation
from edge.sim.upstream import Outage
from sms.keys import Identity
from tests.sms_channel_rig import GATEWAY, Phoned
from tests.sms_desk_rig import BOSS, CARE

HOUR_S = 3600
SITE = """\
[box]
id = "b0042"
[site]
name = "Gymnase Sud"
tz = "Europe/Paris"
[bus.w1]
kind = "onewire"
[bus.gpio]
kind = "gpio"
[[point]]
id = "water.cold"
name = { en = "Cold water", fr = "Eau froide" }
bus = "gpio"
driver = "pulse"
pin = 17
weight = 1
weight_unit = "l"
unit = "m3"
record_s = 3600
[[tariff]]
id = "water"
name = { en = "Water", fr = "Eau" }
valid_from = 2026-02-01
currency = "EUR"
unit = "m3"
prices = { base = 4.26 }
points = { base = "water.cold" }
[[equipment]]
id = "boiler1"
name = { en = "Boiler 1", fr = "Chaudière 1" }
"""
PROBE = """\
[[point]]
id = "hall.t"
bus = "w1"
driver = "ds18b20"
probe = "28-3c01f0950a21"
period_s = 600
record_s = 3600
[[limit]]
id = "hall.hot"
point = "hall.t"
kind = "high"
value = 40
"""
METERS = "".join(
    f'[[point]]\nid = "m{n}"\nbus = "gpio"\ndriver = "pulse"\npin = {5 + n}\nweight = 1\nweight_unit = "l"\n'
    "record_s = 3600\n"
    for n in range(9)
)
NINE = [f"m{n}" for n in range(9)]


@contextmanager
def phoned(folder: Path, more: str = PROBE, **options: Any) -> Iterator[Phoned]:
    box = Phoned(more, site=SITE, folder=folder, reads_s=600, **options)
    try:
        yield box
    finally:
        box.close()


def hours(box: Phoned, count: int) -> None:
    """Let hours pass: 2 m3 an hour, a hall of 18 to 20 degrees."""
    for hour in range(count):
        box.values["hall.t"] = 18.0 + hour % 3
        box.values |= {name: (box.values.get(name) or 0.0) + 2 for name in ("water.cold", *NINE) if name in box.toml}
        box.run(HOUR_S)


def test_a_budget_of_three_a_day_has_room_for_the_summary_and_an_alarm_goes_at_once(tmp_path: Path) -> None:
    """S5, J4: SMS budget 3/day, 10 channels → daily summary at 07:00, alarms still immediate, never more than 3."""
    key = Identity.new()
    ten = ["water.cold", *NINE]
    link = f'[link.sms]\ngateway = "{GATEWAY}"\ngateway_key = "{key.text}"\nper_day = 3\npoints = {ten}\n'
    with phoned(tmp_path, METERS + PROBE, link=link, at="2026-11-20 22:00", poll_s=60) as box:
        box.gateway.own = key
        hours(box, 9)
        box.run(120)
        (summary,) = box.told()
        assert summary.startswith("Gymnase Sud, ven 20/11\nEau ")
        assert "\nT 18 à 19 C. 0 alarme\n" in summary
        box.values["hall.t"] = 50.0
        box.run(700)
        (alarm,) = box.told()[1:]
        assert alarm.startswith("ALARME 1 HAUTE Gymnase Sud\nhall.t 50 C > 40 C (surchauffe)\ndepuis sam 21/11 07:")
        days = box.link.queue.account.days
        assert [day.sent for day in days.values()] == [2, 3], "pairing and the list of channels had their place too"
        assert {"daily": 1, "alarm": 1}.items() <= days["2026-11-21"].out.items()


def test_a_report_is_asked_for_by_text(tmp_path: Path) -> None:
    """J3, J4: REPORT → yesterday's figures and alarms; REPORT month: the month so far; asked for, and answered once."""
    with phoned(tmp_path, at="2026-11-20 20:00", poll_s=60) as box:
        hours(box, 1)
        box.read(1200, hall_t=50.0)
        hours(box, 4)
        assert box.text("RAPPORT", CARE).startswith("Gymnase Sud, ven 20/11\nEau ")
        assert "\nT 18 à 50 C. 1 alarme\n" in box.told()[-1]
        month = box.text("REPORT month", BOSS)
        assert month.startswith("Gymnase Sud, Nov 2026\nWater ")
        assert "1 alarm\nData " in month


def test_a_report_of_nothing_measured_says_it_once(tmp_path: Path) -> None:
    """J3: what was not measured is "-", once, and never 0."""
    with phoned(tmp_path) as box:
        assert box.text("RAPPORT", CARE) == "Gymnase Sud, jeu 19/11\nEau -"
        assert "\nWater -\n" in box.text("STATUS", BOSS)


BOTH = (
    SITE
    + """\
[link.mqtt]
host = "127.0.0.1"
[link.sms]
gateway = "+33600000100"
gateway_key = "CUxe0o7lGGVGYKlMY2lT0Ibp9MCImFUWmtv_PpqpHmw"
plan = "hourly"
per_day = 40
per_month = 600
after_s = 1800
"""
)


def test_mqtt_first_then_sms_after_the_silence_then_mqtt_alone_with_the_backlog(tmp_path: Path) -> None:
    """S6: cut IP → after the delay SMS; IP back → backlog by MQTT only, nothing lost there."""
    outage = Outage(2 * HOUR_S, 5 * HOUR_S)
    sim = Simulation(loads(BOTH), seed=1, outages=[outage], history_folder=tmp_path)
    gsm = Gsm(sim, 1)
    told = sim.run(8 / 24)
    assert sim.history is not None
    sim.history.file.close()
    hours = sorted({(t_s - BEGIN // 1000) // HOUR_S for _, _, t_s in gsm.gateway.values()})
    assert hours, "by SMS while there is no MQTT"
    assert set(hours) <= set(range(1, 5)), "and nothing of before or after"
    assert gsm.link.queue.account.days["2026-11-20"].out["report"] <= 4
    assert (told.lost, told.waiting) == (0, 0)
