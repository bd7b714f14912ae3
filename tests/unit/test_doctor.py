"""`vigie doctor`: what is found, in which words, with which remedy, and whether the installer may leave."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.cli import diagnosis
from edge.cli.machine_facts import listening_ports, machine_figures, readable_secrets
from edge.cli.main import main
from edge.cli.words import Words
from edge.core.doctor import CODES, Facts, Finding, examine, is_ready
from edge.settings import catalogue
from edge.settings.load import loads
from hal.fake.machine import FakeMachine
from tests.fake_desk import NOW_MS, FakeDesk, serving
from tests.support import ROOT
from tests.unit.settings_good import GOOD


def live_of(desk: FakeDesk) -> dict[str, Any]:
    answer = {"box": desk.box(), "values": desk.values(), "alarms": desk.alarms(), "buffer": desk.buffer()}
    found: dict[str, Any] = json.loads(msgspec.json.encode(answer))
    return found


def well() -> Facts:
    """A box on which nothing is wrong."""
    live = live_of(FakeDesk())
    live["values"] = [view for view in live["values"] if view["quality"] == "good"]
    live["alarms"] = []
    bus = {
        "bus": "gpio", "kind": "gpio", "devices": [
            {"device": "GPIO17", "points": ["water.cold"], "fault": "", "reason": "", "condition": {"pulses": 3}}
        ],
    }  # fmt: skip
    return Facts(
        live=live, buses=[bus], time={"source": "ntp", "error_ms": 50}, settings="site.toml", ports=[22],
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
    (but(unknown=[{"bus": "w1", "device": "28-3c01f0950a77"}]), ("warn", "unknown_device", "28-3c01f0950a77")),
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
        for text in (say(finding.text.key, **finding.text.values), diagnosis.remedy_of(finding.remedy, say)):
            assert text
            assert finding.code not in text.split()[0]


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
    facts = with_device("i2c", "no_answer", "SHT3x at 0x44 on i2c-1: no answer")
    assert found(facts) == [("fail", "no_answer", "water.cold")]
    say = Words("en")
    finding = next(f for f in examine(facts) if f.level == "fail")
    assert say(finding.text.key, **finding.text.values) == "d: SHT3x at 0x44 on i2c-1: no answer"
    assert diagnosis.remedy_of(finding.remedy, say).startswith("check SDA, SCL")


@pytest.mark.parametrize("kind", ["onewire", "i2c", "serial", "gpio", "own"])
def test_a_bad_point_of_a_device_that_answers_fails_with_its_reason(kind: str) -> None:
    facts = with_device(kind, "crc")
    assert found(facts) == [("fail", "crc", "water.cold")]
    assert diagnosis.remedy_of(examine(facts)[4].remedy, Words("fr"))


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
    alarm = {"active": True, "number": 1, "limit": "l", "point": "water.cold"}
    facts = ill(lambda live: live.update(alarms=[alarm] * 50 + [{**alarm, "active": False}]))
    assert found(facts) == [("warn", "alarm_active", "water.cold")] * 5


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
    assert lines[0] == "vigie doctor   b0042   Fri 20 Nov 16:20"
    at = next(n for n, line in enumerate(lines) if line.startswith("FAIL  t.cellar"))
    assert "28-3c01f0950a21" in lines[at]
    assert "[no_answer]" in lines[at + 1]
    assert lines[-1].split("  ")[1] == "more: vigie doctor no_answer"
    assert "Not ready to leave." in lines[-1]
    assert max(map(len, (line for line in lines if "→" not in line and "28-3c" not in line))) <= diagnosis.WIDTH


def test_its_json_is_whole(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json", "--socket", str(path), "--config", str(tmp_path / "none.toml")]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["ready"] is False
    assert {"level", "code", "subject", "text", "remedy"} == set(answer["findings"][0])
    assert "no_answer" in {finding["code"] for finding in answer["findings"]}


def test_without_a_box_the_settings_and_the_machine_are_looked_at_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "site.toml"
    config.write_text(GOOD.replace("pin = 27", "pin = 99"), encoding="utf-8")
    assert main(["doctor", "--socket", str(tmp_path / "none.sock"), "--config", str(config)]) == 1
    out = capsys.readouterr().out
    assert "no box answers" in out
    assert "site.toml: faults 1, the first:" in out
    assert 'point "door".pin = 99 a whole number' in out


def test_a_code_is_explained_in_the_language_of_who_asks(capsys: pytest.CaptureFixture[str]) -> None:
    before = os.environ["LC_ALL"]
    os.environ["LC_ALL"] = "fr_FR.UTF-8"
    try:
        assert main(["doctor", "no_answer"]) == 0
    finally:
        os.environ["LC_ALL"] = before
    assert capsys.readouterr().out.splitlines()[0] == "no_answer  pas de réponse de l'appareil"
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
        assert catalogue.has("fr", f"doctor.{code}"), code


def test_the_page_of_codes_is_the_one_that_the_program_makes() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    assert page == diagnosis.troubleshooting(), "run: python -m edge.cli.diagnosis > docs/troubleshooting.md"


def test_a_finding_is_plain_and_frozen() -> None:
    assert Finding.__struct_config__.frozen
