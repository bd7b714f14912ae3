"""Acts at meters: readings compared, indexes set, meters exchanged, coefficients dated; power cuts in between."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.commands import Command, Result
from edge.core.meter import Coefficients, MeterSpec
from edge.core.meter_view import consumption, meters
from edge.core.meters import Meters
from edge.core.part import Part
from edge.settings import catalogue
from tests.metered_site import MeteredSite, counter, utc_ms

PARIS = ZoneInfo("Europe/Paris")
MINUTE_MS = 60_000
BEGIN_MS = utc_ms("2026-11-21T10:00", PARIS)


class Site(MeteredSite):
    """A site with meters."""

    def __init__(self, *specs: Any, meters: tuple[MeterSpec, ...] = (), begin_ms: int = BEGIN_MS) -> None:
        self.meter_specs = meters
        self.orders = 0
        super().__init__(specs or [counter()], PARIS, begin_ms)

    def parts(self) -> list[Part]:
        return [*super().parts(), Meters(self.meter_specs, self.event_registers)]

    def order(self, verb: str, at_ms: int, **args: Any) -> Result:
        """Give an order, as the local API does; what it leaves in the events' log is durable at once."""
        self.orders += 1
        command = Command(f"c{self.orders}", f"meter.{verb}", args, author="anna", channel="local")
        result = self.engine.command(command, at_ms - self.start_ms)
        self._collect()
        return result

    def index(self, point: str = "water.cold") -> float | None:
        return self.engine.points[point].register.index  # type: ignore[attr-defined]


def kinds(site: Site) -> list[str]:
    return [event.kind for event in site.events if event.kind.startswith(("meter", "counter"))]


def running(*specs: Any, **more: Any) -> tuple[Site, int]:
    """Return a site that counted 100 pulses of a litre, and the instant."""
    site = Site(*specs, **more)
    for number in range(101):
        site.read(BEGIN_MS + number * 1000, ("water.cold", number))
    return site, BEGIN_MS + 100_000


def test_a_base_index_is_set_by_what_stands_on_the_meter_and_is_no_consumption() -> None:
    site, at_ms = running()
    result = site.order("set", at_ms, point="water.cold", value="482,137")
    assert result.done
    assert (result.values["before"], result.values["after"]) == (0.1, 482.137)
    assert site.index() == 482.137
    assert site.engine.points["water.cold"].value == 482.137
    assert site.totals.moved("water.cold", "day") == 0.1
    site.read(at_ms + 1000, ("water.cold", 105))
    site.pass_time(at_ms + 3 * MINUTE_MS)
    assert site.index() == 482.142
    assert site.totals.moved("water.cold", "day") == 0.105
    assert sum(record.increment or 0 for record in site.history("water.cold")) == pytest.approx(0.105)
    assert [record.value for record in site.history("water.cold")][:2] == [0.059, 482.142]
    (told,) = [event for event in site.events if event.kind == "meter_set"]
    assert told.point == "water.cold"
    assert told.values["author"] == "anna"


def test_a_later_reading_tells_the_drift_in_pulses_and_percent_and_changes_nothing() -> None:
    site, at_ms = running()
    site.order("set", at_ms, point="water.cold", value="482.000")
    for number in range(1, 501):
        site.read(at_ms + number * 1000, ("water.cold", 100 + number))
    at_ms += 500_000
    result = site.order("read", at_ms, point="water.cold", value="482,510")
    assert result.done
    assert result.values["drift"] == pytest.approx(-0.010)
    assert result.values["pulses"] == -10
    assert result.values["percent"] == pytest.approx(-1.961)
    assert site.index() == 482.5
    assert kinds(site) == ["meter_set", "meter_read"]


def test_a_reading_of_another_time_keeps_what_moved_since() -> None:
    site, at_ms = running()
    result = site.order("set", at_ms, point="water.cold", value="482.000", at="2026-11-21 10:01", then=0.06)
    assert result.done
    assert site.index() == 482.04
    assert not site.order("set", at_ms, point="water.cold", value="1", at="2026-11-21 10:01").done


