"""`vigie run` as a user starts it: the first alarm of the demonstration, both ways of ending it, a second start.

And what it says when it can't start.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.cli.client import Client
from edge.cli.main import main
from edge.core.types import Record
from edge.settings.load import load
from edge.sim.simulation import Simulation
from edge.store.fs import RealFs
from edge.store.log import Log
from hal.sample import UNCERTAIN
from tests.box_rig import Service, point, scripted_driver, service, write_site
from tests.support import ROOT, eventually

DEMO = ROOT / "config" / "sites" / "demo.toml"
VIGIE_RUN = (sys.executable, "-m", "edge.cli.main", "run")
ENDS_WITHIN_S = 2.0
METERS = {17: 0.001, 24: 0.01, 25: 0.01}


@pytest.fixture(scope="module", autouse=True)
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The demonstration as it is shipped: it runs to its first alarm while the other tests do their work."""
    folder = tmp_path_factory.mktemp("demo")
    with service(folder, "--demo", "--state", str(folder / "state")) as box:
        yield box


def children(pid: int) -> list[int]:
    """Return the processes that a process started and that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def entries(state: Path, kind: Any) -> list[Any]:
    """Return all that a log on the disk holds, with the start that each entry is of."""
    log: Log[Any] = Log(RealFs(state), kind, kind, capacity_bytes=8 << 20)
    try:
        seq, found = log.first_seq(), []
        while seq < log.next_seq():
            chunk = log.read(seq, 1000)
            assert chunk.gap is None, chunk
            found += [(chunk.boot, entry) for entry in chunk.entries]
            seq += len(chunk.entries)
    finally:
        log.close()
    return found


def ends(box: Service, how: signal.Signals) -> float:
    """Tell a box to end and return how long it took; everything that it started is gone."""
    process = box._process
    assert process is not None
    started = children(process.pid)
    begin_s = time.monotonic()
    box.finish(how)
    took_s = time.monotonic() - begin_s
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert not box.socket.exists()
    return took_s


# -- the demonstration


def test_the_first_alarm_of_the_demonstration_ends_within_two_minutes(tmp_path: Path) -> None:
    simulation = Simulation(load(DEMO), seed=1, outages=[], wire_folder=tmp_path)
    began_ms = simulation.clock.monotonic_ns() // 1_000_000
    simulation.run(150 / 86_400)
    chunk = simulation.events.read(1, 1000)
    alarms = [event for event in chunk.entries if event.kind.startswith("alarm_")]
    own = [event for event in alarms if event.values.get("limit") == "boiler.flow.high"]
    first = [(event.kind, event.at_ms - began_ms) for event in own]
    assert [kind for kind, _ in first] == ["alarm_begin", "alarm_end"]
    assert first[0][1] <= 20_000
    assert first[1][1] <= 120_000


# -- the end


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_demonstration_ends_cleanly_within_2_s(tmp_path: Path, how: signal.Signals) -> None:
    with service(tmp_path, "--demo", "--state", str(tmp_path / "state")) as box:
        assert ends(box, how) < ENDS_WITHIN_S
    assert [event.kind for _, event in entries(tmp_path / "state", "events")][-1] == "stop"


def test_a_stuck_bus_does_not_hold_up_the_end(tmp_path: Path) -> None:
    for name, script in (("stuck", "hang"), ("sound", "21.5")):
        (tmp_path / name).write_text(script, encoding="ascii")
    config = write_site(
        tmp_path,
        bus={"one": {"kind": "own"}, "two": {"kind": "own"}},
        point=[
            point("stuck", "one", "scripted", script=str(tmp_path / "stuck")),
            point("sound", "two", "scripted", script=str(tmp_path / "sound")),
        ],
    )
    words = ("--config", str(config), "--state", str(tmp_path / "state"))
    with service(tmp_path, *words, PYTHONPATH=f"{ROOT}:{scripted_driver(tmp_path)}") as box:
        client = Client(box.socket)
        eventually(lambda: {v["point"]: v for v in client.get("values")}["sound"]["value"] == 21.5, 5)
        assert ends(box, signal.SIGINT) < ENDS_WITHIN_S
    kept = [record for _, record in entries(tmp_path / "state", "records")]
    assert {record.point for record in kept if record.value is not None} == {"sound"}
    assert [event.kind for _, event in entries(tmp_path / "state", "events")][-1] == "stop"


def test_it_ends_by_itself_when_told_for_how_long(tmp_path: Path) -> None:
    box = Service(tmp_path, "--demo", "--state", str(tmp_path / "state"), "--for", "0.5").start()
    eventually(lambda: not box.is_running(), 15)
    figures = box.finish()
    assert figures.found["kept"] == figures.found["records"] == len(entries(tmp_path / "state", "records"))


# -- a second start


def water_site(folder: Path) -> Path:
    """Write a site of pulse meters, every reading a record."""
    return write_site(
        folder,
        bus={"gpio": {"kind": "gpio"}},
        point=[
            point(f"m{pin}", "gpio", "pulse", pin=pin, weight=w, weight_unit="m3", period_s=0.2, record_s=0.2)
            for pin, w in METERS.items()
        ],
    )


def indexes(found: list[tuple[int, Record]]) -> dict[str, list[tuple[int, Record]]]:
    """Return the records with a value of each point, in their order."""
    by_point: dict[str, list[tuple[int, Record]]] = {}
    for boot, record in found:
        if record.value is not None:
            by_point.setdefault(record.point, []).append((boot, record))
    return by_point


def assert_never_back(found: list[tuple[int, Record]]) -> None:
    for name, of_point in indexes(found).items():
        for (_, one), (_, other) in itertools.pairwise(of_point):
            assert float(one.value) <= float(other.value), (name, one, other)  # type: ignore[arg-type]


@pytest.mark.slow(reason="three starts of the whole program, each until its records are on the disk")
def test_indexes_go_on_over_a_stop_and_a_kill_and_the_kill_is_said(tmp_path: Path) -> None:
    state = tmp_path / "state"
    words = ("--demo", "--config", str(water_site(tmp_path)), "--state", str(state))

    def kept(box: Service) -> int:
        return int(Client(box.socket).get("buffer")["records"]["next"])

    def run(name: str, *, is_killed: bool = False, least: int) -> None:
        with service(tmp_path, *words, name=name) as box:
            before = kept(box)
            eventually(lambda: kept(box) >= before + least, 15, "records are on the disk")
            if is_killed:
                box.kill()
            else:
                box.finish()

    run("first", least=8)
    first = entries(state, "records")
    run("second", is_killed=True, least=4)
    second = entries(state, "records")
    assert second[: len(first)] == first, "what was written stays as it was"
    run("third", least=12)
    third = entries(state, "records")
    assert third[: len(second)] == second
    assert {boot for boot, _ in third} == {1, 2, 3}
    assert_never_back(third)

    kinds = [(boot, event.kind) for boot, event in entries(state, "events")]
    assert [boot for boot, kind in kinds if kind == "unclean_stop"] == [3], "a clean stop is none"
    assert [boot for boot, kind in kinds if kind == "stop"] == [1, 3]
    for name, of_point in indexes(third).items():
        doubts = [record.reason for boot, record in of_point if boot == 3 and record.quality == UNCERTAIN]
        assert doubts == ["power_cut"], name
        first_of_start = next(record for boot, record in of_point if boot == 3)
        assert first_of_start.reason == "power_cut", name
        assert "power_cut" not in {record.reason for boot, record in of_point if boot < 3}, name


# -- it can't start


def refusal(folder: Path, *words: str) -> tuple[int, str]:
    """Return exit code and stderr of `vigie run` that must end by itself."""
    said = subprocess.run(
        [*VIGIE_RUN, "--socket", str(folder / "other.sock"), *words],
        capture_output=True, text=True, timeout=20, check=False, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert "Traceback" not in said.stderr
    return said.returncode, said.stderr


def test_faults_in_the_settings_are_all_listed_with_their_place_and_it_exits_2(tmp_path: Path) -> None:
    config = tmp_path / "site.toml"
    text = (
        DEMO.read_text(encoding="utf-8")
        .replace("pin = 24", "pin = 17", 1)
        .replace('driver = "sht3x"', 'driver = "sht"')
    )
    config.write_text(text, encoding="utf-8")
    code, said = refusal(tmp_path, "--config", str(config), "--state", str(tmp_path / "state"))
    assert code == 2
    assert f"{config}:" in said
    assert "GPIO17" in said
    assert "sht3x" in said
    assert not (tmp_path / "state").exists()
    assert refusal(tmp_path, "--config", str(tmp_path / "none.toml"))[0] == 2


def test_a_state_that_cannot_be_written_is_said_with_its_place_and_it_exits_1(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="ascii")
    code, said = refusal(tmp_path, "--demo", "--state", str(file / "state"))
    assert (code, said.strip()) == (1, f"vigie: {file}/state can't hold the box's state: it is no folder; move it away")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_state_without_the_right_to_write_is_said(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    code, said = refusal(tmp_path, "--demo", "--state", str(tmp_path / "locked"))
    assert code == 1
    assert f"vigie: {tmp_path}/locked can't be used: " in said
    assert f"belongs to another user; try: sudo chown -R vigie: {tmp_path}/locked" in said


def test_a_socket_that_cannot_be_had_is_said_and_nothing_was_started(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "api.sock"
    code, said = refusal(tmp_path, "--demo", "--state", str(tmp_path / "state"), "--socket", str(missing))
    assert code == 1
    assert f"vigie: local API on {missing}: No such file or directory" in said
    assert entries(tmp_path / "state", "records") == []


def test_two_boxes_on_one_state_the_second_refuses_and_the_first_goes_on(demo: Service) -> None:
    code, said = refusal(demo.folder, "--demo", "--state", str(demo.folder / "state"))
    assert code == 1
    assert said.count("\n") == 1
    assert (
        f"vigie: {demo.folder}/state is in use: another process ({demo.pid}) has this log open; "
        "stop that one first, or give this one a --state of its own"
    ) in said
    code, said = refusal(demo.folder, "--demo", "--state", str(demo.folder / "other"), "--socket", str(demo.socket))
    assert code == 1
    assert f"local API on {demo.socket}: another box serves there" in said
    before = Client(demo.socket).get("box")["readings"]
    eventually(lambda: Client(demo.socket).get("box")["readings"] > before, 30, "the first goes on")


@pytest.mark.parametrize("words", ["0", "-1", "nan", "inf", "soon"])
def test_a_length_that_is_none_is_refused_and_does_not_mean_for_ever(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["run", "--demo", "--for", words])
    assert f"argument --for: '{words}': a number of seconds above 0 is expected" in capsys.readouterr().err


def test_the_live_demonstration_of_a_faulty_file_names_its_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "site.toml"
    config.write_text("[box]\nid = 7\n", encoding="ascii")
    for file, fault in ((config, f"{config}:2"), (tmp_path / "none.toml", "there is no such file")):
        assert main(["run", "--demo", "--live", "--config", str(file)]) == 2
        assert fault in capsys.readouterr().err


# -- without a broker


def test_without_mosquitto_the_demonstration_runs_and_says_how_many_records_it_keeps(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    config = water_site(tmp_path)
    said = subprocess.run(
        [*VIGIE_RUN, "--demo", "--live", "--for", "1.5", "--mosquitto", "no-such-broker", "--config", str(config)],
        capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "tmp")},
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    last = said.stdout.strip().splitlines()[-1].split()
    assert last[:2] == ["no", "broker:"]
    assert int(last[2]) > 0
    assert last[3:] == ["records", "kept"]
    assert "apt install mosquitto" in said.stderr
    assert list((tmp_path / "tmp").iterdir()) == [], "nothing is left behind"


@pytest.mark.slow(reason="the real box, until it answers and until it has ended")
def test_a_window_that_is_closed_ends_all_that_the_demonstration_started(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    with subprocess.Popen(
        [*VIGIE_RUN, "--demo", "--live", "--mosquitto", "no-such-broker", "--config", str(water_site(tmp_path))],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path / "tmp")},
    ) as shown:  # fmt: skip
        try:
            assert shown.stdout is not None
            assert shown.stdout.readline(), "it shows the box"
            started = children(shown.pid)
            assert started
        finally:
            shown.send_signal(signal.SIGHUP)
        shown.communicate(timeout=20)
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert list((tmp_path / "tmp").iterdir()) == [], "nothing is left behind"


# -- last, since it has run all the while


@pytest.mark.slow(reason="the boiler needs 5 s to overheat and its limit 5 s to be sure: real time, as a person waits")
def test_the_first_alarm_of_the_demonstration_begins_within_20_s(demo: Service) -> None:
    client = Client(demo.socket)
    eventually(lambda: client.get("alarms"), 25, "the first alarm")
    first, box = client.get("alarms")[0], client.get("box")
    assert (first["limit"], first["active"]) == ("boiler.flow.high", True)
    assert first["since_utc_ms"] - box["started_utc_ms"] <= 20_000


def test_the_caretaker_is_texted_of_the_first_alarm_and_nothing_waits_for_a_gateway(demo: Service) -> None:
    client = Client(demo.socket)
    eventually(lambda: client.get("buffer")["links"]["sms"]["last_text"], 30, "the first text")
    sms = client.get("buffer")["links"]["sms"]
    assert sms["state"] == "up"
    assert sms["last_text"]["to"] == "caretaker"
    assert sms["last_text"]["text"].startswith("ALARM 1 HIGH Gymnase Sud / Boiler flow ")
    assert sms["budget"]["today"] == 1
    events = lambda: client.get("buffer")["events"]  # noqa: E731
    eventually(lambda: events()["acknowledged"]["sms"] == events()["next"] - 1, 10, "no event waits for a gateway")


@pytest.mark.campaign(reason="the whole of the first alarm in real time: 2 minutes")
def test_the_first_alarm_ends_within_two_minutes_of_real_time(demo: Service) -> None:
    client = Client(demo.socket)
    eventually(lambda: client.get("alarms"), 25, "the first alarm")
    number = client.get("alarms")[0]["number"]
    left_s = 120 - (client.get("box")["utc_ms"] - client.get("box")["started_utc_ms"]) / 1000
    eventually(lambda: not any(a["number"] == number and a["active"] for a in client.get("alarms")), left_s)
