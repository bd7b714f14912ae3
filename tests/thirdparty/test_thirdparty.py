"""An installed package's driver is found by its entry point, with its options, and reads as ours do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hal import drivers
from hal.driver import DriverError
from hal.sample import BAD, GOOD, Sample
from tests.support import ROOT
from tests.thirdparty import DRIVER, MODULE, PACKAGE, importable, installed


def test_its_name_is_known_while_it_is_installed_and_only_then(tmp_path: Path) -> None:
    site = installed(tmp_path)
    with importable(site):
        assert DRIVER in drivers.names()
        assert set(drivers.BUILT_IN) < set(drivers.names())
    assert DRIVER not in drivers.names()
    with pytest.raises(KeyError):
        drivers.load(DRIVER)


def test_its_options_are_seen_and_a_misspelt_one_is_refused(tmp_path: Path) -> None:
    with importable(installed(tmp_path)):
        options = drivers.load(DRIVER).Options
        schema = str(msgspec.json.schema(options))
        assert "n of thermal_zone<n>" in schema
        with pytest.raises(msgspec.ValidationError, match="zoen"):
            msgspec.convert({"zoen": 1}, options)
        with pytest.raises(msgspec.ValidationError, match="<= 99"):
            msgspec.convert({"zone": 100}, options)


def test_it_reads_and_fails_as_ours_do(tmp_path: Path) -> None:
    zone = tmp_path / "thermal_zone1"
    with importable(installed(tmp_path)):
        kind: Any = drivers.load(DRIVER)
        options = msgspec.convert({"zone": 1, "folder": str(tmp_path)}, kind.Options)
        driver = kind(None, {"p": options})
        with pytest.raises(DriverError, match="thermal_zone1"):
            driver.open()
        zone.mkdir()
        for text, sample in (
            ("-5250\n", Sample("p", 1, -5250, GOOD)),
            ("", Sample("p", 1, None, BAD, "not_a_number")),
            ("warm\n", Sample("p", 1, None, BAD, "not_a_number")),
        ):
            (zone / "temp").write_text(text, encoding="ascii")
            driver.open()
            assert driver.read(["p"], 1) == [sample]
        driver.close()


def test_a_package_cannot_take_the_name_of_a_driver_of_ours(tmp_path: Path) -> None:
    site = installed(tmp_path)
    points = next(site.glob("*.dist-info")) / "entry_points.txt"
    points.write_text(f"[{drivers.ENTRY_POINTS}]\nsht3x = {MODULE}:CpuTemperature\n", encoding="utf-8")
    with importable(site):
        assert drivers.load("sht3x").__module__ == "hal.drivers.sht3x"


def test_a_broken_package_is_an_import_error(tmp_path: Path) -> None:
    site = installed(tmp_path)
    (site / f"{MODULE}.py").write_text("import no_such_library\n", encoding="utf-8")
    with importable(site), pytest.raises(ImportError, match="no_such_library"):
        drivers.load(DRIVER)


def test_another_process_finds_it_by_its_path(tmp_path: Path) -> None:
    code = f"from hal import drivers; print(drivers.load({DRIVER!r}).bus_kind)"
    variables = {"PYTHONPATH": f"{ROOT}:{installed(tmp_path)}", "PATH": "/usr/bin:/bin"}
    said = subprocess.run(
        [sys.executable, "-c", code], env=variables, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert said == "own\n"


def test_it_is_a_real_package_that_builds(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(PACKAGE, source)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=source,
        capture_output=True,
        check=True,
    )
    assert [wheel.name for wheel in tmp_path.glob("*.whl")] == ["vigie_example_driver-1.0-py3-none-any.whl"]
