"""Take third-party scripts and styles from their packages, so that none is committed or fetched."""

import hashlib
import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import vl_convert
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Asset(NamedTuple):
    """A file of a package, the name it is served under and the digest it must have."""

    name: str
    package: str
    path: str
    sha384: str


# The digests are those that the projects publish for Subresource Integrity (base64 of SHA-384 in
# their documentation, hexadecimal here): a package that holds something else is refused.
ASSETS = (
    Asset(
        "bootstrap.min.css",
        "django_include_bootstrap",
        "static/css/bootstrap.min.css",
        "b11225e24c482c5bd8e3b275e9cafd670074eef3f827cf8b"
        "1fba8a427baa92e200bcd58bcde37cb44e5806e8d9a892c1",
    ),
    Asset(
        "bootstrap.bundle.min.js",
        "django_include_bootstrap",
        "static/js/bootstrap.bundle.min.js",
        "14aca8105a2b086972bf0c7d1e3d3d25c627de7bfbc223d5"
        "973ed863026b5957172bf0669d50f133e0f6b1c41b213c48",
    ),
    Asset(
        "htmx.min.js",
        "django_htmx",
        "static/django_htmx/htmx-2.min.js",
        "1f94ab71fca01e602e4c366984c1ea0492dcdc586cb0a8c6"
        "ef0fc2782a4545e49fc015834caa64ccf3fc73e70bb0af95",
    ),
)

# Vega, Vega-Lite, Vega-Embed and its expression interpreter, as one module.
VEGA_EXPORT = "export { vegaEmbed };"

SOURCE_MAP = re.compile(rb"\s*(/\*# sourceMappingURL=\S+ \*/|//# sourceMappingURL=\S+)\s*\Z")


class Command(BaseCommand):
    """``manage.py build_assets``: fill ASSETS_DIR/vendor."""

    help = "Take Bootstrap, htmx and Vega from their packages and put them among the static files."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Write every asset; the same packages give the same bytes."""
        vendor = Path(settings.ASSETS_DIR) / "vendor"
        vendor.mkdir(parents=True, exist_ok=True)
        for asset in ASSETS:
            write(vendor / asset.name, content_of(asset))
        bundle = vl_convert.javascript_bundle(VEGA_EXPORT)
        write(vendor / "vega.js", bundle.encode())
        if options["verbosity"]:
            self.stdout.write(f"{len(ASSETS) + 1} assets in {vendor}")


def content_of(asset: Asset) -> bytes:
    """Read an asset from its package, without the line that names a source map.

    Raises CommandError when the package holds another file than the one whose digest is known.
    """
    content = (files(asset.package) / asset.path).read_bytes()
    digest = hashlib.sha384(content).hexdigest()
    if digest != asset.sha384:
        raise CommandError(
            f"{asset.path} of {asset.package} is not the file expected "
            f"(SHA-384 {digest}). Compare it with the project's release and, if it is right, "
            "put its digest into build_assets.py."
        )
    # The maps are not served, and a name without a file stops collectstatic.
    return SOURCE_MAP.sub(b"\n", content)


def write(path: Path, content: bytes) -> None:
    """Put a file in place at once, so that a server running meanwhile never sends half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
