"""Third-party assets come from their packages, and only the files that are known."""

import pytest
from django.core.management.base import CommandError

from registry.core.management.commands.build_assets import ASSETS, content_of


@pytest.mark.parametrize("asset", ASSETS, ids=lambda asset: asset.name)
def test_package_holds_the_file_whose_digest_is_known(asset):
    content = content_of(asset)
    assert len(content) > 10_000
    assert b"sourceMappingURL" not in content


def test_another_file_than_the_known_one_is_refused():
    with pytest.raises(CommandError, match=r"bootstrap\.min\.css"):
        content_of(ASSETS[0]._replace(sha384="0" * 96))
