"""What is said of decision paths: sentences, tables, cards. Pure functions from paths to components and texts."""

from collections.abc import Sequence
from typing import Any

from dash import html

from callbacks.followed import Followed, Side
from callbacks.services import Services
from data.paths import Ablation, DecisionPath, PathStage, PathUnit
from data.text import gettext as _
from inference.decision.comparing import common, partner
from inference.decision.keys import cached_arrays
from inference.grids import grid_shape
from layouts.figures.path import share_text
from layouts.parts import number, percent
from layouts.path_shown import Row, about, common_table, flow_text, hovered, table
from layouts.path_walk import Picture, Step

__all__ = [
    "ablation_text",
    "about_paths",
    "dossier",
    "hover",
    "legend_of",
    "picture_url",
    "step_of",
    "table_of",
]


def picture_url(path: DecisionPath, stage: int, unit: int) -> str:
    """Where a unit answers in the image; empty for a stage without places."""
    shape = path.stages[stage].shape
    grid = None if not stage else grid_shape((1, *shape))
    if stage and (grid is None or grid[1] * grid[2] < 2):
        return ""
    return f"/media/path/{path.key}/{stage}/{unit}.png"


def dossier(followed: Followed, side: Side, path: DecisionPath, stage: int, unit: int) -> str:
    """The page of a unit; empty for a region, and for a call of a layer that is not its last, which that page shows."""
    found = path.stages[stage]
    return followed.dossier(side, found.layer, unit) if stage and found.call == found.calls else ""


def stage_title(stage: PathStage) -> str:
    """What a stage is called."""
    if not stage.layer:
        return _("Image")
    return stage.layer if stage.calls == 1 else _("{layer}, call {n}", layer=stage.layer, n=stage.call)


def unit_title(stage: PathStage, unit: int) -> str:
    """What a unit is called."""
    return _("Unit {n}", n=unit) if stage.layer else _("Region {n}", n=unit + 1)


def hover(followed: Followed, side: Side, path: DecisionPath, place: int, unit: int) -> Any:
    """The card of a unit; None where it is not drawn."""
    stage = path.stages[place]
    found = next((one for one in stage.units if one.number == unit), None)
    if found is None:
        return None
    facts = [
        (_("Stage"), stage_title(stage)),
        (_("Contribution"), _contribution(path, found)),
        (_("Brightness") if not place else _("Strongest activation"), f"{found.answer:.3g}"),
    ]
    entering = _entering(path, place, unit)
    if entering:
        facts.append((_("Comes from"), flow_text(path, entering[:3])))
    if followed.beside is not None:
        facts.append((_("Of"), side.name))
    picture = picture_url(path, place, unit)
    return hovered(unit_title(stage, unit), picture, facts, dossier(followed, side, path, place, unit))


def about_paths(services: Services, followed: Followed, path: DecisionPath, other: DecisionPath | None) -> list[Any]:
    """What was found, and how it was measured."""
    sentences = [_logit_text(path)]
    shares = [path.share(stage.drawn) for stage in path.stages]
    known = [share for share in shares if share is not None]
    through = path.share(path.through)
    if through is None or not known:
        sentences.append(_("The logit hardly moves from the plain image to this one, so there are no shares of it."))
    else:
        sentences.append(
            _(
                "The drawn units of a stage carry {low} to {high} of that together. Paths that lead through drawn "
                "units alone, from a drawn region to the class, carry {through}.",
                low=percent(min(known), 0),
                high=percent(max(known), 0),
                through=percent(through),
            )
        )
        sentences += _error_text(path)
    shown = about(sentences, _notes())
    if other is not None:
        shown[1:1] = _comparison(services, followed, path, other)
    return shown


def _logit_text(path: DecisionPath) -> str:
    words = _(
        "The logit of “{target}” is {logit} for this image and {plain} for a plain one: {rise} are to be explained.",
        target=path.target,
        logit=f"{path.logit:.2f}",
        plain=f"{path.plain:.2f}",
        rise=f"{path.rise:+.2f}",
    )
    if path.target == path.prediction:
        return words
    return words + " " + _("The network says “{prediction}”.", prediction=path.prediction)


