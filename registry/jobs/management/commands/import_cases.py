"""Import a file of cases from the command line, by the path of the coordinator's page."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation

from registry.accounts.models import Role, User
from registry.accounts.permissions import Grant, Viewer
from registry.accounts.selectors import viewer_for
from registry.audit.middleware import unit_of_work
from registry.core import clock
from registry.core.choices import Language
from registry.core.errors import NotAllowed
from registry.jobs.imports import FileRefused, ImportContext, import_file, import_kinds
from registry.registers.selectors import UnknownRegister, definition_for, units_of
from registry.units.models import Unit


class Command(BaseCommand):
    """Exit code 1 and nothing written when a row is wrong; every fault is printed."""

    help = "Import a CSV or XLSX file of cases: patients, referrals, consultations, operations."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("register", help="Code of the register, such as limb_no.")
        parser.add_argument("kind", help="What the file holds, such as patients.")
        parser.add_argument("file", type=Path)
        parser.add_argument("--unit", help="Code of the unit, where the file names none.")
        parser.add_argument("--user", help="E-mail address of the user whose rights apply.")
        parser.add_argument("--language", choices=Language.values, default=Language.ENGLISH)

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override(options["language"]):
            self.load(**options)

    def load(self, *, register: str, kind: str, file: Path, **options: Any) -> None:
        """Import the file; CommandError when it, or the command, is wrong."""
        try:
            definition = definition_for(register)
        except UnknownRegister as error:
            raise CommandError(str(error)) from error
        kinds = import_kinds(definition)
        if kind not in kinds:
            raise CommandError(f"{register} takes files of: {', '.join(kinds)}; not “{kind}”.")
        on = clock.today()
        if options["user"]:
            user = User.objects.filter(email=options["user"], is_active=True).first()
            if user is None:
                raise CommandError(f"There is no user {options['user']}.")
            viewer = viewer_for(user, on=on)
        else:
            # Whoever can run commands on the server has the rights of the administrator.
            grant = Grant(Role.ADMINISTRATOR, register, None)
            viewer = Viewer(user_id=None, grants=(grant,), label="import_cases")
        context = ImportContext(
            viewer=viewer, register_code=register, on=on, unit=_unit(register, options["unit"])
        )
        try:
            with (
                file.open("rb") as source,
                unit_of_work(actor_id=viewer.user_id, source=f"import_cases {kind}"),
            ):
                rows = import_file(
                    context=context,
                    kind=kind,
                    file=source,
                    name=file.name,
                    progress=lambda done: self.stdout.write(f"{done} rows read"),
                )
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        except NotAllowed as error:
            raise CommandError(f"{options['user']} may not import into {register}.") from error
        except FileRefused as refused:
            for fault in refused.faults:
                self.stderr.write(str(fault))
            more = refused.count - len(refused.faults)
            raise CommandError(
                f"{refused.count} faults{f' ({more} not shown)' if more else ''}: "
                f"nothing of {file} was imported."
            ) from refused
        self.stdout.write(self.style.SUCCESS(f"{rows} rows of {kind} imported."))


def _unit(register: str, code: str | None) -> Unit | None:
    """The unit meant where a file names none: the one given, or the register's only one."""
    units = units_of(register)
    if code is None:
        return units[0] if len(units) == 1 else None
    for unit in units:
        if unit.code == code:
            return unit
    raise CommandError(
        f"{code} does not report to {register}; units: {', '.join(u.code for u in units)}."
    )
