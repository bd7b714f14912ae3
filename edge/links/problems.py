"""What is wrong while the link is up, said when it begins and when it is over, and not in between.

An event goes upstream itself: one said at each acknowledgement would bring the next acknowledgement, without end.
"""

from __future__ import annotations

import logging
from collections.abc import Set as AbstractSet
from typing import Final

from edge.links.messages import Say
from edge.links.refusals import CODES

QUIET_S: Final = 600.0  # without a sign for so long, and …
RIGHT_ANSWERS: Final = 10  # … so many right ones in a row: of two consumers each second answer is wrong, however rare
HAVE_EVENTS: Final = frozenset({"store_degraded", "consumer_ahead"})  # told by an event of this name already

log = logging.getLogger(__name__)


class Problems:
    """The codes of `up/status` that hold now."""

    def __init__(self, name: str, say: Say) -> None:
        self.codes: frozenset[str] = frozenset()
        self._name = name
        self._say = say

    def changed(self, codes: AbstractSet[str]) -> bool:
        """Take what holds now, say what began and what is over; return whether anything did."""
        before, self.codes = self.codes, frozenset(codes)
        for code in sorted(self.codes - before - HAVE_EVENTS):
            log.warning("%s: %s", self._name, CODES.get(code, code))
            self._say("link_problem", code=code)
        for code in sorted(before - self.codes - HAVE_EVENTS):
            log.info("%s: over: %s", self._name, code)
            self._say("link_problem_end", code=code)
        return self.codes != before


class Complaint:
    """Something that a consumer's answers show again and again."""

    def __init__(self) -> None:
        self._sign_s: float | None = None
        self._right_answers = 0

    def begins(self, now_s: float, *, is_wrong: bool) -> bool:
        """Take one answer; return True for the first wrong one, and again only after it was over."""
        if is_wrong:
            is_first = self._sign_s is None
            self._sign_s, self._right_answers = now_s, 0
            return is_first
        if self._sign_s is not None:
            self._right_answers += 1
            if self._right_answers >= RIGHT_ANSWERS and now_s - self._sign_s >= QUIET_S:
                self._sign_s = None
        return False
