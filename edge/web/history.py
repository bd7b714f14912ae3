"""The past over the local API: points, records by the page, sums of local periods, gaps.

Below `/v1/history`: `points`, `facts`, `gaps?from=&to=`, `<point>/records?from=&to=&limit=` (also `<point>?…`),
`<point>/periods?length=&from=&to=`. Ranges are UTC milliseconds, `from` in, `to` out. Every answer is bounded: a page
says in `next` from where to go on, null when nothing follows, so that who asks for a year keeps nobody else waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol, get_args

import msgspec

from edge.core.facts import PointFacts
from edge.core.series import HistoryReader, HistoryRecord, Period, PeriodLength
from edge.web.refusal import RefusedError

PAGE: Final = 1000
LARGEST_PAGE: Final = 2000
LATEST_MS: Final = 7_258_118_400_000  # the year 2200
LENGTHS: Final[tuple[PeriodLength, ...]] = get_args(PeriodLength)
# so that an answer holds at most some hundred periods
LONGEST_RANGE_MS: Final[dict[PeriodLength, int]] = {
    "hour": 31 * 86_400_000,
    "day": 732 * 86_400_000,
    "month": LATEST_MS,
}


class Desk(Protocol):
    """What these answers are made of."""

    def history(self) -> HistoryReader:
        """Return what answers about the past; raises LookupError with why when nothing does."""

    def facts(self) -> list[PointFacts]:
        """Return what a reader of figures must know of each point of the settings."""


class Page(msgspec.Struct, frozen=True):
    """Some records or periods of a point, a row each with its fields in the order of `columns`."""

    point: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    next: int | None = None
    """Ask again from here; null when nothing follows in the range."""


def add_routes(app: Any, root: str, desk: Desk, answer: Callable[[Callable[[], Any]], bytes]) -> None:
    """Add the routes below `root`; `answer` turns what a question gives, or raises, into a response."""
    import bottle

    asked = bottle.request

    def told(make: Callable[[HistoryReader, Any], Any], *keys: str) -> bytes:
        """Answer out of history, once the query has no other keys than these."""

        def ask() -> Any:
            unknown = sorted(set(asked.query.keys()) - set(keys))
            if unknown:
                known = ", ".join(keys) or "none"
                raise RefusedError(400, "bad_query", f"no parameter {', '.join(unknown)}; there are {known}")
            try:
                return make(desk.history(), asked.query)
            except KeyError:
                raise  # no such point: a LookupError too
            except LookupError as exc:
                raise RefusedError(503, "no_history", str(exc)) from exc
            except OSError as exc:
                text = f"history can't be read: {exc.strerror or exc}"
                raise RefusedError(503, "store_unreadable", text) from exc

        return answer(ask)

    def records(point: str) -> bytes:
        return told(lambda past, query: records_page(past, point, query), "from", "to", "limit")

    def periods(point: str) -> bytes:
        return told(lambda past, query: periods_page(past, point, query), "from", "to", "length")

    app.route(f"{root}/points", "GET", lambda: told(lambda past, _query: past.points()))
    app.route(f"{root}/facts", "GET", lambda: answer(desk.facts))
    app.route(f"{root}/gaps", "GET", lambda: told(lambda past, query: past.gaps(*range_ms(query)), "from", "to"))
    app.route(f"{root}/<point>", "GET", records)
    app.route(f"{root}/<point>/records", "GET", records)  # also for a point that is called gaps
    app.route(f"{root}/<point>/periods", "GET", periods)


def records_page(reader: HistoryReader, point: str, query: Any) -> Page:
    """Return the records that begin in the range, at most `limit`. Raises RefusedError 400 or 404."""
    from_ms, to_ms = range_ms(query)
    limit = number(query, "limit", 1, LARGEST_PAGE, PAGE)
    found = _of_point(lambda: reader.records(point, from_ms, to_ms, limit), point)
    following = found[-1].t_ms + 1 if found and found[-1].t_ms + 1 < to_ms else None
    return Page(
        point, HistoryRecord.__struct_fields__, [msgspec.structs.astuple(record) for record in found], following
    )


def periods_page(reader: HistoryReader, point: str, query: Any) -> Page:
    """Return the sums of the local periods that begin in the range. Raises RefusedError 400 or 404."""
    length = query.get("length", "")
    if length not in LENGTHS:
        raise RefusedError(400, "bad_query", f"length: one of {', '.join(LENGTHS)} is expected")
    from_ms, to_ms = range_ms(query)
    until_ms = min(to_ms, from_ms + LONGEST_RANGE_MS[length])
    found = _of_point(lambda: reader.periods(point, length, from_ms, until_ms), point)
    rows = [msgspec.structs.astuple(period) for period in found]
    return Page(point, Period.__struct_fields__, rows, until_ms if until_ms < to_ms else None)


def _of_point(ask: Callable[[], list[Any]], point: str) -> list[Any]:
    try:
        return ask()
    except KeyError:
        text = f"history holds nothing of a point {point}; /v1/history/points lists them"
        raise RefusedError(404, "no_such_point", text) from None


def range_ms(query: Any) -> tuple[int, int]:
    """Return `from` and `to`; everything where they are absent. Raises RefusedError 400."""
    from_ms, to_ms = number(query, "from", 0, LATEST_MS, 0), number(query, "to", 0, LATEST_MS, LATEST_MS)
    if from_ms > to_ms:
        raise RefusedError(400, "bad_query", f"from = {from_ms} is after to = {to_ms}")
    return from_ms, to_ms


def number(query: Any, name: str, least: int, most: int, otherwise: int) -> int:
    """Return a whole number of the query, `otherwise` where it is absent. Raises RefusedError 400."""
    written = query.get(name)
    if written is None:
        return otherwise
    unit = " (UTC milliseconds)" if name in {"from", "to"} else ""
    if not (written.isascii() and written.isdecimal() and len(written) <= 15 and least <= int(written) <= most):
        raise RefusedError(400, "bad_query", f"{name}: a whole number{unit} from {least} to {most} is expected")
    return int(written)
