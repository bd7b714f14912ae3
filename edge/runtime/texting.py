"""The people whom a running box texts: the member of the SMS link that sends them what the site has to say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from edge.links.messages import Say
from edge.links.retained import Feed
from edge.links.sms_account import Account
from edge.links.sms_people import CONSUMER, People
from edge.links.sms_ports import Outlet
from edge.links.sms_writing import Reports, Writing
from edge.settings.model import Settings
from edge.settings.model_sms import Recipient
from edge.settings.sms_pages import LifeFacts


def people_of(
    settings: Settings,
    feed: Feed,
    outlet: Outlet,
    *,
    say: Say,
    secret: bytes,
    report: Reports,
    life: Callable[[date], LifeFacts] = lambda _month: LifeFacts(),
) -> People:
    """Return the member; `life`: `life_of` by the queue's account. `secret`: `edge.links.sms_secret.secret_of`."""
    recipients = settings.of(Recipient)
    site = settings.site
    writing = Writing(
        {"name": site.name, "lang": site.lang, "box": settings.box.id}, ZoneInfo(site.tz), recipients,
        points=feed.points, report=report, life=life, dated=feed.dating.utc_ms,
    )  # fmt: skip
    sms = settings.links.sms
    return People(
        recipients, feed.events, outlet, writing, clock=feed.clock, dated=feed.dating.utc_ms, say=say, secret=secret,
        consumers=(CONSUMER,) if sms is None or sms.gateway else (CONSUMER, "sms"),
    )  # fmt: skip


def life_of(settings: Settings, account: Account, month: date, signal_percent: int | None) -> LifeFacts:
    """Return what the sign of life tells of a month: how many messages were sent, what they cost, of how many."""
    sms = settings.links.sms
    if sms is None:
        return LifeFacts(signal_percent=signal_percent)
    sent = account.month(month.isoformat()).sent
    cost = Decimal(str(sms.price)) * sent if sms.price else None
    return LifeFacts(sent, sms.per_month, cost, sms.currency, signal_percent)
