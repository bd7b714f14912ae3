"""What a program really does to the files of a folder: its system calls, recorded by strace, as those of a MemoryFs.

The program gets the folder as its argument and says on its standard output, a number a line, what it holds for durable.
`Recording.calls` can be replayed call by call (`edge.store.fs_memory.prefixes`), so that any program's promise can be
tried against a power cut at any of its calls. A recording checks itself: replayed to the end it must give the files
that the program left, octet by octet. Calls whose effect is not known here are refused, never left out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from edge.store.fs import read_file
from edge.store.fs_image import Naming, Write
from edge.store.fs_memory import MemoryFs
from tests.fault.recorder_lines import RecorderError, SystemCall, system_calls, text
from tests.support import ROOT

OPENS: Final = ("open", "openat")
TRACED: Final = (
    *OPENS, "creat", "read", "readv", "lseek", "write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile",
    "copy_file_range", "splice", "fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "ftruncate", "truncate",
    "fallocate", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "link", "linkat", "symlink",
    "symlinkat", "mkdir", "mkdirat", "close", "dup", "dup2", "dup3", "fcntl", "mmap", "io_uring_setup",
)  # fmt: skip
SEEN: Final = ("-shm",)
"""Files that are mapped and so can't be followed: SQLite's index of its WAL, made anew from that at each first open."""


class Recording(msgspec.Struct):
    """A program's calls, and what it said: (calls made when it did, the number)."""

    calls: list[Write | Naming | int | str]
    said: list[tuple[int, int]]
    folders: set[str]

    def disk(self) -> MemoryFs:
        """Return the disk that it began with: folders, of which no store is to tell, and no file."""
        fs = MemoryFs(keep_cuts=True)
        fs.folders = set(self.folders)
        return fs


class OpenFile(msgspec.Struct):
    """What a descriptor stands for; `number` 0 is a folder."""

    number: int
    path: str
    offset: int = 0
    appends: bool = False


