"""`manage.py score`: files as researchers have them, and the mistakes that are in them."""

import csv
import os
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from proms.instruments import instrument

ROOT = Path(__file__).parents[2]
ODI_HEADER = ",".join(f"odi{number}" for number in range(1, 11))
EQ5D_HEADER = "mobility,self_care,usual_activities,pain,anxiety"


@pytest.fixture
def run(tmp_path):
    """Score a text (or bytes): the output as rows, and what was said on stderr."""

    def run(instrument, text, *arguments):
        source, target = tmp_path / "answers.csv", tmp_path / "scores.csv"
        source.write_bytes(text if isinstance(text, bytes) else text.encode())
        said = StringIO()
        call_command(
            "score",
            instrument,
            *("--input", str(source), "--output", str(target), *arguments),
            stdout=StringIO(),
            stderr=said,
        )
        return list(csv.reader(target.open(newline=""))), said.getvalue()

    return run


@pytest.fixture
def refused(run, tmp_path):
    """The message for a text that is refused; nothing may be written."""

    def refused(instrument, text, *arguments):
        with pytest.raises(CommandError) as caught:
            run(instrument, text, *arguments)
        assert caught.value.returncode == 2
        assert [path.name for path in tmp_path.iterdir()] == ["answers.csv"]
        return str(caught.value)

    return refused


def test_eq5d3l(run):
    rows, _ = run("eq5d3l", f"id,{EQ5D_HEADER}\nA-1,1,1,1,1,1\nÆ 2,3,3,3,3,3\nC,1,,1,1,1\n")
    assert rows == [
        ["id", "eq5d3l_index", "eq5d3l_index_n"],
        ["A-1", "1.0", "5"],
        ["Æ 2", "-0.624", "5"],
        ["C", "", "4"],
    ]


@pytest.mark.parametrize(("value_set", "value"), [("dk", "-0.624"), ("se", "0.3402"), ("uk", "-0.594")])  # noqa: E501  # fmt: skip
def test_eq5d3l_with_a_value_set(run, value_set, value):
    rows, said = run("eq5d3l", f"{EQ5D_HEADER}\n3,3,3,3,3\n", "--value-set", value_set)
    assert rows[1] == [value, "5"]
    assert said == ""


def test_the_value_set_used_is_said_when_none_is_named(run):
    _, said = run("eq5d3l", f"{EQ5D_HEADER}\n3,3,3,3,3\n")
    assert "Value set dk" in said


def test_odi_without_id_in_another_order_of_columns(run):
    header = ",".join(reversed(ODI_HEADER.split(",")))
    rows, _ = run("odi", f"{header}\n1,2,,5,0,4,1,2,2,3\n")
    assert rows == [["odi", "odi_n"], [repr(100 * 20 / 45), "9"]]


def test_ndi(run):
    rows, _ = run("ndi", ODI_HEADER.replace("odi", "ndi") + "\n2,2,2,2,2,2,2,2,2,2\n")
    assert rows == [["ndi", "ndi_n"], ["40.0", "10"]]


def test_vas_has_a_column_for_each_scale(run):
    rows, said = run("vas", "id,vas_back,eq_vas\n1,0,100\n2,,37\n")
    assert rows[0] == [
        "id",
        *("vas_back_score", "vas_back_score_n", "vas_leg_score", "vas_leg_score_n"),
        *("vas_neck_score", "vas_neck_score_n", "vas_arm_score", "vas_arm_score_n"),
        *("eq_vas_score", "eq_vas_score_n"),
    ]
    first, second = (dict(zip(rows[0], row, strict=True)) for row in rows[1:])
    assert (first["vas_back_score"], first["eq_vas_score"], first["vas_leg_score"]) == ("0.0", "100.0", "")  # noqa: E501  # fmt: skip
    assert (second["vas_back_score"], second["vas_back_score_n"]) == ("", "0")
    assert "No column for vas_leg, vas_neck, vas_arm" in said


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff{ODI_HEADER}\n2,2,2,2,2,2,2,2,2,2\n",  # byte order mark of Excel
        f"{ODI_HEADER}\r\n2,2,2,2,2,2,2,2,2,2\r\n",
        f"{ODI_HEADER}\n2,2,2,2,2,2,2,2,2,2",
        f"{ODI_HEADER}\n2,2,2,2,2,2,2,2,2,2\n\n\n",  # empty lines at the end
        f"{ODI_HEADER.replace(',', ' , ')}\n 2,2 ,2,2,2,2,2,2,2,2\n",
        f"{ODI_HEADER}\n2.0,2.0,2.0,2.0,2.0,2,2,2,2,2\n",  # as pandas writes columns with gaps
        f'"{ODI_HEADER.replace(",", chr(34) + "," + chr(34))}"\n"2",2,2,2,2,2,2,2,2,2\n',
    ],
)
def test_ways_of_writing_the_same_file(run, text):
    assert run("odi", text)[0] == [["odi", "odi_n"], ["40.0", "10"]]