def test_a_reading_from_before_the_index_was_set_or_of_a_time_to_come_is_refused() -> None:
    """The records of that time hold the index of before: it would be moved by the whole of what was set."""
    site, at_ms = running()
    site.order("set", at_ms, point="water.cold", value="482.137")
    then: dict[str, Any] = {"point": "water.cold", "value": "482.1", "then": 0.06}
    for verb, at, key in (
        ("set", "2026-11-21 10:01", "meter_moved_since"),
        ("read", "2026-11-21 10:01:59", "meter_moved_since"),
        ("set", "2026-11-22 10:00", "meter_future"),
        ("set", "this morning", "meter_at"),
    ):
        result = site.order(verb, at_ms + 1000, at=at, **then)
        assert (result.done, result.text.key) == (False, key)
        assert at in catalogue.render("fr", key, result.text.values)
    assert site.index() == 482.137
    later = site.order(
        "read", at_ms + 5 * MINUTE_MS, point="water.cold", value="482.2", at="2026-11-21 10:04", then=482.137
    )
    assert later.values["pulses"] == -63


def test_the_drift_is_told_however_many_readings_came_since_the_index_was_set() -> None:
    site, at_ms = running()
    site.order("set", at_ms, point="water.cold", value="482.000")
    told = [site.order("read", at_ms + n, point="water.cold", value="482.1").values for n in range(1, 30)]
    assert {(one.get("pulses"), one.get("percent")) for one in told} == {(-100, -100.0)}


@pytest.mark.parametrize("value", ["", "abc", "-3", "1,2,3", "1e5", "12 m3", "nan", "9" * 16, "0.0000000001"])
def test_what_is_no_index_is_refused_and_changes_nothing(value: str) -> None:
    site, at_ms = running()
    result = site.order("set", at_ms, point="water.cold", value=value)
    assert not result.done
    assert result.text.key == "meter_number"
    assert site.index() == 0.1
    assert kinds(site) == []


def test_no_meter_no_reading_and_a_register_of_the_meter_s_own_are_refused_with_why() -> None:
    site = Site(counter(), counter("elec", volatile=False, unit="Wh", scale=1))
    assert site.order("set", BEGIN_MS, point="gas", value="1").text.key == "meter_none"
    assert site.order("set", BEGIN_MS, point="elec", value="1").text.key == "meter_unread"
    site.read(BEGIN_MS + 1000, ("elec", 14_253_681))
    refused = site.order("set", BEGIN_MS + 2000, point="elec", value="14253681")
    assert refused.text.key == "meter_kept"
    assert refused.text.values["index"] == 14_253_681
    assert site.order("read", BEGIN_MS + 2000, point="elec", value="14253700").values["drift"] == -19
    bad = site.order("coefficient", BEGIN_MS, point="water.cold", factor="11", **{"from": "2026-12-01"})
    assert bad.text.key == "meter_no_unit"


@pytest.mark.parametrize("is_committed", [False, True])
def test_an_index_that_was_set_stands_after_a_power_cut_before_its_register_was_durable(is_committed: bool) -> None:
    site, at_ms = running()
    site.commit()
    site.order("set", at_ms, point="water.cold", value="482.137")
    site.read(at_ms + 1000, ("water.cold", 103))
    if is_committed:
        site.commit()
    for _ in range(2):  # once, however often it starts
        at_ms += 10 * MINUTE_MS
        site.kill(at_ms)
        site.pass_time(at_ms)
        site.commit()
    lost = 0.0 if is_committed else 0.003
    assert site.index() == pytest.approx(482.140 - lost)
    site.read(at_ms + 1000, ("water.cold", 0))
    assert site.totals.moved("water.cold", "day") == pytest.approx(0.103 - lost)


def test_an_exchange_goes_on_with_the_new_meter_s_index() -> None:
    site, at_ms = running()
    site.order("set", at_ms, point="water.cold", value="482")
    site.read(at_ms + 1000, ("water.cold", 110))
    result = site.order("exchange", at_ms + 2000, point="water.cold", old="482,012", new="0,003")
    assert result.done
    assert result.values["pulses"] == -2
    assert site.index() == 0.003
    site.read(at_ms + 3000, ("water.cold", 115))
    assert site.index() == 0.008
    assert site.totals.moved("water.cold", "day") == 0.115


@pytest.mark.parametrize("is_told_first", [False, True])
def test_an_exchange_of_a_meter_with_its_own_register_counts_both_ends(is_told_first: bool) -> None:
    site = Site(counter("elec", volatile=False, unit="Wh", scale=1))
    site.read(BEGIN_MS, ("elec", 14_000))
    site.read(BEGIN_MS + 1000, ("elec", 14_100))
    wanted = {"point": "elec", "old": "14130", "new": "5"}
    if is_told_first:
        assert site.order("exchange", BEGIN_MS + 2000, **wanted).done
        site.kill(BEGIN_MS + 10_000)  # nothing of it was committed but the act
        site.read(BEGIN_MS + 10_000, ("elec", 14_000))
        site.read(BEGIN_MS + 11_000, ("elec", 14_100))
    site.read(BEGIN_MS + 60_000, ("elec", 25))
    site.pass_time(BEGIN_MS + 60_500)
    if not is_told_first:
        assert site.totals.moved("elec", "day") == 100, "in between, nobody knows"
        assert site.order("exchange", BEGIN_MS + 61_000, **wanted).done
    assert site.totals.moved("elec", "day") == 100 + 30 + 20
    assert site.index("elec") == 25
    site.read(BEGIN_MS + 62_000, ("elec", 26))
    assert site.totals.moved("elec", "day") == 151


