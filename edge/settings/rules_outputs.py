"""Rules of outputs: one id for output and point, something that switches it, and times that don't contradict."""

from __future__ import annotations

from typing import Final

from edge.settings.draft import Draft, Row
from edge.settings.faults import Faults, LineOf

_READ_BACK: Final = ("readback_pull", "readback_active_low", "readback_s")


def check_outputs(draft: Draft, faults: Faults) -> None:
    """Note outputs that could never do what is written of them."""
    driven = {row.good.get("target") for table in ("program", "rule") for row in draft.rows[table]}
    for row in draft.outputs:
        is_driven = "limit" in row.raw or row.good.get("id") in driven
        if not is_driven and row.good.get("by_command") is False:
            faults.at_key(row.key("by_command"), "fault.output_idle")
        if row.good.get("drive") == "open_collector" and "active_high" in row.raw:
            faults.at_key(row.key("active_high"), "fault.output_drive")
        if "link_lost_s" in row.raw and not _has_link(draft) and not faults.is_partial:
            faults.at_key(row.key("link_lost_s"), "fault.output_no_link")
        if "readback_pin" not in row.raw:
            for name in _READ_BACK:
                if name in row.raw:
                    faults.at_key(row.key(name), "fault.pair", name="readback_pin")
        _check_times(row, faults)


def _has_link(draft: Draft) -> bool:
    return draft.mqtt is not None or (draft.sms is not None and bool(draft.sms.raw.get("gateway")))


def _check_times(row: Row, faults: Faults) -> None:
    """Note minimum and maximum times that can't both hold, or that the safe state can't keep."""
    least_s, most_s = row.good.get("min_on_s", 0.0), row.good.get("max_on_s")
    if most_s is not None and least_s > most_s:
        faults.at_value(row.key("max_on_s"), "fault.output_times", least=least_s, line=LineOf(row.key("min_on_s")))
    if row.good.get("safe") != "on":
        return
    for name in ("max_on_s", "min_off_s"):
        if row.good.get(name):
            faults.at_key(row.key(name), f"fault.output_{name}", line=LineOf(row.key("safe")))
