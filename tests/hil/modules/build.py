"""Builds the kernel modules of this folder for one version of Debian's kernel, out of tree; kept under .run/hil/.

gpio-sim and uleds are the kernel's own: Debian leaves them out, so their source comes from its source package at
build time. `irq_sim.c` needs two changes to be built as a module: CONFIG_IRQ_SIM is off, and `irq_to_desc` is not
exported. Nothing here needs root: packages are downloaded and unpacked, not installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
CACHE: Final = HERE.parents[2] / ".run" / "hil"
SOURCES: Final = ("Makefile", "w1_sim.c", "i2c_sim.c", "pulse_gen.c")
FROM_THE_KERNEL: Final = (
    "drivers/gpio/gpio-sim.c",
    "drivers/gpio/gpiolib.h",
    "drivers/leds/uleds.c",
    "kernel/irq/irq_sim.c",
)
MODULES: Final = ("irq_sim_vigie.ko", "gpio-sim.ko", "w1_sim.ko", "i2c_sim.ko", "pulse_gen.ko", "uleds.ko")
"""In the order in which they can be loaded."""
PROGRAMS: Final = {"make": "make", "gcc": "gcc", "apt-get": "apt", "dpkg-deb": "dpkg", "xz": "xz-utils"}


def missing() -> str:
    """Return the Debian packages that this machine lacks to build them; empty when none."""
    return " ".join(sorted(package for program, package in PROGRAMS.items() if shutil.which(program) is None))


def build(kernel_version: str) -> list[Path]:
    """Return the modules for this kernel (such as 6.1.0-56-amd64), in an order in which they can be loaded.

    Raises RuntimeError with what the failing program said. Two runs at once wait for each other.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "modules.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        headers = _headers(kernel_version)
        digest = hashlib.sha256("".join((HERE / name).read_text("utf-8") for name in SOURCES).encode())
        digest.update(Path(__file__).read_bytes())
        place = CACHE / f"modules-{kernel_version}-{digest.hexdigest()[:12]}"
        if not place.is_dir():
            for old in CACHE.glob(f"modules-{kernel_version}-*"):
                shutil.rmtree(old)
            _made(headers, kernel_version, place)
        return [place / name for name in MODULES]


def _made(headers: Path, kernel_version: str, place: Path) -> None:
    """Compile them in a folder that takes its name only when all are there."""
    folder = place.with_name("modules.part")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in SOURCES:
        shutil.copy(HERE / name, folder)
    for name in FROM_THE_KERNEL:
        shutil.copy(headers / "kernel" / name, folder)
    irq_sim = folder / "irq_sim.c"
    text = irq_sim.read_text("utf-8")
    text = text.replace("irq_to_desc(irqnum)", "irq_data_to_desc(irq_get_irq_data(irqnum))")
    text = text.replace("#include <linux/irq.h>", "#include <linux/irq.h>\n#include <linux/irqdesc.h>")
    text = text.replace("#include <linux/irq.h>", "#include <linux/module.h>\n#include <linux/irq.h>")
    irq_sim.write_text(f'{text}MODULE_LICENSE("GPL");\n', "utf-8")
    tree = headers / "usr" / "src" / f"linux-headers-{kernel_version}"
    compiler = "gcc-12" if shutil.which("gcc-12") else "gcc"  # Debian 12 builds its kernel with the former
    _ran("nice", "make", "-s", "-C", tree, f"M={folder}", f"CC={compiler}", "modules")
    for name in MODULES:
        _ran("strip", "--strip-debug", folder / name)
    folder.rename(place)


def _headers(kernel_version: str) -> Path:
    """Return the folder with the headers of this kernel, unpacked, and the few sources of it that we build."""
    sources = hashlib.sha256(" ".join(FROM_THE_KERNEL).encode()).hexdigest()[:8]
    place = CACHE / f"headers-{kernel_version}-{sources}"
    if place.is_dir():
        return place
    folder = place.with_name(f"{place.name}.part")
    shutil.rmtree(folder, ignore_errors=True)
    debs = folder / "debs"
    debs.mkdir(parents=True)
    series = ".".join(kernel_version.split(".")[:2])
    flavour = f"linux-headers-{kernel_version}"
    common = f"linux-headers-{re.sub(r'-[a-z0-9]+$', '', kernel_version)}-common"
    version = next(
        line.split(": ")[1] for line in _ran("apt-cache", "show", flavour).splitlines() if line.startswith("Version: ")
    )
    wanted = [f"{name}={version}" for name in (flavour, common, f"linux-kbuild-{series}", f"linux-source-{series}")]
    _ran("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *wanted, cwd=debs)
    for deb in sorted(debs.glob("*.deb")):
        _ran("dpkg-deb", "-x", deb, folder)
    source = folder / "usr" / "src" / f"linux-source-{series}.tar.xz"
    (folder / "kernel").mkdir()
    members = [f"linux-source-{series}/{name}" for name in FROM_THE_KERNEL]
    _ran("nice", "tar", "-C", folder / "kernel", "--strip-components=1", "-xJf", source, *members)
    source.unlink()
    shutil.rmtree(debs)
    # the package names its other half by an absolute path
    main = folder / "usr" / "src" / flavour / "Makefile"
    main.write_text(main.read_text("ascii").replace("/usr/src/", f"{place}/usr/src/"), "ascii")
    folder.rename(place)
    return place


def _ran(*words: str | Path, cwd: Path | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(list(map(str, words)), cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{words[0]} failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout
