"""From what the site does to what a phone shows: every kind of page has its text, with names and codes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.reachable import RecipientSpec
from edge.core.report import Alarms, Health, Length, Machines, Report, span_of
from edge.links.sms_page import Page, together
from edge.links.sms_people import NotYetError
from edge.links.sms_writing import Writing
from edge.settings.model_sms import Recipient
from edge.settings.sms_pages import LifeFacts
from sms.gsm7 import MESSAGE, septets
from tests.unit.rig import Rig, gauge, high
from tests.unit.test_alarm_silence import order
from tests.unit.test_paging import NOON, ON_CALL, PARIS, again, of, parts, pass_to, read, site

PEOPLE = [
    Recipient(id="caretaker", number="+33600000001", name="Gardien", lang="fr"),
    Recipient(id="on-call", number="+33600000002", name="Astreinte été"),
]


def a_report(length: Length, day: date) -> Report:
    """Return a report of which only alarms and completeness are known."""
    zone = ZoneInfo("Europe/Paris")
    span = span_of(length, day, NOON + 40 * 86_400_000, zone)
    health = Health("1.0", 1, 0, "ntp", "ok", {}, {})
    return Report(
        "b0042", "Gymnase Sud", "Europe/Paris", NOON, span, Machines(0, 0, 0, 0, []), Alarms([], 2, None), [], [], [],
        0.998, health,
    )  # fmt: skip


def no_report(_length: Length, _day: date) -> Report:
    raise LookupError("history is being rebuilt")


def writing(report: Callable[[Length, date], Report] = a_report) -> Writing:
    life = LifeFacts(61, 90, Decimal("3.66"), "EUR", 70)
    return Writing(
        {"name": "Gymnase Sud", "lang": "en", "box": "b0042"}, PARIS, PEOPLE,
        points=list, report=report, life=lambda _month: life, dated=lambda _boot, at_ms: NOON + at_ms,
    )  # fmt: skip


def texts(rig: Rig, *, start: int = 0) -> list[tuple[str, str, str]]:
    """Return to whom, what and how each page since is told, and hold it against the rules."""
    found = []
    for seq, event in enumerate(of(rig.events)[start:], 1):
        page = Page(seq, event.values["to"], rig.engine.boot, event.at_ms, event.point, dict(event.values))
        recipient = next(one for one in PEOPLE if one.id == page.to)
        text = writing()(recipient, page, "4F7K" if "ack" in event.values else "")
        assert septets(text) <= MESSAGE
        assert "=" not in text, "no value was missing"
        found.append((page.to, event.values["what"], text))
    return found


LIFE = """\
caretaker begin
ALARME 1 HAUTE Gymnase Sud
p0 31,5 > 30
depuis ven 20/11 12:00
Pour acquitter, répondre: OK 4F7K

caretaker reminder
RAPPEL 1/2 ALARME 1 Gymnase Sud
p0 31,5 > 30 depuis 15 min
Non acquittée. Appel suivant: Astreinte été à 12:30
Répondre: OK 4F7K

on-call begin
ALARM 1 HIGH Gymnase Sud
p0 31.5 > 30
since Fri 20 Nov 12:00
To acknowledge, reply: OK 4F7K

caretaker reminder
RAPPEL 2/2 ALARME 1 Gymnase Sud
p0 31,5 > 30 depuis 30 min
Non acquittée.
Répondre: OK 4F7K

on-call gave_up
ALARM 1 UNANSWERED Gymnase Sud
p0 31.5 > 30
since Fri 20 Nov 12:00. Told: Gardien, Astreinte été
No more reminders. Reply: OK 4F7K

caretaker acknowledged
ALARME 1 Gymnase Sud
p0 31,5 > 30
depuis ven 20/11 12:00
Acquittée 14:00 par Astreinte été. Rien à faire.

caretaker end
FIN ALARME 1 Gymnase Sud
p0 29, revenu sous 30
12:00-14:01 (2 h 1 min), max 31,5 à 12:00
Acquittée 14:00 par Astreinte été

