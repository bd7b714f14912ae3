"""A damaged line: whatever happens to the bytes, no wrong identifier, word or index is ever shown as good."""

from __future__ import annotations

import random
import sys
import time
from typing import Any

import pytest

from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.fake.meter_frames import Meter
from tests.fault.damage import GROUP_DAMAGE, KINDS, Outcome, damaged, run, wire

METERS: dict[str, dict[str, Any]] = {
    "historique": {"mode": "historique"},
    "historique_tri": {"mode": "historique", "phases": 3, "subscribed_kva": 36},
    "standard": {"mode": "standard"},
    "standard_tri_producer": {"mode": "standard", "phases": 3, "is_producer": True},
    "pmepmi": {"mode": "pmepmi", "subscribed_kva": 200},
}
GROUPS_IN_A_CAMPAIGN = 1_000_000


def _check(outcome: Outcome) -> None:
    assert outcome.wrong == [], outcome.wrong[:5]
    assert outcome.changes == 0, "no meter was exchanged"
    assert outcome.good > 0


@pytest.mark.parametrize("meter", METERS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_wrong_identifier_word_or_index_is_good(kind: str, meter: str) -> None:
    _check(run(Meter(seed=5, **METERS[meter]), (kind,), 300, seed=11))


@pytest.mark.parametrize("meter", METERS)
def test_no_wrong_identifier_word_or_index_is_good_under_mixed_damage(meter: str) -> None:
    outcome = run(Meter(seed=6, **METERS[meter]), KINDS, 2000, seed=12)
    _check(outcome)
    assert sum(outcome.instants_wrong.values()) < 0.01 * outcome.instants


@pytest.mark.parametrize("kind", KINDS)
def test_groups_that_were_not_hit_arrive(kind: str) -> None:
    """Of the groups on either side of the damage, none is lost but those whose own line end was hit."""
    meter = Meter(seed=7)
    rng = random.Random(8)
    decoder = Decoder()
    frames = 200
    hits = 0
    for n in range(frames):
        data, hit = damaged(meter.raw_groups(1400.0 * n), kind, rng)
        hits += hit
        decoder.feed(data, 1400.0 * n)
    decoder.finish()
    if kind in GROUP_DAMAGE or kind in ("marks_missing", "line_end_changed"):
        assert decoder.groups_ok >= frames * 11 - 2 * hits
    elif kind == "random_bits":
        assert decoder.groups_ok >= 0.8 * (frames * 11 - hits), "a line end that was hit costs the group beside it"
    assert decoder.groups_ok > 0


def test_after_damage_the_very_next_frame_is_whole() -> None:
    meter = Meter()
    rng = random.Random(9)
    for kind in KINDS:
        decoder = Decoder()
        for _ in range(50):
            broken, _ = damaged(meter.raw_groups(0.0), kind, rng)
            decoder.feed(broken, 0.0)
            events = decoder.feed(wire(meter.raw_groups(0.0)), 0.0)
            assert isinstance(events[-1], FrameEnd)
            assert len(events[-1].groups) == 11, kind


@pytest.mark.campaign(reason="10^6 damaged groups: ten kinds of damage on five kinds of meter")
@pytest.mark.parametrize("meter", METERS)
def test_a_million_damaged_groups(meter: str, capsys: pytest.CaptureFixture[str]) -> None:
    each = GROUPS_IN_A_CAMPAIGN // len(METERS) // (len(KINDS) + 1)
    began_s = time.monotonic()
    total = Outcome(wrong=[])
    lines = []
    for n, kinds in enumerate([*((kind,) for kind in KINDS), KINDS]):
        outcome = run(Meter(seed=20 + n, **METERS[meter]), kinds, each, seed=40 + n)
        name = kinds[0] if len(kinds) == 1 else "mixed"
        wrong = sum(outcome.instants_wrong.values())
        lines.append(
            f"  {name:17} {outcome.groups_damaged:6} groups damaged in {outcome.frames:6} frames: "
            f"{len(outcome.wrong)} of {outcome.good} wrong, momentary {wrong} of {outcome.instants}"
        )
        total.groups_damaged += outcome.groups_damaged
        total.wrong += outcome.wrong
        total.good += outcome.good
        total.changes += outcome.changes
    with capsys.disabled():
        head = f"\n{meter}: {total.groups_damaged} groups damaged, {time.monotonic() - began_s:.0f} s\n"
        sys.stdout.write(head + "\n".join(lines) + "\n")
    _check(total)
