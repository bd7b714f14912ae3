"""Without a broker: the logs go straight into a database as `vigie receive` makes one, and are acknowledged then."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

from edge.core.batch import Origin, encode_events, encode_records
from edge.core.batch_parse import parse_document, parse_events, parse_records
from edge.links.cutter import Cutter, Prepared
from edge.upstream.gateway import Gateway
from edge.upstream.gateway_log import Stream, dating
from edge.upstream.gateway_points import VIA, points_of
from edge.upstream.ledger import Ledger

POLL_S: Final = 1.0
RETRY_S: Final = 10.0
REFUSED_S: Final = 600.0
"""A stream of which something can't be stored is tried again after this."""
AT_ONCE: Final = 200  # batches in one transaction

log = logging.getLogger(__name__)


class LedgerConsumer:
    """A worker that stores what the gateway's logs hold; stepped by the gateway's thread."""

    name = "gateway-ledger"

    def __init__(self, gateway: Gateway, ledger: Ledger, utc_s: Callable[[], float]) -> None:
        self.ledger = ledger
        self._gateway = gateway
        self._utc_s = utc_s
        self._dating = dating()
        self._told: dict[str, str] = {}
        self._refused: dict[int, float] = {}
        """Streams that are left alone, until when."""
        self._trouble = ""

    def step(self, now_s: float) -> float:
        """Store what is new and move the cursors; return when to be called again."""
        self._refused = {row: until_s for row, until_s in self._refused.items() if until_s > now_s}
        behind = [
            stream
            for stream in self._gateway.log.streams()
            if stream.next - 1 > stream.acked and stream.row not in self._refused
        ]
        if not behind:
            return now_s + POLL_S
        try:
            self._store(behind[:AT_ONCE], now_s)
        except sqlite3.OperationalError as exc:
            if str(exc) != self._trouble:
                self._trouble = str(exc)
                log.error("the database can't be written: %s", exc)
            return now_s + RETRY_S
        self._trouble = ""
        self._gateway.wake = True
        return now_s + (0.0 if len(behind) > AT_ONCE else POLL_S)

    def _store(self, streams: Sequence[Stream], now_s: float) -> None:
        """Store a batch of each in one transaction, then acknowledge. Raises sqlite3.OperationalError."""
        try:
            with self.ledger:
                settled = [(stream, self._settled(stream)) for stream in streams]
        except sqlite3.OperationalError:
            self._told.clear()
            raise
        except (sqlite3.Error, ValueError, OverflowError) as exc:
            self._told.clear()
            if len(streams) > 1:  # one of them can't be stored: the others must not suffer for it
                for stream in streams:
                    self._store([stream], now_s)
                return
            (stream,) = streams
            self._refused[stream.row] = now_s + REFUSED_S
            log.error("%s: entry %d or a later one can't be stored: %s", stream.box, stream.acked + 1, exc)
            return
        for stream, seq in settled:
            self._gateway.log.reader(stream).acknowledge(self.name, seq)

    def _settled(self, stream: Stream) -> int:
        self._tell_points(stream.box)
        return self._stored(stream)

    def filenos(self) -> list[int]:
        """Return no descriptor."""
        return []

    def close(self) -> None:
        """Close the database."""
        self.ledger.close()

    def _tell_points(self, box: str) -> None:
        kept = self._gateway.store.box(box)
        site = "" if kept is None else kept.site
        document = points_of(box, site, self._gateway.reports.schemas.newest(box))
        if self._told.get(box) != document.pts:
            self._told[box] = document.pts
            self.ledger.points(box, parse_document(document.body))

    def _stored(self, stream: Stream) -> int:
        """Store one batch of a stream; return what is settled of it."""
        reader = self._gateway.log.reader(stream)
        now_ms = round(self._utc_s() * 1000)
        kept = self._gateway.store.box(stream.box)
        document = points_of(
            stream.box, "" if kept is None else kept.site, self._gateway.reports.schemas.newest(stream.box)
        )
        origin = Origin(stream.box, stream.stream, document.pts, document.units, via=VIA)
        cutter: Cutter[Any]
        if stream.log == "m":
            cutter = Cutter(reader, lambda record: record.start_ms, encode_records, self._dating, "json")
        else:
            cutter = Cutter(reader, lambda event: event.at_ms, encode_events, self._dating, "json")
        found = cutter.prepare(origin, stream.acked + 1, 2**62)
        if not isinstance(found, Prepared):
            return stream.acked
        if stream.log == "m":
            self.ledger.records(stream.box, parse_records(found.payload), now_ms)
        else:
            self.ledger.events(stream.box, parse_events(found.payload), now_ms)
        return self.ledger.settled(stream.box, stream.stream)
