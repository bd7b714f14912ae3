"""What a site's numbers are usually like: counts by context from reports that both sides have.

Both sides make the same prior from the same reports alone, and its id, one octet made from all it holds, says whether
they did. Standard library only, whole numbers only.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from sms.adaptive import KEY_MAX, code_presence, tracks_of
from sms.arith import FLAT
from sms.lean import leans, tokens_of
from sms.octets import Octets, varint
from sms.schema import Schema
from sms.wire import WireError

UNIT: Final = 8
"""What one bit counts that was seen in training."""
WEIGHT: Final = 16
"""What the shares of the root count in a context of a length."""
TOTAL_MOST: Final = 240
"""A prior never counts more, so that a message soon counts more than it."""
PACKED_MOST: Final = 262_144
VERSION: Final = 1


@dataclass(frozen=True)
class Prior:
    """Zeros and ones by context (`sms.adaptive`), of one schema."""

    schema: int
    counts: Mapping[int, tuple[int, int]]

    @cached_property
    def id(self) -> int:
        """Return 1 to 255, made from all it holds: CRC-32 of `plain`, modulo 255, plus 1."""
        return zlib.crc32(self.plain) % 255 + 1

    @cached_property
    def plain(self) -> bytes:
        """Return version and schema, then by ascending context: what it is above the last one, zeros, ones."""
        octets = bytearray((VERSION, self.schema))
        last = -1
        for key in sorted(self.counts):
            octets += varint(key - last - 1) + bytes(self.counts[key])
            last = key
        return bytes(octets)

    def packed(self) -> bytes:
        """Return it for a file: `plain` through zlib (RFC 1950)."""
        return zlib.compress(self.plain, 9)


def prior_of(packed: bytes) -> Prior:
    """Return the prior that was packed. Raises WireError for what can't be read."""
    decoder = zlib.decompressobj()
    try:
        plain = decoder.decompress(packed, PACKED_MOST + 1)
    except zlib.error as exc:
        raise WireError(f"the prior is damaged: {exc}") from exc
    if len(plain) > PACKED_MOST or not decoder.eof or decoder.unused_data:
        raise WireError("the prior is cut, too long, or has something behind it")
    octets = Octets(plain)
    version, schema = octets.number(1), octets.number(1)
    if version != VERSION:
        raise WireError(f"a prior of version {version} is not known here: version {VERSION} is")
    counts: dict[int, tuple[int, int]] = {}
    key = -1
    while octets.left:
        key += octets.varint() + 1
        zeros, ones = octets.number(1), octets.number(1)
        if key > KEY_MAX or not zeros or not ones:
            raise WireError(f"context {key} of the prior counts {zeros} and {ones}")
        counts[key] = (zeros, ones)
    return Prior(schema, counts)


def train(schema: Schema, reports: Iterable[Sequence[Sequence[int | None]]]) -> Prior:
    """Return the prior of reports as they were decoded, each `columns[channel][interval]`, in any order.

    Indexes may be whole or modulo 65,536: only what they moved counts. Raises WireError for columns of another schema.
    """
    counter = _Counter()
    lean_by = leans(schema)
    for columns in reports:
        if len(columns) != len(lean_by) or len({len(column) for column in columns}) != 1:
            raise WireError(f"a report of {len(columns)} columns, of one length or not, for schema {schema.id}")
        count = len(columns[0])
        rows = tokens_of(lean_by, columns, count)
        code_presence(counter, [sum(1 << count - 1 - at for at, one in enumerate(row) if one) for row in rows], count)
        for track, row in zip(tracks_of(lean_by), rows, strict=True):
            for at, token in enumerate(row):
                if token is not None:
                    track.code(counter, at, token.kind, token.off, 16)
    return Prior(schema.id, counter.counts())


class _Counter:
    """Counts bits by context and by root."""

    def __init__(self) -> None:
        self._seen: dict[int, list[int]] = {}
        self._roots: dict[int, int] = {}

    def bit(self, key: int, root: int, wanted: int) -> int:
        """Count a bit."""
        for one in (key, root) if root >= 0 else (key,):
            self._seen.setdefault(one, [0, 0])[wanted] += 1
        if root >= 0:
            self._roots[key] = root
        return wanted

    def raw(self, width: int, wanted: int) -> int:
        """Pass a number on."""
        return wanted

    def counts(self) -> dict[int, tuple[int, int]]:
        """Return what a prior holds: a root first, then the contexts that lean on it."""
        found = {
            key: _shares(UNIT * zeros + FLAT[0] // 2, UNIT * ones + FLAT[1] // 2)
            for key, (zeros, ones) in self._seen.items()
            if key not in self._roots
        }
        for key, root in self._roots.items():
            zeros, ones = self._seen[key]
            below, above = found[root]
            share = WEIGHT * below // (below + above)
            found[key] = _shares(UNIT * zeros + share + 1, UNIT * ones + WEIGHT - share + 1)
        return found


def _shares(zeros: int, ones: int) -> tuple[int, int]:
    """Return two counts of at least 1 and together at most 240, in the same proportion."""
    both = zeros + ones
    if both <= TOTAL_MOST:
        return zeros, ones
    least = min(max(zeros * TOTAL_MOST // both, 1), TOTAL_MOST - 1)
    return least, TOTAL_MOST - least
