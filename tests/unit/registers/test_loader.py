"""A wrong definition is refused, and each fault names file, key and reason."""

import json

import pytest

from registry.registers.loader import (
    DefinitionError,
    canonical,
    parse_definition,
    read_definition,
    register_check,
    version_of,
)
from registry.registers.schema import RegisterDefinition
from tests.unit.registers.example import data, definition, named, text


def faults_of(changed):
    with pytest.raises(DefinitionError) as refused:
        parse_definition(changed, file="example.toml")
    return [(fault.key, fault.reason) for fault in refused.value.faults]


def variable(d, key):
    return named(d["procedures"]["variables"], key)


def point(d, key):
    return named(d["proms"]["time_points"], key)


def own_text(d, **texts):
    body = dict.fromkeys(("nb", "da", "sv", "en"), "{address}")
    message = {"key": "reminder", "subject": text("Hej {sender}"), "body": body, **texts}
    d["proms"]["messages"] = [message]


FAULTS = {
    "unknown placeholder": (
        lambda d: own_text(d, body={**text("{address}"), "da": "{adress} {address}"}),
        "proms.messages[reminder].body.da",
        "unknown placeholder “{adress}”; known are address,",
    ),
    "placeholder that reaches into the program": (
        lambda d: own_text(d, sms=text("{address} {register.__class__}")),
        "proms.messages[reminder].sms.nb",
        "unknown placeholder “{register.__class__}”",
    ),
    "unmatched brace": (
        lambda d: own_text(d, body=text("{address} {")),
        "proms.messages[reminder].body.nb",
        "braces do not match",
    ),
    "message without the link": (
        lambda d: own_text(d, body=text("Hej")),
        "proms.messages[reminder].body.nb",
        "“{address}” is missing",
    ),
    "link in a subject": (
        lambda d: own_text(d, subject=text("Hej {minutes}")),
        "proms.messages[reminder].subject.nb",
        "unknown placeholder “{minutes}”; known are register, sender",
    ),
    "message that is not there": (
        lambda d: point(d, "y1").update(text="greeting"),
        "proms.time_points[y1].text",
        "there is no message “greeting”",
    ),
    "sender without an address": (
        lambda d: d["register"]["sender"].update(address="registry"),
        "register.sender.address",
        "is not written as it must be",
    ),
    "unknown section": (
        lambda d: d.update(report={}),
        "report",
        "unknown key; is “reports” meant?",
    ),
    "unknown key": (
        lambda d: d["procedures"]["groups"][0].update(label="Stenosis"),
        "procedures.groups[stenosis].label",
        "unknown key; is “labels” meant?",
    ),
    "missing section": (lambda d: d.pop("patients"), "patients", "is missing"),
    "missing language": (
        lambda d: d["procedures"]["groups"][0]["labels"].pop("sv"),
        "procedures.groups[stenosis].labels.sv",
        "is missing",
    ),
    "empty text": (
        lambda d: d["procedures"]["groups"][0]["labels"].update(da="  "),
        "procedures.groups[stenosis].labels.da",
        "at least 1 character",
    ),
    "threshold not a number": (
        lambda d: d["register"].update(small_number_threshold="five"),
        "register.small_number_threshold",
        "'five'",
    ),
    "unknown region basis": (
        lambda d: d["register"].update(region_basis="home"),
        "register.region_basis",
        "“home” is not one of",
    ),
    "unknown time point": (
        lambda d: point(d, "y1").update(key="m9"),
        "proms.time_points[m9].key",
        "unknown time point “m9”; known are before, w6, m3, m6, y1, y2, y5, y10",
    ),
    "time point not used by the register": (
        lambda d: d["proms"]["questionnaires"][0]["time_points"].append("y5"),
        "proms.questionnaires[1].time_points",
        "there is no time point “y5”",
    ),
    "bad ICD-10": (
        lambda d: d["procedures"]["groups"][0].update(icd10=["M48.0", "48.0"]),
        "procedures.groups[stenosis].icd10[2]",
        "“48.0” is not written as it must be",
    ),
    "bad NCSP": (
        lambda d: d["procedures"]["procedure_types"][0].update(ncsp=["KABC56"]),
        "procedures.procedure_types[decompression].ncsp[1]",
        "“KABC56” is not written as it must be",
    ),
    "duplicate group": (
        lambda d: d["procedures"]["groups"].append(d["procedures"]["groups"][1]),
        "procedures.groups[metastasis]",
        "the key “metastasis” is used more than once",
    ),
    "duplicate option": (
        lambda d: variable(d, "asa")["options"].append({"key": "1", "labels": text("1")}),
        "procedures.variables[asa].options[1]",
        "the option “1” is there more than once",
    ),
    "group that does not exist": (
        lambda d: d["procedures"]["procedure_types"][1].update(groups=["knee"]),
        "procedures.procedure_types[fusion].groups",
        "there is no group “knee”",
    ),
    "cohort that does not exist": (
        lambda d: d["procedures"]["groups"][0].update(cohort="thoracic"),
        "procedures.groups[stenosis].cohort",
        "there is no cohort “thoracic”",
    ),
    "levels without a set": (
        lambda d: d["procedures"]["groups"][1].update(levels="required"),
        "procedures.groups[metastasis].level_set",
        "is missing, but levels are required",
    ),
    "group without a procedure": (
        lambda d: d["procedures"]["procedure_types"][0].update(groups=["stenosis"]),
        "procedures.groups[metastasis]",
        "no procedure type is offered in this group",
    ),
    "choice without options": (
        lambda d: variable(d, "asa").pop("options"),
        "procedures.variables[asa].options",
        "are missing: a choice needs at least one",
    ),
    "options of a number": (
        lambda d: variable(d, "minutes").update(options=[{"key": "a", "labels": text("a")}]),
        "procedures.variables[minutes].options",
        "do not belong to the type integer",
    ),
    "range upside down": (
        lambda d: variable(d, "minutes").update(max=0),
        "procedures.variables[minutes].max",
        "0 is below the minimum, 1",
    ),
    "date range of a number": (
        lambda d: variable(d, "healed_on").update(min=5),
        "procedures.variables[healed_on].min",
        "5 is not a value of the type date",
    ),
    "required when of nothing": (
        lambda d: variable(d, "implant_types")["required_when"].update(variable="nail"),
        "procedures.variables[implant_types].required_when.variable",
        "there is no variable “nail”",
    ),
    "required when of an impossible value": (
        lambda d: variable(d, "minutes").update(required_when={"variable": "asa", "equals": "7"}),
        "procedures.variables[minutes].required_when.equals",
        "“asa” has no option “7”",
    ),
    "required when across sections": (
        lambda d: variable(d, "remark").update(required_when={"variable": "asa", "equals": "1"}),
        "procedures.variables[remark].required_when.variable",
        "“asa” is asked in another section (operation)",
    ),
    "goal of an unknown variable": (
        lambda d: d["procedures"]["goals"][0].update(planned_variable="length"),
        "procedures.goals[correction].planned_variable",
        "there is no variable “length”",
    ),
    "warning without a limit": (
        lambda d: d["procedures"]["warnings"].append({"variable": "minutes"}),
        "procedures.warnings[2]",
        "needs a min, a max or both",
    ),
    "warning of a text": (
        lambda d: d["procedures"]["warnings"].append({"variable": "remark", "max": 5}),
        "procedures.warnings[2].variable",
        "“remark” is not a number",
    ),
    "window opens after due": (
        lambda d: point(d, "y1").update(opens=400),
        "proms.time_points[y1].opens",
        "opens (day 400) after it is due (365)",
    ),
    "window closes before due": (
        lambda d: point(d, "y1").update(closes=360),
        "proms.time_points[y1].closes",
        "closes (day 360) before due (365)",
    ),
    "preoperative after surgery": (
        lambda d: point(d, "before").update(closes=3),
        "proms.time_points[before].closes",
        "must close on the day of surgery",
    ),
    "follow-up before surgery": (
        lambda d: point(d, "w6").update(opens=-1),
        "proms.time_points[w6].opens",
        "must open after the day of surgery",
    ),
    "grace of a follow-up": (
        lambda d: point(d, "w6").update(grace_days=14),
        "proms.time_points[w6].grace_days",
        "belongs only to the time point “before”",
    ),
    "notice after opening": (
        lambda d: point(d, "y1")["reminders"][0].update(after="opening", days=3),
        "proms.time_points[y1].reminders[first].days",
        "the notice goes before",
    ),
    "override of an unknown group": (
        lambda d: point(d, "y1").update(overrides=[{"groups": ["nowhere"], "due": 370}]),
        "proms.time_points[y1].overrides[1].groups",
        "not a group of this register",
    ),
    "override that closes before it is due": (
        lambda d: point(d, "y1").update(overrides=[{"groups": ["stenosis"], "closes": 1}]),
        "proms.time_points[y1].overrides[1].closes",
        "before due",
    ),
    "reminder after closing": (
        lambda d: point(d, "y1")["reminders"][0].update(days=300),
        "proms.time_points[y1].reminders[first].days",
        "300 days after invitation is after the window has closed",
    ),
    "asked twice": (
        lambda d: d["proms"]["questionnaires"][2]["time_points"].append("w6"),
        "proms.questionnaires[3]",
        "“metastasis” at “w6” has a questionnaire already (number 2)",
    ),
    "instrument twice at an age": (
        lambda d: d["proms"]["questionnaires"][1]["instruments"].extend(
            [{"code": "eq5dy3l", "ages": "8-15"}, {"code": "eq5dy3l", "ages": "15-"}]
        ),
        "proms.questionnaires[2].instruments",
        "“eq5dy3l” is asked more than once",
    ),
    "ages that end before they begin": (
        lambda d: d["proms"]["questionnaires"][1]["instruments"].append(
            {"code": "eq5dy3l", "ages": "15-8"}
        ),
        "proms.questionnaires[2].instruments[2].ages",
        "the range ends at 8, before it begins at 15",
    ),
    "ages in words": (
        lambda d: d["proms"]["questionnaires"][1]["instruments"].append(
            {"code": "eq5dy3l", "ages": "children"}
        ),
        "proms.questionnaires[2].instruments[2].ages",
        "“children” is not written as it must be",
    ),
    "a guardian without an age": (
        lambda d: (
            d["patients"].update(guardian_until=0),
            d["proms"]["questionnaires"][1]["instruments"].append(
                {"code": "eq5dy3l", "answerer": "guardian"}
            ),
        ),
        "proms.questionnaires[2].instruments[2].answerer",
        "“guardian” is for patients under patients.guardian_until, 0",
    ),
    "a guardian of grown-ups": (
        lambda d: (
            d["patients"].update(guardian_until=16),
            d["proms"]["questionnaires"][1]["instruments"].append(
                {"code": "eq5dy3l", "ages": "16-", "answerer": "both"}
            ),
        ),
        "proms.questionnaires[2].instruments[2].answerer",
        "but the ages begin at 16",
    ),
    "instrument twice in one": (
        lambda d: d["proms"]["questionnaires"][1]["instruments"].append({"code": "eq5d3l"}),
        "proms.questionnaires[2].instruments",
        "“eq5d3l” is asked more than once",
    ),
    "EQ-5D without a value set": (
        lambda d: d["register"].pop("eq5d_value_set"),
        "register.eq5d_value_set",
        "is missing, but EQ-5D-3L is asked",
    ),
    "patient question nobody asks": (
        lambda d: d["proms"]["patient_questions"][0].update(instruments=["odi"]),
        "proms.patient_questions[smoking].instruments",
        "“odi” is not asked by any questionnaire",
    ),
    "ages upside down": (
        lambda d: d["patients"].update(minimum_age=18),
        "patients.maximum_age",
        "18 is not above the minimum age, 18",
    ),
    "referrals without criteria": (
        lambda d: d["referrals"].pop("criteria"),
        "referrals.criteria",
        "must hold something when referrals are enabled",
    ),
    "unknown decision": (
        lambda d: d["referrals"]["decisions"][0].update(key="perhaps"),
        "referrals.decisions[perhaps].key",
        "“perhaps” is not one of",
    ),
    "indicator without what it measures": (
        lambda d: d["reports"]["indicators"][0].pop("time_point"),
        "reports.indicators[preop].time_point",
        "is missing, but the measure completeness needs it",
    ),
    "table of an unknown goal": (
        lambda d: d["reports"]["tables"][0]["columns"][1].update(goal="length"),
        "reports.tables[goals].columns[correction_achieved].goal",
        "there is no goal “length”",
    ),
    "table without row labels": (
        lambda d: d["reports"]["tables"][0]["columns"].pop(0),
        "reports.tables[goals].columns",
        "the first column must have the measure “row”",
    ),
    "published group of nothing": (
        lambda d: d["reports"]["published_groups"][0]["groups"].append("knee"),
        "reports.published_groups[joined].groups",
        "there is no group “knee”",
    ),
}


