"""Load the limb register as its coordinator would: four files through the import."""

import tempfile
from datetime import date
from pathlib import Path

from demo import limb_no
from demo.loading.progress import Progress
from registry.accounts.models import User
from registry.accounts.selectors import viewer_for
from registry.jobs.imports import ImportContext, import_file
from registry.units.models import Unit

CODE = "limb_no"
COORDINATOR = "coordinator@limb-no.example"


def load(*, on: date, progress: Progress) -> None:
    """Import the published cases and the recent ones, in the caller's transaction.

    Raises FileRefused, with line and column, when a file breaks a rule of the register.
    """
    context = ImportContext(
        viewer=viewer_for(User.objects.get(email=COORDINATOR), on=on),
        register_code=CODE,
        on=on,
        unit=Unit.objects.get(code=limb_no.UNIT),
    )
    for what, cases in (
        ("published cases", limb_no.construct()),
        (f"cases around {on}", limb_no.recent(on)),
    ):
        with tempfile.TemporaryDirectory() as folder:
            files = limb_no.write_files(cases, Path(folder))
            for kind, path in files.items():
                with progress.step(f"{what}: {path.name}"), path.open("rb") as file:
                    import_file(context=context, kind=kind, file=file, name=path.name)
