"""What the documents say is what the program does."""

import re
from pathlib import Path

from dashboard.cli import build_app
from dashboard.settings import Settings
from inference.calibration import CALIBRATION
from inference.sources import SOURCES

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_readme_lists_every_setting_with_its_default_and_meaning() -> None:
    expected = [
        f"| `VITRINE_{name.upper()}` | {f'`{field.default}`' if field.default != '' else ''} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    table = [line for line in README.splitlines() if line.startswith("| `VITRINE_")]
    assert table == [line.replace("|  |", "| |") for line in expected]


def test_every_command_in_the_readme_exists() -> None:
    app = build_app()
    known = {info.name for info in app.registered_commands} | {group.name for group in app.registered_groups}
    used = set(re.findall(r"python -m dashboard (\w+)", README))
    assert used
    assert used <= known


def test_the_readme_names_every_kind_of_source() -> None:
    table = README[README.index("| `--source` |") : README.index("A PATH or FILE may be a URL")]
    assert set(re.findall(r"`([^`]+)`", table)) >= {kind.usage for kind in SOURCES.values()}


def test_what_is_said_of_the_trust_score_was_measured() -> None:
    text = (Path(__file__).parents[2] / "docs" / "trust.md").read_text(encoding="utf-8")
    found = CALIBRATION
    assert f"on {found.maps} maps, {found.good} of them right" in text
    assert f"maps with {found.high_from} or more | {found.high}, of which {found.high_right} " in text
    assert f"maps below {found.low_below} | {found.low}, of which {found.low_wrong} " in text
    assert f"| {100 * found.auc:.1f} % |" in text
