"""Whom to call first: how likely an answer still is × what it is worth to the unit's target.

Pure. Both are explicit tables, so that a coordinator can be told why somebody stands where they
stand, and a register owner can disagree with a line. The likelihood is written once and read twice:
by ``likelihood`` in Python and by ``likelihood_sql`` in the database, which orders a whole
register by it.

What is published, and what is assumed:

- *Published* (registers of spine and joint surgery): automatic mail alone is answered by 53 % at a
  year, with people following up by 83 %. So of the 47 % who stay silent, 30 answer after all:
  64 %, odds of 1.8. A telephone reminder doubles the odds of an answer, and a young patient
  answers less; the old answer when they are helped, and a call is that help.
- *Assumed* (reviewed with this table, to be replaced by the register's own figures when there are
  some): the size of every other ratio. Their order is what matters to a list: a form begun is
  nearly an answer, a habit of answering holds, every call in vain says something, and so do the
  last days.
"""

import math
from dataclasses import dataclass

BASE_ODDS = 1.8
"""Odds that a silent patient answers when somebody calls: 30 of 47, see above."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One thing that makes an answer more or less likely, as an odds ratio by bands.

    ``bands``: (upper limit, ratio), the value lying *below* the limit; ``otherwise`` beyond them.
    """

    name: str
    bands: tuple[tuple[int, float], ...]
    otherwise: float

    def ratio(self, value: int) -> float:
        """Return the odds ratio of a value."""
        return next((ratio for limit, ratio in self.bands if value < limit), self.otherwise)

    def sql(self) -> str:
        """Return the same as an expression over a column of the factor's name."""
        cases = " ".join(f"WHEN {self.name} < {limit} THEN {ratio}" for limit, ratio in self.bands)
        return f"CASE {cases} ELSE {self.otherwise} END"


ASKED, NOT_REACHED, OPENED, STARTED = range(4)
"""Values of ``progress``: asked and silent; no message got through; link opened; form begun."""

SILENT_BEFORE, NEW, ANSWERED_BEFORE = range(3)
"""Values of ``habit``: did not answer the time before; was not asked before; answered."""

FACTORS: tuple[Factor, ...] = (
    # Years. Published: the young answer less. Assumed: how much less.
    Factor("age", ((30, 0.5), (45, 0.7), (80, 1.0)), 0.8),
    # Assumed: begun is nearly done; opened is interest; nobody has asked them yet is no refusal.
    Factor("progress", ((NOT_REACHED, 1.0), (OPENED, 1.5), (STARTED, 2.0)), 4.0),
    # Assumed: who answered the time before does so again.
    Factor("habit", ((NEW, 0.5), (ANSWERED_BEFORE, 1.0)), 2.0),
    # Calls tried. Assumed: each in vain leaves those who are harder to get.
    Factor("calls", ((1, 1.0), (2, 0.8), (3, 0.6), (5, 0.4)), 0.2),
    # Days until the window closes, today included. Assumed: a call back needs days that are left.
    Factor("days_left", ((3, 0.4), (7, 0.6), (14, 0.8)), 1.0),
)


@dataclass(frozen=True, slots=True)
class Prospect:
    """What is known of a patient to be called; the fields are the factors' values."""

    age: int
    progress: int = ASKED
    habit: int = NEW
    calls: int = 0
    days_left: int = 90


def likelihood(prospect: Prospect) -> float:
    """Return how likely an answer is if the patient is called, between 0 and 1."""
    odds = BASE_ODDS * math.prod(one.ratio(getattr(prospect, one.name)) for one in FACTORS)
    return odds / (1 + odds)


def likelihood_sql() -> str:
    """Return ``likelihood`` as an expression over columns named as the factors."""
    odds = " * ".join([str(BASE_ODDS), *(f"({one.sql()})" for one in FACTORS)])
    return f"(1 - 1 / (1 + {odds}))::float8"


# --- What an answer is worth -------------------------------------------------------------------

REACHED_WORTH = 0.1
"""Where the target is reached an answer is still knowledge, but others come first."""

LARGE_STEP = 0.05
"""An answer that moves its unit by so much of the whole (one in twenty) counts double."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a unit stands at a time point: follow-ups due in the last year, and the target."""

    answered: int = 0
    expected: int = 0
    target: float | None = None

    @property
    def share(self) -> float | None:
        """The completeness; None where nothing was expected."""
        return self.answered / self.expected if self.expected else None

    @property
    def missing(self) -> int:
        """How many more answers reach the target; 0 where it is reached or there is none."""
        if self.target is None:
            return 0
        # 0.8 × 5 is a little more than 4 in binary fractions.
        return max(0, math.ceil(round(self.target * self.expected, 6)) - self.answered)


def worth(standing: Standing) -> float:
    """Return what one more answer is worth to the unit's target: from 0.1 to 2.1.

    The distance to the target as a share of it, and up to twice that where the unit is small: one
    answer of twenty moves it more than one of a thousand. At or above the target little. Without
    a target every answer is worth the same, 1.
    """
    if standing.target is None:
        return 1.0
    share = standing.share
    if share is None:
        return REACHED_WORTH + 2.0
    distance = max(0.0, 1 - share / standing.target) if standing.target else 0.0
    weight = 1 + min(1.0, 1 / standing.expected / LARGE_STEP)
    return REACHED_WORTH + distance * weight
