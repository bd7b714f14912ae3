"""Sealed messages changed in every way that comes to mind: none is taken, nothing breaks, nothing takes long."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from sms.seal import SealError
from sms.session import open_hello
from sms.wire import HEAD, MESSAGE, Type
from tests.sms_pair import NUMBER, End, order, paired, report, strangers

BATCH = 2_000  # a pair each: below the budget of forged messages of one key
MANY = 100_000


def changed(octets: bytes, others: list[bytes], dice: Random) -> bytes:
    """Return the message changed in one of ten ways."""
    some = bytearray(octets)
    place = dice.randrange(len(some))
    other = dice.choice(others)
    match dice.randrange(10):
        case 0:
            some[place] ^= 1 << dice.randrange(8)
        case 1:
            for _ in range(dice.randint(2, 12)):
                some[dice.randrange(len(some))] = dice.randrange(256)
        case 2:
            return bytes(some[:place])
        case 3:
            return bytes(some) + dice.randbytes(dice.randint(1, MESSAGE))
        case 4:
            return octets[:HEAD] + other[HEAD:]
        case 5:
            return octets[:place] + other[place:]
        case 6:
            some[3:6] = dice.randrange(1 << 24).to_bytes(3)
        case 7:
            some[0] = 1 << 4 | dice.randint(1, 9)
        case 8:
            return dice.randbytes(dice.randint(0, MESSAGE + 5))
        case 9:
            return octets[:HEAD] + dice.randbytes(len(octets) - HEAD)
    return bytes(some)


def told(maker: End, dice: Random) -> bytes:
    kind = Type(dice.randint(1, 9))
    return maker.session.seal(kind, dice.randbytes(dice.choice([0, 1, 40, 119, 120])), dice.randrange(256))


def mutations(dice: Random) -> Iterator[tuple[End, bytes]]:
    """Give one pair's messages, each changed many times, to the end for which they are, and to their maker."""
    box, gateway = paired()
    for maker, taker in ((box, gateway), (gateway, box)):
        honest = [told(maker, dice) for _ in range(20)]
        for octets in honest[:10]:
            gateway_or_box = taker if dice.random() < 0.9 else maker
            for _ in range(BATCH // 20):
                found = changed(octets, honest, dice)
                if found not in honest:
                    yield gateway_or_box, found
    assert gateway.take(report(box)) == b"42"  # both are as sound as before
    assert box.take(order(gateway)) == b"status"


def tried(many: int, dice: Random) -> tuple[Counter[str], float]:
    """Return what became of so many, and the longest one took, in s of CPU."""
    fates: Counter[str] = Counter()
    worst_s = 0.0
    while fates.total() < many:
        for taker, octets in mutations(dice):
            before = taker.session.last_seen
            start_s = time.process_time()
            try:
                taker.session.open(octets)
            except SealError as exc:
                fates[exc.reason] += 1
            else:
                fates["ACCEPTED"] += 1
            worst_s = max(worst_s, time.process_time() - start_s)
            assert taker.session.last_seen == before
    return fates, worst_s


def test_of_two_thousand_none_is_taken() -> None:
    fates, _ = tried(2_000, Random(5))
    assert fates["ACCEPTED"] == 0
    assert fates["spent"] == 0  # each was looked at
    assert fates["forged"] > 1_000
    assert {"unreadable", "foreign", "forged"} <= set(fates)


@pytest.mark.campaign(reason="10^5 mutated messages")
def test_of_a_hundred_thousand_none_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    fates, worst_s = tried(MANY, Random(6))
    assert fates["ACCEPTED"] == fates["spent"] == 0
    with capsys.disabled():
        print(f"\n{fates.total()} mutated sealed messages: 0 accepted; {dict(fates)}; worst {worst_s * 1e3:.2f} ms")


def test_of_hellos_and_welcomes_changed_none_is_taken() -> None:
    dice = Random(7)
    box, gateway = strangers()
    hello = box.session.hello("1.0")
    welcome = gateway.session.welcome(open_hello(gateway.own, hello), NUMBER)
    for _ in range(400):
        for octets in (hello, welcome):
            found = changed(octets, [hello, welcome], dice)
            if found in {hello, welcome}:
                continue
            for opening in (lambda said: open_hello(gateway.own, said), box.session.open, gateway.session.open):
                with pytest.raises(SealError):
                    opening(found)
    assert box.agree(welcome) is not None
