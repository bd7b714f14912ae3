"""`up/points`: what the points of a box are, for people and machines that know nothing but the broker."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from edge.core.batch import Origin, seconds
from edge.core.batch_forms import VERSION
from edge.core.types import LimitSpec, PointSpec


class SiteFacts(msgspec.Struct, frozen=True):
    """The place, as it stands in `up/points`."""

    name: str
    tz: str = "UTC"
    lang: str = "en"


class PointsDocument(msgspec.Struct, frozen=True):
    """The document, its hash `pts` that stands in every batch, and the units by point."""

    body: bytes
    pts: str
    units: dict[str, str]

    def origin(self, box: str, stream: str, *, is_terse: bool = False) -> Origin:
        """Return what the batches of a stream say of themselves."""
        return Origin(box, stream, self.pts, self.units, is_terse)


def points_document(
    box: str, site: SiteFacts, points: Sequence[PointSpec], limits: Sequence[LimitSpec]
) -> PointsDocument:
    """Return `up/points`; `pts` changes whenever anything in it does, and only then."""
    limits_of: dict[str, list[str]] = {}
    for limit in limits:
        limits_of.setdefault(limit.point, []).append(limit.id)
    rows = [_row(point, limits_of.get(point.id, [])) for point in points]
    content = {"box": box, "site": msgspec.to_builtins(site), "p": rows}
    pts = hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:8]
    body = msgspec.json.encode({"v": VERSION, "pts": pts, **content})
    return PointsDocument(body, pts, {point.id: point.unit for point in points if point.unit})


def _row(point: PointSpec, limits: list[str]) -> dict[str, Any]:
    """Return one point; what is empty is left out."""
    row: dict[str, Any] = {
        "n": point.id,
        "name": point.name,
        "place": point.place,
        "equipment": point.equipment,
        "kind": point.kind,
        "u": point.unit,
        "dt": seconds(point.record_ms),
        "role": point.role,
        "properties": point.properties,
        "words": list(point.words),
        "limits": limits,
    }
    return {key: value for key, value in row.items() if value or key == "n"}
