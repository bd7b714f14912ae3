"""What a guest boots from, made once under .run/hil: Debian 12's kernel and root, and the station of this tree.

Nothing here needs root: where we are not root, mmdebstrap takes a user namespace and fakeroot keeps the owners. Each
part lies under a name that holds the fingerprint of what it was made from; a part that is there is not made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from image.update import files as update

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[2]
CACHE: Final = ROOT / ".run" / "hil"
PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
PROGRAMS: Final = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
    "cpio": "cpio",
    "depmod": "kmod",
}

SUITE: Final = "bookworm"
PACKAGES: Final = (
    "systemd-sysv", "udev", "kmod", "python3", "tzdata", "gammu-smsd", "libdbd-sqlite3",
    "dbus", "dosfstools", "iproute2", "ppp", "rauc", "wpasupplicant",  # for the units of a card
)  # fmt: skip
LEFT_OUT: Final = ("doc", "man", "info", "locale")  # of /usr/share
KEPT: Final = "doc/gammu-smsd"  # its schema
ROOT_MIB: Final = 1024  # sparse
BOOT_MODULES: Final = ("crc32c_generic", "virtio_pci", "virtio_blk", "virtio_console", "ext4", "9p", "9pnet_virtio")
"""What the first program of the guest needs before there is a root."""
MODULES: Final = (
    "drivers/gpio",
    "drivers/i2c",
    "drivers/w1",
    "drivers/watchdog",
    "drivers/leds",
    "drivers/usb",
    "drivers/hwmon",
    "drivers/iio",
    "drivers/virtio",
    "drivers/block/loop.ko",
    "drivers/block/virtio_blk.ko",
    "drivers/char/virtio_console.ko",
    "drivers/char/hw_random",
    "drivers/net/ppp",
    "drivers/net/slip/slhc.ko",
    "drivers/net/virtio_net.ko",
    "drivers/net/wireless/mac80211_hwsim.ko",
    "drivers/scsi/scsi_common.ko",
    "drivers/scsi/scsi_mod.ko",
    "drivers/scsi/sd_mod.ko",
    "fs/9p",
    "fs/configfs",
    "fs/ext4",
    "fs/fat",
    "fs/jbd2",
    "fs/mbcache.ko",
    "fs/netfs",
    "fs/nls",
    "fs/fscache",
    "net/9p",
    "net/core",
    "net/mac80211",
    "net/packet",
    "net/rfkill",
    "net/wireless",
    "block",
    "crypto",
    "lib",
    "arch/x86/crypto",
)
"""Folders and files of the kernel's modules that go into the guest's root."""

DOWNLOAD: Final = """
set -eu
export APT_CONFIG=$MMDEBSTRAP_APT_CONFIG
cd {debs}
kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \\(linux-image-[0-9][^ ]*\\)$/\\1/p' | head -n 1)
apt-get -q download "$kernel" busybox-static
"""
ACCOUNTS: Final = """
set -eu
for group in gpio i2c dialout; do groupadd --prefix "$1" --force --system $group; done
useradd --prefix "$1" --system --user-group --groups gpio,i2c,dialout --home-dir /var/lib/vigie --no-create-home \
    --shell /usr/sbin/nologin vigie
"""
TOUCHES: Final = """
set -eu
mkdir -p "$1/hil" "$1/opt/vigie" "$1/etc/vigie" "$1/var/lib/vigie" "$1/usr/local/bin"
printf 'guest\\n' >"$1/etc/hostname"
printf '/dev/vda / ext4 noatime,commit=60 0 0\\n' >"$1/etc/fstab"
printf '%032x\\n' 1 >"$1/etc/machine-id"
touch "$1/etc/.updated" "$1/var/.updated"
rm -f "$1/etc/systemd/system/multi-user.target.wants/gammu-smsd.service"
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer systemd-timesyncd.service \
    getty@tty1.service dpkg-db-backup.timer e2scrub_reap.service systemd-update-utmp.service keyboard-setup.service; do
    ln -sf /dev/null "$1/etc/systemd/system/$unit"
