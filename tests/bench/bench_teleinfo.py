"""What one frame costs, decoded and judged: CPU µs, median of 3 (aim: 15 historique, 60 standard)."""

from __future__ import annotations

import statistics
import time

import pytest

from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.decode.teleinfo.plausible import Judge
from hal.fake.meter_frames import GAP_MS, Meter, Mode

FRAMES = 5000


def _stream(mode: Mode, groups: int) -> list[tuple[bytes, float]]:
    """Return frames of so many groups, and when each ends."""
    meter = Meter(mode)
    frames = []
    t_ms = 0.0
    for _ in range(FRAMES):
        body = meter.raw_groups(t_ms)[:groups]
        data = b"\x02" + b"".join(b"\n" + raw + b"\r" for raw in body) + b"\x03"
        t_ms += len(data) * 10_000 / meter.baud + GAP_MS
        frames.append((data, t_ms))
    return frames


def _cpu_us(frames: list[tuple[bytes, float]]) -> tuple[float, float]:
    """Return CPU µs a frame, decoded only and decoded and judged."""
    decoder = Decoder()
    began_ns = time.process_time_ns()
    for data, t_ms in frames:
        decoder.feed(data, t_ms)
    decoded_ns = time.process_time_ns() - began_ns
    decoder, judge = Decoder(), Judge()
    began_ns = time.process_time_ns()
    for data, t_ms in frames:
        for event in decoder.feed(data, t_ms):
            if type(event) is FrameEnd:
                judge.frame(event)
    judged_ns = time.process_time_ns() - began_ns
    assert decoder.frames_complete == len(frames)
    return decoded_ns / len(frames) / 1000, judged_ns / len(frames) / 1000


@pytest.mark.bench
@pytest.mark.parametrize(("mode", "groups"), [("historique", 10), ("standard", 38), ("pmepmi", 37)])
def test_cpu_a_frame(mode: Mode, groups: int) -> None:
    frames = _stream(mode, groups)
    runs = [_cpu_us(frames) for _ in range(3)]
    decoded_us, judged_us = (statistics.median(figures) for figures in zip(*runs, strict=True))
    what = f"teleinfo {mode}, {groups} groups, {len(frames[0][0])} B"
    print(f"\n{what}: {judged_us:.1f} µs a frame validated, {decoded_us:.1f} decoded only")
