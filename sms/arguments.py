"""What follows the first word of a text message, as the args of an order of that verb.

    SET flow.high 90 C    RELAY pump on 30min    TARIFF elec HP 0.2146 from 2027-02-01    SHELVE 12 2h leak

English and French words may be mixed; who may do what is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from sms.commands import GIVEN_MOST, NEAR_MOST, Asked, Known, UnclearError, folded, named, near
from sms.written import day_of, duration_s, moment_of, quantity_of, time_of

MAINTENANCE: Final = "8h"
"""How long a machine is in maintenance for who says nothing: a working day."""
REASON: Final = "SMS"
"""Why, for who says nothing."""

_ON: Final = frozenset({"ON", "MARCHE", "START", "DEBUT", "1"})
_OFF: Final = frozenset({"OFF", "ARRET", "STOP", "END", "FIN", "BACK", "RETOUR", "0"})
_LEVELS: Final = {
    **dict.fromkeys(_ON - {"START", "DEBUT"}, "on"), **dict.fromkeys(("OFF", "ARRET", "0"), "off"),
    "AUTO": "auto", "TOGGLE": "toggle", "INVERSER": "toggle", "PULSE": "pulse", "IMPULSION": "pulse",
}  # fmt: skip
_DEFAULT: Final = frozenset({"DEFAULT", "DEFAUT"})
_EXTEND: Final = frozenset({"EXTEND", "PROLONGER"})
_FILL: Final = frozenset({"TO", "A", "FOR", "PENDANT"})
_UNTIL: Final = frozenset({"UNTIL", "TILL", "JUSQU'A", "JUSQU'AU", "JUSQUA", "JUSQUE"})
"""What follows is an end: 18h is no length then."""
_KINDS: Final = frozenset(
    {"LIMIT", "LIMITE", "SEUIL", "SETPOINT", "CONSIGNE", "PROGRAM", "PROGRAMME", "ALARM", "ALARME"}
)
_ARTICLE: Final = re.compile(r"^(?:[ld]'|(?:le|la|les|du|de|des|the)$)", re.IGNORECASE)
_FROM: Final = frozenset({"FROM", "DU", "DES", "LE", "PARTIR"})


def arguments(order: Asked, known: Known, parts: Known | None = None) -> dict[str, Any]:
    """Return the args of an order. `known`: what its verb may be about; `parts`: of a tariff, the names of its prices.

    `unit` beside `value` is what stood behind a number: the caller's to check. Raises UnclearError.
    """
    make = _MAKES.get(order.what)
    if make is None:  # STATUS please
        return {}
    return make(order, _without(order.rest, _KINDS), known, parts or {})


def _without(written: Sequence[str], fill: frozenset[str]) -> tuple[str, ...]:
    """Return the words without a first one that says nothing."""
    return tuple(written[1:]) if len(written) > 1 and folded(written[0]) in fill else tuple(written)


def _set(order: Asked, rest: Sequence[str], known: Known, _parts: Known) -> dict[str, Any]:
    target, value = _with_more(order, rest, known)
    value = _without(value, _FILL)
    if folded(value[0]) in _DEFAULT:
        return {"target": target, "default": True}
    return {"target": target, "value": " ".join(value)[:64]}


def _relay(order: Asked, rest: Sequence[str], known: Known, _parts: Known) -> dict[str, Any]:
    output, more = _with_more(order, rest, known)
    level = _LEVELS.get(folded(more[0]))
    if level is None:
        raise UnclearError("how", what=order.what)
    if not more[1:]:
        return {"output": output, "to": level}
    return {"output": output, "to": level, "for_s": _duration_s(order, more[1:])}


def _tariff(order: Asked, rest: Sequence[str], known: Known, parts: Known) -> dict[str, Any]:
    name, more = _with_more(order, rest, known)
    day = day_of(more[-1])
    if day is None:
        raise UnclearError("how", what=order.what)
    given = list(more[:-1])
    while given and folded(given[-1]) in _FROM | {"A"}:
        given.pop()
    prices: dict[str, str] = {}
    pending: list[str] = []
    for word in given:
        amount = quantity_of(word)
        if amount is None or not pending:
            pending.append(word)
            continue
        price, behind = named(pending, dict.fromkeys(parts.get(name, ()), ()))
        if behind or price in prices:
            raise UnclearError("how", what=order.what)
        prices[price] = amount[0]
        pending = []
    if pending and not _are_units(pending):
        raise UnclearError("how", what=order.what)
    return {"id": name, "valid_from": day, "prices": prices}


def _are_units(words: Sequence[str]) -> bool:
    return len(words) == 1 and "/" in words[0] and not words[0][0].isdigit()  # EUR/kWh


def _shelve(order: Asked, rest: Sequence[str], known: Known, _parts: Known) -> dict[str, Any]:
    if rest and re.fullmatch(r"#?\d{1,9}", rest[0], re.ASCII) and rest[1:]:
        what: dict[str, Any] = {"number": int(rest[0].lstrip("#"))}
        more = tuple(rest[1:])
    else:
        limit, more = _with_more(order, rest, known)
        what = {"limit": limit}
    if folded(more[0]) in _OFF:
        return {**what, "back": True}
    more = _without(more, _FILL)
    for count in range(min(len(more), 4), 0, -1):  # the longest: what follows is why
        if (seconds := duration_s(" ".join(more[:count]))) is not None:
            return {**what, "for_s": seconds, "reason": " ".join(more[count:])[:120] or REASON}
    raise UnclearError("how", what=order.what)


def _maintenance(order: Asked, rest: Sequence[str], known: Known, _parts: Known) -> dict[str, Any]:
    machine, more = _with_more(order, rest, known)
    word = folded(more[0])
    if word in _OFF:
        return {"equipment": machine, "do": "end"}
    do = "extend" if word in _EXTEND else "start"
    more = more[1:] if word in _ON | _EXTEND else more
    is_end = len(more) > 1 and folded(more[0]) in _UNTIL
    more = _without(more, _FILL | _UNTIL)
    for count in range(min(len(more), 4), 0, -1):  # the longest: what follows is why
        if until := (_end if is_end else _until)(" ".join(more[:count])):
            found = {"equipment": machine, "do": do, "until": until}
            return found if do == "extend" else {**found, "reason": " ".join(more[count:])[:200] or REASON}
    if do == "extend" or is_end or (more and more[0][0].isdigit()):
        raise UnclearError("how", what=order.what)
    return {"equipment": machine, "do": do, "until": MAINTENANCE, "reason": " ".join(more)[:200] or REASON}


def _until(written: str) -> str:
    """Return an end as the order takes it, empty for none: a length, a time of day, a day, or both."""
    seconds = duration_s(written)
    if seconds is not None:
        for unit, unit_s in (("d", 86_400), ("h", 3600)):
            if seconds % unit_s == 0:
                return f"{int(seconds // unit_s)}{unit}"
        return f"{max(1, round(seconds / 60))}m"
    if re.fullmatch(r"\d{1,2}[:hH]\d{2}", written, re.ASCII):
        return written.replace("H", "h")
    return moment_of(written) or day_of(written) or ""


def _end(written: str) -> str:
    """Return what stands behind "until" as the order takes it, empty for none: 18h is 18:00."""
    return time_of(written) or moment_of(written) or day_of(written) or ""


def _meter(order: Asked, rest: Sequence[str], known: Known, _parts: Known) -> dict[str, Any]:
    point, more = _with_more(order, rest, known)
    amount = quantity_of(" ".join(_without(more, _FILL)))
    if amount is None:
        raise UnclearError("how", what=order.what)
    return {"point": point, "value": amount[0], "unit": amount[1]}


def _time(order: Asked, rest: Sequence[str], _known: Known, _parts: Known) -> dict[str, Any]:
    at = moment_of(" ".join(rest))
    if at is None:
        raise UnclearError("how", what=order.what)
    return {"at": at}


def _code(order: Asked, _rest: Sequence[str], _known: Known, _parts: Known) -> dict[str, Any]:
    if not order.rest:
        raise UnclearError("how", what=order.what)
    return {"code": order.code[:GIVEN_MOST]}


def _read(_order: Asked, rest: Sequence[str], known: Known, _parts: Known) -> dict[str, Any]:
    if not rest:
        raise UnclearError("none", given="", near=list(known)[:NEAR_MOST])
    point, more = _named(rest, known)
    if more:
        raise UnclearError("none", given=" ".join(rest)[:GIVEN_MOST], near=near(rest, known))
    return {"point": point}


def _report(order: Asked, rest: Sequence[str], _known: Known, _parts: Known) -> dict[str, Any]:
    if not rest or folded(rest[0]) in {"DAY", "JOUR", "YESTERDAY", "HIER"}:
        return {"day": "yesterday"}
    if folded(rest[0]) in {"MONTH", "MOIS"}:
        return {"month": "this"}
    day = day_of(rest[0])
    if day is None:
        raise UnclearError("how", what=order.what)
    return {"day": day}


def _with_more(order: Asked, rest: Sequence[str], known: Known) -> tuple[str, tuple[str, ...]]:
    """Return what is named, and at least one word behind it."""
    if len(rest) < 2:
        raise UnclearError("how", what=order.what)
    return _named(rest, known, after=1)


def _named(written: Sequence[str], known: Known, after: int = 0) -> tuple[str, tuple[str, ...]]:
    """Return what the first words name, also behind an article: LIRE l'eau froide, SET the heating 21."""
    try:
        return named(written, known, after)
    except UnclearError as exc:
        first = _ARTICLE.sub("", written[0])
        bare = _without((first, *written[1:]) if first else tuple(written[1:]), _KINDS)
        if exc.key != "none" or first == written[0] or len(bare) <= after:
            raise
        return named(bare, known, after)


def _duration_s(order: Asked, written: Sequence[str]) -> float:
    seconds = duration_s(" ".join(_without(written, _FILL)))
    if seconds is None:
        raise UnclearError("how", what=order.what)
    return seconds


_Make: TypeAlias = Callable[[Asked, Sequence[str], Known, Known], dict[str, Any]]
_MAKES: Final[Mapping[str, _Make]] = {
    "set": _set, "relay": _relay, "tariff": _tariff, "shelve": _shelve, "maintenance": _maintenance,
    "meter.set": _meter, "meter.read": _meter, "time.set": _time, "confirm": _code, "ack": _code, "read": _read,
    "report": _report,
}  # fmt: skip
