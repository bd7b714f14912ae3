"""install.sh on a made-up root: what it refuses, what it lays down, that it can run twice, and what leaving removes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge.runtime import last_resort
from hal.lamp import BOARD_LEDS
from tests.support import ROOT
from tests.unit.made_up_root import NEEDS_ROOT, made_up_root, mode, release, snapshot

SCRIPT = ROOT / "image" / "install.sh"
UNIT = ROOT / "image" / "vigie.service"
UNITS = ("vigie.service", "vigie-reboot.service", "vigie-reboot.path", "vigie-reboot.timer")
GSM_UNITS = {f"vigie-modem-{what}.{kind}" for what in ("reset", "exclusive") for kind in ("service", "path")}
GSM_FILES = {
    "etc/gammu-smsdrc": "config/gammu-smsdrc",
    "etc/udev/rules.d/61-vigie-modem.rules": "config/61-vigie-modem.rules",
    "etc/systemd/system/gammu-smsd.service.d/vigie.conf": "image/gammu-smsd.conf",
    "usr/local/sbin/vigie-modem-reset": "image/vigie-modem-reset",
    "usr/local/sbin/vigie-sms-setup": "image/vigie-sms-setup",
    **{f"etc/systemd/system/{name}": f"image/{name}" for name in GSM_UNITS},
}
EXPOSURE_MAX = 1.5
IN_CI = bool(os.environ.get("CI"))


def install(root: Path, *options: str, path: str = "", script: Path = SCRIPT) -> subprocess.CompletedProcess[str]:
    command = [str(script), "--root", str(root), "--python", sys.executable, *options]
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}".strip(":")}
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.parametrize(
    ("os_release", "said"),
    [
        (release("Ubuntu 24.04.1 LTS", "ubuntu", "24.04"), "Ubuntu 24.04.1 LTS"),
        (release("Debian GNU/Linux 11 (bullseye)", "debian", "11"), "Debian GNU/Linux 11 (bullseye)"),
        (release("Debian GNU/Linux forky/sid", "debian", ""), "Debian GNU/Linux forky/sid"),
        (release("Raspbian GNU/Linux 12 (bookworm)", "raspbian", "12"), "Raspberry Pi OS (32-bit)"),
        (release("Alpine Linux v3.20", "alpine", "3.20.1"), "Alpine Linux v3.20"),
        ("", "a system without /etc/os-release"),
        (None, "a system without /etc/os-release"),
        ("\0\1=\n=\nID=\n", "a system without /etc/os-release"),
    ],
    ids=["ubuntu", "debian 11", "debian sid", "32-bit Pi OS", "alpine", "empty", "absent", "damaged"],
)
def test_another_system_is_refused_by_name_before_a_file_is_touched(
    tmp_path: Path, os_release: str | None, said: str
) -> None:
    root = made_up_root(tmp_path, os_release)
    before = snapshot(root)
    done = install(root)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Nothing was changed" in done.stderr
    assert snapshot(root) == before


@pytest.mark.parametrize("machine", ["armhf", "i386", "riscv64"])
def test_32_bit_programs_are_refused_even_under_a_64_bit_kernel(tmp_path: Path, machine: str) -> None:
    root = made_up_root(tmp_path)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "dpkg").write_text(f"#!/bin/sh\necho {machine}\n", encoding="utf-8")
    (programs / "dpkg").chmod(0o755)
    before = snapshot(root)
    done = install(root, path=str(programs))
    assert done.returncode == 1
    assert f"Debian GNU/Linux 12 (bookworm) for {machine} is not supported" in done.stderr
    assert snapshot(root) == before


@pytest.mark.parametrize("option", ["--purge", "--gms", "--modbuss", "--root", "extra"])
def test_a_mistyped_command_line_changes_nothing(tmp_path: Path, option: str) -> None:
    root = made_up_root(tmp_path)
    before = snapshot(root)
    done = install(root, option)
    assert done.returncode == 1
    assert option in done.stderr
    assert snapshot(root) == before


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script in a copy of what it installs: an edit in this folder must not look like an update."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("edge", "hal", "sms", "config", "image"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.lock", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, folder)
    return folder / "image/install.sh"


@pytest.fixture(scope="module")
def installed(script: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root after one installation; tests that change it take a copy."""
    root = made_up_root(tmp_path_factory.mktemp("installed"))
    done = install(root, script=script)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def copy(installed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(installed, tmp_path / "root", symlinks=True)


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """An interpreter that makes environments of nothing, for what does not depend on what is in them."""
    program = tmp_path / "quick-python"
    program.write_text(
        f"""#!/bin/sh
case "$*" in
-VV) echo Python ;;
"-m venv "*) mkdir -p "$3/bin" "$3/lib" && touch "$3/pyvenv.cfg" && ln -s {program} "$3/bin/python" ;;
*" pip "*) if [ -e {tmp_path}/offline ]; then echo "no matching distribution" >&2; exit 1; fi ;;
esac
""",
        encoding="utf-8",
    )
    program.chmod(0o755)
    return program


@NEEDS_ROOT
def test_what_a_power_cut_left_of_the_last_step_leads_to_no_older_programs(tmp_path: Path, quick: Path) -> None:
    root = made_up_root(tmp_path)
    old = root / "opt/vigie-0123456789ab"
    old.mkdir(parents=True)
    (old / "pyvenv.cfg").touch()
    for name in ("vigie", "vigie.new"):
        (root / "opt" / name).symlink_to(old.name)
    done = install(root, "--python", str(quick))
    assert done.returncode == 0, done.stderr
    current = (root / "opt/vigie").readlink().name
    assert (root / "opt" / current / ".complete").exists()
    assert {path.name for path in (root / "opt").iterdir()} == {"vigie", current}


@NEEDS_ROOT
def test_without_a_network_what_ran_still_runs_and_it_is_said_what_to_do(tmp_path: Path, quick: Path) -> None:
    root = made_up_root(tmp_path)
    (root / "opt/vigie-0123456789ab").mkdir(parents=True)
    (root / "opt/vigie").symlink_to("vigie-0123456789ab")
    (tmp_path / "offline").touch()
    done = install(root, "--python", str(quick))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "no matching distribution",
        "vigie: not finished, see above; packages come over the network. What ran before still runs: run it again.",
    ]
    assert (root / "opt/vigie").readlink().name == "vigie-0123456789ab"
    (tmp_path / "offline").unlink()
    assert install(root, "--python", str(quick)).returncode == 0
    assert install(root, "--python", str(quick)).stdout == "vigie: up to date\n"


