"""`up/points` of a box that only texts: what its schema says, and no more."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from edge.core.batch_points import PointsDocument, SiteFacts, points_document
from edge.core.types import PointSpec
from sms.schema import Schema

VIA: Final = "sms"


def points_of(box: str, site: str, schema: Schema | None) -> PointsDocument:
    """Return the document of a box; without a schema it has no points yet."""
    specs: dict[str, PointSpec] = {}
    for channel in schema.channels if schema is not None else ():
        kind = "counter" if channel.what == "index" else "gauge"
        step_ms = 1000 * schema.step_s if schema is not None else 0
        specs.setdefault(
            channel.point,
            PointSpec(channel.point, kind, channel.unit, record_ms=step_ms),  # type: ignore[arg-type]
        )
    facts = SiteFacts(site or box, schema.tz if schema is not None else "UTC")
    made = points_document(box, facts, list(specs.values()), [])
    said: dict[str, Any] = msgspec.json.decode(made.body)
    return PointsDocument(msgspec.json.encode({**said, "via": VIA}), made.pts, made.units)


def is_ours(document: dict[str, Any]) -> bool:
    """Return whether a retained `up/points` was made by a gateway, not by the box."""
    return document.get("via") == VIA
