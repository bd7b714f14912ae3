"""Events in people's words, with local times: the journal's lines, whoever shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, Final

from edge.core.clock import DATED_FROM, TRUST
from edge.core.limit import BELOW, sign
from edge.settings import catalogue

INSTANTS: Final = (
    ("seen_ms", "seen_trust", "seen"), ("taken_ms", "taken_trust", "taken"), ("until_ms", "", "until"),
    ("was_ms", "", "was"), ("begin_ms", "", "begin"), ("end_ms", "", "end"), ("begin_ms_was", "", "begin_was"),
    ("end_ms_was", "", "end_was"),
)  # fmt: skip
"""A value that is UTC ms, the one that says where it came from ("": it was planned so), and the name of both as a local
time in a sentence."""
YEAR_9999_MS: Final = 253_370_764_800_000
DIGITS: Final = 4
"""Of a value that people read; more where it would look like its limit."""
DOUBT: Final = "~"
"""Before a time that nobody vouches for."""


def is_doubtful(trust: str) -> bool:
    """Return whether a time of this trust is only an estimate, or from a word that is not known."""
    return trust not in TRUST or TRUST.index(trust) < DATED_FROM


def local_date(lang: str, utc_ms: int, zone: tzinfo, this_year: int | None = None) -> str:
    """Return a local day such as "Fri 20 Nov"; with another year than `this_year` that too: "Fri 20 Nov 2026"."""
    local = datetime.fromtimestamp(utc_ms / 1000, zone)
    day = catalogue.word(lang, "calendar", "days").split()[local.weekday()]
    month = catalogue.word(lang, "calendar", "months").split()[local.month - 1]
    year = "" if this_year in {None, local.year} else f" {local.year}"
    return f"{day} {local.day} {month}{year}"


def moment(lang: str, utc_ms: int, zone: tzinfo, this_year: int | None = None) -> str:
    """Return a local instant such as "Fri 20 Nov 16:20:07"."""
    return f"{local_date(lang, utc_ms, zone, this_year)} {datetime.fromtimestamp(utc_ms / 1000, zone):%H:%M:%S}"


def is_instant(value: object) -> bool:
    """Return whether UTC ms lie in a year that people write: an event may come from elsewhere, with anything in it."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < YEAR_9999_MS


def of_alarm(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an alarm's sentence is made of: a state is said by its word, a leak by how long it has lasted.

    A value has the digits that people read, and beside its limit the sign that is true of the two.
    """
    kind, shown = values.get("kind"), dict(values)
    if "word" in shown or kind in ("never_zero", "expression"):  # it may be no word at all
        shown = {name: value for name, value in shown.items() if name not in {"v", "at", "peak"}}
    if kind == "consumption" and "per" in shown:
        shown["this"] = shown.pop("per")
    v, at = shown.get("v"), shown.get("at")
    for name in ("v", "peak"):
        if isinstance(shown.get(name), float):
            shown[name] = figure(shown[name], at)
    if isinstance(at, int | float):
        or_equal, kind = bool(shown.get("or_equal")), str(kind)
        beyond = -math.inf if kind in BELOW else math.inf  # where nobody knows the value, it is the alarm that speaks
        shown["sign"] = sign(kind, v if isinstance(v, int | float) else beyond, at, or_equal=or_equal)
        shown["level"] = shown.pop("at")
    return shown


def figure(value: float | None, beside: float | None = None) -> float | None:
    """Return a value with so many digits as people need, and as many as keep it apart from its limit.

    >>> figure(92.54321), figure(12345.6), figure(85.0004, 85.0), figure(None)
    (92.54, 12346.0, 85.0004, None)
    """
    if value is None:
        return None
    value = float(value)
    for digits in range(DIGITS, 11):
        text = f"{value:.0f}" if 10**DIGITS <= abs(value) < 1e10 else f"{value:.{digits}g}"
        if beside is None or float(text) != beside or value == beside:
            return float(text)
        if 10**DIGITS <= abs(value) < 1e10:
            return float(f"{value:.10g}")
    return value


def sentence(lang: str, zone: tzinfo, kind: str, point: str, values: Mapping[str, Any]) -> str:
    """Return what an event says, behind the point that it is about; a kind that has no sentence shows its values.

    >>> from datetime import UTC
    >>> sentence("en", UTC, "alarm_begin", "boiler.flow", {"id": 12, "kind": "high", "v": 92.5, "u": "Cel", "at": 85.0})
    'boiler.flow: alarm 12 HIGH 92.5 °C > 85 °C'
    >>> sentence("en", UTC, "alarm_begin", "power", {"id": 7, "kind": "equal", "v": 0, "at": 0.0, "word": "lost"})
    'power: alarm 7 STATE lost'
    >>> sentence("en", UTC, "unclean_stop", "", {"seen_ms": 1795166000000, "seen_trust": "ntp"})
    'unclean stop, last seen Fri 20 Nov 09:13:20: power cut or crash'
    """
    shown = dict(values)
    if kind.startswith("alarm_"):
        shown = of_alarm(shown)
    for name, trust, told in INSTANTS:
        if is_instant(shown.get(name)):
            mark = DOUBT if trust and is_doubtful(str(shown.get(trust, ""))) else ""
            shown[told] = f"{mark}{moment(lang, shown[name], zone)}"
    text = catalogue.render(lang, f"event.{kind}", shown).removeprefix("event.")
    return f"{point}{catalogue.word(lang, 'mark', 'colon')} {text}" if point else text
