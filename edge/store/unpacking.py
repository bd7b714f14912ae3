"""Packed columns as values again, point by point; what says the same of every record stays one value.

How they are packed stands in `edge.store.columns`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, repeat
from operator import truediv
from typing import Any

import msgspec

from edge.core.record_columns import Column, Scaled, same
from edge.store.columns import CONST, FIRST_STEP, NONE, ODD, RAW, SAME, STEPS, TYPECODES, WHOLE, WIDTHS, from_planes


def unpack_column(column: Sequence[Any], lengths: Sequence[int]) -> Iterator[Any] | list[Any]:
    """Return the values of a packed column, point after point."""
    if column[0] == CONST:
        return repeat(column[1], sum(lengths))
    if column[0] == SAME:
        return list(unpack_column(column[1], lengths[:1])) * len(lengths)
    parts = [
        map(truediv, values, repeat(STEPS[code - FIRST_STEP])) if code >= FIRST_STEP else values
        for code, _, values in _segments(column, lengths)
    ]
    return list(chain.from_iterable(parts))


def column_parts(column: Sequence[Any], lengths: Sequence[int]) -> list[Column]:
    """Return the values of each point of a packed column."""
    if column[0] == CONST:
        return [same(column[1])] * len(lengths)
    if column[0] == SAME:
        return column_parts(column[1], lengths[:1]) * len(lengths)
    parts: list[Column] = []
    for code, width, values in _segments(column, lengths):
        if code >= FIRST_STEP:
            parts.append(Scaled(array("q", values), STEPS[code - FIRST_STEP]))
        elif code == NONE or (code == WHOLE and not width):
            parts.append(same(next(values)))
        else:
            parts.append(list(values) if code == WHOLE else values)
    return parts


def _segments(column: Sequence[Any], lengths: Sequence[int]) -> Iterator[tuple[int, int, Any]]:
    """Give code, width and values of each point; of a code from FIRST_STEP on, the whole numbers."""
    _, codes, firsts_octets, *deltas_octets, floats_octets, odd_octets = column
    firsts = iter(array("q", from_planes(firsts_octets, 8)))
    deltas = {
        width: array(TYPECODES[width], from_planes(octets, width)).tolist()
        for width, octets in zip(WIDTHS, deltas_octets, strict=True)
        if octets
    }
    taken = dict.fromkeys(WIDTHS, 0)
    floats = array("d", from_planes(floats_octets, 8))
    odd = iter(msgspec.json.decode(odd_octets) if odd_octets else ())
    float_at = 0
    for code, width, length in zip(codes[: len(lengths)], codes[len(lengths) :], lengths, strict=True):
        if code == NONE:
            yield code, width, repeat(None, length)
        elif code == RAW:
            yield code, width, floats[float_at : float_at + length]
            float_at += length
        elif code == ODD:
            yield code, width, next(odd)
        elif width:
            begin = taken[width]
            taken[width] = end = begin + length - 1
            yield code, width, accumulate(deltas[width][begin:end], initial=next(firsts))
        else:
            yield code, width, repeat(next(firsts), length)
