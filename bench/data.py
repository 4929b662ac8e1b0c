"""Operations by the hundred thousand, written by SQL into the registry's own tables.

Made for measuring, not for reading: patients without identity, scores without answers to every
item. The shape is that of the spine register: 18 units, 14 years, eight groups of which the
largest holds some 30 %, four scales, three answered time points of five, one score in twenty
missing. What reports read is computed from it by the registry's own refresh.
"""

from datetime import date

from django.db import connection, transaction

from registry.accounts.actions import assign_role
from registry.accounts.models import Role, User
from registry.registers.selectors import definition_for
from registry.units.models import Unit
from reports.actions import refresh_register, statements
from reports.models import CompletenessFact, OperationScaleFact
from reports.scales import measures

REGISTER = "danespine"
READER = "bench@staff.example"
READERS_UNIT = "middelfart-rygcenter"
GROUPS = (
    ("lumbar_stenosis", 30),
    ("lumbar_disc_herniation", 27),
    ("lumbar_spondylosis_radiculopathy", 10),
    ("lumbar_spondylolisthesis", 9),
    ("cervical_radiculopathy", 11),
    ("cervical_myelopathy", 3),
    ("lumbar_disc_degeneration", 3),
    ("lumbar_other", 7),
)
TYPES = ("decompression", "fusion_instrumented", "fusion_uninstrumented", "disc_prosthesis")
SCALES = ("odi", "vas_leg", "vas_back", "eq5d3l_index")
POINTS = {
    "before": (-90, -7, 0),
    "y1": (351, 365, 545),
    "y2": (716, 730, 910),
    "y5": (1812, 1826, 2190),
    "y10": (3638, 3652, 4017),
}
PLAN = (
    '[{"code": "vas_back", "version": "1"}, {"code": "vas_leg", "version": "1"},'
    ' {"code": "eq5d3l", "version": "1"}, {"code": "odi", "version": "1"}]'
)
DETAILS = (
    '{"asa_class": "2", "previous_surgery_level": false, "implant_used": false,'
    ' "operation_minutes": 85, "blood_loss_ml": 150, "microscope": true}'
)
DAYS = 5113  # 2009–2022


def fill(operations: int, *, on: date, first: date = date(2009, 1, 1), days: int = DAYS) -> None:
    """Write performed operations of ``days`` days from ``first``, with follow-ups and scores.

    To be run as the owner on a database with the register's definition and units: triggers are
    off meanwhile, those of history and those that check foreign keys. ``on`` is today's date of
    the refresh.
    """
    with transaction.atomic():
        execute("SET LOCAL session_replication_role = replica")
        execute("SET LOCAL work_mem = '128MB'")
        execute("SELECT setseed(0.5)")
        draw(operations, first=first, days=days)
        write_people()
        _write_operations()
        _write_follow_ups()
        _write_answers()
        mend_sequences()
    execute("ANALYZE")
    refresh_register(REGISTER, on=on)
    _normalise()


def multiply(times: int, *, on: date) -> None:
    """Hold the facts of each operation ``times`` times, with keys of their own, and sum anew.

    What reports read, at a size whose answers would take ten minutes to write.
    """
    scales = list(measures(definition_for(REGISTER)))
    parameters = {"register": REGISTER, "on": on, "scales": scales}
    with transaction.atomic():
        execute(statements.MORE_MEMORY)
        execute("SET LOCAL synchronous_commit = off")
        for model, order in ((OperationScaleFact, '"group", scale'), (CompletenessFact, '"group"')):
            table = model._meta.db_table
            columns = ", ".join(
                f'"{field.column}"'
                for field in model._meta.concrete_fields
                if field.column != "operation_id"
            )
            execute(f"CREATE TEMPORARY TABLE once ON COMMIT DROP AS TABLE {table}")
            execute(f"TRUNCATE {table}")
            execute(
                f"INSERT INTO {table} (operation_id, {columns}) "
                f"SELECT operation_id + 100000000 * copy, {columns} "
                f"FROM once, generate_series(0, {times - 1}) AS copy ORDER BY {order}, 1"
            )
            execute("DROP TABLE once")
        for table in (statements.SUMMARY, statements.STEPS):
            execute(statements.delete(table, whole_register=True), parameters)
        execute(statements.insert_summary(whole_register=True), parameters)
        execute(statements.insert_steps(whole_register=True), parameters)
    _normalise()


