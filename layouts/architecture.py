"""The layers of a network as a tree that opens layer by layer.

Hundreds of nested components would keep a browser busy for a minute, so the tree goes there as plain values and
`vitrine_models.js` draws it.
"""

from typing import Any

from dash import html
from dash.development.base_component import Component

from data.text import gettext as _
from data.text import ngettext
from data.types import Architecture, LayerSummary, ModelVersion
from layouts.parts import help_text, icon, number, percent

__all__ = ["architecture_head", "architecture_tree", "not_described"]


def architecture_head(architecture: Architecture) -> Component:
    """What stands above the tree: how many layers, and what the columns are."""
    listed = len(architecture.layers)
    titles = [
        (_("Layer"), ""),
        (_("Type"), ""),
        (_("Output"), ""),
        (_("Parameters"), " figures"),
        (_("Share"), " figures"),
    ]
    return html.Div(
        [
            help_text(
                ngettext("{count} layer", "{count} layers", architecture.total)
                + (" · " + _("the outer {n} are listed", n=number(listed)) if listed < architecture.total else "")
                + " · "
                + _("output shapes are those for one image, without its number")
            ),
            html.Div(
                [html.Span(title, className=f"layer-cell{style}") for title, style in titles],
                className="layer-row layer-head",
                **{"aria-hidden": "true"},
            ),
        ]
    )


def architecture_tree(architecture: Architecture, version: ModelVersion) -> list[dict[str, Any]]:
    """The outermost layers, each with its texts and the layers in it.

    Open are those on the way to a marked layer, and the outermost one where most of the parameters are.

    Returns:
        {"name", "path", "kind", "shape", "parameters", "share", "bar", "marks", "note", "open", "inner": [the same]}
    """
    marks: dict[str, list[str]] = {}
    if version.explain_layer:
        marks.setdefault(version.explain_layer, []).append(_("explained here"))
    marks.setdefault(version.embedding_layer, []).append(_("embedding: its input"))
    nodes: dict[str, dict[str, Any]] = {}
    roots: list[dict[str, Any]] = []
    for layer in architecture.layers:
        node = nodes[layer.name] = _node(layer, version.parameters, marks)
        around = nodes.get(layer.name.rpartition(".")[0])
        (around["inner"] if around else roots).append(node)
    for layer in architecture.layers:
        if layer.inside and not nodes[layer.name]["inner"]:
            nodes[layer.name]["note"] = _("{n} inside", n=layer.inside)
    return roots


def not_described(reason: str) -> Component:
    """What stands in place of the tree when no worker can list the layers."""
    return html.P([icon("info-circle"), reason], className="help-text", role="status")


def _node(layer: LayerSummary, parameters: int, marks: dict[str, list[str]]) -> dict[str, Any]:
    share = layer.parameters / max(parameters, 1)
    return {
        "name": layer.name.rpartition(".")[2],
        "path": layer.name,
        "kind": layer.kind,
        "shape": " × ".join(map(str, layer.shape)) or "—",
        "parameters": number(layer.parameters),
        "share": percent(share) if layer.parameters else "",
        "bar": f"{100 * share:.1f}%",
        "marks": marks.get(layer.name, []),
        "note": "",
        "open": any(name.startswith(f"{layer.name}.") for name in marks) or ("." not in layer.name and share > 0.5),
        "inner": [],
    }
