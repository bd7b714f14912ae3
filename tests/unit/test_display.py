"""The display: its pages in both languages, the picture in the chip's memory, and one that is not there."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.core.calendar import local_midnight_ms
from edge.core.costs import costs
from edge.core.totals import Totals
from edge.core.types import PointSpec
from edge.runtime.bus import BusWorker
from edge.runtime.device import DeviceSpec
from edge.runtime.screen import Figure, ScreenAlarm, ScreenFacts, amount, screen_pages
from edge.runtime.showing import Showing, Told, display_device, moved_today
from edge.runtime.station import Question
from edge.settings import catalogue
from edge.settings.load import loads
from edge.settings.model import Display
from hal import drivers
from hal.display import COLUMNS, DisplayPage, DisplaySetup, display, drawn, joined, lines_of, printable
from hal.driver import DriverError
from hal.fake.i2c import FakeI2c, Sht3xChip
from hal.fake.i2c_oled import Ssd1306Chip
from hal.sample import BAD, GOOD, Cycle, Sample
from tests.money_rig import priced_site
from tests.support import ROOT, ManualClock
from tests.unit.rig import Rig, gauge, high
from tests.unit.settings_good import GOOD as SITE
from tests.unit.settings_good import assert_fault

pytest.importorskip("luma.oled.device", reason="the extra display is not installed")  # its threads start here

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 21, 16, 20, tzinfo=PARIS)
FACTS = ScreenFacts(
    site="École Jean-Moulin, gymnase",
    local=NOW,
    is_dated=True,
    today=[
        Figure("Eau froide", 1.2537, "m3"),
        Figure("Énergie heures creuses", 12.84, "kWh"),
        Figure("Gaz", None, "m3"),
    ],
    points=[],
    alarms=[],
    costs=None,
    link="up",
    waiting=12_345,
    is_kept=True,
)
HOT = ScreenAlarm(12, "surchauffe", "Chaudière départ", 92.5, "Cel")


def text_of(page: DisplayPage) -> list[str]:
    return [joined(left, right).rstrip() for left, right in (page.head, *page.lines)]


def changed(**facts: Any) -> ScreenFacts:
    return msgspec.structs.replace(FACTS, **facts)


# -- pages


def test_the_pages_say_who_when_how_much_today_and_whether_it_leaves_the_box() -> None:
    today, box = screen_pages(FACTS, "fr", 64)
    assert text_of(today)[1:] == [
        "aujourd'hui",
        "Eau froide    1,25 m³",
        "É. h. creus. 12,8 kWh",
        "Gaz                 -",
    ]
    assert today.head == ("École Jean-Moulin, gymnase", "16:20")
    assert text_of(box)[1:] == ["liaison            ok", "en attente      12345", "pas d'alarme"]
    assert text_of(screen_pages(FACTS, "en", 64)[0])[1:3] == ["today", "Eau froide    1.25 m³"]


def test_what_today_costs_has_a_page_and_what_is_not_known_is_a_dash() -> None:
    rig = priced_site()
    told = text_of(screen_pages(changed(costs=costs(rig.engine)), "fr", 64)[1])
    assert told[1:] == ["coût du jour", "Électrici. > 1,75 EUR", "Eau                 -", "mois                -"]
    assert len(screen_pages(changed(costs=costs(rig.engine)), "fr", 64)) == 4, "today, two of costs, the box"
    undated = priced_site(is_dated=False)
    assert len(screen_pages(changed(costs=costs(undated.engine)), "fr", 64)) == 2, "no day is known, so no cost"


def test_costs_are_asked_of_the_station_and_shown_once_it_has_answered() -> None:
    rig, asked = priced_site(), list[Question]()
    told = Told(asked.append, costs)
    assert told() is None
    asked[0].reply(asked[0].ask(rig.engine))
    found = told()
    assert found is not None
    assert [view.tariff for view in found.tariffs] == ["elec", "water"]


def test_an_alarm_comes_first_and_between_all_other_pages() -> None:
    pages = screen_pages(changed(alarms=[HOT]), "fr", 64)
    assert [page.is_alarm for page in pages] == [True, False, True, False]
    assert text_of(pages[0]) == ["! ALARME 12     16:20", "surchauffe", "Chaudière départ", "              92,5 °C"]
    assert "1 alarme" in text_of(pages[-1])[-1]


def test_more_alarms_than_pages_are_all_shown() -> None:
    several = [msgspec.structs.replace(HOT, number=number) for number in range(9)]
    heads = [page.head[0] for page in screen_pages(changed(alarms=several), "en", 64) if page.is_alarm]
    assert sorted(heads) == [f"! ALARM {number}" for number in range(9)]


def test_a_clock_that_nobody_vouches_for_is_not_shown() -> None:
    assert all(page.head[1] == "" for page in screen_pages(changed(is_dated=False, alarms=[HOT]), "en", 64))


def test_a_card_that_fails_and_a_link_that_is_none_are_said() -> None:
    box = screen_pages(changed(is_kept=False, link=""), "fr", 64)[-1]
    assert text_of(box)[1:3] == ["carte        EN PANNE", "liaison        aucune"]


def test_a_site_without_counters_has_a_page_of_the_box_alone() -> None:
    assert len(screen_pages(changed(today=[]), "fr", 64)) == 1


@pytest.mark.parametrize("height", [32, 64])
def test_no_page_has_more_lines_than_fit_and_none_is_lost(height: int) -> None:
    figures = [Figure(f"p{number}", float(number), "kWh") for number in range(11)]
    pages = screen_pages(changed(today=figures, points=figures), "en", height)
    assert max(len(page.lines) for page in pages) <= lines_of(height)
    assert [line[0] for page in pages for line in page.lines if line[0].startswith("p")] == [
        f.name for f in figures * 2
    ]


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.0, "kWh", "0.00 kWh"),
        (0.0004, "m3", "0.0004 m³"),
        (-12.34, "Cel", "-12.3 °C"),
        (123_456_789.0, "Wh", "123456789 Wh"),
        (None, "kWh", "-"),
        ("lost", "", "lost"),
        (0.00025, "m3/s", "15.0 l/min"),
    ],
)
def test_a_value_takes_few_characters_and_is_never_rounded_to_0(value: Any, unit: str, shown: str) -> None:
    assert amount("en", value, unit) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Łódź 20\u00a0°C…", "?ód? 20 °C.."), ("cœur", "coeur"), ("漢", "?"), ("", ""), ("a\x00b", "a?b")],
)
def test_a_letter_that_the_font_has_not_loses_its_mark_or_is_a_question_mark(text: str, shown: str) -> None:
    assert printable(text).replace("ź", "z") in {shown, shown.replace("d?", "dz")}


def test_every_line_is_exactly_as_wide_as_the_display() -> None:
    for left, right in (("", ""), ("x" * 50, ""), ("", "y" * 50), ("a b c d e f g h", "12,8 kWh"), ("é" * 30, "1")):
        assert len(joined(left, right)) == COLUMNS


# -- the chip


def seen(image: Any) -> set[tuple[int, int]]:
    return {(x, y) for y in range(image.height) for x in range(image.width) if image.getpixel((x, y))}


class Front:
    """A display on a bus, turned page by page."""

    def __init__(self, pages: Callable[[], list[DisplayPage]], **setup: Any) -> None:
        self.setup = DisplaySetup(**setup)
        self.chip = Ssd1306Chip(self.setup.height)
        self.bus = FakeI2c({self.setup.address: self.chip})
        self.driver = display(self.setup, 6.0, pages)(self.bus, {})


@pytest.mark.parametrize(("chip", "height"), [("ssd1306", 32), ("ssd1306", 64), ("sh1106", 64)])
def test_a_person_sees_the_page_pixel_by_pixel(chip: str, height: int) -> None:
    pages = screen_pages(changed(alarms=[HOT]), "fr", height)
    front = Front(lambda: pages, chip=chip, height=height)
    front.driver.open()
    for page in pages:
        assert front.driver.read([], 0) == []
        assert front.chip.lit() == seen(drawn(page, height))
        assert len(front.chip.lit()) > 100
    front.driver.close()
    assert not front.chip.lit()


def test_upside_down_is_the_same_picture_turned() -> None:
    page = screen_pages(FACTS, "fr", 64)[0]
    front = Front(lambda: [page], flip=True)
    front.driver.open()
    front.driver.read([], 0)
    assert front.chip.lit() == {(127 - x, 63 - y) for x, y in seen(drawn(page, 64))}
    front.driver.close()


def test_a_page_that_stands_there_already_is_not_sent_again() -> None:
    page = screen_pages(FACTS, "en", 64)[0]
    front = Front(lambda: [page])
    front.driver.open()
    front.driver.read([], 0)
    sent, pictures = front.chip.transfers, front.chip.pictures
    front.driver.read([], 6)
    assert (front.chip.transfers, front.chip.pictures) == (sent, pictures)
    front.driver.close()


def test_the_pages_come_round_and_a_new_alarm_is_next() -> None:
    facts = [FACTS]
    front = Front(lambda: screen_pages(facts[0], "fr", 64))
    front.driver.open()
    quiet = screen_pages(FACTS, "fr", 64)
    for page in (*quiet, quiet[0]):
        front.driver.read([], 0)
        assert front.chip.lit() == seen(drawn(page, 64))
    facts[0] = changed(alarms=[HOT])
    front.driver.read([], 0)
    front.driver.read([], 0)
    assert front.chip.lit() == seen(drawn(screen_pages(facts[0], "fr", 64)[2], 64))
    front.driver.close()


def test_an_absent_display_is_named_with_what_to_look_at_before_luma_sees_it() -> None:
    front = Front(list)
    front.bus.unplug(0x3C)
    with pytest.raises(DriverError, match=r"display SSD1306 at 0x3c on i2c-1: no answer \(errno 121\); check wiring"):
        front.driver.open()
    front.driver.close()


@pytest.mark.parametrize("number", [errno.EREMOTEIO, errno.EIO, errno.ETIMEDOUT])
def test_a_display_that_fails_while_it_is_drawn_is_a_fault_of_its_bus(number: int) -> None:
    front = Front(lambda: screen_pages(FACTS, "en", 64))
    front.driver.open()
    front.bus.fail(number)
    with pytest.raises(DriverError, match=f"errno {number}"):
        front.driver.read([], 0)
    front.driver.close()
    front.driver.close()


def test_without_the_library_it_says_what_to_install() -> None:
    program = """
