"""What people can text: each verb's and question's words, what of the site it is about, and what answers a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol

from edge.core import units
from edge.core.entered import RefusedValueError, number
from edge.core.report import Length, Report
from edge.core.verbs import VERBS
from edge.core.view import ValueView
from edge.settings import sms_answers
from edge.settings.report_sms import report_sms
from edge.settings.sms_answers import BoxFacts
from edge.settings.sms_speech import Speech, fitting
from sms.arguments import arguments
from sms.commands import EXAMPLES, Asked, Known, folded
from sms.gsm7 import gsm7

QUESTIONS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "status": {"en": ("status",), "fr": ("etat",)},
    "read": {"en": ("read",), "fr": ("lire",)},
    "alarms": {"en": ("alarms",), "fr": ("alarmes",)},
    "report": {"en": ("report",), "fr": ("rapport",)},
    "diag": {"en": ("diag",), "fr": ("diag",)},
    "credit": {"en": ("credit",), "fr": ("credit",)},
    "help": {"en": ("help", "?"), "fr": ("aide",)},
}
"""What is answered without a code: the answer goes only to the number that asked, if it is listed."""
CODES: Final = frozenset({"ack", "confirm"})
"""Verbs whose code is what counts."""
ABOUT: Final[Mapping[str, str]] = {
    "set": "setpoints", "relay": "outputs", "tariff": "tariffs", "shelve": "values", "maintenance": "equipment",
    "meter.set": "meters", "meter.read": "meters", "read": "values",
}  # fmt: skip
"""The view that knows what a verb may name."""
NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "status": ("costs", "meters", "alarms"), "alarms": ("alarms",), "diag": ("values", "alarms"), "ack": ("alarms",),
    **{what: (view,) for what, view in ABOUT.items()},
}  # fmt: skip
"""The views that a question or an order asks the station for."""
Views = Mapping[str, Any]


class Reports(Protocol):
    """What makes reports: `edge.runtime.desk.RunningBox.report`."""

    def __call__(self, length: Length, day: date) -> Report:
        """Raise ValueError for a day to come, LookupError, OSError or TimeoutError where there is none."""


def words() -> dict[str, list[str]]:
    """Return what people write for each question and order that has a form for texts."""
    table = {**{name: verb.words for name, verb in VERBS.items() if name in EXAMPLES}, **QUESTIONS}
    return {what: [word for own in by_lang.values() for word in own] for what, by_lang in table.items()}


# -- names on the site


def _ids(name: str) -> Callable[[Sequence[Any]], Known]:
    return lambda views: {getattr(view, name): tuple(view.name.values()) for view in views}


def _tariffs(view: Mapping[str, Any]) -> Known:
    return {name: tuple(versions[-1]["name"].values()) for name, versions in view["tariffs"].items()}


def _limits(views: Sequence[ValueView]) -> Known:
    return {limit.id: () for view in views for limit in view.limits}


_KNOWN: Final[Mapping[str, Callable[[Any], Known]]] = {
    "set": _ids("id"), "relay": _ids("output"), "tariff": _tariffs,
    "shelve": _limits, "maintenance": _ids("equipment"), "meter.set": _ids("point"), "meter.read": _ids("point"),
    "read": _ids("point"),
}  # fmt: skip


def _prices(view: Mapping[str, Any]) -> Known:
    """Return by tariff the names of all that an order can change, of its newest version."""
    found = {}
    for name, versions in view["tariffs"].items():
        newest = versions[-1]
        standing = [charge["name"] for charge in newest.get("standing", ())]
        found[name] = [*newest.get("prices", {}), *newest.get("taxes", {}), *standing, "coefficient"]
    return found


def _unit(views: Sequence[Any], name: str, id_: str) -> str:
    return next((view.unit for view in views if getattr(view, name) == id_), "")


def _without_unit(value: str, unit: str) -> str:
    """Return a value without its own unit as phones write it: 90 C, 482.1 m3; any other stays, to be refused."""
    shown = units.shown(unit)
    written = folded(gsm7(shown.name))
    is_own = bool(written) and shown.factor == 1 and folded(gsm7(value)).endswith(written)
    return value[: -len(written)].rstrip() if is_own and value[: -len(written)].rstrip()[-1:].isdigit() else value


def args_of(order: Asked, views: Views) -> dict[str, Any]:
    """Return the args of an order or of READ. Raises UnclearError; RefusedValueError for a number in another unit."""
    about = views.get(ABOUT.get(order.what, ""))
    if about is None:
        return arguments(order, {})
    args = arguments(order, _KNOWN[order.what](about), _prices(about) if order.what == "tariff" else None)
    if order.what == "set" and "value" in args:
        args["value"] = _without_unit(args["value"], _unit(about, "id", args["target"]))
    if args.get("to") == "toggle":  # what is told now is what will be done when its code comes
        wanted = next(view.wanted for view in about if view.output == args["output"])
        args["to"] = "off" if wanted == "on" else "on"
    if unit := args.pop("unit", ""):
        own = _unit(about, "point", args["point"])
        try:
            number(_without_unit(f"{args['value']} {unit}", own), own)
        except RefusedValueError as exc:
            raise RefusedValueError(exc.text.key, target=args["point"], **exc.text.values) from exc
    return args


# -- questions


def answer(to: Speech, question: Asked, views: Views, facts: BoxFacts) -> str:
    """Return what a question is answered with; REPORT is answered elsewhere. Raises UnclearError."""
    if question.what == "read":
        point = args_of(question, views)["point"]
        return sms_answers.read(to, next(value for value in views["values"] if value.point == point))
    if question.what == "alarms":
        return sms_answers.alarms(to, views["alarms"])
    if question.what == "status":
        return sms_answers.status(to, views["costs"], views["meters"], views["alarms"], facts)
    if question.what == "diag":
        return sms_answers.diag(to, views["values"], views["alarms"], facts)
    return sms_answers.credit(to, facts) if question.what == "credit" else fitting([to.say("help")])


def reported(to: Speech, question: Asked, report: Reports) -> str:
    """Return the report of a day, of yesterday where none is said, or of this month so far. Raises UnclearError."""
    span = arguments(question, {})
    if to.utc_ms is None:
        return fitting([to.say("undated_report", box=to.box)])
    day = datetime.fromtimestamp(to.utc_ms / 1000, to.zone).date()
    if "day" in span:
        day = day - timedelta(days=1) if span["day"] == "yesterday" else date.fromisoformat(span["day"])
    try:
        return report_sms(report("month" if "month" in span else "day", day), to.lang)
    except ValueError as exc:
        return fitting([to.say("future" if str(exc) == "future" else "no_history", box=to.box)])
    except (LookupError, OSError):  # TimeoutError is an OSError
        return fitting([to.say("no_history", box=to.box)])
