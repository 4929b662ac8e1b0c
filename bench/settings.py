"""The registry's settings on a database of the benchmarks' own, with the bare views beside it.

``BENCH_DATABASE`` names the database. Everything else is as it is served: the same middleware,
sessions, cached templates and rights of the application role.
"""

import os

# Not what is served in production.
os.environ.setdefault("DEMO", "0")

from registry.settings import *  # noqa: F403
from registry.settings import DATABASES, OWNER_DATABASE

if OWNER_DATABASE is None:
    raise SystemExit("Set DATABASE_OWNER_URL: the benchmarks make databases of their own.")

DATABASES["default"]["NAME"] = os.environ.get("BENCH_DATABASE", DATABASES["default"]["NAME"])
ROOT_URLCONF = "bench.urls"
