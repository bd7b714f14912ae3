"""Outputs that act by themselves, setpoints and orders: the acceptance lines of ACT1 to ACT8 and T17."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.program import Programs
from edge.core.replacing import Site as Replaced
from edge.core.types import Event
from edge.settings.load import loads
from edge.settings.site_parts import site_parts
from edge.settings.specs import output_specs, specs
from tests.orders_rig import HEAD, Site

OFFICE = """
[[program]]
id = "heating.week"
target = "heater"
slots = ["mon-fri 06:30-08:00"]
"""
WANTED = """
[[setpoint]]
id = "hall.wanted"
unit = "Cel"
min = 5
max = 25
step = 0.5
initial = 19
[[setpoint]]
id = "hall.mode"
words = ["off", "on"]
initial = "off"
"""
THERMOSTAT = (
    WANTED
    + """
[[rule]]
id = "hall.heat"
kind = "thermostat"
point = "hall.t"
target = "heater"
setpoint = "hall.wanted"
deadband = 0.5
"""
)
LEAK = """
[[limit]]
id = "hall.hot"
point = "hall.t"
kind = "high"
value = 40
deadband = 1
[[rule]]
id = "hot.close"
kind = "alarm"
limit = "hall.hot"
target = "valve"
begin = "on"
"""


# -- ACT1


def test_an_order_switches_the_pin_and_the_journal_has_author_and_channel() -> None:
    """ACT1: command → pin changes, state published, journal has author and channel."""
    site = Site()
    result = site.order("relay", output="heater", to="on")
    assert result.done
    assert site.switched == [("2026-11-20 06:00:00", "heater", True)]
    assert site.value("heater") == 1
    (command,) = site.told("command")
    assert (command.values["author"], command.values["channel"]) == ("anna", "local")
    assert (command.values["before"], command.values["after"]) == ("off (auto)", "on (order)")
    (state,) = site.told("state")
    assert (state.point, state.values["word"]) == ("heater", "on")
    assert site.order("relay", output="heater", to="toggle").values["after"] == "off (order)"


# -- ACT2


def test_after_a_kill_an_output_is_in_its_safe_state_at_once_and_ten_orders_a_second_are_limited() -> None:
    """ACT2: kill -9 → output in configured safe state ≤ 1 s after restart; 10 commands/s → limited."""
    site = Site()
    site.order("relay", output="heater", to="on")
    again = site.restart()
    assert again.level("heater") is False
    assert again.value("heater") == 0
    results = []
    for number in range(10):
        results.append(again.order("relay", output="valve", to="on" if number % 2 == 0 else "off").done)
        again.go(0.1, 0.1)
    assert results == [True] * 3 + [False] * 7
    assert [name for _t, name, _level in again.switched] == ["valve"] * 3


# -- ACT3


def test_a_weekly_program_switches_at_the_minute() -> None:
    """ACT3: schedule Mon-Fri 06:30–08:00 local → on/off at the minute."""
    site = Site(OFFICE)
    site.jump("2026-11-23 12:00")
    assert site.switched == [
        ("2026-11-20 06:30:00", "heater", True), ("2026-11-20 08:00:00", "heater", False),
        ("2026-11-23 06:30:00", "heater", True), ("2026-11-23 08:00:00", "heater", False),
    ]  # fmt: skip
    assert [(event.point, event.values) for event in site.told("program")[:2]] == [
        ("heater", {"program": "heating.week", "to": "off"}), ("heater", {"program": "heating.week", "to": "on"}),
    ]  # fmt: skip


@pytest.mark.parametrize(("friday", "monday"), [("2026-03-27", "2026-03-30"), ("2026-10-23", "2026-10-26")])
def test_a_weekly_program_keeps_to_the_clocks_over_both_clock_changes(friday: str, monday: str) -> None:
    """ACT3: on/off at the minute, also across DST."""
    site = Site(OFFICE, f"{friday} 00:00")
    site.jump(f"{monday} 12:00")
    assert [time for time, _name, _level in site.switched] == [
        f"{friday} 06:30:00", f"{friday} 08:00:00", f"{monday} 06:30:00", f"{monday} 08:00:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cut", "after_s", "is_on"),
    [
        ("2026-11-20 06:45", 60, True), ("2026-11-20 06:00", 45 * 60, True), ("2026-11-20 06:45", 3600, True),
        ("2026-11-20 06:45", 2 * 3600, False), ("2026-11-20 06:45", 3 * 86_400, True),
        ("2026-11-20 06:45", 86_400, False),
    ],
)  # fmt: skip
def test_after_a_reboot_or_power_cut_a_program_is_in_the_right_place(cut: str, after_s: int, *, is_on: bool) -> None:
    """ACT3: … and reboot."""
    site = Site(OFFICE)
    site.jump(cut)
    again = site.restart(after_s)
    assert again.level("heater") is is_on


def test_while_the_clock_is_not_trusted_the_output_is_safe_and_that_is_said() -> None:
    """ACT3: no program runs by a clock that nobody vouches for."""
    site = Site(OFFICE, "2026-11-20 07:00", is_dated=False)
    site.go(60)
    assert site.level("heater") is False
    assert [event.values for event in site.told("program_waits")] == [{"programs": ["heating.week"]}]
    site.engine.set_clock(site.engine.utc_offset_ms)
    site.settle()
    assert site.level("heater") is True


def test_a_program_can_be_switched_off_and_on_by_order_and_stays_so_over_a_power_cut() -> None:
    """ACT3: programs can be switched off and on by command."""
    site = Site(OFFICE, "2026-11-20 07:00")
    assert site.level("heater")
    assert site.set("heating.week", "off").text.key == "set_changed_word"
    assert not site.level("heater")
    again = site.restart(60)
    assert not again.level("heater")
    assert again.set("heating.week", "marche").values["after"] == "on"
    assert again.level("heater")
    assert again.restart(60).level("heater")


def test_a_program_writes_a_setpoint_at_its_changes_and_a_person_may_write_in_between() -> None:
    """ACT3: … for a setpoint, also when a change was missed while the power was off."""
    toml = (
        WANTED
        + """
