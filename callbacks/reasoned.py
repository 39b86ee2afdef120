"""From what a worker found out about many maps to what the page Reasons shows: cards, addresses of pictures, doors."""

from collections.abc import Sequence
from dataclasses import asdict, replace

from callbacks.context import PageContext, cards, one
from callbacks.services import Services
from data.text import gettext as _
from data.types import Run
from inference.catalogue import EXPLANATIONS, require_method
from inference.explained import PAGE, mean_image_key
from inference.reasons import Differences, Study
from layouts.other_reasons import ClassSpread, Disagreement, Pair
from layouts.parts import grid_url, input_url, mean_url
from layouts.shared_reasons import Group, OnObject

__all__ = ["disagreement_of", "group_of", "look_of", "method_of"]

_FIRST_OF_UNLIKE = 4  # grids before those of the samples, see inference.reasons.Study
_CLASSES = 30


def group_of(services: Services, context: PageContext, study: Study, align: str) -> Group:
    """A study as the page shows it.

    Args:
        align: One of `layouts.reasons.ALIGNMENTS`.
    """
    plain = align == "plain"
    mean, rest = (0, 2) if plain else (1, 3)
    listed = [int(row) for row, _distance in study.unlike]
    rows = services.samples.rows(context.view, listed)
    base = cards(context, rows)
    unlike = [
        replace(
            card,
            image=_seen(context, row.sample.row, row.sample.digest, context.run),
            href=context.address("/sample", sample=card.sample_id, method=method_of(context)),
            note=_("{share} unlike", share=f"{100 * distance:.0f} %"),
            overlay=grid_url(study.key, _FIRST_OF_UNLIKE + place),
        )
        for place, (card, row, (_row, distance)) in enumerate(zip(base, rows, study.unlike, strict=True))
    ]
    return Group(
        selected=study.selected,
        rest=study.rest,
        empty=study.empty,
        regions=study.regions,
        rest_regions=study.rest_regions,
        on_object=OnObject(**asdict(study.inside)) if study.inside else None,
        alike=study.alike,
        image=mean_url(mean_image_key(study.key, align)),
        rest_image=mean_url(mean_image_key(study.key, f"rest-{align}")),
        ground=mean_url(mean_image_key(study.key, "plain")),
        rest_ground=mean_url(mean_image_key(study.key, "rest-plain")),
        map=grid_url(study.key, mean, rest),
        rest_map=grid_url(study.key, rest, mean),
        unlike=unlike,
    )


def disagreement_of(
    services: Services, context: PageContext, found: Differences, total: int, page: int
) -> Disagreement:
    """A page of the ranking as it is shown.

    Args:
        total: Samples in the selection.
        page: From 1 up.
    """
    rows = services.samples.rows(context.view, [int(row) for row, _distance in found.ranked])
    pairs = []
    for place, (card, row, (_row, distance)) in enumerate(zip(cards(context, rows), rows, found.ranked, strict=True)):
        a, b, difference = 3 * place, 3 * place + 1, 3 * place + 2
        sample = row.sample
        pairs.append(
            Pair(
                card=replace(
                    card,
                    image=_seen(context, sample.row, sample.digest, context.run),
                    href=context.address("/sample", sample=card.sample_id, method=method_of(context)),
                ),
                distance=distance,
                image_b=_seen(context, sample.row, sample.digest, context.other),
                map_a=grid_url(found.key, a, b),
                map_b=grid_url(found.key, b, a),
                difference=grid_url(found.key, difference, signed=True),
            )
        )
    spreads = [_spread(context, name, values) for name, values in found.classes.items()]
    return Disagreement(
        a=context.run.reference if context.run else "",
        b=context.other.reference if context.other else "",
        agreed=found.agreed,
        compared=found.compared,
        total=total,
        median=found.median,
        classes=sorted(spreads, key=lambda spread: -spread.quantiles[2])[:_CLASSES],
        pairs=pairs,
        first=(page - 1) * PAGE,
    )


def _spread(context: PageContext, name: str, values: Sequence[float]) -> ClassSpread:
    chosen = context.selection.predictions == (name,)
    narrowed = replace(context.selection, predictions=() if chosen else (name,))
    address = replace(context, selection=narrowed).address("/reasons", **look_of(context))
    return ClassSpread(name, int(values[0]), values[1:], address, chosen)


def _seen(context: PageContext, row: int, digest: str, run: Run | None) -> str:
    """Address of a sample as a version's network sees it."""
    if run is None:
        return ""
    return input_url(run.model, run.version, context.dataset.name, row, digest)


def method_of(context: PageContext) -> str:
    """Raises `InvalidInput` if the address names a method that does not exist."""
    name = one(context.parameters, "method") or next(iter(EXPLANATIONS))
    return require_method("method", name, EXPLANATIONS).name


def look_of(context: PageContext) -> dict[str, str]:
    """The page's own parameters, which stay whatever is selected."""
    return {name: value for name in ("view", "method", "align") if (value := one(context.parameters, name))}
