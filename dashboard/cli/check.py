"""`check`: is the workspace whole, and how is it mended?"""

from dataclasses import asdict
from typing import Annotated

import typer

from dashboard.cli.terminal import terminal_of
from data.check import check_workspace

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command("check")(check)


def check(
    context: typer.Context,
    quick: Annotated[bool, typer.Option("--quick", help="Do not read every image again to compare digests.")] = False,
) -> None:
    """Verify digests, shards, files and the database, and say how to mend what is wrong."""
    terminal = terminal_of(context)
    services = terminal.services
    with terminal.progress("Checking") as report:
        findings = check_workspace(
            services.workspace, services.database, services.datasets, services.models, services.runs,
            services.jobs, read_images=not quick, progress=report,
        )  # fmt: skip
    text = [f"{finding.where}: {finding.problem}. {finding.remedy}" for finding in findings]
    terminal.result(
        {"ok": not findings, "findings": [asdict(finding) for finding in findings]},
        "\n".join(text) or "The workspace is whole.",
    )
    if findings:
        terminal.note(f"Error: {len(findings)} things in {services.workspace.root} need mending; each is named above")
        raise typer.Exit(1)
