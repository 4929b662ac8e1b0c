"""The SQL that recomputes slices: set-based, one statement a table.

Each function returns a statement for some slices (given as arrays) or for a whole register.
Parameters: ``register``, ``units`` and ``years`` (arrays, one slice each), ``on`` (today),
``scales`` (codes that count), ``questions`` and ``question_items`` (answers held like scores: name
and item of each), ``improve_groups``/``improve_scales``/``improve_by`` (the relevant
change, signed) and the item codes of the patient's answers (``QUESTIONS``).
"""

from reports.models import (
    COMPLETENESS_DATES,
    TIME_POINTS,
    CompletenessFact,
    CompletenessStep,
    OperationScaleFact,
    Summary,
)
from reports.scales import DIMENSIONS

FACTS = OperationScaleFact._meta.db_table
COMPLETENESS = CompletenessFact._meta.db_table
SUMMARY = Summary._meta.db_table
STEPS = CompletenessStep._meta.db_table
TABLES = (FACTS, COMPLETENESS, SUMMARY, STEPS)

QUESTIONS = ("height_cm", "weight_kg", *DIMENSIONS)
"""Answers before surgery that become dimensions, by their key in the definition."""

TOLERANCE = "1e-9"
"""As in proms.scoring.change: far below the smallest step between two scores."""


def sums_of(value: str) -> dict[str, str]:
    """Return what is summed over facts, by column of Summary; for filtered reads as well.

    ``value`` is the column with the score at a time point; ``before`` and ``improves_by`` are
    columns of the facts.
    """
    change = f"({value} - before)"
    return {
        "n": f"count({value})",
        "total": f"coalesce(sum({value}), 0)",
        "squares": f"coalesce(sum({value} * {value}), 0)",
        "paired_n": f"count({change})",
        "paired_before": f"coalesce(sum(before) FILTER (WHERE {value} IS NOT NULL), 0)",
        "change_total": f"coalesce(sum({change}), 0)",
        "change_squares": f"coalesce(sum({change} * {change}), 0)",
        "improved_n": (
            f"count(*) FILTER (WHERE {change} * sign(improves_by) "
            f">= abs(improves_by) - {TOLERANCE})"
        ),
    }


LOCK = """
    SELECT pg_advisory_xact_lock(hashtextextended(name, 0))
    FROM (SELECT unnest(%(names)s::text[]) AS name ORDER BY 1) AS slice
"""

HELD_SLICES = f"SELECT DISTINCT unit_id, year FROM {COMPLETENESS} WHERE register_id = %(register)s"
COUNT_OPERATIONS = f"SELECT count(*) FROM {COMPLETENESS} WHERE register_id = %(register)s"
# Hashes and sorts of a whole register in memory instead of on disk.
MORE_MEMORY = "SET LOCAL work_mem = '128MB'"

_DIMENSIONS = (
    "unit_id, unit_region_id, residence_region_id, year, age, symptom_duration_axial, "
    'symptom_duration_limb, smoking, bmi, sex, "group", procedure_type'
)
_DATES = ", ".join(f"{point}_{name}" for point in TIME_POINTS for name in COMPLETENESS_DATES)


def statements(*, whole_register: bool) -> tuple[str, ...]:
    """Return all statements in the order in which they are to be run."""
    return (
        *(delete(table, whole_register=whole_register) for table in TABLES),
        insert_completeness(whole_register=whole_register),
        insert_facts(whole_register=whole_register),
        insert_summary(whole_register=whole_register),
        insert_steps(whole_register=whole_register),
    )


def delete(table: str, *, whole_register: bool) -> str:
    """Return the statement that empties the slices in a table."""
    if whole_register:
        return f"DELETE FROM {table} WHERE register_id = %(register)s"
    return f"""
        DELETE FROM {table} AS held
        USING unnest(%(units)s::bigint[], %(years)s::int[]) AS slice (unit_id, year)
        WHERE held.register_id = %(register)s
          AND held.unit_id = slice.unit_id AND held.year = slice.year
    """


