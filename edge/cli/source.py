"""Where figures of the past come from: the box that runs, by its local API; its state folder where none runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from edge.cli.client import Client, NotRunningError, RefusedError, socket_path
from edge.cli.words import own_words
from edge.core.export_rows import Archive
from edge.core.facts import BoxFacts, PointFacts
from edge.core.series import HistoryGap, HistoryRecord, Period, PeriodLength, PointInfo
from edge.core.tags import TagView

Told = TypeVar("Told", HistoryRecord, Period)


class Source(msgspec.Struct, frozen=True):
    """What answers about the past, and whose past it is."""

    history: Archive
    box: BoxFacts
    facts: list[PointFacts]
    tags: list[TagView] = []


class RemoteHistory:
    """A running box's past over its local API, by the page. Raises NotRunningError, RefusedError, KeyError."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def points(self) -> list[PointInfo]:
        """See HistoryReader."""
        return msgspec.convert(self._client.get("history/points"), list[PointInfo])

    def records(self, point: str, from_ms: int, to_ms: int, limit: int) -> list[HistoryRecord]:
        """See HistoryReader."""
        path = f"history/{quote(point, safe='')}/records?from={from_ms}&to={to_ms}&limit={limit}"
        return _told(HistoryRecord, self._page(point, path))

    def periods(self, point: str, length: PeriodLength, from_ms: int, to_ms: int) -> list[Period]:
        """See HistoryReader."""
        found: list[Period] = []
        at_ms: int | None = from_ms
        while at_ms is not None:
            path = f"history/{quote(point, safe='')}/periods?length={length}&from={at_ms}&to={to_ms}"
            page = self._page(point, path)
            found += _told(Period, page)
            at_ms = page["next"]
        return found

    def gaps(self, from_ms: int, to_ms: int) -> list[HistoryGap]:
        """See HistoryReader."""
        return msgspec.convert(self._client.get(f"history/gaps?from={from_ms}&to={to_ms}"), list[HistoryGap])

    def _page(self, point: str, path: str) -> dict[str, Any]:
        try:
            page: dict[str, Any] = self._client.get(path)
        except RefusedError as exc:
            if exc.code == "no_such_point":
                raise KeyError(point) from exc
            raise
        return page


def _told(kind: type[Told], page: dict[str, Any]) -> list[Told]:
    """Return the rows of a page; a column that this version does not know is left out."""
    columns = tuple(page["columns"])
    if columns == kind.__struct_fields__:
        return [kind(*row) for row in page["rows"]]
    known = [(place, name) for place, name in enumerate(columns) if name in kind.__struct_fields__]
    return [kind(**{name: row[place] for place, name in known}) for row in page["rows"]]


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how the box is found."""
    from edge.cli.client import DEFAULT_SOCKET

    parser.add_argument("--socket", help=f"the box's local API (default $VIGIE_SOCKET or {DEFAULT_SOCKET})")
    parser.add_argument("--state", type=Path, help=f"where no box runs: its state folder (default {DEFAULT_STATE})")
    parser.add_argument("--config", type=Path, help=f"where no box runs: its settings (default {DEFAULT_CONFIG})")


DEFAULT_STATE: Final = Path("/var/lib/vigie")
DEFAULT_CONFIG: Final = Path("/etc/vigie/vigie.toml")


@contextmanager
def opened(args: argparse.Namespace) -> Iterator[Source]:
    """Give the running box's past, or what its state folder holds. Raises NotRunningError, RefusedError, OSError."""
    client = Client(socket_path(args.socket))
    try:
        source = running(client)
    except NotRunningError as exc:
        state = args.state or DEFAULT_STATE
        if not state.is_dir():
            raise NotRunningError(own_words()("history.no_state", why=str(exc), state=state)) from exc
        from edge.cli.stored import stored

        with stored(state, args.config or DEFAULT_CONFIG) as found:
            yield found
        return
    yield source


def running(client: Client) -> Source:
    """Return the past of a running box."""
    box = client.get("box")
    site = box["site"]
    facts = BoxFacts(
        id=box["id"],
        site=site["name"],
        tz=site["tz"],
        lang=site["lang"],
        version=box["version"],
        now_ms=box["utc_ms"],
        is_simulated=bool(box.get("demo")),
        clock=box["clock"],
        clock_error_ms=client.get("time").get("error_ms"),
    )
    known = msgspec.convert(client.get("history/facts"), list[PointFacts])
    return Source(RemoteHistory(client), facts, known, msgspec.convert(client.get("tags"), list[TagView]))
