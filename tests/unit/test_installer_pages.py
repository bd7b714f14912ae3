"""The installer's pages, in both languages: valid settings; pins, lamp, addresses and commands of the code."""

from __future__ import annotations

import itertools
import lzma
import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import msgspec
import pytest

from edge.cli.main import VERBS
from edge.core.trial import Meter, Verdict
from edge.settings.lamp import lamp_table
from edge.settings.load import loads
from edge.settings.model_sms import Test
from edge.settings.pins import HEADER
from edge.settings.trial_text import TrialFacts, trial_sms
from hal.decode.i2c_addresses import KNOWN
from image.card import manifest
from sms.commands import EXAMPLES, asked
from tests.card_rig import GOOD as CARD
from tests.card_rig import Rig
from tests.support import ROOT

DOCS = ROOT / "docs"
TWINS = {
    "README.md": "README.md", "buy.md": "acheter.md", "flash.md": "carte.md", "wiring.md": "cabler.md",
    "start.md": "demarrer.md", "leave.md": "verifier.md", "dead-box.md": "boitier-mort.md",
}  # fmt: skip
"""The installer's pages, and each one's twin in French."""
FRENCH = {
    "docs/fr/carte.md": "docs/card.md",
    "docs/fr/cloner-et-remplacer.md": "docs/clone-and-replace.md",
    "docs/fr/commandes-sms.md": "docs/sms-commands.md",
    "docs/fr/depannage.md": "docs/troubleshooting.md",
    "docs/fr/installer.md": "docs/install.md",
    "docs/fr/mettre-a-jour.md": "docs/updating.md",
    "docs/fr/partir.md": "docs/leaving.md",
    "docs/fr/prevenir.md": "docs/people.md",
    "README.fr.md": "README.md",
    **{f"docs/fr/poseur/{french}": f"docs/installer/{english}" for english, french in TWINS.items()},
}
"""Every page in French, and the page in English that says the same."""
PLAN = msgspec.toml.decode((DOCS / "drawings" / "drawings.toml").read_bytes())["plan"]
PLANNED = {row["gpio"] for row in PLAN}
HEAD = '[box]\nid = "b1"\n[site]\nname = "Gymnase"\n[link.mqtt]\nhost = "broker.example.org"\n'
CODE = re.compile(r"^```.*?^```|`[^`\n]*`|^ {4}[^\n]*$|<!--.*?-->|\]\([^)]*\)", re.MULTILINE | re.DOTALL)


def english(name: str) -> str:
    return (DOCS / "installer" / name).read_text(encoding="utf-8")


def french(name: str) -> str:
    return (DOCS / "fr" / "poseur" / TWINS[name]).read_text(encoding="utf-8")


def settings_on(page: str) -> list[str]:
    return re.findall(r"<!-- site -->\n```toml\n(.*?)```", page, re.DOTALL)


def wrong_pins(page: str) -> list[str]:
    """Return where a page says a pin of the header that is not the GPIO's."""
    named = re.findall(r"GPIO(\d+)\s\((?:header\s)?(?:pin|broche)\s(\d+)\)", page)
    return [f"GPIO{gpio} (pin {pin})" for gpio, pin in named if HEADER.get(int(gpio)) != int(pin)]


def plain_spaces(page: str) -> list[str]:
    """Return the places of a French page where punctuation could begin a line."""
    return re.findall(r"[^\s|]+ (?:[;!?»](?!\w)|:(?=\s|$))|« ", CODE.sub("`", page), re.MULTILINE)


@pytest.mark.parametrize("path", sorted(FRENCH))
def test_every_french_page_has_its_twin_and_each_leads_to_the_other(path: str) -> None:
    here, there = ROOT / path, ROOT / FRENCH[path]
    ways = ((here, there), (there, here))
    for source, target in ways:
        link = os.path.relpath(target, source.parent)
        assert f"]({link})" in source.read_text(encoding="utf-8"), f"{source.name} does not lead to {link}"


def test_no_page_in_french_is_missing_from_the_table() -> None:
    found = {str(path.relative_to(ROOT)) for path in [*DOCS.glob("fr/**/*.md"), *ROOT.glob("*.fr.md")]}
    assert found == set(FRENCH)


