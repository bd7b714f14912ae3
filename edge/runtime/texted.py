"""The people who text a running box: the desk of the SMS link, and what it tells of the box itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from edge.core.clock import Clock
from edge.links.messages import Say
from edge.links.sms_desk import Desk, codes_by
from edge.links.sms_entry import Kept
from edge.links.sms_ports import Office, Outlet
from edge.links.sms_words import Reports
from edge.settings.model import Settings
from edge.settings.model_sms import Recipient
from edge.settings.sms_answers import BoxFacts
from edge.settings.sms_speech import Speech


def desk_of(
    settings: Settings,
    office: Office,
    outlet: Outlet,
    *,
    clock: Clock,
    say: Say,
    secret: bytes,
    report: Reports,
    facts: Callable[[], BoxFacts] = BoxFacts,
    tries: Kept | None = None,
) -> Desk:
    """Return the member of the SMS link that answers people. `secret`: `edge.links.sms_secret.secret_of`.

    `tries`: the file in which wrong codes are counted.
    """
    site = settings.site
    speech = Speech(site.lang, settings.box.id, site.name, ZoneInfo(site.tz))
    return Desk(
        settings.of(Recipient), office, outlet, speech, clock=clock, say=say, codes=codes_by(secret), report=report,
        facts=facts, tries=tries,
    )  # fmt: skip


def box_facts(
    sms: Mapping[str, Any], *, clock: Clock, version: str, started_ms: int, waiting: int | None = None,
    disk_percent: float | None = None, problems: Collection[str] = (),
) -> BoxFacts:  # fmt: skip
    """Return what DIAG, CREDIT and STATUS tell of the box; `sms`: the status of the SMS link.

    `started_ms`: monotonic; `waiting`: entries that the server has not acknowledged by MQTT, None without MQTT: then
    the messages that the gateway has not acknowledged count, where there is one. `problems`: of all links.
    """
    budget = sms.get("budget") or {}
    if waiting is None and "paired" in sms:
        waiting = (sms.get("waiting") or {}).get("messages")
    return BoxFacts(
        version=version, boot=clock.boot, up_s=max(0.0, clock.monotonic_ns() / 1e9 - started_ms / 1000),
        clock=clock.trust(), waiting=waiting, acked_utc_ms=sms.get("last_ack_utc_ms"), disk_percent=disk_percent,
        signal_percent=sms.get("signal"), operator=str(sms.get("operator") or ""), sent_today=budget.get("today"),
        per_day=budget.get("per_day"), sent_month=budget.get("month"), per_month=budget.get("per_month"),
        cost=budget.get("cost") if budget.get("price") else None, currency=str(budget.get("currency") or ""),
        is_id_twice="duplicate_id" in problems,
    )  # fmt: skip
