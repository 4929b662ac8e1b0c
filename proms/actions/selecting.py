"""The night's selection: who is asked now, and the invitations, links and messages for them.

What is due is gathered once into a table of this transaction, one row a patient. Python decides
for each kind of row (same register, questions, language), not for each patient, and what it
decides is written in one statement for each table, whether ten patients are due or a hundred
thousand. Only links are made one by one: their key never goes to the database.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from patients.reach import (
    Answerer,
    age_sql,
    joint_answerer,
    reach_sql,
    sms_available,
)
from proms.links import first_digests
from proms.plans import Asked, Plan, plan_for
from registry.core import clock
from registry.core.bulk import memory_for_many, number_array
from registry.messaging.actions import enqueue_first
from registry.registers.models import Register
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for

PURPOSE = "proms.invitation"
FIRST_RULE = "invitation"

SHARES = 2
"""Into so many shares a selection of everybody is divided, by member, for as many sessions."""

# Two runs at the same time would ask the same patients: the later one leaves it to the first. A run
# of a share leaves others to be run, but no run of everybody or of single members.
_LOCK_NUMBER = 0x70726F6D73
_LOCK = f"SELECT pg_try_advisory_xact_lock({_LOCK_NUMBER})"
_LOCK_SHARE = f"""
    SELECT pg_try_advisory_xact_lock_shared({_LOCK_NUMBER})
       AND pg_try_advisory_xact_lock({_LOCK_NUMBER + 1} + %(share)s)
"""

# ``asked``: "group time_point" of each follow-up, that which closes first in front.
# ``reach`` and ``guardian_reach``: who is reached how where the patient has a part in the answers,
# and where a guardian alone answers, see patients.reach. ``age``: the youngest who are asked the
# same, NO_AGE where questions do not depend on it, so that there are few kinds of rows.
# ``language``: that of whoever gets the message.
NO_AGE = -1


def _reach_sql(answerer: Answerer) -> str:
    return reach_sql(
        on="%(on)s", guardian_until="r.guardian_until", answerer=f"'{answerer}'", sms="%(sms)s"
    )


_GATHER = f"""
    DROP TABLE IF EXISTS pg_temp.proms_due;
    CREATE TEMPORARY TABLE proms_due (
        place int, membership_id bigint, register_id text, language text, age int, reach text,
        guardian_reach text, asked text, follow_up_ids bigint[],
        opens_on date, due_on date, closes_on date
    ) ON COMMIT DROP;
    INSERT INTO pg_temp.proms_due
    WITH register AS MATERIALIZED (
        SELECT code, guardian_until, bounds::int[] AS age_bounds
        FROM unnest(%(registers)s::text[], %(guardian_untils)s::int[], %(age_bounds)s::text[])
             AS r (code, guardian_until, bounds)
    )
    SELECT row_number() OVER (ORDER BY bundle.due_on, m.id), m.id, m.register_id,
           CASE WHEN p.guardian_language <> '' AND way.both LIKE 'guardian.%%'
                THEN p.guardian_language ELSE p.language END,
           COALESCE(r.age_bounds[width_bucket({age_sql(on="%(on)s")}, r.age_bounds)], {NO_AGE}),
           way.both, way.guardian, bundle.asked, bundle.follow_up_ids,
           bundle.opens_on, bundle.due_on, bundle.closes_on
    FROM (
        SELECT o.membership_id,
               string_agg(o."group" || ' ' || f.time_point, ',' ORDER BY f.closes_on, f.id)
                   AS asked,
               array_agg(f.id) AS follow_up_ids,
               min(f.opens_on) AS opens_on, min(f.due_on) AS due_on, max(f.closes_on) AS closes_on
        FROM proms_followup f
        JOIN procedures_operation o ON o.id = f.operation_id
        WHERE f.invitation_id IS NULL AND f.completed_on IS NULL AND f.censored_on IS NULL
          AND f.opens_on <= %(on)s AND f.closes_on >= %(on)s
          AND (%(members)s::bigint[] IS NULL OR o.membership_id = ANY(%(members)s::bigint[]))
          AND (%(share)s::int IS NULL OR mod(o.membership_id, {SHARES}) = %(share)s::int)
        GROUP BY o.membership_id
    ) AS bundle
    JOIN patients_membership m ON m.id = bundle.membership_id
    JOIN register r ON r.code = m.register_id
    JOIN patients_patient p ON p.id = m.patient_id
    LEFT JOIN patients_patientidentity identity ON identity.patient_id = p.id
    CROSS JOIN LATERAL (
        SELECT {_reach_sql("both")} AS both, {_reach_sql("guardian")} AS guardian) way
    ORDER BY bundle.due_on, m.id
    LIMIT %(limit)s
"""

_KINDS = """
    SELECT register_id, language, age, asked, count(*) FROM pg_temp.proms_due GROUP BY 1, 2, 3, 4
"""

_WAITING = """
    SELECT due.place, due.register_id, due.language, due.age, due.asked, held.id, held.plan
    FROM pg_temp.proms_due due
    JOIN proms_invitation held ON held.membership_id = due.membership_id
    WHERE held.submitted_at IS NULL AND held.started_at IS NULL AND held.declined_at IS NULL
      AND held.closes_on >= %(on)s
    ORDER BY held.id
