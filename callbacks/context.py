"""What a page is about: its URL parameters read into values, with defaults for those that are missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callbacks.services import Services
from data.errors import InvalidInput, NotFound
from data.samples import Row, View
from data.selections import Selection
from data.types import PRECISIONS, Dataset, ModelVersion, Projection, Run, Sample
from layouts.parts import Card, link, thumb_url

__all__ = [
    "EmptyWorkspace",
    "PageContext",
    "Parameters",
    "cards",
    "complete",
    "newest_runs",
    "one",
    "resolve",
    "spread",
]

Parameters = Mapping[str, Any]
_METHODS = ("umap", "pca")
_GOLDEN = (5**0.5 - 1) / 2  # its multiples never fall into step with anything that repeats


class EmptyWorkspace(NotFound):
    """There is no dataset yet."""


@dataclass(frozen=True, slots=True)
class PageContext:
    """The resolved parameters of a page.

    Attributes:
        parameters: The given ones, with `dataset` and `model` filled in.
        datasets: All of the workspace.
        runs: Of this dataset, newest first.
        version: The chosen version, None where the workspace has none for this dataset.
        run: Of the chosen version on this dataset; None where it is not indexed.
        projections: Of the run, UMAP first.
        projection: The chosen one.
        other: The run of the second version, if the parameters name one.
    """

    parameters: dict[str, str | list[str]]
    datasets: tuple[Dataset, ...]
    dataset: Dataset
    runs: tuple[Run, ...]
    version: ModelVersion | None
    run: Run | None
    projections: tuple[Projection, ...]
    projection: Projection | None
    other: Run | None
    selection: Selection

    @property
    def view(self) -> View:
        """The tables that a query joins."""
        return View(self.dataset, self.run, self.projection, self.other)

    def address(self, path: str, **changes: str | Sequence[str] | None) -> str:
        """A link to another page about the same dataset, version and selection; None takes a parameter out."""
        base: dict[str, Any] = {name: self.parameters[name] for name in _CARRIED if name in self.parameters}
        return link(path, {**base, **self.selection.to_parameters(), **changes})

    def sample_address(self, sample: Sample) -> str:
        """The page of one sample, within the current selection."""
        return self.address("/sample", sample=sample.sample_id)


_CARRIED = ("dataset", "model", "other", "projection")


def one(parameters: Parameters, name: str) -> str | None:
    """The single value of a parameter; the first where it is given several times."""
    value = parameters.get(name)
    if isinstance(value, (list, tuple)):
        value = value[0] if value else None
    return str(value) if value not in (None, "") else None


def complete(services: Services, parameters: Parameters, projection: bool = False) -> dict[str, str | list[str]]:
    """The parameters with the defaults filled in, so that a link made from them shows everybody the same.

    Args:
        projection: Whether the page shows one, so that it is filled in too.

    Raises:
        EmptyWorkspace: There is no dataset yet.
        NotFound, InvalidInput: A parameter names what does not exist or is not allowed.
    """
    context = resolve(services, parameters)
    chosen = context.projection if projection else None
    return {**context.parameters, **({"projection": chosen.key} if chosen else {})}


def resolve(services: Services, parameters: Parameters | None) -> PageContext:
    """Reads a page's parameters.

    Raises:
        EmptyWorkspace: There is no dataset yet.
        NotFound, InvalidInput: A parameter names what does not exist or is not allowed.
    """
    parameters = parameters or {}
    selection = Selection.from_parameters(parameters)
    dataset, runs = _dataset(services, parameters)
    version, run = _version(services, parameters, dataset, runs)
    projections = _projections(services, run)
    given = {name: _plain(value) for name, value in parameters.items()}
    return PageContext(
        parameters={**given, "dataset": dataset.name, **({"model": version.reference} if version else {})},
        datasets=tuple(services.datasets.list()),
        dataset=dataset,
        runs=runs,
        version=version,
        run=run,
        projections=projections,
        projection=_projection(services, parameters, projections, selection),
        other=_other(services, parameters, dataset),
        selection=selection,
    )


def cards(context: PageContext, rows: Sequence[Row]) -> list[Card]:
    """The gallery's cards for rows of the context's view."""
    return [
        Card(
            sample_id=row.sample.sample_id,
            image=thumb_url(context.dataset.name, row.sample.row, row.sample.digest),
            href=context.sample_address(row.sample),
            label=row.sample.label,
            prediction=row.prediction,
            confidence=row.confidence,
            correct=row.correct,
            feedback=row.feedback,
            given_label=row.given_label,
            tiny=max(row.sample.width, row.sample.height) <= 64,
        )
        for row in rows
    ]


def newest_runs(services: Services, dataset: str | None = None) -> list[Run]:
    """Runs, newest first; of a version that was applied in several precisions, the one in the highest."""
    found = sorted(services.runs.list(dataset), key=lambda run: (run.precision == PRECISIONS[0], run.created_at))
    kept = {(run.dataset, run.reference): run for run in found}
    return sorted(kept.values(), key=lambda run: run.created_at, reverse=True)


def spread(total: int, count: int) -> list[int]:
    """At most `count` rows from all over a dataset, each from elsewhere in its stretch.

    So a dataset sorted by class shows many classes, and so does one in which they take turns.
    """
    count = min(total, count)
    return [int((place + place * _GOLDEN % 1) * total / count) for place in range(count)]


def _plain(value: Any) -> str | list[str]:
    return [str(part) for part in value] if isinstance(value, (list, tuple)) else str(value)


def _dataset(services: Services, parameters: Parameters) -> tuple[Dataset, tuple[Run, ...]]:
    name = one(parameters, "dataset")
    runs = newest_runs(services, name)
    if name:
        return services.datasets.get(name), tuple(runs)
    datasets = services.datasets.list()
    if not datasets:
        raise EmptyWorkspace("There is no dataset yet; add one with `dataset add`")
    indexed = {run.dataset for run in runs}
    chosen = next((dataset for dataset in datasets if dataset.name in indexed), datasets[0])
    return chosen, tuple(run for run in runs if run.dataset == chosen.name)


def _version(
    services: Services, parameters: Parameters, dataset: Dataset, runs: Sequence[Run]
) -> tuple[ModelVersion | None, Run | None]:
    reference = one(parameters, "model")
    if reference:
        version = services.models.resolve(reference)
        run = next((run for run in runs if (run.model, run.version) == (version.model, version.version)), None)
        return version, run
    if runs:
        return services.models.get(runs[0].model, runs[0].version), runs[0]
    return None, None


def _projections(services: Services, run: Run | None) -> tuple[Projection, ...]:
    if run is None:
        return ()
    order = {method: place for place, method in enumerate(_METHODS)}
    found = services.runs.projections(run.id)
    return tuple(sorted(found, key=lambda projection: (order.get(projection.method, len(order)), projection.key)))


def _projection(
    services: Services, parameters: Parameters, projections: Sequence[Projection], selection: Selection
) -> Projection | None:
    """The projection that is asked for, even of another run: its points are the same samples."""
    key = one(parameters, "projection") or (selection.lasso.projection if selection.lasso else None)
    if key is None:
        return projections[0] if projections else None
    return next((found for found in projections if found.key == key), None) or services.runs.projection(key)


def _other(services: Services, parameters: Parameters, dataset: Dataset) -> Run | None:
    reference = one(parameters, "other")
    if not reference:
        return None
    version = services.models.resolve(reference)
    run = services.runs.find(dataset.name, version.model, version.version)
    if run is None:
        raise InvalidInput(
            f"{version.reference} is not indexed on {dataset.name}; run `index {dataset.name} {version.reference}`"
        )
    return run
