"""The flight recorder: the last ten minutes of a bus's bytes at a device's first BAD sample."""

from __future__ import annotations

import os
import random

from edge.runtime.flight import BLOCK_BYTES, ENTRY_MAX, KEEP_MS, MOST_BYTES, Flight, told


def test_what_came_before_the_first_bad_sample_is_kept_with_its_times_and_devices() -> None:
    flight = Flight(["0x44", "0x48"])
    flight.note(1000, 0, b"\x66\x66\x93")
    flight.note(1500, 1, b"\x12\x34")
    flight.note(2000, 0, b"\xff\xff\x00")
    assert flight.turned_bad(2000, "0x44", "lab.t", "crc")
    recording = flight.recording("0x44")
    assert recording is not None
    assert (recording.point, recording.reason) == ("lab.t", "crc")
    assert [(entry.t_ms, entry.device, entry.octets) for entry in recording.entries()] == [
        (1000, "0x44", b"\x66\x66\x93"),
        (1500, "0x48", b"\x12\x34"),
        (2000, "0x44", b"\xff\xff\x00"),
    ]
    assert flight.recording("0x48") is None


def test_ten_minutes_stay_and_older_bytes_go_across_blocks() -> None:
    flight = Flight(["meter"])
    for second in range(3600):
        flight.note(second * 1000, 0, b"\nPAPP 00820 *\r" * 10)
    flight.turned_bad(3_599_000, "meter", "tic.papp", "no_frame")
    recording = flight.recording("meter")
    assert recording is not None
    entries = recording.entries()
    assert len(recording.blocks) > 1
    assert [entry.t_ms for entry in entries] == [second * 1000 for second in range(3600 - 601, 3600)]
    assert all(entry.octets == b"\nPAPP 00820 *\r" * 10 for entry in entries)


def test_a_recording_stays_while_the_trouble_lasts_and_a_new_one_follows_ten_good_minutes() -> None:
    flight = Flight(["d"])
    flight.note(0, 0, b"first")
    assert flight.turned_bad(0, "d", "p", "crc")
    for t_ms in range(1000, 3 * KEEP_MS, 60_000):  # a device that is bad once a minute: the first one is the news
        flight.note(t_ms, 0, b"again")
        assert not flight.turned_bad(t_ms, "d", "p", "no_answer")
    kept = flight.recording("d")
    assert kept is not None
    assert kept.reason == "crc"
    later_ms = 5 * KEEP_MS
    assert flight.turned_bad(later_ms, "d", "p", "line_low")
    kept = flight.recording("d")
    assert kept is not None
    assert kept.reason == "line_low"


def test_nothing_came_is_an_empty_recording() -> None:
    flight = Flight(["d"])
    assert flight.turned_bad(5, "d", "p", "not_open")
    recording = flight.recording("d")
    assert recording is not None
    assert recording.entries() == []


def test_memory_is_bounded_whatever_the_bytes() -> None:
    flight = Flight(["d"])
    rng = random.Random(1)
    for t_ms in range(3000):
        flight.note(t_ms, 0, rng.randbytes(1000))
    flight.turned_bad(3000, "d", "p", "crc")
    recording = flight.recording("d")
    assert recording is not None
    assert sum(map(len, recording.blocks)) <= MOST_BYTES + 2 * BLOCK_BYTES
    assert recording.entries()[-1].t_ms == 2999


def test_a_huge_reading_keeps_its_end_and_a_long_uptime_keeps_its_times() -> None:
    flight = Flight(["d"])
    t_ms = (1 << 32) + 50  # the low 32 bits have wrapped after 50 days
    flight.note(t_ms - 100, 0, os.urandom(10))
    flight.note(t_ms, 0, bytes(100_000) + b"end")
    flight.turned_bad(t_ms, "d", "p", "crc")
    recording = flight.recording("d")
    assert recording is not None
    assert [entry.t_ms for entry in recording.entries()] == [t_ms - 100, t_ms]
    assert len(recording.entries()[-1].octets) == ENTRY_MAX
    assert recording.entries()[-1].octets.endswith(b"end")


def test_it_is_told_in_utc() -> None:
    flight = Flight(["d"])
    flight.note(1000, 0, b"\x00\xff")
    flight.turned_bad(1000, "d", "p", "crc")
    recording = flight.recording("d")
    assert recording is not None
    assert told(recording, 1_795_000_000_000) == {
        "utc_ms": 1_795_000_001_000,
        "point": "p",
        "reason": "crc",
        "entries": [{"utc_ms": 1_795_000_001_000, "device": "d", "hex": "00ff"}],
    }
