"""What a map is worth: one number and a sentence at once, how it came about a click away."""

from collections.abc import Mapping
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from data.explanations import Calibration, Explanation, Trust
from data.text import gettext as _
from data.text import lazy
from layouts import ids
from layouts.figures.trust import curve_picture
from layouts.parts import help_text, icon, number

__all__ = ["evidence", "finding", "judged", "judging", "unjudged"]

_CLOCK = 400
_FINDING_SHARE = 0.16  # of the pixels; about what an object takes up
_UNCHANGED = 0.005
_AGREES, _DISAGREES = 0.5, 0.2
_SURVIVES, _VANISHES = 0.8, 0.4
_COMPLETENESS = "completeness_error"
# Score from which a word holds, its icon and its class.
_WORDS = (
    (0.7, lazy("Well supported"), "check-circle", "trust-high"),
    (0.3, lazy("Partly supported"), "question-circle", "trust-middle"),
    (0.0, lazy("Hardly supported"), "exclamation-circle", "trust-low"),
)
_SKIPPED = {
    "dear": lazy("not asked, because the map is dear to make again; a thorough test asks"),
    "elsewhere": lazy("not asked, because nobody here knows how the map was made"),
    "impossible": lazy("not asked, because the map is empty or no layer can be initialised anew"),
}


def evidence(explanation: Explanation, title: str, subject: Mapping[str, str]) -> Component:
    """Where a map comes from, and the place where its judgement appears by itself.

    Args:
        title: The method's, for people.
        subject: What is explained: dataset, model (with its version), layers, and row or upload.
    """
    facts = _(
        "{method} for “{target}” at layer {layer}", method=title, target=explanation.target, layer=explanation.layer
    )
    timing = (
        _("from the cache") if explanation.cached else _("computed in {ms} ms", ms=round(1000 * explanation.seconds))
    )
    about = {
        **subject,
        "key": explanation.key,
        "method": explanation.method,
        "target": explanation.target,
        "contrast": explanation.contrast,
        "facts": dict(explanation.facts),
    }
    place = subject["model"]
    return html.Div(
        [
            dcc.Store(id={"type": ids.TRUST_SUBJECT, "panel": place}, data=about),
            dcc.Interval(id={"type": ids.TRUST_CLOCK, "panel": place}, interval=_CLOCK),
            html.Div(judging(None), id={"type": ids.TRUST_BOX, "panel": place}, className="trust"),
            html.Button(
                [icon("search"), html.Span(_("Test it thoroughly"))],
                id={"type": ids.TRUST_THOROUGH, "panel": place},
                className="btn btn-sm btn-outline-secondary trust-thorough",
                title=_("Adds Captum's infidelity and sensitivity, and the sanity of maps that are dear to make again"),
            ),
            html.Div(f"{facts} · {timing}", className="evidence-origin"),
        ],
        className="evidence",
    )


def judging(share: float | None) -> Component:
    """The judgement is under way; `share` of the work is done, in [0, 1], if that is known."""
    return html.Div(
        [
            html.Span(_("Testing the map…")),
            html.Progress(value=None if share is None else str(round(share, 2)), max="1", className="trust-progress"),
        ],
        className="trust-wait quiet",
    )


def unjudged(reason: str) -> Component:
    """Why there is no judgement."""
    return html.Div(_("The map could not be tested: {reason}", reason=reason), className="quiet")


def judged(trust: Trust, about: Mapping[str, Any], calibration: Calibration) -> list[Component]:
    """The judgement.

    Args:
        about: What `evidence` stored.
    """
    word, icon_name, look = next(found[1:] for found in _WORDS if trust.score >= found[0])
    meter = html.Span(
        html.Span(className="trust-fill", style={"width": f"{100 * trust.score:.0f}%"}),
        className="trust-meter",
        **{"aria-hidden": "true"},
    )
    thorough = trust.infidelity is not None
    return [
        html.Div(
            [
                icon(icon_name),
                html.Strong(_(word)),
                meter,
                html.Span(_("trust {score}", score=f"{trust.score:.2f}"), className="trust-score"),
            ],
            className=f"evidence-verdict {look}",
        ),
        html.P(finding(trust, str(about["target"]), about.get("contrast"))),
        html.Details(
            [
                html.Summary([html.Span(_("How this was tested")), icon("chevron-down")]),
                _parts(trust, about, calibration),
            ],
            open=thorough,
            className="trust-details" if thorough else "trust-details is-quick",
        ),
    ]


