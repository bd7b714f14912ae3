"""Secrets among the options: found by their declaration, never shown, never in a text that leaves the box."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec
import pytest
import tomlkit
from msgspec import Meta

from edge.core.types import NEVER
from edge.runtime.device import Device, DeviceSpec
from edge.settings import model
from edge.settings.flat import Change, changes, flat
from edge.settings.load import loads
from edge.settings.secrets import blanked, secrets_in, without
from hal import buses, drivers
from hal.sample import Channel

CANARY = "canary-7f3a91"


class Login(msgspec.Struct, frozen=True):
    user: str = ""
    password: Annotated[str, Meta(extra={"secret": True})] = ""


class KeyedOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A third-party meter that wants a key."""

    address: str
    key: Annotated[str, Meta(min_length=4, extra={"secret": True})] | None = None
    pins: Annotated[list[str], Meta(extra={"secret": True})] = []
    logins: list[Login] = []
    key_file: str = ""


class Keyed:
    bus_kind: ClassVar[str] = "own"
    Options: ClassVar[type[msgspec.Struct]] = KeyedOptions

    @staticmethod
    def device(options: KeyedOptions) -> str:
        return options.address

    @staticmethod
    def channel(options: KeyedOptions) -> Channel:
        return Channel(kind="gauge", unit="W")


TEXT = f"""\
# the boiler room
[box]
id = "b0042"  # not a secret
[site]
name = "Gymnase Sud"
[bus.net]
kind = "own"
[[point]]
id = "heat"
bus = "net"
driver = "keyed"
address = "10.0.0.7"
key = "{CANARY}"  # it was {CANARY} last year too
pins = ["{CANARY}-1", "{CANARY}-2"]
# key = "older-{CANARY}"
key_file = "/etc/vigie/heat.key"
logins = [{{ user = "reader", password = "{CANARY}-3" }}]
"""


@pytest.fixture
def _keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(drivers.BUILT_IN, "keyed", f"{__name__}:Keyed")


@pytest.mark.usefixtures("_keyed")
def test_a_sites_file_without_its_secrets_is_the_same_file_and_names_what_is_empty() -> None:
    text, names = blanked(TEXT)
    assert CANARY not in text
    assert names == ["point.heat.key", "point.heat.pins", "point.heat.logins.0.password"]
    data = tomlkit.parse(text).unwrap()
    assert data["point"][0]["key_file"] == "/etc/vigie/heat.key"
    assert data["point"][0]["logins"] == [{"user": "reader", "password": ""}]
    assert "# the boiler room" in text
    assert 'id = "b0042"  # not a secret' in text


def test_a_file_without_secrets_stays_as_it_is_to_the_octet() -> None:
    text = '[box]\nid = "b1"   # ours\n\n[link.mqtt]\nhost = "h"\npassword_file = "p"\n'
    assert blanked(text) == (text, [])
    assert blanked("") == ("", [])


@pytest.mark.parametrize("text", ["[box", "id = ", 'x = "' + CANARY, "\x00"])
def test_what_is_no_toml_is_refused_for_nobody_knows_its_secrets(text: str) -> None:
    with pytest.raises(ValueError, match="no TOML"):
        blanked(text)


def test_all_own_keys_of_a_driver_that_cannot_be_loaded_count_as_secrets() -> None:
    text, names = blanked(TEXT)  # "keyed" is not installed here
    assert CANARY not in text.replace(f'password = "{CANARY}-3"', "").replace(
        f'pins = ["{CANARY}-1", "{CANARY}-2"]', ""
    )
    assert {"point.heat.key", "point.heat.address"} <= set(names)
    assert 'id = "heat"' in text


@pytest.mark.usefixtures("_keyed")
def test_a_table_of_another_shape_than_declared_is_passed_over() -> None:
    for odd in ("point = 5\n", "bus = []\n", 'link = "x"\n', "[[bus]]\n", "[point]\n", '[bus.a]\nkind = "new"\n'):
        assert blanked(odd) == (odd, [])


@pytest.mark.usefixtures("_keyed")
def test_explain_shows_the_options_and_not_the_secrets() -> None:
    options = KeyedOptions(address="10.0.0.7", key=CANARY, logins=[Login("reader", CANARY)])
    spec = DeviceSpec("10.0.0.7", Keyed, {"heat": options}, {"heat": 1000})  # type: ignore[arg-type]
    told = str(Device(spec, "net", lambda: None, None).explain("heat"))
    assert CANARY not in told
    assert "10.0.0.7" in told
    assert "(secret)" in told


@pytest.mark.usefixtures("_keyed")
def test_settings_told_key_by_key_hold_no_secret() -> None:
    told = flat(loads(TEXT))
    assert CANARY not in str(told)
    assert told["point.heat.key"] == "(secret)"
    assert told["point.heat.address"] == "10.0.0.7"


def test_none_of_our_own_options_is_a_secret_today() -> None:
    """Ours hold paths to secrets. One that becomes a secret must say so: names like these don't go without."""
    kinds: list[Any] = [model.Box, model.Site, model.Point, model.Limit, model.Output, model.MqttLink]
    kinds += [*buses.KINDS.values(), *(drivers.load(name).Options for name in drivers.BUILT_IN)]
    for kind in kinds:
        for field in msgspec.structs.fields(kind):
            is_like = any(word in field.name for word in ("password", "secret", "token", "key", "pin_code"))
            declared = list(secrets_in({field.encode_name: "x"}, kind))
            assert not is_like or field.name.endswith("_file") or declared, f"{kind.__name__}.{field.name}"


def test_shown_options_are_plain_values() -> None:
    assert without(Login("reader", CANARY)) == {"user": "reader", "password": "(secret)"}
    assert without(Login("reader")) == {"user": "reader", "password": ""}


# -- what differs


def test_a_changed_key_is_told_with_before_and_after_and_a_table_in_one_line() -> None:
    before = {"box.commit_s": 5.0, "point.a.b.id": "a.b", "point.a.b.driver": "pulse", "point.a.b.pin": 17}
    after = {"limit.x.id": "x", "limit.x.kind": "high", "limit.x.value": 3.0, "box.id": "b1"}
    assert changes(before, after) == [
        Change("box.commit_s", 5.0, None),
        Change("box.id", None, "b1"),
        Change("limit.x", None, "high"),
        Change("point.a.b", "pulse", None),
    ]
    assert changes(before, before) == changes({}, {}) == []


def test_a_long_value_is_cut_and_a_number_is_a_number() -> None:
    found = changes({"site.name": "a" * 5000, "box.x": True}, {"site.name": "b", "box.x": False})
    assert found == [Change("box.x", "true", "false"), Change("site.name", "a" * 79 + "…", "b")]
    assert changes({"p.v": -NEVER}, {"p.v": 0})[0].after == 0
