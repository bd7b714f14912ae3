"""The label that a box leaves on its card, once: it is read on a PC, printed and stuck to the lid.

What stands on it is remembered on the data partition, as a hash; another id, number or code gives another label, and
an unchanged box writes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import msgspec

from edge.runtime.boot_partition import writable
from edge.runtime.card_secrets import SECRETS, STATE, access_code, keep_secret, own_print, secret_in
from edge.settings.label import Label, label_svg
from edge.settings.model import Settings
from edge.settings.model_card import Modem
from edge.settings.packaged import product_version
from edge.store.checked import replace_file
from edge.store.fs import RealFs

FILE: Final = "vigie-label.svg"
LEFT: Final = "label-left"
MODEL: Final = "proc/device-tree/model"


class Due(msgspec.Struct, frozen=True):
    """A label that is not on the card yet: its octets, and the mark of what stands on it."""

    octets: bytes
    mark: bytes


def label_of(root: Path, settings: Settings) -> Label:
    """Return what this box's label says; its code and its key are made now where there are none. Raises OSError."""
    return Label(
        settings.box.id, settings.site.name, code=access_code(root), print=own_print(root / STATE),
        version=product_version(), hardware=hardware(root), number=settings.one(Modem).number,
    )  # fmt: skip


def hardware(root: Path) -> str:
    """Return the board as its firmware names it, such as Raspberry Pi 3 Model B Rev 1.2; "" on another machine."""
    try:
        return (root / MODEL).read_bytes()[:80].rstrip(b"\0").decode("ascii", "replace")
    except OSError:
        return ""


def label_due(root: Path, settings: Settings) -> Due | None:
    """Return the label that is still to be left on the card, None when this one was. Raises OSError."""
    label = label_of(root, settings)
    facts = (label.box, label.site, label.number, label.code, label.print)  # not the version: updates change no label
    mark = hashlib.sha256("\0".join(facts).encode()).hexdigest().encode()
    if secret_in(root / SECRETS, LEFT) == mark:
        return None
    return Due(label_svg(label, settings.site.lang).encode(), mark)


def leave_label(
    root: Path, boot: Path, settings: Settings, open_boot: Callable[[Path], AbstractContextManager[None]] = writable
) -> bool:
    """Leave `vigie-label.svg` in `boot` where it is due; tell whether it was written. Raises OSError.

    It is remembered only once it is on the card for good: after a cut in between it is written again.
    """
    due = label_due(root, settings)
    if due is None:
        return False
    with open_boot(boot):
        replace_file(RealFs(boot), FILE, due.octets)
    keep_secret(root / SECRETS, LEFT, due.mark)
    return True
