"""The installer's file taken from the card into the box, in steps of which a power cut leaves a clear state.

1. secrets, each a file of its own in /etc/vigie/secrets   2. the settings, /etc/vigie/vigie.toml
3. the memory: which settings these are, which acts wait   4. the card's file without secrets, with what was done
   struck out   5. vigie-errors.txt gone

All of it is durable before the next begins. A cut before 4 leaves the card as it was: the next start does the same
again; nothing is lost and nothing done twice, because an act is known by what it says. A file with a fault changes
nothing but vigie-errors.txt. A card that is as it was left writes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final

import msgspec

from edge.core.text import Text
from edge.runtime.card_read import SECRETS_AT, CardReader, Read
from edge.runtime.card_state import CardMemory, CardState, KnownAct
from edge.runtime.card_write import CardWriter
from edge.settings.card_bare import bare_settings, id_of, is_bare, new_id, zone_of
from edge.settings.card_choice import ERRORS, candidates, chosen
from edge.settings.card_pages import LANGUAGES, errors_page, fault_line, is_same, stamp
from edge.settings.card_text import CardText, Outcome, print_of
from edge.settings.card_verdict import LASTING, State, Verdict
from edge.settings.faults import Fault, SettingsError
from edge.settings.load import loads
from edge.store.checked import replace_file, write_file
from edge.store.fs import Fs, read_file

SETTINGS: Final = "etc/vigie/vigie.toml"
MOST_FILES: Final = 8
KEY: Final = "mqtt-key.pem"
"""The one file beside the installer's that is itself a secret."""

log = logging.getLogger(__name__)


