"""Why the network decided so: attribution methods and the evidence on their maps."""

from collections.abc import Mapping

from inference.explanations.gradcam import GradCam
from inference.explanations.protocol import Attribution, ExplanationMethod, Pulse, Question, unheard

__all__ = ["METHODS", "Attribution", "ExplanationMethod", "Pulse", "Question", "unheard"]

_ALL: tuple[ExplanationMethod, ...] = (GradCam(),)
METHODS: Mapping[str, ExplanationMethod] = {method.name: method for method in _ALL}
