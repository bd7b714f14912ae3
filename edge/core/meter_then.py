"""Whether a reading taken at another time can be compared with what the box's records hold of that time.

An index that was set, or went on from another meter, since then is no longer what stands in those records: comparing
them would move it by the whole difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from edge.core.calendar import instant_ms
from edge.core.maintenance import local
from edge.core.meter import Act
from edge.core.text import Text

if TYPE_CHECKING:
    from edge.core.engine import Engine
    from edge.core.kinds import Counter

MOVES: Final = frozenset({"set", "exchange"})
"""Acts after which the index is another one."""
SLACK_MS: Final = 60_000  # a person tells the minute


def why_not(site: Engine, counter: Counter, acts: Iterable[Act], at: str) -> Text | None:
    """Return why a reading of this time can't be compared, None where it can or nobody knows what time it is."""
    if not site.is_dated:
        return None
    values = {"point": counter.id, "at": at[:40]}
    try:
        at_ms, _ = instant_ms(at, site.zone)
    except ValueError:
        return Text("meter_at", values)
    if at_ms > site.now_ms + site.utc_offset_ms + SLACK_MS:
        return Text("meter_future", values)
    spec = counter.spec
    record_ms = max(spec.record_ms, spec.heartbeat_ms) if spec.deadband else spec.record_ms
    moves_ms = [_utc_ms(site, act) for act in acts if act.kind in MOVES]
    since_ms = max((ms for ms in moves_ms if ms is not None), default=None)
    if since_ms is not None and at_ms < since_ms + record_ms:  # the record of that time may have begun before it
        return Text("meter_moved_since", {**values, "moved": local(since_ms, site.zone)})
    return None


def _utc_ms(site: Engine, act: Act) -> int | None:
    if act.boot == site.boot:
        return act.at_ms + site.utc_offset_ms
    return None if site.dating is None else site.dating.utc_ms(act.boot, act.at_ms)
