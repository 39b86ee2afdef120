"""Models: every version with what it is, where it comes from, how good it is, and what its network consists of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import lazy, ngettext
from data.types import ModelVersion, Run, Unscored
from layouts import ids
from layouts.parts import empty_state, icon, link, number, page_header, percent
from layouts.unscored import unscored_words

__all__ = ["Measured", "layout", "no_models", "version_card", "version_list"]

_CLASSES = 40
_LONGEST = 200
# Facts of a version that have a page of their own.
_MADE = {"finetune": lazy("Fine-tuned"), "adjusted": lazy("Adjusted"), "adjustment": ""}
_ADD = "python -m dashboard model add net --arch torchvision:resnet18 --weights FILE"


@dataclass(frozen=True, slots=True)
class Measured:
    """How a version did on one dataset.

    Attributes:
        other: The reference of a version to compare with on this dataset, the one before it if there is one.
        unscored: Why it has no accuracy there.
    """

    run: Run
    other: str | None
    unscored: Unscored | None = None


def layout(**parameters: Any) -> Component:
    """The skeleton; the architecture comes after the rest, because a worker may have to look at the network first."""
    return html.Div(
        [
            dcc.Store(id=ids.MODELS_STATE, data=parameters),
            dcc.Store(id=ids.MODELS_LAYERS),
            dcc.Store(id=ids.MODELS_DRAWN),
            page_header(_("Models"), _("Every version: what it is, where it comes from, how good it is.")),
            html.Div(
                [
                    html.Nav(id=ids.MODELS_LIST, className="models-list", **{"aria-label": _("Model versions")}),
                    html.Div(
                        [
                            html.Div(id=ids.MODELS_VERSION),
                            html.Section(
                                [
                                    html.Div(
                                        [
                                            html.H2(_("Architecture")),
                                            html.Button(
                                                [icon("arrow-repeat"), html.Span(_("Try again"))],
                                                id=ids.MODELS_RETRY,
                                                className="btn btn-sm btn-outline-secondary",
                                                hidden=True,
                                            ),
                                        ],
                                        className="section-head",
                                    ),
                                    dcc.Loading(
                                        html.Div(id=ids.MODELS_ARCHITECTURE, className="loading"), delay_show=300
                                    ),
                                    html.Div(id=ids.MODELS_TREE),
                                ],
                                id=ids.MODELS_ARCHITECTURE_BOX,
                                className="surface architecture-box",
                                hidden=True,
                            ),
                        ],
                        className="models-detail",
                    ),
                ],
                className="with-models",
            ),
        ],
        className="page page-models",
    )


def no_models() -> Component:
    """What stands in place of an empty list."""
    text = html.Div([html.P(_("Add your network in a terminal:")), html.Pre(html.Code(_ADD), tabIndex="0")])
    return empty_state("boxes", _("No model yet"), text)


def version_list(
    versions: Sequence[ModelVersion], runs: Mapping[str, Sequence[Run]], chosen: str, parameters: Mapping[str, Any]
) -> list[Component]:
    """All versions under their models, newest first.

    Args:
        runs: Of each version, by its reference.
        chosen: The reference of the version that is shown.
        parameters: The page's, which the links keep.
    """
    models = dict.fromkeys(version.model for version in versions)
    return [
        html.Div(
            [
                html.H2(model),
                html.Ul(
                    [
                        html.Li(_entry(version, runs.get(version.reference, ()), chosen, parameters))
                        for version in sorted(versions, key=lambda version: -version.version)
                        if version.model == model
                    ]
                ),
            ],
            className="surface model-box",
        )
        for model in models
    ]


def _entry(version: ModelVersion, runs: Sequence[Run], chosen: str, parameters: Mapping[str, Any]) -> Component:
    current = version.reference == chosen
    known = [run for run in runs if run.accuracy is not None]
    best = f"{percent(known[0].accuracy)} · {known[0].dataset}" if known else _("not measured")
    return html.A(
        [
            html.Span(_("Version {n}", n=version.version), className="version-name"),
            html.Span(best, className="quiet"),
            html.Span(version.arch, className="arch quiet", title=version.arch),
        ],
        href=link("/models", {**parameters, "model": version.reference}),
        className="version-entry" + (" current" if current else ""),
        **({"aria-current": "page"} if current else {}),
    )


def version_card(version: ModelVersion, measured: Sequence[Measured]) -> Component:
    """One version: facts, accuracy on each dataset, classes and notes."""
    return html.Div(
        [
            html.Section(
                [html.H2(version.reference), html.Div([_facts(version), _origin(version)], className="fact-columns")],
                className="surface",
            ),
            html.Section([html.H2(_("Accuracy")), _measured(version, measured)], className="surface"),
            html.Section([html.H2(_("Classes")), _classes(version)], className="surface"),
        ],
        className="version-card",
    )


def _facts(version: ModelVersion) -> Component:
    prepared = version.preprocessing
    channels = _("grey") if len(prepared.mean) == 1 else _("RGB")
    fit = (
        _("both sides resized to {n} px", n=prepared.resize)
        if prepared.squash
        else _("shorter side resized to {n} px, centre cut out", n=prepared.resize)
    )
    return _pairs(
        [
            (_("Parameters"), number(version.parameters)),
            (_("Input"), f"{prepared.image_size} × {prepared.image_size} px, {channels}"),
            (_("Preprocessing"), f"{fit}, {prepared.interpolation}"),
            (_("Mean"), _numbers(prepared.mean)),
            (_("Standard deviation"), _numbers(prepared.std)),
            (_("Outputs"), number(version.outputs)),
            (
                _("Embedding"),
                _("{n} numbers, the input of {layer}", n=number(version.embedding_dim), layer=version.embedding_layer),
            ),
            (_("Explained at"), version.explain_layer or _("no layer: it has no grid of features")),
        ]
    )


def _origin(version: ModelVersion) -> Component:
    parent = f"{version.model}@{version.parent}" if version.parent else None
    listed: list[tuple[str, Component | str]] = [
        (_("Architecture"), html.Code(version.arch)),
        (_("Digest"), html.Code(version.digest[:16], title=version.digest)),
        (_("Added"), _when(version.created_at)),
        (_("Parent"), html.A(parent, href=link("/models", {"model": parent})) if parent else _("none")),
    ]
    notes: list[tuple[str, Component | str]] = [
        (name.replace("_", " "), _note(name, value)) for name, value in version.notes.items() if name not in _MADE
    ]
    for name, title in _MADE.items():
        if version.notes.get(name, {}).get("dataset"):
            here = {"dataset": version.notes[name]["dataset"], "model": version.reference}
            notes.append((_(title), html.A(_("how it was made"), href=link("/adjust", here))))
    return _pairs([*listed, *notes])


def _when(at: datetime) -> Component:
    return html.Time(f"{at:%Y-%m-%d %H:%M}", dateTime=at.isoformat(timespec="seconds"))


def _note(name: str, value: Any) -> str:
    if name == "flops" and isinstance(value, int):
        return _("{n} million operations an image", n=f"{value / 1e6:,.1f}")
    if isinstance(value, float):
        return percent(value) if name.endswith("accuracy") else f"{value:.4g}"
    text = number(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _pairs(pairs: Sequence[tuple[str, Component | str]]) -> Component:
    return html.Dl([part for name, value in pairs for part in (html.Dt(name), html.Dd(value))], className="pairs")


def _measured(version: ModelVersion, measured: Sequence[Measured]) -> Component:
    if not measured:
        command = f"python -m dashboard index DATASET {version.reference}"
        return html.Div(
            [
                html.P(_("This version was not applied to any dataset yet. Do it in a terminal:"), className="quiet"),
                html.Pre(html.Code(command), tabIndex="0"),
            ]
        )
    splits = list(dict.fromkeys(split for one in measured for split in one.run.split_accuracy))
    titles = [(_("Dataset"), ""), *((split, "figures") for split in splits), (_("all"), "figures")]
    titles += [(_("Samples"), "figures"), (_("Open"), "")]
    head = [html.Th(title, scope="col", className=style) for title, style in titles]
    table = html.Table(
        [
            html.Caption(_("Accuracy on each dataset"), className="visually-hidden"),
            html.Thead(html.Tr(head)),
            html.Tbody([_measurement(one, splits) for one in measured]),
        ],
        className="table table-sm version-table",
    )
    reasons = [
        html.P([html.Strong(one.run.dataset), " ", unscored_words(one.unscored)], className="quiet")
        for one in measured
        if one.unscored
    ]
    return html.Div([html.Div(table, className="table-responsive"), *reasons])


def _measurement(one: Measured, splits: Sequence[str]) -> Component:
    run = one.run
    here = {"dataset": run.dataset, "model": run.reference}
    doors = [html.A([icon("grid-3x3-gap"), _("Browse")], href=link("/browse", here))]
    if one.other:
        address = link("/compare", {"dataset": run.dataset, "model": one.other, "other": run.reference})
        text = _("Compare with {name}", name=one.other)
        doors.append(html.A([icon("arrow-left-right"), text], href=address))
    shares = [*(run.split_accuracy.get(split) for split in splits), run.accuracy]
    return html.Tr(
        [
            html.Th(run.dataset, scope="row"),
            *(html.Td(percent(share), className="figures") for share in shares),
            html.Td(number(run.samples), className="figures"),
            html.Td(html.Div(doors, className="doors")),
        ]
    )


def _classes(version: ModelVersion) -> Component:
    if not version.classes:
        text = _(
            "This version has no names of its own: those of a dataset with {n} classes are taken.", n=version.outputs
        )
        return html.P(text, className="quiet")
    shown = version.classes[:_CLASSES]
    more = len(version.classes) - len(shown)
    return html.Div(
        [
            html.Ol([html.Li(name) for name in shown], className="class-names"),
            html.P(ngettext("and {count} more", "and {count} more", more), className="quiet") if more else None,
        ]
    )
