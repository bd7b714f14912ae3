"""The Debian packages in clean systems of Debian 12 and 13, by a real dpkg, without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from image.deb import build, libraries, tree
from tests.image.clean_system import ENVIRONMENT, RELEASES, CleanSystem, archive, own_architecture
from tests.support import ROOT

pytestmark = [
    pytest.mark.image,
    pytest.mark.skipif(os.geteuid() != 0, reason="fills a system of its own: needs root"),
]
SHIPPED = re.compile(r'^id = "(b[0-9a-f]{6})" ', re.MULTILINE)
# every module that a distribution of ours brings at the top is imported by the Python of that system
IMPORTS = """
import importlib, importlib.metadata, os, sys
os.chdir("/tmp")  # lgpio lays a pipe where it is loaded
os.environ["W1THERMSENSOR_NO_KERNEL_MODULE"] = "1"  # as our driver has it
skipped = {"_distutils_hack", "distutils-precedence", "pkg_resources", "cffi-gen-src"}
names = {name for name in importlib.metadata.packages_distributions() if name not in skipped and name.isidentifier()}
inner = ["gpiod._ext", "luma.oled.device", "PIL.ImageFont", "PIL._imagingft", "gammu._gammu", "serial.tools.list_ports",
         "cryptography.hazmat.primitives.ciphers.aead", "cryptography.hazmat.bindings._rust", "pymodbus.client",
         "w1thermsensor.core", "msgspec._core", "paho.mqtt.client", "gpiozero.pins.native"]
for name in sorted(names) + inner:
    importlib.import_module(name)
print(sys.version.split()[0], *sorted(names))
"""


@pytest.fixture(scope="module")
def deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of this machine's architecture."""
    return build.build(own_architecture(), tmp_path_factory.mktemp("deb"))


def depends(deb: Path, field: str) -> tuple[str, ...]:
    said = subprocess.run(["dpkg-deb", "-f", deb, field], check=True, capture_output=True, text=True).stdout
    return tuple(sorted({part.split()[0] for part in said.split(",")}))


