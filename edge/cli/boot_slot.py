"""What RAUC asks of a boot loader, answered by autoboot.txt: `python -m edge.cli.boot_slot get-primary`.

RAUC's custom boot loader backend: get-primary, set-primary SLOT, get-state SLOT, set-state SLOT good|bad, get-current.
`set-primary` makes a slot the one that is *tried once*. `set-state SLOT good` commits nothing: that is done by `vigie
update confirm`, and until then it is refused. Exit 0 done, 1 not done, 2 a question nobody should ask.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from edge.core.autoboot import SLOTS, Slot
from edge.runtime.slots import Slots

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2


def answer(words: Sequence[str], slots: Slots) -> str:
    """Return what RAUC is to read; carry it out. Raises OSError or ValueError: nothing was changed."""
    match words:
        case ["get-primary"]:
            return slots.autoboot().primary
        case ["get-current"]:
            booted = slots.booted().slot
            if booted is None:
                raise ValueError("the kernel's command line names no slot (vigie.slot=)")
            return booted
        case ["set-primary", name]:
            slot = _slot(name)
            slots.change(lambda autoboot: autoboot.with_tried(slot))
            return ""
        case ["get-state", name]:
            return "good" if slots.autoboot().leads_to(_slot(name)) else "bad"
        case ["set-state", name, "bad"]:
            slot = _slot(name)
            slots.change(lambda autoboot: autoboot.without(slot))
            return ""
        case ["set-state", name, "good"]:
            _must_be_committed(_slot(name), slots)
            return ""
        case _:
            raise SyntaxError(" ".join(words))


def _must_be_committed(slot: Slot, slots: Slots) -> None:
    if slots.autoboot().primary != slot:
        raise ValueError(f"slot {slot} is not committed: `vigie update confirm` does that once it has been well")


def _slot(name: str) -> Slot:
    for slot in SLOTS:
        if slot == name:
            return slot
    raise ValueError(f"no slot {name}; there are a and b")


def main(words: Sequence[str] | None = None, root: Path = Path("/")) -> int:
    """Answer one question of RAUC on standard output."""
    asked = sys.argv[1:] if words is None else list(words)
    try:
        told = answer(asked, Slots(root))
    except SyntaxError as exc:
        sys.stderr.write(f"vigie-boot-slot: {exc}: no such question\n")
        return EXIT_BAD_INPUT
    except (OSError, ValueError) as exc:
        sys.stderr.write(f"vigie-boot-slot: {' '.join(asked)}: {exc}\n")
        return EXIT_FAILED
    if told:
        print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