def _error_text(path: DecisionPath) -> list[str]:
    """By how much contributions are off, and what goes past a stage."""
    found = []
    totals = [(path.share(stage.total), stage) for stage in path.stages if stage.whole]
    errors = [(abs(share - 1), stage) for share, stage in totals if share is not None]
    if errors:
        error, stage = max(errors, key=lambda one: one[0])
        found.append(
            _(
                "Added up in steps, all contributions of a stage are off by at most {error} ({stage}); more steps are "
                "more exact.",
                error=percent(error),
                stage=stage_title(stage),
            )
        )
    past = [stage_title(stage) for stage in path.stages if not stage.whole]
    if past:
        found.append(
            _("Something goes past these stages, and is not in them: {stages}.", stages=", ".join(dict.fromkeys(past)))
        )
    return found


def _notes() -> list[str]:
    return [
        _(
            "A contribution is the unit's conductance (Dhamdhere et al. 2018): on the way from a plain image to this "
            "one, the logit's slope in the unit times how far the unit moves, added up. Unlike activation × gradient "
            "it is complete: the units of a stage that everything passes through add up to the whole rise of the logit."
        ),
        _(
            "An edge is what flows from a unit through a unit of the next stage to the logit: the gradient of the one "
            "through the other, weighted by what the other is worth to the logit. Only the stronger ones are drawn."
        ),
        _(
            "A network has very many paths. The share of those through drawn units alone is therefore small; draw more "
            "units or fewer stages to see it grow."
        ),
        _(
            "Stages are found by themselves: layers that everything passes through on its way from the image to the "
            "logits, evenly chosen. Other layers can be named."
        ),
    ]


def _comparison(services: Services, followed: Followed, path: DecisionPath, other: DecisionPath) -> list[Any]:
    assert followed.beside is not None  # for the type checker: there is no second path without
    arrays = [cached_arrays(services.cache, one.key) for one in (path, other)]
    found = common(path, other, arrays)
    inside = [one for one in found if one.layer]
    shared = sum(len(one.shared) for one in inside)
    drawn = sum(len(one.shared) + len(one.first) + len(one.second) for one in inside)
    words = [_("A: {a}. B: {b}.", a=followed.side.name, b=followed.beside.name) + " " + _logit_text(other)]
    if not inside:
        words.append(_("The two networks have no stage in common, so only the regions of the images are compared."))
    else:
        words.append(
            _("{shared} of {drawn} drawn units are the same in {stages} stages that both have.",
              shared=number(shared), drawn=number(drawn), stages=number(len(inside)))
        )  # fmt: skip
        if followed.side.version.model != followed.beside.version.model:
            words.append(_("Units of networks that were not trained one from the other share no more than numbers."))
    rows = [
        (
            stage_title(path.stages[one.place]),
            len(one.shared),
            len(one.first),
            len(one.second),
            "—" if one.likeness is None else f"{one.likeness:.2f}",
        )
        for one in found
    ]
    return [*(html.P(word) for word in words), common_table(rows)]


def legend_of(compared: bool) -> tuple[list[tuple[str, str]], str]:
    """What colours and lines mean."""
    if compared:
        entries = [
            ("path-key-both", _("in both")),
            ("path-key-a", _("in A only")),
            ("path-key-b", _("in B only")),
        ]
    else:
        entries = [("path-key-for", _("speaks for the class")), ("path-key-against", _("speaks against it (dashed)"))]
    note = _(
        "From left to right the stages of the pass, under each name what its drawn units carry together. The larger a "
        "unit, the more it contributes; the wider a line, the more flows."
    )
    return entries, note


def table_of(followed: Followed, path: DecisionPath, other: DecisionPath | None) -> Any:
    """Every drawn unit in words, stage by stage; those of the other path alone behind the first one's."""
    rows: list[Row] = []
    for place, stage in enumerate(path.stages):
        at = None if other is None else partner(stage, other)
        theirs = {unit.number for unit in other.stages[at].units} if other is not None and at is not None else set()
        for unit in stage.units:
            member = _("both") if unit.number in theirs else "A"
            rows.append(_row(followed, followed.side, path, place, unit, member if other is not None else ""))
        if other is not None and at is not None and followed.beside is not None:
            ours = {unit.number for unit in stage.units}
            rows += [
                _row(followed, followed.beside, other, at, unit, "B")
                for unit in other.stages[at].units
                if unit.number not in ours
            ]
    caption = _("Shares are of the rise of the logit of “{target}”.", target=path.target)
    return table(rows, other is not None, caption)


