"""The order to read the settings file again. Who carries it out stands in `edge.runtime.reloading`."""

from __future__ import annotations

import msgspec


class Reload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Read the settings file again and restart what changed; with `check`, only say what would."""

    check: bool = False


class ReloadReport(msgspec.Struct, frozen=True):
    """What became of an order to reload: `id` is the command's."""

    id: str = ""
    state: str = "none"
    """none, running, done, unchanged, checked (nothing was done), faults, restart (it takes one), failed, no_file."""
    file: str = ""
    added: list[str] = []
    """Tables, such as point.boiler.flow."""
    removed: list[str] = []
    changed: list[str] = []
    """Keys, such as limit.boiler.hot.value."""
    reopened: list[str] = []
    """Points and outputs whose device is opened anew."""
    restart: list[str] = []
    """Keys that take effect only at a start."""
    faults: list[str] = []
    """Each with its place and its cure, as `vigie check` prints it, in the language of the site."""
    why: str = ""
