"""The simulated meter is a meter: every frame decodes whole, indexes follow the power, a seed repeats itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.drivers.teleinfo_options import TeleinfoOptions
from hal.fake.meter import PtyMeter
from hal.fake.meter_frames import Meter, Mode, local_time
from tests.support import eventually

KINDS: list[dict[str, object]] = [
    {"mode": "historique"},
    {"mode": "historique", "phases": 3},
    {"mode": "standard"},
    {"mode": "standard", "phases": 3},
    {"mode": "standard", "is_producer": True},
    {"mode": "pmepmi", "subscribed_kva": 42},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())))
def test_every_group_of_every_frame_decodes(kind: dict[str, object]) -> None:
    meter = Meter(**kind)  # type: ignore[arg-type]
    decoder = Decoder()
    for n in range(200):
        meter.set_power((n - 50) * 100.0 if kind.get("is_producer") else n * 60.0)
        ends = [event for event in decoder.feed(meter.frame(600_000.0 * n), n) if isinstance(event, FrameEnd)]
        assert len(ends) == 1
        assert ends[0].complete
        assert ends[0].mode == kind["mode"]
    assert not decoder.groups_rejected


@pytest.mark.parametrize(("mode", "length"), [("historique", 170), ("standard", 865), ("pmepmi", 886)])
def test_frames_have_the_length_of_such_a_meters(mode: Mode, length: int) -> None:
    assert len(Meter(mode).frame(3_600_000.0)) == pytest.approx(length, abs=12)


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not() -> None:
    def day(seed: int) -> list[bytes]:
        meter = Meter(seed=seed)
        return [meter.frame(60_000.0 * n) for n in range(200)]

    assert day(1) == day(1)
    assert day(1) != day(2)


def test_indexes_grow_by_power_and_time() -> None:
    meter = Meter(index_wh=1_000_000)
    meter.set_power(1000.0)
    meter.frame(0.0)
    before = meter.peak_wh + meter.off_peak_wh
    meter.frame(3_600_000.0)
    assert meter.peak_wh + meter.off_peak_wh - before == pytest.approx(960.0, abs=1)


def test_the_tariff_follows_the_meters_clock() -> None:
    meter = Meter()
    seen = {{label: data for label, data, _ in meter.groups(3_600_000.0 * hour)}["PTEC"] for hour in range(24)}
    assert seen == {"HC..", "HP.."}


@pytest.mark.parametrize(
    ("utc", "local", "season"),
    [
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), "01:59:59", "H"),
        (datetime(2026, 3, 29, 1, 0, 0, tzinfo=UTC), "03:00:00", "E"),
        (datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC), "02:59:59", "E"),
        (datetime(2026, 10, 25, 1, 0, 0, tzinfo=UTC), "02:00:00", "H"),
    ],
)
def test_legal_time_changes_on_the_last_sundays(utc: datetime, local: str, season: str) -> None:
    found, letter = local_time(utc)
    assert (f"{found:%H:%M:%S}", letter) == (local, season)


@pytest.mark.parametrize(("mode", "bytes_a_second"), [("historique", 120), ("standard", 960), ("pmepmi", 120)])
def test_the_line_carries_its_bit_rate_and_no_more(tmp_path: Path, mode: Mode, bytes_a_second: int) -> None:
    line = PtyMeter(Meter(mode), tmp_path / "tty")
    try:
        for n in range(50):
            assert line.step(100.0 + n / 10) == pytest.approx(100.2 + n / 10)
        expected = bytes_a_second * 4.9
        assert 0.85 * expected <= line.bytes_sent <= expected
    finally:
        line.close()


def test_a_port_that_is_closed_can_lose_what_is_old(tmp_path: Path) -> None:
    line = PtyMeter(Meter("standard"), tmp_path / "tty")
    try:
        for n in range(5):
            line.step(float(n))
        sent = line.bytes_sent
        eventually(lambda: line.waiting() == sent > 1000, 5, "all of it lies there")
        line.lose_unread(sent)
        assert line.waiting() == sent
        line.lose_unread(sent - 1)
        assert line.waiting() == 0
    finally:
        line.close()


def test_a_line_that_nobody_reads_never_blocks_and_keeps_nothing_old(tmp_path: Path) -> None:
    line = PtyMeter(Meter("standard"), tmp_path / "tty")
    try:
        for n in range(100):
            line.step(float(n * 3600))
        assert line.bytes_sent < 100_000
        line.unplug()
        line.unplug()
        assert not line.port.exists()
        line.step(1e6)
        line.replug()
        assert line.port.exists()
    finally:
        line.close()


@pytest.mark.parametrize(
    ("label", "mode", "sent"),
    [("EAST", "historique", "standard"), ("PAPP", "standard", "historique"), ("EA_s", "standard", "historique")],
)
def test_a_label_that_the_mode_does_not_send_is_refused(label: str, mode: Any, sent: str) -> None:
    with pytest.raises(ValueError, match=f"{label} comes in {sent} mode only: leave `mode` out"):
        TeleinfoOptions(label=label, mode=mode)
    for each in ("auto", sent):
        assert TeleinfoOptions(label=label, mode=each).mode == each  # type: ignore[arg-type]
    assert TeleinfoOptions(label="DATE", mode=mode), "of both"
