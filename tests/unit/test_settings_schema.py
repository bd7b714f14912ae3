"""The JSON Schema takes what `check` takes and refuses what a type or name refuses; page and schema are kept true."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest

from edge.cli.main import main
from edge.settings import reference
from edge.settings.load import loads
from edge.settings.schema import file_schema
from tests.support import ROOT
from tests.unit.settings_good import GOOD

FILES = [
    "config/vigie.toml",
    "config/sites/demo.toml",
    "config/sites/wes.toml",
    "config/sites/building.toml",
    "config/sites/gsm-17.toml",
]


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = file_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("file", FILES)
def test_the_files_that_are_shipped_fit_the_schema_and_pass_check(
    validator: Any, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    data = msgspec.to_builtins(tomllib.loads(text))  # a day is a text in JSON
    errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)]
    assert not errors
    assert main(["check", str(ROOT / file)]) == 0
    assert f"{file} is good: box b00" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pin = 27", "pin = 28"),
        ("pin = 27", 'pin = "27"'),
        ("pin = 27", ""),
        ("pin = 27", "pin = 27\nperoid_s = 1"),
        ("period_s = 90", "weight = 1"),
        ('driver = "sht3x"', 'driver = "sht31"'),
        ('channel = "temperature"', 'channel = "temperature"\nunit = "furlong"'),
        ('kind = "i2c"', 'kind = "1wire"'),
        ("number = 3", 'number = 3\npath = "/x"'),
        ("[bus.air]", "[bus.Air]"),
        ('kind = "high"', 'kind = "haut"'),
        ("[link.mqtt]", "[broker]"),
        ("[link.mqtt]", "[link.mqqt]"),
        ('id = "b0042"', 'id = "B"'),
        ("[[output]]", "[output]"),
    ],
)
def test_what_a_declaration_refuses_the_schema_refuses(validator: Any, old: str, new: str) -> None:
    assert validator.is_valid(tomllib.loads(GOOD))
    text = GOOD.replace(old, new)
    assert text != GOOD
    assert not validator.is_valid(tomllib.loads(text))


def test_a_key_that_is_left_out_needs_no_null_and_defaults_are_those_of_the_program() -> None:
    schema = file_schema()
    assert "null" not in json.dumps(schema)
    items = {item["properties"]["driver"]["const"]: item for item in schema["properties"]["point"]["items"]["oneOf"]}
    assert items["pulse"]["properties"]["record_s"]["default"] == 60.0
    assert items["pulse"]["required"][:3] == ["id", "bus", "driver"]
    assert {"pin", "weight"} <= set(items["pulse"]["required"])
    assert "weight" not in items["contact"]["properties"]


def test_the_command_prints_the_schema_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(file_schema()))


def test_the_reference_page_is_the_one_that_the_program_makes() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert page == reference.page(), "run: python -m edge.settings.reference > docs/reference/settings.md"


def test_the_schema_in_the_tree_is_the_one_that_the_program_makes() -> None:
    text = (ROOT / "config" / "vigie.schema.json").read_text(encoding="utf-8")
    assert text == reference.schema_text(), "run: python -m edge.settings.reference schema > config/vigie.schema.json"


def test_the_reference_page_names_every_key_of_every_driver() -> None:
    page = reference.page()
    for words in ("`weight_unit`", "`probe`", "`shunt_ohm`", "`label`", "`deadband`", "`password_file`", "`commit_s`"):
        assert words in page
    assert "expect." not in page


def test_the_example_of_the_reference_page_has_the_faults_it_shows() -> None:
    with pytest.raises(ValueError, match="3 faults"):
        loads(reference.EXAMPLE)