import sys
sys.modules["luma"] = None
from hal.display import DisplaySetup, display
from hal.fake.i2c import FakeI2c
try:
    display(DisplaySetup(), 6.0, list)(FakeI2c(), {}).open()
except OSError as fault:
    print(fault)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("the library luma.oled is missing; install vigie[display]")


# -- on the bus with sensors


def bus_with(
    front_bus: FakeI2c, pages: Callable[[], list[DisplayPage]], clock: ManualClock, post: Any, period_ms: int = 1000
) -> BusWorker:
    sht3x = drivers.load("sht3x")
    options = {"t": msgspec.convert({"channel": "temperature"}, sht3x.Options)}
    shown = display(DisplaySetup(), 6.0, pages)
    devices = [DeviceSpec("0x44", sht3x, options, {"t": period_ms}), DeviceSpec("0x3c", shown, {}, {})]  # type: ignore[arg-type] # without points
    return BusWorker(
        "air",
        devices,
        clock=clock,
        post=post,
        open_handle=lambda: front_bus,
        close_handle=lambda _handle: None,
        offset_ms=lambda: 0,
    )


def test_a_display_that_comes_and_goes_is_two_events_and_costs_its_neighbour_no_reading() -> None:
    chip = Ssd1306Chip()
    wires = FakeI2c({0x44: Sht3xChip(21.0), 0x3C: chip})
    cycles: list[Cycle] = []
    clock = ManualClock()
    page = screen_pages(FACTS, "en", 64)[0]
    bus = bus_with(wires, lambda: [page], clock, cycles.append)

    def run(seconds: int) -> None:
        for _ in range(seconds):
            bus.step(clock.now_ns / 1e9)
            clock.advance(1.0)

    run(13)
    assert chip.lit() == seen(drawn(page, 64))
    wires.unplug(0x3C)
    page = screen_pages(FACTS, "en", 64)[1]
    run(20)
    wires.replug(0x3C)
    run(40)
    assert chip.lit() == seen(drawn(page, 64))
    notices = [(notice.kind, notice.values["device"]) for cycle in cycles for notice in cycle.notices]
    assert notices == [("device_lost", "0x3c"), ("device_back", "0x3c")]
    readings = [sample for cycle in cycles for sample in cycle.samples]
    assert len(readings) == 72
    assert {(sample.point, sample.quality) for sample in readings} == {("t", GOOD)}
    bus.close()


