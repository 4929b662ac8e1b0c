"""Answers to single items: EQ-5D-3L profiles, and ten-item disability questionnaires from sums."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from demo.danespine.moments import Floats, tilted

Items = NDArray[np.int8]
UNANSWERED = -1

# Danish time trade-off set (Wittrup-Jensen 2009): what levels 2 and 3 of mobility, self care,
# usual activities, pain and anxiety take off, and what any item above 1 takes off once.
_LOSS = np.array([[0, 53, 411], [0, 63, 192], [0, 48, 144], [0, 62, 396], [0, 68, 367]])
_LOSS_ANY = 114

# How readily each item of EQ-5D leaves level 1 and reaches level 3 as a spine patient gets worse:
# pain first, self care last. An assumption; only the index is matched to print.
_EQ5D_THRESHOLDS = np.array([[-0.3, 4.0], [0.9, 3.2], [-0.8, 1.7], [-1.9, 0.9], [0.5, 2.6]])
_SLOPE = 1.7

# Sex life is the eighth question of ODI, driving the eighth of NDI: the one that may be left out.
OPTIONAL_ITEM = 7
# How much each item lies above or below the person's mean, in points of 0–5. An assumption.
ODI_PROFILE = np.array([0.5, -0.7, 0.6, 0.1, 0.2, 0.6, -0.4, 0.0, 0.1, -0.3])
NDI_PROFILE = np.array([0.5, -0.7, 0.4, 0.1, 0.2, -0.3, 0.3, 0.0, 0.0, 0.3])


@lru_cache(maxsize=1)
def eq5d_states() -> Items:
    """The 243 profiles, levels 1–3, ordered by Danish index from worst to best. Shape (243, 5)."""
    states = np.stack(np.meshgrid(*[[1, 2, 3]] * 5, indexing="ij"), -1).reshape(-1, 5)
    return states[np.argsort(_index_thousandths(states), kind="stable")].astype(np.int8)


@lru_cache(maxsize=1)
def eq5d_state_index() -> Floats:
    """The Danish index of every profile in the order of ``eq5d_states``. Shape (243,)."""
    return _index_thousandths(eq5d_states()) / 1000


def _index_thousandths(states: NDArray) -> NDArray[np.int64]:
    levels = states.astype(np.int64) - 1
    lost = _LOSS[np.arange(5), levels].sum(axis=-1)
    return 1000 - lost - _LOSS_ANY * (levels.max(axis=-1) > 0)


def eq5d_distribution(mean: float, sd: float) -> Floats:
    """Probabilities of the 243 profiles with this mean and SD of the Danish index.

    The base lets all five items depend on one latent severity, spread over people, whose centre is
    chosen so that the base has the mean; the tilt then sets the SD.
    """
    worst, best = -6.0, 6.0
    for _ in range(40):
        centre = (worst + best) / 2
        if eq5d_state_index() @ _eq5d_base(centre) > mean:
            worst = centre
        else:
            best = centre
    return tilted(eq5d_state_index(), _eq5d_base(centre), mean, sd)


def _eq5d_base(centre: float) -> Floats:
    severity = centre + np.linspace(-3, 3, 25) * 1.2
    weight = np.exp(-0.5 * np.linspace(-3, 3, 25) ** 2)
    above = 1 / (1 + np.exp(-_SLOPE * (severity[:, None, None] - _EQ5D_THRESHOLDS)))
    level = np.stack([1 - above[..., 0], above[..., 0] - above[..., 1], above[..., 1]], -1)
    chosen = level[:, np.arange(5), eq5d_states() - 1]  # severity × state × item
    return (weight / weight.sum()) @ chosen.prod(axis=-1)


def from_sums(
    sums: NDArray, skipped: NDArray[np.bool_], profile: Floats, rng: np.random.Generator
) -> Items:
    """Return answers 0–5 to ten items that add up to ``sums``. Shape (n, 10).

    Where ``skipped``, the optional item is UNANSWERED and nine items add up (sum at most 45).
    """
    n = len(sums)
    answered = np.ones((n, 10), dtype=bool)
    answered[skipped, OPTIONAL_ITEM] = False
    level = sums / answered.sum(axis=1)
    # Profiles fade towards the ends of the scale, where all items are alike.
    fade = np.minimum(1, np.minimum(level, 5 - level))[:, None]
    drawn = level[:, None] + fade * (profile + rng.normal(0, 0.8, (n, 10)))
    items = np.clip(np.rint(drawn), 0, 5).astype(np.int64)
    items[~answered] = 0
    rows = np.arange(n)
    while len(rows):
        missing = sums[rows] - items[rows].sum(axis=1)
        rows, missing = rows[missing != 0], missing[missing != 0]
        step = np.sign(missing)
        room = np.where(step[:, None] > 0, items[rows] < 5, items[rows] > 0) & answered[rows]
        pick = np.where(room, rng.random((len(rows), 10)), -1).argmax(axis=1)
        items[rows, pick] += step
    items[~answered] = UNANSWERED
    return items.astype(np.int8)
