"""``python -m bench [--output FILE] [MEASUREMENT …]``: measure, print, write bench/last.json."""

import argparse
import importlib
import os
import pkgutil
import sys
import time
from pathlib import Path

from bench import measurements
from bench.framework import FOLDER, HEAD, SCALES, line, write


def main() -> int:
    """Measure what is named, or all, and say at the end which budgets were missed."""
    names = [module.name for module in pkgutil.iter_modules(measurements.__path__)]
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("measurements", nargs="*", metavar="MEASUREMENT", help=", ".join(names))
    parser.add_argument("--output", type=Path, default=FOLDER / "last.json")
    chosen = parser.parse_args()
    named = os.environ.get("BENCH_SCALE") or "full"
    if named not in SCALES:
        parser.error(f"BENCH_SCALE is {' or '.join(SCALES)}, not {named}")
    if unknown := set(chosen.measurements) - set(names):
        parser.error(f"there is no measurement {', '.join(unknown)}; there are {', '.join(names)}")

    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
    import django

    django.setup()
    began = time.monotonic()
    print(HEAD, flush=True)
    missed: list[str] = []
    for name in names:
        if chosen.measurements and name not in chosen.measurements:
            continue
        module = importlib.import_module(f"bench.measurements.{name}")
        for measured in module.measurements():
            print(line(measured), flush=True)
            write([measured], chosen.output)
            if not measured.ok:
                missed.append(measured.name)
    print(f"{time.monotonic() - began:.0f} s; written to {chosen.output}")
    if named != "full":
        print(f"BENCH_SCALE={named}: the sizes are too small for the figures to mean anything.")
    elif missed:
        print(f"Missed: {', '.join(missed)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
