"""`vigie doctor`: what is found, in which words, with which remedy, and whether the installer may leave."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.cli import diagnosis
from edge.cli.cells import cells
from edge.cli.diagnosis import words_of
from edge.cli.machine_facts import (
    is_installed,
    listening_ports,
    machine_figures,
    missing_extras,
    readable_secrets,
)
from edge.cli.main import main
from edge.cli.words import Words
from edge.core.doctor import CODES, Facts, examine, is_ready
from edge.core.series import JournalLine
from edge.settings import catalogue
from edge.settings.load import loads
from hal.fake.machine import FakeMachine
from tests.fake_desk import NOW_MS, FakeDesk, serving
from tests.support import ROOT
from tests.unit.settings_good import GOOD


def live_of(desk: FakeDesk) -> dict[str, Any]:
    answer = {"box": desk.box(), "values": desk.view("values"), "alarms": desk.view("alarms"), "buffer": desk.buffer()}
    found: dict[str, Any] = json.loads(msgspec.json.encode(answer))
    return found


IS_ROOT = os.geteuid() == 0
RIGHTS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if IS_ROOT else ()
"""What makes root heed rights like anybody else; others do by themselves."""
"""Root without these two may read what its mode allows, as any user."""
GPIO: dict[str, Any] = {
    "bus": "gpio", "kind": "gpio", "devices": [
        {"device": "GPIO17", "points": ["water.cold"], "fault": "", "reason": "", "condition": {"pulses": 3}}
    ],
}  # fmt: skip
STRANGER = {
    "device": "28-3c01f0950a77", "driver": "ds18b20", "options": {"probe": "28-3c01f0950a77"}, "value": -21.5,
    "unit": "Cel", "quality": "good",
}  # fmt: skip


def relay(**changes: Any) -> dict[str, Any]:
    """An output that does as it is told."""
    known = {
        "output": "pump", "state": "on", "driven": "on", "quality": "good", "reason": "", "mode": "auto",
        "author": "", "name": {"en": "Pump", "fr": "Pompe"},
    }  # fmt: skip
    return {**known, **changes}


def well() -> Facts:
    """A box on which nothing is wrong."""
    live = live_of(FakeDesk())
    live["values"] = [view for view in live["values"] if view["quality"] == "good"]
    live["alarms"] = []
    return Facts(
        live=live, buses=[GPIO], time={"source": "ntp", "error_ms": 50}, settings="site.toml", ports=[22],
        machine={"undervoltage": 0, "throttled": 0, "cpu_temperature": 48.0, "disk_used": 36.2, "card_wear": 20.0},
    )  # fmt: skip


def but(**changes: Any) -> Facts:
    return msgspec.structs.replace(well(), **changes)


def ill(change: Callable[[dict[str, Any]], None]) -> Facts:
    """The well box whose API answers otherwise."""
    live = copy.deepcopy(dict(well().live or {}))
    change(live)
    return but(live=live)


def found(facts: Facts) -> list[tuple[str, str, str]]:
    return [(f.level, f.code, f.subject) for f in examine(facts) if f.level != "ok"]


def test_a_box_that_is_well_lets_the_installer_leave_and_every_part_says_so() -> None:
    findings = examine(well())
    assert found(well()) == []
    assert is_ready(findings)
    assert [f.subject for f in findings] == ["service", "settings", "power", "clock", "gpio", "disk", "mqtt", "secrets"]


UPDATE = {"version": "0.1.0+5", "slot": "b", "trial": None, "is_try": False, "last": None, "lost": None}
REFUSED = {"outcome": "refused", "version": "", "why": "empty", "utc_ms": 0}
CASES: list[tuple[Facts, tuple[str, str, str]]] = [
    (but(live=None, why_no_box="No such file"), ("fail", "no_box", "service")),
    (but(faults=2, first_fault="f.toml:3:1 x"), ("fail", "settings_refused", "settings")),
    (but(is_newer=True), ("warn", "settings_newer", "settings")),
    (but(machine={"undervoltage": 1}), ("fail", "undervoltage", "power")),
    (but(machine={"throttled": 1}), ("warn", "throttled", "power")),
    (but(machine={"cpu_temperature": 80.0}), ("warn", "too_hot", "power")),
    (but(machine={"disk_used": 90.0}), ("warn", "disk_full", "disk")),
    (but(machine={"disk_used": 97.0}), ("fail", "disk_full", "disk")),
    (but(machine={"card_wear": 110.0}), ("warn", "card_worn", "disk")),
    (but(time={"source": "floor", "error_ms": None}), ("fail", "clock_unset", "clock")),
    (but(readable=["/etc/vigie/mqtt"]), ("warn", "readable_secret", "secrets")),
    (but(is_unread=True), ("warn", "settings_unread", "settings")),
    (but(extras=["modbus"]), ("fail", "extra_missing", "settings")),
    (but(cut_ago_ms=3_600_000.0), ("warn", "unclean_stop", "service")),
    (but(has_lamp=False), ("warn", "lamp_none", "lamp")),
    (but(update={**UPDATE, "lost": "a"}), ("warn", "system_lost", "system")),
    (but(update={**UPDATE, "last": REFUSED}), ("warn", "update_refused", "system")),
    (but(buses=[{**GPIO, "unknown": [STRANGER]}]), ("warn", "unknown_device", "28-3c01f0950a77")),
    (but(buses=[{**GPIO, "late_ms": {"ticks": 20, "p99": 500.0}}]), ("warn", "bus_slow", "gpio")),
    (but(buses=[{**GPIO, "condition": {"w1_bus_master1": "parasite"}}]), ("warn", "probes_one_by_one", "gpio")),
    (but(outputs=[relay(mode="order", author="anna")]), ("warn", "output_ordered", "pump")),
    (but(outputs=[relay(mode="max_on")]), ("warn", "output_forced", "pump")),
    (ill(lambda live: live["buffer"].update(links={})), ("warn", "no_link", "server")),
    (ill(lambda live: live["buffer"]["records"].update(degraded="EIO")), ("fail", "store_degraded", "disk")),
    (ill(lambda live: live["buffer"].update(history={"degraded": "EIO"})), ("warn", "history_degraded", "disk")),
    (ill(lambda live: live["box"].update(notebook="EIO")), ("warn", "notebook_degraded", "disk")),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "expected"), CASES, ids=[f"{case[1][1]}-{case[1][0]}" for case in CASES])
def test_what_is_wrong_is_found_alone_with_a_sentence_and_a_remedy_in_both_languages(
    facts: Facts, expected: tuple[str, str, str]
) -> None:
    assert found(facts) == [expected]
    assert is_ready(examine(facts)) is (expected[0] != "fail")
    finding = next(f for f in examine(facts) if f.code == expected[1])
    for lang in ("en", "fr"):
        say = Words(lang)
        assert finding.remedy is not None
        for text in words_of(finding, say):
            assert text
            assert not text.startswith("doctor"), "a sentence that is missing is shown by its key"


def with_device(kind: str, reason: str, fault: str = "") -> Facts:
    device = {
        "device": "d",
        "points": ["water.cold"],
        "fault": fault,
        "reason": reason if fault else "",
        "condition": {},
    }

    def change(live: dict[str, Any]) -> None:
        bad = {"quality": "bad", "reason": reason, "value": None}
        next(value for value in live["values"] if value["point"] == "water.cold").update(bad)

    return msgspec.structs.replace(ill(change), buses=[{"bus": "b", "kind": kind, "devices": [device]}])


def test_a_lost_device_is_one_failure_under_its_first_points_name() -> None:
    facts = with_device("i2c", "no_answer", "SHT3x at 0x44 on i2c-1: no answer (errno 121); check wiring and pull-ups")
    assert found(facts) == [("fail", "no_answer", "water.cold")]
    finding = next(f for f in examine(facts) if f.level == "fail")
    assert words_of(finding, Words("en")) == (
        "SHT3x at 0x44 on i2c-1: no answer (errno 121)", "check SDA, SCL, supply and the address: vigie scan"
    )  # fmt: skip
    text, remedy = words_of(finding, Words("fr"))
    assert text == "pas de réponse de l'appareil\u00a0: SHT3x at 0x44 on i2c-1: no answer (errno 121)"
    assert remedy.startswith("vérifier SDA, SCL")


def test_what_could_not_be_opened_is_cured_as_the_driver_says_where_several_causes_share_the_code() -> None:
    facts = with_device("serial", "not_open", "Téléinfo on /dev/ttyUSB0: no permission; add the user to group tty")
    finding = next(f for f in examine(facts) if f.level == "fail")
    assert words_of(finding, Words("en"))[1] == "add the user to group tty"
    assert "usermod -aG dialout vigie" in words_of(finding, Words("fr"))[1]


def test_a_lost_device_counts_its_other_points_and_is_named_as_people_call_it() -> None:
    facts = with_device("i2c", "no_answer", "SHT3x: no answer")
    device = {**facts.buses[0]["devices"][0], "points": ["t.cellar", "water.cold", "tic.papp"]}
    live = copy.deepcopy(live_of(FakeDesk()))
    facts = msgspec.structs.replace(facts, live=live, buses=[{**facts.buses[0], "devices": [device]}])
    finding = next(f for f in examine(facts) if f.code == "no_answer")
    assert words_of(finding, Words("en"))[0] == "Cellar: SHT3x: no answer, with 2 more points"
    assert words_of(finding, Words("fr"))[0].startswith("Cave\u00a0: pas de réponse")


@pytest.mark.parametrize("kind", ["onewire", "i2c", "serial", "gpio", "own"])
def test_a_bad_point_of_a_device_that_answers_fails_with_its_reason(kind: str) -> None:
    facts = with_device(kind, "crc")
    assert found(facts) == [("fail", "crc", "water.cold")]
    finding = next(f for f in examine(facts) if f.code == "crc")
    assert words_of(finding, Words("fr"))[1]


def test_one_fault_of_all_points_of_a_device_is_one_finding() -> None:
    facts = with_device("serial", "no_frame")
    points = ["water.cold", "water.flow"]

    def change(live: dict[str, Any]) -> None:
        for view in live["values"]:
            if view["point"] in points:
                view.update(quality="bad", reason="no_frame", value=None)

    device = {**facts.buses[0]["devices"][0], "points": points}
    facts = msgspec.structs.replace(ill(change), buses=[{**facts.buses[0], "devices": [device]}])
    assert found(facts) == [("fail", "no_frame", "water.cold")]
    assert next(f for f in examine(facts) if f.code == "no_frame").others == 1


def test_a_bus_that_is_missing_is_one_finding_however_many_devices_it_has() -> None:
    lost = {"fault": "i2c-97: no such bus; switch it on", "reason": "not_open"}
    devices = [{"device": f"0x{n:02x}", "points": [f"p{n}", f"q{n}"], **lost} for n in range(0x40, 0x48)]
    other = {"device": "0x50", "points": ["r"], "fault": "BH1750: no answer", "reason": "no_answer"}
    facts = but(buses=[{"bus": "i2c97", "kind": "i2c", "devices": [*devices, other]}])
    assert found(facts) == [("fail", "not_open", "p64"), ("fail", "no_answer", "r")]
    assert [f.others for f in examine(facts) if f.level == "fail"] == [15, 0]


def test_what_a_machine_does_not_tell_keeps_nobody_there() -> None:
    facts = with_device("box", "not_offered")
    assert found(facts) == [("warn", "not_offered", "water.cold")]


def meter(**changes: Any) -> Facts:
    condition = {
        "mode": "historique", "baud": 1200, "frame_ok": 11, "frame_bad": 1, "groups_ok": 99, "groups_bad": 1, **changes
    }  # fmt: skip
    device = {"device": "meter", "points": ["tic.papp"], "fault": "", "reason": "", "condition": condition}
    return but(buses=[{"bus": "meter1", "kind": "serial", "devices": [device]}])


def test_a_meter_says_its_mode_and_how_much_of_its_last_frame_was_whole() -> None:
    finding = next(f for f in examine(meter()) if f.subject == "meter1")
    assert finding.level == "ok"
    assert words_of(finding, Words("en"))[0] == "Téléinfo historique 1200 Bd, 11/12 groups, 1 point"
    assert words_of(finding, Words("fr"))[0] == "Téléinfo historique 1200 Bd, 11/12 groupes, 1 point"


@pytest.mark.parametrize(("good", "bad", "is_noisy"), [(98, 2, True), (97, 2, False), (199, 3, False), (0, 100, True)])
def test_a_meters_line_that_loses_groups_is_to_be_looked_at_once_that_means_something(
    good: int, bad: int, is_noisy: bool
) -> None:
    facts = meter(groups_ok=good, groups_bad=bad)
    assert found(facts) == ([("warn", "crc", "meter1")] if is_noisy else [])


def test_a_stranger_may_stand_in_the_place_of_what_is_missing() -> None:
    probe = {"device": "28-3c01f0950a21", "points": ["boiler.flow"], "fault": "gone; look", "reason": "unplugged"}
    bus = {"bus": "w1", "kind": "onewire", "devices": [probe], "missing": ["28-3c01f0950a21"], "unknown": [STRANGER]}
    say = Words("en")
    one = next(f for f in examine(but(buses=[bus])) if f.code == "unknown_device")
    assert words_of(one, say) == (
        "on w1, belongs to no point; it says -21.5 °C",
        'if it replaces 28-3c01f0950a21: probe = "28-3c01f0950a77" at boiler.flow; else unplug it',
    )
    two = but(buses=[{**bus, "unknown": [STRANGER, {**STRANGER, "device": "28-3c01f0950a78"}]}])
    cures = [words_of(f, say)[1] for f in examine(two) if f.code == "unknown_device"]
    assert len(cures) == 2
    assert not any("replaces" in cure for cure in cures), "nobody knows which one it is"


@pytest.mark.parametrize(("ticks", "p99"), [(19, 9000.0), (20, 499.0), (0, 0.0)])
def test_a_bus_that_is_hardly_late_or_has_just_begun_is_not_slow(ticks: int, p99: float) -> None:
    assert found(but(buses=[{**GPIO, "late_ms": {"ticks": ticks, "p99": p99}}])) == []


def test_outputs_say_their_states_and_one_that_does_not_obey_fails() -> None:
    finding = next(
        f
        for f in examine(but(outputs=[relay(), relay(output="fan", state="off")]))
        if f.code == "ok" and f.subject == "outputs"
    )
    assert words_of(finding, Words("en"))[0] == "pump on, fan off"
    assert words_of(finding, Words("fr"))[0] == "pump en marche, fan à l'arrêt"
    stuck = but(outputs=[relay(state="off", quality="uncertain", reason="mismatch")])
    assert found(stuck) == [("fail", "mismatch", "pump")]
    assert words_of(next(f for f in examine(stuck) if f.code == "mismatch"), Words("en"))[0] == (
        "Pump: switched on, and is off"
    )
    lost = but(outputs=[relay(state="", quality="bad", reason="not_open")])
    assert found(lost) == [("fail", "not_open", "pump")]


def test_a_meter_that_rests_is_to_be_looked_at_and_no_failure() -> None:
    facts = with_device("serial", "not_sent")
    assert found(facts) == [("warn", "not_sent", "water.cold")]
    assert is_ready(examine(facts))


def test_a_pulse_input_that_never_heard_anything_says_so_once() -> None:
    devices = [
        {
            "device": "GPIO17",
            "points": ["water.cold", "water.flow"],
            "fault": "",
            "reason": "",
            "condition": {"pulses": 0},
        }
    ]
    facts = but(buses=[{"bus": "gpio", "kind": "gpio", "devices": devices}])
    assert found(facts) == [("warn", "no_pulse", "water.cold")]


def test_a_doubtful_value_is_to_be_looked_at_and_an_estimate_is_none() -> None:
    def doubt(reason: str) -> Callable[[dict[str, Any]], None]:
        return lambda live: live["values"][0].update(quality="uncertain", reason=reason)

    assert found(ill(doubt("suspect"))) == [("warn", "suspect", "tic.index.hc")]
    assert found(ill(doubt("estimated"))) == []


def test_active_alarms_are_named_and_a_flood_is_cut() -> None:
    alarm = {"active": True, "number": 1, "kind": "high", "point": "water.cold", "at": 3.0, "unit": "m3"}
    facts = ill(lambda live: live.update(alarms=[alarm] * 50 + [{**alarm, "active": False}]))
    assert found(facts) == [("warn", "alarm_active", "water.cold")] * 5
    finding = next(f for f in examine(facts) if f.code == "alarm_active")
    assert words_of(finding, Words("en"))[0] == "alarm 1 HIGH > 3 m³"


@pytest.mark.parametrize(
    ("alarm", "text"),
    [
        ({"kind": "high", "value": 88.5625, "at": 85.0, "unit": "Cel"}, "HIGH 88.56 °C > 85 °C"),
        ({"kind": "high", "value": 84.25, "at": 85.0, "unit": "Cel"}, "HIGH 84.25 °C against 85 °C"),
        ({"kind": "low", "value": 4.0, "at": 4.0, "unit": "Cel", "details": {"or_equal": True}}, "LOW 4 °C ≤ 4 °C"),
        ({"kind": "equal", "value": 0, "at": 0.0, "word": "lost"}, "STATE lost"),
        ({"kind": "expression", "value": None, "details": {"expression": "a > b"}}, "CONDITION a > b"),
    ],
)
def test_an_active_alarm_says_what_is_true_of_its_value_and_its_limit(alarm: dict[str, Any], text: str) -> None:
    facts = ill(lambda live: live.update(alarms=[{"active": True, "number": 1, "point": "water.cold", **alarm}]))
    finding = next(f for f in examine(facts) if f.code == "alarm_active")
    assert words_of(finding, Words("en"))[0] == f"alarm 1 {text}"


def test_the_alarm_of_a_lost_point_is_its_devices_finding() -> None:
    alarm = {"active": True, "number": 1, "kind": "fault", "point": "water.cold"}
    facts = with_device("onewire", "crc")
    live = {**(facts.live or {}), "alarms": [alarm]}
    assert found(msgspec.structs.replace(facts, live=live)) == [("fail", "crc", "water.cold")]


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ({"state": "down", "code": "nobody_listens"}, ("fail", "nobody_listens", "mqtt")),
        ({"state": "opening", "code": ""}, ("fail", "link_down", "mqtt")),
        ({"state": "up", "problems": ["duplicate_id"]}, ("warn", "duplicate_id", "mqtt")),
        ({"state": "up", "last_ack_utc_ms": None}, ("warn", "unacknowledged", "mqtt")),
        (
            {"state": "up", "last_ack_utc_ms": NOW_MS - 700_000, "waiting": {"records": 9}},
            ("warn", "unacknowledged", "mqtt"),
        ),
    ],
)
def test_a_link_that_does_not_carry_says_why_and_what_to_do(
    link: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    facts = ill(lambda live: live["buffer"]["links"]["mqtt"].update(link))
    assert found(facts) == [expected]
    finding = next(f for f in examine(facts) if f.level != "ok")
    assert diagnosis.remedy_of(finding.remedy, Words("fr"))


def test_nothing_known_is_no_box_and_nothing_else() -> None:
    assert [f.code for f in examine(Facts())] == ["no_box"]


# -- the machine


def test_the_machine_is_asked_without_a_box(tmp_path: Path) -> None:
    FakeMachine(tmp_path).supply(1, 0x5)
    figures = machine_figures(tmp_path / "gone" / "vigie", tmp_path)
    assert figures["undervoltage"] == 1
    assert figures["throttled"] == 1
    assert figures["cpu_temperature"] == 48.312
    assert machine_figures(Path("/"), tmp_path / "nothing")["throttled"] is None


HEAD = "  sl  local_address rem_address   st\n"


@pytest.mark.parametrize(
    ("tcp", "tcp6", "ports"),
    [
        (HEAD + "   0: 00000000:0016 00000000:0000 0A 0\n   1: 0100007F:075B 00000000:0000 0A 0\n", HEAD, [22]),
        (HEAD + "   0: 0500A8C0:01BB 0600A8C0:9999 01 0\n", HEAD, []),
        (HEAD, HEAD + f"   0: {'0' * 32}:0050 {'0' * 32}:0000 0A 0\n", [80]),
        (HEAD, HEAD + f"   0: {'0' * 24}01000000:0050 {'0' * 32}:0000 0A 0\n", []),
        ("", "", []),
    ],
)
def test_ports_open_to_others_are_listed_and_loopback_is_not(
    tmp_path: Path, tcp: str, tcp6: str, ports: list[int]
) -> None:
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/tcp").write_text(tcp, encoding="ascii")
    (tmp_path / "proc/net/tcp6").write_text(tcp6, encoding="ascii")
    assert listening_ports(tmp_path) == ports
    assert listening_ports(tmp_path / "nothing") is None


def test_a_password_that_everybody_may_read_is_named(tmp_path: Path) -> None:
    secret = tmp_path / "mqtt"
    secret.write_text("x", encoding="ascii")
    host = 'host = "broker.example.org"'
    settings = loads(GOOD.replace(host, f'{host}\nusername = "u"\npassword_file = "{secret}"'))
    secret.chmod(0o644)
    assert readable_secrets(settings) == [str(secret)]
    secret.chmod(0o600)
    assert readable_secrets(settings) == []
    secret.unlink()
    assert readable_secrets(settings) == []


def test_a_pin_that_everybody_may_read_is_named_and_a_modem_needs_its_extra(tmp_path: Path) -> None:
    secret = tmp_path / "pin"
    secret.write_text("1234", encoding="ascii")
    secret.chmod(0o644)
    settings = loads(f'{GOOD}\n[link.sms]\npin_file = "{secret}"\n')
    assert readable_secrets(settings) == [str(secret)]
    assert missing_extras(settings, lambda library: library == "gpiod") == ["gsm"]
    assert missing_extras(settings, lambda library: library in {"gpiod", "gammu"}) == []


# -- the command


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    with serving(FakeDesk(), tmp_path / "api.sock") as socket_path:
        yield socket_path


def test_the_command_prints_a_line_a_part_its_remedy_and_the_verdict(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--socket", str(path), "--config", str(tmp_path / "none.toml")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "vigie doctor   b0042 Gymnase Sud   Fri 20 Nov 16:20"
    at = next(n for n, line in enumerate(lines) if line.startswith("FAIL  t.cellar"))
    assert "Cellar: DS18B20 28-3c01f0950a21: no answer" in lines[at]
    assert "[no_answer]" in "".join(lines[at + 1 : at + 4])
    assert "Not ready to leave." in "".join(lines[-2:])
    assert lines[-1].endswith("more: vigie doctor no_answer")
    assert max(map(cells, lines)) <= 80


@pytest.mark.parametrize("lang", ["en", "fr"])
@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_no_line_is_wider_than_the_screen_whatever_is_wrong(lang: str, width: int) -> None:
    findings = [finding for facts, _expected in CASES for finding in examine(facts) if finding.level != "ok"]
    lines = diagnosis.lines_of(findings, None, 1.0, Words(lang), None, width)
    too_wide = [line for line in lines if cells(line) > width and len(line.split()) > 1]
    assert too_wide == []
    assert len(lines) > len(CASES)


@pytest.mark.parametrize(("count", "lang", "words"), [
    (1, "en", "1 FAIL"), (2, "en", "2 FAIL"), (1, "fr", "1 ÉCHEC "), (2, "fr", "2 ÉCHECS "), (0, "fr", "Vous pouvez"),
])  # fmt: skip
def test_the_verdict_counts_in_the_plural(count: int, lang: str, words: str) -> None:
    failed = [f for f in examine(but(machine={"undervoltage": 1})) if f.level == "fail"] * count
    lines = diagnosis.lines_of(failed, None, 0.2, Words(lang), None)
    assert any(words in line for line in lines), lines
    assert any("1 s" in line for line in lines), "nobody believes in 0 s"


def test_a_box_that_was_cut_off_within_a_day_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    desk = FakeDesk()
    desk.lines = [JournalLine("0c77d1e2", 7, 3, NOW_MS - 3_600_000, "ntp", "unclean_stop")]
    with serving(desk, tmp_path / "api.sock") as path:
        assert main(["doctor", "--json", "--socket", str(path), "--config", str(tmp_path / "none.toml")]) == 1
    findings = {each["code"]: each for each in json.loads(capsys.readouterr().out)["findings"]}
    assert findings["unclean_stop"]["text"].startswith("cut off 1 h ago")
    (_before, limit, wanted) = desk.journal_asked[-1]
    assert (limit, wanted.kinds, wanted.since_ms) == (1, {"unclean_stop"}, NOW_MS - 86_400_000)


def test_its_json_is_whole(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--socket", str(path), "--config", str(tmp_path / "none.toml")]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["ready"] is False
    assert {"level", "code", "subject", "text", "remedy", "detail"} == set(answer["findings"][0])
    assert "no_answer" in {finding["code"] for finding in answer["findings"]}


def test_a_fault_is_told_in_the_language_of_the_box_that_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, desk = tmp_path / "site.toml", FakeDesk()
    desk.lang = "fr"
    config.write_text("x = [\n", encoding="utf-8")
    with serving(desk, tmp_path / "api.sock") as path:
        assert main(["doctor", "--socket", str(path), "--config", str(config)]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "le premier : site.toml:2:1 TOML ne connaît pas cette valeur" in told


def test_without_a_box_the_settings_and_the_machine_are_looked_at_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "site.toml"
    config.write_text(GOOD.replace("pin = 27", "pin = 99"), encoding="utf-8")
    assert main(["doctor", "--socket", str(tmp_path / "none.sock"), "--config", str(config)]) == 1
    out = capsys.readouterr().out
    told = " ".join(out.split())
    assert "no box answers: none runs, or it has another socket" in told
    assert "site.toml has faults (1), the first:" in told
    assert 'point "door".pin = 99 a whole number' in told


@pytest.mark.skipif(IS_ROOT and shutil.which("setpriv") is None, reason="setpriv (util-linux) is missing")
def test_a_user_who_may_neither_ask_the_box_nor_read_its_settings_is_told_which_group_to_join(tmp_path: Path) -> None:
    config = tmp_path / "vigie" / "site.toml"
    config.parent.mkdir()
    config.write_text(GOOD, encoding="utf-8")
    with serving(FakeDesk(), tmp_path / "api.sock") as path:
        asked = {}
        for locked in (config.parent, path):
            locked.chmod(0)
        try:
            for command in ("doctor", "status"):
                words = [command, "--json", "--socket", str(path)]
                words += ["--config", str(config)] if command == "doctor" else []
                asked[command] = subprocess.run(
                    [*RIGHTS, sys.executable, "-m", "edge.cli.main", *words],
                    capture_output=True, check=False, cwd=ROOT,
                )  # fmt: skip
        finally:
            config.parent.chmod(0o700)
    assert asked["doctor"].returncode == 1, asked["doctor"].stderr
    findings = {each["code"]: each for each in json.loads(asked["doctor"].stdout)["findings"]}
    assert "group vigie" in findings["no_box"]["text"]
    for code in ("no_box", "settings_unread"):
        assert "usermod -aG vigie" in findings[code]["remedy"]
    assert asked["status"].returncode == 3
    assert b"usermod -aG vigie" in asked["status"].stderr


def test_a_code_is_explained_in_the_language_of_the_box_or_of_who_asks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = os.environ["LC_ALL"]
    os.environ["LC_ALL"] = "fr_FR.UTF-8"
    try:
        assert main(["doctor", "no_answer"]) == 0
    finally:
        os.environ["LC_ALL"] = before
    assert capsys.readouterr().out.splitlines()[0] == "no_answer : pas de réponse de l'appareil"
    with serving(FakeDesk(), tmp_path / "api.sock") as path:
        os.environ["LC_ALL"] = "fr_FR.UTF-8"
        try:
            assert main(["doctor", "no_answer", "--socket", str(path)]) == 0
        finally:
            os.environ["LC_ALL"] = before
    assert capsys.readouterr().out.startswith("no_answer: no answer from the device\n"), "the box speaks English"
    assert main(["doctor", "no_anser"]) == 2
    assert capsys.readouterr().out == "no code no_anser; did you mean no_answer?\n"
    assert main(["doctor", "qqqqqq"]) == 2


# -- every code


def test_every_code_has_a_meaning_and_each_that_fails_or_warns_a_remedy() -> None:
    say = Words("en")
    quiet = {"estimated", "late", "partial", "power_cut", "meter_changed", "unconfirmed", "clock_unsynced",
             "clock_degraded"}  # fmt: skip
    for code in diagnosis.known_codes():
        page = diagnosis.page_of(code, say)
        assert page[0][1], code
        assert len(page) > 1 or code in quiet, f"{code} has no remedy: write one in [remedy] or [doctor_link]"
    for code in CODES:
        for table in ("doctor", "doctor_meaning"):
            assert f"{table}.{code}" in catalogue.catalogue("fr"), code
    for code in diagnosis.known_codes():
        for lang in ("en", "fr"):
            lines = diagnosis.page_lines(code, Words(lang), 80)
            assert not any("{" in line or cells(line) > 80 for line in lines), lines


def test_extras_that_the_settings_need_are_looked_for() -> None:
    settings = loads(GOOD)
    assert missing_extras(settings, lambda _library: False) == ["gpio"]
    assert missing_extras(settings, lambda library: library == "lgpio") == [], "either of the two is enough"
    modbus = loads(GOOD + '\n[bus.rs485]\nkind = "modbus"\nport = "/dev/ttyUSB0"\n')
    assert missing_extras(modbus, lambda library: library == "gpiod") == ["modbus"]
    assert is_installed("msgspec")
    assert not is_installed("no_such_library")


@pytest.mark.parametrize(("lang", "path"), diagnosis.PAGES.items())
def test_the_page_of_codes_is_the_one_that_the_program_makes(lang: str, path: str) -> None:
    page = (ROOT / path).read_text(encoding="utf-8")
    assert page == diagnosis.troubleshooting(lang), f"run: python -m edge.cli.diagnosis {lang} > {path}"
