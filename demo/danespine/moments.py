"""Distributions on a finite grid with a given mean and standard deviation.

Among all distributions on the grid, the one nearest to a plausible base (smallest relative entropy)
that has a prescribed mean and second moment is the base tilted exponentially:
p(x) ∝ base(x) · exp(a·x + b·x²) (Csiszár 1975). a and b are found by Newton's method on the convex
dual. Values are then taken at the quantiles (i + ½)/n, so that a group of n people has the
moments almost exactly and not only on average.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def tilted(values: Floats, base: Floats, mean: float, sd: float) -> Floats:
    """Return probabilities on ``values`` with this mean and SD, nearest to ``base``.

    ``values`` and ``base`` have the same shape (k,); base need not sum to 1. Raises ValueError when
    no distribution on the grid has these moments.
    """
    centre, width = mean, sd
    x = (values - centre) / width
    features = np.stack([x, x * x])
    target = np.array([0.0, 1.0])
    log_base = np.log(base)
    theta = np.zeros(2)

    def probabilities(parameters: Floats) -> tuple[Floats, float]:
        exponent = log_base + parameters @ features
        peak = exponent.max()
        weights = np.exp(exponent - peak)
        total = weights.sum()
        return weights / total, peak + np.log(total) - parameters @ target

    p, objective = probabilities(theta)
    for _ in range(200):
        expected = features @ p
        gradient = expected - target
        if np.abs(gradient).max() < 1e-10:
            return p
        hessian = (features * p) @ features.T - np.outer(expected, expected)
        step = np.linalg.solve(hessian + 1e-12 * np.eye(2), gradient)
        length = 1.0
        while length > 1e-10:
            trial = theta - length * step
            p_trial, objective_trial = probabilities(trial)
            if objective_trial <= objective - 1e-4 * length * (gradient @ step):
                break
            length /= 2
        else:
            break
        theta, p, objective = trial, p_trial, objective_trial
    if np.abs(features @ p - target).max() > 1e-6:
        raise ValueError(f"no distribution on this grid has mean {mean} and SD {sd}")
    return p


def at_quantiles(p: Floats, n: int) -> NDArray[np.int64]:
    """Return n grid positions in rising order, at the quantiles (i + ½)/n of ``p``."""
    cumulative = np.cumsum(p)
    positions = np.searchsorted(cumulative, (np.arange(n) + 0.5) / n * cumulative[-1])
    return np.minimum(positions, len(p) - 1)


def ranked(latent: Floats, rising: NDArray) -> NDArray:
    """Give the values of ``rising`` to n people in the order of their ``latent`` scores."""
    given = np.empty(len(rising), dtype=rising.dtype)
    given[np.argsort(latent, kind="stable")] = rising
    return given


def apportion(weights: Floats, total: int) -> NDArray[np.int64]:
    """Split ``total`` in proportion to ``weights`` into whole numbers (largest remainders)."""
    exact = np.asarray(weights, dtype=float) / np.sum(weights) * total
    whole = np.floor(exact).astype(np.int64)
    order = np.argsort(whole - exact, kind="stable")
    whole[order[: total - whole.sum()]] += 1
    return whole


@lru_cache(maxsize=1)
def visual_analogue_base() -> Floats:
    """Plausible use of a 0–100 line: people prefer round numbers. Shape (101,)."""
    mark = np.arange(101)
    return 1.0 + 1.0 * (mark % 5 == 0) + 1.5 * (mark % 10 == 0)
