"""The past of a box that does not run, out of its state folder: read only, under the locks of its logs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from edge.cli.printed import moment
from edge.cli.selection import zone_of_site
from edge.cli.source import Source
from edge.cli.words import Words, own_words
from edge.core.facts import BoxFacts, PointFacts, noted
from edge.core.tags import recalled, shown
from edge.settings.facts import box_facts, point_facts
from edge.settings.faults import SettingsError
from edge.settings.load import load
from edge.store.history_stored import stored_history
from edge.store.notebook import Notebook
from edge.store.offline import ReadOnlyFs, stored_logs


@contextmanager
def stored(state: Path, config: Path) -> Iterator[Source]:
    """Give what the folder holds; no box can start on it meanwhile. Raises OSError.

    Without readable settings it goes on without names and zone, and says so.
    """
    with stored_logs(state) as logs:
        notebook = Notebook(ReadOnlyFs(state))
        box, facts = _known(config, notebook)
        points = {known.point: (known.kind, known.unit) for known in facts}
        with stored_history(state, logs, zone=zone_of_site(box.tz), points=points) as history:
            end_ms = max((info.end_ms for info in history.points()), default=0)
            if end_ms:
                say = Words(box.lang)
                end = moment(end_ms, zone_of_site(box.tz), say)
                sys.stderr.write(f"vigie: {say('history.at_rest', state=state, end=end)}\n")
            box = msgspec.structs.replace(box, now_ms=end_ms)
            tags = [shown(tag, logs.dating) for tag in recalled(logs.events.registers.get("tags"))[1]]
            yield Source(history, box, noted(facts, notebook.calibrations(), notebook.inventory()), tags)


def _known(config: Path, notebook: Notebook) -> tuple[BoxFacts, list[PointFacts]]:
    try:
        settings = load(config)
    except SettingsError as exc:
        sys.stderr.write(f"vigie: {own_words()('history.no_settings', file=str(config), count=len(exc.faults))}\n")
        known = notebook.box()
        return BoxFacts(known.get("id", "?"), known.get("site", "")), []
    return box_facts(settings), point_facts(settings)
