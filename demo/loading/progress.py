"""What the loader says while it works."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Prints one line a step, with what it took."""

    say: Callable[[str], None]

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Time a step and say so when it is done."""
        begun = time.perf_counter()
        yield
        self.say(f"  {what} ({time.perf_counter() - begun:.1f} s)")
