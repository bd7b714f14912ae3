"""What stands above a table: who tells, over which time, how a line is to be read, and what is lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from edge.core.export_csv import VERSION
from edge.core.export_package import iso
from edge.core.facts import BoxFacts
from edge.core.series import HistoryGap
from edge.core.tags import TagView
from edge.core.text import Text

GAPS_TOLD: Final = 20
TAGS_TOLD: Final = 50


def tag_sentences(tags: Sequence[TagView]) -> list[Text]:
    """Return a sentence for each tag of the table."""
    found = []
    for tag in tags[:TAGS_TOLD]:
        values = {"id": tag.id, "name": tag.name, "begin": iso(tag.begin_ms), "end": iso(tag.end_ms),
                  "equipment": tag.equipment, "points": ", ".join(tag.points), "author": tag.author}  # fmt: skip
        found.append(Text("export.head_tag", {key: value for key, value in values.items() if value}))
    return found


def sentences(
    box: BoxFacts, from_ms: int, to_ms: int, gaps: Sequence[HistoryGap] = (), *, step: str = ""
) -> list[Text]:
    """Return the sentences of the head as keys of the text catalogue."""
    found = [
        Text(
            "export.head_title",
            {
                "version": box.version,
                "form": VERSION,
                "box": box.id,
                "site": box.site,
                "from": iso(from_ms),
                "to": iso(to_ms),
            },
        ),
        *([Text("export.head_simulated")] if box.is_simulated else []),
        Text("export.head_period"),
        Text("export.head_zone", {"tz": box.tz}),
        Text("export.head_missing"),
    ]
    clock: dict[str, Any] = {"source": box.clock} if box.clock else {}
    if clock and box.clock_error_ms is not None:
        clock["error"] = box.clock_error_ms
    if clock:
        found.append(Text("export.head_clock", clock))
    found.append(Text("export.head_step", {"step": step}) if step else Text("export.head_dated"))
    for gap in gaps[:GAPS_TOLD]:
        values: dict[str, Any] = {"stream": gap.stream, "first": gap.first, "last": gap.last, "why": gap.why}
        between = {"after": iso(gap.from_ms), "before": iso(gap.to_ms)}
        found.append(Text("export.head_gap", values | {key: value for key, value in between.items() if value}))
    if len(gaps) > GAPS_TOLD:
        found.append(Text("export.head_more_gaps", {"count": len(gaps) - GAPS_TOLD}))
    return found
