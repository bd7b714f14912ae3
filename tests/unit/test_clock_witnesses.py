"""Who vouches for the machine's clock. The answers of chronyd and of an NTP server are those of chronyd 4.3."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.core.timekeeping import Floor
from edge.runtime.clock import BUILD_MS, RealMachine, SystemClock
from edge.runtime.clock_witnesses import BatteryClock, Chronyd, Ntpd, Person, Timesyncd, witnesses
from tests.unit.test_system_clock import NOW_MS, FakeMachine

HEAD = "06020000002100050000000000000000000000010000000000000000"
CHRONY = {
    "synchronised": f"{HEAD}7f0000017f0000010000000000000000000000000001000000060000"
    "000000006b01aa2219cda1cfdd6ae83ebd789404cec715e4f8bac523e909331afc8d52bbe0904021da85b8dffc882860",
    "its own crystal": f"{HEAD}7f7f0101000000000000000000000000000000000000000000050000000000006b01aa14015db19f"
    + "0" * 72,
    "not synchronised": f"{HEAD}000000000000000000000000000000000000000000000000000000030000"
    "00000000000000000000000000000000000000000000000000000000000000000000048000000480000000000000",
}
NTP = {
    "synchronised": "240600e700000001000000017f000001eeac28a26ed2f9430000000000000000eeac28a2c21cc9b1eeac28a2c21d48ce",
    "its own crystal": "240500e700000000000000007f7f0101eeac289405ddec6f"
    "0000000000000000eeac289516fb8335eeac289516fc4b7a",
    "not synchronised": "e40000e7000100000001000000000000000000000000000"
    "00000000000000000eeac289516fe3793eeac289516fe9cbe",
}


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Run a service that answers every datagram with this; give its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]

        def serve() -> None:
            while True:
                question, sender = line.recvfrom(512)
                if not question:
                    return
                line.sendto(answer, sender)

        server = threading.Thread(target=serve)
        server.start()
        try:
            yield port
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", ("127.0.0.1", port))
            server.join()


@pytest.mark.parametrize("state", CHRONY)
def test_chronyd_vouches_only_while_it_is_synchronised_to_somebody(state: str) -> None:
    assert Chronyd.is_synchronised(bytes.fromhex(CHRONY[state])) is (state == "synchronised")


@pytest.mark.parametrize("state", NTP)
def test_a_time_server_of_this_computer_vouches_only_while_it_is_synchronised_to_somebody(state: str) -> None:
    assert Ntpd.is_synchronised(bytes.fromhex(NTP[state])) is (state == "synchronised")


@pytest.mark.parametrize("witness", [Chronyd, Ntpd])
def test_an_answer_that_is_damaged_cut_or_a_strangers_vouches_for_nothing(witness: type[Chronyd | Ntpd]) -> None:
    good = bytes.fromhex((CHRONY if witness is Chronyd else NTP)["synchronised"])
    assert witness.is_synchronised(good)
    assert not any(witness.is_synchronised(good[:length]) for length in range(48))
    assert not witness.is_synchronised(b"")
    assert not witness.is_synchronised(b"\xff" * 200)
    assert not witness.is_synchronised(bytes([good[0] ^ 1, *good[1:]]))


@pytest.mark.parametrize("witness", [Chronyd, Ntpd])
def test_a_service_is_asked_over_the_loopback(witness: type[Chronyd | Ntpd]) -> None:
    good = bytes.fromhex((CHRONY if witness is Chronyd else NTP)["synchronised"])
    with answering(good) as port:
        asked = witness(port)
        assert asked.vouches(RealMachine()) == ("ntp", 50)
    assert asked.vouches(RealMachine()) is None, "it has ended"


@pytest.mark.parametrize("witness", [Chronyd, Ntpd])
def test_a_service_that_hangs_is_not_waited_for(witness: type[Chronyd | Ntpd]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        assert witness(silent.getsockname()[1]).vouches(RealMachine()) is None


def test_timesyncd_vouches_while_its_flag_is_there(tmp_path: Path) -> None:
    witness = Timesyncd(tmp_path / "synchronized")
    assert witness.vouches(RealMachine()) is None
    (tmp_path / "synchronized").touch()
    assert witness.vouches(RealMachine()) == ("ntp", 50)
    (tmp_path / "synchronized").unlink()
    assert witness.vouches(RealMachine()) is None, "timesyncd takes it away at its start"


def rtc(folder: Path, hctosys: str, since_epoch: str, name: str = "rtc0") -> Path:
    (folder / name).mkdir()
    (folder / name / "hctosys").write_text(hctosys, encoding="ascii")
    (folder / name / "since_epoch").write_text(since_epoch, encoding="ascii")
    return folder


@pytest.mark.parametrize(
    ("hctosys", "since_epoch", "vouches"),
    [
        ("1\n", f"{NOW_MS // 1000}\n", True),
        ("1\n", f"{NOW_MS // 1000 - 2}\n", True),
        ("0\n", f"{NOW_MS // 1000}\n", False),  # the kernel did not set the machine's clock from it
        ("1\n", "946684800\n", False),  # 2000-01-01: its battery is empty, and the system made up another time
        ("1\n", "57\n", False),  # a Pi 5 without a battery
        ("1\n", f"{NOW_MS // 1000 + 7200}\n", False),  # it keeps local time
        ("", "", False),
        ("1\n", "\x01\x02", False),
    ],
)
def test_a_battery_clock_vouches_where_the_machines_clock_was_set_from_it_and_still_agrees(
    tmp_path: Path, hctosys: str, since_epoch: str, vouches: bool
) -> None:
    witness = BatteryClock(rtc(tmp_path, hctosys, since_epoch))
    assert witness.vouches(FakeMachine()) == (("rtc", 1000) if vouches else None)


def test_a_battery_clock_is_looked_at_at_the_start_only_and_a_machine_without_one_has_none(tmp_path: Path) -> None:
    witness = BatteryClock(rtc(tmp_path, "0", "57", "rtc0"))
    assert witness.vouches(FakeMachine()) is None
    second = BatteryClock(rtc(tmp_path, "1", str(NOW_MS // 1000), "rtc1"))
    assert [second.vouches(FakeMachine()) for _ in range(5)] == [("rtc", 1000)] * 3 + [None] * 2
    assert BatteryClock(tmp_path / "none").vouches(FakeMachine()) is None


def test_a_battery_clock_at_2000_leaves_a_box_on_its_floor(tmp_path: Path) -> None:
    machine = FakeMachine(946_684_800_000)
    clock = SystemClock(1, witnesses=[BatteryClock(rtc(tmp_path, "1", "946684800"))], machine=machine)
    assert clock.trust() == "none"
    assert clock.report()["sources"][0]["verdict"] == "too_early"


@pytest.mark.parametrize(("source", "is_believed"), [("rtc", True), ("ntp", False)])
def test_a_box_that_has_only_a_battery_clock_starts_by_it_also_after_a_month_in_which_it_ran_ahead(
    tmp_path: Path, source: str, is_believed: bool
) -> None:
    """A board's crystal may gain a minute and more; what a time server said stays the better word."""
    witness = BatteryClock(rtc(tmp_path, "1", str(NOW_MS // 1000)))
    clock = SystemClock(
        2, floor=Floor(BUILD_MS, NOW_MS + 104_000, source), witnesses=[witness], machine=FakeMachine()
    )  # fmt: skip
    for _ in range(4):
        clock.look()
    assert (clock.trust() == "rtc") == is_believed
    assert (clock.utc_ms() < NOW_MS + 60_000) == is_believed


def test_the_settings_vouch_only_where_they_say_so() -> None:
    assert Person().vouches(RealMachine()) == ("person", 1000)
    assert [type(witness) for witness in witnesses(trust_clock=True)][-1] is Person
    assert Person not in {type(witness) for witness in witnesses(trust_clock=False)}
