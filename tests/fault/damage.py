"""Damage to Téléinfo frames, one kind a function, and the count of what is then believed wrongly."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import msgspec

from hal.decode.teleinfo.frames import Decoder, FrameEnd
from hal.decode.teleinfo.plausible import Judge
from hal.fake.meter_frames import GAP_MS, Meter

DIGITS = b"0123456789"
LINE_ENDS = b"\x0b\x0c\x0e\x0f\x1a\x4a\x08\x02"  # what one or two bit errors make of LF


def _replace(raw: bytes, place: int, byte: int) -> bytes:
    return raw[:place] + bytes((byte,)) + raw[place + 1 :]


def digit_replaced(raw: bytes, rng: random.Random) -> bytes:
    """Another digit in the place of one."""
    places = [place for place, byte in enumerate(raw) if byte in DIGITS]
    if not places:
        return bit_6_flipped(raw, rng)
    place = rng.choice(places)
    return _replace(raw, place, rng.choice([digit for digit in DIGITS if digit != raw[place]]))


def bit_6_flipped(raw: bytes, rng: random.Random) -> bytes:
    """Invisible to a sum of six bits: `0` becomes `p`."""
    place = rng.randrange(len(raw))
    return _replace(raw, place, raw[place] ^ 0x40)


def digits_swapped(raw: bytes, rng: random.Random) -> bytes:
    """Invisible to any sum: two different digits change places, neighbours or not."""
    places = [place for place, byte in enumerate(raw) if byte in DIGITS]
    pairs = [(a, b) for a in places for b in places if a < b and raw[a] != raw[b]]
    if not pairs:
        return digit_replaced(raw, rng)
    a, b = rng.choice(pairs)
    return _replace(_replace(raw, a, raw[b]), b, raw[a])


def nul_inserted(raw: bytes, rng: random.Random) -> bytes:
    """Adds nothing to the sum."""
    place = rng.randrange(len(raw) + 1)
    return raw[:place] + b"\x00" + raw[place:]


def bit_7_set(raw: bytes, rng: random.Random) -> bytes:
    """A port that is not set to seven bits, or a byte of wrong parity."""
    place = rng.randrange(len(raw))
    return _replace(raw, place, raw[place] | 0x80)


def truncated(raw: bytes, rng: random.Random) -> bytes:
    """Bytes lost from the middle or the end of a group."""
    first = rng.randrange(len(raw))
    return raw[:first] + raw[rng.randint(first + 1, len(raw)) :]


GROUP_DAMAGE: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "digit_replaced": digit_replaced,
    "bit_6_flipped": bit_6_flipped,
    "digits_swapped": digits_swapped,
    "nul_inserted": nul_inserted,
    "bit_7_set": bit_7_set,
    "truncated": truncated,
}
KINDS = (*GROUP_DAMAGE, "marks_missing", "cut_by_eot", "line_end_changed", "random_bits")


def wire(groups: list[bytes]) -> bytes:
    """Return the frame of these groups."""
    return b"\x02" + b"".join(b"\n" + raw + b"\r" for raw in groups) + b"\x03"


def damaged(groups: list[bytes], kind: str, rng: random.Random) -> tuple[bytes, int]:
    """Return the frame with damage of that kind, and how many groups it hit."""
    place = rng.randrange(len(groups))
    if kind in GROUP_DAMAGE:
        hit = GROUP_DAMAGE[kind](groups[place], rng)
        return wire([*groups[:place], hit, *groups[place + 1 :]]), 1
    whole = wire(groups)
    if kind == "marks_missing":
        return (whole[1:] if rng.random() < 0.5 else whole[:-1]), 1
    if kind == "cut_by_eot":
        return whole[: rng.randrange(1, len(whole) - 1)] + b"\x04", 1
    if kind == "line_end_changed":
        places = [at for at, byte in enumerate(whole) if byte in b"\r\n"]
        return _replace(whole, rng.choice(places), rng.choice(LINE_ENDS)), 1
    # One bit in a hundred, of the eight of each byte.
    bits = bytearray(whole)
    for at in range(len(bits) * 8):
        if rng.random() < 0.01:
            bits[at >> 3] ^= 1 << (at & 7)
    hits = sum(raw not in bytes(bits) for raw in groups)
    return bytes(bits), hits


class Outcome(msgspec.Struct):
    """What a run over damaged frames found."""

    groups_damaged: int = 0
    frames: int = 0
    good: int = 0
    """Identifiers, words and indexes shown as good, once a frame and label."""
    wrong: list[str] = []
    """… and not what the meter sent."""
    instants: int = 0
    instants_wrong: Counter[str] = Counter()
    """… with the clock and the PME/PMI period sums, shown as good and not what the meter sent: by kind of damage."""
    changes: int = 0
    """Meters taken for exchanged."""


def run(meter: Meter, kinds: tuple[str, ...], groups_wanted: int, seed: int, share: float = 0.6) -> Outcome:
    """Feed damaged frames until so many groups were hit, and compare all that is believed with what was sent.

    `share` of the frames are damaged, in runs of one kind so that it also meets itself in neighbouring frames.
    """
    rng = random.Random(seed)
    decoder = Decoder()
    judge = Judge()
    outcome = Outcome(wrong=[], instants_wrong=Counter())
    sent: dict[float, dict[str, bytes]] = {}
    t_ms = 0.0
    kind = kinds[0]
    while outcome.groups_damaged < groups_wanted:
        if outcome.frames % 50 == 0:
            kind = rng.choice(kinds)
            meter.set_power(rng.choice((None, rng.uniform(0, 1.2) * meter.subscribed_kva * 1000)))
        groups = meter.raw_groups(t_ms)
        data, hits = damaged(groups, kind, rng) if rng.random() < share else (wire(groups), 0)
        outcome.groups_damaged += hits
        outcome.frames += 1
        t_ms += len(data) * 10_000 / meter.baud + GAP_MS
        sent[t_ms] = {raw.replace(b"\t", b" ").split(b" ", 1)[0].decode(): raw for raw in groups}
        if len(sent) > 200:
            del sent[next(iter(sent))]
        for event in decoder.feed(data, t_ms):
            if isinstance(event, FrameEnd):
                outcome.changes += len(judge.frame(event))
                _compare(judge, event, sent, outcome, kind)
    return outcome


def _compare(judge: Judge, end: FrameEnd, sent: dict[float, dict[str, bytes]], outcome: Outcome, kind: str) -> None:
    for group in end.groups:
        shown = judge.shown(group.label)
        if shown is None or shown.doubt:
            continue
        is_true = sent.get(shown.t_ms, {}).get(shown.group.label) == shown.group.raw
        if group.spec.role in ("instant", "clock", "tally"):
            outcome.instants += 1
            outcome.instants_wrong[kind] += not is_true
        else:
            outcome.good += 1
            if not is_true:
                outcome.wrong.append(f"{kind}: {shown.group.raw!r} at {shown.t_ms}")
