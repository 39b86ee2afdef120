"""How often the trust score was right, measured by `python -m benchmarks.trust`; see docs/trust.md. Without torch."""

from data.explanations import Calibration

__all__ = ["CALIBRATION"]

CALIBRATION = Calibration(
    maps=907,
    good=261,
    auc=0.978,
    high_from=0.7,
    high=264,
    high_right=235,
    low_below=0.3,
    low=604,
    low_wrong=598,
)