def _row(followed: Followed, side: Side, path: DecisionPath, place: int, unit: PathUnit, member: str) -> Row:
    stage = path.stages[place]
    return Row(
        stage=stage_title(stage),
        unit=unit_title(stage, unit.number),
        share=share_text(path.share(unit.contribution), unit.contribution),
        answer=f"{unit.answer:.3g}",
        flows=flow_text(path, _entering(path, place, unit.number)) if place else "",
        href=dossier(followed, side, path, place, unit.number),
        member=member,
    )


def _entering(path: DecisionPath, place: int, unit: int) -> list[tuple[str, float]]:
    """What flows into a unit from those of the stage before, by their names."""
    if not place:
        return []
    before = path.stages[place - 1]
    found = [
        (unit_title(before, edge.source), edge.flow)
        for edge in path.edges
        if edge.stage == place - 1 and edge.target == unit
    ]
    return sorted(found, key=lambda one: -abs(one[1]))


def ablation_text(found: Ablation) -> str:
    """Whether the drawn units change the decision more than random ones."""
    own = found.change(found.drawn_logits)
    random = [found.change(row) for row in found.random_logits]
    return _(
        "Without its drawn units the logit of “{target}” moves by {own} on average, without random ones by {random}: "
        "more than in {won} of {all} random draws.",
        target=found.target,
        own=f"{own:.2f}",
        random=f"{sum(random) / len(random):.2f}",
        won=sum(own > one for one in random),
        all=len(random),
    )


def step_of(followed: Followed, path: DecisionPath, place: int) -> Step:
    """One stage of the pass; the one behind the last is the logit."""
    if place >= len(path.stages):
        return Step(place, len(path.stages), _("Class “{name}”", name=path.target), _logit_facts(path), ())
    stage = path.stages[place]
    facts = [(_("Shape"), " × ".join(map(str, stage.shape)))]
    if place:
        facts += [(_("Layer"), stage.kind), (_("Units"), number(stage.count))]
    facts += [
        (_("Drawn together"), share_text(path.share(stage.drawn), stage.drawn)),
        (_("All together"), share_text(path.share(stage.total), stage.total)),
    ]
    note = "" if stage.whole else _("Something goes past this stage, so its units need not add up to the whole rise.")
    groups = [(_("Contribute most"), "", [_picture(followed, path, place, unit) for unit in stage.units])]
    if place:
        strongest = [
            Picture(unit_title(stage, unit), picture_url(path, place, unit), [f"{value:.3g}"],
                    dossier(followed, followed.side, path, place, unit))
            for unit, value in stage.strongest
        ]  # fmt: skip
        drawn = {unit.number for unit in stage.units}
        alike = sum(unit in drawn for unit, _value in stage.strongest)
        told = _("{n} of these {all} are among the drawn ones.", n=alike, all=len(strongest))
        groups.append((_("Answer most strongly"), told, strongest))
    else:
        whole = Picture(_("All pixels"), f"/media/path/{path.key}/pixels.png", [_("orange for, blue against")], "")
        groups.append((_("Where the contribution lies"), "", [whole]))
    return Step(place, len(path.stages), stage_title(stage), facts, groups, note)


def _logit_facts(path: DecisionPath) -> Sequence[tuple[str, str]]:
    return [
        (_("Logit"), f"{path.logit:.3f}"),
        (_("Of a plain image"), f"{path.plain:.3f}"),
        (_("Probability"), percent(path.probability)),
        (_("Prediction"), path.prediction),
    ]


def _picture(followed: Followed, path: DecisionPath, place: int, unit: PathUnit) -> Picture:
    lines = [share_text(path.share(unit.contribution), unit.contribution)]
    if place:
        lines.append(_("activation {value}", value=f"{unit.answer:.3g}"))
    return Picture(
        unit_title(path.stages[place], unit.number),
        picture_url(path, place, unit.number),
        lines,
        dossier(followed, followed.side, path, place, unit.number),
    )


def _contribution(path: DecisionPath, unit: PathUnit) -> str:
    share = path.share(unit.contribution)
    told = f"{unit.contribution:+.3g}"
    return told if share is None else f"{told} ({share_text(share, unit.contribution)})"
