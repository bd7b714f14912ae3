"""Which numbers of a site go by SMS, and how finely: the schema of its reports.

| point | hourly or daily | each 10 minutes |
|---|---|---|
| counter | its index | its index |
| gauge | mean, lowest, highest | mean |
| state | its last word's number | the same |

Resolution is worth more than any coder (a tenth of a degree, not a sixteenth): `EXPONENTS` says it by unit. A mean of
power leans on the index of its energy, lowest and highest lean on their mean. Where this is more than a report holds,
gauges give their means only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from edge.core.types import PointSpec
from edge.settings.model_sms import SmsLink
from sms.codec import encode
from sms.lean import INDEX_MAX
from sms.schema import CHANNELS_MAX, Channel, Schema, What
from sms.wire import WireError

EXPONENTS: Final[dict[str, int]] = {
    "Cel": -1, "K": -1, "%RH": 0, "%": 0, "W": 0, "VA": 0, "var": 0, "kW": -2, "kVA": -2, "kvar": -2, "V": -1, "mV": 0,
    "A": -1, "mA": 0, "Hz": -2, "hPa": -1, "mbar": -1, "bar": -2, "Pa": 0, "ppm": 0, "lx": 0, "pH": -2, "W/m2": 0,
    "l/min": -1, "l/h": 0, "m3/h": -2, "m": -3, "cm": -1, "mm": 0, "dBm": 0, "count": 0, "/": -3,
}  # fmt: skip
"""Of gauges: what is sent is a multiple of 10**exponent in the point's unit."""
INDEX_EXPONENTS: Final[dict[str, int]] = {
    "kWh": -2, "MWh": -3, "kvarh": -2, "kVAh": -2, "m3": -2, "h": -1, "min": 0, "J": 3
}  # fmt: skip
"""Of indexes; any other unit in whole ones."""
OTHERWISE: Final = -2
USUAL: Final = {"mean": 250, "min": 240, "max": 260, "last": 1}
"""What a value is about, where it is asked whether a report can hold so many."""
POWER: Final = frozenset({"W", "VA", "kW", "kVA"})
ENERGY: Final = frozenset({"Wh", "kWh"})


class TooManyError(ValueError):
    """More channels than one report can hold: says how many."""


def sent_points(points: Iterable[PointSpec], wanted: Sequence[str] = ()) -> list[PointSpec]:
    """Return the points that are sent, counters first: all of `wanted`, or all that have a number."""
    found = [point for point in points if point.kind != "text" and (not wanted or point.id in wanted)]
    return sorted(found, key=lambda point: ("counter", "gauge", "state").index(point.kind))


def schema_of(settings: SmsLink, box: str, tz: str, points: Iterable[PointSpec]) -> Schema | None:
    """Return the schema of a site's reports, None where nothing has a number. Raises TooManyError."""
    chosen = sent_points(points, settings.points)
    if not chosen:
        return None
    for spread in (True, False) if settings.step_s > 600 else (False,):
        channels = _channels(chosen, settings.step_s, spread=spread)
        if fits(channels):
            return Schema(box, tz, settings.step_s, tuple(channels))
    raise TooManyError(f"{len(channels)} channels are more than one report can hold: name fewer in `points`")


def fits(channels: Sequence[Channel]) -> bool:
    """Return whether a report holds one interval of these: whole indexes, and other values of usual size."""
    if len(channels) > CHANNELS_MAX:
        return False
    alone = tuple(Channel("p", channel.what, "", 0, channel.ref) for channel in channels)
    usual = [[INDEX_MAX if channel.what == "index" else USUAL[channel.what]] for channel in channels]
    try:
        encode(Schema("", "", 3600, alone), usual, full=True)
    except WireError:
        return False
    return True


def _channels(points: Sequence[PointSpec], step_s: int, *, spread: bool) -> list[Channel]:
    found: list[Channel] = []
    indexes: dict[str, int] = {}
    for point in points:
        if point.kind == "counter":
            indexes[point.id] = len(found)
            found.append(Channel(point.id, "index", point.unit, INDEX_EXPONENTS.get(point.unit, 0)))
        elif point.kind == "state":
            found.append(Channel(point.id, "last", "", 0))
        else:
            mean = len(found)
            exponent = EXPONENTS.get(point.unit, OTHERWISE)
            ref = _index_of(point, points, indexes) if step_s < 86_400 else -1
            found.append(Channel(point.id, "mean", point.unit, exponent, ref))
            if spread:
                found.append(Channel(point.id, "min", point.unit, exponent, mean))
                found.append(Channel(point.id, "max", point.unit, exponent, mean))
    return found


def _index_of(point: PointSpec, points: Sequence[PointSpec], indexes: dict[str, int]) -> int:
    """Return the channel of the one index that a mean of power leans on, -1 where none or several may be it."""
    if point.unit not in POWER:
        return -1
    energy = [other for other in points if other.kind == "counter" and other.unit in ENERGY]
    near = [other for other in energy if point.equipment and other.equipment == point.equipment] or energy
    return indexes[near[0].id] if len(near) == 1 else -1


def fewest_channels(kinds: Iterable[str]) -> int:
    """Return how many channels points of these kinds take at least.

    >>> fewest_channels(["counter", "gauge", "state", "text"])
    3
    """
    return sum(kind != "text" for kind in kinds)


def most_channels(kinds: Sequence[str]) -> int:
    """Return how many of the first of these a report can hold, with a channel each.

    >>> most_channels(["counter"] * 64), most_channels(["state"] * 65)
    (29, 64)
    """
    whats: dict[str, What] = {"counter": "index", "gauge": "mean", "state": "last"}
    channels = [Channel("p", whats[kind], "", 0) for kind in kinds if kind != "text"]
    return next((count for count in range(len(channels), 0, -1) if fits(channels[:count])), 0)
