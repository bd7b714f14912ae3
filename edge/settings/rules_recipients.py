"""Rules of [[recipient]]: each has a number of its own, which is not the gateway's.

What is allowed and probably not meant, and how names look on phones, is advice (`vigie check`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edge.settings.draft import Draft, Row
from edge.settings.faults import Faults, LineOf
from edge.settings.places import KeyPath
from edge.settings.sms_fit import sms_name


def check_recipients(draft: Draft, faults: Faults) -> None:
    """Note recipients that could not be told apart, or who would answer for the gateway."""
    first: dict[str, Row] = {}
    for row in draft.rows["recipient"]:
        number = row.good.get("number")
        if number is None:
            continue
        if first.setdefault(number, row) is not row:
            faults.at_value(row.key("number"), "fault.same_number", line=LineOf(first[number].key("number")))
        if draft.sms is not None and draft.sms.good.get("gateway") == number:
            faults.at_value(row.key("number"), "fault.number_of_gateway", line=LineOf(draft.sms.key("gateway")))
    test = draft.single.get("test")
    told = "" if test is None else test.good.get("recipient", "")
    known = sorted(str(row.good["id"]) for row in draft.rows["recipient"] if "id" in row.good)
    if test is not None and told and told not in known and not faults.is_partial:
        faults.at_value(test.key("recipient"), "fault.no_recipient", known=known[:8])


def advise_recipients(draft: Draft, warnings: Faults) -> None:
    """Note whom nothing reaches, alarms that nobody is told at once, and names that phones show otherwise."""
    rows = draft.rows["recipient"]
    if rows and draft.sms is None:
        warnings.at_key(rows[0].path, "warn.recipient_unreached")
    told = [row for row in rows if row.good.get("alarms", True)]
    if rows and draft.sms is not None:
        if not told:
            warnings.at_key(rows[0].path, "warn.alarms_untold")
        elif all(row.good.get("after_min", 0) for row in told):
            warnings.at_value(told[0].key("after_min"), "warn.alarms_late")
        for path, name in _names(draft):
            if (shown := sms_name(name)) != name:
                warnings.at_value(path, "warn.sms_name", shown=shown)


def _names(draft: Draft) -> Iterator[tuple[KeyPath, str]]:
    """Yield the names that stand in texts, each with its place."""
    rows: list[Row] = [*([draft.single["site"]] if "site" in draft.single else []), *draft.points]
    rows += draft.rows["recipient"] + draft.rows["equipment"]
    for row in rows:
        name: Any = row.good.get("name")
        if isinstance(name, str):
            yield row.key("name"), name
        elif isinstance(name, dict):
            yield from (((*row.key("name"), lang), text) for lang, text in name.items())
