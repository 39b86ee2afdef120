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
            "saliency",
            lazy("Saliency"),
            lazy("Shows which pixels would change the class's score most if they changed a little."),
            lazy("It does not show whether a pixel speaks for or against the class."),
            lazy("It misleads where the network is saturated: evidence that is more than enough leaves no gradient."),
            "Simonyan et al. 2014, ICLR workshop",
            family="gradient",
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
