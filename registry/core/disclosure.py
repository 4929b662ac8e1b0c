"""Disclosure control: which figures may not be shown, so that nobody is recognised in them.

A figure over fewer patients than the register's threshold is withheld, unless it is about units
whose patients the viewer may see anyway. It must not follow from other figures either: where the
total and all other parts are shown, one subtraction gives the missing part. So further parts are
withheld until what is missing is at least two parts that together reach the threshold, or else the
total. A count of 0 tells of nobody and is shown.

What this cannot stop is comparing two requests with nearly the same filters; the threshold is for
the curious, the access log for the determined.
"""

from collections.abc import Collection, Mapping

TOTAL = "total"


def withheld(
    counts: Mapping[str, int], *, free: Collection[str] = (), threshold: int, total: bool = True
) -> frozenset[str]:
    """Return the keys of ``counts`` whose figures must be withheld, with ``TOTAL`` for their sum.

    ``counts``: patients behind each part; the parts do not overlap. ``free``: parts the viewer may
    always see. ``total``: whether the sum of the parts is shown too.
    """
    hidden = {key for key, n in counts.items() if 0 < n < threshold and key not in free}
    if not hidden or not total:
        return frozenset(hidden)
    candidates = sorted(
        (key for key, n in counts.items() if n > 0 and key not in free and key not in hidden),
        key=lambda key: (counts[key], key),
    )
    while len(hidden) < 2 or sum(counts[key] for key in hidden) < threshold:
        if not candidates:
            return frozenset(hidden | {TOTAL})
        hidden.add(candidates.pop(0))
    return frozenset(hidden)
