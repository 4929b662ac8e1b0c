"""The spine register's tables, fed with facts that have the printed counts, means and SDs.

What is tested is the engine: sums, shares, moments, joining of groups, labels. Where print and the
engine differ, print has no rule or contradicts itself; each such cell is listed here with the
reason, and nothing of it is in the engine.
"""

import csv
import io
from datetime import date

import pytest
from django.db import connection

from demo.published import table
from registry.registers.selectors import definition_for, units_of
from reports.annual import annual_report, trusted_viewer
from reports.annual.writing import to_csv, to_html

ON = date(2026, 11, 20)
YEAR = 2022
COHORTS = {
    "lumbar": ("danespine_lumbar_preop_completeness", "lumbar_stenosis"),
    "cervical": ("danespine_cervical_preop_completeness", "cervical_radiculopathy"),
}
# Counts of tables 4 and 5 are divided by ten, to keep the test short.
TOO_MANY = 5000
SCALES = {
    "VAS leg": "vas_leg",
    "VAS back": "vas_back",
    "VAS arm": "vas_arm",
    "VAS neck": "vas_neck",
    "EQ-5D": "eq5d3l_index",
    "ODI": "odi",
    "NDI": "ndi",
}
NO_RULE = "print has no rule for blank and 0"
COMPLETENESS_EXCEPTIONS = {
    ("aCure Privathospital", "preop_2021"): f"{NO_RULE}: 362 operations and blank",
    ("aCure Privathospital", "percent_2021"): f"{NO_RULE}: 362 operations and blank",
    ("Aalborg Ortopædkirurgisk afd.", "ops_2021"): f"{NO_RULE}: no operations and blank",
    ("Aalborg Ortopædkirurgisk afd.", "preop_2022"): f"{NO_RULE}: none of 1 is blank, then 0.0",
    ("Odense Universitetscenter for rygkirurgi", "preop_2022"): f"{NO_RULE}: 0 of 0 is 0",
    ("Odense Universitetscenter for rygkirurgi", "percent_2022"): f"{NO_RULE}: 0 of 0 is 0.0",
}
TOTALS_AS_THE_ROWS_GIVE = {
    # Cervical totals are printed as 1188 and 1214, percentages of them as 73.0 and 61.7.
    "cervical": [1176, 867, 73.7, 1193, 749, 62.8],
    # 3912 and 4032 are printed; the rows sum to the same.
    "lumbar": [5900, 3912, 66.3, 6803, 4032, 59.3],
}
OUTCOME_EXCEPTIONS = {
    ("7", "EQ-5D", "diff"): "printed 0.24; the printed means give 0.16",
    ("8", "VAS leg", "diff"): "printed −17.2; every other table prints before minus after",
    ("8", "VAS back", "diff"): "printed −16.8; every other table prints before minus after",
    ("7", "ODI", "y2_mean"): "printed with two decimals, 33.19",
}


@pytest.fixture(autouse=True)
def _database(db):
    """Facts are derived tables without constraints: they may be written as print counts."""


def add_facts(n, *, group, year=YEAR, kind="decompression", unit=None, answered=None, first=0):
    """Write ``n`` operations, the first ``answered`` of them with a questionnaire before."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO reports_completenessfact (operation_id, register_id, unit_id, year, age,
                sex, "group", procedure_type, performed_on, before_due, before_closes,
                before_completed)
            SELECT %(first)s + number, 'danespine', %(unit)s, %(year)s, 60, 'female', %(group)s,
                   %(kind)s, make_date(%(year)s, 6, 1), make_date(%(year)s, 5, 25),
                   make_date(%(year)s, 6, 1),
                   CASE WHEN number <= %(answered)s THEN make_date(%(year)s, 5, 20) END
            FROM generate_series(1, %(n)s) AS number
            """,
            {
                "n": n,
                "first": first,
                "unit": unit or units_of("danespine")[0].pk,
                "year": year,
                "group": group,
                "kind": kind,
                "answered": answered or 0,
            },
        )
    return first + n


def tables():
    report = annual_report(
        trusted_viewer("danespine", "test"), "danespine", YEAR, language="en", on=ON
    )
    return {t.id: t for t in report.tables}, report


