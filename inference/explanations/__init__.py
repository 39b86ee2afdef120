"""Why the network decided so: attribution methods and the evidence on their maps."""

from collections.abc import Mapping

from inference.explanations.attention import Attention
from inference.explanations.attention_rollout import AttentionRollout
from inference.explanations.deeplift import DeepLift
from inference.explanations.eigencam import EigenCam
from inference.explanations.gradcam import GradCam
from inference.explanations.gradcam_plus_plus import GradCamPlusPlus
from inference.explanations.gradient_rollout import GradientRollout
from inference.explanations.gradient_shap import GradientShap
from inference.explanations.guided_backprop import GuidedBackprop
from inference.explanations.hirescam import HiResCam
from inference.explanations.input_x_gradient import InputXGradient
from inference.explanations.integrated_gradients import IntegratedGradients
from inference.explanations.kernel_shap import KernelShap
from inference.explanations.layercam import LayerCam
from inference.explanations.lrp import Lrp
from inference.explanations.occlusion import Occlusion
from inference.explanations.protocol import Attribution, ExplanationMethod, Pulse, Question, unheard
from inference.explanations.rise import Rise
from inference.explanations.saliency import Saliency
from inference.explanations.scorecam import ScoreCam
from inference.explanations.smoothgrad import SmoothGrad

__all__ = ["METHODS", "Attribution", "ExplanationMethod", "Pulse", "Question", "unheard"]

_ALL: tuple[ExplanationMethod, ...] = (
    GradCam(),
    GradCamPlusPlus(),
    LayerCam(),
    HiResCam(),
    EigenCam(),
    ScoreCam(),
    Saliency(),
    InputXGradient(),
    GuidedBackprop(),
    DeepLift(),
    Lrp(),
    IntegratedGradients(),
    SmoothGrad(),
    GradientShap(),
    Occlusion(),
    Rise(),
    KernelShap(),
    GradientRollout(),
    AttentionRollout(),
    Attention(),
)
METHODS: Mapping[str, ExplanationMethod] = {method.name: method for method in _ALL}
