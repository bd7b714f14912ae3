"""What a link is given of its station: the same for the box and for virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from edge.core import view
from edge.core.batch import seconds
from edge.core.batch_points import SiteFacts
from edge.core.clock import Clock, Dating
from edge.core.ports import Reader
from edge.core.types import Event, Record
from edge.links.retained import Feed
from edge.runtime.station import Station
from edge.settings.card_verdict import Verdict
from edge.settings.model import Settings
from edge.store.writer import Degraded


def store_facts(trouble: Degraded | None, clock: Clock) -> dict[str, Any]:
    """Return what `up/status` says of the card: "ok", or why it can't be written and since when."""
    if trouble is None:
        return {"store": "ok"}
    ago_ms = clock.monotonic_ns() // 1_000_000 - round(trouble.since_s * 1000)
    return {"store": trouble.why, "store_since": seconds(clock.utc_ms() - ago_ms)}


def card_facts(card: Verdict | None) -> dict[str, Any]:
    """Return what `up/status` says of the installer's file: nothing where it is in order, or there is no card."""
    return {} if card is None or (card.is_kept and card.is_sound) else {"card": card.state}


def feed_of(
    settings: Settings,
    station: Station,
    clock: Clock,
    dating: Dating,
    *,
    records: Reader[Record],
    events: Reader[Event],
    facts: Callable[[], Mapping[str, Any]] = dict,
) -> Feed:
    """Return the logs, documents and words that a link sends; `facts` join its status."""
    engine = station.engine
    site = settings.site
    return Feed(
        box=settings.box.id,
        site=SiteFacts(name=site.name, tz=site.tz, lang=site.lang),
        records=records,
        events=events,
        dating=dating,
        clock=clock,
        post=station.post,
        points=lambda: station.described.points,
        limits=lambda: station.described.limits,
        snapshot=lambda: view.snapshot(engine),
        alarms=lambda: station.alarm_documents,
        facts=facts,
        undated_wait_s=settings.box.undated_wait_s,
    )