[[program]]
id = "hall.week"
target = "hall.wanted"
slots = ["lun-ven 06:30-22:00 = 19,5", "sam 09:00-18:00 = 18"]
outside = 12
exceptions = ["2026-12-25"]
"""
    )
    site = Site(toml, "2026-11-20 06:00")
    assert site.value("hall.wanted") == 12
    site.jump("2026-11-20 07:00")
    assert site.value("hall.wanted") == 19.5
    site.set("hall.wanted", 21)
    assert site.value("hall.wanted") == 21
    assert site.restart(3600).value("hall.wanted") == 21, "the slot still holds: what a person wrote stays"
    assert site.restart(16 * 3600).value("hall.wanted") == 12, "a change was missed"
    assert site.restart(3 * 86_400).value("hall.wanted") == 19.5, "two days on another slot holds"
    site.jump("2026-11-20 23:00")
    assert site.value("hall.wanted") == 12


# -- ACT4


def room(site: Site, hours: float, outside_c: float = 5.0) -> None:
    """Let a room lose 0.2 K an hour for each kelvin above outside, and gain 6 K an hour while its heater is on."""
    t = site.temperature = 18.0
    for _ in range(round(hours * 360)):
        site.go(10)
        t += (6.0 if site.level("heater") else 0.0) / 360 - (t - outside_c) * 0.2 / 360
        site.temperature = round(t * 16) / 16  # what a DS18B20 resolves


def test_a_thermostat_keeps_half_a_kelvin_with_no_more_switchings_than_expected() -> None:
    """ACT4: heat example with 0.5 K hysteresis → no more than expected switchings."""
    site = Site(THERMOSTAT)
    room(site, 24)
    gain, loss = 6.0 - 14 * 0.2, 14 * 0.2  # K an hour at 19 °C
    swing = 0.5 - 1 / 16  # a probe that rounds to 1/16 K reaches each threshold half a step early
    expected = 2 * 24 / (swing / gain + swing / loss)  # two switchings a cycle, up and down
    assert len(site.switched) <= expected + 2
    assert len(site.switched) > expected / 2, "it does switch"
    temperatures = [record.value for record in site.records if record.point == "hall.t"][120:]
    assert 18.6 <= min(temperatures) <= max(temperatures) <= 19.4  # type: ignore[type-var]


def test_a_thermostat_without_a_value_goes_to_the_safe_state_and_says_so() -> None:
    """ACT4: BAD input → the output's safe state."""
    site = Site(THERMOSTAT)
    site.temperature = 15.0
    site.go(30)
    assert site.level("heater")
    site.temperature = None
    site.read(None)
    site.go(20)
    site.read(None)
    assert site.level("heater"), "one that misses a reading or two is not in trouble"
    site.go(20)
    assert not site.level("heater")
    (said,) = site.told("rule_fallback")
    assert (said.point, said.values) == (
        "heater", {"rule": "hall.heat", "source": "hall.t", "why": "no_answer", "to": "off"},
    )  # fmt: skip
    site.temperature = 15.0
    site.go(30)
    assert site.level("heater")
    assert len(site.told("rule_back")) == 1


