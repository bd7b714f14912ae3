"""The modem's own work, on a simulated modem: who it is, its PIN tried once, a SIM emptied and nothing lost."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hal.fake.modem_sim import Slot
from sms.modem import found_by
from sms.modem_child import answer, ask, device_of, request_of
from sms.pin_latch import PinLatch
from sms.smsd import Smsd
from tests.modem_bench import Bench
from tests.smsd_rig import needs_schema

pytest.importorskip("gammu", reason="python-gammu comes with the extra gsm")
GOOD = bytes.fromhex("07913306000000F0040B913306000000F100006211220000000004D4F29C0E")
BAD = bytes.fromhex("07913306000000F0FF0B")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_a_modem_says_who_it_is_through_the_child(bench: Bench) -> None:
    bench.sim.slots[1] = Slot(GOOD)
    found = ask("identity", str(bench.modem.port), folder=bench.folder)
    assert found == {
        "sim": "READY", "used": 1, "capacity": 20, "manufacturer": "Fake", "model": "MODEM-1", "firmware": "1.0",
        "imei": "350000000000001", "imsi": "208010000000001", "smsc": bench.network.centre,
        "operator": "Fake mobile", "state": "HomeNetwork", "signal_percent": 63, "signal_dbm": -71, "text_mode": True,
    }  # fmt: skip


def test_a_modem_that_began_anew_tells_text_mode_once_and_one_that_falls_silent_nothing(bench: Bench) -> None:
    assert bench.does("mode") == {"text_mode": True}
    assert bench.does("mode") == {"text_mode": False}
    bench.modem.reboot(time.monotonic())
    assert bench.does("mode") == {"text_mode": True}
    bench.modem.faults.damaged.append(("+CMGF?", "garbled"))
    assert bench.does("mode") == {}
    bench.modem.faults.mute = "idle"
    assert bench.does("mode")["fault"] == "no_answer"


# -- the PIN


def locked(bench: Bench) -> Bench:
    bench.sim.asks = True
    bench.sim.power()
    return bench


def test_a_right_pin_unlocks_and_a_second_time_nothing_is_tried(bench: Bench) -> None:
    locked(bench)
    assert bench.does("identity")["sim"] == "SIM PIN"
    assert bench.does("pin", "1234") == {"sim": "READY"}
    assert bench.does("pin", "1234") == {"sim": "READY"}
    assert bench.sim.tried == ["1234"]


def test_a_wrong_pin_costs_one_try_however_often_it_is_asked_for(bench: Bench) -> None:
    locked(bench)
    assert bench.does("pin", "9999")["fault"] == "pin_refused"
    for _ in range(3):
        found = bench.does("pin", "9999")
        assert (found["sim"], found["fault"], found["tries"]) == ("SIM PIN", "pin_refused", 2)
    assert bench.sim.tried == ["9999"]
    assert bench.does("pin", "1234") == {"sim": "READY"}


def test_the_last_try_but_one_is_the_last_that_the_box_takes(bench: Bench) -> None:
    locked(bench)
    for number in range(10):
        bench.does("pin", f"999{number}")
    assert bench.sim.tried == ["9990", "9991"]
    assert bench.sim.pin_tries == 1
    assert bench.does("pin", "1234")["fault"] == "pin_tries"


@pytest.mark.parametrize("secret", ["", "123", "123456789", "12a4", '1234"'])
def test_what_is_no_pin_never_reaches_the_card(bench: Bench, secret: str) -> None:
    locked(bench)
    assert bench.does("pin", secret)["fault"] == "no_pin"
    assert bench.sim.tried == []


def test_a_blocked_and_a_missing_card_are_named(bench: Bench) -> None:
    locked(bench).sim.pin_tries = 0
    assert bench.does("pin", "1234") == {"sim": "SIM PUK"}
    bench.sim.puk_tries = 0
    assert bench.does("identity") == {"sim": "absent"}
    assert bench.sim.tried == []


def test_a_power_cut_in_the_middle_is_no_second_try_unless_the_card_has_all_of_them(tmp_path: Path) -> None:
    latch = PinLatch(tmp_path / "tried.json")
    latch.trying("8933", "1234")
    again = PinLatch(tmp_path / "tried.json")
    assert again.why_not("8933", "1234", 2) == "pin_refused"
    assert again.why_not("8933", "1234", None) == "pin_refused"
    assert again.why_not("8933", "1234", 3) == "", "the try never reached the card"
    assert again.why_not("8933", "1235", None) == "pin_unknown"
    assert again.why_not("8933", "1235", 2) == ""
    assert again.why_not("8944", "1234", None) == "", "another card"
    again.refused("8933", "1234")
    assert again.why_not("8933", "1234", 3) == "pin_refused"
    again.accepted("8933")
    assert again.why_not("8933", "1234", 3) == ""
    assert "1234" not in (tmp_path / "tried.json").read_text()


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"8933": 7}', "\0"])
def test_a_latch_that_cannot_be_read_lets_nothing_through(tmp_path: Path, text: str) -> None:
    (tmp_path / "tried.json").write_text(text)
    latch = PinLatch(tmp_path / "tried.json")
    assert latch.why_not("8933", "1234", 3) == "pin_latch"
    latch.refused("8933", "1111")  # a person deletes the file, or this begins it anew
    assert latch.why_not("8933", "1234", 3) == ""


# -- a SIM that is stuck


def test_what_cannot_be_read_is_taken_off_the_card_and_kept_raw(bench: Bench) -> None:
    bench.sim.slots.update({1: Slot(GOOD), 2: Slot(BAD), 3: Slot(GOOD)})
    found = bench.does("drain")
    assert found == {
        "sim": "READY", "drained": [BAD.hex().upper()], "used": 2, "capacity": 20, "text_mode": True,
    }  # fmt: skip
    assert sorted(bench.sim.slots) == [1, 3]
    (line,) = (bench.folder / "stuck.jsonl").read_text().splitlines()
    assert json.loads(line)["pdus"] == [BAD.hex().upper()]


def test_where_each_can_be_read_all_are_taken_off_and_an_empty_card_stays_as_it_is(bench: Bench) -> None:
    bench.does("mode")
    bench.sim.slots.update({1: Slot(GOOD), 20: Slot(GOOD)})
    assert bench.does("drain")["drained"] == [GOOD.hex().upper()] * 2
    assert bench.sim.slots == {}
    assert bench.does("drain") == {"sim": "READY", "drained": [], "used": 0, "capacity": 20, "text_mode": False}


def test_what_text_mode_alone_hid_stays_on_the_card_to_be_read(bench: Bench) -> None:
    bench.sim.slots[1] = Slot(GOOD)
    assert bench.does("drain") == {"sim": "READY", "drained": [], "used": 1, "capacity": 20, "text_mode": True}
    assert list(bench.sim.slots) == [1]


def test_a_message_that_cannot_be_deleted_is_said(bench: Bench) -> None:
    bench.sim.slots[1] = Slot(BAD)
    bench.modem.faults.undeletable = True
    assert bench.does("drain")["fault"] == "undeletable"


# -- a modem that is not as it should be


def test_a_deaf_modem_and_a_missing_one_are_told_apart(bench: Bench) -> None:
    bench.modem.faults.mute = "idle"
    assert bench.does("identity")["fault"] == "no_answer"
    found = found_by("identity", str(bench.folder / "none"), "", bench.folder)
    assert found["fault"] == "no_device"


def test_chatter_between_the_answers_is_passed_over(bench: Bench) -> None:
    bench.modem.faults.chatter = True
    bench.sim.slots[1] = Slot(BAD)
    assert bench.does("drain")["drained"] == [BAD.hex().upper()]


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("import time; time.sleep(60)", "hangs"),
        ("raise SystemExit(3)", "failed"),
        ("print('[1]')", "failed"),
        ("print('')", "failed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "failed"),
    ],
)
def test_a_child_that_hangs_or_dies_is_an_answer_and_leaves_nobody_behind(script: str, fault: str) -> None:
    began_s = time.monotonic()
    found = ask(
        "signal", "/dev/null", deadline_s=0.5 if fault == "hangs" else 20, program=(sys.executable, "-c", script)
    )
    assert found["fault"] == fault
    assert time.monotonic() - began_s < 15
    assert ask("signal", "/dev/null", program=("/nonexistent",))["fault"] == "failed"


# -- what the unit runs


@pytest.mark.parametrize("line", ["", "\n", "7", "identity", "x identity", "7 format", "7 pin 1 2", "-7 pin", "\0"])
def test_a_request_that_is_none_is_taken_away_and_nothing_is_done(tmp_path: Path, line: str) -> None:
    assert request_of(line) is None
    request = tmp_path / "request"
    request.write_text(line)
    assert answer(request, tmp_path / "answer.json", tmp_path / "none", tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


def test_a_request_that_leads_elsewhere_is_not_read_and_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    request, other = tmp_path / "request", tmp_path / "other"
    other.write_text("7 identity\n")
    request.symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        answer(request, tmp_path / "answer.json", tmp_path / "none", tmp_path)
    os.mkfifo(request)
    assert answer(request, tmp_path / "answer.json", tmp_path / "none", tmp_path) == ""
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


@needs_schema()
def test_a_request_is_answered_by_its_number(bench: Bench) -> None:
    request, config = bench.folder / "request", bench.folder / "smsdrc"
    config.write_text(f"# a modem\n[gammu]\ndevice = {bench.modem.port}  # ours\n[smsd]\nlogfile = a%b\n")
    locked(bench)
    request.write_text("41 pin 1234\n")
    assert answer(request, bench.folder / "answer.json", config, bench.folder) == "pin"
    assert json.loads((bench.folder / "answer.json").read_text()) == {
        "number": 41, "fault": "", "modem": {"sim": "READY"},
    }  # fmt: skip
    assert (bench.folder / "answer.json").stat().st_mode & 0o777 == 0o640
    assert not request.exists()
    mailbox = Smsd(bench.folder / "smsd.db")
    assert mailbox.health().waiting == 0, "a database that was missing is made"
    mailbox.close()
    assert device_of(bench.folder / "none") == "/dev/modem"
