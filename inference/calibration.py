"""How often the trust score was right, measured by `python -m benchmarks.trust`; see docs/trust.md. Without torch."""

from data.types import Calibration

__all__ = ["CALIBRATION"]

CALIBRATION = Calibration(
    maps=0, good=0, auc=0.0, high_from=0.7, high=0, high_right=0, low_below=0.3, low=0, low_wrong=0
)