def test_a_thermostat_with_a_fallback_of_its_own_goes_there() -> None:
    """ACT4: … or a declared fallback."""
    site = Site(THERMOSTAT + 'fallback = "on"\n')
    site.go(60)
    assert site.level("heater")
    assert [event.values["to"] for event in site.told("rule_fallback")] == ["on"]


def test_a_thermostat_follows_a_setpoint_at_once() -> None:
    """ACT4: the setpoint is a setpoint's."""
    site = Site(THERMOSTAT)
    site.temperature = 19.0
    site.go(30)
    assert not site.level("heater")
    site.set("hall.wanted", "20")
    assert site.level("heater")


def test_cooling_is_on_above() -> None:
    """ACT4: cooling."""
    site = Site(THERMOSTAT + 'action = "cool"\n')
    for value, is_on in ((19.2, False), (19.25, True), (18.8, True), (18.75, False), (19.2, False)):
        site.temperature = value
        site.go(20)
        assert site.level("heater") is is_on, value


# -- ACT5


def test_what_was_written_is_kept_over_a_power_cut_and_shown_with_who_and_from_where() -> None:
    """ACT5: write from MQTT/SMS → persisted, restored after power cut."""
    site = Site(WANTED)
    assert site.set("hall.wanted", "20,5 °C", channel="sms", author="+33600000001", right="operate").done
    assert site.set("hall.mode", "on", channel="mqtt", author="server", right="operate").done
    again = site.restart()
    assert (again.value("hall.wanted"), again.value("hall.mode")) == (20.5, 1)
    (record,) = [record for record in again.records if record.point == "hall.wanted"] or [None]
    assert record is None
    again.go(120)
    assert [r.value for r in again.records if r.point == "hall.wanted"] == [20.5]
    commands = [event.values for event in site.told("command")]
    assert [(one["author"], one["channel"], one["before"], one["after"]) for one in commands] == [
        ("+33600000001", "sms", 19.0, 20.5), ("server", "mqtt", "off", "on"),
    ]  # fmt: skip


def test_a_box_like_the_wes_has_24_switches_and_8_variables() -> None:
    """ACT5: virtual switches (24), variables (8)."""
    toml = "".join(f'[[setpoint]]\nid = "vs{n}"\nwords = ["off", "on"]\ninitial = "off"\n' for n in range(1, 25))
    toml += "".join(f'[[setpoint]]\nid = "v{n}"\ninitial = {n}\n' for n in range(1, 9))
    site = Site(toml)
    for n in range(1, 25, 2):
        assert site.set(f"vs{n}", "on").done
    for n in range(1, 9):
        assert site.set(f"v{n}", -n * 1.5).done
    again = site.restart()
    assert [again.value(f"vs{n}") for n in range(1, 25)] == [n % 2 for n in range(1, 25)]
    assert [again.value(f"v{n}") for n in range(1, 9)] == [-n * 1.5 for n in range(1, 9)]


@pytest.mark.parametrize(
    ("value", "key", "told"),
    [
        ("30", "set_range", {"high": 25.0}), (-300, "set_range", {"low": 5.0}), ("19.3", "set_step", {"near": 19.5}),
        ("warm", "set_no_number", {}), ("", "set_no_number", {}), ("20 bar", "set_unit", {"unit": "°C"}),
        ("1e3", "set_unit", {}), ("nan", "set_no_number", {}), ("20.000,5", "set_no_number", {}),
        ("9" * 60, "set_no_number", {}), (None, "set_no_value", {}), (1e300, "set_range", {}),
    ],
)  # fmt: skip
def test_a_value_that_can_not_be_is_answered_by_what_is_allowed_and_changes_nothing(
    value: Any, key: str, told: dict[str, Any]
) -> None:
    """ACT5: bad values."""
    site = Site(WANTED)
    result = site.set("hall.wanted", value)
    assert (result.done, result.text.key) == (False, key)
    assert told.items() <= result.text.values.items()
    assert site.value("hall.wanted") == 19


def test_the_value_that_the_settings_no_longer_allow_is_replaced_and_said() -> None:
    """ACT5: restored only as far as the settings allow it."""
    site = Site(WANTED)
    site.set("hall.wanted", 24)
    again = site.restart(toml=WANTED.replace("max = 25", "max = 22"))
    assert again.value("hall.wanted") == 19
    assert [event.values for event in again.told("setpoint_reset")] == [{"was": 24.0, "v": 19.0}]