class Taking:
    """One look at the card, at one start."""

    def __init__(
        self,
        boot: Fs,
        root: Fs,
        *,
        utc_s: int,
        open_boot: Callable[[], AbstractContextManager[None]],
        data: str = "ok",
    ) -> None:
        """`boot`: the card's first partition, which `open_boot` lets be written. `root`: the machine's files.

        `data`: what became of the data partition, one of DATA_STATES. Raises OSError when nothing at all can be kept.
        """
        self._boot = boot
        self._root = root
        self._card = CardReader(boot, root)
        self._writer = CardWriter(boot, open_boot)
        self._utc_s = utc_s
        self._data = data
        self._memory = CardMemory(root)
        self._copies: list[tuple[Read, CardText]] = []
        """Of the file that counts: all that hold its settings, itself the first."""
        self._state: CardState = self._memory.load()

    def take(self) -> Verdict:
        """Do it, and return what came of it."""
        read = self._read()
        if read is not None and read.settings is not None and read.parts is not None:
            gone = [*read.faults]
            if self._data in LASTING:  # else they went with it: a box that measures without its link is more than none
                gone += self._card.secrets_gone(read.settings, read.parts)
            if not gone:
                return self._taken(read, read.parts)
            read = msgspec.structs.replace(read, faults=gone)
        if read is None:
            self._writer.remove(ERRORS)
            return self._verdict("absent")
        self._tell_errors(read)
        return self._verdict("refused", read.name, read.faults)

    def ensure_settings(self) -> bool:
        """Make settings of the box's own where there are none; return whether those in force are such. OSError."""
        if not self._root.exists(SETTINGS):
            self._keep_settings(bare_settings(new_id()))
        return is_bare(self._settings_text())

    def waiting(self) -> dict[str, KnownAct]:
        """Return the acts that are still to be done, by id, in the order of the file."""
        return self._state.waiting()

    def conclude(self, act: str, *, is_done: bool, when: str, why: Text | None = None) -> None:
        """Remember what became of an act, durably: it is never done again. Raises OSError."""
        known, why = self._state.acts[act], why or Text("")
        outcome = Outcome(is_done, when)
        self._state.acts[act] = msgspec.structs.replace(known, outcome=outcome, why=why.key, values=why.values)
        self._memory.save(self._state)

    def remember(self, verb: str, args: dict[str, str], when: str, why: Text | None = None) -> None:
        """Remember, for the page, what was done without being asked for; no act has its id. Raises OSError."""
        why = why or Text("")
        known = KnownAct(verb, args, Outcome(True, when), why.key, why.values)
        self._state.acts[f"unasked {verb} {' '.join(args.values())}"] = known
        self._memory.save(self._state)

    def strike(self) -> None:
        """Strike out on the card what has an outcome; nothing where that stands there already."""
        read = self._read()
        if read is not None and read.parts is not None and read.parts.print == self._state.taken:
            self._clean(is_lasting=self._data in LASTING)

    def write_page(self, name: str, text: str) -> bool:
        """Write a page on the card where it says something else than the one that lies there; tell whether it did."""
        page = text.encode()
        is_new = not (self._boot.exists(name) and is_same(page, self._card.page(name)))
        return is_new and self._writer.write(name, page)

    @property
    def state(self) -> CardState:
        """What is remembered."""
        return self._state

    # -- looking

    def _read(self) -> Read | None:
        """Return the installer's file; None where there is none."""
        try:
            names = candidates(self._boot.listdir(""))[:MOST_FILES]
        except OSError as exc:
            log.warning("the card's first partition can't be read: %s", exc)
            return None
        found = {name: self._card.read(name) for name in names}
        if not found:
            return None
        left = chosen({name: one.told for name, one in found.items()}, self._state.taken, self._state.earlier)
        if len(left) > 1:
            return Read("", faults=[Fault(0, 0, "", "card.several", {"files": left})])
        of = found[left[0]]
        sound = {
            one.name: (one, one.parts) for one in (of, *found.values()) if one.parts is not None and not one.faults
        }
        self._copies = [(one, parts) for one, parts in sound.values() if of.parts and parts.print == of.parts.print]
        return of

    # -- taking

    def _taken(self, read: Read, parts: CardText) -> Verdict:
        state, is_lasting = self._state, self._data in LASTING
        is_new = parts.print != state.taken or not self._has_good_settings()
        given = {name: value.encode() for name, value in parts.secrets.items()} | dict(read.files)
        secrets = {name: octets for name, octets in given.items() if self._secret(name) != octets}
        self._keep_secrets(secrets)
        if is_new:
            self._keep_settings(parts.settings)
            state.earlier = [*(one for one in state.earlier if one not in {parts.print, state.taken}), state.taken]
            state.taken, state.name, state.t = parts.print, read.name, self._utc_s
        if is_lasting:
            unknown = Outcome(is_done=False, when="-") if self._memory.is_lost else None
            for act in (act for _, copy in self._copies for act in copy.acts):
                # an index that was not set is seen, one that was set twice is not
                state.acts.setdefault(act.id, KnownAct(act.verb, act.args, unknown))
        self._memory.save(state)
        self._clean(is_lasting=is_lasting)
        self._writer.remove(ERRORS)
        return self._verdict("applied" if is_new or secrets else "unchanged", read.name)

    def _has_good_settings(self) -> bool:
        """Return whether those in force are the card's as they were taken, or good ones that were changed since."""
        text = self._settings_text()
        if print_of(text) == self._state.taken:
            return True
        try:
            loads(text)
        except SettingsError:
            return False
        return True

    def _secret(self, name: str) -> bytes | None:
        path = f"{SECRETS_AT}/{name}"
        return read_file(self._root, path) if self._root.exists(path) else None

    def _keep_secrets(self, secrets: Mapping[str, bytes]) -> None:
        """Write all beside their places first: what fails for want of room then has changed nothing."""
        if not secrets:
            return
        self._root.mkdir(SECRETS_AT)
        for name, octets in secrets.items():
            write_file(self._root, f"{SECRETS_AT}/{name}.tmp", octets)
        for name in secrets:
            self._root.rename(f"{SECRETS_AT}/{name}.tmp", f"{SECRETS_AT}/{name}")
        self._root.fsync_dir(SECRETS_AT)

    def _keep_settings(self, text: str) -> None:
        replace_file(self._root, SETTINGS, text.encode())

    def _clean(self, *, is_lasting: bool) -> None:
        """Have the card's file without secrets and with what was done struck out; left alone where nothing lasts."""
        for read, parts in self._copies if is_lasting else ():
            self._clean_copy(read, parts)

    def _clean_copy(self, read: Read, parts: CardText) -> None:
        wanted = parts.fat(self._state.outcomes())
        if b"\r\n" in read.content:
            wanted = wanted.replace("\n", "\r\n")
        octets = (b"\xef\xbb\xbf" if read.content.startswith(b"\xef\xbb\xbf") else b"") + wanted.encode()
        key = parts.files.get(KEY, "").lower()  # a FAT finds a file by its name in any case of letters
        for name in [name for name in self._boot.listdir("") if name.lower() == key]:
            # before the file that names it: nobody would look for it then
            self._writer.erase(name)
        if octets != read.content:
            self._writer.write(read.name, octets, is_erased=bool(parts.secrets))

    # -- telling

    def _tell_errors(self, read: Read) -> None:
        when = stamp(self._utc_s, self.zone())
        since = stamp(self._state.t, self.zone()) if self._state.taken else ""
        self.write_page(ERRORS, errors_page(read.name, read.faults, box=self.box(), when=when, since=since))

    def _verdict(self, state: State, file: str = "", faults: Sequence[Fault] = ()) -> Verdict:
        first = {lang: fault_line(faults[0], lang) for lang in LANGUAGES} if faults else {}
        return Verdict(
            state=state if self._data in LASTING else "no_data", file=file, faults=len(faults), first=first,
            t=self._utc_s, is_configured=not is_bare(self._settings_text()), data=self._data,
        )  # fmt: skip

    def _settings_text(self) -> str:
        try:
            return read_file(self._root, SETTINGS).decode("utf-8", "replace")
        except OSError:
            return ""

    def box(self) -> str:
        """Return the box id of the settings in force; empty where there are none."""
        return id_of(self._settings_text())

    def zone(self) -> str:
        """Return the time zone of the settings in force."""
        return zone_of(self._settings_text())


def provisional(utc_s: int) -> Verdict:
    """Return the verdict that stands while the card is looked at: it stays when that is cut short."""
    fault = Fault(0, 0, "", "card.cut_short")
    return Verdict(state="refused", faults=1, first={lang: fault_line(fault, lang) for lang in LANGUAGES}, t=utc_s)
