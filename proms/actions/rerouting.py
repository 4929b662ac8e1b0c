"""Sending by another way what could not go by its own."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Count

from proms.actions.selecting import PURPOSE
from proms.asked import channel_of, definitions_of, read, way_of, why_withheld
from proms.models import Invitation
from registry.core import clock
from registry.messaging.actions import NewMessage, enqueue
from registry.messaging.models import Message


@transaction.atomic
def send_another_way(*, messages: Iterable[tuple[int, str]], now: datetime) -> int:
    """Queue messages (invitation, rule) anew by the channel that reaches the patient now.

    For what waited for a channel that no longer works, or was withheld and is wanted after all;
    each is a new attempt of its rule. Whom no message reaches gets into the worklists. What is not
    to be sent any more is left. Returns how many were queued.
    """
    wanted = list(dict.fromkeys(messages))
    if not wanted:
        return 0
    on = clock.civil_date(now)
    states = read({pk for pk, _rule in wanted})
    definitions = definitions_of(states.values())
    sent = {
        (pk, rule): n
        for pk, rule, n in Message.objects.filter(purpose=PURPOSE, subject_id__in=states)
        .order_by()
        .values_list("subject_id", "rule")
        .annotate(n=Count("pk"))
    }
    again, nobody = [], []
    for pk, rule in wanted:
        state = states.get(pk)
        if why_withheld(state, rule, on):
            continue
        channel = channel_of(way_of(definitions[state.register_code], state, on))
        if channel is None:
            nobody.append(pk)
        else:
            attempt = sent.get((pk, rule), 0) + 1
            again.append(NewMessage(PURPOSE, pk, rule, now, channel=channel, attempt=attempt))
    note_unreached(invitation_ids=nobody, now=now)
    return enqueue(again)


def note_unreached(*, invitation_ids: Iterable[int], now: datetime) -> None:
    """Show patients in the worklists whom no message reaches, if they are still asked."""
    pks = list(invitation_ids)
    if pks:
        Invitation.objects.filter(
            pk__in=pks,
            submitted_at__isnull=True,
            declined_at__isnull=True,
            unreachable_at__isnull=True,
        ).update(unreachable_at=now)
