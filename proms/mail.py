"""The mails that patients get, written at the moment of sending.

Nothing clinical stands in a subject: it is read on locked screens and by others.
"""

from datetime import datetime

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from patients.vault import IdentityErased, open_identity
from proms.actions import why_not_open
from proms.links import address_for
from proms.models import Invitation
from proms.questionnaire import form_for
from registry.core import clock
from registry.messaging.composing import ComposedMail, Withheld
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for


def compose(invitation_id: int, rule: str, now: datetime) -> ComposedMail | Withheld:
    """Write an invitation or reminder, or say why it is withheld.

    Looks at what is so now: a patient who has answered, died, opted out or been operated again
    since the mail was queued gets none.
    """
    invitation = (
        Invitation.objects.select_related("membership__patient", "membership__register__current")
        # Its version is enough: the definition itself is kept by the process.
        .defer("membership__register__current__definition")
        .filter(pk=invitation_id)
        .first()
    )
    if invitation is None:
        return Withheld("unknown")
    reason = _why_withheld(invitation, clock.civil_date(now))
    if reason:
        return Withheld(reason)
    try:
        identity = open_identity(invitation.membership.patient_id)
    except IdentityErased:
        return Withheld("erased")
    if not identity.email:
        return Withheld("no_address")
    membership = invitation.membership
    definition = definition_for(membership.register_id, membership.register.current.version)
    return _write(invitation, definition, rule, to=identity.email)


def note_sent(invitation_id: int, rule: str, now: datetime) -> None:
    """Note on the invitation that a mail went, in the transaction that marks the message."""
    field = "reminded_at" if rule.startswith("reminder") else "invited_at"
    invitation = Invitation.objects.select_for_update().get(pk=invitation_id)
    if field == "invited_at" and invitation.invited_at is not None:
        return
    setattr(invitation, field, now)
    invitation.save(update_fields=[field, "updated_at"])


def note_withheld(invitation_id: int, _rule: str, now: datetime) -> None:
    """Show a patient whose address is missing in the telephone worklist."""
    Invitation.objects.filter(
        pk=invitation_id,
        submitted_at__isnull=True,
        unreachable_at__isnull=True,
        membership__patient__identity__has_email=False,
    ).update(unreachable_at=now)


def _why_withheld(invitation: Invitation, on: object) -> str:
    patient, membership = invitation.membership.patient, invitation.membership
    if patient.died_on is not None:
        return "died"
    if membership.opted_out_on is not None:
        return "opted_out"
    if invitation.submitted_at is not None:
        return "answered"
    if invitation.declined_at is not None:
        return "declined"
    if why_not_open(invitation, on):
        return "closed"
    return ""


def _write(
    invitation: Invitation, definition: RegisterDefinition, rule: str, *, to: str
) -> ComposedMail:
    language = invitation.membership.patient.language
    sender = definition.about.sender
    with translation.override(language):
        form = form_for(invitation.plan, language)
        name = definition.about.short_name
        subject = _subject(rule) % {"sender": name}
        context = {
            "subject": subject,
            "rule": rule,
            "is_reminder": rule.startswith("reminder"),
            "is_new_link": rule == "new_link",
            "is_before": invitation.time_point == "before",
            "sender": name,
            "register": definition.about.names.in_language(language),
            "reply_to": sender.reply_to,
            "minutes": form.minutes,
            "questions": len(form.pages),
            "address": address_for(invitation.pk, invitation.generation),
            "last_day": date_format(invitation.closes_on, "DATE_FORMAT"),
            "language": language,
        }
        return ComposedMail(
            to=to,
            subject=subject,
            text=render_to_string("proms/mail/invitation.txt", context),
            html=render_to_string("proms/mail/invitation.html", context),
            from_name=sender.name,
            reply_to=sender.reply_to or "",
            language=language,
        )


def _subject(rule: str) -> str:
    if rule.startswith("reminder"):
        return _("Reminder: questions from %(sender)s")
    if rule == "new_link":
        return _("Your new link from %(sender)s")
    return _("Questions from %(sender)s")
