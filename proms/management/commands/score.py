"""`manage.py score INSTRUMENT --input answers.csv --output scores.csv`"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from proms.instruments import UnknownInstrument, instrument, instruments
from proms.scoring.engine import score
from proms.scoring.files import AnswerFileError, read_answers, write_scores

HELP = """\
Scores a file of answers.

The input is CSV in UTF-8 with commas and a header: an optional first column id, which passes
through, and the item codes of the instrument in any order. An empty cell is a missing answer;
an item whose column is left out counts as unanswered. The output has the unrounded score of
each scale and <scale>_n, the number of its items answered; a score that cannot be computed is
an empty cell. Any error in the input ends with exit code 2, and nothing is written.
"""


class Command(BaseCommand):
    help = HELP
    requires_system_checks: list[str] = []  # needs files only, no database

    def add_arguments(self, parser: CommandParser) -> None:
        scorable = [code for code, held in instruments().items() if held.scales]
        value_sets = sorted({name for held in instruments().values() for name in held.value_sets})
        parser.add_argument("instrument", metavar="INSTRUMENT", help=", ".join(scorable))
        parser.add_argument("--input", type=Path, required=True, metavar="FILE", help="answers")
        parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="scores")
        parser.add_argument(
            "--value-set",
            metavar="SET",
            help=f"value set of eq5d3l: {', '.join(value_sets)}; without it dk is used, and said so",  # noqa: E501
        )
        parser.add_argument(
            "--bands",
            metavar="BANDS",
            help="survival bands of tokuhashi: revised (without it) or danespine",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asked = instrument(options["instrument"])
        except UnknownInstrument as error:
            raise CommandError(str(error), returncode=2) from error
        if asked.status == "planned" or not asked.scales:
            raise CommandError(f"{asked.code} has no scores.", returncode=2)
        value_set = options["value_set"]
        if value_set is None and asked.default_value_set:
            value_set = asked.default_value_set
            self.stderr.write(
                f"Value set {value_set}: {asked.value_sets[value_set].name}. "
                "Choose another with --value-set."
            )
        for name, given, held in (
            ("--value-set", options["value_set"], tuple(asked.value_sets)),
            ("--bands", options["bands"], asked.variants),
        ):
            if given is not None and given not in held:
                known = f"known are {', '.join(held)}" if held else f"{asked.code} has none"
                raise CommandError(f"{name} {given}: {known}.", returncode=2)

        source: Path = options["input"]
        target: Path = options["output"]
        try:
            if target.exists() and source.exists() and target.samefile(source):
                raise AnswerFileError(f"{target}: input and output are the same file.")
            read = read_answers(source, asked)
            scores = score(asked, read.answers, value_set=value_set, variant=options["bands"])
            write_scores(target, asked, scores, read.ids)
        except AnswerFileError as error:
            raise CommandError(str(error), returncode=2) from error
        if read.left_out:
            self.stderr.write(
                f"No column for {', '.join(read.left_out)}: counted as unanswered in every row."
            )
        self.stdout.write(f"{len(read.answers)} responses scored: {target}")
