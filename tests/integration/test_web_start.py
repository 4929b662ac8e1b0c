"""The web server does not start with what it would fail on later."""

import subprocess
import sys

from django.conf import settings

from tests.processes import test_environment


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    """Load the application as each worker of gunicorn does."""
    return subprocess.run(
        [sys.executable, "-c", "import registry.wsgi"],
        cwd=settings.BASE_DIR,
        env=test_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_faulty_wording_pack_stops_the_start(db, tmp_path):
    assert start(WORDING_PACKS_DIR=str(tmp_path)).returncode == 0
    (tmp_path / "odi.da.toml").write_text("instrument = ", "utf-8")
    refused = start(WORDING_PACKS_DIR=str(tmp_path))
    assert refused.returncode != 0
    assert "odi.da.toml" in refused.stderr
    assert "WORDING_PACKS_DIR" in refused.stderr
