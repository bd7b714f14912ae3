"""The wheel as a stranger gets it: in an empty environment, far from this folder, with the locked packages alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT

pytestmark = pytest.mark.slow(reason="builds the wheel and fills an environment from the package index with its hashes")
DEMO_S = 5


def run(*command: str | Path, cwd: Path, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Return what a command did far from this folder, with no variable that could lead back to it."""
    kept = ("PATH", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
    environment = {name: value for name, value in os.environ.items() if name in kept or name.startswith("PIP_")}
    # pip reads the machine's own configuration from the home directory; vigie must leave nothing there
    environment["HOME"] = os.environ.get("HOME", str(cwd))
    environment["TMPDIR"] = str(cwd)
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def must(*command: str | Path, cwd: Path) -> str:
    done = run(*command, cwd=cwd)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "-qq", "wheel", "--no-deps", "--no-index", "--no-build-isolation")
    must(*pip, "--wheel-dir", folder, ROOT, cwd=folder)
    return next(folder.glob("vigie-*.whl"))


@pytest.fixture(scope="module")
def vigie(wheel: Path) -> Path:
    """The command in an environment that holds the wheel and what the lock gives it, checked by hash."""
    folder = wheel.parent
    lock = folder / "vigie.lock"
    lock.write_text(must(sys.executable, ROOT / "image/lock.py", "select", cwd=folder), encoding="utf-8")
    must(sys.executable, "-m", "venv", folder / "env", cwd=folder)
    pip = (folder / "env/bin/python", "-m", "pip", "-qq", "install")
    must(*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", lock, cwd=folder)
    must(*pip, "--no-deps", "--no-index", wheel, cwd=folder)
    return folder / "env/bin/vigie"


def test_wheel_holds_the_three_packages_the_settings_and_the_licence_only(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"edge", "hal", "sms"}
    assert "edge/_config/vigie.toml" in names
    assert "edge/_config/sites/demo.toml" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not [name for name in names if name.endswith(".pyc") or "/tests/" in name]


def test_every_module_of_the_wheel_loads_with_the_locked_packages_alone(wheel: Path, vigie: Path) -> None:
    modules = sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in zipfile.ZipFile(wheel).namelist()
        if name.endswith(".py") and not name.endswith("__main__.py")
    )
    script = "\n".join(f"import {name}" for name in modules)
    must(vigie.with_name("python"), "-I", "-W", "error", "-c", script, cwd=wheel.parent)


def test_packaged_demonstration_site_has_no_fault(vigie: Path, tmp_path: Path) -> None:
    library = next((vigie.parent.parent / "lib").glob("python3.*"))
    must(vigie, "check", library / "site-packages/edge/_config/sites/demo.toml", cwd=tmp_path)
    must(vigie, "check", library / "site-packages/edge/_config/vigie.toml", cwd=tmp_path)


def test_demo_runs_with_no_hardware_and_leaves_nothing_behind(vigie: Path, tmp_path: Path) -> None:
    done = run(vigie, "run", "--demo", "--for", str(DEMO_S), cwd=tmp_path, seconds=60)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["readings"] > 0
    assert figures["kept"] > 0
    assert list(tmp_path.iterdir()) == []


def test_wrong_command_is_refused_with_exit_2(vigie: Path, tmp_path: Path) -> None:
    done = run(vigie, "rnu", cwd=tmp_path)
    assert done.returncode == 2
    assert "rnu" in done.stderr
