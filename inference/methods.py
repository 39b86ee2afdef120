"""The methods that people can choose from, in their words. Without torch, for the web.

The registries of the workers (`inference.explanations`, `inference.projections`) have exactly these names; a test
proves it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from data.text import lazy

__all__ = ["EXPLANATIONS", "FAMILIES", "PROJECTIONS", "Method"]

FAMILIES: Mapping[str, str] = {
    "cam": lazy("Class activation"),
    "gradient": lazy("Gradients"),
    "perturbation": lazy("Perturbation"),
    "attention": lazy("Attention"),
}
"""Titles of the families of explanation methods, in the order in which they are offered."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method as people meet it. All texts are for people; pass them through `data.text.gettext` where they are shown.

    Attributes:
        name: As on the command line and in URLs.
        note: What it shows, in one sentence.
        limits, misleads: Of an explanation, what it does not show and when it misleads, a sentence each.
        paper: Who described it, where and when.
        family: One of `FAMILIES`; empty for projections.
        dear: Whether it needs many passes through the network, so that a person waits for it.
        signed: Whether a map has negative values that mean something.
        layers: Whether one may choose the layers at which it looks.
    """

    name: str
    title: str
    note: str
    limits: str = ""
    misleads: str = ""
    paper: str = ""
    family: str = ""
    dear: bool = False
    signed: bool = False
    layers: bool = False


EXPLANATIONS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(
            "gradcam",
            lazy("Grad-CAM"),
            lazy("Shows where the last feature maps speak for the class; coarse, fast, and a good first look."),
            lazy("It does not show fine detail, nor what speaks against the class."),
            lazy("It misleads where a class depends on several places at once, because each map has a single weight."),
            "Selvaraju et al. 2017, ICCV",
            family="cam",
            layers=True,
        ),
        Method(
            "gradcam_plus_plus",
            lazy("Grad-CAM++"),
            lazy("Shows where features speak for the class; finds several objects of it better than Grad-CAM."),
            lazy("It does not show what speaks against the class, nor fine detail."),
            lazy("It misleads where many features rise together, because it then marks more than the class needs."),
            "Chattopadhay et al. 2018, WACV",
            family="cam",
            layers=True,
        ),
        Method(
            "layercam",
            lazy("LayerCAM"),
            lazy("Shows where features speak for the class, each place with its own weight, at any layer."),
            lazy("It does not show what speaks against the class."),
            lazy("It misleads in early layers, where edges light up whether or not the class needs them."),
            "Jiang et al. 2021, IEEE TIP",
            family="cam",
            layers=True,
        ),
        Method(
            "hirescam",
            lazy("HiResCAM"),
            lazy("Shows which places of the last feature maps raise the class's score, each as the network counts it."),
            lazy("It does not show fine detail, nor places that lower the score."),
            lazy("It misleads where layers behind the chosen one mix places, as a transformer's do."),
            "Draelos & Carin 2020, arXiv:2011.08891",
            family="cam",
            layers=True,
        ),
        Method(
            "eigencam",
            lazy("Eigen-CAM"),
            lazy("Shows the pattern that most of a layer's features share: often the main object."),
            lazy("It does not show anything about the class: the map is the same for every one."),
            lazy("It misleads where the background is the strongest pattern: then it lights up instead of the object."),
            "Muhammad & Yeasin 2020, IJCNN",
            family="cam",
            layers=True,
        ),
        Method(
            "scorecam",
            lazy("Score-CAM"),
            lazy("Shows the feature maps whose marked places alone make the class score high; it needs no gradient."),
            lazy("It does not show fine detail, nor what speaks against the class."),
            lazy("It misleads where masked images look like nothing that the network knows, or all score alike."),
            "Wang et al. 2020, CVPR workshops",
            family="cam",
            dear=True,
            layers=True,
        ),
        Method(
            "saliency",
            lazy("Saliency"),
            lazy("Shows which pixels would change the class's score most if they changed a little."),
            lazy("It does not show whether a pixel speaks for or against the class."),
            lazy("It misleads where the network is saturated: evidence that is more than enough leaves no gradient."),
            "Simonyan et al. 2014, ICLR workshop",
            family="gradient",
        ),
        Method(
            "input_x_gradient",
            lazy("Input × gradient"),
            lazy("Shows each pixel's share of the score, as far as the network is linear around this image."),
            lazy("It does not show what dark pixels contribute, because what is zero at the input gets nothing."),
            lazy("It misleads where the network is far from linear, or edges stand out only for being bright."),
            "Shrikumar et al. 2016, arXiv:1605.01713",
            family="gradient",
            signed=True,
        ),
        Method(
            "guided_backprop",
            lazy("Guided backpropagation"),
            lazy("Shows the strokes and edges that excite the network on the way to the class; crisp and pleasing."),
            lazy("It does not show what inhibits, and hardly anything of the class."),
            lazy("It misleads because it restores the image nearly whatever the network has learnt."),
            "Springenberg et al. 2015, ICLR workshop",
            family="gradient",
            signed=True,
        ),
        Method(
            "deeplift",
            lazy("DeepLIFT"),
            lazy("Shows how much each pixel adds to the score over a plain grey image, also where gradients are flat."),
            lazy("It does not show how pixels act together."),
            lazy("It misleads where its completeness error is large; and the choice of grey is a choice."),
            "Shrikumar et al. 2017, ICML",
            family="gradient",
            signed=True,
        ),
        Method(
            "lrp",
            lazy("Layer-wise relevance propagation"),
            lazy("Shows how the score is handed down from layer to layer to the pixels that made it up."),
            lazy("It does not show what dark pixels contribute, and biases keep a part of the score."),
            lazy("It misleads by its grain: in a network of ReLUs this rule gives the same map as input × gradient."),
            "Bach et al. 2015, PLoS ONE",
            family="gradient",
            signed=True,
        ),
        Method(
            "integrated_gradients",
            lazy("Integrated gradients"),
            lazy("Shows how much each pixel adds to the score on the way from a plain grey image to this one."),
            lazy("It does not show how pixels act together, and pixels of the grey's own colour get nothing."),
            lazy("It misleads where its completeness error is large; and the choice of grey is a choice."),
            "Sundararajan et al. 2017, ICML",
            family="gradient",
            dear=True,
            signed=True,
        ),
        Method(
            "smoothgrad",
            lazy("SmoothGrad"),
            lazy("Shows which pixels the score reacts to on average under a little noise: saliency with less grain."),
            lazy("It does not show whether a pixel speaks for or against the class."),
            lazy("It misleads where noise alone changes what the network sees; smooth does not mean right."),
            "Smilkov et al. 2017, arXiv:1706.03825",
            family="gradient",
            dear=True,
        ),
        Method(
            "gradient_shap",
            lazy("GradientSHAP"),
            lazy("Shows how much each pixel adds to the score compared with plain images of many brightnesses."),
            lazy("It does not show how pixels act together."),
            lazy("It misleads where few samples leave a large completeness error."),
            "Lundberg & Lee 2017, NeurIPS; Erion et al. 2021",
            family="gradient",
            dear=True,
            signed=True,
        ),
        Method(
            "occlusion",
            lazy("Occlusion"),
            lazy("Shows how much the class's score falls when a square of the image is covered with grey."),
            lazy("It does not show what is smaller than the square, nor evidence that is there twice."),
            lazy("It misleads where a grey square itself looks like something to the network."),
            "Zeiler & Fergus 2014, ECCV",
            family="perturbation",
            dear=True,
            signed=True,
        ),
        Method(
            "rise",
            lazy("RISE"),
            lazy("Shows which places, when they are visible, make the class probable, whatever the rest looks like."),
            lazy("It does not show what speaks against the class, nor detail finer than its cells."),
            lazy("It misleads by chance where the differences are small: few masks leave blotches."),
            "Petsiuk et al. 2018, BMVC",
            family="perturbation",
            dear=True,
        ),
        Method(
            "kernel_shap",
            lazy("Kernel SHAP on superpixels"),
            lazy("Shows each patch's fair share of the score, counted over many sets of visible patches."),
            lazy("It does not show what happens within a patch."),
            lazy("It misleads where a patch cuts an object apart, or images with holes look strange to the network."),
            "Lundberg & Lee 2017, NeurIPS",
            family="perturbation",
            dear=True,
            signed=True,
        ),
        Method(
            "gradient_rollout",
            lazy("Gradient rollout"),
            lazy("Shows from which patches attention carries evidence for the class through all layers."),
            lazy("It does not show what speaks against the class, nor what is done with what is attended to."),
            lazy("It misleads where the values and perceptrons matter more than the attention."),
            "Chefer et al. 2021, ICCV",
            family="attention",
        ),
        Method(
            "attention_rollout",
            lazy("Attention rollout"),
            lazy("Shows from which patches attention carries anything at all through the layers to the output."),
            lazy("It does not show anything about the class: the map is the same for every one."),
            lazy("It misleads where attention rests on patches whose content is then ignored."),
            "Abnar & Zuidema 2020, ACL",
            family="attention",
        ),
        Method(
            "attention",
            lazy("Raw attention"),
            lazy("Shows which patches the output token looks at in one layer, the last unless another is chosen."),
            lazy("It does not show what it takes from there, nor anything about the class."),
            lazy("It misleads because patches that nobody needs are often used to rest on."),
            "Dosovitskiy et al. 2021, ICLR",
            family="attention",
            layers=True,
        ),
    )
}
PROJECTIONS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(
            "umap",
            lazy("UMAP"),
            lazy("Keeps neighbours together: clusters mean something, the distances between them little."),
        ),
        Method(
            "pca",
            lazy("PCA"),
            lazy("The two directions of greatest variance: distances are true, fine structure is lost."),
        ),
    )
}
