"""All boxes at a glance: who is silent, what each costs, who asks to join."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

from edge.upstream.gateway_post import month_of
from edge.upstream.gateway_store import Box, GatewayStore
from sms.keys import fingerprint

LATE: Final = 1.5
"""A box is silent when its next report is late by half of what one covers, and an hour."""
LEAST_S: Final = 3 * 3600

BoxState: TypeAlias = Literal["ok", "alarm", "silent", "new", "waits", "revoked"]
"""waits: accepted, and has not answered yet."""


class BoxRow(msgspec.Struct, frozen=True):
    """One box. `cost` is of both directions this month, None without a price."""

    box: str
    site: str
    number: str
    last_s: int | None
    came: int
    sent: int
    cost: float | None
    signal: int | None
    state: BoxState
    alarms: int
    print: str
    claims: list[str]
    missing: int
    """Counters that did not come yet."""


class Fleet(msgspec.Struct, frozen=True):
    """All boxes in a month such as 2026-11."""

    month: str
    now_s: int
    budget: int | None
    """Messages a box may send in a month."""
    currency: str
    boxes: list[BoxRow]
    refused: int
    """Messages that were nobody's."""


def fleet(store: GatewayStore, now_s: int, month: str = "") -> Fleet:
    """Return how all boxes are."""
    month = month or month_of(now_s)
    counted = store.counted(month)
    price = store.setting("price")
    alarms: dict[str, int] = dict(store.db.execute("SELECT box, count(*) FROM alarm GROUP BY box"))
    claims: dict[str, list[str]] = {}
    for box, public in store.db.execute("SELECT box, public FROM claim ORDER BY at_s"):
        claims.setdefault(box, []).append(fingerprint(public))
    rows = []
    for box in store.boxes():
        came, sent = counted.get((box.id, "in"), 0), counted.get((box.id, "out"), 0)
        rows.append(
            BoxRow(
                box.id, box.site, box.phone, box.last_s if box.last_s is not None else box.asked_s, came, sent,
                None if price is None else round((came + sent) * price, 2), box.signal,
                _state(box, alarms.get(box.id, 0), now_s), alarms.get(box.id, 0), fingerprint(box.public),
                claims.get(box.id, []), missing(store, box),
            )
        )  # fmt: skip
    budget: Any = store.setting("budget")
    currency = store.setting("currency") or "EUR"
    refused = sum(count for (_, way), count in counted.items() if way == "refused")
    return Fleet(month, now_s, budget, currency, rows, refused)


def _state(box: Box, alarms: int, now_s: int) -> BoxState:
    if box.state != "accepted":
        return box.state
    if box.last_s is None:
        return "waits"
    if now_s - box.last_s > max(LATE * box.every_s + 3600, LEAST_S):
        return "silent"
    return "alarm" if alarms else "ok"


def missing(store: GatewayStore, box: Box) -> int:
    """Return how many messages of a box should have come and did not."""
    query = "SELECT count(*), max(counter) FROM (SELECT counter FROM came WHERE box = ? UNION"
    query += " SELECT counter FROM unread WHERE box = ?)"
    count, top = store.db.execute(query, (box.id, box.id)).fetchone()
    return 0 if top is None else max(int(top) - box.settled - count, 0)
