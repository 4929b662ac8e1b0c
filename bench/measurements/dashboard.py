"""The dashboard: the 95th percentile of whole responses from gunicorn on the loopback.

Compared with an empty page of the registry for the same logged-in coordinator (login, middleware,
frame, menu), asked on the same server by turns: what is above it is the benchmark, its table and
its words. Every request asks another scale or years, so that no answer can be a kept one. Requests
follow each other over one connection: the figure is how long a person waits, not how many can.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import product

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from bench import data
from bench.database import prepared, use
from bench.framework import Budget, Measured, medians, p95, scale
from bench.server import latencies, request, serving
from registry.accounts.models import User

PAGE = f"/reports/{data.REGISTER}/"
EMPTY = "/bench/empty/"
FILTER = "&sex=female&age_from=50&age_to=70"


def cookies() -> dict[str, str]:
    """Log the reader in; return the cookies of the browser."""
    reader = User.objects.get(email=data.READER)
    session = SessionStore()
    session[SESSION_KEY] = str(reader.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = reader.get_session_auth_hash()
    session.create()
    return {settings.SESSION_COOKIE_NAME: session.session_key}


def questions(filters: str = "") -> list[str]:
    """Return different questions to the dashboard."""
    return [
        f"{PAGE}?group=lumbar_stenosis&scale={scale_}&year_from={first}&year_to=2022{filters}"
        for first, scale_ in product(range(2009, 2019), data.SCALES)
    ]


def measurements() -> Iterator[Measured]:
    """Measure plain and filtered pages at the small size, plain ones at the large."""
    sizes = scale()
    labels = {"small": sizes.small, "large": sizes.large}
    names = {
        "small": prepared(sizes.small),
        "large": prepared(sizes.small, times=sizes.large // sizes.small),
    }
    count = min(40, sizes.requests)
    with ExitStack() as stack:
        contenders = {}
        for size, name in names.items():
            use(name)
            held = cookies()
            port = stack.enter_context(serving(name))
            for label, addresses in {
                size: questions(),
                f"{size}_filtered": questions(FILTER),
                f"{size}_empty": [EMPTY] * 40,
            }.items():
                asked = [request(address, cookies=held) for address in addresses[:count]]
                contenders[label] = partial(_p95, port, asked)
        found = medians(sizes.runs, contenders)
    small = f"dashboard_{labels['small'] // 1000}k"
    limit, against = Budget(60, of="value"), "an empty page of the registry"
    yield Measured(small, found["small"], found["small_empty"], limit, against=against)
    yield Measured(
        f"{small}_filtered", found["small_filtered"], found["small_empty"], limit, against=against
    )
    large = f"dashboard_{labels['large'] // 1000}k"
    yield Measured(large, found["large"], found["large_empty"], limit, against=against)
    yield Measured(
        "dashboard_growth",
        found["large"],
        found["small"],
        Budget(1.25),
        against="own, a tenth as big",
    )


def _p95(port: int, asked: list[bytes]) -> float:
    return p95(latencies(port, asked))