def _normalise() -> None:
    """Write the same operations as normalised rows, for what the registry is compared with."""
    points = ", ".join(f"('{point}', fact.{point})" for point in POINTS)
    with transaction.atomic():
        execute("DROP TABLE IF EXISTS bench_operation, bench_score")
        execute(
            f"""
            CREATE TABLE bench_operation AS
            SELECT operation_id AS id, unit_id, year, "group" AS grouped, procedure_type, sex, age,
                   symptom_duration_limb AS limb
            FROM {statements.COMPLETENESS}
            """
        )
        execute(
            f"""
            CREATE TABLE bench_score AS
            SELECT operation_id, time_point, scale, value FROM {statements.FACTS} AS fact
            CROSS JOIN LATERAL (VALUES {points}) AS score (time_point, value)
            WHERE value IS NOT NULL
            """
        )
        execute("ALTER TABLE bench_operation ADD PRIMARY KEY (id)")
        execute("CREATE INDEX ON bench_score (operation_id)")
        execute("GRANT SELECT ON bench_operation, bench_score TO PUBLIC")
    execute("VACUUM ANALYZE")


def add_reader() -> None:
    """Add who looks at the dashboard: a coordinator of one unit."""
    reader = User.objects.create_user(READER, first_name="Bench", last_name="Reader")
    assign_role(
        user=reader,
        role=Role.COORDINATOR,
        register_code=REGISTER,
        unit=Unit.objects.get(code=READERS_UNIT),
        valid_from=date(2009, 1, 1),
    )


def draw(operations: int, *, first: date, days: int) -> None:
    """Decide everything that is drawn, one row an operation."""
    execute(
        """
        CREATE TEMPORARY TABLE drawn ON COMMIT DROP AS
        SELECT number, units.ids[1 + floor(random() * cardinality(units.ids))::int] AS unit_id,
               %(first)s::date + floor(random() * %(days)s)::int AS performed_on,
               (%(groups)s::text[])[1 + floor(random() * cardinality(%(groups)s::text[]))::int]
                   AS grouped,
               (%(types)s::text[])[1 + floor(random() * 4)::int] AS type,
               CASE WHEN random() < 0.52 THEN 'female' ELSE 'male' END AS sex,
               20 + floor(random() * 65)::int AS age,
               1 + floor(random() * 4)::int AS axial, 1 + floor(random() * 4)::int AS limb,
               random() < 0.6 AS has_before, random() < 0.55 AS has_y1, random() < 0.45 AS has_y2
        FROM generate_series(1, %(operations)s) AS number,
             (SELECT array_agg(unit_id ORDER BY unit_id) AS ids FROM registers_registerunit
              WHERE register_id = %(register)s) AS units
        """,
        {
            "operations": operations,
            "register": REGISTER,
            "first": first,
            "days": days,
            "types": list(TYPES),
            "groups": [group for group, weight in GROUPS for _ in range(weight)],
        },
    )
    execute("ANALYZE drawn")


def write_people() -> None:
    """Write a patient and a membership for each row drawn."""
    insert(
        "patients_patient",
        "id birth_date sex country language",
        """
        SELECT number, performed_on - age * 366, sex, 'DK', 'da' FROM drawn
        """,
    )
    insert(
        "patients_membership",
        "id patient_id register_id registry_number pseudonym joined_on",
        """
        SELECT number, number, %s, number, gen_random_uuid(), performed_on - 90 FROM drawn
        """,
        [REGISTER],
    )


def _write_operations() -> None:
    insert(
        "procedures_operation",
        "id membership_id register_id unit_id unit_region_id group procedure_type diagnosis side"
        " levels performed_on cancel_reason definition_id details",
        """
        SELECT number, number, %(register)s, drawn.unit_id, unit.site_region_id, grouped, type,
               'M48.0', '', '{L4-L5}', performed_on, '',
               (SELECT current_id FROM registers_register WHERE code = %(register)s), %(details)s
        FROM drawn JOIN units_unit AS unit ON unit.id = drawn.unit_id
        """,
        {"register": REGISTER, "details": DETAILS},
    )
    insert(
        "procedures_procedure",
        "operation_id position procedure_type code",
        """
        SELECT number, 1, type, 'ABC36' FROM drawn
        """,
    )


