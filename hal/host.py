"""What the driver of the box's own figures is given: the machine's files, and what the station knows of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

Figure = Callable[[], float | None]


class Host(msgspec.Struct, frozen=True):
    """The handle of a bus of kind `box`: the files of this machine, and the station's own figures by name.

    `buffer` (entries that wait), `starts`, and `errors/<bus>`; a figure that can't be had is None. Any thread may ask.
    """

    root: Path = Path("/")
    figures: Mapping[str, Figure] = {}
