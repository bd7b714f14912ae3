"""What a store found wrong and what it did about it: for the journal, for people and for the log of the machine."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

What = Literal["damaged", "lost", "not_a_file", "not_a_folder", "no_access", "foreign", "short", "missing", "small"]
Done = Literal["left_out", "set_aside", "made_anew", "read_on", "goes_on"]

WHAT: Final[dict[What, str]] = {
    "damaged": "is damaged",
    "lost": "lost its end",
    "not_a_file": "is no regular file",
    "not_a_folder": "is no folder",
    "no_access": "belongs to somebody else",
    "foreign": "holds nothing of this log",
    "short": "is shorter than it was",
    "missing": "is missing",
    "small": "finds less room than it was to have",
}
DONE: Final[dict[Done, str]] = {
    "left_out": "these numbers are left out and declared",
    "set_aside": "set aside",
    "made_anew": "made anew",
    "read_on": "what it still holds is read",
    "goes_on": "the log goes on, smaller",
}


class Note(msgspec.Struct, frozen=True):
    """One finding. `first` and `last` are the numbers it costs, 0 when it costs none; `more` joins the event."""

    file: str
    what: What
    done: Done
    first: int = 0
    last: int = 0
    aside: str = ""
    more: dict[str, int] = {}

    @property
    def kind(self) -> str:
        """The event that says so."""
        return "store_small" if self.what == "small" else "store_damaged"

    @property
    def text(self) -> str:
        """One line for the log of the machine."""
        numbers = f" (entries {self.first} to {self.last})" if self.last else ""
        figures = "".join(f" {name}={value}" for name, value in self.more.items())
        aside = f" as {self.aside}" if self.aside else ""
        return f"{self.file} {WHAT[self.what]}{numbers}{figures}: {DONE[self.done]}{aside}"

    def values(self) -> dict[str, Any]:
        """What the event holds."""
        if self.what == "small":
            return dict(self.more)
        found: dict[str, Any] = {"file": self.file, "what": self.what, "done": self.done}
        if self.last:
            found |= {"first": self.first, "last": self.last}
        if self.aside:
            found["aside"] = self.aside
        return found
