"""The Debian package, without its libraries: what each target takes of the lock, the files, fields and versions."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from image.deb import build, libraries, tree
from image.lock import Entry
from tests.support import ROOT

EPOCH_S = 1_763_000_000
OLD, NEW = (libraries.Target("arm64", python) for python in libraries.PYTHONS)


def marked(name: str, marker: str) -> Entry:
    header = f"{name}==1.0 ; {marker} \\" if marker else f"{name}==1.0 \\"
    return Entry(name, "1.0", marker, [header, "    --hash=sha256:" + "0" * 64])


@pytest.mark.parametrize(
    ("marker", "wanted"),
    [
        ("", [True, True]),
        ("python_full_version < '3.13'", [True, False]),
        ("python_version >= '3.12'", [False, True]),
        ("platform_machine == 'aarch64'", [True, True]),
        ("platform_machine == 'x86_64'", [False, False]),
        ("sys_platform == 'win32'", [False, False]),
        ("platform_python_implementation != 'PyPy'", [True, True]),
    ],
)
def test_markers_are_judged_for_the_target_not_for_this_machine(marker: str, wanted: list[bool]) -> None:
    assert [target.wants(marker) for target in (OLD, NEW)] == wanted
    for target, is_wanted in zip((OLD, NEW), wanted, strict=True):
        lock = libraries.lock_for(target, [marked("a-package", marker)])
        assert lock == ("a-package==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n" if is_wanted else "")


def test_lock_of_a_box_has_all_extras_and_a_hash_for_each_package() -> None:
    wanted = libraries.locked(ROOT)
    old, new = (libraries.lock_for(target, wanted) for target in (OLD, NEW))
    names = set(re.findall(r"^(\S+)==", old, re.MULTILINE))
    assert {"gpiod", "lgpio", "python-gammu", "cryptography", "pymodbus", "luma-oled", "segno", "msgspec"} <= names
    assert not names & {"pytest", "hatchling", "cyclonedx-python-lib", "colorama"}
    assert names - set(re.findall(r"^(\S+)==", new, re.MULTILINE)) == {"lgpio"}, "its wheels end at 3.12"
    assert ";" not in old + new
    for header, following in pairwise(old.splitlines()):
        assert "==" not in header or "--hash=sha256:" in following


def test_a_project_that_asks_for_what_is_not_locked_is_refused(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "requirements.lock").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="not locked: msgspec"):
        libraries.locked(tmp_path)


def test_wheels_are_for_the_glibc_of_debian_12_and_older() -> None:
    platforms = libraries.Target("amd64", "3.11").platforms
    assert {"manylinux_2_36_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"} <= set(platforms)
    assert not [tag for tag in platforms if "2_37" in tag or "aarch64" in tag or tag == "any"]


def laid(root: Path) -> Path:
    tree.lay_environment(root)
    tree.lay_system_files(root)
    return root


def test_the_packages_files_are_those_of_the_project(tmp_path: Path) -> None:
    root = laid(tmp_path)
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or path.is_file()}
    units = {path.name for kind in ("service", "path", "timer") for path in (ROOT / "image").glob(f"*.{kind}")}
    assert {"vigie.service", "vigie-reboot.timer", "vigie-modem-reset.path"} <= units
    assert found == {
        *(f"usr/lib/systemd/system/{name}" for name in units),
        *tree.FILES,
        *(f"opt/vigie/{name}" for name in ("pyvenv.cfg", "bin/vigie", "bin/python", "bin/python3")),
        "usr/bin/vigie",
    }
    unit = root / "usr/lib/systemd/system/vigie.service"
    assert unit.read_bytes() == (ROOT / "image/vigie.service").read_bytes()
    assert (root / "opt/vigie/bin/python").readlink() == Path("/usr/bin/python3")
    assert (root / "usr/bin/vigie").readlink() == Path("/opt/vigie/bin/vigie")
    assert not [path for path in found if path.startswith(("etc/", "usr/local/", "lib/"))], "an administrator's places"


def test_equal_files_of_both_pythons_are_one_file(tmp_path: Path) -> None:
    first, second = tmp_path / "3.11", tmp_path / "3.13"
    for site in (first, second):
        (site / "package").mkdir(parents=True)
        (site / "package/same.py").write_bytes(b"same")
        (site / "package/empty.py").touch()
        (site / "mode.py").write_bytes(b"mode")
        (site / "other.so").write_bytes(site.name.encode())
    (second / "mode.py").chmod(0o755)
    (second / "alone.py").write_bytes(b"same")
    assert tree.share_equal(first, second) == len(b"same")
    one_file = {str(path.relative_to(second)) for path in second.rglob("*.*") if path.stat().st_nlink == 2}
    assert one_file == {"package/same.py", "package/empty.py"}
    assert (second / "other.so").read_bytes() == b"3.13"
    assert tree.share_equal(first, second) == len(b"same"), "twice is no harm"


def test_installed_size_counts_blocks_and_one_file_once(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "small").write_bytes(b"1")
    (tmp_path / "large").write_bytes(b"1" * 1025)
    (tmp_path / "again").hardlink_to(tmp_path / "large")
    (tmp_path / "link").symlink_to("large")
    assert tree.installed_kib(tmp_path) == 1 + 0 + 1 + 2 + 1


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A package whose libraries are two files, made as a real one is."""
    root = laid(tmp_path / "root")
    for python in libraries.PYTHONS:
        (root / f"opt/vigie/lib/python{python}").mkdir(parents=True)
        (root / f"opt/vigie/lib/python{python}/library.py").write_text("# é\n", encoding="utf-8")
    return pack(root, tmp_path / "small.deb", "0.1.0+7")


