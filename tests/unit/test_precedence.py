"""Who decides about an output: the table of docs/outputs.md, each line against every line below it."""

from __future__ import annotations

from itertools import product

import pytest

from edge.core.output import Output, OutputSpec, Override
from edge.core.types import PointSpec

POINT = PointSpec(id="pump", kind="state", words=("off", "on"))


def output(*, follows: bool | None, acted: bool | None, ordered: bool | None, forced: bool, safe: bool) -> Output:
    """Return an output with these asking for their levels, None: not at all."""
    one = Output(OutputSpec(POINT, source="" if follows is None else "program", safe=safe), 0)
    if follows is not None:
        one.ask(0, level=follows)
    if acted is not None:
        one.act(0, level=acted)
    if ordered is not None:
        one.take(Override(ordered, 1, 0), 0)
    one.forced = "max_on" if forced else ""
    return one


LEVELS = (None, False, True)


@pytest.mark.parametrize(("follows", "acted", "ordered"), list(product(LEVELS, LEVELS, LEVELS)))
@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("safe", [False, True])
def test_the_strongest_that_says_something_decides(
    follows: bool | None, acted: bool | None, ordered: bool | None, *, forced: bool, safe: bool
) -> None:
    one = output(follows=follows, acted=acted, ordered=ordered, forced=forced, safe=safe)
    strongest_first = (safe if forced else None, ordered, acted, follows, safe)
    assert one.wanted is next(level for level in strongest_first if level is not None)


@pytest.mark.parametrize("level", [False, True])
def test_the_minimum_times_stand_above_all_but_a_stop(*, level: bool) -> None:
    one = Output(OutputSpec(POINT, min_on_ms=60_000, min_off_ms=60_000), 0)
    one.step(60_000)
    one.act(60_000, level=True)
    one.step(60_000)
    assert one.level is True
    one.act(60_001, level=None)
    one.ask(60_001, level=level)
    one.step(119_999)
    assert one.level is True
    one.step(120_000)
    assert one.level is level
    one.rest(120_001)
    assert one.level is False


def test_a_limits_alarm_counts_as_what_an_output_follows() -> None:
    one = Output(OutputSpec(POINT, limit="hot"), 0)
    one.follow(0, active=True)
    assert one.wanted is True
    one.act(0, level=False)
    assert one.wanted is False
    one.act(0, level=None)
    assert one.wanted is True
