"""``manage.py export_year REGISTER YEAR --format csv|xlsx --output DIR``."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry.accounts.models import User
from registry.accounts.selectors import viewer_for
from registry.audit.middleware import unit_of_work
from registry.core import clock
from registry.core.errors import NotAllowed
from registry.registers.schema.base import LANGUAGES
from registry.registers.selectors import UnknownRegister
from reports.annual import trusted_viewer
from reports.exports import FORMATS, NoExport, export_year


class Command(BaseCommand):
    """Nothing is left behind when the export cannot be written to its end."""

    help = "Write the pseudonymous rows of a year, with a codebook, into a folder."

    def add_arguments(self, parser: CommandParser) -> None:
        """Register, year, format, folder, language of the codebook, and whose rights apply."""
        parser.add_argument("register", help="Code of the register, such as danespine.")
        parser.add_argument("year", type=int)
        parser.add_argument("--format", choices=FORMATS, default="csv")
        parser.add_argument("--output", type=Path, required=True, help="Folder for the files.")
        parser.add_argument("--language", choices=LANGUAGES, default="en")
        parser.add_argument("--user", help="E-mail address of the user whose rights apply.")

    def handle(self, *args: Any, register: str, year: int, **options: Any) -> None:
        """Write the files and say how many rows each has."""
        on = clock.today()
        viewer = trusted_viewer(register, "export_year")
        if options["user"]:
            user = User.objects.filter(email=options["user"], is_active=True).first()
            if user is None:
                raise CommandError(f"There is no user {options['user']}.")
            viewer = viewer_for(user, on=on)
        try:
            with unit_of_work(actor_id=viewer.user_id, source="export_year"):
                written = export_year(
                    viewer,
                    register,
                    year,
                    format=options["format"],
                    folder=options["output"],
                    language=options["language"],
                    on=on,
                )
        except (NoExport, UnknownRegister) as error:
            raise CommandError(str(error)) from error
        except NotAllowed as error:
            raise CommandError(f"{options['user']} may not export {register}.") from error
        except OSError as error:
            raise CommandError(f"{options['output']} cannot be written: {error}.") from error
        for name, rows in written.rows.items():
            self.stdout.write(f"{options['output'] / name}: {rows} rows")
