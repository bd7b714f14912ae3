"""The texts to each recipient whose code is still good: of whose alarms one waits for an acknowledgement."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from edge.core.page_facts import joined

MOST: Final = 32
"""Of each recipient, the newest."""


class OpenTexts:
    """By recipient, the alarms' numbers of each text."""

    def __init__(self, saved: Mapping[str, Any] | None = None) -> None:
        self._texts: dict[str, list[list[int]]] = msgspec.convert(saved or {}, dict[str, list[list[int]]])

    def keep(self, to: str, numbers: Sequence[int]) -> None:
        """Have the code of a text be good."""
        texts = self._texts.setdefault(to, [])
        if list(numbers) not in texts:
            texts.append(list(numbers))
        del texts[:-MOST]

    def of(self, to: str, waiting: Collection[int]) -> list[tuple[int, ...]]:
        """Return the texts to a recipient; `waiting`: the alarms that wait for an acknowledgement."""
        return [tuple(numbers) for numbers in self._texts.get(to, []) if not set(numbers).isdisjoint(waiting)]

    def about(self, number: int, waiting: Collection[int]) -> dict[str, list[str]]:
        """Return by recipient the numbers of each text that speaks of an alarm."""
        found = {to: [joined(one) for one in self.of(to, waiting) if number in one] for to in self._texts}
        return {to: texts for to, texts in found.items() if texts}

    def register(self, waiting: Collection[int]) -> dict[str, list[list[int]]]:
        """Return what must be durable; what no alarm waits for is forgotten."""
        found = {to: [list(numbers) for numbers in self.of(to, waiting)] for to in self._texts}
        self._texts = {to: texts for to, texts in found.items() if texts}
        return self._texts
