"""Meters that are not read: known by their labels, so that nobody looks for a fault in the wiring. Pure.

ICE is the customer's output of meters of large sites. Its labels are known from a decoder's public list only: no
document and no capture was at hand, so forms and units are not, and none of its values is shown. Of Saphir meters not
even the labels are known here: one whose groups are whole but of no known label is named as unknown, with what it says.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, Literal

from hal.decode.teleinfo.frames import FrameEnd

_TARIFFS: Final = "P|PM|HCE|HCH|HH|HCD|HD|JA|HPE|HPH|HPD|SCM|HM|DSM"
ICE: Final = re.compile(
    "CONTRAT|DATECOUR|EA|ERP|PTCOUR|PA[1-6]|KDCD?|TGPHI|PS(?:" + _TARIFFS + ")|PA10MN|PREA1MN|PREA10MN|U10MN"
    "|(?:DEBUT|FIN|CAF|DATE_EA|DATE_ERP|DATE_ERN)p1?|(?:EA|ERP|ERN)p1?(?:" + _TARIFFS + ")"
)
"""Labels that no meter sends but one with an ICE output."""
_NAME: Final = re.compile(rb"[A-Za-z*][A-Za-z0-9_+*-]{1,11}(?=[\t ])")

Kind = Literal["", "ICE", "unknown"]
ICE_LABELS: Final = 3
UNKNOWN_LABELS: Final = 6  # of as many different ones, each again and again, chance makes none
TIMES: Final = 2
MOST_NAMES: Final = 64
CALM_GROUPS: Final = 200  # good ones, after which old strangers are forgotten


class Strangers:
    """Counts groups whose check character is right and whose label nobody here knows."""

    def __init__(self) -> None:
        self.kind: Kind = ""
        """What meter this is, as far as it isn't one that is read."""
        self._names: Counter[str] = Counter()
        self._known = 0  # groups of known labels, since the first strange one
        self._calm = 0  # … since the last strange one

    def see(self, end: FrameEnd) -> bool:
        """Take a frame; return whether it is a stranger's, of which no group may be believed."""
        names = strange_labels(end)
        if not names and not self._names:
            return False
        self._known += len(end.groups)
        self._calm = 0 if names else self._calm + len(end.groups)
        if self._calm > CALM_GROUPS:
            self._names.clear()
            self._known = self._calm = 0
            self.kind = ""
        if len(self._names) < MOST_NAMES:
            self._names.update(names)
        often = [name for name, times in self._names.items() if times >= TIMES]
        if sum(ICE.fullmatch(name) is not None for name in often) >= ICE_LABELS:
            self.kind = "ICE"
        elif not self.kind and len(often) >= UNKNOWN_LABELS and self._names.total() > self._known:
            self.kind = "unknown"
        return bool(self.kind) or sum(ICE.fullmatch(name) is not None for name in names) >= TIMES

    def labels(self) -> str:
        """Return the labels that it sends, as far as they came twice."""
        return ", ".join(name for name, times in self._names.items() if times >= TIMES)


def strange_labels(end: FrameEnd) -> list[str]:
    """Return the labels of the frame's groups that are right by their check character and unknown."""
    found = (_NAME.match(rejected.raw) for rejected in (*end.rejected, *end.own) if rejected.why == "label")
    return [name[0].decode("ascii") for name in found if name]