on-call end
END OF ALARM 1 Gymnase Sud
p0 29, back below 30
12:00-14:01 (2 h 1 min), max 31.5 at 12:00
Acknowledged 14:00 by Astreinte été"""
"""Of an alarm that nobody acknowledges until all were told; who is called second reads English."""


def test_an_alarm_from_begin_to_giving_up_and_its_end() -> None:
    rig = site(RecipientSpec("caretaker"), ON_CALL)
    read(rig, 1, 31.5)
    pass_to(rig, 7200)
    order(rig, "ack", number=1, author="on-call")
    read(rig, 7300, 29)
    told = texts(rig)
    assert "\n\n".join(f"{to} {what}\n{text}" for to, what, text in told) == LIFE


def test_a_fault_tells_the_last_reading_and_a_start_that_had_none_tells_nothing() -> None:
    rig = Rig(
        gauge(unit="Cel", stale_ms=10**9), high(kind="fault", priority="high"), utc_offset_ms=NOON, zone=PARIS,
        parts=parts(RecipientSpec("caretaker")),
    )  # fmt: skip
    rig.each_second(1, -7.25, None)
    rig.read(100, -6.5)
    assert [text for _to, _what, text in texts(rig)] == [
        (
            "PANNE 1 Gymnase Sud\np: pas de réponse de l'appareil\ndepuis ven 20/11 12:00. Dernier relevé -7,25 C\n"
            "Pour acquitter, répondre: OK 4F7K"
        ),
        (
            "FIN ALARME 1 Gymnase Sud\np -6,5 C, répond de nouveau\n12:00-12:01 (1 min 38 s)\n"
            "Non acquittée. Répondre: OK 4F7K"
        ),
    ]
    blind = Rig(
        gauge(stale_ms=10**9), high(kind="fault"), utc_offset_ms=NOON, zone=PARIS,
        parts=parts(RecipientSpec("caretaker")),
    )  # fmt: skip
    blind.read(1, None, "no_answer")
    assert "relevé" not in texts(blind)[0][2]


def test_several_from_begin_to_giving_up_and_their_end() -> None:
    rig = site(RecipientSpec("caretaker"), ON_CALL, count=6)
    read(rig, 1, *[31] * 6)
    pass_to(rig, 7200)
    order(rig, "ack", author="caretaker")
    read(rig, 7300, *[29] * 6)
    told = {(to, what): text for to, what, text in texts(rig)}
    assert told["caretaker", "merged"].startswith(
        "FIN DE 6 ALARMES Gymnase Sud\np0, p1, p2, p3 (+2)\n12:00-14:01 (2 h 1 min)"
    )
    assert told["caretaker", "merged"].endswith("\nRien à faire.")
    first = texts(rig)[0][2]
    assert first == (
        "6 ALARMES Gymnase Sud, 12:00\n1re: 1 p0\npuis p1, p2, p3 (+2)\n"
        "Liste: répondre ALARMES. Tout acquitter: OK 4F7K"
    )
    assert told["caretaker", "reminder"].splitlines()[1] == "p0, p1 (+4)"
    assert "UNANSWERED" in told["on-call", "gave_up"]
    assert told["on-call", "acknowledged"].endswith("Acknowledged 14:00 by Gardien. Nothing to do.")


def test_what_began_and_ended_while_they_could_not_be_told_says_both() -> None:
    rig = site(RecipientSpec("caretaker", hours=(14 * 60, 15 * 60)), count=2)
    read(rig, 1, 31, 31)
    read(rig, 3600, 29, 31)
    pass_to(rig, 9000)
    ((_to, what, text), *_rest) = texts(rig)
    assert what == "merged"
    assert text == (
        "2 ALARMES Gymnase Sud, 12:00\n1re: 2 p1\nFinies: 1\nListe: répondre ALARMES. Tout acquitter: OK 4F7K"
    )


def test_after_a_restart_an_end_still_tells_when_it_began() -> None:
    rig = site(RecipientSpec("caretaker"))
    read(rig, 1, 31)
    after = again(rig, RecipientSpec("caretaker"), after_s=600)
    read(after, 1, 29)
    read(after, 100, 29)
    (end,) = [text for _to, what, text in texts(after) if what == "end"]
    assert "12:00" not in end or "-" in end


def test_pages_put_together_after_an_outage_have_a_text_too() -> None:
    rig = site(RecipientSpec("caretaker"), count=4)
    for place in range(4):
        read(rig, 100 * place + 1, *[31] * (place + 1))
    read(rig, 500, 29, 31, 31, 31)
    pages = [
        Page(seq, "caretaker", 1, event.at_ms, event.point, dict(event.values))
        for seq, event in enumerate(of(rig.events), 1)
    ]
    values = together(pages)
    text = writing()(PEOPLE[0], Page(9, "caretaker", 1, 0, "", values), "7HD3")
    assert text == (
        "4 ALARMES Gymnase Sud, 12:01-12:05\n1re: 2 p1\npuis p2, p3\nFinies: 1\n"
        "Liste: répondre ALARMES. Tout acquitter: OK 7HD3"
    )


def page(what: str, **values: Any) -> Page:
    return Page(1, "caretaker", 1, 1000, "", {"to": "caretaker", "what": what, **values})


def test_the_summary_and_the_sign_of_life() -> None:
    assert writing()(PEOPLE[0], page("daily", about="2026-11-19"), "") == (
        "Gymnase Sud, jeu 19/11\n2 alarmes\nDonnées 99,8%"
    )
    assert writing()(PEOPLE[1], page("life", about="2026-10"), "") == (
        "Gymnase Sud b0042 is on watch\nOct 2026: 61 texts of 90, 3.66 EUR, 2 alarms\n"
        "Data 99.8%. GSM 4/5\nNothing to do."
    )
    with pytest.raises(NotYetError, match="rebuilt"):
        writing(no_report)(PEOPLE[0], page("daily", about="2026-11-19"), "")


def test_a_test_says_who_asked_and_a_page_of_no_kind_is_refused() -> None:
    assert writing()(PEOPLE[0], page("test", by="Anne"), "") == (
        "ESSAI Gymnase Sud b0042\nMessage demandé par Anne, ven 20/11 12:00\nIl est arrivé: rien à faire."
    )
    with pytest.raises(ValueError, match="no text about alarms"):
        writing()(PEOPLE[0], page("riddle", id=1), "")
