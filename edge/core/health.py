"""How the box is, in one word: what its status lamp shows. From the same facts as `up/status` and `vigie status`.

failed: what is read can't be kept. no_link: nobody upstream takes it. look: somebody should have a look. well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from edge.core.point import Point
from hal.sample import BAD

Health: TypeAlias = Literal["failed", "no_link", "look", "well"]

BAD_FOR_MS: Final = 10_000  # one reading that failed is no reason to open a cupboard
DOWN_FOR_MS: Final = 60_000  # a broker that restarts is none either
NO_FAULT: Final = frozenset({"no_pulse", "not_sent", "unconfirmed", "too_early", "division_by_zero", "undefined"})
"""Reasons of points that are in order and have nothing to say yet."""


def health(
    points: Iterable[Point],
    links: Iterable[Mapping[str, Any]],
    now_ms: int,
    utc_ms: int,
    *,
    is_kept: bool,
    is_sound: bool,
) -> Health:
    """Return the most pressing state.

    `links` are their status(); `is_kept`: the card takes what is read; `is_sound`: so do history and notebook.
    """
    if not is_kept:
        return "failed"
    found = list(links)
    if any(_is_cut(link, utc_ms) for link in found):
        return "no_link"
    has_trouble = any(link["problems"] for link in found)
    if has_trouble or not is_sound or any(_is_bad(point, now_ms) for point in points):
        return "look"
    return "well"


def _is_cut(link: Mapping[str, Any], utc_ms: int) -> bool:
    if link["state"] != "up":
        return bool(utc_ms - link["since_utc_ms"] >= DOWN_FOR_MS)
    return "unacknowledged" in link["problems"]


def _is_bad(point: Point, now_ms: int) -> bool:
    return point.quality == BAD and point.reason not in NO_FAULT and now_ms - point.bad_since_ms >= BAD_FOR_MS