"""

_DECIDED = """
    decided AS (
        SELECT * FROM unnest(
            %(registers)s::text[], %(languages)s::text[], %(ages)s::int[], %(asked)s::text[],
            %(plans)s::int[], %(guardian_alone)s::bool[]
        ) AS d (register_id, language, age, asked, plan, guardian_alone)
    )
"""

_REACH = "CASE WHEN decided.guardian_alone THEN due.guardian_reach ELSE due.reach END"
_CHANNEL = f"split_part({_REACH}, '.', 2)"
_SENT_BY = ("email", "sms")
"""The channels of messages; who is reached in another way stands in a worklist."""

# The id is in the link, so it must be known before the row is written.
_NUMBER = f"""
    DROP TABLE IF EXISTS pg_temp.proms_new;
    CREATE TEMPORARY TABLE proms_new ON COMMIT DROP AS
    WITH {_DECIDED}
    SELECT row_number() OVER (ORDER BY due.place)::int AS position, due.place,
           nextval('proms_invitation_id_seq') AS id, decided.plan, {_CHANNEL} AS channel
    FROM pg_temp.proms_due due JOIN decided USING (register_id, language, age, asked)
    WHERE due.place <> ALL(%(joining)s::int[])
"""

_NEW = "SELECT id, channel FROM pg_temp.proms_new ORDER BY position"

_WRITE = f"""
    INSERT INTO proms_invitation
        (id, membership_id, time_point, plan, opens_on, due_on, closes_on,
         generation, token_digest, failed_attempts, unreachable_at)
    SELECT new.id, due.membership_id, split_part(split_part(due.asked, ',', 1), ' ', 2),
           (%(written_plans)s::jsonb[])[new.plan], due.opens_on, due.due_on, due.closes_on, 1,
           substring(%(digests)s::bytea FROM new.position * 32 - 31 FOR 32), 0,
           CASE WHEN new.channel IN {_SENT_BY} THEN NULL ELSE %(now)s::timestamptz END
    FROM pg_temp.proms_new new JOIN pg_temp.proms_due due USING (place)
"""

_PAIRS = "unnest(%(places)s::int[], %(ids)s::bigint[]) AS one (place, id)"


def _link_sql(pairs: str) -> str:
    return f"""
        UPDATE proms_followup held
        SET invitation_id = asked.invitation_id, updated_at = now()
        FROM (
            SELECT one.id AS invitation_id, unnest(due.follow_up_ids) AS follow_up_id
            FROM {pairs} JOIN pg_temp.proms_due due USING (place)
        ) AS asked
        WHERE held.id = asked.follow_up_id AND held.invitation_id IS NULL
    """


_LINK = _link_sql("pg_temp.proms_new one")
_JOIN = _link_sql(_PAIRS)

_LENGTHEN = f"""
    UPDATE proms_invitation held SET closes_on = due.closes_on, updated_at = now()
    FROM {_PAIRS}
    JOIN pg_temp.proms_due due USING (place)
    WHERE held.id = one.id AND held.closes_on < due.closes_on
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """What decides which questions a patient is asked."""

    register_code: str
    language: str
    age: int
    asked: str

    @property
    def points(self) -> list[Asked]:
        """The (group, time point) asked together, that which closes first in front."""
        return [tuple(one.split(" ")) for one in self.asked.split(",")]


@dataclass
class Selection:
    """What a run did."""

    invited: int = 0
    unreachable: int = 0
    joined: int = 0
    nothing_to_send: int = 0
    invitation_ids: list[int] = field(default_factory=list, repr=False)


@transaction.atomic
def invite_due(
    *,
    now: datetime,
    limit: int | None = None,
    membership_ids: Iterable[int] | None = None,
    share: int | None = None,
) -> Selection:
    """Invite every patient with an open follow-up that was not asked; one invitation for each.

    The message goes to the patient or a guardian by the channel that reaches them (see
    patients.reach); who is to get a letter or a call, or cannot be reached, gets an invitation
    marked unreachable, which the worklists show. Follow-ups that open while an invitation with the
    same questions is waiting join it. Where no instrument may be sent (no licensed wording) nothing
    is asked; the worklist says why. At most ``limit`` patients, those due first. With a ``share``
    (0 to SHARES - 1) only the patients of that share, whom no run of another share asks. Safe to
    run twice and at the same time.
    """
    on = clock.civil_date(now)
    done = Selection()
    with connection.cursor() as cursor:
        cursor.execute(_LOCK if share is None else _LOCK_SHARE, {"share": share})
        if not cursor.fetchone()[0]:
            return done
        definitions = _definitions()
        members = None if membership_ids is None else number_array(membership_ids)
        cursor.execute(
            _GATHER,
            {
                "on": on,
                "members": members,
                "share": share,
                "limit": limit,
                "sms": sms_available(),
            }
            | _by_register(definitions),
        )
        plans = _plans(cursor, definitions, done)
        joining = _joining(cursor, plans, on=on)
        done.joined = len(joining)
        _join(cursor, joining)
        alone = {kind: _guardian_alone(definitions, kind, plan) for kind, plan in plans.items()}
        _invite(cursor, plans, alone, done, joining=joining, now=now)
    return done


