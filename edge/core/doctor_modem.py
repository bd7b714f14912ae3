"""What `vigie doctor` says of the modem: whose network, how well it is heard, what of the month's messages is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from edge.core.finding import Finding, found, ok
from edge.core.text import Text

CSQ_MOST: Final = 31
BARS_DBM: Final = (-110, -100, -90, -80, -70)
"""From which strength on each of the five bars is lit."""
WEAK_BARS: Final = 1


def dbm_of(percent: float) -> int:
    """Return a signal in dBm from gammu's percents, which are those of the modem's 31 steps (TS 27.007, §8.5).

    >>> dbm_of(65), dbm_of(0), dbm_of(100)
    (-73, -113, -51)
    """
    return -113 + 2 * round(percent * CSQ_MOST / 100)


def bars_of(dbm: float) -> int:
    """Return how many of five bars a signal lights.

    >>> bars_of(-73), bars_of(-113), bars_of(-51)
    (4, 0, 5)
    """
    return sum(dbm >= least for least in BARS_DBM)


def modem(link: Mapping[str, Any]) -> Iterator[Finding]:
    """Give what the status of an SMS link tells; nothing while its modem has not been heard of yet."""
    if link.get("damaged"):
        yield found("warn", "sms_damaged", "modem", files=", ".join(link["damaged"]))
    code = link.get("modem") or ""
    if code:
        yield Finding(
            "fail", code, "modem", Text("doctor.modem_fault", {"code": code}), Text(f"modem_remedy.{code}", {})
        )
        return
    operator, percent, budget = link.get("operator") or "", link.get("signal"), link["budget"]
    if not operator:
        return
    dbm = None if percent is None else dbm_of(percent)
    heard: dict[str, Any] = {} if dbm is None else {"bars": bars_of(dbm), "dbm": dbm}
    left = max(0, budget["per_month"] - budget["month"])
    if dbm is not None and bars_of(dbm) <= WEAK_BARS:
        yield found("warn", "weak_signal", "modem", operator=operator, **heard)
    elif left == 0:
        yield found("warn", "sms_used_up", "modem", of=budget["per_month"])
    else:
        yield ok("modem", "modem_good", operator=operator, left=left, of=budget["per_month"], **heard)
