"""What a frame of ten seconds of 200 points at 1 Hz holds and costs: octets a record, CPU to pack and to unpack."""

from __future__ import annotations

import random
import time
from pathlib import Path
from statistics import median

import pytest

from edge.core.types import Record, RecordBatch
from edge.store.fs import BLOCK, RealFs
from edge.store.log import Log
from edge.store.packing import RecordPacker, pack_registers, unpack_records

SECONDS = 10


class Site:
    """60 temperatures of 1/16 °C, 70 noisy powers, 40 counters of 1 Wh, 10 humidities of 0.01 %, 20 states."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.names = [
            *(f"temp.{number:02}" for number in range(60)),
            *(f"power.{number:02}" for number in range(70)),
            *(f"energy.{number:02}" for number in range(40)),
            *(f"humidity.{number:02}" for number in range(10)),
            *(f"state.{number:02}" for number in range(20)),
        ]
        self.temperatures = [self.random.randrange(160, 900) for _ in range(60)]
        self.powers = [self.random.randrange(100, 3000) for _ in range(70)]
        self.counts = [self.random.randrange(10_000_000) for _ in range(40)]
        self.bases = [self.random.randrange(100_000) / 10 for _ in range(40)]
        self.humidities = [self.random.randrange(3000, 6000) for _ in range(10)]
        self.states = [self.random.randrange(2) for _ in range(20)]

    def second(self, start_ms: int) -> list[Record]:
        roll = self.random
        made = []
        names = iter(self.names)
        for number in range(60):
            self.temperatures[number] += roll.choice((-1, 0, 0, 0, 0, 0, 0, 1))
            made.append(Record(next(names), start_ms, 1000, self.temperatures[number] * 0.0625))
        made += [Record(next(names), start_ms, 1000, float(round(power + roll.gauss(0, 20)))) for power in self.powers]
        for number in range(40):
            pulses = roll.choice((0, 0, 1, 1, 2))
            self.counts[number] += pulses
            index = round(self.bases[number] + self.counts[number] * 0.001, 9)
            made.append(Record(next(names), start_ms, 1000, index, increment=round(pulses * 0.001, 9)))
        for number in range(10):
            self.humidities[number] += round(roll.gauss(0, 5))
            made.append(Record(next(names), start_ms, 1000, self.humidities[number] / 100))
        for number in range(20):
            self.states[number] ^= roll.random() < 0.01
            made.append(Record(next(names), start_ms, 1000, self.states[number], duration_ms=1000, changes=0))
        return made

    def batch(self, start_ms: int) -> RecordBatch:
        entries = [record for second in range(SECONDS) for record in self.second(start_ms + second * 1000)]
        registers = {
            f"counter/energy.{number:02}": {"base": base, "count": count, "scale": 0.001, "pending": 0.0}
            for number, (base, count) in enumerate(zip(self.bases, self.counts, strict=True))
        }
        return RecordBatch(1, entries, registers)


@pytest.mark.bench
def test_octets_and_time_of_a_record() -> None:
    site, packer = Site(), RecordPacker()
    sizes, pack_us, unpack_us = [], [], []
    for number in range(60):
        batch = site.batch(1000 + number * SECONDS * 1000)
        count = len(batch.entries)
        began = time.process_time_ns()
        entries = packer.pack(batch.entries)
        registers = pack_registers(batch.registers)
        packed = time.process_time_ns()
        again = unpack_records(entries)
        done = time.process_time_ns()
        assert again == batch.entries
        sizes.append((len(entries), len(registers)))
        pack_us.append((packed - began) / 1000 / count)
        unpack_us.append((done - packed) / 1000 / count)
    largest = max(entries + registers for entries, registers in sizes)
    written = -(-(largest + 100) // BLOCK) * BLOCK / count
    print(f"\n{count} records: {median(size for size, _ in sizes):.0f} octets", end=", ")
    print(
        f"registers {median(size for _, size in sizes):.0f}, largest {largest}, written {written:.2f} a record;",
        end=" ",
    )
    print(f"pack {median(pack_us):.2f} µs, unpack {median(unpack_us):.2f} µs a record")
    assert largest + 100 <= BLOCK


def written_octets() -> int:
    """Octets this process caused to be sent to the disk."""
    io = Path("/proc/self/io").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in io.splitlines() if line.startswith("write_bytes")))


@pytest.mark.bench
def test_appending_and_draining_a_log_on_this_disk(tmp_path: Path) -> None:
    batches = 300  # 50 minutes
    log = Log(RealFs(tmp_path), "records", "records", 8 << 20, consumers=["mqtt"])
    site = Site()
    made = [site.batch(1000 + number * SECONDS * 1000) for number in range(batches)]
    log.append(made[0])  # makes the first segment
    count = (batches - 1) * len(made[0].entries)
    octets, began = written_octets(), time.process_time_ns()
    for batch in made[1:]:
        log.append(batch)
    append_us = (time.process_time_ns() - began) / 1000 / count
    octets = written_octets() - octets
    figures = []
    for _ in range(3):
        seq, began = 1, time.process_time_ns()
        while entries := log.read(seq, 200).entries:
            seq += len(entries)
        figures.append((seq - 1) / ((time.process_time_ns() - began) / 1e9))
    unpacked = log._reader.unpacked_frames / 3
    log.close()
    print(
        f"\nappend {append_us:.2f} µs a record with its flush, {octets / count:.2f} octets written a record;", end=" "
    )
    print(f"drain by 200: {median(figures):,.0f} records a CPU second, {unpacked:.0f} of {batches} frames unpacked")
    assert unpacked == batches
