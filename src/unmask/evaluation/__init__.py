"""What a detector's scores are worth: metrics, intervals, protocol, robustness. NumPy and Pillow.

    manifest ─scores→ [Outcome] ─protocol→ Results ─plots→ pictures
    metrics, intervals ↗    splices, explanations ↗  └─tables→ README, docs

`measure` does all of it. It takes the detector as a callable, so nothing here knows one.
"""

from unmask.evaluation.manifest import Manifest, Row, read_manifest
from unmask.evaluation.measure import measure
from unmask.evaluation.metrics import flag_precision
from unmask.evaluation.protocol import Options, compare, evaluate
from unmask.evaluation.results import Results, read_results, write_results
from unmask.evaluation.robustness import DEGRADATIONS, degrade
from unmask.evaluation.scores import Outcome, Scorer, read_scores, scorer_of_crops, write_scores

__all__ = [
    "DEGRADATIONS",
    "Manifest",
    "Options",
    "Outcome",
    "Results",
    "Row",
    "Scorer",
    "compare",
    "degrade",
    "evaluate",
    "flag_precision",
    "measure",
    "read_manifest",
    "read_results",
    "read_scores",
    "scorer_of_crops",
    "write_results",
    "write_scores",
]