@pytest.mark.parametrize("cohort", COHORTS)
def test_completeness_by_unit(cohort):
    file, group = COHORTS[cohort]
    printed = [row for row in table(file) if not row["unit"].startswith("Total")]
    labels = {code.code: code.unit_id for u in units_of("danespine") for code in u.codes.all()}
    serial = 0
    for row in printed:
        unit = labels[row["unit_code"].split("+")[0]]
        for year in (2021, 2022):
            serial = add_facts(
                int(row[f"ops_{year}"] or 0),
                group=group,
                year=year,
                unit=unit,
                answered=int(row[f"preop_{year}"] or 0),
                first=serial,
            )
    found = tables()[0][f"{cohort}_preop_completeness"]
    assert [c.key for c in found.columns] == [k for k in printed[0] if k != "unit_code"]
    # A unit without an operation in any year is no row; print has one for none either.
    assert {row[0] for row in found.rows[:-1]} == {row["unit"] for row in printed}
    assert list(found.rows[-1][1:]) == TOTALS_AS_THE_ROWS_GIVE[cohort]
    differences = []
    for row in printed:
        for key, text in row.items():
            if key in {"unit", "unit_code"} or (row["unit"], key) in COMPLETENESS_EXCEPTIONS:
                continue
            if found.cell(row["unit"], key) != (float(text) if text else None):
                differences.append((row["unit"], key, found.cell(row["unit"], key), text))
    assert differences == []


def test_blank_is_nothing_to_count_and_0_is_counted_and_none():
    unit = units_of("danespine")[0]
    serial = add_facts(5, group="cervical_myelopathy", year=2021, unit=unit.pk)
    add_facts(1, group="cervical_myelopathy", unit=units_of("danespine")[1].pk, first=serial)
    found = tables()[0]["cervical_preop_completeness"]
    by_first = {row[1:] for row in found.rows[:-1]}
    assert by_first == {(5, 0, 0.0, 0, None, None), (0, None, None, 1, 0, 0.0)}


def test_a_patient_who_died_before_answering_is_not_missing():
    add_facts(4, group="lumbar_other", answered=1)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE reports_completenessfact SET before_censored = before_due"
            " WHERE operation_id = 4"
        )
    row = tables()[0]["lumbar_preop_completeness"].rows[-1]
    assert row[4:] == (4, 1, 33.3)


def test_diagnoses_add_up_to_the_rows_not_to_the_printed_total():
    definition = definition_for("danespine")
    by_label = {
        str(g.labels): g for k, g in definition.published_groups.items() if "diagnosis" in k
    }
    printed = [
        r for r in table("danespine_lumbar_diagnoses") if "Total" not in r["diagnosis_group"]
    ]
    serial = 0
    for row in printed:
        groups = by_label[row["diagnosis_group"]].groups
        now, ever = int(row["n_2022"]), int(row["n_2009_2022"])
        # Stenosis joins two groups: some of each must be counted together.
        serial = add_facts(10, group=groups[0], first=serial)
        serial = add_facts(now - 10, group=groups[-1], first=serial)
        serial = add_facts(ever - now, group=groups[0], year=2015, first=serial)
    found = tables()[0]["lumbar_diagnoses"]
    assert [row[0] for row in found.rows[:-1]] == [row["diagnosis_group"] for row in printed]
    keys = ("count_2022", "percent_2022", "count_2009_2022", "percent_2009_2022")
    assert tuple(c.key for c in found.columns[1:]) == keys
    for row, wanted in zip(found.rows, printed, strict=False):
        assert row[1] == int(wanted["n_2022"])
        assert row[3] == int(wanted["n_2009_2022"])
        assert abs(row[4] - int(wanted["percent_2009_2022"])) <= 0.5
        # Print divides by 6430, which leaves out “Other diagnosis”; the rows sum to 6803.
        assert row[2] == pytest.approx(100 * row[1] / 6803, abs=0.0501)
        # “Other diagnosis” itself is printed as 6 %, of 6430.
        assert round(100 * row[1] / 6430) == int(wanted["percent_2022"])
    assert found.rows[-1] == ("Total", 6803, 100.0, 77181, 100.0)


