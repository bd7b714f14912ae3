"""What is wrong with a box that was found after a fault, given what it had told before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from edge.store.fs import Fs
from edge.store.fs_memory import MemoryFs
from tests.fault.kept_box import Kept, KeptBox, Read

FAULTS: Final = (
    "unreadable", "lost", "duplicated", "mixed", "cursor", "notebook", "settings", "boot", "second cut", "going on",
)  # fmt: skip


def figures(wrong: Counter[str]) -> str:
    """Return the count of each sort of fault in a line."""
    return ", ".join(f"{fault} {wrong[fault]}" for fault in FAULTS)


def contiguous(numbers: list[int]) -> bool:
    """Whether numbers go up one by one."""
    return not numbers or numbers == list(range(numbers[0], numbers[-1] + 1))


def wrong_in_log(place: int, read: Read, found: Kept, last: Kept, following: Kept) -> list[str]:
    """Return what is wrong with one log (0 records, 1 events): lost, duplicated, mixed; nothing when all is right."""
    wrong = []
    numbers = [number for number in read.numbers if number]  # the writer's own events have none
    if found.last[place] < last.last[place] or any(seq < last.next_seqs[place] for seq in read.gaps):
        wrong.append("lost")
    if not contiguous(numbers) or (numbers and numbers[-1] != found.last[place]):
        wrong.append("mixed")  # a batch in part, or entries of which the registers know nothing, or the other way round
    if found.registers[place] not in (last.registers[place], following.registers[place]):
        wrong.append("mixed")
    if found.next_seqs[place] < last.next_seqs[place] or len(set(read.seqs)) != len(read.seqs):
        wrong.append("duplicated")
    if not last.cursors[place] <= found.acknowledged[place] <= following.acknowledged[place]:
        wrong.append("cursor")
    return wrong


def judge(disk: MemoryFs, last: Kept, following: Kept) -> Counter[str]:
    """Count what is wrong with what is found after a power cut, also after another one right behind the next start.

    `last` was durable before the fault, `following` would have been next.
    """
    return judge_found(disk, last, following, lambda: disk.after_cut("lost"))


def judge_found(fs: Fs, last: Kept, following: Kept, cut: Callable[[], Fs] | None = None) -> Counter[str]:
    """Open what is found on a disk and count what is wrong; `cut` gives the disk after another cut. Then live on."""
    wrong: Counter[str] = Counter()
    try:
        box = KeptBox(fs)
        found, read = box.kept(), box.read()
    except (OSError, ValueError):
        return Counter(unreadable=1)
    for place in (0, 1):
        wrong.update(set(wrong_in_log(place, read[place], found, last, following)))
    if box.notebook.damage or box.notebook.refused or found.note not in (last.note, following.note):
        wrong["notebook"] += 1
    if found.settings not in (last.settings, following.settings):
        wrong["settings"] += 1
    if found.boot < last.boot:
        wrong["boot"] += 1
    if cut is not None:
        again = KeptBox(cut())
        if not is_still_there(found, again.kept(), last) or again.read() != read:
            wrong["second cut"] += 1
    box.start()
    box.live(2)
    if cut is None:
        box.records.close()
        box.events.close()
    later = KeptBox(fs if cut is None else cut())
    if not went_on(box, found, read, later):
        wrong["going on"] += 1
    later.records.close()
    later.events.close()
    return wrong


def is_still_there(found: Kept, again: Kept, last: Kept) -> bool:
    """Whether what a start found is there after a cut right behind it, flushed by nobody before that start.

    Cursors, notebook and settings may be those that were told: entries go once more, and nobody had been told more.
    """
    logs = (found.boot, found.next_seqs, found.last, found.registers) == (
        again.boot, again.next_seqs, again.last, again.registers,
    )  # fmt: skip
    cursors = all(
        at_least <= now <= at_most
        for at_least, now, at_most in zip(last.cursors, again.cursors, found.cursors, strict=True)
    )
    return (
        logs and cursors and again.note in {found.note, last.note} and again.settings in {found.settings, last.settings}
    )


def went_on(box: KeptBox, found: Kept, read: tuple[Read, Read], later: KeptBox) -> bool:
    """Whether a box that lived on after a fault holds what it held and what came since, each once."""
    kept = later.kept()
    for place, log in enumerate((later.records, later.events)):
        now = later.read()[place]
        numbers = [number for number in now.numbers if number]
        before = [seq for seq in read[place].seqs if seq >= log.first_seq()]
        if not contiguous(numbers) or now.seqs[: len(before)] != before or kept.next_seqs[place] <= max(now.seqs):
            return False
        if numbers[-1] != (box.record_number, box.event_number)[place]:
            return False
    return kept.boot == found.boot + 1 and kept.note >= found.note and kept.settings >= found.settings