@NEEDS_ROOT
@pytest.mark.slow(reason="fills an environment from the package index with --require-hashes")
def test_user_has_the_groups_and_only_vigie_reads_the_data(installed: Path) -> None:
    passwd = (installed / "etc/passwd").read_text(encoding="utf-8")
    group = (installed / "etc/group").read_text(encoding="utf-8")
    found = re.search(r"^vigie:x:(\d+):(\d+)::/var/lib/vigie:/usr/sbin/nologin$", passwd, re.MULTILINE)
    assert found
    uid, gid = int(found[1]), int(found[2])
    for name in ("gpio", "i2c", "dialout"):
        assert re.search(rf"^{name}:x:\d+:vigie$", group, re.MULTILINE), name
    data, settings = installed / "var/lib/vigie", installed / "etc/vigie/vigie.toml"
    assert (mode(data), data.stat().st_uid, data.stat().st_gid) == (0o700, uid, gid)
    assert (mode(settings), settings.stat().st_uid, settings.stat().st_gid) == (0o640, 0, gid)
    assert (mode(settings.parent), settings.parent.stat().st_gid) == (0o750, gid)


@NEEDS_ROOT
@pytest.mark.slow(reason="fills an environment from the package index with --require-hashes")
def test_files_of_the_system_are_laid_down(installed: Path) -> None:
    etc = installed / "etc"
    shipped, written = ((path / "vigie.toml").read_text("utf-8") for path in (ROOT / "config", etc / "vigie"))
    given = re.search(r'^id = "(b[0-9a-f]{6})" ', written, re.MULTILINE)
    assert given, "a box of its own id, until a person names it"
    assert written.replace(given[1], "b0001", 1) == shipped
    assert {path.name for path in (etc / "systemd/system").iterdir()} == set(UNITS)
    for name in UNITS:
        assert (etc / "systemd/system" / name).read_bytes() == (ROOT / "image" / name).read_bytes()
    assert (etc / "udev/rules.d/60-vigie.rules").read_text(encoding="utf-8").count('MODE="0660"') == 2
    loaded = (etc / "modules-load.d/vigie.conf").read_text(encoding="utf-8").splitlines()
    assert {"usbserial", "option", "cdc_acm", "ftdi_sio", "i2c-dev"} <= set(loaded)
    assert (installed / "usr/local/bin/vigie").readlink() == Path("/opt/vigie/bin/vigie")


