"""A site's file becomes Settings, or is refused with every fault and its place.

The order: text, TOML, each table by its declaration, rules between tables. Whoever runs on the last good settings keeps
them: nothing here changes anything.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.settings import model
from edge.settings.draft import Draft, drafted
from edge.settings.equipment import implied_equipment
from edge.settings.faults import Fault, Faults, SettingsError
from edge.settings.implied import implied_limits
from edge.settings.model_card import Modem
from edge.settings.rules_calculated import check_calculated
from edge.settings.rules_card import check_card, refuse_plain
from edge.settings.rules_equipment import check_equipment
from edge.settings.rules_limits import check_limits
from edge.settings.rules_meters import check_meters
from edge.settings.rules_orders import check_orders
from edge.settings.rules_outputs import check_outputs
from edge.settings.rules_points import check_points
from edge.settings.rules_recipients import check_recipients
from edge.settings.rules_rules import check_rules
from edge.settings.rules_site import check_site
from edge.settings.rules_sms import check_sms
from edge.settings.rules_tariff import check_tariffs
from edge.settings.rules_wiring import check_wiring
from edge.settings.syntax import tables_of, text_of
from edge.settings.tables import REPEATED, SEVERAL, SINGLE
from edge.settings.templates import expanded

RULES: Final = (
    check_points, check_limits, check_outputs, check_orders, check_rules, check_wiring, check_tariffs, check_site,
    check_equipment, check_meters, check_calculated, check_recipients, check_sms, check_card,
)  # fmt: skip
"""What is looked at between tables, each (draft, faults) -> None, in this order."""
MOST_BYTES = 4_000_000  # a site of 10,000 points is 2 MB; what is larger is another file
MOST_CARD_BYTES = 1_000_000  # an installer's file: 5,000 points; a Pi has to judge it before anything else starts


def load(path: str | os.PathLike[str]) -> model.Settings:
    """Return the settings of a file; raises SettingsError with all its faults, also when it can't be read."""
    return _loaded(path, with_advice=False)[0]


def checked(path: str | os.PathLike[str]) -> tuple[model.Settings, list[Fault]]:
    """Return the settings of a file and what is allowed in it and probably not meant; raises SettingsError.

    It may be meant for a card: secrets in plain are a warning.
    """
    return _loaded(path, with_advice=True)


def of_card(content: bytes, name: str) -> tuple[model.Settings, str]:
    """Return settings and text of an installer's file, in which secrets may stand in plain; raises SettingsError.

    The text is without byte order mark, its lines end with LF.
    """
    text = _text(content, name, MOST_CARD_BYTES)
    found, _ = _checked(text, name, with_advice=False, is_card=True)
    return found, text.removeprefix("\ufeff").replace("\r\n", "\n")


def _loaded(path: str | os.PathLike[str], *, with_advice: bool) -> tuple[model.Settings, list[Fault]]:
    name = os.fspath(path)
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise SettingsError(name, [Fault(0, 0, "", "file.missing")]) from None
    except OSError as exc:
        fault = Fault(0, 0, "", "file.unreadable", {"why": exc.strerror or str(exc)})
        raise SettingsError(name, [fault]) from exc
    return _checked(_text(content, name, MOST_BYTES), name, with_advice=with_advice, is_card=with_advice)


def _text(content: bytes, name: str, most: int) -> str:
    if len(content) > most:
        raise SettingsError(name, [_too_large(most)])
    faults = Faults()
    text = text_of(content, faults)
    if text is None:
        raise SettingsError(name, faults.known)
    return text


def _too_large(most: int) -> Fault:
    return Fault(0, 0, "", "file.too_large", {"most": most // 1_000_000})


def loads(text: str, name: str = "settings") -> model.Settings:
    """Return the settings of a TOML text; raises SettingsError, whose places and messages call it `name`."""
    return _checked(text, name, with_advice=False, is_card=False)[0]


def _checked(text: str, name: str, *, with_advice: bool, is_card: bool) -> tuple[model.Settings, list[Fault]]:
    faults = Faults()
    readable, data = tables_of(text, faults)
    if data is None:
        raise SettingsError(name, sorted(faults.known, key=lambda fault: (fault.line, fault.column)))
    if not data and not faults:
        raise SettingsError(name, [Fault(1, 1, "", "file.empty")])
    tables, faults.origins = expanded(data, REPEATED, faults)
    draft = drafted(tables, faults)
    draft.rows["limit"] += implied_limits(draft)
    draft.rows["equipment"] += implied_equipment(draft)
    for check in RULES:
        check(draft, faults)
    if not is_card:
        refuse_plain(draft, faults)
    if faults:
        raise SettingsError(name, faults.placed(readable, {**data, **tables}))
    warnings = Faults()
    warnings.origins = faults.origins
    if with_advice:
        from edge.settings.advice import advise  # the service itself has nobody to advise

        advise(draft, warnings)
    return _settings(draft), warnings.placed(readable, {**data, **tables}) if warnings else []


def _settings(draft: Draft) -> model.Settings:
    """Return the settings of a draft without faults."""
    common = model.Point.__struct_fields__
    tables: dict[type[msgspec.Struct], Any] = {
        SINGLE[name]: SINGLE[name](**row.good) for name, row in draft.single.items()
    }
    tables |= {SEVERAL[name]: [SEVERAL[name](**row.good) for row in rows] for name, rows in draft.rows.items()}
    links = {name: row.good for name, row in draft.links.items()}
    if "sms" in links:  # one SIM, one PIN, wherever it is written
        links["sms"] = {"pin_file": tables.get(Modem, Modem()).pin_file, **links["sms"]}
    return model.Settings(
        box=tables[model.Box],
        site=tables[model.Site],
        buses={name: (row.good["kind"], row.options) for name, row in draft.buses.items()},
        points=[
            model.PointEntry(
                point=model.Point(**{key: value for key, value in row.good.items() if key in common}),
                options=row.options,
                device=row.device or "",
            )
            for row in draft.points
        ],
        display=tables.get(model.Display),
        led=tables.get(model.Led, model.Led()),
        history=tables.get(model.History, model.History()),
        links=msgspec.convert(links, model.Links),
        tables=tables,
    )
