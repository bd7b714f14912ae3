"""The package's maintainer scripts on a made-up root, called as dpkg calls them; with a real dpkg: tests/image."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from image.deb import build
from tests.support import ROOT
from tests.unit.made_up_root import NEEDS_ROOT, made_up_root, mode, release, snapshot

NEEDS_HELPER = pytest.mark.skipif(not shutil.which("deb-systemd-helper"), reason="Debian's init-system-helpers needed")
DEBIANS_OWN = "[gammu]\n# Please configure this!\nport = /dev/null\nconnection = at\n"
SOMEBODYS = "[gammu]\nport = /dev/ttyS3\nconnection = at\n[smsd]\nservice = files\n"


def called(root: Path, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    file = root.parent / script
    file.write_text(build.maintainer_script(script), encoding="utf-8")
    dpkgs = {"DPKG_ROOT": str(root), "DPKG_MAINTSCRIPT_PACKAGE": "vigie"}
    return subprocess.run(
        ["/bin/sh", file, *words],
        env={**os.environ, **dpkgs, "PATH": f"{root.parent}/programs:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """A root after dpkg unpacked the package, but for its libraries."""
    root = made_up_root(tmp_path)
    (root / "usr/share/vigie").mkdir(parents=True)
    shutil.copy(ROOT / "config/vigie.toml", root / "usr/share/vigie")
    shutil.copytree(
        ROOT / "hal", root / "opt/vigie/lib/hal", ignore=shutil.ignore_patterns("*.py", "__pycache__", "drivers")
    )
    for unit in (ROOT / "image").glob("vigie*.*"):
        (root / "usr/lib/systemd/system").mkdir(parents=True, exist_ok=True)
        shutil.copy(unit, root / "usr/lib/systemd/system")
    return root


@pytest.fixture
def known(unpacked: Path) -> Path:
    """The same with the user there, and beside it what stands for slow programs that are not asked here."""
    with (unpacked / "etc/passwd").open("a", encoding="utf-8") as file:
        file.write("vigie:x:990:990::/var/lib/vigie:/usr/sbin/nologin\n")
    for name in ("groupadd", "usermod", "deb-systemd-helper"):
        program = unpacked.parent / "programs" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\n", encoding="utf-8")
        program.chmod(0o755)
    return unpacked


@pytest.mark.parametrize("word", ["install", "upgrade"])
def test_another_system_is_refused_before_a_file_comes(tmp_path: Path, word: str) -> None:
    root = made_up_root(tmp_path, release("Ubuntu 24.04.1 LTS", "ubuntu", "24.04"))
    before = snapshot(root)
    done = called(root, "preinst", word)
    assert done.returncode == 1
    assert "Ubuntu 24.04.1 LTS" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert snapshot(root) == before


def test_an_installation_by_install_sh_goes_first(tmp_path: Path) -> None:
    root = made_up_root(tmp_path)
    (root / "opt").mkdir()
    (root / "opt/vigie").symlink_to("vigie-0123456789ab")
    done = called(root, "preinst", "install")
    assert done.returncode == 1
    assert "sudo image/install.sh --uninstall" in done.stderr
    (root / "opt/vigie").unlink()
    assert called(root, "preinst", "install").returncode == 0


def test_install_sh_leaves_a_package_alone(tmp_path: Path) -> None:
    root = made_up_root(tmp_path)
    (root / "var/lib/dpkg/info").mkdir(parents=True)
    (root / "var/lib/dpkg/info/vigie.prerm").touch()
    before = snapshot(root)
    for option in ([], ["--uninstall"], ["--uninstall", "--purge"]):
        command = [str(ROOT / "image/install.sh"), "--root", str(root), *option]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 1
        assert "sudo apt remove vigie" in done.stderr
    assert snapshot(root) == before


@NEEDS_ROOT
@NEEDS_HELPER
def test_life_of_an_installation(unpacked: Path) -> None:
    root = unpacked
    first = called(root, "postinst", "configure", "")
    assert first.returncode == 0, first.stderr
    settings, data = root / "etc/vigie/vigie.toml", root / "var/lib/vigie"
    found = re.search(r"^vigie:x:(\d+):(\d+)::/var/lib/vigie:/usr/sbin/nologin$", passwd(root), re.MULTILINE)
    assert found
    assert (mode(settings), settings.stat().st_gid) == (0o640, int(found[2]))
    assert (mode(data), data.stat().st_uid) == (0o700, int(found[1]))
    assert re.search(r'^id = "b[0-9a-f]{6}" ', settings.read_text("utf-8"), re.MULTILINE)
    wants = {path.name for path in (root / "etc/systemd/system").rglob("*") if path.is_symlink()}
    assert wants == {"vigie.service", "vigie-reboot.timer"}

    settings.write_text("# mine\n", encoding="utf-8")
    (data / "records").write_bytes(b"kept")
    before = without_notes(root)
    for script, words in (
        ("prerm", ["upgrade", "0.1.1"]), ("preinst", ["upgrade", "0.1.0"]), ("postrm", ["upgrade", "0.1.1"]),
        ("postinst", ["configure", "0.1.0"]), ("postinst", ["triggered", "/usr/bin/python3"]),
        ("postrm", ["abort-upgrade", "0.1.1"]), ("postinst", ["abort-upgrade", "0.1.1"]), ("prerm", ["remove"]),
    ):  # fmt: skip
        done = called(root, script, *words)
        assert (done.returncode, done.stdout) == (0, ""), (script, words, done.stderr)
    assert without_notes(root) == before

    left = called(root, "postrm", "remove")
    assert "kept: /etc/vigie, /var/lib/vigie and the user vigie (sudo apt purge vigie removes them)" in left.stdout
    assert without_notes(root) == before
    for _ in "twice":
        gone = called(root, "postrm", "purge")
        assert gone.returncode == 0, gone.stderr
        assert not settings.parent.exists()
        assert not data.exists()
        assert "vigie" not in passwd(root)
    assert [path for path in (root / "etc/systemd").rglob("*") if not path.is_dir()] == []


def without_notes(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return the files but for deb-systemd-helper's own notes, which it writes anew each time."""
    return {path: found for path, found in snapshot(root).items() if "deb-systemd-helper" not in path}


