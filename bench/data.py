"""Operations by the hundred thousand, written by SQL into the registry's own tables.

Made for measuring, not for reading: patients without identity, scores without answers to every
item. The shape is that of the spine register: 18 units, 14 years, 17 groups of which the largest
holds some 30 %, four scales, three answered time points of five.
"""

from django.db import connection

from registry.registers.models import Register

TRACKED = (
    "patients_patient",
    "patients_membership",
    "procedures_operation",
    "proms_invitation",
    "proms_followup",
    "proms_response",
)
REGISTER = "danespine"
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
POINTS = {"before": (-90, -7, 0), "y1": (351, 365, 545), "y2": (716, 730, 910)}
LATER = {"y5": (1812, 1826, 2190), "y10": (3638, 3652, 4017)}


def fill(operations: int, *, seed: float = 0.5) -> None:
    """Write ``operations`` performed operations of 2009–2022 with follow-ups and scores.

    To be run as the owner of the tables on a database with the register's definition and units.
    """
    register = Register.objects.select_related("current").get(code=REGISTER)
    points = {**POINTS, **LATER}
    with connection.cursor() as cursor:
        for table in TRACKED:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute("SELECT setseed(%s)", [seed])
        cursor.execute(
            """
            CREATE TEMPORARY TABLE drawn ON COMMIT DROP AS
            SELECT number, units.ids[1 + floor(random() * cardinality(units.ids))::int] AS unit_id,
                   date '2009-01-01' + floor(random() * 5113)::int AS performed_on,
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
                "types": list(TYPES),
                "groups": [group for group, weight in GROUPS for _ in range(weight)],
            },
        )
        cursor.execute(
            """
            INSERT INTO patients_patient (id, birth_date, sex, country, language)
            OVERRIDING SYSTEM VALUE
            SELECT number, performed_on - age * 366, sex, 'DK', 'da' FROM drawn
            """
        )
        cursor.execute(
            """
            INSERT INTO patients_membership
                (id, patient_id, register_id, registry_number, pseudonym, joined_on)
            OVERRIDING SYSTEM VALUE
            SELECT number, number, %s, number, gen_random_uuid(), performed_on FROM drawn
            """,
            [REGISTER],
        )
        cursor.execute(
            """
            INSERT INTO procedures_operation
                (id, membership_id, register_id, unit_id, "group", procedure_type, diagnosis, side,
                 levels, performed_on, cancel_reason, definition_id, details)
            OVERRIDING SYSTEM VALUE
            SELECT number, number, %s, unit_id, grouped, type, 'M48.0', '', '{L4-L5}',
                   performed_on, '', %s, '{}' FROM drawn
            """,
            [REGISTER, register.current_id],
        )
        names, opens, due, closes = zip(*((n, *d) for n, d in points.items()), strict=True)
        cursor.execute(
            """
            INSERT INTO proms_invitation
                (id, membership_id, time_point, plan, opens_on, due_on, closes_on,
                 generation, failed_attempts)
            OVERRIDING SYSTEM VALUE
            SELECT number * 10 + place, number, point, '[]',
                   performed_on + opens, performed_on + due, performed_on + closes, 1, 0
            FROM drawn, unnest(%s::text[], %s::int[], %s::int[], %s::int[])
                WITH ORDINALITY AS window_ (point, opens, due, closes, place)
            WHERE (point = 'before' AND has_before) OR (point = 'y1' AND has_y1)
               OR (point = 'y2' AND has_y2)
            """,
            [list(names), list(opens), list(due), list(closes)],
        )
        cursor.execute(
            """
            INSERT INTO proms_followup
                (id, operation_id, time_point, opens_on, due_on, closes_on, invitation_id,
                 completed_on, old_at_surgery, censored_on, censor_reason)
            OVERRIDING SYSTEM VALUE
            SELECT number * 10 + place, number, point,
                   performed_on + opens, performed_on + due, performed_on + closes, invitation.id,
                   CASE WHEN invitation.id IS NOT NULL THEN performed_on + due + 3 END, false,
                   CASE WHEN mod(number, 37) = 0 AND point <> 'before' THEN performed_on + 400 END,
                   CASE WHEN mod(number, 37) = 0 AND point <> 'before' THEN 'death' ELSE '' END
            FROM drawn CROSS JOIN unnest(%s::text[], %s::int[], %s::int[], %s::int[])
                WITH ORDINALITY AS window_ (point, opens, due, closes, place)
            LEFT JOIN proms_invitation AS invitation ON invitation.id = number * 10 + place
            """,
            [list(names), list(opens), list(due), list(closes)],
        )
        cursor.execute(
            """
            INSERT INTO proms_response
                (id, invitation_id, submitted_at, answered_on, answers, instruments, language,
                 method, current)
            OVERRIDING SYSTEM VALUE
            SELECT invitation.id, invitation.id, invitation.due_on + interval '3 days',
                   invitation.due_on + 3,
                   jsonb_build_object('symptom_duration_axial', axial, 'symptom_duration_limb',
                                      limb, 'height_cm', 172, 'weight_kg', 60 + age / 2,
                                      'smoking', mod(number, 2)),
                   '{}', 'da', 'web', true
            FROM proms_invitation AS invitation JOIN drawn ON drawn.number = membership_id
            """
        )
        cursor.execute(
            """
            INSERT INTO proms_score
                (response_id, scale, value, reason, answered, instrument, instrument_version,
                 variant)
            SELECT response.id, scale,
                   CASE WHEN scale = 'eq5d3l_index' THEN round((random() * 1.2 - 0.2)::numeric, 3)
                        WHEN invitation.time_point = 'before' THEN round((random() * 100)::numeric)
                        ELSE round((random() * 70)::numeric) END,
                   '', 10, scale, '1', ''
            FROM proms_response AS response
            JOIN proms_invitation AS invitation ON invitation.id = response.invitation_id
            CROSS JOIN unnest(%s::text[]) AS scale
            """,
            [list(SCALES)],
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TRACKED:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("ANALYZE")