def insert_completeness(*, whole_register: bool) -> str:
    """Return the statement that writes one row per performed operation."""
    dates = ", ".join(
        f"max(follow_up.{name}_on) FILTER (WHERE follow_up.time_point = '{point}')"
        for point in TIME_POINTS
        for name in COMPLETENESS_DATES
    )
    performed = f"""
        procedures_operation AS operation {_within("operation", whole_register)}
    """
    condition = """
        operation.register_id = %(register)s
        AND operation.performed_on IS NOT NULL AND operation.cancelled_on IS NULL
    """
    return f"""
        WITH follow_up (operation_id, baseline_id, {_DATES}) AS (
            SELECT follow_up.operation_id,
                   max(follow_up.invitation_id) FILTER (
                       WHERE follow_up.time_point = 'before' AND follow_up.completed_on IS NOT NULL
                   ),
                   {dates}
            FROM {performed}
            JOIN proms_followup AS follow_up ON follow_up.operation_id = operation.id
            WHERE {condition}
            GROUP BY follow_up.operation_id
        )
        INSERT INTO {COMPLETENESS}
            (operation_id, performed_on, register_id, {_DIMENSIONS}, {_DATES})
        SELECT operation.id, operation.performed_on, operation.register_id, operation.unit_id,
               operation.unit_region_id, operation.residence_region_id, operation.year,
               date_part('year', age(operation.performed_on, patient.birth_date))::smallint,
               {_answer("symptom_duration_axial")}::smallint,
               {_answer("symptom_duration_limb")}::smallint,
               {_answer("smoking")}::smallint,
               {_answer("weight_kg")} / nullif(({_answer("height_cm")} / 100) ^ 2, 0),
               patient.sex, operation."group", operation.procedure_type, {_DATES}
        FROM {performed}
        JOIN patients_membership AS membership ON membership.id = operation.membership_id
        JOIN patients_patient AS patient ON patient.id = membership.patient_id
        LEFT JOIN follow_up ON follow_up.operation_id = operation.id
        LEFT JOIN proms_response AS baseline
            ON baseline.invitation_id = follow_up.baseline_id AND baseline.current
        WHERE {condition}
        -- As filters read them: group, sex, durations of limb and axial pain, age.
        ORDER BY 14, 13, 10, 9, 8
    """


def insert_facts(*, whole_register: bool) -> str:
    """Return the statement that writes one row per operation × scale with a score.

    Answers that reports are about stand beside the scores, by the name of their question.
    Both count for every operation whose follow-up the response completed. The dimensions are those
    of the operation's completeness row, which has been written before.
    """
    points = ", ".join(
        f"max(held.value) FILTER (WHERE held.time_point = '{point}')" for point in TIME_POINTS
    )
    dimensions = ", ".join(f"operation.{name}" for name in _DIMENSIONS.split(", "))
    held = f"{COMPLETENESS} AS operation {_within('operation', whole_register)}"
    return f"""
        WITH answered AS NOT MATERIALIZED (
            SELECT follow_up.operation_id, follow_up.time_point, response.id, response.answers
            FROM {held}
            JOIN proms_followup AS follow_up
                ON follow_up.operation_id = operation.operation_id
               AND follow_up.completed_on IS NOT NULL
            JOIN proms_response AS response
                ON response.invitation_id = follow_up.invitation_id AND response.current
            WHERE operation.register_id = %(register)s
        ),
        held (operation_id, time_point, scale, value) AS (
            SELECT answered.operation_id, answered.time_point, score.scale, score.value
            FROM answered
            JOIN proms_score AS score ON score.response_id = answered.id
            WHERE score.value IS NOT NULL AND score.scale = ANY(%(scales)s::text[])
            UNION ALL
            SELECT answered.operation_id, answered.time_point, question.code,
                   (answered.answers ->> question.item)::float8
            FROM answered
            CROSS JOIN unnest(%(questions)s::text[], %(question_items)s::text[])
                AS question (code, item)
            WHERE jsonb_typeof(answered.answers -> question.item) = 'number'
        ),
        pivoted (operation_id, scale, {", ".join(TIME_POINTS)}) AS (
            SELECT held.operation_id, held.scale, {points}
            FROM held
            GROUP BY held.operation_id, held.scale
        ),
        improvement AS (
            SELECT * FROM unnest(
                %(improve_groups)s::text[], %(improve_scales)s::text[], %(improve_by)s::float8[]
            ) AS improvement ("group", scale, improves_by)
        )
        INSERT INTO {FACTS} (operation_id, scale, improves_by, {", ".join(TIME_POINTS)},
                             register_id, {_DIMENSIONS})
        SELECT pivoted.operation_id, pivoted.scale, improvement.improves_by,
               {", ".join(f"pivoted.{point}" for point in TIME_POINTS)},
               operation.register_id, {dimensions}
        FROM pivoted
        JOIN {COMPLETENESS} AS operation ON operation.operation_id = pivoted.operation_id
        LEFT JOIN improvement
            ON improvement."group" = operation."group" AND improvement.scale = pivoted.scale
        -- As filters read them: a question touches some pages instead of one for each row.
        ORDER BY operation."group", pivoted.scale, operation.sex, operation.symptom_duration_limb,
                 operation.symptom_duration_axial, operation.age
    """


