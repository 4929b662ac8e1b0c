"""A small definition that uses every section: the tests change one thing in it at a time."""

import copy
from typing import Any

from registry.registers.loader import parse_definition
from registry.registers.schema import RegisterDefinition


def text(words: str) -> dict[str, str]:
    """The same words in the four languages."""
    return {"nb": words, "da": words, "sv": words, "en": words}


def data() -> dict[str, Any]:
    """A right definition, as TOML would give it."""
    return copy.deepcopy(EXAMPLE)


def definition() -> RegisterDefinition:
    """The same, parsed."""
    return parse_definition(data(), file="example.toml")


def named(entries: list[dict[str, Any]], key: str) -> dict[str, Any]:
    """The entry with that key or id."""
    return next(entry for entry in entries if key in {entry.get("key"), entry.get("id")})


EXAMPLE: dict[str, Any] = {
    "register": {
        "code": "example",
        "names": {"nb": "Eksempel", "da": "Eksempel", "sv": "Exempel", "en": "Example"},
        "short_name": "Example",
        "country": "DK",
        "owner": "Nobody",
        "start_date": "2020-01-01",
        "region_basis": "unit",
        "languages": ["da", "en"],
        "sender": {"name": "Example"},
        "export": {"pseudonym_prefix": "EX"},
        "eq5d_value_set": "dk",
    },
    "patients": {"consent": "opt_out", "minimum_age": 0, "maximum_age": 18},
    "referrals": {
        "enabled": True,
        "criteria": [{"key": "any", "labels": text("Any"), "icd10": ["Q72.-"]}],
        "decisions": [{"key": "accepted", "labels": text("Accepted")}],
        "consultation_kinds": [{"key": "first", "labels": text("First")}],
    },
    "procedures": {
        "cohorts": [{"key": "lumbar", "labels": text("Lumbar")}],
        "level_sets": [{"key": "segments", "levels": ["L3-L4", "L4-L5"]}],
        "groups": [
            {
                "key": "stenosis",
                "labels": text("Stenosis"),
                "cohort": "lumbar",
                "icd10": ["M48.0"],
                "levels": "required",
                "level_set": "segments",
            },
            {"key": "metastasis", "labels": text("Metastasis"), "icd10": ["C79.5", "M48"]},
        ],
        "procedure_types": [
            {"key": "decompression", "labels": text("Decompression"), "ncsp": ["ABC56"]},
            {"key": "fusion", "labels": text("Fusion"), "groups": ["stenosis"]},
        ],
        "complications": [{"key": "tear", "labels": text("Tear"), "phase": "during"}],
        "variables": [
            {
                "key": "asa",
                "labels": text("ASA class"),
                "type": "choice",
                "section": "operation",
                "required": "submit",
                "options": [{"key": k, "labels": text(k)} for k in ("1", "2", "3")],
            },
            {
                "key": "minutes",
                "labels": text("Duration"),
                "type": "integer",
                "section": "operation",
                "unit": "min",
                "min": 1,
                "max": 1440,
            },
            {
                "key": "implant",
                "labels": text("Implant"),
                "type": "boolean",
                "section": "operation",
            },
            {
                "key": "implant_types",
                "labels": text("Type of implant"),
                "type": "choices",
                "section": "operation",
                "required_when": {"variable": "implant", "equals": True},
                "options": [{"key": k, "labels": text(k)} for k in ("screw", "cage", "plate")],
            },
            {
                "key": "angle",
                "labels": text("Angle"),
                "type": "decimal",
                "section": "plan",
                "unit": "°",
                "min": 0,
                "max": 90,
                "procedure_types": ["fusion"],
            },
            {
                "key": "achieved_angle",
                "labels": text("Achieved angle"),
                "type": "decimal",
                "section": "result",
            },
            {
                "key": "healed_on",
                "labels": text("Healed"),
                "type": "date",
                "section": "result",
                "min": "2020-01-01",
            },
            {
                "key": "remark",
                "labels": text("Remark"),
                "type": "text",
                "section": "result",
                "max_length": 10,
            },
            {
                "key": "karnofsky",
                "labels": text("Karnofsky"),
                "type": "integer",
                "section": "operation",
                "groups": ["metastasis"],
            },
        ],
        "goals": [
            {
                "key": "correction",
                "labels": text("Correction"),
                "planned_variable": "angle",
                "procedure_types": ["fusion"],
            }
        ],
        "warnings": [{"variable": "minutes", "min": 10, "max": 600}],
    },
    "proms": {
        "time_points": [
            {
                "key": "y1",
                "labels": text("1 year"),
                "opens": 335,
                "due": 365,
                "closes": 545,
                "reminders": [{"key": "first", "after": "invitation", "days": 14}],
            },
            {
                "key": "before",
                "labels": text("Before"),
                "opens": -60,
                "due": -7,
                "closes": 0,
                "grace_days": 14,
            },
            {"key": "w6", "labels": text("6 weeks"), "opens": 35, "due": 42, "closes": 90},
        ],
        "questionnaires": [
            {
                "groups": ["stenosis"],
                "time_points": ["before", "y1"],
                "instruments": [
                    {"code": "patient_baseline"},
                    {"code": "eq5d3l"},
                    {"code": "sf36", "status": "planned"},
                ],
            },
            {
                "groups": ["metastasis"],
                "time_points": ["before", "w6"],
                "instruments": [{"code": "eq5d3l"}],
            },
            {
                "groups": ["metastasis"],
                "time_points": ["y1"],
                "instruments": [{"code": "sf36", "status": "planned"}],
            },
        ],
        "patient_questions": [
            {"key": "smoking", "instruments": ["patient_baseline"], "item": "smoking"}
        ],
    },
    "reports": {
        "indicators": [
            {
                "key": "preop",
                "labels": text("Before"),
                "measure": "completeness",
                "time_point": "before",
                "numerator": text("Answered"),
                "denominator": text("Operated"),
                "why_it_matters": text("Because"),
                "direction": "higher",
                "author": "Nobody",
                "next_review": "2030-01-01",
            }
        ],
        "tables": [
            {
                "id": "goals",
                "labels": text("Goals"),
                "kind": "goals_by_type",
                "columns": [
                    {"key": "procedure", "measure": "row", "labels": text("Procedure")},
                    {
                        "key": "correction_achieved",
                        "measure": "goal",
                        "goal": "correction",
                        "labels": text("Correction"),
                    },
                ],
            }
        ],
        "benchmarks": [{"groups": ["stenosis"], "scales": ["odi", "eq5d3l_index"]}],
        "relevant_changes": [
            {"scale": "odi", "change": 12.8},
            {"scale": "odi", "change": 10, "groups": ["metastasis"]},
        ],
        "published_groups": [
            {"key": "joined", "labels": text("Joined"), "groups": ["stenosis", "metastasis"]}
        ],
    },
}
