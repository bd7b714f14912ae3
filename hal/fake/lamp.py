"""A lamp that nobody sees: when it was lit, and what the kernel would blink."""

from __future__ import annotations

from collections.abc import Sequence

from hal.lamp import Played


class FakeLamp:
    """What the status lamp's worker lights. `answers`: what `play` says; `lit` each change, `played` each pattern."""

    def __init__(self, answers: Sequence[Played] = ("never",)) -> None:
        self.answers = list(answers)
        self.lit: list[bool] = []
        self.played: list[tuple[tuple[int, ...], float]] = []
        self.is_closed = False
        self.fault: OSError | None = None

    def light(self, *, on: bool) -> None:
        """Take note, or raise what was planted."""
        if self.fault is not None:
            raise self.fault
        self.lit.append(on)

    def play(self, pattern_ms: Sequence[int], lasts_s: float) -> Played:
        """Take note; the last answer stays."""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "playing":
            self.played.append((tuple(pattern_ms), lasts_s))
        return answer

    def close(self) -> None:
        """Take note."""
        self.is_closed = True
