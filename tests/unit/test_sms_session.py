"""The conversation of a box with its gateway: paired by a hello, sealed, each message taken once."""

from __future__ import annotations

import re
from itertools import permutations

import pytest

from sms.keys import LETTERS, Identity, public_of
from sms.seal import SealError
from sms.session import Session, open_hello
from sms.wire import BODY, MESSAGE, Type
from tests.sms_pair import BOX_ID, NUMBER, End, meet, order, paired, report, strangers


def reason(session: Session, octets: bytes) -> str:
    with pytest.raises(SealError) as caught:
        session.open(octets)
    return caught.value.reason


def test_a_hello_fits_one_message_and_says_who_it_is() -> None:
    box, gateway = strangers()
    octets = box.session.hello("12.34.56rc7-and-much-more-of-it")
    hello = open_hello(gateway.own, octets)
    assert (hello.public, hello.box_id, hello.version) == (box.own.public, BOX_ID, "12.34.56rc7-and-much-mor")
    assert len(octets) <= MESSAGE
    assert len(Session("box", box.own, gateway.own.public, "b" * 32, None, box.save).hello("v" * 24)) <= MESSAGE


def test_a_hello_made_with_another_key_or_for_another_gateway_is_forged() -> None:
    box, gateway = strangers()
    octets = box.session.hello()
    with pytest.raises(SealError, match="tag"):
        open_hello(Identity.new(), octets)
    swapped = octets[:13] + Identity.new().public + octets[45:]
    with pytest.raises(SealError) as caught:
        open_hello(gateway.own, swapped)
    assert caught.value.reason == "forged"


@pytest.mark.parametrize("cut", [0, 5, 12, 20, 60, 75])
def test_a_hello_cut_short_is_unreadable_or_forged_and_never_an_error_of_ours(cut: int) -> None:
    box, gateway = strangers()
    with pytest.raises(SealError):
        open_hello(gateway.own, box.session.hello()[:cut])


def test_a_box_seals_nothing_before_it_was_accepted() -> None:
    box, _ = strangers()
    assert box.session.needs_hello
    with pytest.raises(SealError) as caught:
        report(box)
    assert caught.value.reason == "unpaired"


def test_after_the_welcome_both_sides_read_each_other_and_the_box_has_its_number() -> None:
    box, gateway = paired()
    assert box.session.number == gateway.session.number == NUMBER
    assert not box.session.needs_hello
    assert gateway.session.is_confirmed
    octets = report(box, bytes(BODY))
    assert len(octets) == MESSAGE
    opened = gateway.session.open(octets)
    assert (opened.header.type, opened.header.box, opened.header.schema, opened.header.count) == (
        Type.REPORT, NUMBER, 3, 4,
    )  # fmt: skip
    assert gateway.take(octets) == bytes(BODY)
    assert box.take(order(gateway)) == b"status"
    assert gateway.take(report(box, b"")) == b""


def test_what_is_said_does_not_stand_in_the_message() -> None:
    box, _ = paired()
    body = b"the index of the meter"
    assert body not in report(box, body)
    assert report(box, body)[12:] != report(box, body)[12:]


def test_a_message_sent_back_to_its_maker_is_forged() -> None:
    _, gateway = paired()
    for _ in range(4):
        octets = order(gateway)
    assert reason(gateway.session, octets) == "forged"


@pytest.mark.parametrize("after_restart", [False, True])
def test_five_messages_in_any_order_and_twice_are_each_taken_once(after_restart: bool) -> None:
    for shuffled in permutations(range(5)):
        box, gateway = PAIR
        sent = [report(box, bytes((n,))) for n in range(5)]
        taken: list[int] = []
        for n in (*shuffled, *reversed(shuffled)):
            if after_restart:
                gateway.start()
            if n in taken:
                assert reason(gateway.session, sent[n]) == "repeat"
            else:
                taken.append(gateway.take(sent[n])[0])
        assert taken == list(shuffled)


PAIR = paired()


def test_opening_alone_marks_nothing_and_a_cut_before_the_write_opens_it_again() -> None:
    box, gateway = paired()
    octets = report(box)
    gateway.session.open(octets)
    assert gateway.session.open(octets).body == b"42"
    gateway.session.accept(gateway.session.open(octets).header.counter)
    assert reason(gateway.session, octets) == "repeat"
    gateway.start()  # what was accepted had not been written down
    assert gateway.take(octets) == b"42"


def test_a_message_for_another_box_is_foreign_and_one_of_another_key_forged() -> None:
    box, gateway = paired()
    other, other_gateway = paired()
    octets = report(other)
    assert reason(gateway.session, octets) == "forged"
    changed = octets[:2] + b"\x08" + octets[3:]
    assert reason(gateway.session, changed) == "foreign"
    assert reason(box.session, order(other_gateway)) == "forged"


@pytest.mark.parametrize("octets", [b"", b"\x11", bytes(140), b"\xff" * 140, b"\x11" * 19, b"\x11" * 141])
def test_what_is_no_message_is_unreadable(octets: bytes) -> None:
    _, gateway = paired()
    assert reason(gateway.session, octets) == "unreadable"


def test_every_single_bit_flipped_is_refused() -> None:
    box, gateway = paired()
    octets = report(box)
    for bit in range(len(octets) * 8):
        changed = bytearray(octets)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealError):
            gateway.session.open(bytes(changed))
    assert gateway.take(octets) == b"42"


def test_a_second_claimant_of_an_id_is_another_key_with_its_own_print() -> None:
    box, gateway = paired()
    thief = End("box")
    thief.peer_public = gateway.own.public
    hello = open_hello(gateway.own, thief.start().hello())
    assert hello.box_id == BOX_ID
    assert hello.public != box.own.public
    with pytest.raises(ValueError, match="another key"):
        gateway.session.welcome(hello)


def test_a_box_that_lost_its_counters_says_hello_again_and_never_seals_under_its_old_key() -> None:
    box, gateway = paired()
    used = [report(box, b"same") for _ in range(3)]
    for octets in used:
        gateway.take(octets)
    box.disk = None
    box.start()
    with pytest.raises(SealError):
        report(box)
    meet(box, gateway)
    fresh = [report(box, b"same") for _ in range(3)]
    assert {octets[3:6] for octets in used}.isdisjoint(octets[3:6] for octets in fresh)
    assert [gateway.take(octets) for octets in fresh] == [b"same"] * 3
    assert all(reason(gateway.session, octets) == "repeat" for octets in used)


@pytest.mark.parametrize("text", ["", "A" * 42, "A" * 44, "é" * 43, "+" * 43, "A" * 42 + "="])
def test_a_text_that_is_no_public_key_is_refused_and_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no public key"):
        public_of(text)


def test_a_print_is_eight_letters_that_are_not_mistaken_and_differ_from_key_to_key() -> None:
    prints = {Identity.new().fingerprint for _ in range(20)}
    assert len(prints) == 20
    for each in prints:
        assert re.fullmatch(f"[{LETTERS}]{{4}}-[{LETTERS}]{{4}}", each)
    assert not set("01ILOU") & set(LETTERS)
    assert len(set(LETTERS)) == 30
