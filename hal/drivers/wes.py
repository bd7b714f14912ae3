"""A WES server (Cartelectronic): its page data.cgx, asked for once a tick for all points that are due.

The server answers each page slowly and to few at a time: 30 s between two questions is what its makers' clients keep.
Its own date and time have minutes only and stand in `vigie explain`; samples carry our time.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta

from hal.decode import wes
from hal.decode.register_guard import RegisterGuard
from hal.driver import DriverError
from hal.sample import BAD, GOOD, UNCERTAIN, Channel, Sample

LEAST_S: Final = 30.0
REMEMBER_EACH_NS: Final = 900_000_000_000  # registers are kept to know how low they can't be: now and then is enough
OFTEN_READS: Final = 3  # so many intervals in a row below LEAST_S are said

log = logging.getLogger(__name__)


class WesOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of a point on a WES. Read it each 30 s or slower (`period_s = 30`): the server is small."""

    field: Annotated[str, Meta(description="section.TAG of data.cgx: tic1.PAP, impulsion.INDEX1, temp.SONDE3 …")]

    def __post_init__(self) -> None:
        """Refuse a field that no WES has. Raises ValueError with the nearest one."""
        wes.named(self.field)


class _Remembered(msgspec.Struct, frozen=True):
    """What outlives a restart: the last believed register of each counter."""

    registers: dict[str, float] = {}


class Wes:
    """One server."""

    bus_kind: ClassVar[str] = "http"
    Options: ClassVar[type[msgspec.Struct]] = WesOptions

    @staticmethod
    def device(options: WesOptions) -> str:
        """Return the one name that every point of a server shares."""
        return "wes"

    @staticmethod
    def channel(options: WesOptions) -> Channel:
        """Return what the field is; the unit of a pulse input is for the point to say."""
        field = wes.named(options.field)
        return Channel(field.kind, field.unit, wrap=field.wrap, words=wes.SWITCH if field.kind == "state" else ())

    def __init__(self, bus: Any, points: Mapping[str, WesOptions]) -> None:
        """Keep the source and the points; ask nothing yet."""
        self._source = bus
        self._fields = {point: wes.named(options.field) for point, options in points.items()}
        self._found: dict[str, str] = {}
        self._page = b""
        self._came = b""
        self._guard = RegisterGuard()
        self._kept: dict[str, float] = {}
        self._kept_ns = 0
        self._now_ns = 0
        self._asked_ns: int | None = None
        self._often = 0

    def open(self) -> None:
        """Ask for the page once, so that an absent server or a wrong password is named. Raises DriverError."""
        self._fetch()

    def read(self, due: Sequence[str], now_ns: int) -> list[Sample]:
        """Return the due points' samples of one page. Raises DriverError when the server gives none."""
        if not due:
            return []
        self._now_ns = now_ns
        self._note_interval(now_ns)
        self._found = {}
        self._fetch()
        return [self._sample(point, now_ns) for point in due]

    def state(self) -> str | None:
        """Return the counters' registers as JSON: a new one at once, else each 15 minutes."""
        last = self._guard.last
        is_due = last.keys() != self._kept.keys() or self._now_ns - self._kept_ns >= REMEMBER_EACH_NS
        if last == self._kept or not is_due:
            return None
        self._kept, self._kept_ns = dict(last), self._now_ns
        return msgspec.json.encode(_Remembered(self._kept)).decode()

    def restore(self, state: str) -> None:
        """Take back what `state` gave; damaged text is ignored."""
        try:
            kept = msgspec.json.decode(state, type=_Remembered).registers
        except (msgspec.DecodeError, UnicodeError):
            return
        self._guard.last = {point: raw for point, raw in kept.items() if point in self._fields}

    def raw(self, point: str) -> str:
        """Return the field's text, and the server's own time of it."""
        if not self._found:
            return ""
        field = self._fields[point]
        told = " ".join(filter(None, (self._found.get("info.date"), self._found.get("info.time"))))
        text = self._found.get(field.name)
        return f"{field.name}: {'absent' if text is None else repr(text)}" + (
            f" (the server's clock: {told})" if told else ""
        )

    def trace(self) -> bytes:
        """Return and forget the page that came since the last call."""
        came, self._came = self._came, b""
        return came

    def close(self) -> None:
        """Nothing is kept open."""

    def _fetch(self) -> None:
        self._came = self._source.get(wes.PATH, wes.MOST_BYTES)
        try:
            self._found = wes.document(self._came)
        except wes.DocumentError as exc:
            what = f"{self._source.name}{wes.PATH}: this is no page of a WES: {exc}"
            raise DriverError(f"{what}; check the url, and data.cgx in its FTP folder", "no_frame") from exc

    def _note_interval(self, now_ns: int) -> None:
        """Say once when the server is asked more often than it should be."""
        asked_ns, self._asked_ns = self._asked_ns, now_ns
        is_often = asked_ns is not None and now_ns - asked_ns < (LEAST_S - 1) * 1e9
        self._often = self._often + 1 if is_often else 0
        if self._often == OFTEN_READS:
            log.warning(
                "%s: asked more often than each %g s; write period_s = 30 for its points", self._source.name, LEAST_S
            )

    def _sample(self, point: str, now_ns: int) -> Sample:
        field = self._fields[point]
        value, reason = wes.value_of(field, self._found.get(field.name))
        if value is None:
            return Sample(point, now_ns, None, BAD, reason)
        if field.kind == "counter" and not isinstance(value, str):
            reason = self._guard.judge(point, value, now_ns / 1e6, field.wrap)
        return Sample(point, now_ns, value, UNCERTAIN if reason else GOOD, reason)