def test_ends_that_contradict_what_the_box_read_are_refused() -> None:
    site = Site(counter("elec", volatile=False, unit="Wh", scale=1))
    site.read(BEGIN_MS, ("elec", 14_100))
    site.read(BEGIN_MS + 1000, ("elec", 25))
    site.pass_time(BEGIN_MS + 1500)
    assert site.order("exchange", BEGIN_MS + 2000, point="elec", old="14000", new="0").text.key == "meter_old_below"
    assert site.order("exchange", BEGIN_MS + 2000, point="elec", old="14200", new="30").text.key == "meter_new_above"
    assert site.totals.moved("elec", "day") == 0


def test_a_meter_replaced_by_one_with_a_higher_register_is_no_huge_consumption() -> None:
    site = Site(counter("elec", volatile=False, unit="kWh", scale=1, max_per_h=36.0))
    site.read(BEGIN_MS, ("elec", 12_000))
    site.read(BEGIN_MS + MINUTE_MS, ("elec", 12_030))
    assert site.totals.moved("elec", "day") == 30, "meters that tell each quarter of an hour are believed"
    site.read(BEGIN_MS + 2 * MINUTE_MS, ("elec", 50_000))
    site.read(BEGIN_MS + 3 * MINUTE_MS, ("elec", 50_001))
    site.pass_time(BEGIN_MS + 5 * MINUTE_MS)
    assert site.totals.moved("elec", "day") == 31
    assert kinds(site) == ["meter_changed"]
    assert [record.reason for record in site.history("elec") if record.quality == 1] == ["meter_changed"]


@pytest.mark.parametrize(("off_h", "raw", "is_other"), [(2, 12_070, False), (2, 12_200, True), (48, 13_600, False)])
def test_what_a_meter_may_have_counted_while_the_box_was_off_is_bounded_too(
    off_h: int, raw: int, is_other: bool
) -> None:
    site = Site(counter("elec", volatile=False, unit="kWh", scale=1, max_per_h=36.0))
    for number in range(4):
        site.read(BEGIN_MS + number * MINUTE_MS, ("elec", 12_000))
    site.stop(BEGIN_MS + 4 * MINUTE_MS)
    back_ms = BEGIN_MS + off_h * 3_600_000
    site.kill(back_ms)
    site.read(back_ms + 1000, ("elec", raw))
    site.pass_time(back_ms + 1500)
    assert ("meter_changed" in kinds(site)) is is_other
    assert site.index("elec") == raw


def test_a_register_that_passes_its_end_is_no_negative_consumption() -> None:
    """D5: 99 999 998 → 3 is 5 on an eight-digit register, journaled."""
    site = Site(counter("elec", volatile=False, unit="Wh", scale=1, wrap=100_000_000))
    site.read(BEGIN_MS, ("elec", 99_999_998))
    site.read(BEGIN_MS + 1000, ("elec", 3))
    site.pass_time(BEGIN_MS + 1500)
    assert site.totals.moved("elec", "day") == 5
    assert kinds(site) == ["counter_rollover"]


GAS = MeterSpec(
    "water.cold", "gas", to_unit="kWh",
    coefficients=((date(2026, 11, 1), Decimal("11.14")), (date(2026, 11, 21), Decimal("11.27"))),
)  # fmt: skip