done
ln -sfn /lib/systemd/system/multi-user.target "$1/etc/systemd/system/default.target"
"""
AGENT_UNIT: Final = """[Unit]
Description=what the host asks for
DefaultDependencies=no
After=sysinit.target
[Service]
ExecStart=/opt/vigie/hil/agent
KillMode=process
OOMScoreAdjust=-900
[Install]
WantedBy=multi-user.target
"""
SCRIPT: Final = """#!/opt/vigie/bin/python
import sys
from edge.cli.main import main
sys.exit(main())
"""


class Parts(msgspec.Struct, frozen=True):
    """What a guest boots from; `root` is never written to."""

    kernel: Path
    initramfs: Path
    root: Path
    station: Path
    release: str
    """Of the kernel, such as 6.1.0-56-amd64."""


def missing() -> str:
    """Return what this machine lacks to make and run a guest; empty when nothing."""
    lacking = {package for program, package in PROGRAMS.items() if shutil.which(program, path=PATH) is None}
    if os.geteuid() != 0 and shutil.which("fakeroot") is None:
        lacking.add("fakeroot")
    return " ".join(sorted(lacking))


def build() -> Parts:
    """Return the parts of a guest, made where they are missing. Two runs at once wait for each other."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        base = _base()
        release = (base / "release").read_text("ascii")
        return Parts(
            kernel=base / "vmlinux",
            initramfs=_initramfs(base, release),
            root=base / "root.ext4",
            station=_station(),
            release=release,
        )


def modules_tree(parts: Parts) -> Path:
    """Return the folder that holds the kernel's own modules as Debian ships them, for `depmod -b` and modinfo."""
    return parts.root.parent / "tree"


def said(*words: str | Path, **keys: object) -> str:
    """Run a program and return what it printed. Raises RuntimeError with what it complained of."""
    environment = {**os.environ, "PATH": PATH, "SOURCE_DATE_EPOCH": "1700000000"}
    done = subprocess.run(  # type: ignore[call-overload]
        list(map(str, words)), capture_output=True, text=True, check=False, env=environment, **keys
    )
    if done.returncode != 0:
        raise RuntimeError(f"{words[0]} failed ({done.returncode}): {done.stderr.strip()[-2000:]}")
    return str(done.stdout).strip()


def fingerprint(*things: str | bytes | Path) -> str:
    """Return 12 hex digits of these texts and files."""
    digest = hashlib.sha256()
    for thing in things:
        held = thing.read_bytes() if isinstance(thing, Path) else thing
        digest.update(held.encode() if isinstance(held, str) else held)
        digest.update(b"\0")
    return digest.hexdigest()[:12]


@contextmanager
def _making(place: Path) -> Iterator[Path]:
    """A folder that takes its name only when it is whole."""
    unfinished = place.with_name(f"{place.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    yield unfinished
    unfinished.rename(place)


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


# -- the kernel and the root


def _base() -> Path:
    recipe = [SUITE, *PACKAGES, *LEFT_OUT, KEPT, *MODULES, DOWNLOAD, ACCOUNTS, TOUCHES, AGENT_UNIT, str(ROOT_MIB)]
    place = CACHE / f"base-{fingerprint(*recipe)}"
    if place.is_dir():
        return place
    with _making(place) as folder:
        debs = folder / "debs"
        debs.mkdir()
        hooks = {"download": DOWNLOAD.format(debs=debs), "accounts": ACCOUNTS, "touches": TOUCHES}
        for name, text in hooks.items():
            (folder / f"{name}.sh").write_text(text, "ascii")
        said(
            "nice", "mmdebstrap", "--variant=essential", f"--include={','.join(PACKAGES)}",
            *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT),
            f"--dpkgopt=path-include=/usr/share/{KEPT}/*",
            *(f'--customize-hook=sh {folder}/{name}.sh "$1"' for name in hooks),
            SUITE, folder / "root.tar",
        )  # fmt: skip
        (folder / "tree").mkdir()
        for deb in debs.iterdir():
            said("dpkg-deb", "-x", deb, folder / "tree")
        release = next((folder / "tree" / "lib" / "modules").iterdir()).name
        (folder / "release").write_text(release, "ascii")
        said("depmod", "-b", folder / "tree", release)
        packed = (folder / "tree" / "boot" / f"vmlinuz-{release}").read_bytes()
        (folder / "vmlinux").write_bytes(unpacked_kernel(packed))
        _root_image(folder, release)
        for spent in (folder / "root.tar", debs):
            shutil.rmtree(spent) if spent.is_dir() else spent.unlink()
    return place


