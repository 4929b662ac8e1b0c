"""The job that prints letters: one PDF for all that were chosen, each noted on its invitation."""

from datetime import datetime

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from patients.reach import is_under_age
from patients.selectors import identities_of
from patients.vault import Identity
from proms import actions, selectors
from proms.models import Invitation
from proms.paper.printing import Letter, print_letters
from proms.plans import languages_for
from proms.questionnaire import form_for
from registry.accounts.permissions import Viewer
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.jobs.models import Job
from registry.jobs.runners import JobRefused, Outcome, Progress, Runner
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for

KIND = "letters"
MOST_LETTERS = 50
"""In one file: some 400 pages, for which Typst needs half a gigabyte. Their invitations are locked
for the few seconds that it takes."""


def run(job: Job, viewer: Viewer, progress: Progress) -> Outcome:
    """Print the job's ``invitations``. Whoever cannot be printed is left out and named.

    With ``to_hand_over`` the forms have no letter, and no letter is noted.
    """
    now = clock.now()
    definition = definition_for(job.register_code)
    held = selectors.invitations_to_print(
        viewer, job.register_code, job.parameters["invitations"][:MOST_LETTERS]
    )
    by_post = not job.parameters.get("to_hand_over", False)
    identities = identities_of(
        viewer, [invitation.membership for invitation in held], action="print_letter"
    )
    letters: list[Letter] = []
    left_out: list[str] = []
    for position, invitation in enumerate(held, start=1):
        identity = identities.get(invitation.membership_id) or Identity()
        try:
            letters.append(_letter(invitation, identity, definition, viewer, now, by_post))
        except RuleBroken as error:
            number = invitation.membership.registry_number
            left_out.append(
                _("Patient %(number)s was left out. %(reason)s")
                % {"number": number, "reason": " ".join(error.messages)}
            )
        progress(position, len(held))
    if not letters:
        raise JobRefused(
            [{"line": 0, "column": "", "message": text} for text in left_out]
            or [{"line": 0, "column": "", "message": _("There was nothing to print.")}]
        )
    return Outcome(
        values={"notes": [_printed(len(letters)), *left_out]},
        file_name=f"{_('letters')}-{clock.civil_date(now).isoformat()}.pdf",
        content=print_letters(letters, definition, language=get_language(), now=now),
    )


def _letter(
    invitation: Invitation,
    identity: Identity,
    definition: RegisterDefinition,
    viewer: Viewer,
    now: datetime,
    by_post: bool,
) -> Letter:
    """Give one invitation its form and letter. Raises RuleBroken."""
    patient = invitation.membership.patient
    operation = invitation.follow_ups.all()[0].operation
    return_address = definition.about.sender.return_address(operation.unit.code)
    if not return_address:
        raise RuleBroken(
            _("The register's definition does not say where forms are to be sent back to.")
        )
    languages = languages_for(invitation.plan, definition.about.languages)
    if not languages:
        raise RuleBroken(_("There is no wording of these questions that may be printed."))
    addressee: tuple[str, ...] = ()
    child = ""
    if by_post:
        if not identity.address.strip():
            raise RuleBroken(_("No postal address is known."))
        name = identity.name
        if is_under_age(
            patient.birth_date,
            on=clock.civil_date(now),
            guardian_until=definition.patients.guardian_until,
        ):
            child = identity.given_name
            name = identity.guardian_name or _("The parents of %(name)s") % {"name": name}
        addressee = (name, *(line.strip() for line in identity.address.splitlines()))
    language = patient.language if patient.language in languages else languages[0]
    form = actions.print_form(
        invitation_id=invitation.pk, language=language, by=viewer, now=now, by_post=by_post
    )
    return Letter(
        form=form_for(invitation.plan, language),
        code=form.code,
        unit=operation.unit.name,
        return_address=return_address,
        is_before=invitation.time_point == "before",
        closes_on=invitation.closes_on,
        addressee=addressee,
        child=child,
    )


def _printed(number: int) -> str:
    return ngettext(
        "%(number)s form is ready to be printed. Print it at its actual size: the lines must be "
        "10 cm long.",
        "%(number)s forms are ready to be printed. Print them at their actual size: the lines must "
        "be 10 cm long.",
        number,
    ) % {"number": number}


def _label(job: Job) -> str:
    number = len(job.parameters.get("invitations", ()))
    return ngettext("Print %(number)s questionnaire", "Print %(number)s questionnaires", number) % {
        "number": number
    }


LETTERS = Runner(label=_label, run=run)
