"""A 1-Wire bus as Linux shows it: one conversion for all probes of a tick, and which probes are plugged in.

Documentation/w1/slaves/w1_therm.rst, "Bulk read". A conversion takes 0.75 s, and reading a probe starts one: thirty in
turn take 24 s, together 1.2 s. The traps, all of them in the kernel's driver:

- `trigger` without its newline succeeds and does nothing;
- the write never fails: where no probe answered or a signal came, it returns early and marks every probe as converted
  all the same, and the next read gives the temperature of before, with a right CRC;
- a probe that is not read after a trigger keeps that old value for its next read, however late;
- one other device on the line (a switch, a battery monitor) makes it do nothing at all, and only the first of several
  masters has the file.
"""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from hal.decode.ds18b20 import DS18B20, DS18S20, DS1822, DS1825, FAMILIES, celsius_from_text
from hal.driver import Found
from hal.sample import Notice, Sample, Value

TRIGGER: Final = "trigger\n"
CONVERSION_S: Final = 0.75  # the most that any of them takes, and what they take unless told otherwise
BULK: Final = frozenset({DS18S20, DS1822, DS18B20, DS1825})  # the kernel leaves the DS28EA00 out
MASTER: Final = "w1_bus_master"
PROBE: Final = re.compile(rf"({'|'.join(FAMILIES)})-[0-9a-f]{{12}}")
FRESH_S: Final = 5.0
IN_TIME: Final = 0.95  # of a conversion; the kernel sleeps at least as long


class Files(Protocol):
    """What is done with the kernel's files; a simulated kernel stands behind the same three."""

    def names(self, folder: Path) -> list[str]:
        """Return what lies in a folder. Raises OSError."""

    def read(self, file: Path) -> str:
        """Return a file's text. Raises OSError."""

    def write(self, file: Path, text: str) -> None:
        """Write a text in one call. Raises OSError."""


class KernelFiles:
    """The real ones."""

    def names(self, folder: Path) -> list[str]:
        """Return what lies in a folder."""
        return [path.name for path in folder.iterdir()]

    def read(self, file: Path) -> str:
        """Return a file's text; bytes that are none of ASCII become U+FFFD."""
        return file.read_text(encoding="ascii", errors="replace")

    def write(self, file: Path, text: str) -> None:
        """Write a text in one call."""
        with file.open("wb", buffering=0) as opened:
            opened.write(text.encode("ascii"))


