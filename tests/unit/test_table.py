"""The live table as text: its exact size, what comes first, and that a missing value is never a number."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.cli import rows, table
from edge.cli.cells import cells, plain
from edge.cli.screen import STYLES
from edge.cli.table import Sight, compose
from edge.cli.trend import Trends
from edge.core.view import LimitView
from tests.fake_desk import NOW_MS, FakeDesk, value

PARIS = ZoneInfo("Europe/Paris")
SIZE = (80, 24)
KEYS = (("q", "quit"), ("a", "acknowledge"), ("c", "cut the link"), ("p", "unplug a probe"), ("h", "help"))


def live_of(desk: FakeDesk) -> dict[str, Any]:
    answer = {"box": desk.box(), "values": desk.view("values"), "alarms": desk.view("alarms"), "buffer": desk.buffer()}
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))  # as the client gets it
    return told


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def live(desk: FakeDesk) -> dict[str, Any]:
    return live_of(desk)


def render(live: dict[str, Any], trends: Trends, now_ms: int = NOW_MS, **sight: Any) -> list[str]:
    size, lang = sight.pop("size", SIZE), sight.pop("lang", "en")
    return [plain(line) for line in compose(Sight(live, trends, **sight), size, PARIS, now_ms, lang)]


def shown(live: dict[str, Any], size: tuple[int, int] = SIZE, page: int = 0, lang: str = "en") -> list[str]:
    trends = Trends()
    for t_s in range(0, 60, 6):
        trends.take(live["values"], t_s)
    return render(live, trends, page=page, size=size, lang=lang)


def row_of(lines: list[str], point: str) -> str:
    return next(line for line in lines if line[1:].startswith(f"{point} "))


@pytest.mark.parametrize(
    "size", [(60, 16), (72, 20), (80, 24), (81, 25), (100, 30), (132, 43), (250, 80), (40, 10), (1, 1)]
)
@pytest.mark.parametrize("is_help", [False, True])
def test_it_fills_the_terminal_exactly_whatever_its_size(
    live: dict[str, Any], size: tuple[int, int], is_help: bool
) -> None:
    sight = Sight(live, Trends(), keys=KEYS, message="done", silent_s=7.0, is_help=is_help)
    lines = [plain(line) for line in compose(sight, size, PARIS, NOW_MS, "en")]
    assert len(lines) == size[1]
    assert {cells(line) for line in lines} == {size[0]}


def test_it_shows_what_the_draft_shows(live: dict[str, Any]) -> None:
    lines = [line.rstrip() for line in shown(live)]
    assert lines[:12] == [
        "vigie 0.1.0  b0042 Gymnase Sud                    Fri 20 Nov 16:20:07  clock ntp",
        "link mqtt ok  buffer 0  acknowledged 48 213 (2 s ago)            demo: simulated",
        " ALARM #12 overheating  boiler.flow 92.5 °C > 85  since 16:05 (15 min)   ack? a",
        " ALARM #11 FAULT  t.cellar  since 16:17 (3 min)                    acknowledged",
        " point                 value unit  quality            age  limit      1 min",
        "!boiler.flow            92.5 °C    good               1 s  HIGH > 85  ▄▄▄▄▄▄▄▄▄▄",
        "?t.cellar                  - °C    bad no_answer    3 min  FAULT      ··········",
        " tic.index.hc     14 253.681 kWh   good               1 s             ▄▄▄▄▄▄▄▄▄▄",
        " tic.papp              1 780 VA    good               1 s  ok < 9000  ▄▄▄▄▄▄▄▄▄▄",
        " tic.ptec               HC..       good               1 s",
        " boiler.return          61.2 °C    good               1 s  soon > 70  ▄▄▄▄▄▄▄▄▄▄",
        " water.cold          482.137 m³    good               6 s             ▄▄▄▄▄▄▄▄▄▄",
    ]
    assert lines[21] == " … 10 more, all good                                      [space] next page 1/2"


def test_a_bad_point_shows_a_dash_and_its_reason_and_no_digit_where_its_value_would_be(live: dict[str, Any]) -> None:
    for view in live["values"]:
        view |= {"value": 21.5, "quality": "bad", "reason": "crc"}  # a box that sends the last value along
    rows = [line for line in shown(live) if line.startswith("?")]
    assert rows
    for row in rows:
        assert row[17:28].strip() == "-"


@pytest.mark.parametrize("reason", ["power_on_value", "clock_degraded", "meter_changed"])
def test_a_long_reason_stands_in_full_without_its_quality(live: dict[str, Any], reason: str) -> None:
    quality = "bad" if reason == "power_on_value" else "uncertain"
    live["values"][0] |= {"quality": quality, "reason": reason, "value": None if quality == "bad" else 1.0}
    mark = "?" if quality == "bad" else "~"
    assert any(line.startswith(mark) and f" {reason} " in line for line in shown(live))


def test_alarms_come_first_then_bad_points_then_the_rest_in_the_files_order(live: dict[str, Any]) -> None:
    order = [view["point"] for view in table.in_order(live["values"])]
    assert order[:4] == ["boiler.flow", "t.cellar", "tic.index.hc", "tic.papp"]
    assert sorted(order) == sorted(view["point"] for view in live["values"])


def test_pages_hold_every_point_once_and_keep_what_needs_a_person_in_sight(live: dict[str, Any]) -> None:
    points = {view["point"] for view in live["values"]}
    seen: list[str] = []
    for page in range(2):
        lines = shown(live, page=page)
        assert lines[5].startswith("!boiler.flow")
        assert lines[6].startswith("?t.cellar")
        seen += [line[1:16].strip() for line in lines[7:21]]
    assert {point for point in seen if point} == points - {"boiler.flow", "t.cellar"}
    assert len([point for point in seen if point]) == len(points) - 2
    assert shown(live, page=2) == shown(live, page=0)
    assert shown(live, page=-1) == shown(live, page=1)


def test_a_bus_that_is_lost_with_all_its_points_can_still_be_paged_through(live: dict[str, Any]) -> None:
    for view in live["values"]:
        view |= {"value": None, "quality": "bad", "reason": "bus_blocked"}
    first, second = shown(live), shown(live, page=1)
    assert "10 more, of them 10 bad" in first[21]
    assert first[5:21] != second[5:21]


def test_a_site_without_points_and_alarms_is_shown_as_empty(live: dict[str, Any]) -> None:
    live |= {"values": [], "alarms": []}
    lines = shown(live)
    assert lines[2].startswith(" point")
    assert "".join(lines[3:]).strip() == ""


def test_two_hundred_points_fit_by_pages(desk: FakeDesk) -> None:
    desk.more = [value(f"p{n:03}", "gauge", "W", float(n)) for n in range(200)]
    live = live_of(desk)
    assert "[space] next page 1/16" in shown(live)[21]
    assert any("p199" in line for line in shown(live, page=15))


def test_long_point_names_are_clipped_and_on_a_wide_screen_shown_with_the_peoples_name(desk: FakeDesk) -> None:
    desk.more = [value("building-a.floor-2.heating.return", "gauge", "Cel", 1234567.8, name={"en": "Return, floor 2"})]
    narrow, wide = shown(live_of(desk), page=1), shown(live_of(desk), (120, 40))
    assert any(line.startswith(" building-a.flo… 1 234 567.8 °C ") for line in narrow)
    assert any(line.startswith(" building-a.floor-2.heating.return Return, floor") for line in wide)


def test_a_number_too_long_for_its_column_loses_decimals_and_never_digits(desk: FakeDesk) -> None:
    desk.more = [value("big", "counter", "kWh", 123456789.123), value("huge", "counter", "kWh", 1.5e20)]
    lines = shown(live_of(desk), page=1)
    assert row_of(lines, "big")[17:28] == "123 456 789"
    assert row_of(lines, "huge")[17:28].strip() == "1.5e+20"


def test_a_long_text_takes_the_room_of_the_unit_it_does_not_have(desk: FakeDesk) -> None:
    desk.more = [value("id", "text", "", "041876199123"), value("longer", "text", "", "0123456789ABCDEFGHIJ")]
    lines = shown(live_of(desk), page=1)
    assert row_of(lines, "id")[16:36] == " 041876199123      g"
    assert row_of(lines, "longer")[16:36] == " 0123456789ABCDE…  g"
    assert {len(line) for line in lines} == {80}


def test_what_a_hostile_text_sends_is_not_obeyed_by_the_terminal(desk: FakeDesk) -> None:
    desk.more = [value("evil", "text", "", "\x1b[2Jowned\n")]
    row = row_of(shown(live_of(desk), page=1), "evil")
    assert row.isprintable()
    assert "?[2Jowned" in row


def test_a_link_that_is_down_says_since_when_and_why_and_how_much_waits(desk: FakeDesk) -> None:
    desk.link |= {"state": "down", "code": "wrong_password", "since_utc_ms": NOW_MS - 200_000}
    desk.waiting = 1214
    lines = shown(live_of(desk))
    assert lines[1].startswith("link mqtt down 3 min  buffer 1 214  acknowledged 48 213")
    assert lines[2].strip() == "the broker does not accept user name and password"


def test_a_link_that_is_up_and_acknowledged_by_nobody_says_so(desk: FakeDesk) -> None:
    desk.link |= {"problems": ["unacknowledged"]}
    lines = shown(live_of(desk))
    assert lines[1].startswith("link mqtt ok  ")
    assert lines[2].strip() == "the broker answers, but nobody acknowledges"
    assert lines[3].strip() == 'start `vigie receive`, or set ack = "puback" in [link.mqtt]'


def test_a_box_without_a_link_says_how_much_it_keeps(live: dict[str, Any]) -> None:
    live["buffer"] |= {"links": {}}
    assert shown(live)[1].startswith("no link upstream: 8 213 records kept")


def test_a_link_that_has_acknowledged_nothing_yet_says_so(live: dict[str, Any]) -> None:
    live["buffer"]["records"]["acknowledged"] = {}
    live["buffer"]["links"]["mqtt"] |= {"last_ack_utc_ms": None}
    assert "nothing acknowledged yet" in shown(live)[1]


def test_a_card_that_cannot_be_written_is_said_above_everything_else(live: dict[str, Any]) -> None:
    live["buffer"]["records"]["degraded"] = "No space left on device"
    assert "the card can't be written" in shown(live)[2]


def test_a_box_that_does_not_answer_is_not_shown_as_if_it_did(live: dict[str, Any]) -> None:
    sight = Sight(live, Trends(), silent_s=130.0)
    lines = [plain(line) for line in compose(sight, SIZE, PARIS, NOW_MS, "en")]
    assert "has not answered for 2 min" in lines[1]
    assert " 2 min " in row_of(lines, "tic.papp")
    assert " 5 min " in next(line for line in lines if line.startswith("?t.cellar"))


def test_many_alarms_leave_room_for_the_points(live: dict[str, Any]) -> None:
    live["alarms"] *= 20
    lines = shown(live)
    assert any("36 more alarms" in line for line in lines)
    assert sum(" ALARM #" in line for line in lines) == 4
    assert any(line.startswith("!boiler.flow") for line in shown(live, (60, 16)))


def test_an_alarm_that_is_over_and_one_without_a_date_say_what_is_known(live: dict[str, Any]) -> None:
    live["alarms"][0] |= {"active": False, "value": 60.0, "since_utc_ms": None}
    assert shown(live)[2].rstrip() == " over #12 overheating  boiler.flow 93.8 °C > 85                          ack? a"


@pytest.mark.parametrize(("lang", "word"), [("en", "shelved"), ("fr", "en sommeil")])
def test_a_silenced_alarm_says_so_and_marks_no_point(live: dict[str, Any], lang: str, word: str) -> None:
    alarm = next(alarm for alarm in live["alarms"] if alarm["number"] == 12)
    alarm["state"] = "shelved"
    for view in live["values"]:
        for limit in view["limits"]:
            limit["silence"] = "shelved" if view["point"] == "boiler.flow" else ""
    lines = shown(live, lang=lang)
    told = next(line for line in lines if "12" in line.split("boiler.flow")[0] and "boiler.flow" in line)
    assert told.rstrip().endswith(word), told
    assert "ack" not in told.split("boiler.flow")[1]
    row = row_of(lines, "boiler.flow")
    assert not row.startswith("!")
    assert word in row


def test_limits_of_a_state_and_several_limits_show_the_one_that_matters(desk: FakeDesk) -> None:
    limits = (LimitView("a", "low", 5.0), LimitView("b", "high", 30.0, pending=True), LimitView("c", "fault"))
    desk.more = [
        value("many", "gauge", "Cel", 31.0, *limits),
        value("low", "gauge", "Cel", 31.0, LimitView("a", "low", 5.0)),
        value("flood", "state", "", 1, LimitView("wet", "equal", 1.0, active=True), word="wet"),
        value("lost", "gauge", "Cel", None, LimitView("a", "high", 5.0), quality="bad", reason="crc"),
    ]
    lines = shown(live_of(desk), (80, 50))
    assert row_of(lines, "many")[59:69].rstrip() == "soon > 30"
    assert row_of(lines, "low")[59:69].rstrip() == "ok > 5"
    assert row_of(lines, "flood")[59:69].rstrip() == "STATE"
    assert row_of(lines, "lost")[59:69].rstrip() == "-"


def test_a_limit_is_given_in_the_unit_of_its_value(live: dict[str, Any]) -> None:
    assert "ok < 30" in row_of(shown(live), "water.flow")  # 0.0005 m3/s


def test_a_state_lies_flat_until_it_changes(live: dict[str, Any]) -> None:
    door = next(view for view in live["values"] if view["point"] == "door.north")
    door |= {"value": 1, "word": "closed"}
    assert row_of(shown(live), "door.north").endswith("▁▁▁▁▁▁▁▁▁▁")
    trends = Trends()
    for t_s, state in ((0, 1), (6, 0), (12, None), (18, 1)):
        trends.take([door | {"value": state, "quality": "good" if state is not None else "bad"}], t_s)
    assert row_of(render(live, trends), "door.north").endswith(" █▁·█")


def test_narrow_screens_lose_the_trend_then_the_limit_but_never_the_quality() -> None:
    keys = {width: [column.key for column in rows.columns(width, 15)] for width in (60, 72, 80)}
    assert "trend" in keys[80]
    assert keys[72][-1] == "limit"
    assert keys[60][-1] == "age"
    assert all("quality" in found for found in keys.values())


def test_the_help_key_is_named_on_every_width(live: dict[str, Any]) -> None:
    for width in (60, 80, 200):
        last = compose(Sight(live, Trends(), keys=KEYS), (width, 24), PARIS, NOW_MS, "en")[-1]
        assert "h help" in plain(last)


def test_every_style_that_a_line_names_exists(live: dict[str, Any]) -> None:
    live["values"][0] |= {"quality": "uncertain", "reason": "suspect"}
    used = set()
    for is_help in (False, True):
        sight = Sight(live, Trends(), keys=KEYS, message="x", silent_s=9, is_help=is_help)
        used |= {piece.style for line in compose(sight, SIZE, PARIS, NOW_MS, "en") for piece in line}
    assert used - {""} <= set(STYLES)


def test_the_clock_is_the_sites_also_when_summer_time_ends() -> None:
    live = live_of(FakeDesk())
    before = render(live, Trends(), 1_792_889_999_000)[0]  # 25 October 2026 00:59:59 UTC
    after = render(live, Trends(), 1_792_890_000_000)[0]
    assert "Sun 25 Oct 02:59:59" in before
    assert "Sun 25 Oct 02:00:00" in after


def test_a_language_without_a_catalogue_is_shown_in_english(live: dict[str, Any]) -> None:
    assert shown(live, lang="xx") == shown(live)


SMS = {
    "link": "sms", "state": "up", "code": "", "since_utc_ms": NOW_MS - 60_000, "problems": [], "acked": {},
    "waiting": {"messages": 0}, "signal_text": "GSM 4/5",
    "budget": {"today": 1, "per_day": 12, "month": 1, "per_month": 150, "price": 0.06, "currency": "EUR", "cost": 0.06},
}  # fmt: skip
TOLD = {
    "to": "caretaker",
    "utc_ms": NOW_MS,
    "text": "ALARM 1 HIGH Gymnase Sud / Boiler flow 92.5 C > 85 C (overheating)",
}


def texting(live: dict[str, Any], **more: Any) -> dict[str, Any]:
    live["buffer"]["links"]["sms"] = SMS | more
    return live


@pytest.mark.parametrize(("lang", "begin"), [("en", 'last text to caretaker 16:20  "ALARM'), ("fr", "dernier SMS à")])
def test_the_last_text_stands_above_the_keys(live: dict[str, Any], lang: str, begin: str) -> None:
    live["box"]["site"]["lang"] = lang
    line = shown(texting(live, last_text=TOLD), lang=lang)[-3]
    assert line.startswith(f" {begin}")
    assert line.rstrip().endswith(('…"', "… »"))
    assert cells(line) == 80
    wide = shown(live, size=(132, 43), lang=lang)[-3]
    assert TOLD["text"] in wide


def test_nothing_stands_there_before_the_first_text_or_where_points_need_the_room(live: dict[str, Any]) -> None:
    assert not [line for line in shown(texting(live, last_text=None)) if "last text" in line]
    crowded = shown(texting(live, last_text=TOLD), size=(60, 16))
    assert len(crowded) == 16
    assert row_of(crowded, "boiler.flow")


def test_what_a_phone_was_sent_can_not_move_the_cursor(live: dict[str, Any]) -> None:
    line = shown(texting(live, last_text=TOLD | {"to": "\x1b[2J", "text": "a\x1bb\nc"}))[-3]
    assert "\x1b" not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("more", "end"),
    [
        ({}, "0.06 EUR; GSM 4/5"),
        ({"waiting": {"messages": 2}, "signal_text": ""}, "0.06 EUR; 2 not sent yet"),
        ({"waiting": {"messages": 2}, "signal_text": "", "paired": True}, "0.06 EUR; 2 not acknowledged"),
        ({"paired": True}, "0.06 EUR; 0 not acknowledged; GSM 4/5"),
    ],
)
def test_only_a_box_with_a_gateway_waits_for_acknowledgements(
    live: dict[str, Any], more: dict[str, Any], end: str
) -> None:
    line = next(line for line in shown(texting(live, **more), (120, 24)) if line.startswith("link sms"))
    assert line.rstrip() == f"link sms ok  1 of 12 SMS today, 1 of 150 this month, {end}"