def insert_summary(*, whole_register: bool) -> str:
    """Return the statement that sums the scores, once by procedure type and once over all."""
    sums = sums_of("value")
    return f"""
        INSERT INTO {SUMMARY} (register_id, "group", procedure_type, unit_id, year, time_point,
                               scale, {", ".join(sums)})
        SELECT %(register)s, fact."group", coalesce(fact.procedure_type, ''), fact.unit_id,
               fact.year, time_point, fact.scale, {", ".join(sums.values())}
        FROM {FACTS} AS fact {_within("fact", whole_register)}
        CROSS JOIN LATERAL (
            VALUES {", ".join(f"('{point}', fact.{point})" for point in TIME_POINTS)}
        ) AS score (time_point, value)
        WHERE fact.register_id = %(register)s AND value IS NOT NULL
          AND fact.scale = ANY(%(scales)s::text[])
        GROUP BY GROUPING SETS (
            (fact."group", fact.scale, time_point, fact.unit_id, fact.year, fact.procedure_type),
            (fact."group", fact.scale, time_point, fact.unit_id, fact.year)
        )
        ORDER BY fact."group", 3, fact.scale, time_point, fact.unit_id, fact.year
    """


def insert_steps(*, whole_register: bool) -> str:
    """Return the statement that turns the rule of reports.selectors.completeness into steps.

    A follow-up counts from its due date. Censored while it could still be answered, it counts
    only until then, and again from an answer that came later all the same. An answer counts from
    the later of due date and answer.
    """
    points = ", ".join(
        f"('{point}', fact.{point}_due, fact.{point}_completed,"
        f" CASE WHEN fact.{point}_censored <= fact.{point}_closes"
        f" AND (fact.{point}_completed IS NULL"
        f" OR fact.{point}_completed > fact.{point}_censored)"
        f" THEN fact.{point}_censored END)"
        for point in TIME_POINTS
    )
    return f"""
        INSERT INTO {STEPS} (register_id, "group", procedure_type, unit_id, year, time_point,
                             "on", expected, answered, settled)
        SELECT %(register)s, fact."group", coalesce(fact.procedure_type, ''), fact.unit_id,
               fact.year, time_point, greatest(step."on", %(on)s::date),
               sum(step.expected), sum(step.answered),
               greatest(step."on", %(on)s::date) = %(on)s::date
        FROM {COMPLETENESS} AS fact {_within("fact", whole_register)}
        CROSS JOIN LATERAL (VALUES {points}) AS follow_up (time_point, due, completed, ended)
        CROSS JOIN LATERAL (
            VALUES (CASE WHEN ended IS NULL OR ended > due THEN due END, 1, 0),
                   (CASE WHEN ended > due THEN ended END, -1, 0),
                   (CASE WHEN completed IS NOT NULL AND ended IS NOT NULL
                         THEN greatest(due, completed) END, 1, 0),
                   (CASE WHEN completed IS NOT NULL THEN greatest(due, completed) END, 0, 1)
        ) AS step ("on", expected, answered)
        WHERE fact.register_id = %(register)s
          AND follow_up.due IS NOT NULL AND step."on" IS NOT NULL
        GROUP BY GROUPING SETS (
            (fact."group", fact.unit_id, fact.year, time_point,
             greatest(step."on", %(on)s::date), fact.procedure_type),
            (fact."group", fact.unit_id, fact.year, time_point,
             greatest(step."on", %(on)s::date))
        )
        ORDER BY fact."group", 3, 7, time_point, fact.unit_id, fact.year
    """


def _within(table: str, whole_register: bool) -> str:
    """Return the join that keeps a table's rows of the slices; nothing for a whole register.

    The whole register gets statements of its own because the planner cannot know how many rows
    an array of slices means, and would look up each of some million rows by an index.
    """
    if whole_register:
        return ""
    return (
        "JOIN unnest(%(units)s::bigint[], %(years)s::int[]) AS slice (unit_id, year) "
        f"ON slice.unit_id = {table}.unit_id AND slice.year = {table}.year"
    )


def _answer(question: str) -> str:
    """Return the baseline answer to a question as a number; NULL when there is none."""
    return (
        f"(CASE WHEN jsonb_typeof(baseline.answers -> %({question})s::text) = 'number' "
        f"THEN (baseline.answers ->> %({question})s::text)::float8 END)"
    )