def test_a_coefficient_counts_from_its_day_on_and_no_earlier_day_changes() -> None:
    begin_ms = utc_ms("2026-11-20T22:00", PARIS)
    site = Site(counter(scale=0.01), meters=(GAS,), begin_ms=begin_ms)
    for number in range(241):  # a pulse a minute: two hours of 20 November, two of 21
        site.read(begin_ms + number * MINUTE_MS, ("water.cold", number))
    at_ms = begin_ms + 240 * MINUTE_MS
    known = site.engine.part(Meters)

    def told(*steps: Any) -> list[Decimal | None]:
        return [site.totals.converted("water.cold", known.coefficients("water.cold"), *step) for step in steps]

    yesterday, today = Decimal("1.19") * Decimal("11.14"), Decimal("1.21") * Decimal("11.27")
    assert told(("day", 1), ("day",), ("month",)) == [yesterday, today, yesterday + today]
    assert site.order("coefficient", at_ms, point="water.cold", factor="11,31", **{"from": "2026-11-22"}).done
    assert told(("day", 1), ("day",)) == [yesterday, today]
    assert site.order("coefficient", at_ms, point="water.cold", factor="11.30", **{"from": "2026-11-21"}).done
    assert told(("day", 1), ("day",)) == [yesterday, Decimal("1.21") * Decimal("11.30")]
    site.kill(at_ms + MINUTE_MS)
    assert site.engine.part(Meters).coefficients("water.cold").dated() == [
        (date(2026, 11, 1), Decimal("11.14")), (date(2026, 11, 21), Decimal("11.30")),
        (date(2026, 11, 22), Decimal("11.31")),
    ]  # fmt: skip


def test_a_day_without_a_coefficient_is_not_converted() -> None:
    worth = Coefficients([(date(2026, 12, 1), Decimal(11))])
    assert worth.on(date(2026, 11, 30)) is None
    assert worth.on(date(2027, 1, 1)) == 11
    site, _ = running(meters=(MeterSpec("water.cold", "gas", to_unit="kWh"),))
    assert site.totals.converted("water.cold", site.engine.part(Meters).coefficients("water.cold"), "day") is None


@pytest.mark.parametrize(
    ("verb", "args", "said"),
    [
        ("set", {"value": "482,137"}, "index 0.1 m³ -> 482.137 m³"),
        ("exchange", {"old": "9", "new": "0,5"}, "ended at 9 m³, the new one began at 0.5 m³"),
        ("coefficient", {"factor": "11,31", "from": "2026-12-01"}, "1 m³ = 11.31 kWh from 1 Dec 2026 on, not 11.27"),
    ],
)
def test_what_would_change_is_told_first_and_nothing_changes(verb: str, args: dict[str, str], said: str) -> None:
    site, at_ms = running(meters=(GAS,))
    site.engine.commands.random_below = lambda most: most - 1
    command = Command(
        "c1", f"meter.{verb}", {"point": "water.cold", **args}, author="anna", channel="local", proposes=True
    )
    result = site.engine.command(command, at_ms - site.start_ms)
    site._collect()
    assert result.done
    what = result.values["what"]
    assert said in catalogue.render("en", what.key, what.values)
    assert (site.index(), kinds(site)) == (0.1, [])
    assert site.engine.part(Meters).coefficients("water.cold").on(date(2026, 12, 1)) == Decimal("11.27")


def test_the_view_tells_index_totals_and_the_last_act() -> None:
    site, at_ms = running(meters=(GAS,))
    site.order("set", at_ms, point="water.cold", value="482.137")
    (view,) = meters(site.engine, site.dating)
    assert (view.index, view.energy, view.to_unit, view.worth) == (482.137, "gas", "kWh", Decimal("11.27"))
    assert view.totals["today"].moved == Decimal("0.1")
    assert view.totals["today"].converted == Decimal("1.127")
    assert "yesterday" not in view.totals
    (short,) = consumption(site.engine)
    assert (short.unit, short.today, short.month) == ("kWh", Decimal("1.127"), Decimal("1.127"))
    assert view.act is not None
    assert (view.act.kind, view.act.value, view.act.utc_ms) == ("set", "482.137", at_ms)


@pytest.mark.parametrize(
    "broken",
    [3, [], {"n": "x"}, {"acts": {"water.cold": [{"n": 1}]}}, {"coefficients": {"water.cold": {"soon": "1"}}},
     {"coefficients": {"water.cold": {"2026-11-01": "much"}}}],
)  # fmt: skip
def test_a_register_of_another_form_stops_no_start_and_is_said(broken: Any) -> None:
    site, at_ms = running()
    site.order("set", at_ms, point="water.cold", value="482")
    site.commit()
    site.event_registers["meters"] = broken
    site.kill(at_ms + 1000)
    site.pass_time(at_ms + 2000)
    assert [event.values["worker"] for event in site.events if event.kind == "fault"] == ["meters"]
    assert site.index() == 482, "what was set stands in the counter's own register"
    assert site.order("set", at_ms + 3000, point="water.cold", value="483").done
    assert site.index() == 483