def test_the_example_is_right():
    assert definition().code == "example"


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_names_key_and_reason(name):
    change, key, reason = FAULTS[name]
    changed = data()
    change(changed)
    found = faults_of(changed)
    assert [fault for fault in found if fault[0] == key and reason in fault[1]], found


def test_every_fault_is_listed_at_once():
    changed = data()
    changed["patients"].update(maximum_age=0)
    changed["procedures"]["groups"][0].update(cohort="thoracic")
    changed["reports"]["published_groups"][0]["groups"] = ["knee"]
    assert len(faults_of(changed)) == 3


def test_a_fault_prints_file_key_and_reason():
    changed = data()
    changed["procedures"]["groups"][0].update(cohort="thoracic")
    with pytest.raises(DefinitionError) as refused:
        parse_definition(changed, file="example.toml")
    assert str(refused.value) == (
        "example.toml: procedures.groups[stenosis].cohort: there is no cohort “thoracic”"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'[register]\ncode = "x\n', "at line 2"),
        (b"[register\n", "at line 1"),
        (b"name = \xe6\n", "is not UTF-8 text (byte 7)"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_as_toml(tmp_path, content, reason):
    path = tmp_path / "wrong.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DefinitionError) as refused:
        read_definition(path)
    (fault,) = refused.value.faults
    assert fault.file == "wrong.toml"
    assert reason in fault.reason


def test_a_file_is_called_as_its_register():
    from registry.registers.loader import DEFINITIONS_DIR

    source = (DEFINITIONS_DIR / "limb_no.toml").read_text(encoding="utf-8")
    assert read_definition(DEFINITIONS_DIR / "limb_no.toml").code == "limb_no"
    assert 'code = "limb_no"' in source


def test_a_misnamed_file_is_refused(tmp_path):
    from registry.registers.loader import DEFINITIONS_DIR

    path = tmp_path / "other.toml"
    path.write_bytes((DEFINITIONS_DIR / "limb_no.toml").read_bytes())
    with pytest.raises(DefinitionError, match=r"register\.code: is “limb_no”, but the file"):
        read_definition(path)


def test_an_upper_app_can_refuse(monkeypatch):
    from registry.registers import loader

    monkeypatch.setattr(loader, "_checks", {})

    def no_such_instrument(checked: RegisterDefinition):
        yield "questionnaires[1].instruments", f"{checked.code}: nobody has written “sf36”"

    register_check("proms", no_such_instrument)
    register_check("proms", no_such_instrument)
    assert faults_of(data()) == [
        ("proms.questionnaires[1].instruments", "example: nobody has written “sf36”")
    ]
    with pytest.raises(ValueError, match="no section"):
        register_check("prom", no_such_instrument)


def shuffled(value):
    """The same content with every table's keys the other way round."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


def test_the_version_is_that_of_the_content():
    before = version_of(definition())
    assert len(before) == 16
    assert version_of(parse_definition(shuffled(data()), file="example.toml")) == before
    changed = data()
    changed["procedures"]["groups"].reverse()
    assert version_of(parse_definition(changed, file="example.toml")) != before
    changed = data()
    changed["register"]["owner"] = "Somebody"
    assert version_of(parse_definition(changed, file="example.toml")) != before


def test_the_version_survives_the_database():
    stored = json.loads(json.dumps(canonical(definition())))
    again = RegisterDefinition.model_validate(stored)
    assert version_of(again) == version_of(definition())
    assert again == definition()


def test_a_default_is_not_part_of_the_version():
    assert "small_number_threshold" not in canonical(definition())["register"]
