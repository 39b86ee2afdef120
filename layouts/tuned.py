"""What feedback teaches, how a training goes, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from data.finetuning import Teaching
from data.text import gettext as _
from data.text import ngettext
from data.types import Job, JobState, ModelVersion, Verdict
from layouts.figures.tuning import FIGURES, curves
from layouts.jobs import live, outcome
from layouts.parts import icon, link, number, percent, stat_card

__all__ = ["Made", "children_line", "curve_box", "made_box", "nothing_taught", "teaching_box", "told"]

_GRAPH = {"height": "300px"}
_SHOWN_EVENTS = 12
_MARK = f"feedback add {{dataset}} SAMPLE --kind verdict --choice {Verdict.WRONG_REASON} --must-not-look MASK.png"


@dataclass(frozen=True, slots=True)
class Made:
    """A version that was fine-tuned, and where to go from it.

    Attributes:
        dataset: On which it was taught.
        compare: Address of the comparison with its parent; None where one of them was not applied to the dataset.
    """

    version: ModelVersion
    dataset: str
    compare: str | None


def teaching_box(taught: Teaching, dataset: str) -> Component:
    """What the feedback amounts to, counted."""
    cards = [
        stat_card(_("Samples that teach"), number(len(taught.lessons)), icon_name="chat-left-text"),
        stat_card(_("With a class"), number(taught.labelled), _by_class(taught.classes) or None, "tag"),
        stat_card(_("Where it must not look"), number(taught.must_not_look), icon_name="slash-circle"),
        stat_card(_("Where it should look"), number(taught.should_look), icon_name="eye"),
    ]
    notes = []
    if taught.contradicted:
        notes.append(
            ngettext(
                "People give different classes to {count} sample: its regions count, its class does not.",
                "People give different classes to {count} samples: their regions count, their classes do not.",
                taught.contradicted,
            )
        )
    if taught.flagged:
        notes.append(
            ngettext("{count} flagged sample is left out.", "{count} flagged samples are left out.", taught.flagged)
        )
    if taught.unknown:
        names = ", ".join(f"{name} ({count})" for name, count in sorted(taught.unknown.items())[:_SHOWN_EVENTS])
        notes.append(_("The version has no class of these names, so they cannot be learnt: {names}.", names=names))
    return html.Div(
        [
            html.Div(cards, className="stat-row"),
            *(html.P([icon("info-circle"), " ", note], className="quiet adjust-note") for note in notes),
            html.A(_("Look at the feedback"), href=link("/feedback", {"dataset": dataset})),
        ],
        className="adjust-teaching",
    )


def _by_class(classes: Mapping[str, int]) -> str:
    most = sorted(classes.items(), key=lambda one: (-one[1], one[0]))
    named = ", ".join(f"{name} {number(count)}" for name, count in most[:4])
    return f"{named}, …" if len(most) > 4 else named


def nothing_taught(taught: Teaching, dataset: str, reference: str) -> Component:
    """What stands there where nothing can be learnt, and what to do about it."""
    here = {"dataset": dataset, "model": reference}
    return html.Div(
        [
            html.P(
                _(
                    "Nothing on this dataset teaches the version anything yet. Give a sample another class on its "
                    "page, or say on the command line where the model must not look, with an image of the region:"
                )
            ),
            html.Code(_MARK.format(dataset=dataset)),
            html.Div(
                [
                    html.A(
                        [icon("grid-3x3-gap"), _("Choose a sample")],
                        href=link("/browse", {**here, "outcome": "wrong"}),
                        className="btn btn-sm btn-outline-primary",
                    ),
                    html.A(
                        [icon("chat-left-text"), _("Look at the feedback")],
                        href=link("/feedback", {"dataset": dataset}),
                        className="btn btn-sm btn-outline-secondary",
                    ),
                ],
                className="doors",
            ),
            teaching_box(taught, dataset) if taught.touched else None,
        ],
        className="adjust-teaching",
    )


def curve_box(before: Mapping[str, Any], curve: Sequence[Mapping[str, Any]], kept: int | None = None) -> Component:
    """The curves; see `layouts.figures.tuning.curves`."""
    words = _("Figures before the training and after each epoch")
    return html.Div(
        dcc.Graph(figure=curves(before, curve, kept), config={"displayModeBar": False}, responsive=True, style=_GRAPH),
        role="img",
        **{"aria-label": words},
    )


def told(job: Job, dataset: str, now: datetime) -> list[Component | None]:
    """How far a training or an application is, and where to look at what came of it."""
    lines = live(job, now)
    if job.error:
        lines.append(html.P([icon("exclamation-triangle"), job.error], className="job-error"))
    result = job.result or {}
    if job.state is JobState.DONE and job.kind == "finetune":
        reference = f"{result['model']}@{result['version']}"
        lines.append(
            html.A(
                [icon("arrow-right"), _("Look at {name}", name=reference)],
                href=link("/adjust", {"dataset": dataset, "model": reference}),
                className="btn btn-sm btn-primary",
            )
        )
    elif job.state is JobState.DONE:
        lines.append(html.Div(outcome(job), className="job-outcome"))
    return lines


def made_box(made: Made) -> Component:
    """A fine-tuned version: what it comes from, what it was taught, before and after, and the ways on and back."""
    version = made.version
    facts = version.notes["finetune"]
    parent = f"{version.model}@{version.parent}"
    back = html.A(
        [icon("arrow-counterclockwise"), _("Go back to {name}", name=parent)],
        href=link("/adjust", {"dataset": made.dataset, "model": parent}),
        className="btn btn-sm btn-outline-secondary",
    )
    doors = [
        html.A(
            [icon("arrow-left-right"), _("Compare with {name}", name=parent)],
            href=made.compare,
            className="btn btn-sm btn-outline-primary",
        )
        if made.compare
        else None,
        back,
    ]
    return html.Div(
        [
            html.H2(_("How {name} was made", name=version.reference)),
            html.Div(doors, className="doors"),
            html.Div(
                [
                    _before_and_after(facts["metrics"]),
                    curve_box(facts["metrics"]["before"], facts["curve"], facts["epoch"]),
                ],
                className="adjust-columns",
            ),
            html.Details([html.Summary([icon("info-circle"), _("Where it comes from")]), _lineage(version, parent)]),
        ],
        className="adjust-result",
    )


def _before_and_after(metrics: Mapping[str, Mapping[str, float | None]]) -> Component:
    before, after = metrics["before"], metrics["after"]
    known = [name for name in FIGURES if after.get(name) is not None]
    tests = [name for name in after if name.endswith("_accuracy") and name not in FIGURES]
    rows = [(_(FIGURES[name]), name) for name in known]
    rows += [(_("{split} samples right", split=name.removesuffix("_accuracy")), name) for name in tests]
    return html.Table(
        [
            html.Caption(_("Before and after"), className="visually-hidden"),
            html.Thead(
                html.Tr(
                    [
                        html.Th(_("Figure"), scope="col"),
                        html.Th(_("before"), scope="col", className="figures"),
                        html.Th(_("after"), scope="col", className="figures"),
                        html.Th(_("change"), scope="col", className="figures"),
                    ]
                )
            ),
            html.Tbody([_row(title, before.get(name), after.get(name)) for title, name in rows]),
        ],
        className="table table-sm version-table",
    )


def _row(title: str, before: float | None, after: float | None) -> Component:
    change = "—" if before is None or after is None else _("{points} points", points=f"{100 * (after - before):+.1f}")
    return html.Tr(
        [
            html.Th(title, scope="row"),
            html.Td(percent(before), className="figures"),
            html.Td(percent(after), className="figures"),
            html.Td(change, className="figures"),
        ]
    )


def _lineage(version: ModelVersion, parent: str) -> Component:
    facts = version.notes["finetune"]
    events = facts["events"]
    named = ", ".join(map(str, events[:_SHOWN_EVENTS])) + (", …" if len(events) > _SHOWN_EVENTS else "")
    samples, settings = facts["samples"], facts["parameters"]
    pairs: list[tuple[str, Component | str]] = [
        (_("Parent"), html.A(parent, href=link("/models", {"model": parent}))),
        (_("Digest"), html.Code(version.digest[:16], title=version.digest)),
        (
            _("Dataset"),
            html.Span([facts["dataset"], " ", html.Code(facts["dataset_digest"][:16], title=facts["dataset_digest"])]),
        ),
        (
            _("Feedback"),
            html.A(
                ngettext("{count} event: {named}", "{count} events: {named}", len(events), named=named),
                href=link("/feedback", {"dataset": facts["dataset"], "person": settings.get("person")}),
            ),
        ),
        (
            _("Samples"),
            _(
                "{taught} taught, {unchanged} unchanged, {held_out} held out",
                **{name: number(samples[name]) for name in ("taught", "unchanged", "held_out")},
            ),
        ),
        (_("Epoch kept"), _("{n} of {total}", n=facts["epoch"], total=len(facts["curve"]))),
        (
            _("Settings"),
            ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items() if value is not None),
        ),
        (_("Time"), _("{n} s", n=f"{facts['seconds']:,.0f}")),
    ]
    return html.Dl([part for name, value in pairs for part in (html.Dt(name), html.Dd(value))], className="pairs")


def children_line(children: Sequence[str], dataset: str) -> Component | None:
    """Versions that were made from the one that is shown."""
    if not children:
        return None
    links: list[Component | str] = [_("Made from this version: ")]
    for place, reference in enumerate(children):
        links += [
            ", " if place else "",
            html.A(reference, href=link("/adjust", {"dataset": dataset, "model": reference})),
        ]
    return html.P(links, className="adjust-children")
