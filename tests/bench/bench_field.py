"""What a station of real drivers costs: every kind of device of a big site at once, simulated behind the wire."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from tests.bench.site_field import write_site
from tests.support import ROOT

SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "60"))


@pytest.mark.bench
def test_a_station_of_every_kind_of_device(tmp_path: Path) -> None:
    points = write_site(tmp_path / "site.toml")
    words = [
        sys.executable,
        "-m",
        "tests.bench.field_box",
        str(tmp_path / "site.toml"),
        str(tmp_path / "s"),
        str(SECONDS),
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=SECONDS + 60)
    found: dict[str, Any] = msgspec.json.decode(done.stdout)
    spent = {name: cpu for name, cpu in found["cpu_s"].items() if name != "demo"}
    ours, theirs = sum(spent.values()), found["cpu_s"].get("demo", 0.0)
    each = 1000 * ours / found["readings"] * 1000
    share, simulated = (100 * cpu / found["seconds"] for cpu in (ours, theirs))
    print(
        f"\n{points} points, {found['readings'] / found['seconds']:.1f} readings/s: {each:.1f} ms CPU per 1000 readings"
        f" ({share:.1f} % of a processor; the simulated devices' own thread {simulated:.1f} % more);"
        f" PSS {found['pss_mb']:.1f} MB, USS {found['uss_mb']:.1f} MB with them, {found['threads']} threads"
    )
    for name, cpu in sorted(spent.items(), key=lambda item: -item[1]):
        late = found["late_ms"].get(name.removeprefix("bus:"), {})
        told = ", ".join(f"{key} {late[key]} ms" for key in ("p50", "p99", "worst") if late)
        print(f"  {name:<14}{1000 * cpu / found['seconds']:8.2f} ms CPU a second  {told and 'late ' + told}")
    assert found["points"] == points
    assert found["bad"] == [], found["bad"]
    assert found["late_ms"]["i2c1"]["ticks"] >= 0.98 * 10 * SECONDS