def pack(root: Path, place: Path, version: str) -> Path:
    build.lay_control(root, version, "arm64", EPOCH_S)
    return build.packed(root, place, EPOCH_S)


def said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


def test_fields_are_what_debian_12_and_13_can_install(small: Path) -> None:
    fields = dict(line.split(": ", 1) for line in said("dpkg-deb", "-f", str(small)).splitlines() if ": " in line)
    assert (fields["Package"], fields["Version"], fields["Architecture"]) == ("vigie", "0.1.0+7", "arm64")
    assert {"python3 (>= 3.11)", "python3 (<< 3.14)", "passwd", "tzdata"} <= set(fields["Depends"].split(", "))
    assert fields["Recommends"] == "gammu-smsd, libdbd-sqlite3"
    assert int(fields["Installed-Size"]) > 0
    rows = said("dpkg-deb", "-c", str(small)).splitlines()
    assert {tuple(row.split()[1:2]) for row in rows} == {("root/root",)}
    assert {row.split()[0][1:] for row in rows if row[0] == "d"} == {"rwxr-xr-x"}
    assert len([row for row in rows if " link to " in row]) == 0, "equal, but nobody made them one file"


def test_a_package_built_twice_is_equal_byte_for_byte(small: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "root/DEBIAN")
    again = pack(tmp_path / "root", tmp_path / "again.deb", "0.1.0+7")
    assert again.read_bytes() == small.read_bytes()


def test_versions_are_ordered_by_number_then_by_build() -> None:
    order = ["0.1.0", "0.1.0+999", "0.1.0+1763000000", "0.1.1+5", "0.2.0+1", "0.10.0+1", "1.0.0"]
    for older, newer in pairwise(order):
        said("dpkg", "--compare-versions", older, "lt", newer)
    assert build.version_of(ROOT, 7).endswith("+7")
    assert build.deb_name("0.1.0+7", "arm64") == "vigie_0.1.0+7_arm64.deb"


def test_the_only_date_is_the_stated_one_or_the_commits(tmp_path: Path) -> None:
    assert build.commit_epoch_s(tmp_path, {"SOURCE_DATE_EPOCH": "7"}) == 7
    with pytest.raises(ValueError, match="SOURCE_DATE_EPOCH"):
        build.commit_epoch_s(tmp_path, {"SOURCE_DATE_EPOCH": "yesterday"})
    with pytest.raises(ValueError, match="no checkout"):
        build.commit_epoch_s(tmp_path, {})


def test_what_an_installation_does_is_in_every_maintainer_script(tmp_path: Path) -> None:
    shared = (ROOT / "image/setup.sh").read_text(encoding="utf-8")
    for name in build.SCRIPTS:
        script = tmp_path / name
        script.write_text(build.maintainer_script(name), encoding="utf-8")
        assert shared in script.read_text(encoding="utf-8")
        subprocess.run(["sh", "-n", script], check=True, timeout=10)
    (tmp_path / "none").write_text("#!/bin/sh\n", encoding="utf-8")
    with pytest.raises(ValueError, match="must stand there once"):
        build.maintainer_script("none", tmp_path)
