"""Why the network decided so: attribution methods and the evidence on their maps."""

from collections.abc import Mapping

from inference.explanations.gradcam import GradCam
from inference.explanations.integrated_gradients import IntegratedGradients
from inference.explanations.layercam import LayerCam
from inference.explanations.occlusion import Occlusion
from inference.explanations.protocol import Attribution, ExplanationMethod, Pulse, Question, unheard
from inference.explanations.saliency import Saliency

__all__ = ["METHODS", "Attribution", "ExplanationMethod", "Pulse", "Question", "unheard"]

_ALL: tuple[ExplanationMethod, ...] = (GradCam(), LayerCam(), Saliency(), IntegratedGradients(), Occlusion())
METHODS: Mapping[str, ExplanationMethod] = {method.name: method for method in _ALL}