@NEEDS_ROOT
@pytest.mark.slow(reason="fills an environment from the package index with --require-hashes")
def test_environment_holds_what_a_box_needs_compiled_and_no_tool(installed: Path) -> None:
    library = next((installed / "opt/vigie/lib").glob("python3.*"))
    packages = {path.name.partition("-")[0] for path in (library / "site-packages").glob("*.dist-info")}
    assert {"vigie", "msgspec", "gpiozero", "gpiod", "smbus2", "pyserial", "paho_mqtt", "tinydb"} <= packages
    assert not packages & {"pytest", "hatchling", "ruff", "cryptography"}
    tag = f".{sys.implementation.cache_tag}.pyc"
    sources = [path for path in library.rglob("*.py") if "__pycache__" not in path.parts]
    assert [str(path) for path in sources if not (path.parent / "__pycache__" / f"{path.stem}{tag}").exists()] == []


@NEEDS_ROOT
@pytest.mark.slow(reason="fills an environment from the package index with --require-hashes")
def test_second_run_changes_nothing_and_keeps_the_settings(copy: Path, script: Path) -> None:
    (copy / "etc/vigie/vigie.toml").write_text("# mine\n", encoding="utf-8")
    before = snapshot(copy)
    again = install(copy, script=script)
    assert (again.returncode, again.stdout) == (0, "vigie: up to date\n"), again.stderr
    assert snapshot(copy) == before


@NEEDS_ROOT
@pytest.mark.campaign(reason="fills a second environment from the package index")
def test_half_filled_environment_is_made_anew_and_old_ones_go(copy: Path, script: Path) -> None:
    (copy / "opt/vigie/.complete").unlink()
    (copy / "opt/vigie-0123456789ab").mkdir()
    (copy / "opt/vigie-0123456789ab/pyvenv.cfg").touch()
    (copy / "opt/vigie-of-somebody").mkdir()
    repaired = install(copy, script=script)
    assert repaired.returncode == 0, repaired.stderr
    assert (copy / "opt/vigie/.complete").exists()
    current = (copy / "opt/vigie").readlink().name
    assert {path.name for path in (copy / "opt").iterdir()} == {"vigie", current, "vigie-of-somebody"}


@NEEDS_ROOT
@pytest.mark.campaign(reason="fills three more environments, with the packages of all extras")
def test_box_with_a_modem_and_meters_keeps_their_packages_when_updated_without_the_options(
    copy: Path, script: Path
) -> None:
    assert install(copy, "--display", "--gsm", script=script).returncode == 0
    assert install(copy, "--modbus", script=script).returncode == 0, "one more, the others stay"
    assert (copy / "opt/vigie/.complete").read_text("utf-8").split("--extra ")[1:] == [
        "gpio ", "gsm ", "modbus ", "display\n"
    ]  # fmt: skip
    updated = install(copy, script=script)
    assert updated.returncode == 0, updated.stderr
    assert updated.stdout == "vigie: up to date\n"
    library = next((copy / "opt/vigie/lib").glob("python3.*/site-packages"))
    assert all((library / name).is_dir() for name in ("gammu", "pymodbus", "luma"))
    etc = copy / "etc"
    assert {path.name for path in (etc / "systemd/system").iterdir()} >= GSM_UNITS
    for laid, shipped in GSM_FILES.items():
        assert (copy / laid).read_bytes() == (ROOT / shipped).read_bytes()
    folder = copy / "var/lib/vigie-sms"
    ids = {
        name: entry.split(":")
        for entry in (etc / "passwd").read_text("utf-8").split()
        for name in [entry.split(":")[0]]
    }
    assert (mode(folder), folder.stat().st_uid, folder.stat().st_gid) == (
        0o2770, int(ids["gammu"][2]), int(ids["vigie"][3])
    )  # fmt: skip
    (folder / "smsd.db").write_bytes(b"kept")
    (etc / "gammu-smsdrc").write_text("# mine\n", encoding="utf-8")
    assert install(copy, script=script).stdout == "vigie: up to date\n", "a file of one's own stays"
    left = install(copy, "--uninstall")
    assert "/var/lib/vigie-sms" in left.stdout
    assert (folder / "smsd.db").read_bytes() == b"kept"
    assert (etc / "gammu-smsdrc").read_text(encoding="utf-8") == "# mine\n"
    assert [name for name in GSM_FILES if name != "etc/gammu-smsdrc" and os.path.lexists(copy / name)] == []
    assert list((etc / "systemd/system").iterdir()) == []