def unpacked_kernel(image: bytes) -> bytes:
    """Return the ELF file in a bzImage (Documentation/x86/boot.rst): unpacking it in the guest is half of its boot."""
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    packed = image[start : start + length]
    if packed[:6] != b"\xfd7zXZ\0":
        raise RuntimeError("the kernel is not packed with xz")
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ).decompress(packed)


def _root_image(folder: Path, release: str) -> None:
    """Make root.ext4 from root.tar, with the modules and the agent's unit; owners stay, fakeroot or not."""
    extra = folder / "extra"
    kept = extra / "lib" / "modules" / release
    shipped = folder / "tree" / "lib" / "modules" / release
    for name in MODULES:
        source, target = shipped / "kernel" / name, kept / "kernel" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.exists():
            shutil.copy(source, target)
    for name in ("modules.builtin", "modules.order"):
        shutil.copy(shipped / name, kept / name)
    said("depmod", "-b", extra, release)
    units = extra / "etc" / "systemd" / "system"
    (units / "multi-user.target.wants").mkdir(parents=True)
    (units / "hil-agent.service").write_text(AGENT_UNIT, "ascii")
    (units / "multi-user.target.wants" / "hil-agent.service").symlink_to("../hil-agent.service")
    (extra / "usr" / "local" / "bin").mkdir(parents=True)
    shutil.copy(folder / "tree" / "bin" / "busybox", extra / "usr" / "local" / "bin" / "busybox")
    script = (
        "set -eu; mkdir root; tar -C root -xpf root.tar; rm -rf root/dev/*; "
        "mkdir -p root/lib/modules; cp -r extra/lib/modules/. root/lib/modules/; "
        "cp -r extra/etc extra/usr root/; "
        f"truncate -s {ROOT_MIB}M root.ext4; mkfs.ext4 -q -m 0 -E lazy_itable_init=1 -d root root.ext4; "
        "rm -rf root extra"
    )
    said(*([] if os.geteuid() == 0 else ["fakeroot"]), "sh", "-c", script, cwd=folder)


def _initramfs(base: Path, release: str) -> Path:
    place = CACHE / f"initramfs-{fingerprint(release, HERE / 'init', ' '.join(BOOT_MODULES))}.gz"
    if place.exists():
        return place
    with _scratch() as folder:
        for name in ("bin", "dev", "proc", "sys", "root", "modules"):
            (folder / name).mkdir()
        shutil.copy(base / "tree" / "bin" / "busybox", folder / "bin" / "busybox")
        shutil.copy(HERE / "init", folder / "init")
        order = in_load_order(base / "tree" / "lib" / "modules" / release, BOOT_MODULES)
        for module in order:
            shutil.copy(module, folder / "modules" / module.name)
        (folder / "modules.order").write_text("\n".join(module.name for module in order) + "\n", "ascii")
        said("sh", "-c", f"find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 >{place}.new", cwd=folder)
        place.with_name(f"{place.name}.new").rename(place)
    return place


def in_load_order(tree: Path, names: Sequence[str]) -> list[Path]:
    """Return these modules and all that they need, each after what it needs (modules.dep); built-in ones left out."""
    needs: dict[str, tuple[str, list[str]]] = {}
    for line in (tree / "modules.dep").read_text("ascii").splitlines():
        path, _, rest = line.partition(":")
        needs[module_name(path)] = (path, rest.split())
    order: list[Path] = []
    for name in names:
        if module_name(name) not in needs:
            if re.search(rf"/{name}\.ko$", (tree / "modules.builtin").read_text("ascii"), re.MULTILINE):
                continue
            raise KeyError(f"no module {name} in {tree}")
        path, others = needs[module_name(name)]
        for found in [tree / other for other in reversed(others)] + [tree / path]:
            if found not in order:
                order.append(found)
    return order


def module_name(path: str) -> str:
    """Return a module's name as the kernel knows it."""
    return Path(path).name.partition(".")[0].replace("-", "_")


# -- the station


def _station() -> Path:
    sources = sorted(
        path
        for top in ("edge", "hal", "sms", "config", "tests", "image", "pyproject.toml")
        for path in ([ROOT / top] if (ROOT / top).is_file() else (ROOT / top).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    )
    libraries = _libraries()
    place = CACHE / f"station-{fingerprint(libraries.name, *map(str, sources), *sources)}.ext4"
    if place.exists():
        return place
    for old in CACHE.glob("station-*.ext4"):
        old.unlink()
    with _scratch() as folder:
        shutil.copytree(libraries, folder, dirs_exist_ok=True, symlinks=True)
        packages = folder / "lib" / "python3.11" / "site-packages"
        said(
            sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check", "wheel", "--no-deps", "--no-index",
            "--no-build-isolation", "--wheel-dir", folder, ROOT,
        )  # fmt: skip
        (wheel,) = folder.glob("vigie-*.whl")
        shutil.unpack_archive(wheel, packages, "zip")
        wheel.unlink()
        (folder / "bin" / "vigie").write_text(SCRIPT, "ascii")
        (folder / "bin" / "vigie").chmod(0o755)
        for source, target in installed().items():
            place_of_it = folder / "root" / target
            place_of_it.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, place_of_it)
            place_of_it.chmod(0o755 if "sbin" in target or source.stat().st_mode & 0o100 else 0o644)
        (folder / "tree").mkdir()
        shutil.copy(ROOT / "pyproject.toml", folder / "tree")
        shutil.copytree(ROOT / "tests", folder / "tree" / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "hil").mkdir()
        shutil.copy(HERE / "agent", folder / "hil" / "agent")
        said(sys.executable, "-m", "compileall", "-q", "-s", folder, "-p", "/opt/vigie", folder)
        size_kib = int(said("du", "-sk", folder).split()[0])
        unfinished = place.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        said(
            "mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", "-d", folder, unfinished, f"{size_kib * 5 // 4 + 8192}k"
        )
        unfinished.rename(place)
    return place


def installed() -> dict[Path, str]:
    """Return the files that `image/install.sh --gsm` and a card have beside the environment, and where."""
    units = "etc/systemd/system"
    image, config = ROOT / "image", ROOT / "config"
    found = {file: f"{units}/{file.name}" for file in image.glob("vigie*.*")}
    found |= {config / name: f"etc/udev/rules.d/{name}" for name in ("60-vigie.rules", "61-vigie-modem.rules")}
    found |= {image / name: f"usr/local/sbin/{name}" for name in ("vigie-modem-reset", "vigie-sms-setup")}
    card = image / "card" / "root"
    found |= {file: str(file.relative_to(card)) for file in card.glob("usr/lib/vigie-card/*")}
    found |= {placed.source: placed.target for placed in update.FILES}
    return found | {
        card / "etc/ppp/ip-up.d/vigie": "etc/ppp/ip-up.d/vigie",
        config / "modules-load.conf": "etc/modules-load.d/vigie.conf",
        config / "gammu-smsdrc": "etc/gammu-smsdrc",
        image / "gammu-smsd.conf": f"{units}/gammu-smsd.service.d/vigie.conf",
    }


def _libraries() -> Path:
    """Return a folder shaped as an environment of Debian 12's Python, with the locked wheels and pytest in it."""
    lock = said(sys.executable, ROOT / "image" / "lock.py", "select", *LOCKED)
    place = CACHE / f"libraries-{fingerprint(lock)}"
    if place.is_dir():
        return place
    with _making(place) as folder:
        (folder / "lock.txt").write_text(lock + "\n", "utf-8")
        packages = folder / "lib" / "python3.11" / "site-packages"
        foreign = [f"--platform=manylinux_2_{minor}_x86_64" for minor in (34, 28, 17)]
        foreign += ["--platform=manylinux2014_x86_64", "--python-version=3.11"]
        said(
            sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check", "install", "--require-hashes",
            "--only-binary=:all:", *([] if sys.version_info[:2] == (3, 11) else foreign),
            "--target", packages, "--requirement", folder / "lock.txt",
        )  # fmt: skip
        shutil.rmtree(packages / "bin", ignore_errors=True)
        (folder / "bin").mkdir()
        for name in ("python", "python3"):
            (folder / "bin" / name).symlink_to("/usr/bin/python3.11")
        (folder / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11\n", "ascii")
    return place


LOCKED: Final = ("--extra", "gpio", "--extra", "gsm", "--extra", "modbus", "--with", "pytest")
"""What of requirements.lock is in the guest."""