def test_tokuhashi_with_names_and_both_bands(run):
    header = "id,karnofsky,bone_foci,vertebral_metastases,organ_metastases,primary,frankel"
    text = f"{header}\n1,90,2,1,removable,breast,E\n2,50,1,3,unremovable,lung,C\n3,50,1,3,,lung,C\n"
    rows, _ = run("tokuhashi", text)
    assert rows == [
        ["id", "tokuhashi", "tokuhashi_n", "tokuhashi_band"],
        ["1", "13.0", "6", "12_months_or_more"],
        ["2", "3.0", "6", "under_6_months"],
        ["3", "", "5", ""],
    ]
    rows, _ = run("tokuhashi", text, "--bands", "danespine")
    assert rows[2][3] == "3_months_or_less"


def test_lenke_gives_the_reason_where_there_is_no_type(run):
    header = "pt_cobb,mt_cobb,tl_cobb,pt_bend,mt_bend,tl_bend,kyphosis_t2_t5,kyphosis_t10_l2,kyphosis_t5_t12,csvl"  # noqa: E501
    rows, _ = run("lenke", f"{header}\n20,50.5,30,10,30,10,5,5,8,between_pedicles\n35,30,50,30,10,30,5,5,20,clear\n")  # noqa: E501  # fmt: skip
    assert rows == [
        ["lenke", "lenke_n", "lenke_reason"],
        ["1A-", "10", ""],
        ["", "10", "no_type"],
    ]


def test_sf36_and_rand36_read_the_same_file(run):
    items = [item.code for item in instrument("sf36").items]
    text = ",".join(items) + "\n" + ",".join("1" for _ in items) + "\n"
    rows, _ = run("sf36", text)
    assert rows[0][:4] == ["sf36_pf", "sf36_pf_n", "sf36_rp", "sf36_rp_n"]
    assert rows[0][-4:] == ["sf36_pcs", "sf36_pcs_n", "sf36_mcs", "sf36_mcs_n"]
    assert rows[1][-1] == "35"
    rows, _ = run("rand36", text)
    assert "rand36_pain" in rows[0]


def test_eq5dy3l_and_srs22r(run):
    assert run("eq5dy3l", f"{EQ5D_HEADER}\n1,1,2,3,1\n")[0] == [
        ["eq5dy3l_profile", "eq5dy3l_profile_n"],
        ["11231", "5"],
    ]
    header = ",".join(f"srs{number}" for number in range(1, 23))
    rows, _ = run("srs22r", f"{header}\n{','.join(['4'] * 22)}\n")
    assert rows[0][-2:] == ["srs22r_total", "srs22r_total_n"]
    assert rows[1][-2:] == ["4.0", "22"]


SRS22R = ("function", "pain", "self_image", "mental_health", "satisfaction", "subtotal", "total")


