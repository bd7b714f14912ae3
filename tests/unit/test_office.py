"""The station as the SMS link sees it: replies come on the link's thread, at its next step, and only then."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from edge.core.clock import Dating
from edge.core.commands import Command, Result
from edge.links.sms_ports import Office
from edge.runtime.office import StationOffice
from tests.unit.test_orders_durable import Card


class Link:
    """A card's office, and how often it woke the link."""

    def __init__(self) -> None:
        self.card = Card()
        self.office = StationOffice(self.card.station.post, self.card.clock, Dating())
        self.rung = 0
        self.office.wake = self.ring

    def ring(self) -> None:
        self.rung += 1


def test_a_question_is_answered_at_the_links_next_step() -> None:
    link = Link()
    found: list[Any] = []
    office: Office = link.office
    office.ask("values", found.append)
    assert link.office.step() == 0
    link.card.step()
    assert (found, link.rung) == ([], 1), "the station has answered, on its own thread: the link was only woken"
    assert link.office.step() == 1
    assert "hall.t" in [value.point for value in found[0]]
    assert link.office.step() == 0, "given once"


def test_an_order_is_answered_when_it_is_durable() -> None:
    link = Link()
    results: list[Result] = []
    link.office.order(
        Command("m1", "relay", {"output": "valve", "to": "off"}, "anna", "sms", "operate"), results.append
    )
    link.card.step()
    assert link.office.step() == 0, "not on the card yet"
    link.card.write()
    assert link.office.step() == 1
    assert results[0].done


def test_an_unknown_view_is_refused_to_the_asker() -> None:
    with pytest.raises(KeyError):
        Link().office.ask("nonsense", lambda _found: None)


def test_a_refused_order_is_answered_too() -> None:
    link = Link()
    results: list[Result] = []
    link.office.order(Command("m1", "no.such.verb", {}, "anna", "sms"), results.append)
    link.card.step()
    link.card.write()
    link.office.step()
    assert [result.done for result in results] == [False]


def test_replies_that_other_threads_bring_are_all_given_once_on_the_links() -> None:
    given: list[int] = []
    office = StationOffice(lambda message: message.reply(threading.get_ident()), Link().card.clock, Dating())  # type: ignore[union-attr]

    def ask() -> None:
        for _ in range(200):
            office.ask("values", lambda found: given.append(found != threading.get_ident()))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        office.step()
    for thread in threads:
        thread.join()
    office.step()
    assert len(given) == 600
    assert all(given), "made on another thread, given on this one"
