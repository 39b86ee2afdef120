"""The graph of a decision path, as Cytoscape takes it, and the curve of what becomes of it without its units."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from data.paths import Ablation, DecisionPath, PathUnit
from data.text import gettext as _
from layouts.figures.theme import CATEGORIES, MUTED, base_layout

__all__ = ["AGAINST", "FOR", "MEMBERS", "Graph", "curve", "graph", "logit_id", "share_text", "stylesheet", "unit_id"]

FOR, AGAINST = "#d94801", "#2171b5"
"""For the class and against it; the strong tones of the diverging scale of maps."""
MEMBERS = {"both": CATEGORIES[2], "a": CATEGORIES[4], "b": CATEGORIES[0]}
_LINES = {"both": "double", "a": "solid", "b": "dashed"}
_ACROSS, _DOWN = 104, 100  # pixels between nodes
_LEAST, _MOST = 40, 74  # a node's side
_FAINTEST = 0.03  # of the strongest flow; less is not drawn
_WIDEST = 9.0
_TEXT = {"light": ("#2b3440", "#ffffff"), "dark": ("#d5dbe4", "#1a1e26")}
_GRID = "rgba(128,128,128,0.18)"


Links = Callable[[DecisionPath, int, int], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Graph:
    """Elements of a graph, and how many pixels it takes at its own size."""

    elements: list[dict[str, Any]]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class _Node:
    """A unit in one or two paths; `member` is `a`, `b`, `both`, or empty where there is one path alone."""

    stage: int
    number: int
    contribution: float
    share: float | None
    picture: str
    href: str
    member: str


def unit_id(stage: int, number: int) -> str:
    """How the graph names a unit."""
    return f"{stage}.{number}"


def logit_id(path: DecisionPath) -> str:
    """How the graph names the logit."""
    return unit_id(len(path.stages), 0)


def share_text(share: float | None, amount: float) -> str:
    """A contribution as a share of the rise, else as it is."""
    return f"{amount:+.3g}" if share is None else f"{100 * share:+.0f} %"


def graph(
    path: DecisionPath,
    other: DecisionPath | None,
    partners: Sequence[int | None],
    links: Links,
) -> Graph:
    """Stages from left to right; in each the units from those that speak for the class down to those against it.

    Args:
        other: A path to lay over it.
        partners: For each stage of the path its place in the other one; None where that has no such stage.
        links: From a path, a stage and a number the addresses of a unit's picture and dossier; empty for none.
    """
    columns = [_column(path, place, other, partners, links) for place in range(len(path.stages))]
    rows = max(len(column) for column in columns)
    largest = max((abs(node.share or node.contribution) for column in columns for node in column), default=0) or 1
    elements: list[dict[str, Any]] = []
    for place, column in enumerate(columns):
        stage = path.stages[place]
        title = stage.layer if place else _("Image")
        if stage.calls > 1:
            title += f" ({stage.call})"
        elements.append(_heading(place, title, share_text(path.share(stage.drawn), stage.drawn)))
        top = (rows - len(column)) / 2
        for row, node in enumerate(column):
            elements.append(_unit(node, place, top + row, largest))
    elements.append(_logit(path, other, len(columns), rows))
    elements += _flows(path, other, partners)
    return Graph(elements, _ACROSS * (len(columns) + 1), _DOWN * rows + 110)


def _column(
    path: DecisionPath,
    place: int,
    other: DecisionPath | None,
    partners: Sequence[int | None],
    links: Links,
) -> list[_Node]:
    at = partners[place] if other is not None else None
    theirs = {unit.number: unit for unit in other.stages[at].units} if other is not None and at is not None else {}
    ours = {unit.number for unit in path.stages[place].units}

    def node(owner: DecisionPath, where: int, unit: PathUnit, member: str) -> _Node:
        share = owner.share(unit.contribution)
        picture, href = links(owner, where, unit.number)
        return _Node(place, unit.number, unit.contribution, share, picture, href, member if other is not None else "")

    found = [node(path, place, unit, "both" if unit.number in theirs else "a") for unit in path.stages[place].units]
    if other is not None and at is not None:
        found += [node(other, at, unit, "b") for number, unit in theirs.items() if number not in ours]
    return sorted(found, key=lambda one: -one.contribution)


def _heading(place: int, title: str, share: str) -> dict[str, Any]:
    short = title if len(title) <= 12 else "…" + title[-11:]
    return {
        "data": {"id": f"stage-{place}", "stage": place, "label": f"{short}\n{share}"},
        "position": {"x": place * _ACROSS, "y": -84},
        "classes": "heading",
        "selectable": False,
    }


def _unit(node: _Node, place: int, row: float, largest: float) -> dict[str, Any]:
    magnitude = abs(node.share or node.contribution) / largest
    words = share_text(node.share, node.contribution)
    return {
        "data": {
            "id": unit_id(node.stage, node.number),
            "stage": node.stage,
            "unit": node.number,
            "label": f"{node.number}:  {words}" if place else words,
            "size": round(_LEAST + (_MOST - _LEAST) * magnitude**0.5, 1),
            "picture": node.picture or "none",
            "href": node.href,
            "of": "b" if node.member == "b" else "a",
        },
        "position": {"x": place * _ACROSS, "y": round(row * _DOWN, 1)},
        "classes": _classes("unit", node.contribution, node.member),
    }


def _classes(kind: str, amount: float, member: str) -> str:
    return " ".join([kind, "for" if amount >= 0 else "against", *([f"member-{member}"] if member else [])])


def _logit(path: DecisionPath, other: DecisionPath | None, column: int, rows: int) -> dict[str, Any]:
    names = dict.fromkeys([path.target, *([other.target] if other is not None else [])])
    label = "\n".join([*names, f"{path.logit:.2f}"] if other is None else [*names])
    return {
        "data": {"id": logit_id(path), "stage": column, "label": label},
        "position": {"x": column * _ACROSS, "y": (rows - 1) / 2 * _DOWN},
        "classes": "logit",
    }


def _flows(path: DecisionPath, other: DecisionPath | None, partners: Sequence[int | None]) -> list[dict[str, Any]]:
    flows = _shares(path, range(len(path.stages)))
    theirs = _shares(other, partners) if other is not None else {}
    strongest = max((abs(flow) for flow in [*flows.values(), *theirs.values()]), default=0) or 1
    elements = []
    for ends in [*flows, *(ends for ends in theirs if ends not in flows)]:
        flow = flows.get(ends, theirs.get(ends, 0.0))
        if abs(flow) < _FAINTEST * strongest:
            continue
        member = "" if other is None else "both" if ends in flows and ends in theirs else "a" if ends in flows else "b"
        stage, source, target = ends
        elements.append(
            {
                "data": {
                    "source": unit_id(stage, source),
                    "target": unit_id(stage + 1, target),
                    "stage": stage,
                    "width": round(0.6 + _WIDEST * (abs(flow) / strongest) ** 0.8, 2),
                },
                "classes": _classes("flow", flow, member),
                "selectable": False,
            }
        )
    return elements


def _shares(path: DecisionPath, partners: Sequence[int | None]) -> dict[tuple[int, int, int], float]:
    """Flows by (stage, source, target), as shares of the rise where there is one, those into the logit among them.

    Args:
        partners: For each stage of the graph its place in the path; flows over stages that are not beside each other
            in both are left out.
    """
    place_of = {at: place for place, at in enumerate(partners) if at is not None}
    found: dict[tuple[int, int, int], float] = {}

    def keep(stage: int, source: int, target: int, flow: float) -> None:
        share = path.share(flow)
        found[stage, source, target] = flow if share is None else share

    for edge in path.edges:
        if place_of.get(edge.stage + 1) == place_of.get(edge.stage, -2) + 1:
            keep(place_of[edge.stage], edge.source, edge.target, edge.flow)
    last = len(path.stages) - 1
    if place_of.get(last) == len(partners) - 1:
        for unit in path.stages[last].units:
            keep(place_of[last], unit.number, 0, unit.contribution)
    return found


def stylesheet(theme: str, step: int | None, compared: bool) -> list[dict[str, Any]]:
    """How the graph looks.

    Args:
        theme: `light` or `dark`.
        step: The stage that is looked at; the others are dimmed.
        compared: Whether colours tell to which of two paths something belongs, instead of for or against.
    """
    text, ground = _TEXT.get(theme, _TEXT["light"])
    label = {"color": text, "font-size": 16, "text-wrap": "wrap", "font-family": "system-ui, sans-serif"}
    rules: list[dict[str, Any]] = [
        {
            "selector": "node.unit",
            "style": {
                **label,
                "label": "data(label)",
                "shape": "round-rectangle",
                "width": "data(size)",
                "height": "data(size)",
                "background-color": ground,
                "background-image": "data(picture)",
                "background-fit": "cover",
                "border-width": 4,
                "text-valign": "bottom",
                "text-margin-y": 3,
            },
        },
        {"selector": "node.heading", "style": {**label, "label": "data(label)", "width": 1, "height": 1, "opacity": 1,
            "background-opacity": 0, "text-valign": "center"}},
        {"selector": "node.logit", "style": {**label, "label": "data(label)", "shape": "round-rectangle", "width": 92,
            "height": 58, "background-color": ground, "border-width": 2, "border-color": text, "text-valign": "center",
            "font-size": 18, "font-weight": "bold", "text-max-width": 86, "text-overflow-wrap": "anywhere"}},
        {"selector": "edge", "style": {"width": "data(width)", "curve-style": "bezier", "opacity": 0.55,
            "line-cap": "round"}},
        {"selector": ".for", "style": {"border-color": FOR, "line-color": FOR}},
        {"selector": ".against", "style": {"border-color": AGAINST, "line-color": AGAINST}},
        {"selector": "edge.against", "style": {"line-style": "dashed"}},
    ]  # fmt: skip
    if compared:
        for member, colour in MEMBERS.items():
            line = _LINES[member]
            rules += [
                {"selector": f"node.member-{member}", "style": {"border-color": colour, "border-style": line,
                    "border-width": 6 if line == "double" else 4}},
                {"selector": f"edge.member-{member}", "style": {"line-color": colour}},
            ]  # fmt: skip
    if step is not None:
        rules += [
            {"selector": f"node[stage != {step}]", "style": {"opacity": 0.4}},
            {"selector": f"edge[stage != {step}]", "style": {"opacity": 0.16}},
            {"selector": f"edge[stage = {step - 1}]", "style": {"opacity": 0.55}},
        ]
    return [*rules, {"selector": "node:selected", "style": {"border-width": 7}}]


def curve(found: Ablation) -> go.Figure:
    """The class's probability against the number of units that are taken away."""
    counts = [0, *found.counts]
    random = np.concatenate([np.full((len(found.random), 1), found.probability), np.asarray(found.random)], axis=1)
    low, middle, high = random.min(0), random.mean(0), random.max(0)
    band = [
        go.Scatter(x=counts, y=high, mode="lines", line={"width": 0}, hoverinfo="skip", showlegend=False),
        go.Scatter(
            x=counts, y=low, mode="lines", line={"width": 0}, fill="tonexty", fillcolor="rgba(154,160,166,0.25)",
            hoverinfo="skip", showlegend=False,
        ),
    ]  # fmt: skip
    hover = _("without %{x}: %{y:.1%}") + "<extra>%{fullData.name}</extra>"
    lines = [
        go.Scatter(
            x=counts, y=middle, mode="lines+markers", name=_("random units"), hovertemplate=hover,
            line={"color": MUTED, "width": 2, "dash": "dash"}, marker={"symbol": "square", "size": 6},
        ),
        go.Scatter(
            x=counts, y=[found.probability, *found.drawn], mode="lines+markers", name=_("drawn units"),
            hovertemplate=hover, line={"color": FOR, "width": 2.5}, marker={"size": 7},
        ),
    ]  # fmt: skip
    axis: Mapping[str, Any] = {"gridcolor": _GRID, "zeroline": False, "fixedrange": True, "automargin": True}
    return go.Figure(
        [*band, *lines],
        base_layout(
            xaxis={**axis, "title": {"text": _("units taken away"), "standoff": 6}, "nticks": 6},
            yaxis={**axis, "title": {"text": _("probability"), "standoff": 6}, "range": [-0.03, 1.05], "nticks": 5,
                   "tickformat": ".0%"},
            legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 11}},
        ),
    )  # fmt: skip