@pytest.mark.parametrize("folder", ["installer", "fr/poseur"])
def test_from_the_door_each_page_is_reached_and_leads_on(folder: str) -> None:
    names = list(TWINS if folder == "installer" else TWINS.values())
    pages = {name: (DOCS / folder / name).read_text(encoding="utf-8") for name in names}
    linked = {name: set(re.findall(r"\]\((?:\./)?([\w-]+\.md)", page)) for name, page in pages.items()}
    assert linked["README.md"] == set(names) - {"README.md"}
    order = re.findall(r"\[\d\. [^\]]+\]\(([\w-]+\.md)\)", pages["README.md"])
    assert all(after in linked[before] for before, after in itertools.pairwise(order))
    door = {"installer": "README.md", "fr/poseur": "README.fr.md"}[folder]
    table = (ROOT / door).read_text(encoding="utf-8").split("|---|---|\n", 1)[1]
    assert f"](docs/{folder}/README.md)" in table.splitlines()[0], "the first row of the README's table"


def test_the_settings_of_the_wiring_page_are_valid_together_and_the_same_in_both_languages() -> None:
    blocks, twins = settings_on(english("wiring.md")), settings_on(french("wiring.md"))
    assert len(blocks) == 11
    assert [re.sub(r" *#.*", "", block) for block in blocks] == [re.sub(r" *#.*", "", block) for block in twins]
    settings = loads(HEAD + "\n".join(blocks))
    pins = {entry.options.pin for entry in settings.points if hasattr(entry.options, "pin")}
    pins |= {pin for output in settings.outputs for pin in (output.pin, output.readback_pin)}
    pins |= {settings.led.pin, settings.tables[Test].pin}
    assert pins == {17, 27, 5, 12, 6, 20, 16, 26, 22}
    assert pins <= PLANNED


@pytest.mark.parametrize("name", TWINS)
def test_the_pins_of_a_page_are_those_of_the_code(name: str) -> None:
    pages = english(name), french(name)
    assert [wrong_pins(page) for page in pages] == [[], []]
    said = [sorted(set(re.findall(r"GPIO\d+", page))) for page in pages]
    assert said[0] == said[1]
    assert {int(gpio[4:]) for gpio in said[0]} <= PLANNED


def test_no_other_page_names_a_wrong_pin() -> None:
    pages = {str(path): wrong_pins(path.read_text(encoding="utf-8")) for path in DOCS.rglob("*.md")}
    assert {path: wrong for path, wrong in pages.items() if wrong} == {}


def test_a_pin_that_is_not_the_gpios_is_seen() -> None:
    assert wrong_pins("GPIO17 (pin 12), GPIO17 (header pin 11), GPIO4\u00a0(broche\u00a08)") == [
        "GPIO17 (pin 12)", "GPIO4 (pin 8)",
    ]  # fmt: skip


def test_each_drawing_stands_once_in_each_language_with_its_words() -> None:
    drawings = {path.name for path in (DOCS / "drawings").glob("*.svg")}
    for lang, pages in (("en", [english(name) for name in TWINS]), ("fr", [french(name) for name in TWINS])):
        shown = re.findall(r"!\[([^\]]*)\]\([./]*drawings/([^)]+)\)", "\n".join(pages))
        assert sorted(file for _, file in shown) == sorted(name for name in drawings if f".{lang}." in name)
        assert min(len(words) for words, _ in shown) > 20


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_lamps_table_is_the_codes(lang: str) -> None:
    page = {"en": english, "fr": french}[lang]("start.md")
    table = lamp_table()
    page = page.replace("\u00a0", " ")
    for row in table.state:
        assert f"| {row.look[lang]} | {row.means[lang]} | {row.do[lang]} |" in page
    for heard in table.heard:
        assert re.search(rf"^\| {heard.flashes} [^|]+\| {re.escape(heard.means[lang])} \|", page, re.MULTILINE)


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_dead_box_page_has_a_part_for_each_pattern_of_the_lamp(lang: str) -> None:
    page = {"en": english, "fr": french}[lang]("dead-box.md")
    headings = re.findall(r"^### (.*)$", page, re.MULTILINE)
    for row in lamp_table().state:
        assert f"| [{row.look[lang]}](#" in page
        assert any(heading.lower().startswith(row.look[lang]) for heading in headings), row.name


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_addresses_of_the_page_are_those_that_chips_have(lang: str) -> None:
    page = {"en": english, "fr": french}[lang]("wiring.md")
    rows = re.findall(r"^\| (0x[0-9a-f]{2})[^|]*\| ([^|]+)\| ([^|]+)?\|$", page, re.MULTILINE)
    known = {part: set(chip.addresses) for chip in KNOWN for part in re.split(r"\W+", chip.name) if part}
    assert len(rows) == 9
    for first, who, other in rows:
        chips = [word for word in re.findall(r"\w+", who) if word in known and any(map(str.isdigit, word))]
        if first == "0x57":
            continue  # nothing of ours: only told so that nobody wonders
        assert chips, who
        for chip in chips:
            assert {
                int(address, 16) for address in [first, *re.findall(r"0x[0-9a-f]{2}", other.split("**")[0])]
            } <= known[chip]
    told = {name for name in known if name in page}
    assert {"BH1750", "INA219", "SHT3x", "ADS1115", "SCD40", "DS3231", "BME280"} <= told