@NEEDS_ROOT
@pytest.mark.slow(reason="fills an environment from the package index with --require-hashes")
def test_leaving_keeps_settings_and_data_until_purged(copy: Path) -> None:
    settings, data = copy / "etc/vigie/vigie.toml", copy / "var/lib/vigie"
    settings.write_text("# mine\n", encoding="utf-8")
    (data / "records").write_bytes(b"kept")
    left = install(copy, "--uninstall")
    assert left.returncode == 0, left.stderr
    assert "kept: /etc/vigie, /var/lib/vigie" in left.stdout
    assert settings.read_text(encoding="utf-8") == "# mine\n"
    assert (data / "records").read_bytes() == b"kept"
    gone = ["usr/local/bin/vigie", *(f"etc/systemd/system/{name}" for name in UNITS), "etc/udev/rules.d/60-vigie.rules"]
    assert [name for name in gone if os.path.lexists(copy / name)] == []
    assert list((copy / "opt").iterdir()) == []

    assert install(copy, "--uninstall", "--purge").returncode == 0
    assert not settings.parent.exists()
    assert not data.exists()
    assert "vigie" not in (copy / "etc/passwd").read_text(encoding="utf-8")
    assert install(copy, "--uninstall", "--purge").returncode == 0, "leaving twice is no error"


def test_what_is_in_the_way_is_neither_used_nor_removed(tmp_path: Path) -> None:
    root = made_up_root(tmp_path)
    (root / "opt/vigie").mkdir(parents=True)
    (root / "opt/vigie/mine").touch()
    before = snapshot(root)
    done = install(root)
    assert done.returncode == 1
    assert "/opt/vigie is there and not ours" in done.stderr
    assert install(root, "--uninstall").returncode == 0
    assert snapshot(root) == before


