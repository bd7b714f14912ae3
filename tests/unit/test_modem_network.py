"""The network between simulated modems, in virtual time."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from hal.fake.modem_network import RETRY_S, Network, NoCreditError
from hal.fake.modem_pdu import Content, PduError

BOX, OFFICE = "+33600000001", "+33600000100"


class Phone:
    """Keeps what it is handed, while it is on."""

    def __init__(self, network: Network, number: str) -> None:
        self.got: list[tuple[str, str | bytes, float]] = []
        self.is_on = True
        network.attach(number, self.take)

    def take(self, sender: str, content: Content, stamp_s: float) -> bool:
        if self.is_on:
            self.got.append((sender, content.octets or content.text, stamp_s))
        return self.is_on


def test_what_is_sent_arrives_once_with_the_time_it_was_taken() -> None:
    network = Network(epoch_s=1_000_000.0, delay_s=(5.0, 5.0))
    office = Phone(network, OFFICE)
    network.send(BOX, OFFICE, b"\x00\xff", 10.0)
    assert network.step(10.0) == 15.0
    assert office.got == []
    assert network.step(15.0) == math.inf
    assert office.got == [(BOX, b"\x00\xff", 1_000_010.0)]
    assert network.counts == {"taken": 1, "delivered": 1}


def test_losses_and_doubles_are_of_the_share_asked_for_and_accounts_are_right() -> None:
    network = Network(3, loss=0.05, duplication=0.05, delay_s=(0.0, 3600.0))
    office = Phone(network, OFFICE)
    for at in range(4000):
        network.send(BOX, OFFICE, at.to_bytes(2), float(at))
    network.step(1e6)
    counts = network.counts
    assert counts["taken"] == 4000
    assert 140 < counts["lost"] < 260
    assert 140 < counts["doubled"] < 260
    assert len(office.got) == 4000 - counts["lost"] + counts["doubled"] == counts["delivered"]
    copies = Counter(what for _, what, _ in office.got)
    assert max(copies.values()) == 2
    assert [what for _, what, _ in office.got] != sorted(what for _, what, _ in office.got)  # in no order


def test_a_seed_gives_the_same_night_again() -> None:
    nights = []
    for _ in range(2):
        network = Network(7, loss=0.3, duplication=0.3, delay_s=(0.0, 60.0))
        office = Phone(network, OFFICE)
        for at in range(50):
            network.send(BOX, OFFICE, f"{at}", 0.0)
        network.step(100.0)
        nights.append(office.got)
    assert nights[0] == nights[1]


def test_a_phone_that_is_off_gets_it_later_and_the_sender_a_receipt() -> None:
    network = Network()
    office = Phone(network, OFFICE)
    office.is_on = False
    told: list[tuple[int, float, float]] = []
    network.send(BOX, OFFICE, "later", 0.0, 3600.0, lambda *what: told.append(what))
    assert network.step(0.0) == RETRY_S
    office.is_on = True
    network.step(RETRY_S)
    assert office.got == [(BOX, "later", 0.0)]
    assert told == [(0, 0.0, RETRY_S)]


def test_validity_over_is_a_receipt_and_no_message() -> None:
    network = Network()
    told: list[tuple[int, float, float]] = []
    network.send(BOX, OFFICE, "to nobody", 0.0, 300.0, lambda *what: told.append(what))
    at_s = 0.0
    while at_s < 1000:
        at_s = min(network.step(at_s), 1000.0)
    Phone(network, OFFICE)
    assert network.in_flight == 0
    assert [status for status, _, _ in told] == [0x46]
    assert network.counts["expired"] == 1


def test_without_credit_nothing_is_taken() -> None:
    network = Network()
    network.credit[BOX] = 1
    network.send(BOX, OFFICE, "last", 0.0)
    with pytest.raises(NoCreditError, match=r"\+33600000001 has no credit"):
        network.send(BOX, OFFICE, "one more", 0.0)
    network.send(OFFICE, BOX, "others have", 0.0)
    assert network.counts["taken"] == 2


def test_what_fits_no_message_is_refused_and_an_empty_one_goes() -> None:
    network = Network()
    office = Phone(network, OFFICE)
    with pytest.raises(PduError, match="141 octets"):
        network.send(BOX, OFFICE, bytes(141), 0.0)
    network.send("INFO", OFFICE, "", 0.0)
    network.step(0.0)
    assert office.got == [("INFO", "", 0.0)]
    network.detach(OFFICE)
    network.send(BOX, OFFICE, "gone", 0.0)
    network.step(0.0)
    assert len(office.got) == 1