def _windows() -> dict[str, list[object]]:
    return {
        "points": list(POINTS),
        **{
            name: [offsets[place] for offsets in POINTS.values()]
            for place, name in enumerate(("opens", "due", "closes"))
        },
    }


_WINDOW = """
    unnest(%(points)s::text[], %(opens)s::int[], %(due)s::int[], %(closes)s::int[])
        WITH ORDINALITY AS window_ (point, opens, due, closes, place)
"""
_ANSWERED = """
    (point = 'before' AND has_before) OR (point = 'y1' AND has_y1) OR (point = 'y2' AND has_y2)
"""


def _write_follow_ups() -> None:
    """An invitation for what was answered; every fortieth patient dies after 400 days."""
    insert(
        "proms_invitation",
        "id membership_id time_point plan opens_on due_on closes_on generation failed_attempts",
        f"""
        SELECT number * 10 + place, number, point, %(plan)s,
               performed_on + opens, performed_on + due, performed_on + closes, 1, 0
        FROM drawn CROSS JOIN {_WINDOW} WHERE {_ANSWERED}
        """,
        {**_windows(), "plan": PLAN},
    )
    insert(
        "proms_followup",
        "id operation_id time_point opens_on due_on closes_on invitation_id completed_on"
        " old_at_surgery censored_on censor_reason",
        f"""
        SELECT number * 10 + place, number, point,
               performed_on + opens, performed_on + due, performed_on + closes,
               CASE WHEN {_ANSWERED} THEN number * 10 + place END,
               CASE WHEN {_ANSWERED} THEN performed_on + due + 3 END, false,
               CASE WHEN dies AND point <> 'before' THEN performed_on + 400 END,
               CASE WHEN dies AND point <> 'before' THEN 'death' ELSE '' END
        FROM drawn CROSS JOIN {_WINDOW}
        CROSS JOIN LATERAL (SELECT mod(number, 40) = 0 AS dies) AS fate
        """,
        _windows(),
    )


def _write_answers() -> None:
    insert(
        "proms_response",
        "id invitation_id submitted_at answered_on answers instruments language method current",
        """
        SELECT invitation.id, invitation.id, invitation.due_on + interval '3 days',
               invitation.due_on + 3,
               jsonb_build_object('symptom_duration_axial', axial, 'symptom_duration_limb',
                                  limb, 'height_cm', 172, 'weight_kg', 60 + age / 2,
                                  'smoking', mod(number, 2)),
               '{}', 'da', 'web', true
        FROM proms_invitation AS invitation JOIN drawn ON drawn.number = membership_id
        """,
    )
    insert(
        "proms_score",
        "response_id scale value reason answered instrument instrument_version variant",
        """
        SELECT response_id, scale, CASE WHEN held THEN value END,
               CASE WHEN held THEN '' ELSE 'too_few_answers' END, 10, scale, '1', ''
        FROM (
            SELECT invitation.id AS response_id, scale, random() >= 0.05 AS held,
                   CASE WHEN scale = 'eq5d3l_index' THEN round((random() * 1.2 - 0.2)::numeric, 3)
                        WHEN time_point = 'before' THEN round((random() * 100)::numeric)
                        ELSE round((random() * 70)::numeric) END AS value
            FROM proms_invitation AS invitation CROSS JOIN unnest(%s::text[]) AS scale
        ) AS scored
        """,
        [list(SCALES)],
    )


def mend_sequences() -> None:
    """Let the next row get a number that is free."""
    for table in (
        "patients_patient",
        "patients_membership",
        "procedures_operation",
        "proms_invitation",
        "proms_followup",
        "proms_response",
    ):
        execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'),"
            f" coalesce((SELECT max(id) FROM {table}), 0) + 1, false)"
        )


def insert(table: str, columns: str, query: str, parameters: object = None) -> None:
    """Write the rows of a query into some columns, keys as they are given."""
    names = ", ".join(f'"{name}"' for name in columns.split())
    execute(f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE {query}", parameters)


def execute(statement: str, parameters: object = None) -> list[tuple]:
    """Run one statement on Django's connection; return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []
