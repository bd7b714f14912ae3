"""New keys between a box and its gateway: by a roll, by a hello again, after a backup, after too many forgeries."""

from __future__ import annotations

import copy
from random import Random

import pytest

from sms.hello import HELLO, REFUSED, SALT, is_refusal
from sms.keys import Identity
from sms.seal import FAILED_MAX, SealError
from sms.session import BLOCK, Session, floor_at, open_hello
from sms.window import WIDTH
from sms.wire import COUNTER_MAX, EPOCH_S, HEAD, Type
from tests.sms_pair import BOX_ID, NUMBER, End, meet, order, paired, report, strangers


def reason(end: End, octets: bytes) -> str:
    with pytest.raises(SealError) as caught:
        end.session.open(octets)
    return caught.value.reason


def generations(end: End) -> int:
    assert end.disk is not None
    return len(end.disk["keys"])


def roll(box: End, gateway: End) -> None:
    here = box.agree(gateway.session.roll())
    assert here is not None
    gateway.agree(here)


def test_after_a_roll_both_use_the_new_key_and_what_was_under_way_still_opens() -> None:
    box, gateway = paired()
    before, down_before = report(box, b"before"), order(gateway, b"before")
    roll(box, gateway)
    after = report(box, b"after")
    assert gateway.take(after) == b"after"
    assert gateway.take(before) == b"before"
    assert box.take(order(gateway, b"after")) == b"after"
    assert box.take(down_before) == b"before"
    assert generations(box) == generations(gateway) == 2


def test_a_roll_is_never_taken_for_a_refusal_whatever_its_sealed_octets_look_like() -> None:
    box, gateway = paired()
    rolls = (gateway.session.roll() for _ in range(10_000))
    likely = next(octets for octets in rolls if octets[HEAD] == REFUSED)
    assert not is_refusal(likely)
    assert box.agree(likely) is not None


def test_the_old_key_opens_nothing_sealed_after_the_new_one_and_is_forgotten_a_window_later() -> None:
    box, gateway = paired()
    old = copy.deepcopy(box.disk)
    roll(box, gateway)
    new, box.disk = box.disk, old
    box.start()
    late = [report(box) for _ in range(BLOCK + 5)][-1]  # a copy of the box that did not hear of the roll
    box.disk = new
    box.start()
    assert reason(gateway, late) == "forged"
    for _ in range(WIDTH):
        gateway.take(report(box))
    assert generations(gateway) == 1
    assert generations(box) == 2  # few messages come down: the box keeps both for longer
    for _ in range(WIDTH + 1):
        box.take(order(gateway))
    assert generations(box) == 1


@pytest.mark.parametrize("cut", [(), ("box",), ("gateway",), ("box", "gateway")])
def test_a_roll_goes_on_wherever_it_is_cut_and_whatever_is_lost(cut: tuple[str, ...]) -> None:
    """These ends restart from their disks at each step; the roll, then the answer, is lost first and repeated."""
    box, gateway = paired()
    first = gateway.session.roll()
    restart(box, gateway, cut)
    assert gateway.take(report(box)) == b"42"  # the roll was lost: the old key goes on
    second = gateway.session.roll()
    assert first[HEAD:] != second[HEAD:]
    assert box.agree(second) is not None  # this answer is lost
    restart(box, gateway, cut)
    assert gateway.take(report(box)) == b"42"  # and any message says the same
    assert gateway.session.is_confirmed
    restart(box, gateway, cut)
    assert box.take(order(gateway)) == b"status"
    assert box.agree(first) is not None  # it comes late, and changes nothing
    assert gateway.take(report(box)) == b"42"
    assert box.take(order(gateway)) == b"status"
    assert generations(box) == generations(gateway) == 2


def restart(box: End, gateway: End, cut: tuple[str, ...]) -> None:
    for end in (box, gateway):
        if end.role in cut:
            end.start()


def test_a_repeated_hello_gets_the_same_welcome_and_a_used_one_none() -> None:
    box, gateway = strangers()
    first = box.session.hello()
    box.start()
    assert box.session.hello() == first  # what waits for an answer survives a restart
    hello = open_hello(gateway.own, first)
    welcome = gateway.session.welcome(hello, NUMBER)
    gateway.start()
    assert gateway.session.welcome(hello, NUMBER) == welcome
    here = box.agree(welcome)
    assert here is not None
    assert reason(box, welcome) == "old"
    gateway.agree(here)
    with pytest.raises(SealError, match="used") as caught:
        gateway.session.welcome(hello)
    assert caught.value.reason == "repeat"


def test_old_hellos_sent_again_by_a_stranger_disturb_nothing() -> None:
    box, gateway = paired()
    kept = box.disk
    for _ in range(8):
        box.session.forget()
        gateway.session.welcome(open_hello(gateway.own, box.session.hello()))
    box.disk = kept
    box.start()
    assert gateway.take(report(box)) == b"42"
    assert box.take(order(gateway)) == b"status"
    assert generations(gateway) <= 5
    roll(box, gateway)
    assert gateway.take(report(box)) == b"42"


def test_a_welcome_for_another_box_or_of_another_gateway_is_refused() -> None:
    box, gateway = strangers()
    other, other_gateway = strangers()
    for end in (box, other):
        end.session.hello()
    foreign = other_gateway.session.welcome(open_hello(other_gateway.own, other.session.hello()), NUMBER)
    assert reason(box, foreign) == "forged"
    right = gateway.session.welcome(open_hello(gateway.own, box.session.hello()), NUMBER)
    for place in range(len(right)):
        changed = right[:place] + bytes((right[place] ^ 1,)) + right[place + 1 :]
        with pytest.raises(SealError):
            box.session.open(changed)
    assert reason(gateway, box.session.hello()) == "foreign"
    assert box.agree(right) is not None


def test_a_replaced_sim_changes_nothing_as_no_number_is_part_of_it() -> None:
    box, gateway = paired()
    assert not {"phone", "imsi", "sim"} & set(gateway.disk or {})
    box.session.forget()
    box.save(box.session.saved())
    meet(box, gateway)
    assert gateway.take(report(box)) == b"42"
    with pytest.raises(ValueError, match="number 7 already"):
        gateway.session.welcome(open_hello(gateway.own, box.session.hello()), NUMBER + 1)


def test_a_key_that_met_too_many_forgeries_refuses_survives_restarts_so_and_a_roll_ends_it() -> None:
    box, gateway = paired()
    dice = Random(1)
    good = report(box)
    head = good[:HEAD]
    for n in range(FAILED_MAX):
        if n == FAILED_MAX - 100:
            gateway.start()  # cut: what was written down is not less than what was met
            assert gateway.session.failed >= n
            break
        assert reason(gateway, head + dice.randbytes(10)) == "forged"
    while gateway.session.failed < FAILED_MAX:
        assert reason(gateway, head + dice.randbytes(10)) == "forged"
    assert reason(gateway, good) == "spent"
    gateway.start()
    assert reason(gateway, good) == "spent"
    assert gateway.session.needs_roll
    roll(box, gateway)
    assert not gateway.session.needs_roll
    assert gateway.take(report(box)) == b"42"


def test_a_box_whose_key_is_spent_asks_for_another_by_hello() -> None:
    box, gateway = paired()
    head = order(gateway)[:HEAD]
    assert box.disk is not None
    box.disk["keys"][0]["failed"] = FAILED_MAX - 1
    box.start()
    assert reason(box, head + bytes(10)) == "forged"
    assert box.session.needs_hello
    meet(box, gateway)
    assert not box.session.needs_hello
    assert box.take(order(gateway)) == b"status"


def test_repeats_cost_the_key_nothing_and_a_forged_counter_moves_nothing() -> None:
    box, gateway = paired()
    octets = report(box)
    gateway.take(octets)
    for _ in range(1000):
        assert reason(gateway, octets[:HEAD] + bytes(10)) == "repeat"
    assert gateway.session.failed == 0
    far = octets[:3] + COUNTER_MAX.to_bytes(3) + octets[6:]
    assert reason(gateway, far) == "forged"
    assert gateway.take(report(box)) == b"42"


def test_a_card_that_takes_nothing_does_not_stop_the_reading_of_messages() -> None:
    box, gateway = paired()

    def full(_: object) -> None:
        raise OSError(28, "no space left")

    session = Session("gateway", gateway.own, box.own.public, BOX_ID, gateway.disk, full)
    octets = report(box)
    with pytest.raises(SealError):
        session.open(octets[:-1] + b"\0")
    assert session.open(octets).body == b"42"
    session._next = session._reserved
    with pytest.raises(OSError, match="no space"):
        session.seal(Type.ACK, b"")
    gateway.start()
    assert order(gateway)


def test_the_last_counter_is_never_passed() -> None:
    box, _ = paired()
    assert box.disk is not None
    box.disk["next"] = COUNTER_MAX - 1
    box.start()
    assert [int.from_bytes(report(box)[3:6]) for _ in range(2)] == [COUNTER_MAX - 1, COUNTER_MAX]
    for _ in range(2):
        with pytest.raises(SealError, match="last counter"):
            report(box)
        box.start()


def test_a_gateway_from_last_night_s_backup_uses_no_counter_again_and_takes_nothing_twice() -> None:
    evening = EPOCH_S + 900 * 86_400
    box, gateway = strangers()
    gateway.start(floor=floor_at(evening))
    meet(box, gateway)
    backup = copy.deepcopy(gateway.disk)
    night = [report(box, bytes((n,))) for n in range(40)]
    assert [gateway.take(octets)[0] for octets in night[:30]] == list(range(30))
    used = [int.from_bytes(order(gateway)[3:6]) for _ in range(100)]

    gateway.disk = backup
    gateway.start(floor=floor_at(evening + 12 * 3600))
    shut = gateway.session.restored()
    assert int.from_bytes(shut[3:6]) > max(used)
    assert {reason(gateway, octets) for octets in night} == {"held"}
    gateway.start(floor=floor_at(evening + 12 * 3600 + 60))
    assert gateway.session.is_restored
    assert {reason(gateway, octets) for octets in night} == {"held"}
    here = box.agree(shut)
    assert here is not None
    gateway.agree(here)
    assert not gateway.session.is_restored
    assert {reason(gateway, octets) for octets in night} == {"repeat"}
    first = int.from_bytes(night[0][3:6])
    gateway.session.ask(range(first + 30, first + 40))  # what its own records lack
    assert [gateway.take(octets)[0] for octets in night[30:]] == list(range(30, 40))
    assert {reason(gateway, octets) for octets in night} == {"repeat"}
    assert gateway.take(report(box)) == b"42"
    assert box.take(order(gateway)) == b"status"


def test_a_restored_gateway_whose_box_lost_its_keys_meanwhile_is_not_shut_for_ever() -> None:
    box, gateway = paired()
    backup = copy.deepcopy(gateway.disk)
    old_hello = box.session.hello()
    gateway.session.welcome(open_hello(gateway.own, old_hello))
    gateway.disk = backup
    gateway.start(floor=floor_at(EPOCH_S + 86_400))
    assert gateway.session.restored()
    box.session.forget()
    meet(box, gateway)
    assert not gateway.session.is_restored
    assert gateway.take(report(box)) == b"42"


def test_what_a_gateway_without_the_old_keys_asks_for_is_sealed_again_and_only_then() -> None:
    box, gateway = paired()
    old = report(box, b"said")
    meet(box, gateway)  # said hello again, as it was not answered for long; the gateway has both keys
    assert box.session.lost_below == 0
    assert gateway.take(old) == b"said"
    other = [report(box, b"lost"), order(gateway)]
    gateway.disk = None  # it has a backup of before
    gateway.start()
    meet(box, gateway)
    assert box.session.lost_below > int.from_bytes(other[0][3:6])
    assert reason(gateway, other[0]) == "forged"
    box.start()
    again = box.session.resealed(other[0])
    assert gateway.take(again) == b"lost"
    assert again[6:HEAD] == other[0][6:HEAD]
    assert int.from_bytes(again[3:6]) >= box.session.lost_below
    for octets in (other[1], b"", other[0][:-1] + b"\0"):
        with pytest.raises(SealError):
            box.session.resealed(octets)


def test_a_gateway_s_clock_that_is_wrong_is_named() -> None:
    assert floor_at(EPOCH_S) == 0
    assert floor_at(EPOCH_S + 3600) == 60
    for utc_s in (0, EPOCH_S - 60, EPOCH_S + 32 * 366 * 86_400):
        with pytest.raises(ValueError, match="clock"):
            floor_at(utc_s)


def test_an_older_state_makes_a_box_say_hello_and_a_gateway_go_on_above() -> None:
    box, gateway = paired()
    older = copy.deepcopy(gateway.disk)
    sent = [int.from_bytes(order(gateway)[3:6]) for _ in range(BLOCK + 1)]
    gateway.disk = older
    gateway.start(is_older=True)
    assert int.from_bytes(order(gateway)[3:6]) > max(sent[:-1])
    box.start(is_older=True)
    with pytest.raises(SealError, match="hello"):
        report(box)
    meet(box, gateway)
    assert gateway.take(report(box)) == b"42"


def test_an_orderly_end_leaves_no_hole_in_the_counters() -> None:
    box, _ = paired()
    first = int.from_bytes(report(box)[3:6])
    box.save(box.session.rest())
    kept = copy.deepcopy(box.disk)
    assert int.from_bytes(report(box)[3:6]) == first + 1  # and one that goes on after all reserves anew
    assert box.disk != kept
    box.disk = kept
    box.start()
    assert int.from_bytes(report(box)[3:6]) == first + 1


@pytest.mark.parametrize(
    "damage",
    [
        {"role": "gateway"}, {"number": "x"}, {"next": None}, {"window": {"top": 5, "seen": "0"}}, {"window": 3},
        {"keys": [{}]}, {"keys": 7}, {"hello": "xyz"}, {"restored": 5}, {"keys": [{"box": "", "gateway": ""}]},
    ],
)  # fmt: skip
def test_a_saved_state_that_is_none_is_refused_with_its_fault(damage: dict[str, object]) -> None:
    box, _ = paired()
    assert box.disk is not None
    box.disk |= damage
    with pytest.raises(ValueError, match="no saved session of a box"):
        box.start()
    with pytest.raises(ValueError, match="no saved session"):
        Session("box", box.own, box.peer_public, BOX_ID, {}, box.save)


def test_a_box_whose_key_was_lost_does_not_seal_under_what_its_state_still_says() -> None:
    box, gateway = paired()
    last = int.from_bytes(report(box)[3:6])
    box.own = Identity.new()
    box.start()
    assert box.session.needs_hello
    assert box.session.number == 0
    hello = open_hello(gateway.own, box.session.hello())
    with pytest.raises(ValueError, match="another key"):
        gateway.session.welcome(hello)
    gateway.peer_public = box.own.public  # a person compared its print and accepted it
    gateway.start()
    meet(box, gateway)
    octets = report(box)
    assert int.from_bytes(octets[3:6]) > last
    assert gateway.take(octets) == b"42"


def test_a_box_in_another_s_place_goes_on_above_its_counters() -> None:
    box, gateway = paired()
    for _ in range(9):
        gateway.take(report(box))
    new = End("box")
    new.peer_public, gateway.peer_public = gateway.own.public, new.own.public
    new.start()
    gateway.start()
    meet(new, gateway)
    octets = report(new)
    assert int.from_bytes(octets[3:6]) > 10
    assert gateway.take(octets) == b"42"
    assert reason(gateway, report(box)) in {"forged", "repeat"}


def test_a_peer_key_that_is_none_is_refused() -> None:
    for public in (b"", bytes(31), bytes(32)):
        with pytest.raises(ValueError, match="nobody's public key"):
            Session("box", End("box").own, public, BOX_ID, None, lambda _: None)


def test_words_about_keys_that_are_not_known_change_nothing() -> None:
    box, gateway = paired()
    for body in (b"", b"\x09", bytes((HELLO,)), b"\x03" + bytes(SALT - 1), b"\x02" + bytes(21)):
        for maker, taker in ((box, gateway), (gateway, box)):
            before = taker.session.saved()
            octets = maker.session.seal(Type.HELLO, body)
            with pytest.raises(SealError) as caught:
                taker.session.agree(taker.session.open(octets))
            assert caught.value.reason == "unreadable"
            assert taker.session.saved() == before
    with pytest.raises(SealError):
        gateway.session.agree(gateway.session.open(box.session.seal(Type.HELLO, b"\x03" + bytes(SALT))))
