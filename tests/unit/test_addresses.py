"""Hosts and urls of devices: what no library could connect to is refused by `vigie check`, not at each connection."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.settings.load import loads
from hal.addresses import check_host, check_url
from tests.unit.settings_good import refusal

SITE = '[box]\nid = "a"\n[site]\nname = "x"\n[bus.flat]\n'


@pytest.mark.parametrize(
    "host", ["a..b", "x" * 64, "h h", "[::1]", "host:502", "-a", "", ".", "é" * 70, "a" * 63 + ".b" * 100]
)
def test_a_host_that_nobody_could_be_is_refused_with_what_to_write(host: str) -> None:
    with pytest.raises(ValueError, match=r"write the port apart|neither a name nor an address"):
        check_host(host)
    if host:
        assert "flat.host" in refusal(f'{SITE}kind = "modbus"\nhost = "{host}"\n')


@pytest.mark.parametrize("host", ["pzem", "meter_1.lan.", "10.0.0.7", "::1", "fe80::1%eth0"])
def test_names_and_addresses_are_taken(host: str) -> None:
    assert loads(f'{SITE}kind = "modbus"\nhost = "{host}"\n').buses["flat"][1].host == host


@pytest.mark.parametrize(
    "url",
    ["http://[::1", "http://host:99999", "http://host:abc", "http://a..b", "http://:80", "http://[zz]", "http://h:0"],
)
def test_a_url_of_no_server_is_refused(url: str) -> None:
    assert "flat" in refusal(f'{SITE}kind = "http"\nurl = "{url}"\n')


def is_taken(check: Callable[[str], None], text: str) -> bool:
    try:
        check(text)
    except ValueError:
        return False
    return True


@given(st.text(max_size=80))
@example("\x80@0")
def test_any_text_is_a_host_or_refused_and_one_that_is_taken_can_be_asked_for(text: str) -> None:
    if is_taken(check_host, text):
        (text.partition("%")[0] or "x").encode("idna")
    if is_taken(check_url, f"http://{text}"):
        host = urlsplit(f"http://{text}").hostname or ""
        (host.partition("%")[0] or "x").encode("idna")


def test_a_folder_of_probes_without_a_name_is_refused() -> None:
    assert "flat.path" in refusal(f'{SITE}kind = "onewire"\npath = ""\n')