# -- limits set by order


def test_a_limit_that_is_set_counts_at_once_and_over_a_power_cut_until_the_default_is_taken_back() -> None:
    """R1: thresholds from the office, with an answer; T-limits by `set`."""
    site = Site(LEAK)
    site.temperature = 35.0
    site.go(20)
    assert not site.told("alarm_begin")
    result = site.set("hall.hot", "30,5")
    assert (result.text.key, result.values["file"]) == ("set_changed", 40.0)
    (begun,) = site.told("alarm_begin")
    assert (begun.values["v"], begun.values["at"]) == (35.0, 30.5)
    again = site.restart()
    assert again.engine.limits["hall.hot"].spec.value == 30.5
    assert again.set("hall.hot", default=True).text.key == "set_default"
    assert again.engine.limits["hall.hot"].spec.value == 40.0
    assert again.restart().engine.limits["hall.hot"].spec.value == 40.0


@pytest.mark.parametrize(
    ("value", "key"),
    [("80", "set_limit_range"), ("-40", "set_limit_range"), ("10", "set_limit_above"), ("hot", "set_no_number")],
)
def test_a_limit_is_not_set_to_what_contradicts_another_or_can_not_be_measured(value: str, key: str) -> None:
    """R1: a bad threshold is refused with the reason and changes nothing."""
    low = '[[limit]]\nid = "hall.cold"\npoint = "hall.t"\nkind = "low"\nvalue = 12\n'
    site = Site(LEAK + low)
    result = site.set("hall.hot", value)
    assert (result.done, result.text.key) == (False, key)
    assert site.engine.limits["hall.hot"].spec.value == 40.0
    assert site.set("hall.cold", 45).text.key == "set_limit_below"


# -- T17


def test_an_alarm_switches_an_output_and_the_journal_says_which_rule() -> None:
    """T17: alarm begin → relay command in journal and output changes."""
    site = Site(LEAK)
    for value in (35.0, 41.0):
        site.temperature = value
        site.go(20)
    assert site.level("valve")
    kinds = [(event.kind, event.point) for event in site.events if event.kind in {"alarm_begin", "rule", "state"}]
    assert kinds == [("alarm_begin", "hall.t"), ("rule", "valve"), ("state", "valve")]
    assert site.told("rule")[0].values == {"rule": "hot.close", "limit": "hall.hot", "to": "on"}
    again = site.restart()
    assert again.level("valve"), "the alarm is still active"
    again.temperature = 30.0
    again.go(20)
    assert not again.level("valve")
    assert [event.values["to"] for event in again.told("rule")] == ["auto"]


def test_an_alarm_switches_an_output_for_a_time() -> None:
    """T17: … for a time, a pulse."""
    site = Site(LEAK.replace('begin = "on"', 'begin = "pulse"\nfor_s = 5'))
    site.temperature = 41.0
    site.go(30)
    assert [level for _t, _n, level in site.switched] == [True, False]
    assert [event.values.get("for_ms") for event in site.told("rule")] == [5000, None]


def test_an_alarm_writes_a_setpoint_and_its_end_another() -> None:
    """T17: P action 3: change a variable."""
    site = Site(WANTED + LEAK.replace("valve", "hall.wanted").replace('begin = "on"', "begin = 5\nend = 18"))
    site.temperature = 41.0
    site.go(20)
    assert site.value("hall.wanted") == 5
    site.temperature = 20.0
    site.go(20)
    assert site.value("hall.wanted") == 18
    assert site.restart().value("hall.wanted") == 18


def test_a_rule_acts_also_while_its_alarm_is_shelved_and_not_while_its_limit_is_out_of_service() -> None:
    """T17: silence keeps people undisturbed; a limit that nobody trusts acts on nothing."""
    site = Site(LEAK)
    site.temperature = 35.0
    site.go(20)
    assert site.order("shelve", limit="hall.hot", for_s=3600, reason="works").done
    site.temperature = 41.0
    site.go(20)
    assert site.level("valve")
    site = Site(LEAK)
    assert site.order("alarm.service", limit="hall.hot", to="out", reason="broken").done
    site.temperature = 41.0
    site.go(20)
    assert site.told("alarm_begin")
    assert not site.level("valve")
    assert not site.restart().level("valve")


