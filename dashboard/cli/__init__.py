"""The command line: the script contract that tests and users rely on.

With `--json` a command prints exactly one JSON object on standard output; progress and logs go to standard error.
Exit status 0: done; 1: failed, with one clear line on standard error; 2: the command was not understood.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from dashboard.cli.terminal import Terminal
from dashboard.settings import load_settings
from data.errors import VitrineError

__all__ = ["build_app", "main"]

# Which module has which command. Only the one that is asked for is imported, so that `serve` is there at once.
_MODULES: Mapping[str, str] = {
    "dataset": "datasets",
    "model": "models",
    "index": "runs",
    "project": "runs",
    "predictions": "runs",
    "explain": "explain",
    "trust": "trust",
    "compare": "compare",
    "adjust": "adjust",
    "feedback": "feedback",
    "finetune": "finetune",
    "jobs": "jobs",
    "demo": "serving",
    "serve": "serving",
    "check": "check",
}
_EVERYWHERE = {"--json": False, "--debug": False, "--workspace": True}
_NAME = "python -m dashboard"
_EPILOG = "--workspace DIR, --json and --debug may stand before or behind any command."


def build_app(command: str | None = None) -> typer.Typer:
    """The command line with one command's module, or with all of them where the command is none that is known."""
    app = typer.Typer(
        name=_NAME,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        epilog=_EPILOG,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_everywhere)
    asked = _MODULES.get(command or "")
    for module in [asked] if asked else dict.fromkeys(_MODULES.values()):
        import_module(f"dashboard.cli.{module}").register(app)
    return app


def _everywhere(
    context: typer.Context,
    workspace: Annotated[
        Path | None, typer.Option(help="Folder that holds everything (VITRINE_WORKSPACE, default ./workspace).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Vitrine: look inside deep-learning models, together."""
    context.obj = Terminal(load_settings(workspace=workspace), json=json, debug=debug)
    if json:  # the result alone goes to standard output, whatever the code of a model prints
        context.with_resource(redirect_stdout(sys.stderr))


def main(arguments: Sequence[str]) -> int:
    """Runs one command; returns the exit status."""
    front, rest = _parted(arguments)
    arguments = front + rest
    try:
        typer.main.get_command(build_app(rest[0] if rest else None)).main(arguments, prog_name=_NAME)
    except SystemExit as done:
        return int(done.code or 0)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except VitrineError as error:
        return _failed(str(error), arguments, error)
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        return _failed(f"{error.strerror or error}{place}", arguments, error)
    except Exception as error:  # noqa: BLE001  # the contract: one clear line, whatever happened
        return _failed(f"{type(error).__name__}: {error}; run again with --debug for the traceback", arguments, error)
    return 0


def _failed(reason: str, arguments: Sequence[str], error: Exception) -> int:
    if "--debug" in arguments:
        raise error
    print("Error:", " ".join(reason.split()), file=sys.stderr)  # noqa: T201
    return 1


def _parted(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Parts the options that every command knows from the rest, wherever they stand; those behind `--` stay."""
    front: list[str] = []
    rest: list[str] = []
    queue = list(arguments)
    while queue:
        argument = queue.pop(0)
        if argument == "--":
            rest += [argument, *queue]
            break
        name, equals, _ = argument.partition("=")
        if name not in _EVERYWHERE:
            rest.append(argument)
            continue
        front.append(argument)
        if _EVERYWHERE[name] and not equals and queue:
            front.append(queue.pop(0))
    return front, rest
