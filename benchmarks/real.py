"""Real pictures and trained weights, where they are at hand: the CIFAR-10 test images and ResNet-20."""

from pathlib import Path

from benchmarks.residual import resnet20

__all__ = ["CLASSES", "PICTURES", "RESNET20", "WEIGHTS"]

_REAL = Path(__file__).parents[2] / "shared" / "real"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PICTURES = _REAL / "cifar10-test.tar"
WEIGHTS = _REAL / "resnet20.th"
RESNET20 = f"factory:{Path(__file__).with_name('residual.py')}:{resnet20.__name__}"
"""As `--arch` takes it."""