def test_who_has_no_tick_is_not_called_at_the_displays() -> None:
    class Counting(Sht3xChip):
        writes = 0

        def write(self, octets: bytes) -> None:
            Counting.writes += 1
            super().write(octets)

    clock = ManualClock()
    bus = bus_with(
        FakeI2c({0x44: Counting(21.0), 0x3C: Ssd1306Chip()}), list, clock, lambda _cycle: None, period_ms=30_000
    )
    for _ in range(61):
        bus.step(clock.now_ns / 1e9)
        clock.advance(1.0)
    assert Counting.writes == 3  # once as it was opened, and at 30 and 60 s
    bus.close()


# -- the facts


def facts_of(rig: Rig, clock: ManualClock, shown: Display, base: dict[str, float]) -> ScreenFacts:
    settings = loads(SITE.replace("[site]", '[site]\nlang = "fr"'))
    return Showing(
        settings,
        shown,
        lambda: rig.engine,
        clock,
        today=lambda: base,
        links={},
        waiting=lambda: 7,
        is_kept=lambda: True,
    ).facts()


def test_the_facts_are_those_of_the_engine() -> None:
    rig = Rig(gauge(name={"en": "Lab", "fr": "Labo"}, unit="Cel"), high(30.0, diagnosis="overheating"))
    rig.read(1, 35.5)
    facts = facts_of(rig, ManualClock(), Display(bus="air", points=["p", "gone"]), {})
    assert facts.points == [Figure("Labo", 35.5, "Cel")]
    assert facts.alarms == [ScreenAlarm(1, "surchauffe", "Labo", 35.5, "Cel")]
    assert (facts.site, facts.link, facts.waiting, facts.is_dated) == ("Gymnase Sud", "", 7, True)
    rig.cycle(2, Sample("p", 2_000_000_000, None, BAD, "crc"))
    assert facts_of(rig, ManualClock(trust="floor"), Display(bus="air", points=["p"]), {}).points[0].value is None
    assert not facts_of(rig, ManualClock(trust="floor"), Display(bus="air"), {}).is_dated


