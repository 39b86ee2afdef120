"""Compare: chooses two runs of a dataset, compares them, and opens the samples behind every number."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from callbacks.context import PageContext, Parameters, one, resolve
from callbacks.guard import guarded
from callbacks.services import Services
from callbacks.shell import write_address
from data.errors import InvalidInput
from data.selections import Selection
from data.text import gettext as _
from data.types import Dataset, Run
from inference.comparison import Comparison, compare
from layouts import ids
from layouts.compare import ALL_SPLITS, ClassRow, Figures, Side, Tally, cards, charts, class_table, needs_two
from layouts.figures.comparison import class_difference, confusion, confusion_difference, shown_classes
from layouts.parts import number, percent

__all__ = ["default_split", "pair", "register"]

_MAX_ROWS = 1000


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks."""

    @app.callback(
        Output(ids.COMPARE_A, "options"),
        Output(ids.COMPARE_A, "value"),
        Output(ids.COMPARE_B, "options"),
        Output(ids.COMPARE_B, "value"),
        Output(ids.COMPARE_SPLIT, "options"),
        Output(ids.COMPARE_SPLIT, "value"),
        Input(ids.COMPARE_PICKERS, "id"),
        State(ids.COMPARE_STATE, "data"),
    )
    @guarded(outputs=6, show=-1)
    def offer(_shown: str, state: dict[str, Any] | None) -> tuple[Any, ...]:
        return _offered(resolve(services, _plain(state)), state or {})

    @app.callback(
        Output(ids.COMPARE_RESULT, "children"),
        Output(ids.COMPARE_CHARTS, "hidden"),
        Output(ids.COMPARE_CLASSES, "figure"),
        Output(ids.COMPARE_CLASSES, "style"),
        Output(ids.COMPARE_CONFUSION_A, "figure"),
        Output(ids.COMPARE_CONFUSION_B, "figure"),
        Output(ids.COMPARE_CONFUSION_DIFFERENCE, "figure"),
        Output(ids.COMPARE_TABLE, "children"),
        Input(ids.COMPARE_STATE, "data"),
    )
    @guarded(outputs=8)
    def show(state: dict[str, Any] | None) -> tuple[Any, ...]:
        context = resolve(services, _plain(state))
        if len(context.runs) < 2:
            waiting = needs_two(context.dataset.name, [run.reference for run in context.runs])
            return waiting, True, *[no_update] * 5, None
        if not one(state or {}, "other") or not one(state or {}, "split"):
            return (no_update,) * 8  # the pickers are about to say which
        return _compared(services, context, one(state or {}, "split") or ALL_SPLITS)

    _register_clientside(app)