def test_the_commands_of_the_pages_are_those_of_the_program() -> None:
    pages = "\n".join([english(name) + french(name) for name in TWINS])
    named = set(re.findall(r"`vigie ([a-z]+)", pages))
    assert named >= {"check", "scan", "doctor"}
    assert named <= set(VERBS)


def test_the_refused_file_of_the_pages_is_what_the_box_writes() -> None:
    rig = Rig()
    rig.put("vigie.toml", CARD)
    assert rig.take().state == "applied"
    rig.now_s += 3 * 86_400 + 1080
    second = CARD[CARD.index("[[point]]") : CARD.index("[start]")].replace("water.cold", "gas").replace("0.001", "0.01")
    wrong = CARD.replace("[start]", f"peroid_s = 60\n\n{second}[start]").replace(
        'weight_unit = "m3"\n\np', 'weight_unit = "m3"\np'
    )
    rig.put("vigie.toml", wrong.replace("broker.", "http://broker."))
    assert (rig.take().state, rig.take().faults) == ("refused", 3)
    told = rig.on_card("vigie-errors.txt").removeprefix("\ufeff").replace("\r\n", "\n")
    assert f"```text errors\n{told}```\n" in english("start.md")
    assert f"```text errors\n{told}```\n" in french("start.md")


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_text_of_a_passed_test_is_the_boxs(lang: str) -> None:
    passed = Verdict(True, 23, [], 38.2, "sms", "", "sms", 0, Meter("tic.index", 14_253_700, "Wh"))
    when = {"en": "20 Nov 10:42", "fr": "20/11 10:42"}[lang]
    facts = TrialFacts("b0042", "Gymnase Sud", when, names={"tic.index": {"en": "Linky"}}, signal="GSM 4/5")
    page = {"en": english, "fr": french}[lang]("leave.md")
    assert textwrap.indent(trial_sms(passed, facts, lang), "    ") + "\n\n" in page


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_what_an_installer_texts_is_understood(lang: str) -> None:
    page = {"en": english, "fr": french}[lang]
    texted = set(
        re.findall(
            r"`([A-Z]{4,}(?: [a-z]+)?)`|^ {4}([A-Z]{4,} [a-z].*)$", page("leave.md") + page("dead-box.md"), re.MULTILINE
        )
    )
    words = {what: [said[lang].split()[0]] for what, said in EXAMPLES.items()}
    understood = {asked("".join(text), words).what for text in texted}
    assert understood == {"test", "status", "read", "meter.set"}


@pytest.mark.skipif(shutil.which("xz") is None, reason="needs Debian's xz-utils")
@pytest.mark.parametrize("page", [english("flash.md"), french("flash.md")], ids=["en", "fr"])
def test_a_card_is_written_by_the_commands_of_the_page_and_not_from_a_damaged_file(tmp_path: Path, page: str) -> None:
    commands = re.findall(r"^ {4}\$ (.*)$", page.split("<!-- run: dd -->", 1)[1].split("\n\n", 2)[0], re.MULTILINE)
    assert len(commands) == 2
    lines = "\n".join(commands).replace("sudo ", "").replace("of=/dev/sdX", "conv=notrunc of=sdX")
    image, packed, card = os.urandom(5000) + bytes(9000), tmp_path / "vigie-0.1.0.img.xz", tmp_path / "sdX"
    packed.write_bytes(lzma.compress(image))
    card.write_bytes(bytes(20_000))
    hashes = [f"{'0' * 64}  cfg/vigie-example.toml", *manifest.lines({}, [packed]), ""]
    (tmp_path / "vigie-0.1.0.manifest").write_text("\n".join(hashes))

    def carried_out() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-ec", lines], cwd=tmp_path, check=False, capture_output=True, text=True)

    whole = packed.read_bytes()
    packed.write_bytes(whole[:-1])
    assert carried_out().returncode != 0
    assert card.read_bytes() == bytes(20_000)
    packed.write_bytes(whole)
    assert carried_out().stdout == "vigie-0.1.0.img.xz: OK\n"
    assert card.read_bytes() == image + bytes(6000)


@pytest.mark.parametrize("name", TWINS)
def test_punctuation_of_a_french_page_never_begins_a_line(name: str) -> None:
    assert plain_spaces(french(name)) == []


def test_a_plain_space_before_punctuation_is_seen() -> None:
    assert plain_spaces("oui ; non\u00a0; `a ; b` | : |") == ["oui ;"]
    assert plain_spaces("« oui »") == ["« ", "oui »"]
