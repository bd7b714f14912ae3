"""What the box remembers beside its records: devices seen, calibrations in force, acknowledgements, settings made here.

Kept by `edge.store.notebook`; the exports and the backup read these forms.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Moment(msgspec.Struct, frozen=True, omit_defaults=True):
    """An instant of a start of the station: monotonic `at_ms` of start `boot`, and its UTC in ms once that is known."""

    boot: int
    at_ms: int
    utc_ms: int | None = None
    trust: str = ""
    """The word of `clock.TRUST` that dated it."""


class Device(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device of a bus: what it is, the points that it serves, when it was first and last seen to answer."""

    id: str
    """<bus>/<device>"""
    bus: str
    bus_kind: str
    driver: str
    device: str
    """What names it on its bus: an address, a pin, a probe's number."""
    points: list[str]
    first: Moment
    """When it came into the settings."""
    serial: str = ""
    """The number that it says of itself (a meter's), as far as it was heard."""
    last: Moment | None = None
    gone: Moment | None = None
    """Since when it is no longer in the settings."""


class Calibration(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a point's readings are scaled, since when."""

    since: Moment
    scale: float
    offset: float
    unit: str
    pulse_weight: float | None = None
    """What one pulse counts, in the unit, where pulses are counted."""


class Acknowledgement(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who acknowledged which alarm, when."""

    number: int
    limit: str
    point: str
    when: Moment
    author: str = ""
    channel: str = ""


class MadeSetting(msgspec.Struct, frozen=True, omit_defaults=True):
    """A setting made on the box, which counts above the file's."""

    key: str
    value: Any
    when: Moment
    author: str = ""
    channel: str = ""


class Baseline(msgspec.Struct, frozen=True):
    """The settings of a start, to compare those of the next with. Secrets are not in it."""

    digest: str
    packed: str
    """All that differs from the defaults by key: JSON, deflated, base64."""


class RegisterCopy(msgspec.Struct, frozen=True):
    """The registers of both logs as they were durable at `taken`, and whether each output was on.

    A second copy: the logs' frames are the first authority. `streams` and `next` name both logs and where they stood.
    """

    taken: Moment
    records: dict[str, Any]
    events: dict[str, Any]
    outputs: dict[str, bool] = {}
    streams: dict[str, str] = {}
    next: dict[str, int] = {}