def test_operations_by_group_and_year():
    serial = 0
    for row in table("danespine_scoliosis_operations_by_year"):
        serial = add_facts(int(row["n"]), group="scoliosis", year=int(row["year"]), first=serial)
    found = tables()[0]["operations_by_group_year"]
    label = str(definition_for("danespine").groups["scoliosis"].labels)
    for row in table("danespine_scoliosis_operations_by_year"):
        assert found.cell(label, row["year"]) == int(row["n"])
    assert found.cell(label, "total") == found.cell("Total", "total") == serial
    others = [row for row in found.rows[:-1] if row[0] != label]
    assert others
    assert all(cell == 0 for row in others for cell in row[1:])


def scores_with(n, mean, sd):
    """SQL for ``n`` values with exactly this mean and sample SD: as many above as below."""
    pairs = n - n % 2
    spread = sd * ((n - 1) / pairs) ** 0.5 if pairs else 0
    return (
        f"CASE WHEN number <= {n} THEN {mean} + {spread} * CASE WHEN number > {pairs} THEN 0 "
        "WHEN number % 2 = 0 THEN 1 ELSE -1 END END"
    )


def add_scores(n, scale, *, group, kind, columns):
    names = ", ".join(f'"{point}"' for point in columns)
    values = ", ".join(columns.values()).replace("%", "%%")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO reports_operationscalefact (operation_id, scale, register_id, unit_id,
                year, age, sex, "group", procedure_type, {names})
            SELECT number, '{scale}', 'danespine', %s, 2015, 60, 'male', %s, %s, {values}
            FROM generate_series(1, {n}) AS number
            """,
            [units_of("danespine")[0].pk, group, kind],
        )


def complete_everything():
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE reports_completenessfact SET before_completed = performed_on,"
            " w6_completed = performed_on, y1_completed = performed_on, y2_completed = performed_on"
        )


@pytest.mark.parametrize("number", ["4", "5", "6", "7", "8", "10", "11", "13", "14", "15"])
def test_outcomes(number):
    printed = [row for row in table("danespine_outcomes") if row["table"] == number]
    definition = definition_for("danespine")
    group = next(g for g in definition.published_groups.values() if g.table == number)
    kind = group.procedure_types[-1] if group.procedure_types else "decompression"
    later = group.time_points[1:]
    counts = {
        printed_key: int(next(r for r in printed if r["measure"] == "N patients")[key] or 0)
        for printed_key, key in (("before", "preop_mean"), ("y1", "y1_mean"), ("y2", "y2_mean"))
    }
    if counts["before"] > TOO_MANY:
        counts = {point: n // 10 for point, n in counts.items()}
    most = max(counts.values())
    add_facts(most, group=group.groups[-1], year=2015, kind=kind)
    # Another type of the same group must not be counted where the table names types.
    add_facts(3, group=group.groups[-1], year=2015, kind="other", first=most)
    complete_everything()
    held = {"before": "preop", later[0]: "y1", **({"y2": "y2"} if "y2" in later else {})}
    rows = [row for row in printed if row["measure"] != "N patients"]
    for row in rows:
        add_scores(
            most,
            SCALES[row["measure"]],
            group=group.groups[-1],
            kind=kind,
            columns={
                point: scores_with(
                    counts["before" if key == "preop" else key],
                    float(row[f"{key}_mean"]),
                    float(row[f"{key}_sd"] or 9),
                )
                for point, key in held.items()
            },
        )
    found = tables()[0][f"outcomes_{group.key}"]
    assert len(found.rows) == len(rows)
    differences = []
    for cells, row in zip(found.rows, rows, strict=True):
        decimals = 2 if row["measure"] == "EQ-5D" else 1
        for point, key in held.items():
            name = "preop" if point == "before" else point
            n = cells[found.column(f"{name}_n")]
            assert n == counts["before" if key == "preop" else key]
            for what in ("mean", "sd"):
                text = row[f"{key}_{what}"]
                cell = cells[found.column(f"{name}_{what}")]
                # Table 13 prints no SD.
                if text and (number, row["measure"], f"{key}_{what}") not in OUTCOME_EXCEPTIONS:
                    differences += [(row["measure"], key, cell, text)] * (cell != float(text))
        gain = cells[-1]
        # Print subtracts before it rounds: one step of the last decimal may differ.
        if (number, row["measure"], "diff") not in OUTCOME_EXCEPTIONS:
            assert gain == pytest.approx(float(row["diff_preop_y1"]), abs=1.01 * 10**-decimals)
        assert gain is not None
        assert gain > 0
    assert differences == []


def test_answers_after_the_cut_off_are_not_counted():
    add_facts(4, group="spondylodiscitis", year=2015)
    complete_everything()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE reports_completenessfact SET y1_completed = '2023-02-01' WHERE operation_id > 1"
        )
    add_scores(
        4, "eq5d3l_index", group="spondylodiscitis", kind="decompression",
        columns={"before": "0.2", "y1": "number / 10.0"},
    )  # fmt: skip
    viewer = trusted_viewer("danespine", "test")

    def cells(cut_off):
        report = annual_report(viewer, "danespine", YEAR, language="en", on=ON, cut_off=cut_off)
        found = report.table("outcomes_spondylodiscitis")
        return [found.rows[0][found.column(key)] for key in ("preop_n", "y1_n", "y1_mean")]

    assert cells(date(2022, 12, 31)) == [4, 1, 0.1]
    assert cells(None) == [4, 4, 0.25]


def add_people(n, *, group, kind="decompression", year=2015, first=0, **columns):
    """Write ``n`` operations whose dimensions are SQL of their ``number``, from 1."""
    serial = add_facts(n, group=group, kind=kind, year=year, first=first)
    assignments = ", ".join(f"{name} = {value}" for name, value in columns.items())
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE reports_completenessfact SET {assignments} FROM (SELECT operation_id AS pk,"
            f" operation_id - {first} AS number FROM reports_completenessfact) AS one"
            f" WHERE operation_id = pk AND pk > {first} AND pk <= {serial}"
        )
    return serial


def test_baseline_characteristics_by_method():
    """Print gives shares of more patients than its tables hold; here they are of 1,000."""
    printed: dict[str, dict[str, str]] = {}
    for row in table("danespine_segmental_pain_baseline"):
        printed.setdefault(row["table"], {})[row["characteristic"]] = row["value"]
    definition = definition_for("danespine")
    serial, wanted = 0, []
    for number, held in printed.items():
        group = next(g for g in definition.published_groups.values() if g.table == number)
        shares = {
            name: float(held[name].replace("%", "").split(" ")[0])
            for name in ("women", "leg pain >12 months", "back pain >12 months")
        }
        women, leg, back = (f"number <= {10 * share}" for share in shares.values())
        bmi_mean, bmi_sd = map(float, held["BMI mean/SD"].split("/"))
        # Ages are whole years: half of them at either side of one mean.
        serial = add_people(
            1000,
            group=group.groups[0],
            kind=group.procedure_types[0],
            first=serial,
            bmi=scores_with(1000, bmi_mean, bmi_sd),
            sex=f"CASE WHEN {women} THEN 'female' ELSE 'male' END",
            symptom_duration_limb=f"CASE WHEN {leg} THEN 3 + number % 2 ELSE number % 3 END",
            symptom_duration_axial=f"CASE WHEN {back} THEN 4 ELSE 2 END",
            age="CASE WHEN number % 2 = 0 THEN 40 ELSE 70 END",
        )
        wanted.append((str(group.labels), 1000, 55.0, 15.0, bmi_mean, bmi_sd, *shares.values()))
    assert list(tables()[0]["baseline_by_method"].rows) == wanted


def test_vertebroplasty_by_unit_adds_up_to_print():
    labels = {code.code: code.unit_id for u in units_of("danespine") for code in u.codes.all()}
    printed = [r for r in table("danespine_vertebroplasty_by_unit") if r["unit"] != "Total"]
    serial = 0
    for row in printed:
        unit, n = labels[row["unit_code"].split("+")[0]], int(row["n_2009_2022"])
        serial = add_facts(n, group="vertebroplasty_osteoporotic", unit=unit, first=serial)
    found = tables()[0]["vertebroplasty_by_unit"]
    assert [row[1] for row in found.rows[:-1]].count(1170) == 1
    assert sorted(row[1] for row in found.rows[:-1]) == sorted(
        int(row["n_2009_2022"]) for row in printed
    )
    assert found.rows[-1] == ("Total", 1644)


def test_walking_distance_before_and_after():
    """Print: 15 % walk more than a kilometre before decompression for stenosis, 44 % after."""
    add_facts(200, group="lumbar_stenosis", year=2015)
    complete_everything()
    far = "CASE WHEN number <= {} THEN 4 ELSE 1 + number % 3 END"
    add_scores(
        200, "walking_distance", group="lumbar_stenosis", kind="decompression",
        columns={
            "before": far.format(30),
            "y1": f"CASE WHEN number <= 100 THEN {far.format(44)} END",
        },
    )  # fmt: skip
    found = tables()[0]["walking_distance_stenosis"]
    row = found.rows[3]
    assert row[1:5] == (30, 15.0, 44, 44.0)
    assert row[5:] == (0, None)
    assert found.rows[-1] == ("Total", 200, 100.0, 100, 100.0, 0, None)


def test_gain_in_eq5d_by_duration_of_symptoms():
    printed = table("danespine_eq5d_gain_by_symptom_duration")
    column = {"neck pain": "axial", "arm pain": "limb"}
    codes = {"under 3 months": 1, "over 24 months": 4}
    serial = 0
    for row in printed:
        first = serial
        serial = add_people(
            20,
            group="cervical_radiculopathy",
            first=first,
            **{f"symptom_duration_{column[row['symptom']]}": str(codes[row["duration"]])},
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO reports_operationscalefact (operation_id, scale, register_id, unit_id,"
                ' year, age, sex, "group", procedure_type, before, y1)'
                " SELECT n, 'eq5d3l_index', 'danespine', %s, 2015, 60, 'male',"
                " 'cervical_radiculopathy', 'decompression', 0.4, 0.4 + %s"
                " FROM generate_series(%s, %s) AS n",
                [units_of("danespine")[0].pk, row["eq5d_gain_preop_y1"], first + 1, serial],
            )
    complete_everything()
    found = tables()[0]
    for row in printed:
        cells = found[f"eq5d_gain_by_{row['symptom'].split()[0]}_pain"].rows
        assert cells[codes[row["duration"]]][1:] == (20, float(row["eq5d_gain_preop_y1"]))


def test_outcome_of_the_single_patient():
    """Of 100 with stenosis 60 answered both, 20 only after; ODI 44.4 falls to 24.4, 10 or 50."""
    add_facts(100, group="lumbar_stenosis", year=2015)
    complete_everything()
    add_scores(
        80, "odi", group="lumbar_stenosis", kind="decompression",
        columns={
            "before": "CASE WHEN number <= 60 THEN 44.4 END",
            "y1": "CASE WHEN number <= 30 THEN 24.4 WHEN number <= 45 THEN 10 ELSE 50 END",
        },
    )  # fmt: skip
    row = tables()[0]["outcome_flags_lumbar"].rows[0]
    # 45 of 60 fell by 20 points and by 30 %; of 80 after, 15 are at 10 and 35 at 50.
    assert row[1:] == (80, 60, 75.0, 75.0, 18.8, 43.8)


def test_weekdays_and_ages():
    # 2022-06-01 is a Wednesday, two days later a Friday.
    add_people(53, group="metastasis", year=2022, performed_on="date '2022-06-03'")
    add_people(47, group="metastasis", year=2022, first=53, age="95", sex="'male'")
    add_people(6, group="scoliosis", first=200, age="10 + number")
    found = tables()[0]
    week = found["weekday_metastasis"].rows
    assert week[2] == ("Wednesday", 47, 47.0)
    assert week[4] == ("Friday", 53, 53.0)
    assert week[0] == ("Monday", 0, None)
    assert found["age_scoliosis"].rows == (("10–19", 6, 100.0), ("Total", 6, 100.0))


def test_growth_from_one_year_to_the_next():
    serial = add_facts(10, group="scoliosis", year=2021)
    add_facts(15, group="scoliosis", first=serial)
    rows = tables()[0]["operations_by_unit"].rows
    assert [row[1:] for row in rows] == [(10, 15, 50.0), (10, 15, 50.0)]


def test_files_write_numbers_as_the_register_does():
    add_facts(3, group="lumbar_other", answered=1)
    report = tables()[1]
    text = to_csv(report, report.table("lumbar_preop_completeness"))
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))
    assert text.startswith("\ufeff")
    assert rows[-1][-3:] == ["3", "1", "33,3"]
    document = to_html(report)
    assert '<html lang="en">' in document
    assert document.count("<caption") == len(report.tables)
    assert "33.3</td>" in document