class Recorder:
    """Follows the calls on a MemoryFs: what is open, what is named how, and where each descriptor stands."""

    def __init__(self, folder: Path) -> None:
        self.calls: list[Write | Naming | int | str] = []
        self.said: list[tuple[int, int]] = []
        self._folder = folder
        self._fs = MemoryFs()
        self._fs.calls = self.calls
        self._open: dict[int, OpenFile] = {}
        self._line = b""

    def take(self, call: SystemCall) -> None:
        """Follow one call."""
        if call.name == "write" and call.number(0) == 1:
            self._say(text(call.arguments[1]))
        elif call.name in DESCRIPTORS:
            if (file := self._open.get(call.number(0))) is not None:
                DESCRIPTORS[call.name](self, call, file)
        elif call.name in NAMES:
            NAMES[call.name](self, call)
        elif self._is_inside(call):
            raise RecorderError(f"{call.name}({', '.join(call.arguments)[:200]}) can't be followed")

    def _is_inside(self, call: SystemCall) -> bool:
        return any(argument.isdigit() and int(argument) in self._open for argument in call.arguments) or any(
            argument.startswith('"') and self._path(argument) is not None for argument in call.arguments
        )

    def _say(self, octets: bytes) -> None:
        *lines, self._line = (self._line + octets).split(b"\n")
        self.said += [(len(self.calls), int(line)) for line in lines]

    def _path(self, argument: str) -> str | None:
        """Return a path inside the folder, relative to it; None for one elsewhere."""
        path = Path(text(argument).decode())
        return path.relative_to(self._folder).as_posix() if path.is_relative_to(self._folder) else None

    @property
    def folders(self) -> set[str]:
        """The folders that were made; of their own durability nothing is told."""
        return self._fs.folders

    # -- by name

    def opened(self, call: SystemCall) -> None:
        """A file is made, or emptied, or nothing happens to it."""
        path, flags = self._named(call), next(argument for argument in call.arguments if argument.startswith("O_"))
        if path is None:
            return
        if "O_DIRECTORY" in flags or path in self._fs.folders or path == ".":
            self._open[call.result] = OpenFile(0, "" if path == "." else path)
            return
        if not path.endswith(SEEN):
            self._fs.open(path, create=True)
            self._open[call.result] = OpenFile(self._fs.names[path], path, appends="O_APPEND" in flags)
            if "O_TRUNC" in flags and self._fs.images[self._fs.names[path]].size:
                self._fs.change(Write(self._fs.names[path], size=0))

    def renamed(self, call: SystemCall) -> None:
        """A name goes, another comes, in one step."""
        texts = [argument for argument in call.arguments if argument.startswith('"')]
        old, new = self._path(texts[0]), self._path(texts[1])
        if old is None or new is None or old.rpartition("/")[0] != new.rpartition("/")[0]:
            raise RecorderError(f"a rename from folder to folder: {old} to {new}")
        self._fs.rename(old, new)

    def unlinked(self, call: SystemCall) -> None:
        """A name goes."""
        path = self._named(call)
        if path is not None and not path.endswith(SEEN):
            self._fs.unlink(path)

    def made(self, call: SystemCall) -> None:
        """A folder."""
        path = self._named(call)
        if path is not None and path != ".":
            self._fs.mkdir(path)

    def _named(self, call: SystemCall) -> str | None:
        if call.name.endswith("at") and call.arguments[0] != "AT_FDCWD" and call.number(0) in self._open:
            raise RecorderError(f"{call.name} below an open folder")
        return self._path(next(argument for argument in call.arguments if argument.startswith('"')))

    def mapped(self, call: SystemCall) -> None:
        """Reading through memory is nothing; writing can't be seen."""
        is_shared = "PROT_WRITE" in call.arguments[2] and "MAP_SHARED" in call.arguments[3]
        if is_shared and call.arguments[4].isdigit() and call.number(4) in self._open:
            raise RecorderError(f"{self._open[call.number(4)].path} is written through memory")

    # -- by descriptor

    def written(self, call: SystemCall, file: OpenFile) -> None:
        """Octets at a place, or where the descriptor stands."""
        octets = text(call.arguments[1])[: call.result]
        if call.name == "pwrite64":
            self._fs.change(Write(file.number, octets, call.number(3)))
            return
        offset = self._fs.images[file.number].size if file.appends else file.offset
        self._fs.change(Write(file.number, octets, offset))
        file.offset = offset + call.result

    def moved(self, call: SystemCall, file: OpenFile) -> None:
        """The descriptor stands elsewhere."""
        file.offset = call.result if call.name == "lseek" else file.offset + call.result

    def sized(self, call: SystemCall, file: OpenFile) -> None:
        """The file has another length."""
        if call.name == "ftruncate":
            self._fs.change(Write(file.number, size=call.number(1)))
            return
        if call.arguments[1] != "0":
            raise RecorderError(f"fallocate with {call.arguments[1]}")
        size = call.number(2) + call.number(3)
        if size > self._fs.images[file.number].size:
            self._fs.change(Write(file.number, size=size))

    def flushed(self, call: SystemCall, file: OpenFile) -> None:
        """A file's octets are durable, or a folder's names."""
        if file.number:
            self._fs.flush_file(file.number)
        else:
            self._fs.flush_folder(file.path)

    def shared(self, call: SystemCall, file: OpenFile) -> None:
        """A second descriptor for the same."""
        if call.name != "fcntl" or call.arguments[1].startswith("F_DUPFD"):
            self._open[call.result] = file

    def closed(self, call: SystemCall, file: OpenFile) -> None:
        """A descriptor is given back."""
        del self._open[call.number(0)]

    # -- the end

    def check(self) -> None:
        """Raise RecorderError when the files that were followed are not those that are there."""
        inside = [path for path in self._folder.rglob("*") if path.is_file() and not path.name.endswith(SEEN)]
        there = {path.relative_to(self._folder).as_posix(): path.read_bytes() for path in inside}
        followed = {name: read_file(self._fs, name) for name in self._fs.names}
        if there != followed:
            differing = sorted(name for name in {*there, *followed} if there.get(name) != followed.get(name))
            raise RecorderError(f"the recording ends with other files than the program: {', '.join(differing)}")


NAMES: Final = {
    **dict.fromkeys(OPENS, Recorder.opened),
    **dict.fromkeys(("rename", "renameat", "renameat2"), Recorder.renamed),
    **dict.fromkeys(("unlink", "unlinkat"), Recorder.unlinked),
    **dict.fromkeys(("mkdir", "mkdirat"), Recorder.made),
    "mmap": Recorder.mapped,
}
DESCRIPTORS: Final = {
    **dict.fromkeys(("write", "pwrite64"), Recorder.written),
    **dict.fromkeys(("read", "readv", "lseek"), Recorder.moved),
    **dict.fromkeys(("ftruncate", "fallocate"), Recorder.sized),
    **dict.fromkeys(("fsync", "fdatasync"), Recorder.flushed),
    **dict.fromkeys(("dup", "dup2", "dup3", "fcntl"), Recorder.shared),
    "close": Recorder.closed,
}


def why_not() -> str:
    """Return why programs can't be recorded here, empty when they can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return f"ptrace is refused here: {tried.stderr.strip()}" if tried.returncode else ""


def record(program: str, folder: Path) -> Recording:
    """Run Python source with `folder` as its argument, to its end, and return what it did there."""
    folder.mkdir()
    traced = folder.with_name(f"{folder.name}.strace")
    command = ["strace", "-f", "-qq", "-xx", "-s", str(1 << 24), "-e", "raw=read,readv", "-o", str(traced)]
    command += ["-e", f"trace={','.join(TRACED)}", sys.executable, "-B", "-c", program, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RecorderError(f"the program failed: {done.stderr[-2000:]}")
    recorder = Recorder(folder)
    with traced.open() as lines:
        for call in system_calls(lines):
            recorder.take(call)
    traced.unlink()
    recorder.check()
    return Recording(recorder.calls, recorder.said, recorder.folders)
