"""What a command says and where: the result on standard output, progress and logs on standard error."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from dashboard.settings import Settings

if TYPE_CHECKING:
    from callbacks.services import Services

__all__ = ["Report", "Terminal", "terminal_of"]

_PLAIN_INTERVAL = 2.0


class Report(Protocol):
    """Called with (done, total, text) as work goes on; total is 0 while unknown."""

    def __call__(self, done: int, total: int, text: str = "") -> None: ...


class Terminal:
    """Where one command's output goes, and the services it works with."""

    def __init__(self, settings: Settings, *, json: bool, debug: bool) -> None:
        self.settings = settings
        self.json = json
        self.debug = debug
        self.errors = Console(stderr=True, highlight=False)
        self._output = sys.stdout

    @cached_property
    def services(self) -> "Services":
        """The services on the workspace, opened on first use: `serve` has no use for them and must start at once."""
        from dashboard.services import build_services

        return build_services(self.settings)

    def result(self, result: Mapping[str, Any], text: str) -> None:
        """Prints the command's one result: as JSON, or as a sentence for people."""
        if self.json:
            print(json.dumps(result, default=_plain, ensure_ascii=False), file=self._output)
        else:
            print(text)  # noqa: T201

    def table(self, name: str, entries: Sequence[Mapping[str, Any]], empty: str) -> None:
        """Prints a list: as one JSON object with the list under `name`, or as a table; `empty` says what to do."""
        if self.json:
            self.result({name: entries}, "")
            return
        if not entries:
            print(empty)  # noqa: T201
            return
        table = Table(box=None, pad_edge=False)
        for column in entries[0]:
            table.add_column(column.replace("_", " "))
        for entry in entries:
            table.add_row(*(_cell(value) for value in entry.values()))
        Console(highlight=False, soft_wrap=True).print(table)

    def note(self, text: str) -> None:
        """Says something on the way, on one line however long it is."""
        self.errors.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def progress(self, title: str) -> Iterator[Report]:
        """Shows how far the work is: a bar in a terminal, now and then a line elsewhere."""
        if not self.errors.is_terminal:
            yield _plain_report(title)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.errors, transient=True) as bar:
            task = bar.add_task(title, total=None)

            def report(done: int, total: int, text: str = "") -> None:
                bar.update(task, completed=done, total=total or None, description=f"{title} {text}".rstrip())

            yield report


def terminal_of(context: typer.Context) -> Terminal:
    """The terminal that the callback of the whole command line made."""
    terminal = context.obj
    if not isinstance(terminal, Terminal):
        raise TypeError("a command ran without the callback that makes its terminal")
    return terminal


def _plain_report(title: str) -> Report:
    last, said = time.monotonic(), ""

    def report(done: int, total: int, text: str = "") -> None:
        nonlocal last, said
        now = time.monotonic()
        amount = f"{done:,} of {total:,}" if total else f"{done:,}"
        line = f"{title}: {amount} {text}".rstrip()
        if now - last >= _PLAIN_INTERVAL and line != said:
            last, said = now, line
            print(line, file=sys.stderr, flush=True)  # noqa: T201

    return report


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} is no part of a result")


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value[:6])) + (" …" if len(value) > 6 else "")
    return str(value)