def passwd(root: Path) -> str:
    return (root / "etc/passwd").read_text(encoding="utf-8")


@NEEDS_ROOT
def test_a_purge_leaves_what_install_sh_has_taken_over(known: Path) -> None:
    assert called(known, "postinst", "configure", "").returncode == 0
    shutil.rmtree(known / "opt/vigie")
    (known / "opt/vigie").symlink_to("vigie-0123456789ab")
    done = called(known, "postrm", "purge")
    assert done.returncode == 0, done.stderr
    assert "install.sh has taken them over" in done.stdout
    assert (known / "etc/vigie/vigie.toml").exists()
    assert "vigie" in passwd(known)


@pytest.mark.parametrize(("word", "goes_on"), [("upgrade", True), ("remove", False), ("deconfigure", False)])
def test_who_waits_for_a_reboot_goes_on_over_an_upgrade(tmp_path: Path, word: str, goes_on: bool) -> None:
    """What `vigie-reboot.timer` began once, a day after the machine's start, nobody would begin again."""
    asked = tmp_path / "asked"
    for name in ("deb-systemd-invoke", "systemctl"):
        program = tmp_path / "programs" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "$@" >>{asked}\n', encoding="utf-8")
        program.chmod(0o755)
    script = build.maintainer_script("prerm")
    assert "\nis_running_here() {" in script
    file = tmp_path / "prerm"
    file.write_text(re.sub(r"\nis_running_here\(\) \{.*", "\nis_running_here() { true; }", script), encoding="utf-8")
    done = subprocess.run(
        ["/bin/sh", file, word, "9"], capture_output=True, text=True, check=False, timeout=30,
        env={**os.environ, "DPKG_ROOT": str(tmp_path / "root"), "PATH": f"{tmp_path}/programs:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    stopped = asked.read_text("utf-8")
    assert "stop vigie.service" in stopped
    assert ("vigie-reboot.path" not in stopped) is goes_on


def test_compiled_modules_go_with_what_they_were_made_of(unpacked: Path) -> None:
    compiled = unpacked / "opt/vigie/lib/hal/__pycache__"
    compiled.mkdir(exist_ok=True)
    (compiled / "gone.cpython-311.pyc").touch()
    assert called(unpacked, "prerm", "upgrade", "9").returncode == 0
    assert not list(unpacked.rglob("__pycache__"))
    assert called(unpacked, "prerm", "remove").returncode == 0, "twice is no error"


@NEEDS_ROOT
@pytest.mark.parametrize(
    ("daemons", "is_left"),
    [("", True), (DEBIANS_OWN, False), (SOMEBODYS, True), ("ours", False)],
    ids=["emptied", "Debian's", "somebody's", "vigie's"],
)
def test_a_message_daemon_that_serves_somebody_else_keeps_its_unit(known: Path, daemons: str, is_left: bool) -> None:
    ours = (ROOT / "config/gammu-smsdrc").read_text(encoding="utf-8")
    (known / "etc/gammu-smsdrc").write_text(ours if daemons == "ours" else daemons, encoding="utf-8")
    done = called(known, "postinst", "configure", "")
    assert done.returncode == 0, done.stderr
    hidden = known / "etc/systemd/system/gammu-smsd.service.d/vigie.conf"
    assert hidden.is_symlink() == is_left == ("stays as it is" in done.stdout)
    assert not is_left or hidden.readlink() == Path("/dev/null")