def _plans(
    cursor: CursorWrapper, definitions: dict[str, RegisterDefinition], done: Selection
) -> dict[Kind, Plan]:
    """Return the plan of each kind that is asked something; count those that are asked nothing."""
    cursor.execute(_KINDS)
    counted = {Kind(*row[:4]): row[4] for row in cursor.fetchall()}
    plans: dict[Kind, Plan] = {}
    for kind, count in counted.items():
        definition = definitions[kind.register_code]
        plan = plan_for(
            definition,
            _in_order(kind.points, definition),
            kind.language,
            age=None if kind.age == NO_AGE else kind.age,
        )
        if plan.instruments:
            plans[kind] = plan
        else:
            done.nothing_to_send += count
    return plans


def _definitions() -> dict[str, RegisterDefinition]:
    """The current definition of every register."""
    versions = Register.objects.filter(current__isnull=False).values_list("pk", "current__version")
    return {code: definition_for(code, version) for code, version in versions}


def _by_register(definitions: dict[str, RegisterDefinition]) -> dict[str, object]:
    """What the statement that gathers needs to know of each register."""
    return {
        "registers": list(definitions),
        "guardian_untils": [one.patients.guardian_until for one in definitions.values()],
        "age_bounds": [f"{{{','.join(map(str, one.age_bounds))}}}" for one in definitions.values()],
    }


def _guardian_alone(definitions: dict[str, RegisterDefinition], kind: Kind, plan: Plan) -> bool:
    """Whether a guardian alone answers what a kind is asked, if under age."""
    definition = definitions[kind.register_code]
    codes = {code for code, _version in plan.instruments}
    answerer = joint_answerer(
        use.answerer
        for group, point in kind.points
        for use in definition.instruments_for(group, point)
        if use.code in codes and (kind.age == NO_AGE or use.is_for(kind.age))
    )
    return answerer == "guardian"


def _in_order(asked: Sequence[Asked], definition: RegisterDefinition) -> list[Asked]:
    """The most urgent questions first: those of the earliest time point."""
    order = {key: position for position, key in enumerate(definition.time_points)}
    return sorted(set(asked), key=lambda one: (order.get(one[1], len(order)), one[0]))


def _joining(cursor: CursorWrapper, plans: dict[Kind, Plan], *, on: date) -> dict[int, int]:
    """Return which rows are asked with an invitation that waits already: place to invitation.

    It must ask everything they ask, and not have been started.
    """
    cursor.execute(_WAITING, {"on": on})
    joining: dict[int, int] = {}
    for place, register_code, language, age, asked, pk, written in cursor.fetchall():
        plan = plans.get(Kind(register_code, language, age, asked))
        held = {(one["code"], one["version"]) for one in _loaded(written)}
        if plan is not None and held.issuperset(plan.instruments):
            joining.setdefault(place, pk)
    return joining


def _loaded(plan: str | list[dict[str, str]]) -> list[dict[str, str]]:
    """Read a plan as a plain cursor gives it."""
    return json.loads(plan) if isinstance(plan, str) else plan


def _join(cursor: CursorWrapper, joining: dict[int, int]) -> None:
    if not joining:
        return
    pairs = {"places": number_array(joining), "ids": number_array(joining.values())}
    cursor.execute(_JOIN, pairs)
    cursor.execute(_LENGTHEN, pairs)


def _invite(
    cursor: CursorWrapper,
    plans: dict[Kind, Plan],
    guardian_alone: dict[Kind, bool],
    done: Selection,
    *,
    joining: dict[int, int],
    now: datetime,
) -> None:
    """Write invitations for all others that are asked something, and queue their first message."""
    if not plans:
        return
    different = list(dict.fromkeys(plans.values()))
    decided = {
        "registers": [kind.register_code for kind in plans],
        "languages": [kind.language for kind in plans],
        "ages": [kind.age for kind in plans],
        "asked": [kind.asked for kind in plans],
        "plans": [different.index(plan) + 1 for plan in plans.values()],
        "guardian_alone": [guardian_alone[kind] for kind in plans],
    }
    cursor.execute(_NUMBER, {**decided, "joining": number_array(joining)})
    cursor.execute(_NEW)
    rows = cursor.fetchall()
    if not rows:
        return
    done.invitation_ids = [pk for pk, _channel in rows]
    with memory_for_many(cursor):
        cursor.execute(
            _WRITE,
            {
                "written_plans": [json.dumps(plan.as_json()) for plan in different],
                "digests": first_digests(done.invitation_ids),
                "now": now,
            },
        )
        cursor.execute(_LINK)
    for channel in _SENT_BY:
        reached = [pk for pk, its in rows if its == channel]
        done.invited += len(reached)
        if reached:
            enqueue_first(
                purpose=PURPOSE,
                rule=FIRST_RULE,
                subject_ids=reached,
                due_at=now,
                channel=channel,
            )
    done.unreachable = len(rows) - done.invited
