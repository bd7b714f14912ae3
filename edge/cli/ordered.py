"""An order to a running box, and its one answer for the person who gave it."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Mapping
from typing import Any

from edge.cli.client import Client
from edge.cli.console import EXIT_REFUSED, write_json, write_lines
from edge.cli.words import Words
from edge.core.commands import Command


def answer(client: Client, verb: str, wanted: Mapping[str, Any]) -> Any:
    """Give an order in the name of who is logged in; return the result as the API gives it."""
    from edge.cli.terminal import user_name

    return client.post("commands", Command(uuid.uuid4().hex, verb, dict(wanted), author=user_name()))


def ordered(client: Client, args: argparse.Namespace, verb: str, wanted: Mapping[str, Any], say: Words) -> int:
    """Give an order, print its result, as JSON where that is asked for, and return the exit code: 0, or 1 refused."""
    return told(answer(client, verb, wanted), args, say)


def told(result: Mapping[str, Any], args: argparse.Namespace, say: Words) -> int:
    """Print a result and return the exit code."""
    if args.json:
        write_json(result)
    else:
        write_lines([say.result(result["text"])])
    return 0 if result["done"] else EXIT_REFUSED
