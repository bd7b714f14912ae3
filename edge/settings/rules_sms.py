"""Rules of [link.sms]: a gateway and its key belong together, its points exist, and a report can hold them."""

from __future__ import annotations

from typing import Final

from edge.settings.draft import Draft, Row
from edge.settings.faults import Faults, LineOf
from edge.settings.rules_tariff import note_no_point
from edge.settings.sms_channels import fewest_channels, most_channels
from edge.settings.sources import sources

PERIODS_S: Final = {"hourly": 3600, "6-hourly": 21_600, "daily": 86_400}


def check_sms(draft: Draft, faults: Faults) -> None:
    """Note what would keep values from being sent, or never be sent."""
    row = draft.sms
    if row is None:
        return
    gateway, key = row.good.get("gateway", ""), row.good.get("gateway_key", "")
    if gateway and not key and "gateway_key" not in row.raw:
        faults.missing(row.key("gateway"), "fault.gateway_without_key")
    if key and not gateway and "gateway" not in row.raw:
        faults.missing(row.key("gateway_key"), "fault.key_without_gateway")
    step_s = row.good.get("step_s", 3600)
    if PERIODS_S.get(row.good.get("plan", "daily"), 86_400) < step_s:
        faults.at_value(row.key("plan"), "fault.plan_below_step", step_s=step_s, line=LineOf(row.key("step_s")))
    _check_points(row, draft, faults, is_sent=bool(gateway))


def _check_points(row: Row, draft: Draft, faults: Faults, *, is_sent: bool) -> None:
    points = sources(draft)
    wanted = row.good.get("points") or []
    for place, name in enumerate(wanted):
        if name not in points:
            note_no_point((*row.path, "points", place), name, points, faults)
        elif (channel := points[name].channel) is not None and channel.kind == "text":
            faults.at_value((*row.path, "points", place), "fault.sms_text")
    kinds = [points[name].channel for name in (wanted or points) if name in points]
    words = sorted(channel.kind for channel in kinds if channel is not None)  # counters first, as they are sent
    channels = fewest_channels(words)
    if is_sent and channels > (most := most_channels(words)):
        faults.at_value(row.key("points"), "fault.sms_channels", channels=channels, most=most)
