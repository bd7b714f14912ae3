"""The texts of docs/people.md and its French page: `python -m tests.people_pages` writes them anew.

A block of code "```text NAME" holds the text of that name, as the box of one small site sends it.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from edge.core.notifier import Notifier
from edge.core.notify_gate import NotifyRules
from edge.core.paging import Paging
from edge.core.reachable import RecipientSpec
from edge.core.reply_codes import alarm_code
from edge.core.try_out import TryOut
from edge.core.types import LimitSpec, PointSpec
from edge.links.sms_page import Page
from edge.links.sms_writing import Writing
from edge.settings.model_sms import Recipient
from tests.unit.rig import Rig, sample
from tests.unit.test_alarm_silence import order
from tests.unit.test_paging import PARIS, of, pass_to
from tests.unit.test_report import made
from tests.unit.test_sms_pages import a_report, writing

ROOT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = {"en": ROOT / "docs/people.md", "fr": ROOT / "docs/fr/prevenir.md"}
BLOCK: Final = re.compile(r"```text (\w+)\n(.*?)```", re.DOTALL)
START: Final = round(datetime(2026, 11, 20, 16, 4, tzinfo=PARIS).timestamp() * 1000)
NAMES: Final = {
    "boiler.flow": {"en": "Boiler 1 flow", "fr": "Chaudière 1 départ"}, "pump": {"en": "Pump 2", "fr": "Pompe 2"},
    "cold": {"en": "Cold room 1", "fr": "Froid 1"}, "mains": {"en": "Mains", "fr": "Secteur"},
}  # fmt: skip
CARETAKER, ON_CALL = RecipientSpec("caretaker"), RecipientSpec("on-call", after_ms=1_800_000)


def site() -> Rig:
    """Return a boiler, a pump, a cold room and the mains, which a caretaker and who is on call hear of."""
    points = [
        PointSpec(id=name, kind="gauge", unit="Cel", name=said, period_ms=1000, record_ms=10_000, stale_ms=10**9)
        for name, said in NAMES.items()
    ]
    limits = [
        LimitSpec(id="high", point="boiler.flow", kind="high", value=85, deadband=3, priority="high",
                  diagnosis="overheating"),
        LimitSpec(id="fault", point="boiler.flow", kind="fault", priority="high"),
        LimitSpec(id="pump", point="pump", kind="high", value=60, priority="high"),
        LimitSpec(id="cold", point="cold", kind="high", value=8, priority="high"),
        LimitSpec(id="mains", point="mains", kind="low", value=0.5, priority="critical", diagnosis="mains_lost"),
    ]  # fmt: skip
    rules = NotifyRules(most_per_hour=60, remind_ms=(0, 0, 900_000, 900_000), reminders=3)
    parts = [Notifier(rules), Paging([CARETAKER, ON_CALL]), TryOut()]
    return Rig(*points, *limits, parts=parts, utc_offset_ms=START, zone=PARIS)


def read(rig: Rig, t_s: float, **values: float | None) -> None:
    """Read points: boiler, pump, cold, mains."""
    pass_to(rig, t_s)
    names = {"boiler": "boiler.flow"}
    rig.cycle(t_s, *(
        sample(t_s, value, "no_answer" if value is None else "", point=names.get(name, name))
        for name, value in values.items()
    ))  # fmt: skip
    rig.tick(t_s)


def texts(lang: str) -> dict[str, str]:
    """Return the texts by the name of their block."""
    rig = site()
    read(rig, 60, boiler=92.5)
    read(rig, 1000, boiler=94.1)
    pass_to(rig, 1900)
    order(rig, "ack", number=1, author="caretaker")
    read(rig, 2880, boiler=79.8)
    told = {(event.values["to"], event.values["what"]): event for event in reversed(of(rig.events))}
    lost = site()
    read(lost, 60, mains=0)
    flood = site()
    read(flood, 60, mains=0, boiler=92.5, pump=70, cold=12)
    silent = site()
    read(silent, 59, boiler=71.2)
    read(silent, 60, boiler=None)
    unheard = site()
    read(unheard, 60, boiler=92.5)
    pass_to(unheard, 7200)
    gave_up = next(event for event in of(unheard.events) if event.values["what"] == "gave_up")
    tried = site()
    order(tried, "test.sms", author="Anne")
    events = {
        "begin": told["caretaker", "begin"], "reminder": told["caretaker", "reminder"],
        "acknowledged": told["on-call", "acknowledged"], "end": told["caretaker", "end"],
        "mains": of(lost.events)[0], "merged": of(flood.events)[0], "fault": of(silent.events)[0], "gave_up": gave_up,
        "test": of(tried.events)[0],
    }  # fmt: skip
    found = {name: _text(lang, event.point, event.at_ms, event.values) for name, event in events.items()}
    for what, about in (("daily", "2026-11-19"), ("life", "2026-10")):
        found[what] = _text(lang, "", 0, {"to": "caretaker", "what": what, "about": about})
    return found


def _text(lang: str, point: str, at_ms: int, values: dict[str, Any]) -> str:
    names = {"en": ("caretaker", "on-call"), "fr": ("gardien", "astreinte")}[lang]
    people = [
        Recipient(id="caretaker", number="+33600000001", name=names[0], lang=lang),  # type: ignore[arg-type]
        Recipient(id="on-call", number="+33600000002", name=names[1], lang=lang),  # type: ignore[arg-type]
    ]
    example = writing()
    write = Writing(
        {"name": "Gymnase Sud", "lang": lang, "box": "b0042"}, PARIS, people,
        points=lambda: [PointSpec(id=name, kind="gauge", name=said) for name, said in NAMES.items()],
        report=lambda length, day: made() if length == "day" else a_report(length, day), life=example._life,
        dated=lambda _boot, at_ms: START + at_ms,
    )  # fmt: skip
    numbers = [int(word) for word in str(values.get("ack", "")).split(", ") if word]
    recipient = next(one for one in people if one.id == values["to"])
    code = alarm_code(bytes(32), recipient.id, numbers) if numbers else ""
    return write(recipient, Page(1, recipient.id, 1, at_ms, point, dict(values)), code)


def written(page: str, lang: str) -> str:
    """Return a page with the texts that the box sends now. Raises KeyError for a block that none has."""
    found = texts(lang)
    return BLOCK.sub(lambda block: f"```text {block[1]}\n{found[block[1]]}\n```", page)


if __name__ == "__main__":
    for lang, path in PAGES.items():
        path.write_text(written(path.read_text("utf-8"), lang), "utf-8")
