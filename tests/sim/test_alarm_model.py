"""The alarms of the engine against a slow and obvious model of them, over random sequences of events.

Readings good, bad and doubtful, time, acknowledgements, shelving, suppression, out of service, restarts at any point,
power cuts that lose the last frames of the log. What is told to people is checked by its own few sentences: everything
once, its end once, nothing that is silenced.
"""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sim.alarm_model import Rule
from tests.sim.alarm_play import VALUES, WHATS, Move, Play, moves_of, play, rules_of

EACH = st.integers(0, 255)
MOVES = st.lists(st.builds(Move, st.sampled_from(WHATS), EACH, EACH, EACH), max_size=30)


def of_chance(seed: int) -> None:
    """Play the sequence of this number; raises AssertionError that names it."""
    rng = random.Random(seed)
    rules, is_dated = rules_of(rng), rng.random() < 0.8
    moves = moves_of(rng, rng.randint(1, 40))
    try:
        play(rules, moves, is_dated=is_dated)
    except AssertionError as exc:
        raise AssertionError(f"sequence {seed}: {exc}") from exc


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), MOVES, st.booleans())
def test_the_engine_says_what_the_model_says(site: int, moves: list[Move], is_dated: bool) -> None:
    play(rules_of(random.Random(site)), moves, is_dated=is_dated)


def test_six_hundred_sequences_of_chance_are_the_same_in_engine_and_model() -> None:
    for seed in range(600):
        of_chance(seed)


def test_two_silences_that_end_with_an_undated_restart_leave_the_nearer_stage_unheard() -> None:
    """The farther stage's shelving ends with the restart and so does a programme that suppressed both."""
    rules = [Rule("far", "a", "high_high", 40.0), Rule("near", "a", "high", 30.0)]
    read, programme = VALUES.index, 1
    site = play(
        rules,
        [Move("shelve"), Move("suppress", 0, 1, programme), Move("read", 0, read(41.0)), Move("restart", 1)],
        is_dated=False,
    )
    assert (site.model.state("far"), site.model.state("near")) == ("unacknowledged", "suppressed")
    site.play(Move("shelve", 1))
    site.play(Move("read", 0, read(19.0)))
    site.check_notifications()
    assert (site.model.state("far"), site.model.state("near")) == ("returned", "normal")


@pytest.mark.campaign(reason="a million sequences: half an hour of CPU; VIGIE_SEQUENCES=first:last for a share of them")
def test_a_million_sequences_of_chance_are_the_same_in_engine_and_model() -> None:
    first, last = (int(word) for word in os.environ.get("VIGIE_SEQUENCES", "0:1000000").split(":"))
    for seed in range(first, last):
        of_chance(seed)
    print(f"\nalarms: {last - first} sequences are the same in engine and model")


def test_the_model_disagrees_with_an_engine_that_forgets_a_deadband() -> None:
    """What would be wrong is seen: the same readings, with and without a deadband in the model's rules alone."""
    site = Play([Rule("l0", "a", "high", 30.0)], is_dated=True)
    site.model.rules["l0"] = Rule("l0", "a", "high", 30.0, deadband=1.0)
    site.play(Move("read", 0, VALUES.index(31.0)))
    with pytest.raises(AssertionError, match="the engine says"):
        site.play(Move("read", 0, VALUES.index(29.5)))
