"""The rig proves itself: it finds what is known to be wrong, and finds nothing wrong with what is known to be right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

from edge.store.fs_memory import MODELS, MemoryFs, prefixes
from tests.fault.recorder import Recording, record, why_not
from tests.fault.recorder_lines import RecorderError
from tests.fault.recorder_programs import BEGIN, PROGRAMS, Program, UnreadableError

SEEDS = 2
CAMPAIGN_SEEDS = 25
MEMORY = Path("/dev/shm")  # where what is found is laid out, if there is such a place


class Verdict(msgspec.Struct):
    """What the cuts of one program showed."""

    states: int = 0
    unreadable: int = 0
    lost: int = 0
    ahead: int = 0


@pytest.fixture(autouse=True)
def can_trace() -> None:
    if reason := why_not():
        pytest.skip(reason)


def cuts(recording: Recording, seeds: int, every: int) -> Iterator[tuple[int, MemoryFs]]:
    """Give every disk that may be found after a cut before each call, and the last number said until then."""
    for place, disk in enumerate(prefixes(recording.calls, recording.disk())):
        if place % every:
            continue
        said = max((number for calls, number in recording.said if calls <= place), default=0)
        for model in MODELS:
            for seed in range(1 if model in {"lost", "kept"} else seeds):
                yield said, disk.after_cut(model, seed)


def tried(program: Program, folder: Path, seeds: int, every: int = 1) -> Verdict:
    recording = record(program.source, folder / "watched")
    verdict = Verdict()
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else folder) as scratch:
        for said, disk in cuts(recording, seeds, every):
            verdict.states += 1
            try:
                found = program.found(disk, Path(scratch))
            except UnreadableError:
                verdict.unreadable += 1
            else:
                verdict.lost += found < said
                verdict.ahead += found > said + 1
    return verdict


def judge(program: Program, verdict: Verdict) -> None:
    assert verdict.ahead == 0
    if program.fault:
        assert getattr(verdict, program.fault) > 0, verdict
    else:
        assert verdict.unreadable + verdict.lost == 0, verdict


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_is_judged_as_it_deserves(program: Program, tmp_path: Path) -> None:
    judge(program, tried(program, tmp_path, SEEDS, program.every))


@pytest.mark.campaign(reason="every cut of eight programs, many seeds")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_the_rig_gives_no_false_alarm_and_finds_each_fault(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = tried(program, tmp_path, CAMPAIGN_SEEDS)
    with capsys.disabled():
        print(f"\n{program.name}: {verdict.states} states, {verdict.unreadable} unreadable, {verdict.lost} lost")
    judge(program, verdict)


# -- the recorder itself


def test_a_program_without_calls_is_an_empty_recording(tmp_path: Path) -> None:
    recording = record(BEGIN, tmp_path / "watched")
    assert (recording.calls, recording.said) == ([], [])


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("os.truncate(folder + '/a', 1)", "truncate"),
        ("os.symlink('a', folder + '/b')", "symlink"),
        ("os.writev(file.fileno(), [b'x', b'y'])", "writev"),
        ("os.mkdir(folder + '/d'); os.rename(folder + '/a', folder + '/d/a')", "from folder to folder"),
        ("import mmap; mmap.mmap(file.fileno(), 1)", "through memory"),
        ("raise SystemExit('no such thing')", "no such thing"),
    ],
)
def test_what_can_not_be_followed_is_refused(source: str, reason: str, tmp_path: Path) -> None:
    begin = f"{BEGIN}\nfile = open(folder + '/a', 'wb+', buffering=0)\nfile.write(b'old')\n"
    with pytest.raises(RecorderError, match=reason):
        record(begin + source, tmp_path / "watched")


def test_a_file_written_behind_its_back_is_seen(tmp_path: Path) -> None:
    with pytest.raises(RecorderError, match="other files than the program: b"):
        record(f"{BEGIN}\nos.chdir(folder)\nopen('b', 'w').write('x')\n", tmp_path / "watched")


def test_writing_by_place_appending_and_through_a_second_descriptor_is_followed(tmp_path: Path) -> None:
    source = f"""{BEGIN}
with open(folder + "/a", "w+") as file:
    file.write("0123456789")
    file.seek(3)
    file.write("xy")
    file.flush()
    file.read(2)
    file.flush()
    os.write(os.dup(file.fileno()), b"_")
    file.truncate(9)
with open(folder + "/a", "a") as file:
    file.write("end")
os.posix_fallocate(os.open(folder + "/b", os.O_RDWR | os.O_CREAT), 0, 100)
said(7)
os.unlink(folder + "/a")
said(8)
"""
    recording = record(source, tmp_path / "watched")
    assert [number for _, number in recording.said] == [7, 8]
    assert recording.said[1][0] == len(recording.calls)


def test_the_stores_disk_makes_the_name_of_a_new_folder_durable(tmp_path: Path) -> None:
    source = f"{BEGIN}\nfrom edge.store.fs import RealFs\nRealFs(folder).mkdir('a/b')\n"
    recording = record(source, tmp_path / "watched")
    assert recording.folders == {"", "a", "a/b"}
    assert recording.calls == ["a", ""]