class OneWireBus:
    """The probes in one folder: all of the machine, or those of one master. Used on its bus's thread only."""

    def __init__(
        self, folder: Path, files: Files | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self._files = files or KernelFiles()
        self._monotonic = monotonic
        self._masters: dict[str, Path | None] = {}
        self._conversion_s: dict[str, float] = {}
        self._is_parasite: dict[str, bool] = {}
        self._triggers: dict[Path, int] = {}
        """How often each master's probes were marked as converted; where a probe was read since stands in _reads."""
        self._reads: dict[str, int] = {}
        self._fresh: set[str] = set()
        """Probes whose value the last conversion has made."""
        self._fresh_s = 0.0
        self._idle: dict[Path, int] = {}
        self._silent: dict[Path, bool] = {}
        """Whether a master's line is without any presence pulse, asked at most once a tick."""
        self._unsure: set[str] = set()
        """Probes of which the kernel has taken an error's number for their resolution."""
        self._notices: list[Notice] = []
        self._said: set[tuple[Path, str]] = set()
        self._one_by_one: dict[str, Value] = {}

    # -- reading

    def begin(self, due: Sequence[str]) -> None:
        """Convert the due probes at once, master by master, where two or more of one are due. Never raises OSError."""
        self._fresh.clear()
        self._silent.clear()
        groups: dict[Path, list[str]] = {}
        for probe in due:
            master = self._master(probe) if probe[:2] in BULK else None
            if master is not None:
                groups.setdefault(master, []).append(probe)
        for master, probes in groups.items():
            if len(probes) > 1:
                why = self._convert(master, probes)
                if self._one_by_one.get(master.name, "") != why:
                    kept = {name: each for name, each in self._one_by_one.items() if name != master.name}
                    self._one_by_one = {**kept, master.name: why} if why else kept
                if why and (master, why) not in self._said:
                    self._said.add((master, why))
                    words: dict[str, Value] = {"master": master.name, "why": why, "count": len(probes)}
                    self._notices.append(Notice("probes_one_by_one", round(self._monotonic() * 1e9), words))

    def text(self, probe: str, file: Path | None = None) -> str:
        """Return what the kernel's `w1_slave` says of this probe now. Raises OSError as the file does.

        A value that an earlier conversion left behind is read away first: it looks new and is not.
        """
        file = file or self.folder / probe / "w1_slave"
        master = self._master(probe) if probe[:2] in BULK else None
        number = 0 if master is None else self._marked(master)
        try:
            if probe in self._fresh:
                self._fresh.discard(probe)
            elif self._reads.get(probe, 0) < number:
                self._files.read(file)
            self._reads[probe] = number
            text = self._files.read(file)
            if text and probe in self._unsure:
                self._unsure.discard(probe)
                self._conversion_s.pop(probe, None)
                self._files.read(self.folder / probe / "resolution")
            return text
        except OSError as exc:
            if exc.errno in {errno.ENOENT, errno.ENODEV}:
                self._forget(probe)
            raise

    def is_silent(self, probe: str) -> bool:
        """Return whether nobody answers a reset on this probe's line: it is cut, or something holds it high.

        `w1_slave` is empty for that and for a probe that is silent or disturbed; `resolution` says which error it was.
        """
        master = self._master(probe)
        if master is None or probe[:2] == DS18S20:  # which has no such file
            return False
        if master not in self._silent:
            try:
                said = self._files.read(self.folder / probe / "resolution").strip()
            except OSError:
                return False
            self._silent[master] = said == str(-errno.ENODEV)
            self._unsure.add(probe)
        return self._silent[master]

    def set_resolution(self, probe: str, bits: int) -> None:
        """Give a probe another resolution, which it keeps until its supply fails. Raises OSError."""
        self._conversion_s.pop(probe, None)
        self._files.write(self.folder / probe / "resolution", f"{bits}\n")

    def notices(self) -> list[Notice]:
        """Return and forget what is to be said: why probes are converted one by one, once a master and reason."""
        notices, self._notices = self._notices, []
        return notices

    def condition(self) -> dict[str, Value]:
        """Return the masters whose probes are converted one by one, and why. Any thread may ask."""
        return self._one_by_one

    # -- what is plugged in

    def present(self) -> list[Found]:
        """Return the probes that the kernel shows, without a word on the line. Raises OSError."""
        names = sorted(name for name in self._files.names(self.folder) if PROBE.fullmatch(name))
        return [Found(name, "ds18b20", {"probe": name}, "Cel") for name in names]

    def glance(self, probes: Sequence[str]) -> list[Sample]:
        """Return what these probes measure now, each as a sample under its own name.

        Converted at once where that can be done; else only the first, since each keeps the line for a conversion.
        """
        if not self._fresh.issuperset(probes) or self._monotonic() - self._fresh_s > FRESH_S:
            self.begin(probes)
        readable = [probe for probe in probes if probe in self._fresh] or list(probes[:1])
        samples = []
        for probe in readable:
            try:
                outcome = celsius_from_text(self.text(probe), probe[:2])
            except OSError:  # gone since
                continue
            samples.append(Sample(probe, round(self._monotonic() * 1e9), *outcome))
        return samples

    # -- the conversion

    def _convert(self, master: Path, probes: Sequence[str]) -> str:
        """Let all probes of a master convert; return "" when that was done, else why not."""
        on_line = self._bulk_probes(master)
        if any(self._is_parasite_powered(master / name) for name in on_line):
            return "parasite"  # converting all at once would draw more than one pull-up gives
        needed_s = max(map(self._takes_s, probes))
        self._marked(master)
        file = master / "therm_bulk_read"
        began_s = self._monotonic()
        try:
            self._files.write(file, TRIGGER)
        except FileNotFoundError:
            return "no_file"
        except OSError as exc:
            return "no_right" if exc.errno in {errno.EACCES, errno.EPERM, errno.EROFS} else "bus_error"
        if self._monotonic() - began_s >= IN_TIME * needed_s:
            self._triggers[master] += 1
            self._fresh.update(on_line)
            self._fresh_s = self._monotonic()
            self._idle[master] = 0
            return ""
        for probe in probes:  # perhaps it takes less time since somebody changed its resolution
            self._conversion_s.pop(probe, None)
        if self._has_unread(file):
            self._triggers[master] += 1  # marked, and not converted: no value of these can be believed
            return ""
        self._idle[master] = self._idle.get(master, 0) + 1
        return "foreign" if self._idle[master] >= 3 else ""

    def _bulk_probes(self, master: Path) -> list[str]:
        try:
            names = self._files.names(master)
        except OSError:
            return []
        return [name for name in names if PROBE.fullmatch(name) and name[:2] in BULK]

    def _marked(self, master: Path) -> int:
        """Return how often this master's probes were marked; a program before this one may have left marks too."""
        if master not in self._triggers:
            self._triggers[master] = int(self._has_unread(master / "therm_bulk_read"))
        return self._triggers[master]

    def _has_unread(self, file: Path) -> bool:
        try:
            return self._files.read(file).strip() != "0"
        except OSError:
            return False

    def _master(self, probe: str) -> Path | None:
        """Return the folder of the probe's master; None where the kernel's tree is not like that, or it is gone."""
        if probe not in self._masters:
            folder = (self.folder / probe).resolve()
            is_known = folder.parent.name.startswith(MASTER) and folder.is_dir()
            if not is_known:
                return None
            self._masters[probe] = folder.parent
        return self._masters[probe]

    def _takes_s(self, probe: str) -> float:
        """Return how long the kernel waits for this probe's conversion; asked once, no word on the line."""
        if probe not in self._conversion_s:
            try:
                self._conversion_s[probe] = int(self._files.read(self.folder / probe / "conv_time")) / 1000
            except (OSError, ValueError):
                self._conversion_s[probe] = CONVERSION_S
        return self._conversion_s[probe]

    def _is_parasite_powered(self, folder: Path) -> bool:
        """Return whether a probe is fed by the data line; asked on the line, once a probe."""
        if folder.name not in self._is_parasite:
            try:
                said = self._files.read(folder / "ext_power").strip()
            except OSError:
                return False
            if said not in {"0", "1"}:
                return False  # it did not answer: asked again
            self._is_parasite[folder.name] = said == "0"
        return self._is_parasite[folder.name]

    def _forget(self, probe: str) -> None:
        for known in (self._masters, self._conversion_s, self._is_parasite):
            known.pop(probe, None)
