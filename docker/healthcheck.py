"""Whether the web server of this container answers: asks as the proxy in front would."""

import os
import urllib.request

request = urllib.request.Request(
    "http://127.0.0.1:8000/healthz",
    headers={
        "Host": os.environ.get("ALLOWED_HOSTS", "127.0.0.1").split(",")[0].lstrip("."),
        "X-Forwarded-Proto": "https",
    },
)
urllib.request.urlopen(request, timeout=4).close()
