"""Groups that a meter itself sends in a form that is not known here: refused in frame after frame, alike. Pure.

A new label, a horodate of zeros: their check character is right, and they say nothing of the line. Taken for damage,
two of them in each frame would keep every index from being confirmed, and one the meter's time from being believed.
"""

from __future__ import annotations

from typing import Final

from hal.decode.teleinfo.groups import Rejected, checksum

LONG: Final = (
    8  # frames after which what did not come again is forgotten: two meters take turns, and some frames are hit
)
LONGEST: Final = 512  # octets of a group worth remembering: noise may have no end
_DAMAGE: Final = frozenset({"checksum", "cut", "parity"})


class Habits:
    """What was refused within the last frames."""

    def __init__(self) -> None:
        self._frames = 0
        self._seen: dict[bytes, int] = {}

    def split(self, rejected: list[Rejected]) -> tuple[list[Rejected], list[Rejected]]:
        """Take what a frame had refused; return what of it is damage, and what is the meter's own."""
        self._frames += 1
        seen = self._seen
        keys = [_key(each) for each in rejected]
        own = [each for each, key in zip(rejected, keys, strict=True) if key in seen]
        damage = [each for each, key in zip(rejected, keys, strict=True) if key not in seen]
        seen.update(dict.fromkeys(filter(None, keys), self._frames))
        if len(seen) > len(own):
            self._seen = {key: frame for key, frame in seen.items() if self._frames - frame < LONG}
        return damage, own


def _key(each: Rejected) -> bytes:
    """Return what is alike each time: the name of an unknown label, of another group all of it; b"" for damage."""
    raw = each.raw
    if len(raw) > LONGEST or each.why in _DAMAGE or not _is_right(raw):
        return b""
    return raw.split(b"\t" if b"\t" in raw else b" ", 1)[0] if each.why == "label" else raw


def _is_right(raw: bytes) -> bool:
    """Return whether the check character is that of these bytes, whatever they are."""
    covered = raw[:-1] if b"\t" in raw else raw[:-2]
    return bool(covered) and raw[-1] == checksum(covered)
