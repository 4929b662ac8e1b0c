"""Scores from answers: pure, vectorised functions for one answer and for a hundred thousand.

- `score` for arrays, `score_one` for one response
- `proms.scoring.change`: improvement and thresholds without float error
- `proms.scoring.presentation`: rounding for people
- `proms.scoring.files`: answer files in, score files out

Scores are never rounded here, and a missing score is NaN with a reason, never 0.
"""

from proms.scoring.change import at_least, improvement, percent_improvement, reached
from proms.scoring.engine import UnknownAnswer, UnknownValueSet, score, score_one
from proms.scoring.presentation import formatted, rounded, written
from proms.scoring.results import Reason, ScaleScores, Score

__all__ = [
    "Reason",
    "ScaleScores",
    "Score",
    "UnknownAnswer",
    "UnknownValueSet",
    "at_least",
    "formatted",
    "improvement",
    "percent_improvement",
    "reached",
    "rounded",
    "score",
    "score_one",
    "written",
]
