"""A synthetic spine register that agrees with the printed figures of DaneSpine.

``synthesise(scale, seed)`` returns arrays; it knows nothing of the database.
"""

from demo.danespine.synthesis import SEED, SIZES, SpineRegister, synthesise

__all__ = ["SEED", "SIZES", "SpineRegister", "synthesise"]