def test_today_is_what_each_meter_moved_since_local_midnight_whatever_was_set_by_hand() -> None:
    midnight_ms = local_midnight_ms(ManualClock().utc_ms(), PARIS)
    meter = PointSpec("p", "counter", "kWh", record_ms=10_000)
    rig = Rig(meter, utc_offset_ms=midnight_ms - 60_000, zone=PARIS, parts=[Totals()])
    for t_s in range(0, 180, 10):
        rig.read(t_s, 1000 + t_s / 10)
    assert moved_today(rig.engine) == {"p": 12.0}, "from midnight on, the open record too"
    asked: list[Question] = []
    told = Told(asked.append, moved_today)
    assert told() is None
    asked[0].reply(asked[0].ask(rig.engine))
    assert facts_of(rig, ManualClock(), Display(bus="air"), told() or {}).today == [Figure("p", 12.0, "kWh")]


def test_without_a_time_nothing_is_said_of_today_and_hours_are_no_meter() -> None:
    hours = PointSpec("hours", "counter", "h", record_ms=10_000)
    rig = Rig(PointSpec("p", "counter", "kWh", record_ms=10_000), hours, parts=[Totals()], is_dated=False)
    rig.read(1, 1000.0)
    assert moved_today(rig.engine) == {}
    assert facts_of(rig, ManualClock(), Display(bus="air"), {}).today == [Figure("p", None, "kWh")]


# -- settings


@pytest.mark.parametrize(
    ("table", "head", "message"),
    [
        ('[display]\nbus = ‸"gpio"\n', 'display.bus = "gpio"', "a display needs a bus of kind i2c"),
        ('[display]\nbus = ‸"airr"\n', 'display.bus = "airr"', 'no such bus; the nearest is "air"'),
        ('[display]\nbus = "air"\naddress = ‸0x44\n', "display.address = 0x44", "from 60 to 61"),
        ('[display]\nbus = "air"\nheight = ‸48\n', "display.height = 48", "one of 32, 64"),
        ('[display]\nbus = "air"\npoints = [‸"lab"]\n', 'display.points[0] = "lab"', "no such point"),
        ("‸[display]\n", "[display]", "the key bus is missing"),
    ],
)
def test_a_display_that_can_not_be_is_a_fault(table: str, head: str, message: str) -> None:
    assert_fault("[link.mqtt]", f"{table}\n[link.mqtt]", head, message)


def test_a_display_is_a_device_of_its_bus_named_by_its_address() -> None:
    shown = loads(SITE.replace("[link.mqtt]", '[display]\nbus = "air"\npoints = ["lab.t"]\n[link.mqtt]')).display
    assert shown == Display(bus="air", points=["lab.t"])
    assert loads(SITE).display is None
    spec = display_device(shown, facts_source())
    assert (spec.name, spec.options, spec.period_ms) == ("0x3c", {}, {})


@pytest.mark.parametrize(("problems", "link"), [([], "up"), (["undated"], "up"), (["duplicate_id"], "duplicate_id")])
def test_a_second_box_with_this_boxs_id_is_shown_in_place_of_the_links_state(problems: list[str], link: str) -> None:
    found = facts_source({"mqtt": FakeLink("up", []), "sms": FakeLink("down", problems)}).facts()
    assert found.link == link
    for lang, height in product(("en", "fr"), (32, 64)):
        word = catalogue.word(lang, "link_state", link)
        assert any(word in " ".join(text_of(page)) for page in screen_pages(found, lang, height))


class FakeLink:
    """A link as the display sees it."""

    def __init__(self, state: str, problems: list[str]) -> None:
        self._status = {"state": state, "problems": problems}

    def status(self) -> dict[str, Any]:
        return self._status


def facts_source(links: Mapping[str, FakeLink] | None = None) -> Showing:
    rig = Rig(gauge())
    return Showing(
        loads(SITE), Display(bus="air"), lambda: rig.engine, ManualClock(),
        today=dict, links=links or {}, waiting=lambda: 0, is_kept=lambda: True,
    )  # fmt: skip