def finding(trust: Trust, target: str, contrast: str | None = None) -> str:
    """What hiding the marked part does to the probability, next to hiding as much at random, in one sentence."""
    if trust.empty:
        return _("The map is the same everywhere, so it says nothing.")
    shares = trust.curves["shares"]
    at = min(range(len(shares)), key=lambda place: abs(shares[place] - _FINDING_SHARE))
    before, after, control = (
        float(value)
        for value in (trust.curves["deletion"][0], trust.curves["deletion"][at], trust.curves["random_deletion"][at])
    )
    values = {
        "share": _percent(shares[at]),
        "target": target if contrast is None else _("{target} rather than {other}", target=target, other=contrast),
        "before": _percent(before),
        "after": _percent(after),
        "random": _percent(control),
    }
    if abs(before - after) < _UNCHANGED:
        return _(
            "Hiding the {share} that the map marks as most important leaves the probability of “{target}” at {before}; "
            "hiding as much at random: {random}.",
            **values,
        )
    if after > before:
        return _(
            "Hiding the {share} that the map marks as most important raises the probability of “{target}” from "
            "{before} to {after}; hiding as much at random: to {random}.",
            **values,
        )
    return _(
        "Hiding the {share} that the map marks as most important lowers the probability of “{target}” from {before} "
        "to {after}; hiding as much at random: to {random}.",
        **values,
    )


def _parts(trust: Trust, about: Mapping[str, Any], calibration: Calibration) -> Component:
    pairs = [
        (_("Sanity"), _sanity(trust)),
        (_("Agreement"), _agreement(trust)),
        (_("Likeness to edges"), _likeness(trust.edges)),
    ]
    error = about.get("facts", {}).get(_COMPLETENESS)
    if error is not None:
        pairs.append((_("Completeness error"), f"{float(error):.3g}"))
    for title, value in ((_("Infidelity"), trust.infidelity), (_("Sensitivity"), trust.sensitivity)):
        if value is not None:
            pairs.append((title, f"{value:.3g}"))
    return html.Div(
        [
            html.Div(
                [_curve(trust, "deletion", _("Hiding")), _curve(trust, "insertion", _("Uncovering"))],
                className="trust-curves",
            ),
            help_text(_curves_read(trust)),
            html.Dl([part for name, value in pairs for part in (html.Dt(name), html.Dd(value))], className="pairs"),
            help_text(_meaning(calibration)),
        ]
    )


def _curve(trust: Trust, name: str, title: str) -> Component:
    curves, areas = trust.curves, trust.areas
    words = _(
        "{title}: area {area}, at random {random}",
        title=title,
        area=f"{areas[name]:.2f}",
        random=f"{areas[f'random_{name}']:.2f}",
    )
    source = curve_picture(curves["shares"], curves[name], curves[f"random_{name}"])
    return html.Figure([html.Img(src=source, alt=words), html.Figcaption(words)])


def _curves_read(trust: Trust) -> str:
    text = _(
        "The probability while ever more of the image is hidden, or uncovered, what the map marks first. A map that is "
        "right falls early and rises early; the dashed line is that of random maps of the same grain."
    )
    if trust.odds_raised <= 1:
        return text
    raised = _(
        "The class is improbable here: its odds are multiplied by {factor} in all these figures, so that its movement "
        "can be seen.",
        factor=f"{trust.odds_raised:,.0f}",
    )
    return f"{text} {raised}"


def _sanity(trust: Trust) -> str:
    if trust.sanity is None:
        return _(_SKIPPED.get(trust.sanity_skipped, _SKIPPED["impossible"]))
    value = f"{trust.sanity:.2f}"
    if trust.sanity >= _SURVIVES:
        return _("{value}: the map survives when the upper layers forget, so it hardly explains the model", value=value)
    if trust.sanity >= _VANISHES:
        return _("{value}: some of the map survives when the upper layers forget", value=value)
    return _("{value}: the map vanishes when the upper layers forget, as it should", value=value)


def _agreement(trust: Trust) -> str:
    agreed = trust.agreed
    if agreed is None:
        return _("no other method to compare with")
    each = ", ".join(f"{name} {value:.2f}" for name, value in trust.agreement.items())
    if agreed >= _AGREES:
        return _("{value}: other methods say much the same ({each})", value=f"{agreed:.2f}", each=each)
    if agreed >= _DISAGREES:
        return _("{value}: other methods agree in part ({each})", value=f"{agreed:.2f}", each=each)
    return _("{value}: other methods disagree ({each})", value=f"{agreed:.2f}", each=each)


def _likeness(edges: float) -> str:
    value = f"{edges:.2f}"
    if edges >= _SURVIVES:
        return _("{value}: the map is much like an edge detector's, which needs no model", value=value)
    return _("{value}: the map is not merely the image's edges", value=value)


def _meaning(calibration: Calibration) -> str:
    return _(
        "The score joins these parts. On {maps} maps of generated pictures whose truth is known, {right} of {high} "
        "with a score of {least} or more were right, and {wrong} of {low} below {most} were wrong. On other data it "
        "may be right more or less often.",
        maps=number(calibration.maps),
        right=number(calibration.high_right),
        high=number(calibration.high),
        least=f"{calibration.high_from:g}",
        wrong=number(calibration.low_wrong),
        low=number(calibration.low),
        most=f"{calibration.low_below:g}",
    )


def _percent(value: float) -> str:
    percent = 100 * min(max(value, 0.0), 1.0)
    return f"{percent:.0f}\u00a0%" if percent >= 1 or percent == 0 else f"{percent:.1f}\u00a0%"
