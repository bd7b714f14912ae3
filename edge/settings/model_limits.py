"""The table [[limit]], and which of its keys each kind of limit has (docs/limits.md)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from edge.core.types import LimitKind, Per
from edge.core.units import KNOWN
from edge.settings.patterns import ID_PATTERN


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A limit (seuil) of a point; exceeded, it is an alarm. Which keys a kind has: docs/limits.md."""

    id: Annotated[str, Meta(pattern=ID_PATTERN, extra={"expect": "id"})]
    point: Annotated[str, Meta(description="id of the point; an expression's first one where absent")] = ""
    kind: Annotated[LimitKind, Meta(description="what is compared, and how")]
    value: Annotated[
        float | str | None, Meta(description="in the point's unit, or a state's word; subscribed: in percent")
    ] = None
    unit: Annotated[
        str | None,
        Meta(
            description="of value and deadband, where not the point's: l for a meter in m3",
            extra_json_schema={"enum": sorted(KNOWN)},
        ),
    ] = None
    at: Annotated[str, Meta(description="in place of value: id of the point that is the limit")] = ""
    of: Annotated[
        str,
        Meta(description="deviation: id of the point that it is from; subscribed: of the one that tells the power"),
    ] = ""
    or_equal: Annotated[bool, Meta(description="the value itself is beyond already: ≥ for >, ≤ for <")] = False
    deadband: Annotated[float, Meta(ge=0, description="how far it must come back before the alarm ends")] = 0.0
    direction: Annotated[Literal["both", "up", "down"], Meta(description="rate, deviation: which way is too much")] = (
        "both"
    )
    over_s: (
        Annotated[
            float,
            Meta(gt=0, le=2_678_400, description="rate: taken over this long; never_zero: so long without a rest"),
        ]
        | None
    ) = None
    per: (
        Annotated[
            Literal["second", "minute", "hour", "day", "week", "month"],
            Meta(description="rate: change per second, minute, hour or day; consumption of the hour, day, week, month"),
        ]
        | None
    ) = None
    rest_s: Annotated[
        float, Meta(ge=0, le=86400, description="never_zero: a rest is at least this long; needed for a counter")
    ] = 0.0
    phases: (
        Annotated[
            Literal[1, 3], Meta(description="subscribed: of the connection; told by the meter's labels where absent")
        ]
        | None
    ) = None
    expression: Annotated[str, Meta(description='such as "door.north == 1 and t.cold > 8"')] = ""
    on_delay_s: Annotated[float, Meta(ge=0, le=86400, description="exceeded this long before the alarm begins")] = 0.0
    off_delay_s: Annotated[float, Meta(ge=0, le=86400, description="back this long before the alarm ends")] = 0.0
    latch: Annotated[
        bool, Meta(description="the alarm stands until somebody acknowledges it, though the value is back")
    ] = False
    priority: Literal["low", "medium", "high", "critical"] = "medium"
    diagnosis: Annotated[str, Meta(description="overheating, overpressure, leak …: a key of the text catalogue")] = ""


_ORDER: Final = ("value", "unit", "at", "or_equal", "deadband", "on_delay_s", "off_delay_s")
_SAME: Final = ("value", "unit", "at", "on_delay_s", "off_delay_s")
_QUALITY: Final = ("on_delay_s", "off_delay_s")

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "high": _ORDER,
    "high_high": _ORDER,
    "low": _ORDER,
    "low_low": _ORDER,
    "equal": _SAME,
    "not_equal": _SAME,
    "rate": ("value", "unit", "over_s", "per", "direction", "or_equal", "deadband", "on_delay_s", "off_delay_s"),
    "deviation": ("value", "unit", "of", "direction", "or_equal", "deadband", "on_delay_s", "off_delay_s"),
    "consumption": ("value", "unit", "per", "or_equal"),
    "never_zero": ("value", "unit", "over_s", "rest_s", "off_delay_s"),
    "subscribed": ("value", "of", "phases", "or_equal", "deadband", "on_delay_s", "off_delay_s"),
    "expression": ("expression", "on_delay_s", "off_delay_s"),
    "fault": _QUALITY,
    "stale": _QUALITY,
}
"""Kind -> the keys that it has besides id, point, kind, latch, priority and diagnosis."""

COMMON: Final = ("id", "point", "kind", "latch", "priority", "diagnosis")
PER: Final = {"rate": ("second", "minute", "hour", "day"), "consumption": ("hour", "day", "week", "month")}
PER_WHERE_ABSENT: Final[dict[str, Per]] = {"rate": "hour", "consumption": "day"}
NEVER_ZERO_OVER_S: Final = 86_400.0
DIFFERENCES: Final = frozenset({"rate", "deviation"})
"""Kinds whose value is a difference of readings."""
ORDERED: Final = ("low_low", "low", "high", "high_high")
"""Kinds that are levels of one value, the lowest first."""