@pytest.mark.parametrize(
    ("code", "columns"),
    [
        ("eq5d3l", ["eq5d3l_index"]),
        ("eq5dy3l", ["eq5dy3l_profile"]),
        ("odi", ["odi"]),
        ("ndi", ["ndi"]),
        ("sf36", [f"sf36_{s}" for s in ("pf", "rp", "bp", "gh", "vt", "sf", "re", "mh", "pcs", "mcs")]),  # noqa: E501
        ("rand36", [f"rand36_{s}" for s in ("pf", "rp", "re", "ef", "ew", "sf", "pain", "gh")]),
        ("srs22r", [f"srs22r_{s}" for s in SRS22R]),
        ("vas", [f"{s}_score" for s in ("vas_back", "vas_leg", "vas_neck", "vas_arm", "eq_vas")]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("with_id", [False, True])
def test_the_columns_of_every_questionnaire(run, code, columns, with_id):
    """Researchers read these names in programs of their own: none may change."""
    items = instrument(code).item_codes
    rows, _ = run(code, ("id," if with_id else "") + ",".join(items) + "\n")
    counted = [name for column in columns for name in (column, f"{column}_n")]
    assert rows == [["id", *counted] if with_id else counted]


def test_a_header_alone_gives_a_header_alone(run):
    assert run("odi", f"id,{ODI_HEADER}\n")[0] == [["id", "odi", "odi_n"]]


def test_a_file_of_one_column_keeps_its_empty_rows(run):
    assert run("vas_back", "vas_back\n10\n\n20\n")[0][1:] == [["10.0", "1"], ["", "0"], ["20.0", "1"]]  # noqa: E501  # fmt: skip


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (f"{ODI_HEADER}\n1,2,7,1,1,1,1,1,1,1\n", "line 2, column odi3", "7 is out of range. Expected is one of 0, 1"),  # noqa: E501
        (f"{ODI_HEADER}\n1,2,-1,1,1,1,1,1,1,1\n", "line 2, column odi3", "-1 is out of range"),
        (f"{ODI_HEADER}\n1,2,2.5,1,1,1,1,1,1,1\n", "line 2, column odi3", "2.5 is out of range"),
        (f"{ODI_HEADER}\n1,2,two,1,1,1,1,1,1,1\n", "line 2, column odi3", "“two” is not a number"),
        (f"{ODI_HEADER}\n1,2,nan,1,1,1,1,1,1,1\n", "line 2, column odi3", "“nan” is not a number"),
        (f"{ODI_HEADER}\n1,2,1e0,1,1,1,1,1,1,1\n", "line 2, column odi3", "“1e0” is not a number"),
        (f"{ODI_HEADER}\n1,2,١,1,1,1,1,1,1,1\n", "line 2, column odi3", "is not a number"),
        (f"{ODI_HEADER}\n1,1,1,1,1,1,1,1,1,1\n1,2,NA,1,1,1,1,1,1,1\n", "line 3, column odi3", "or an empty cell"),  # noqa: E501
        (f"{ODI_HEADER},age\n1,2,3,1,1,1,1,1,1,1,4\n", "line 1, column 11", "unknown column “age”"),
        (f"{ODI_HEADER.replace('odi2', 'odi1')}\n", "line 1, column 2", "“odi1” is there twice"),
        (f"{ODI_HEADER},id\n", "line 1, column 11", "“id” must be the first column"),
        (f"{ODI_HEADER},\n", "line 1, column 11", "unknown column “”"),
        ("id\n1\n", "line 1", "no column with answers"),
        ("", "line 1", "there is no header"),
        (f"{ODI_HEADER.replace(',', ';')}\n", "line 1", "separated by semicolons"),
        (ODI_HEADER.replace(",", "\t"), "line 1", "separated by tabs"),
        (f"{ODI_HEADER}\n1,2,3\n", "line 2", "3 cells, but the header has 10 columns"),
        (f"{ODI_HEADER}\n\n1,1,1,1,1,1,1,1,1,1\n", "line 2", "the line is empty"),
        (f'{ODI_HEADER}\n"1,1,1,1,1,1,1,1,1,1\n', "line", "unexpected end of data"),
        (f"{ODI_HEADER}\n".encode("utf-16"), "answers.csv", "not text in UTF-8"),
    ],
)  # fmt: skip
def test_what_is_wrong_and_where(refused, text, where, what):
    message = refused("odi", text)
    assert where in message
    assert what in message


def test_several_errors_are_told_at_once_but_not_a_thousand(refused):
    message = refused("odi", f"{ODI_HEADER}\n" + "9,9,9,1,1,1,1,1,1,1\n" * 500)
    assert "line 2, column odi1" in message
    assert "line 3, column odi3" in message
    assert len(message.splitlines()) == 21
    assert message.endswith("There are more errors; correct these and run it again.")


@pytest.mark.parametrize(
    ("instrument", "arguments", "message"),
    [
        ("oswestry", [], "unknown instrument “oswestry”; known are"),
        ("eq5d3l", ["--value-set", "no"], "--value-set no: known are dk, se, uk"),
        ("odi", ["--value-set", "dk"], "--value-set dk: odi has none"),
        ("odi", ["--bands", "revised"], "--bands revised: odi has none"),
        ("patient_baseline", [], "patient_baseline has no scores"),
    ],
)
def test_wrong_arguments(refused, instrument, arguments, message):
    assert message in refused(instrument, "x\n", *arguments)


def test_a_failed_run_leaves_the_old_scores_as_they_were(run, tmp_path):
    run("vas_back", "vas_back\n10\n")
    before = (tmp_path / "scores.csv").read_bytes()
    with pytest.raises(CommandError):
        run("vas_back", "vas_back\n10\n101\n")
    assert (tmp_path / "scores.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("nowhere.csv", "scores.csv", "cannot be read"),
        ("answers.csv", "nowhere/scores.csv", "cannot be written"),
        ("answers.csv", "answers.csv", "the same file"),
    ],
)
def test_files_that_cannot_be_used(source, target, message, tmp_path):
    answers = tmp_path / "answers.csv"
    answers.write_text("vas_back\n10\n")
    with pytest.raises(CommandError, match=message) as caught:
        call_command("score", "vas_back", input=tmp_path / source, output=tmp_path / target)
    assert caught.value.returncode == 2
    assert answers.read_text() == "vas_back\n10\n"
    assert list(tmp_path.iterdir()) == [answers]


def test_from_the_shell_errors_go_to_stderr_with_exit_code_2(tmp_path):
    (tmp_path / "answers.csv").write_text("vas_back\n101\n")
    done = subprocess.run(
        [
            *(sys.executable, "manage.py", "score", "vas_back"),
            *("--input", str(tmp_path / "answers.csv")),
            *("--output", str(tmp_path / "scores.csv")),
        ],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "line 2, column vas_back: 101 is out of range" in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "scores.csv").exists()


def test_a_hundred_thousand_forms_are_scored_in_seconds(tmp_path):
    answers = np.random.default_rng(3).integers(0, 6, (100_000, 10))
    source = tmp_path / "answers.csv"
    np.savetxt(source, answers, fmt="%d", delimiter=",", header=ODI_HEADER, comments="")
    start = time.perf_counter()
    call_command("score", "odi", input=source, output=tmp_path / "scores.csv", stdout=StringIO())
    assert time.perf_counter() - start < 5
    with (tmp_path / "scores.csv").open() as file:
        assert sum(1 for _ in file) == 100_001
