"""The machine's part: network, data modem and login as the settings say, and units that wait for them."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from edge.runtime.card_machine_files import OURS, write_machine_files
from edge.settings.card_machine import CHAT, FOLDER, LOGIN, PEER, SMS, WIFI, MachineFile, machine_files
from edge.settings.faults import SettingsError
from edge.settings.load import loads, of_card
from tests.support import ROOT

IMAGE = ROOT / "image"
LAID = IMAGE / "card/root"
SITE = '[box]\nid = "b1"\n[site]\nname = "S"\n'
OTHERS = ("console", "wifi", "gsm-data")
UNITS = sorted([*IMAGE.glob("vigie-card*.*"), *(IMAGE / f"vigie-{name}.service" for name in OTHERS)])
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFvP7f0m9bYHkq0Yk2Qx0m4y9l8n6r5t3s2d1f0g9h8j anna"


def files(text: str, **secrets: str) -> dict[str, MachineFile]:
    found = machine_files(loads(SITE + text), lambda name: secrets.get(name.rpartition("/")[2].replace("-", "_"), ""))
    return {file.path: file for file in found}


def network(text: str, name: str = "10-vigie.network") -> list[str]:
    return files(text)[f"run/systemd/network/{name}"].text.splitlines()


def test_without_a_table_the_router_gives_the_address() -> None:
    assert {"Type=ether", "DHCP=yes"} <= set(network(""))
    assert list(files("")) == ["run/systemd/network/10-vigie.network"]


def test_a_fixed_address_asks_the_gateway_for_names_where_no_server_is_written() -> None:
    fixed = '[network]\nkind = "static"\naddress = "192.168.1.40/24"\ngateway = "192.168.1.1"\n'
    assert {"DHCP=no", "Address=192.168.1.40/24", "Gateway=192.168.1.1", "DNS=192.168.1.1"} <= set(network(fixed))
    two = fixed + 'dns = ["9.9.9.9", "2620:fe::fe"]\n'
    assert [line for line in network(two) if line.startswith("DNS=")] == ["DNS=9.9.9.9", "DNS=2620:fe::fe"]


@pytest.mark.parametrize("mask", ["255.255.255.0", "0.0.0.255", "024", "24"])
def test_a_mask_in_any_form_reaches_networkd_as_a_prefix(mask: str) -> None:
    fixed = f'[network]\nkind = "static"\naddress = "192.168.1.40/{mask}"\ngateway = "192.168.1.1"\n'
    assert {"Address=192.168.1.40/24", "Gateway=192.168.1.1"} <= set(network(fixed))


def test_wifi_gets_its_key_as_hexadecimal_for_root_alone_and_the_cable_still_works() -> None:
    name = 'Été "2"'
    text = (
        f"[network]\nkind = 'wifi'\nssid = '{name}'\npassword_file = '/x/network-password'\n"
        "country = 'FR'\nhidden = true\n"
    )
    found = files(text, network_password='pa"ss#word')
    wifi = found[WIFI]
    assert wifi.is_private
    assert f"    ssid={name.encode().hex()}\n" in wifi.text
    assert 'pa"ss' not in wifi.text
    assert {"country=FR", "    scan_ssid=1"} <= set(wifi.text.splitlines())
    assert re.search(r"^    psk=[0-9a-f]{64}$", wifi.text, re.MULTILINE)
    assert "DHCP=yes" in network(text)
    assert {"Type=wlan", "DHCP=yes"} <= set(network(text, "11-vigie-wifi.network"))


def test_a_data_call_knows_its_port_its_apn_and_who_calls() -> None:
    text = (
        "[network]\nkind = 'gsm'\napn = 'm2m.example'\nuser = 'u'\npassword_file = '/x/network-password'\n"
        "[modem]\npin_file = '/x/sim-pin'\n"
    )
    found = files(text, network_password='p"w', sim_pin="1234")
    assert found[PEER].text.startswith("/dev/modem-data\n460800\n")
    assert f'connect "/usr/sbin/chat -t 60 -f /{CHAT}"' in found[PEER].text
    assert 'user "u"\npassword "p\\"w"\n' in found[PEER].text
    assert 'AT+CGDCONT=1,"IP","m2m.example"\n' in found[CHAT].text
    assert found[f"{FOLDER}/gsm-pin"].text == "1234"
    assert all(file.is_private for path, file in found.items() if path.startswith(FOLDER))


def test_nobody_logs_in_without_a_key_and_a_key_opens_no_tunnel() -> None:
    assert LOGIN not in files("")
    assert files(f'[access]\nssh_keys = ["{KEY}"]\n')[LOGIN].text == f"restrict,pty {KEY}\n"
    assert files('[link.sms]\ndevice = "/dev/modem"\n')[SMS].text == "/dev/modem\n"


def test_the_pin_of_the_modem_is_that_of_the_sms_link() -> None:
    text = f'{SITE}[modem]\npin_file = "/x/sim-pin"\n[link.sms]\n'
    sms = loads(text).links.sms
    assert sms is not None
    assert sms.pin_file == "/x/sim-pin"
    sms = loads(f'{text}pin_file = "own"\n').links.sms
    assert sms is not None
    assert sms.pin_file == "own"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('kind = "static"', 'kind = "static" needs address as well'),
        ('kind = "static"\naddress = "192.168.1.40"', "the address of one machine with its prefix is expected"),
        ('kind = "static"\naddress = "192.168.1.0/24"', "the address of one machine with its prefix is expected"),
        ('kind = "static"\naddress = "192.168.1.4/24"\ngateway = "192.168.2.1"', "out of reach"),
        ('kind = "static"\naddress = "192.168.1.255/24"', "the address of one machine with its prefix is expected"),
        ('kind = "static"\naddress = "192.168.1.4/0"', "the address of one machine with its prefix is expected"),
        ('kind = "static"\naddress = "127.0.0.5/8"', "the address of one machine with its prefix is expected"),
        ('kind = "static"\naddress = "192.168.1.4/255.0.255.0"', "the address of one machine with its prefix"),
        ('kind = "static"\naddress = "fe80::4%eth0/64"', "the address of one machine with its prefix is expected"),
        ('kind = "static"\naddress = "192.168.1.4/24"\ngateway = "192.168.1.4"', "no router's address"),
        ('kind = "static"\naddress = "192.168.1.4/24"\ngateway = "192.168.1.0"', "no router's address"),
        (
            'kind = "wifi"\nssid = "S"\npassword_file = "p"\naddress = "10.0.0.4/8"\ngateway = "10.255.255.255"',
            "no rou",
        ),
        ('kind = "static"\naddress = "192.168.1.4/24"\ndns = ["dns.example"]', "an address in numbers is expected"),
        ('kind = "wifi"\npassword_file = "p"', 'kind = "wifi" needs ssid as well'),
        ('kind = "wifi"\nssid = "S"', 'kind = "wifi" needs password as well'),
        ('kind = "wifi"\nssid = "éééééééééééééééééé"\npassword_file = "p"', "at most 32 octets"),
        ('kind = "gsm"', 'kind = "gsm" needs apn as well'),
        ('kind = "gsm"\napn = "a b"', "the name that the operator tells"),
        ('ssid = "S"', 'belongs to kind = wifi; here it is "dhcp"'),
        ('kind = "wlan"', 'one of "dhcp", "gsm", "static", "wifi" is expected'),
    ],
)
def test_a_network_that_could_not_work_is_refused(text: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loads(f"{SITE}[network]\n{text}\n")
    assert told in str(caught.value)


@pytest.mark.parametrize("index", ["-5", "-0.001", "1e12", "99999999999999999999", "nan", '"12,3 m3"', "true"])
def test_a_base_index_that_no_meter_shows_is_refused(index: str) -> None:
    meter = '[bus.gpio]\nkind = "gpio"\n[[point]]\nid = "w"\nbus = "gpio"\ndriver = "pulse"\npin = 17\nweight = 1\n'
    act = f'[[start.meter]]\nmeter = "w"\nindex = {index}\n'
    with pytest.raises(SettingsError) as caught:
        of_card(f'{SITE}{meter}weight_unit = "l"\n{act}'.encode(), "vigie.toml")
    assert [fault.path for fault in caught.value.faults] == ["start.meter[0].index"]


@pytest.mark.parametrize(
    "key", ["AAAAC3Nza anna", "-----BEGIN OPENSSH PRIVATE KEY-----", "ssh-ed25519 x", "ssh-dss AAAAB3NzaC1kc3MAAACBAKV"]
)
def test_what_is_no_public_key_is_refused(key: str) -> None:
    with pytest.raises(SettingsError, match="a whole public key"):
        loads(f'{SITE}[access]\nssh_keys = ["{key}"]\n')


def test_what_is_not_set_any_more_is_removed_and_what_is_private_is_root_s_alone(tmp_path: Path) -> None:
    write_machine_files(tmp_path, [MachineFile(WIFI, "a", is_private=True), MachineFile(LOGIN, "k")])
    assert stat.S_IMODE((tmp_path / WIFI).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / LOGIN).stat().st_mode) == 0o644
    write_machine_files(tmp_path, [MachineFile(WIFI, "b", is_private=True)])
    assert (tmp_path / WIFI).read_text() == "b"
    assert [name for name in OURS if (tmp_path / name).exists()] == [WIFI]


# -- the units


def test_each_unit_waits_for_the_file_that_asks_for_it() -> None:
    waits = {"vigie-wifi": WIFI, "vigie-gsm-data": PEER, "vigie-card-sms": SMS}
    for name, path in waits.items():
        lines = (IMAGE / f"{name}.service").read_text("utf-8").splitlines()
        assert f"ConditionPathExists=/{path}" in lines
        assert any(line.startswith("After=vigie-card.service") for line in lines)
    assert f"ConditionPathExists=/{LOGIN}" in (LAID / "etc/systemd/system/ssh.service.d/vigie.conf").read_text("utf-8")
    wanted = re.findall(r"^Wants=(.*)", (IMAGE / "vigie-card.service").read_text("utf-8"), re.MULTILINE)
    assert {"vigie-card-status.timer", "ssh.service", *(f"{name}.service" for name in waits)} <= set(wanted[1].split())


def test_systemd_understands_the_units() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine")
    said = subprocess.run(
        ["systemd-analyze", "verify", *map(str, UNITS)], capture_output=True, text=True, check=False, timeout=60
    )
    lines = (said.stderr + said.stdout).splitlines()
    assert [line for line in lines if not re.search(r"Command \S+ is not executable|getty@", line)] == []


@pytest.mark.parametrize("script", sorted((LAID / "usr/lib/vigie-card").iterdir()), ids=lambda path: path.name)
def test_scripts_stop_at_the_first_error(script: Path) -> None:
    text = script.read_text("utf-8")
    assert text.startswith("#!/bin/sh\n")
    assert "\nset -eu\n" in text
    assert script.stat().st_mode & 0o111
    subprocess.run(["/bin/sh", "-n", str(script)], check=True, timeout=10)


@pytest.mark.parametrize(
    "device", ["/dev/modem", "/dev/serial/by-id/usb-A&B-if02", "/dev/a|b", r"/dev/a\1b", "x; touch made|e;#"]
)
def test_the_modem_of_the_settings_is_named_to_the_daemon_letter_by_letter(tmp_path: Path, device: str) -> None:
    for folder in ("run/vigie-card", "etc", "usr/sbin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "run/vigie-card/sms").write_text(f"{device}\n", "utf-8")
    shutil.copy(ROOT / "config/gammu-smsdrc", tmp_path / "etc")
    setup = tmp_path / "usr/sbin/vigie-sms-setup"
    setup.write_text("#!/bin/sh\necho made ready\n", "utf-8")
    setup.chmod(0o755)
    done = subprocess.run(
        [LAID / "usr/lib/vigie-card/sms"], cwd=tmp_path, env={**os.environ, "VIGIE_ROOT": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "made ready\n"), done.stderr
    before = (ROOT / "config/gammu-smsdrc").read_text("utf-8").splitlines()
    after = (tmp_path / "etc/gammu-smsdrc").read_text("utf-8").splitlines()
    assert [new for new, old in zip(after, before, strict=True) if new != old] in ([f"device = {device}"], [])
    assert f"device = {device}" in after
    assert not (tmp_path / "made").exists()


def test_a_host_key_is_made_once_and_anew_where_it_is_damaged(tmp_path: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("no ssh-keygen on this machine")
    key = tmp_path / "ssh/ssh_host_ed25519_key"

    def made() -> bytes:
        script = LAID / "usr/lib/vigie-card/ssh-key"
        where = {"VIGIE_SSH": str(key.parent), "PATH": "/usr/bin:/bin"}
        subprocess.run([str(script)], check=True, timeout=20, env=where)
        assert sorted(path.name for path in key.parent.iterdir()) == [key.name]
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        return key.read_bytes()

    first = made()
    assert made() == first
    key.write_bytes(first[:40])
    key.with_name("ssh_host_ed25519_key.new").write_bytes(b"a cut left it")
    assert made() not in {first, first[:40]}