def test_what_a_rule_holds_goes_on_while_its_alarm_does_also_when_its_limit_is_taken_out_of_service() -> None:
    """T17: a restart opened the valve that the alarm held closed."""
    site = Site(LEAK)
    site.temperature = 41.0
    site.go(20)
    assert site.order("alarm.service", limit="hall.hot", to="out", reason="broken").done
    site.go(10)
    assert site.level("valve")
    again = site.restart()
    assert again.level("valve")
    again.temperature = 20.0
    again.go(20)
    assert not again.level("valve")


def test_an_alarm_that_latches_holds_its_output_until_it_is_acknowledged_over_a_restart_too() -> None:
    """T17: the hold lasts as long as the alarm, not as long as its value."""
    site = Site(LEAK.replace('kind = "high"', 'kind = "high"\nlatch = true'))
    for value in (41.0, 20.0):
        site.temperature = value
        site.go(20)
    assert site.level("valve")
    again = site.restart()
    assert again.level("valve")
    assert again.order("ack").done
    again.temperature = 20.0
    again.go(20)
    assert not again.level("valve")


@pytest.mark.parametrize(("safe", "goes_on"), [("off", False), ("on", True)])
def test_what_a_rule_says_at_the_end_outlives_a_restart_only_where_it_is_safe(safe: str, *, goes_on: bool) -> None:
    """T17: after a restart nothing is switched on that the alarm no longer asks for."""
    head = HEAD.replace('id = "valve"', f'id = "valve"\nsafe = "{safe}"')
    site = Site(LEAK.replace('begin = "on"', 'end = "on"'), head=head)
    for value in (41.0, 20.0):
        site.temperature = value
        site.go(20)
    assert site.level("valve")
    again = site.restart()
    assert again.level("valve") is (safe == "on")
    assert bool(again.engine.outputs.by_id["valve"].acted) is goes_on


# -- ACT7, ACT8


def test_each_order_has_exactly_one_result_and_a_replay_acts_no_second_time() -> None:
    """ACT7: command id → exactly one ack `done`/`failed(reason)`; replayed id → no second action."""
    site = Site()
    first = site.order("relay", key="c1", output="heater", to="toggle")
    assert first.done
    assert site.order("relay", key="c1", output="heater", to="toggle") == first
    failed = site.order("relay", key="c2", output="pump", to="on")
    assert (failed.done, failed.text.key) == (False, "relay_none")
    assert site.order("relay", key="c2", output="pump", to="on") == failed
    assert [level for _t, _n, level in site.switched] == [True]
    assert [event.values["id"] for event in site.told("command")] == ["c1", "c2"]
    again = site.restart()
    assert again.order("relay", key="c1", output="heater", to="toggle") == first
    assert (again.switched, again.told("command")) == ([], [])


def test_killed_between_effect_and_answer_an_order_is_either_done_and_remembered_or_not_done_at_all() -> None:
    """ACT7: restart or power cut at every step of `set`."""
    before = Site(WANTED + LEAK + OFFICE)
    steps = len(before.frames)
    before.set("hall.wanted", 21, key="c1")
    before.set("hall.hot", 45, key="c2")
    before.set("heating.week", "off", key="c3")
    assert len(before.frames) == steps + 3, "each order is one frame: all of it or nothing"
    for kept in range(steps, len(before.frames) + 1):
        again = before.restart(frames=kept)
        done = kept - steps
        assert (again.value("hall.wanted") == 21) is (done >= 1)
        assert (again.engine.limits["hall.hot"].spec.value == 45) is (done >= 2)
        told = len(again.told("command"))
        for number, (key, target, value) in enumerate(
            (("c1", "hall.wanted", 21), ("c2", "hall.hot", 45), ("c3", "heating.week", "off"))
        ):
            assert again.set(target, value, key=key).done
            told += number >= done
            assert len(again.told("command")) == told, "what was done is answered and not done again"


def test_who_may_not_is_refused_and_journaled_once_a_minute() -> None:
    """ACT8: command from unknown number or bad signature → refused, journaled, no reply storm."""
    site = Site(WANTED + LEAK)
    for number in range(100):
        refused = site.set("hall.wanted", 21, channel="sms", author="+33699999999")
        assert (refused.done, refused.text.key) == (False, "command_no_right"), number
    assert site.value("hall.wanted") == 19
    assert len(site.told("command")) == 1
    site.go(61)
    assert [event.values for event in site.told("command_flood")] == [
        {"count": 99, "author": "+33699999999", "channel": "sms"}
    ]
    may = {"channel": "sms", "author": "+33600000001", "right": "operate"}
    assert site.set("hall.wanted", 21, **may).done
    assert site.set("hall.hot", 45, **may).text.values["needs"] == "configure"
    assert site.engine.limits["hall.hot"].spec.value == 40