def _register_clientside(app: Dash) -> None:
    write_address(app, ids.COMPARE_STATE, ids.COMPARE_WRITTEN)
    app.clientside_callback(
        ClientsideFunction("pages", "compareState"),
        Output(ids.COMPARE_STATE, "data"),
        Input(ids.COMPARE_A, "value"),
        Input(ids.COMPARE_B, "value"),
        Input(ids.COMPARE_SPLIT, "value"),
        Input(ids.COMPARE_SWAP, "n_clicks"),
        State(ids.COMPARE_STATE, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("pages", "compareOpen"),
        Output(ids.COMPARE_OPENED, "data"),
        Input(ids.COMPARE_CLASSES, "clickData"),
        Input(ids.COMPARE_CONFUSION_A, "clickData"),
        Input(ids.COMPARE_CONFUSION_B, "clickData"),
        Input(ids.COMPARE_CONFUSION_DIFFERENCE, "clickData"),
        State(ids.COMPARE_STATE, "data"),
        prevent_initial_call=True,
    )


def _plain(state: Parameters | None) -> dict[str, Any]:
    """The state without what stands for "all splits", which no selection knows."""
    given = dict(state or {})
    if one(given, "split") == ALL_SPLITS:
        del given["split"]
    return given


def pair(context: PageContext) -> tuple[Run, Run] | None:
    """Which runs to compare: A and B as the address names them; else the chosen one and the version before it.

    Returns:
        (A, B), where A is the older one if the choice is ours; None without two runs.
    """
    if context.run is not None and context.other is not None:
        return context.run, context.other
    if len(context.runs) < 2:
        return None
    chosen = context.run or context.runs[0]
    rest = [run for run in context.runs if run.id != chosen.id]
    family = [run for run in rest if run.model == chosen.model] or rest
    near = min(family, key=lambda run: (abs(run.version - chosen.version), run.version))
    return (near, chosen) if (near.model, near.version) < (chosen.model, chosen.version) else (chosen, near)


def default_split(dataset: Dataset) -> str:
    """The test split where there is one, for a version is judged on what it was not trained on; else all samples."""
    return next((name for name in ("test", "val") if name in dataset.splits), ALL_SPLITS)


def _offered(context: PageContext, state: Parameters) -> tuple[Any, ...]:
    chosen = pair(context)
    if chosen is None:
        return (no_update,) * 6
    versions = [
        {"label": f"{run.reference} · {percent(run.accuracy)}", "value": run.reference}
        for run in sorted(context.runs, key=lambda run: (run.model, run.version))
    ]
    splits = [
        {"label": _("All samples ({n})", n=number(context.dataset.samples)), "value": ALL_SPLITS},
        *({"label": f"{name} ({number(count)})", "value": name} for name, count in context.dataset.splits.items()),
    ]
    split = one(state, "split") or default_split(context.dataset)
    return versions, chosen[0].reference, versions, chosen[1].reference, splits, split


def _compared(services: Services, context: PageContext, split: str) -> tuple[Any, ...]:
    chosen = pair(context)
    if chosen is None or context.run is None:
        raise InvalidInput(
            _("{model} is not indexed on {name}", model=one(context.parameters, "model"), name=context.dataset.name)
        )
    context = replace(context, run=chosen[0], other=chosen[1])
    splits = () if split == ALL_SPLITS else (split,)
    if splits and split not in context.dataset.splits:
        raise InvalidInput.choice("split", split, [*context.dataset.splits, ALL_SPLITS])
    found = compare(services.samples, context.view, splits)
    figures = _figures(found)
    sides = (
        Side("A", chosen[0].reference, found.accuracy_a, found.interval_a),
        Side("B", chosen[1].reference, found.accuracy_b, found.interval_b),
    )
    return (
        [cards(*sides, _tally(context, found, splits), _reasons(context, splits)), charts(figures)],
        False,
        figures.by_class,
        figures.bars_style,
        figures.confusion_a,
        figures.confusion_b,
        figures.difference,
        class_table(_rows(context, found, splits)),
    )


def _figures(found: Comparison) -> Figures:
    places = shown_classes(found.confusion_a, found.confusion_b)
    names = [found.names[place] for place in places]
    first, second = (counts[places][:, places] for counts in (found.confusion_a, found.confusion_b))
    listed = [name for name in names if name in found.per_class]
    return Figures(
        by_class=class_difference(
            listed,
            [found.per_class[name].difference for name in listed],
            [found.per_class[name].samples for name in listed],
        ),
        confusion_a=confusion(names, first),
        confusion_b=confusion(names, second),
        difference=confusion_difference(names, first, second),
        shown=len(names),
        classes=len(found.names),
    )


def _tally(context: PageContext, found: Comparison, splits: Sequence[str]) -> Tally:
    return Tally(
        samples=found.samples,
        fixed=found.fixed,
        broken=found.broken,
        both_right=found.both_right,
        both_wrong=found.both_wrong,
        mcnemar_p=found.mcnemar_p,
        addresses={
            name: _browse(context, Selection(splits=tuple(splits), compared=name))
            for name in ("fixed", "broken", "both_right", "both_wrong")
        },
    )


def _rows(context: PageContext, found: Comparison, splits: Sequence[str]) -> list[ClassRow]:
    return [
        ClassRow(
            name=name,
            samples=of_class.samples,
            accuracy_a=of_class.accuracy_a,
            accuracy_b=of_class.accuracy_b,
            fixed=of_class.fixed,
            broken=of_class.broken,
            address=_browse(context, Selection(splits=tuple(splits), labels=(name,))),
        )
        for name, of_class in list(found.per_class.items())[:_MAX_ROWS]
    ]


def _browse(context: PageContext, selection: Selection) -> str:
    """Browse with A as the version and B as the second one, whatever the address had named."""
    return _both(context, "/browse", selection)


def _reasons(context: PageContext, splits: Sequence[str]) -> str:
    """What both have right, by how far apart they look."""
    return _both(context, "/reasons", Selection(splits=tuple(splits), compared="both_right"), view="versions")


def _both(context: PageContext, path: str, selection: Selection, **more: str) -> str:
    return replace(context, selection=selection).address(
        path,
        **more,
        model=context.run.reference if context.run else None,
        other=context.other.reference if context.other else None,
    )