def systemd_analyze(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        assert not IN_CI, "CI installs systemd for this gate"
        pytest.skip("no systemd-analyze on this machine")
    return subprocess.run([program, *words], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", [name for name in (*UNITS, *sorted(GSM_UNITS)) if name.endswith(".service")])
def test_unit_exposes_no_more_than_the_hardware_and_the_link_need(name: str) -> None:
    done = systemd_analyze("security", "--offline=true", "--no-pager", str(ROOT / "image" / name))
    found = re.search(rf"Overall exposure level for {re.escape(name)}: ([0-9.]+)", done.stdout)
    assert found, done.stderr
    print(f"{name}: exposure {found[1]}")
    assert float(found[1]) <= EXPOSURE_MAX


def test_systemd_understands_what_reboots_a_box() -> None:
    said = systemd_analyze("verify", *(str(ROOT / "image" / name) for name in UNITS if "reboot" in name))
    assert said.stderr + said.stdout == ""
    assert said.returncode == 0


def test_a_reboot_is_asked_for_by_a_file_and_granted_once_a_day() -> None:
    """The path is watched from a day after the machine's start on: what the service writes can't make a loop of it."""
    service, path, timer = (
        set((ROOT / "image" / name).read_text(encoding="utf-8").splitlines()) for name in UNITS if "reboot" in name
    )
    wanted = f"/run/vigie/{last_resort.FILE}"
    assert {f"ConditionPathExists={wanted}", "SuccessAction=reboot", "FailureAction=reboot", "Type=oneshot"} <= service
    assert {f"PathExists={wanted}", "Unit=vigie-reboot.service"} <= path
    assert {"OnBootSec=24h", "Unit=vigie-reboot.path", "WantedBy=timers.target"} <= timer
    assert not {"[Install]"} & (service | path), "neither starts but by the timer"
    assert last_resort.DAY_S == 24 * 3600


def test_unit_says_what_keeps_a_box_alive_without_a_visit() -> None:
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    wanted = {
        *("Type=notify", "WatchdogSec=60", "StartLimitIntervalSec=0", "Restart=always", "User=vigie"),
        *("StateDirectory=vigie", "StateDirectoryMode=0700", "RuntimeDirectory=vigie", "WorkingDirectory=/run/vigie"),
        "ExecStart=/opt/vigie/bin/vigie run --config /etc/vigie/vigie.toml",
    }
    assert wanted <= set(lines)
    # the first two hide the devices of its groups, the third the board's revision that gpiozero asks for
    breaking = ("PrivateUsers=yes", "PrivateDevices=yes", "ProcSubset=pid")
    assert not [line for line in lines if line.startswith(breaking)]


@pytest.mark.parametrize("has_resolution", [True, False], ids=["DS18B20", "DS18S20"])
def test_a_probe_that_comes_makes_its_masters_bulk_read_writable_for_the_service(
    tmp_path: Path, has_resolution: bool
) -> None:
    rules = (ROOT / "config/60-vigie.rules").read_text(encoding="utf-8")
    (found,) = re.findall(r'^SUBSYSTEM=="w1",.*RUN\+="/bin/sh -c \'(.*)\'"$', rules, re.MULTILINE)
    master = tmp_path / "w1_bus_master1"
    probe = master / "28-000000000001"
    probe.mkdir(parents=True)
    files = [master / "therm_bulk_read", *([probe / "resolution"] if has_resolution else [])]
    for file in (*files, probe / "w1_slave"):
        file.touch(mode=0o644)
    program = found.replace("/sys%p", str(probe)).replace("$$", "$").replace("chgrp gpio", f"chgrp {os.getgid()}")
    subprocess.run(["/bin/sh", "-c", program], check=True, timeout=10)
    assert [mode(file) for file in files] == [0o664 for _ in files]
    assert mode(probe / "w1_slave") == 0o644


@pytest.mark.parametrize("has_pattern", [True, False], ids=["with its pattern", "before it"])
def test_the_lamps_files_become_writable_for_the_service_as_they_come(tmp_path: Path, has_pattern: bool) -> None:
    rules = (ROOT / "config/60-vigie.rules").read_text(encoding="utf-8")
    names, found = re.findall(
        r'^SUBSYSTEM=="leds", KERNEL=="(.*?)",.*RUN\+="/bin/sh -c \'(.*)\'"$', rules, re.MULTILINE
    )[0]
    assert tuple(names.split("|")) == BOARD_LEDS
    files = [tmp_path / name for name in ("brightness", "trigger", *(("pattern", "repeat") if has_pattern else ()))]
    for file in (*files, tmp_path / "max_brightness"):
        file.touch(mode=0o644)
    program = found.replace("/sys%p", str(tmp_path)).replace("$$", "$").replace("chgrp gpio", f"chgrp {os.getgid()}")
    subprocess.run(["/bin/sh", "-c", program], check=True, timeout=10)
    assert [mode(file) for file in files] == [0o664 for _ in files]
    assert mode(tmp_path / "max_brightness") == 0o644


def test_of_sys_the_service_may_write_the_1_wire_masters_and_its_lamp_alone() -> None:
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    masters, lamps, sms = (line.partition("=")[2].split() for line in lines if line.startswith("ReadWritePaths="))
    assert sms == ["-/var/lib/vigie-sms"]
    assert masters == [f"-/sys/devices/w1_bus_master{number}" for number in range(1, 5)]
    assert lamps == [f"-/sys/class/leds/{name}" for name in BOARD_LEDS]
    assert "ProtectKernelTunables=yes" in lines
