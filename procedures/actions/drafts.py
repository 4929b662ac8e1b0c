"""Drafts: a registration begun and not yet submitted, kept as typed.

A draft is its author's own, one for each patient, operation and purpose. It is not judged, so
that nothing typed is lost, and holds no field of a person's identity.
"""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from patients.models import Membership
from procedures.actions.writing import require_registrar, verb
from procedures.models import Operation, OperationDraft
from registry.accounts.permissions import Viewer
from registry.core.errors import RuleBroken
from registry.units.models import Unit

PURPOSES = ("plan", "perform", "correct", "result")
MOST_FIELDS = 400
MOST_CHARACTERS = 20_000


@verb
def save_draft(
    *,
    by: Viewer,
    membership: Membership,
    unit: Unit,
    purpose: str,
    data: Mapping[str, Sequence[str]],
    operation: Operation | None = None,
) -> OperationDraft:
    """Keep what was typed, field by field as the browser sent it; replaces the earlier draft.

    Raises NotAllowed where the viewer may not register, RuleBroken for more than a form can hold.
    """
    require_registrar(by, membership, unit, action="save_draft")
    if purpose not in PURPOSES:
        raise ValueError(f"There is no draft of the kind {purpose!r}.")
    kept = {name: list(values) for name, values in data.items()}
    if len(kept) > MOST_FIELDS or sum(len(v) for vs in kept.values() for v in vs) > MOST_CHARACTERS:
        raise RuleBroken(_("The draft is too large to be kept. Submit it or shorten the texts."))
    draft, _made = OperationDraft.objects.update_or_create(
        author_id=by.user_id,
        membership=membership,
        operation=operation,
        purpose=purpose,
        defaults={"unit": unit, "data": kept},
    )
    return draft


@verb
def discard_draft(*, by: Viewer, draft: OperationDraft) -> None:
    """Throw the viewer's own draft away. Somebody else's is left."""
    OperationDraft.objects.filter(pk=draft.pk, author_id=by.user_id).delete()
