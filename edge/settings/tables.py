"""The tables of a site's file beside buses, points and links: a line here and a struct are all that a new one takes.

The draft reads them, Settings hold them, schema and reference page list them, `flat` tells what changed in them. What a
table makes for the engine stands in `specs` and `site_parts`, what may be wrong between tables in a `rules_` module.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from edge.settings import model, model_orders
from edge.settings.model_alarms import Alarms
from edge.settings.model_calculated import Calculated
from edge.settings.model_card import MACHINE
from edge.settings.model_equipment import Equipment
from edge.settings.model_limits import Limit
from edge.settings.model_meters import Meter
from edge.settings.model_sms import Recipient, Test
from edge.settings.model_tariff import Tariff
from edge.settings.model_template import Template, Use

SINGLE: Final[dict[str, type[msgspec.Struct]]] = {
    "box": model.Box,
    "site": model.Site,
    "history": model.History,
    "led": model.Led,
    "display": model.Display,
    "alarms": Alarms,
    "test": Test,
    **MACHINE,
}
"""Tables that a file holds once, such as [box]."""

REQUIRED: Final = ("box", "site")

SEVERAL: Final[dict[str, type[msgspec.Struct]]] = {
    "limit": Limit,
    "output": model.Output,
    "meter": Meter,
    "tariff": Tariff,
    "equipment": Equipment,
    "setpoint": model_orders.Setpoint,
    "program": model_orders.Program,
    "rule": model_orders.Rule,
    "calculated": Calculated,
    "recipient": Recipient,
}
"""Tables that a file holds any number of times, such as [[limit]]."""

REPEATED: Final = ("point", *SEVERAL)
"""What a template may hold."""

TEMPLATES: Final[dict[str, type[msgspec.Struct]]] = {"template": Template, "use": Use}
"""Tables that make rows of others, and are none themselves once the file is read."""


def name_of(row: Any) -> str:
    """Return what tells a row from the others of its table: its `row_name` where it has one, else its id."""
    name: str = getattr(row, "row_name", "") or row.id
    return name