def test_a_setpoint_or_output_may_be_closed_to_orders() -> None:
    """ACT8: write rights per variable."""
    closed = WANTED.replace("initial = 19", "initial = 19\nby_command = false")
    head = HEAD.replace('id = "valve"', 'id = "valve"\nby_command = false')
    site = Site(closed + LEAK, head=head)
    assert site.set("hall.wanted", 21).text.key == "set_not_by_command"
    assert site.order("relay", output="valve", to="on").text.key == "relay_not_by_command"


def test_an_order_by_sms_is_proposed_and_done_on_its_code() -> None:
    """ACT8: SMS can be forged: two steps."""
    site = Site(WANTED)
    sender = {"channel": "sms", "author": "+33600000001", "right": "operate"}
    proposed = site.set("hall.wanted", 21, proposes=True, **sender)
    assert proposed.values["what"].key == "set_would"
    assert site.value("hall.wanted") == 19
    confirmed = site.order("confirm", code=proposed.values["code"], **sender)
    assert (confirmed.done, confirmed.text.key) == (True, "set_done")
    assert site.value("hall.wanted") == 21
    (command,) = site.told("command")
    assert (command.values["verb"], command.values["args"]) == ("set", "target=hall.wanted value=21")
    assert site.set("hall.wanted", 99, proposes=True, **sender).text.key == "set_range"


# -- ACT6


def test_a_scenario_unrolls_from_programs_and_rules() -> None:
    """ACT6: climate scenario unrolling: slots that follow each other write one setpoint after the other."""
    toml = (
        WANTED
        + """
[[program]]
id = "scenario"
target = "hall.wanted"
slots = ["fri 08:00-09:00 = 10", "fri 09:00-10:00 = 15", "fri 10:00-11:00 = 20"]
outside = 5
"""
    )
    site = Site(toml, "2026-11-20 07:59")
    found: list[Event] = []
    site.jump("2026-11-20 12:00")
    found = site.told("program")
    assert [event.values["v"] for event in found] == [5.0, 10.0, 15.0, 20.0, 5.0]


# -- over a reload


def reloaded(site: Site, toml: str) -> None:
    """Let a site take other settings while it runs, as a reload does."""
    settings = loads(site.head + toml)
    points, limits = specs(settings)
    saved = {name: value for frame in site.frames for name, value in frame.items()}
    other = Replaced(
        points, limits, output_specs(settings),
        lambda records, events: site_parts(settings, records, events),
    )  # fmt: skip
    site.engine.replace(other, {}, saved, site.now_ms)
    site.settle()


def test_what_was_set_and_what_acts_goes_on_over_a_reload() -> None:
    """R1: takes effect at once, persists over restart and reload."""
    toml = (
        THERMOSTAT
        + LEAK
        + OFFICE.replace("heating.week", "w")
        .replace("heater", "hall.mode")
        .replace('"]', '"]\nto = "on"\noutside = "off"')
    )
    site = Site(toml)
    site.temperature = 18.0
    site.go(20)
    site.temperature = 19.0
    site.go(20)
    assert site.level("heater"), "within its deadband"
    for target, value in (("hall.wanted", 19.5), ("hall.hot", 18.9), ("w", "off")):
        assert site.set(target, value).done
    assert site.level("valve")
    before = len(site.switched)
    reloaded(site, toml + '[[setpoint]]\nid = "more"\ninitial = 1\n')
    site.go(60)
    assert (site.value("hall.wanted"), site.value("more")) == (19.5, 1)
    assert site.engine.limits["hall.hot"].spec.value == 18.9
    assert not site.engine.parts.of(Programs).is_enabled("w")
    assert site.level("heater")
    assert site.level("valve")
    assert len(site.switched) == before, "nothing flickered"
    assert site.set("hall.hot", default=True).values["after"] == 40.0
    assert site.set("more", 7).done


def test_a_rule_that_leaves_the_settings_lets_go_of_its_output() -> None:
    """T17: … and what a reload takes away holds nothing any more."""
    site = Site(LEAK)
    site.temperature = 41.0
    site.go(20)
    assert site.level("valve")
    reloaded(site, LEAK.split("[[rule]]", maxsplit=1)[0])
    site.go(20)
    assert not site.level("valve")