@pytest.fixture(scope="module")
def newer(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same package as a later build would be: one module more, one less, a higher version."""
    folder = tmp_path_factory.mktemp("newer")
    root = folder / "root"
    subprocess.run(["dpkg-deb", "-R", deb, root], check=True)
    for python in libraries.PYTHONS:
        site = root / f"opt/vigie/lib/python{python}/site-packages"
        (site / "brought.py").write_text("", encoding="utf-8")
        (site / "simpleeval.py").rename(site / "renamed_eval.py")
    control = root / "DEBIAN/control"
    text = control.read_text(encoding="utf-8")
    control.write_text(re.sub(r"(?m)^Version: .*$", "Version: 0.1.1+7", text), encoding="utf-8")
    (root / "DEBIAN/md5sums").write_text(tree.md5sums(root), encoding="utf-8")
    place = folder / "vigie_0.1.1+7.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "--build", root, place],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    shutil.rmtree(root)
    return place


@pytest.fixture(scope="module", params=RELEASES)
def clean(request: pytest.FixtureRequest, deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanSystem]:
    """A minimal Debian with what the package says that it needs, and nothing else."""
    folder = tmp_path_factory.mktemp(request.param)
    yield CleanSystem.unpacked(folder / "root", archive(request.param, depends(deb, "Depends"), own_architecture()))
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def installed(clean: CleanSystem, deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanSystem]:
    """That system after `dpkg --install`; tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("installed")
    system = clean.copied(folder / "root")
    said = system.says("dpkg", "--install", system.take(deb))
    assert "made the user vigie" in said
    yield system
    shutil.rmtree(folder)


@pytest.fixture
def copy(installed: CleanSystem, tmp_path: Path) -> Iterator[CleanSystem]:
    yield installed.copied(tmp_path / "root")
    shutil.rmtree(tmp_path / "root")


@pytest.fixture
def fresh(clean: CleanSystem, tmp_path: Path) -> Iterator[CleanSystem]:
    """A copy of the system before the installation."""
    yield clean.copied(tmp_path / "root")
    shutil.rmtree(tmp_path / "root")


def site_of(system: CleanSystem) -> Path:
    (library,) = (system.root / "opt/vigie/lib").glob(f"python{python_of(system)}")
    return library / "site-packages"


def python_of(system: CleanSystem) -> str:
    return system.says("python3", "-c", 'import sys; print("%d.%d" % sys.version_info[:2])').strip()


def test_every_library_loads_and_the_shipped_settings_pass(installed: CleanSystem) -> None:
    assert installed.says("vigie", "--version").startswith("vigie 0.1.0")
    assert " is good: box b" in installed.says("vigie", "check")
    loaded = installed.says("/opt/vigie/bin/python", "-W", "error::ImportWarning", "-c", IMPORTS).split()
    assert {"gpiod", "gammu", "cryptography", "msgspec", "pymodbus", "luma", "segno", "edge", "hal", "sms"} <= set(
        loaded
    )
    assert ("lgpio" in loaded) == loaded[0].startswith("3.11")
    print(f"Python {loaded[0]}: {len(loaded) - 1} modules at the top load")
    shared = [f"/{path.relative_to(installed.root)}" for path in site_of(installed).rglob("*.so*")]
    needed = "".join(installed.runs("ldd", file).stdout for file in shared)
    assert "not found" not in needed
    assert installed.says("dpkg", "--verify", "vigie") == ""


def test_what_runs_there_is_compiled_and_the_other_pythons_is_not(installed: CleanSystem) -> None:
    site = site_of(installed)
    tag = f".cpython-{python_of(installed).replace('.', '')}.pyc"
    sources = [path for path in site.rglob("*.py") if "__pycache__" not in path.parts]
    assert [path for path in sources if not (path.parent / "__pycache__" / f"{path.stem}{tag}").exists()] == []
    others = [path for path in (installed.root / "opt/vigie/lib").rglob("*.pyc") if not path.is_relative_to(site)]
    assert others == []


def test_the_service_runs_as_its_user_on_the_shipped_settings(copy: CleanSystem) -> None:
    as_vigie = ["setpriv", "--reuid", "vigie", "--regid", "vigie", "--init-groups"]
    done = copy.runs(
        "sh", "-c", f"install -d -o vigie -g vigie -m 750 /run/vigie && exec {' '.join(as_vigie)} vigie run --for 5"
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stdout + done.stderr
    assert list((copy.root / "var/lib/vigie").iterdir()), "records of a box whose probes are all missing"
    writable = subprocess.run(
        ["find", copy.root / "opt/vigie", "-newer", copy.root / "etc/vigie/vigie.toml", "-name", "*.pyc"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "vigie/edge" not in writable


def test_an_upgrade_keeps_settings_and_data(copy: CleanSystem, newer: Path) -> None:
    fill(copy)
    copy.says("dpkg", "--install", copy.take(newer))
    assert_kept(copy)
    assert "0.1.1+7" in copy.says("dpkg-query", "-W", "vigie")
    site = site_of(copy)
    assert list(site.glob("__pycache__/brought.*")), "compiled too"
    assert not list(site.glob("**/simpleeval*.py*")), "what it was compiled to went with it"


def fill(system: CleanSystem) -> None:
    (system.root / "etc/vigie/vigie.toml").write_text("# mine\n", encoding="utf-8")
    (system.root / "etc/vigie/secret").write_text("key", encoding="utf-8")
    (system.root / "var/lib/vigie/records").write_bytes(b"kept")


def assert_kept(system: CleanSystem) -> None:
    assert (system.root / "etc/vigie/vigie.toml").read_text(encoding="utf-8") == "# mine\n"
    assert (system.root / "etc/vigie/secret").read_text(encoding="utf-8") == "key"
    assert (system.root / "var/lib/vigie/records").read_bytes() == b"kept"


def test_removal_keeps_settings_and_data_and_a_purge_leaves_nothing(clean: CleanSystem, copy: CleanSystem) -> None:
    fill(copy)
    copy.says("vigie", "--version")
    said = copy.says("dpkg", "--remove", "vigie")
    assert "kept: /etc/vigie, /var/lib/vigie and the user vigie" in said
    assert "not empty" not in said
    assert_kept(copy)
    assert not (copy.root / "opt/vigie").exists()
    copy.says("dpkg", "--purge", "vigie")
    # /opt and such were there; deb-systemd-helper leaves its own empty folders
    left = {path for path in copy.listing() - clean.listing() if not (copy.root / path).is_dir()}
    assert left <= {f"etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")}
    assert "vigie" not in (copy.root / "etc/passwd").read_text(encoding="utf-8")


def test_installed_again_after_a_removal_it_takes_up_its_settings(copy: CleanSystem, deb: Path) -> None:
    before = (copy.root / "etc/vigie/vigie.toml").read_text(encoding="utf-8")
    copy.says("dpkg", "--remove", "vigie")
    said = copy.says("dpkg", "--install", copy.take(deb))
    assert "wrote /etc/vigie" not in said
    assert (copy.root / "etc/vigie/vigie.toml").read_text(encoding="utf-8") == before


def test_two_installations_have_ids_of_their_own(fresh: CleanSystem, installed: CleanSystem, deb: Path) -> None:
    fresh.says("dpkg", "--install", fresh.take(deb))
    texts = [(system.root / "etc/vigie/vigie.toml").read_text(encoding="utf-8") for system in (fresh, installed)]
    first, second = (SHIPPED.findall(text) for text in texts)
    assert len(first) == len(second) == 1
    assert first != second


def test_an_installation_by_install_sh_is_refused_with_words(fresh: CleanSystem, deb: Path) -> None:
    (fresh.root / "opt/vigie").symlink_to("vigie-0123456789ab")
    done = fresh.runs("dpkg", "--install", fresh.take(deb))
    assert done.returncode == 1
    assert "sudo image/install.sh --uninstall" in done.stderr
    assert not list((fresh.root / "usr/lib/systemd/system").glob("vigie*"))


def test_another_python_is_compiled_for_as_it_comes(copy: CleanSystem) -> None:
    site = site_of(copy)
    copy.says("find", "/opt/vigie", "-name", "__pycache__", "-prune", "-exec", "rm", "-r", "{}", "+")
    copy.says("dpkg-trigger", "--no-await", "--by-package=python3-minimal", "/usr/bin/python3")
    copy.says("dpkg", "--configure", "--pending")
    assert (site / "edge/cli/__pycache__").is_dir()


def test_killed_at_any_step_of_an_upgrade_it_is_mended_by_dpkg(copy: CleanSystem, deb: Path, newer: Path) -> None:
    fill(copy)
    old, new = copy.take(deb), copy.take(newer)
    mended: dict[str, str] = {}
    while (step := killed_at_a_new_step(copy, new, set(mended))) is not None:
        copy.runs("dpkg", "--configure", "-a")
        mended[step] = "dpkg --configure -a"
        if not is_whole(copy):
            copy.says("dpkg", "--install", new)
            mended[step] = "dpkg --install"
        assert is_whole(copy), step
        assert_kept(copy)
        assert copy.says("vigie", "--version").startswith("vigie ")
        copy.says("dpkg", "--force-downgrade", "--install", old)
    print("".join(f"\n  killed at {step!r}: {cure}" for step, cure in mended.items()))
    assert len(mended) >= 4, mended
    assert "0.1.1+7" in copy.says("dpkg-query", "-W", "vigie")
    assert_kept(copy)


def killed_at_a_new_step(system: CleanSystem, deb: str, known: set[str]) -> str | None:
    """Upgrade, and end it, without a word, at the first step that is not known; None when it came through."""
    with subprocess.Popen(
        system.command("dpkg", "--status-fd", "1", "--install", deb),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as dpkg:  # fmt: skip
        assert dpkg.stdout
        for line in dpkg.stdout:
            if line.startswith(("status:", "processing:")) and line.strip() not in known:
                dpkg.kill()  # and all of its namespace
                return line.strip()
    assert dpkg.returncode == 0
    return None


def is_whole(system: CleanSystem) -> bool:
    status = system.runs("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", "vigie")
    return status.stdout.strip() == "ii" and system.runs("dpkg", "--verify", "vigie").stdout == ""


def test_with_debians_message_daemon_nothing_starts_and_setup_takes_it_over(deb: Path, tmp_path: Path) -> None:
    packages = (*depends(deb, "Depends"), *depends(deb, "Recommends"))
    system = CleanSystem.unpacked(tmp_path / "root", archive("bookworm", packages, own_architecture()))
    system.says("dpkg", "--install", system.take(deb))
    assert "port = /dev/null" in (system.root / "etc/gammu-smsdrc").read_text(encoding="utf-8"), "Debian's, untouched"
    (system.root / "usr/local/sbin/systemctl").write_text("#!/bin/sh\n", encoding="utf-8")
    (system.root / "usr/local/sbin/systemctl").chmod(0o755)
    said = system.says("env", "PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "vigie-sms-setup")
    assert "waits for /dev/modem" in said
    assert (system.root / "etc/gammu-smsdrc").read_bytes() == (ROOT / "config/gammu-smsdrc").read_bytes()
    owners = system.says("stat", "-c", "%U:%G %a", "/var/lib/vigie-sms", "/var/lib/vigie-sms/smsd.db").splitlines()
    assert owners == ["gammu:vigie 2770", "gammu:vigie 660"]
    shutil.rmtree(tmp_path / "root")


def test_built_twice_from_one_commit_it_is_the_same(deb: Path, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if not request.config.getoption("--full"):
        pytest.skip("a minute more: make image-test FULL=1")
    assert build.build(own_architecture(), tmp_path).read_bytes() == deb.read_bytes()


def test_the_other_architecture_under_emulation(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if not request.config.getoption("--full"):
        pytest.skip("minutes of emulation: make image-test FULL=1")
    if own_architecture() == "arm64" or not shutil.which("qemu-aarch64-static"):
        pytest.skip("arm64 by emulation on amd64: qemu-user-static needed")
    other = build.build("arm64", tmp_path)
    system = CleanSystem.unpacked(tmp_path / "root", archive("bookworm", depends(other, "Depends"), "arm64"))
    system.says("dpkg", "--install", system.take(other), timeout_s=1200)
    assert system.says("vigie", "--version").startswith("vigie ")
    loaded = system.says("/opt/vigie/bin/python", "-c", IMPORTS).split()
    assert {"gpiod", "lgpio", "gammu", "cryptography", "msgspec"} <= set(loaded)
    shutil.rmtree(tmp_path / "root")
