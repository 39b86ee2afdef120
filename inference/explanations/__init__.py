"""Why the network decided so: attribution methods and the evidence on their maps."""

from collections.abc import Mapping

from inference.explanations.gradcam import gradcam
from inference.explanations.protocol import Attribution, ExplanationMethod

__all__ = ["METHODS", "Attribution", "ExplanationMethod"]

METHODS: Mapping[str, ExplanationMethod] = {"gradcam": gradcam}
