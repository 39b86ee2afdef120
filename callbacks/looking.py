"""What the Inside page is about: one layer of a version, one of its units, and a dataset to hold it against."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callbacks.context import PageContext, Parameters, one, resolve
from callbacks.services import Services
from data.errors import InvalidInput
from data.inspections import Inspection, open_inspection
from data.samples import View
from data.types import Dataset, ModelVersion, Run
from data.visualisations import VisualisationRequest
from inference.visualisation.summary import inspection_key
from layouts.parts import link

__all__ = ["Subject", "subject_of"]


@dataclass(frozen=True, slots=True)
class Subject:
    """The page's parameters, resolved.

    Attributes:
        given: They as they are.
        unit: None where none is chosen yet.
        inspection: Of the layer, done or not; None where the version was not applied to the dataset.
    """

    context: PageContext
    given: Parameters
    version: ModelVersion
    layer: str
    unit: int | None
    inspection: Inspection | None

    @property
    def dataset(self) -> Dataset:
        return self.context.dataset

    @property
    def run(self) -> Run | None:
        return self.context.run

    @property
    def view(self) -> View:
        """The samples with the run's predictions."""
        return self.context.view

    @property
    def parameters(self) -> dict[str, str]:
        """Of the job that inspects the layer."""
        return {"dataset": self.dataset.name, "model": self.version.reference, "layer": self.layer}

    @property
    def pictured(self) -> tuple[str, int, str]:
        """What the address of a network's input begins with."""
        return self.version.model, self.version.version, self.dataset.name

    @property
    def request(self) -> VisualisationRequest:
        """The image that the page asks for."""
        return VisualisationRequest.of({**self.given, "layer": self.layer, "unit": self.unit or 0})

    def task(self, **more: Any) -> dict[str, Any]:
        """The payload of `visualise`."""
        facts = {"model": self.version.model, "version": self.version.version, "dataset": self.dataset.name}
        return {**facts, **more}

    def address(self, **changes: str) -> str:
        """The page with another unit or page of the wall."""
        kept: Mapping[str, Any] = {**self.given, **self.context.parameters, "layer": self.layer}
        return link("/inside", {**kept, **changes})


def subject_of(services: Services, state: Parameters | None) -> Subject | None:
    """Reads the page's parameters; None while no layer is chosen, or where there is no version.

    Raises:
        EmptyWorkspace: There is no dataset yet.
        NotFound, InvalidInput: A parameter names what does not exist or is not allowed.
    """
    given = dict(state or {})
    context, layer = resolve(services, given), one(given, "layer")
    if context.version is None or layer is None:
        return None
    text = one(given, "unit")
    if text is not None and not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"unit {text!r} is not allowed; give its number, from 0 up")
    run, version = context.run, context.version
    inspection = open_inspection(services.workspace, run.id, inspection_key(version, layer)) if run else None
    return Subject(context, given, version, layer, None if text is None else int(text), inspection)
