"""Case files of the limb register, built so that they add up to every published cell.

The annual report 2023 prints consultations and new referrals by region and year, operations and
quality goals by type. This module turns those tables into cases such as a coordinator could have
sent: children, referrals, consultations and operations in four CSV files (columns: README.md
beside this). What print does not say (ages, dates within the year, diagnoses, who came when) is
drawn with a seed; the same seed gives the same files.

        python -m demo.limb_no --output DIR [--seed 2023]
"""

import argparse
import csv
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta
from pathlib import Path

from demo.identities import synthetic_number
from demo.names import invented_name
from demo.published import table

SEED = 2023
YEARS = range(2017, 2024)
REGION_CODES = {
    "Sør-Øst": "no-sor-ost",
    "Vest": "no-vest",
    "Midt-Norge": "no-midt-norge",
    "Nord": "no-nord",
}
UNIT = "ous-rikshospitalet-barneortopedi"
REFERRING_HOSPITALS = {
    "Sør-Øst": "oslo-universitetssykehus",
    "Vest": "haukeland",
    "Midt-Norge": "st-olavs",
    "Nord": "unn",
}
# Children the service knew before the report's first column, per region: 2017 has more
# consultations than its referrals could explain. An assumption; print does not count them.
KNOWN_BEFORE_2017 = {"Sør-Øst": 110, "Vest": 27, "Midt-Norge": 12, "Nord": 13}
# Every n-th referral was refused. An assumption; print counts referrals, not decisions.
REFUSED_EVERY = 24
DIAGNOSES = {
    "limb_shortening": ("Q72.4", "Q72.5", "Q72.6", "Q72.8", "Q72.9"),
    "tibial_pseudarthrosis": ("Q68.4", "Q68.5", "Q68.3"),
    "skeletal_dysplasia": ("Q77.4", "Q77.4", "Q77.8"),
}
CRITERIA = tuple(DIAGNOSES)
CRITERIA_WEIGHTS = (62, 20, 18)
LAST_DAY = date(2023, 12, 29)  # the last working day of the report year

# Procedure as printed: (code of the register definition, youngest, oldest, first month, last
# month, planned lengthening in mm, planned axis correction in degrees).
PROCEDURES = {
    "Hemiepiphysiodesis": ("hemiepiphysiodesis", 6, 14, 1, 11, None, (6, 14)),
    "Lengthening with intramedullary nail": ("lengthening_nail", 10, 17, 1, 6, (30, 65), None),
    "Acute correction with plate": ("acute_correction_plate", 6, 16, 3, 9, None, (12, 28)),
    "Foot correction": ("foot_correction", 3, 15, 2, 8, None, None),
    "Removal of other osteosynthesis material": (
        "removal_osteosynthesis", 5, 16, 1, 10, None, None,
    ),
}  # fmt: skip
# Columns of the goal table and the goals they count.
GOALS = {
    "treatment_completed": "treatment_completed",
    "lengthening_goal": "planned_lengthening_achieved",
    "axis_goal": "planned_axis_correction_achieved",
    "healing_goal": "healing_achieved",
}
DAYS_TO_GOAL = {
    "lengthening_goal": 75,
    "axis_goal": 90,
    "healing_goal": 90,
    "treatment_completed": 120,
}
DAYS_TO_COMPLICATIONS = 42
RESULTS = (
    *(name for goal in GOALS for name in (goal, f"{goal}_on")),
    "complications",
    "complications_assessed_on",
)
# Cases around the demo's day.
RECENT_REFERRALS, RECENT_CONSULTATIONS, RECENT_PLANNED, RECENT_PERFORMED = 14, 24, 12, 10


@dataclass(frozen=True)
class Patient:
    """A child of the register, as one row of patients.csv."""

    identity_number: str
    identity_country: str
    given_name: str
    family_name: str
    birth_date: date
    sex: str
    language: str
    residence_region: str
    residence_from: date


@dataclass(frozen=True)
class Referral:
    """One row of referrals.csv."""

    identity_number: str
    unit: str
    referral_date: date
    residence_region: str
    referring_hospital: str
    criterion: str
    diagnosis: str
    decision: str
    decision_date: date | None


@dataclass(frozen=True)
class Consultation:
    """One row of consultations.csv."""

    identity_number: str
    unit: str
    consultation_date: date
    residence_region: str
    kind: str


@dataclass(frozen=True)
class Operation:
    """One row of operations.csv: planned, or performed on ``operation_date``.

    A goal is None when it was not assessed.
    """

    identity_number: str
    operation_date: date | None
    planned_date: date | None
    unit: str
    residence_region: str
    group: str
    diagnosis: str
    procedure: str
    side: str
    planned_lengthening_mm: int | None
    planned_axis_correction_deg: int | None
    treatment_completed: str | None
    treatment_completed_on: date | None
    lengthening_goal: str | None
    lengthening_goal_on: date | None
    axis_goal: str | None
    axis_goal_on: date | None
    healing_goal: str | None
    healing_goal_on: date | None
    achieved_lengthening_mm: int | None
    achieved_axis_correction_deg: int | None
    complications: str | None
    complications_assessed_on: date | None


@dataclass(frozen=True)
class Cases:
    """Everything that the four files hold, each ordered by date."""

    patients: tuple[Patient, ...]
    referrals: tuple[Referral, ...]
    consultations: tuple[Consultation, ...]
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class _Child:
    """A patient with what decides when the child may be seen."""

    patient: Patient
    region: str
    criterion: str
    diagnosis: str
    known_from: date
    refused: bool

    @property
    def grown_up_on(self) -> date:
        """The eighteenth birthday; 29 February counts as 1 March."""
        birth = self.patient.birth_date
        if (birth.month, birth.day) == (2, 29):
            return date(birth.year + 18, 3, 1)
        return birth.replace(year=birth.year + 18)

    def may_be_seen(self, on: date) -> bool:
        return not self.refused and self.known_from <= on < self.grown_up_on

    def age(self, on: date) -> int:
        birth = self.patient.birth_date
        return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


class _Builder:
    """Draws the cases; holds the random stream and the serial numbers already given."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.children: list[_Child] = []
        self.same_birth: Counter[tuple[date, str]] = Counter()

    def weekday(self, first: date, last: date) -> date:
        """A working day from ``first`` to ``last``; the next one when both are a weekend."""
        day = first + timedelta(days=self.random.randint(0, max(0, (last - first).days)))
        while day.weekday() > 4:
            day -= timedelta(days=1)
        return day if day >= first else first + timedelta(days=(7 - first.weekday()) % 7)

    def visit(self, operated: date, days: int, latest: date) -> date:
        """The working day about ``days`` after the operation, ``latest`` at the latest."""
        return self.working_day(min(operated + timedelta(days=days), latest))

    def child(self, region: str, birth_date: date, known_from: date, *, refused: bool) -> _Child:
        number = len(self.children)
        sex = self.random.choice(("female", "male"))
        given, family = invented_name("NO", sex, number)
        twin = self.same_birth[birth_date, sex]
        self.same_birth[birth_date, sex] += 1
        criterion = self.random.choices(CRITERIA, CRITERIA_WEIGHTS)[0]
        child = _Child(
            patient=Patient(
                identity_number=synthetic_number("NO", birth_date, sex, twin),
                identity_country="NO",
                given_name=given,
                family_name=family,
                birth_date=birth_date,
                sex=sex,
                language="nb",
                residence_region=REGION_CODES[region],
                residence_from=birth_date,
            ),
            region=region,
            criterion=criterion,
            diagnosis=self.random.choice(DIAGNOSES[criterion]),
            known_from=known_from,
            refused=refused,
        )
        self.children.append(child)
        return child

    def known_children(self) -> None:
        """Children known before 2017; one to twelve years old when the report begins."""
        for region, count in KNOWN_BEFORE_2017.items():
            for position in range(count):
                birth = date(2016, 1, 1) - timedelta(
                    days=int(365.25 * 11.5 * (position + self.random.random()) / count)
                )
                self.child(region, birth, date(2016, 12, 31), refused=False)

    def referrals(self) -> list[Referral]:
        found = []
        for row in _cells("limb_no_new_referrals_by_region_year"):
            region, year, count = row
            for _ in range(count):
                day = self.weekday(date(year, 1, 4), date(year, 10, 31))
                months_old = min(self.random.expovariate(1 / 30), 150) + 0.3
                birth = day - timedelta(days=int(months_old * 30.44))
                refused = len(found) % REFUSED_EVERY == REFUSED_EVERY - 1
                child = self.child(region, birth, day, refused=refused)
                found.append(
                    Referral(
                        identity_number=child.patient.identity_number,
                        unit=UNIT,
                        referral_date=day,
                        residence_region=REGION_CODES[region],
                        referring_hospital=REFERRING_HOSPITALS[region],
                        criterion=child.criterion,
                        diagnosis=child.diagnosis,
                        decision="refused" if refused else "accepted",
                        decision_date=self.weekday(
                            day + timedelta(days=3), day + timedelta(days=20)
                        ),
                    )
                )
        return found

    def consultations(self) -> list[Consultation]:
        found = []
        for region, year, count in _cells("limb_no_consultations_by_region_year"):
            days: set[tuple[str, date]] = set()
            first_day, last_day = date(year, 1, 4), date(year, 12, 20)
            here = [c for c in self.children if c.region == region]
            new = [c for c in here if c.known_from.year == year and not c.refused]
            for child in new[:count]:
                day = self.weekday(child.known_from + timedelta(days=21), last_day)
                days.add((child.patient.identity_number, day))
                found.append(_consultation(child, day, "first"))
            known = [c for c in here if c.may_be_seen(first_day)] + new
            while len(days) < count:
                self.random.shuffle(known)
                for child in known:
                    after = max(first_day, child.known_from + timedelta(days=100))
                    until = min(last_day, child.grown_up_on - timedelta(days=3))
                    if len(days) == count or after > until:
                        continue
                    day = self.weekday(after, until)
                    key = (child.patient.identity_number, day)
                    if key not in days and child.may_be_seen(day):
                        days.add(key)
                        kind = self.random.choices(
                            ("follow_up", "telephone", "video"), (86, 9, 5 if year >= 2020 else 0)
                        )[0]
                        found.append(_consultation(child, day, kind))
        return found

    def operations(self) -> list[Operation]:
        goals = {row["procedure"]: row for row in table("limb_no_quality_goals_2023")}
        operated: set[str] = set()
        found = []
        for row in table("limb_no_operations_2023"):
            count = int(row["count"]) if row["procedure"] in PROCEDURES else 0
            for position in range(count):
                found.append(
                    self.operation(row["procedure"], position, goals[row["procedure"]], operated)
                )
        return found

    def operation(
        self, printed: str, position: int, goals: dict[str, str], operated: set[str]
    ) -> Operation:
        _code, _youngest, _oldest, first_month, last_month, *_ = PROCEDURES[printed]
        day = self.weekday(date(2023, first_month, 9), date(2023, last_month, 24))
        results: dict[str, str | date | None] = {}
        for goal, column in GOALS.items():
            if goals[column] != "" and position < int(goals[column]):
                results[goal] = "achieved"
                results[f"{goal}_on"] = self.visit(day, DAYS_TO_GOAL[goal], LAST_DAY)
        if goals["complications"] != "":
            results["complications"] = "none"
            results["complications_assessed_on"] = self.visit(day, DAYS_TO_COMPLICATIONS, LAST_DAY)
        child = self.candidate(printed, day, operated)
        return self.operated(child, printed, operation_date=day, **results)

    def candidate(self, printed: str, day: date, operated: set[str]) -> _Child:
        """A child of the right age, known for two months, who has not been operated on yet."""
        _code, youngest, oldest, *_ = PROCEDURES[printed]
        chosen = self.random.choice(
            [
                child
                for child in self.children
                if child.may_be_seen(day)
                and child.known_from + timedelta(days=60) <= day
                and youngest <= child.age(day) <= oldest
                and child.patient.identity_number not in operated
            ]
        )
        operated.add(chosen.patient.identity_number)
        return chosen

    def operated(
        self,
        child: _Child,
        printed: str,
        *,
        operation_date: date | None = None,
        planned_date: date | None = None,
        **results: str | date | None,
    ) -> Operation:
        """The operation with its plan; ``results`` names what has been assessed."""
        code, _youngest, _oldest, _first, _last, lengthening, axis = PROCEDURES[printed]
        planned_mm = self.random.randint(*lengthening) if lengthening else None
        return Operation(
            identity_number=child.patient.identity_number,
            operation_date=operation_date,
            planned_date=planned_date,
            unit=UNIT,
            residence_region=REGION_CODES[child.region],
            group=child.criterion,
            diagnosis=child.diagnosis,
            procedure=code,
            side=self.random.choice(("left", "right")),
            planned_lengthening_mm=planned_mm,
            planned_axis_correction_deg=self.random.randint(*axis) if axis else None,
            achieved_lengthening_mm=planned_mm if results.get("lengthening_goal") else None,
            achieved_axis_correction_deg=None,
            **{name: results.get(name) for name in RESULTS},
        )

    # --- around the demo's day --------------------------------------------------------------

    def recent_referrals(self, on: date) -> list[Referral]:
        found = []
        for position in range(RECENT_REFERRALS):
            region = self.random.choices(list(REGION_CODES), (56, 22, 13, 9))[0]
            day = self.weekday(on - timedelta(days=40), on - timedelta(days=4))
            birth = day - timedelta(days=self.random.randint(20, 900))
            child = self.child(region, birth, day, refused=False)
            decided = position % 3 == 2
            found.append(
                Referral(
                    identity_number=child.patient.identity_number,
                    unit=UNIT,
                    referral_date=day,
                    residence_region=REGION_CODES[region],
                    referring_hospital=REFERRING_HOSPITALS[region],
                    criterion=child.criterion,
                    diagnosis=child.diagnosis,
                    decision="accepted" if decided else "pending",
                    decision_date=self.weekday(day + timedelta(days=1), on) if decided else None,
                )
            )
        return found

    def recent_consultations(self, on: date, children: list[_Child]) -> list[Consultation]:
        day = on - timedelta(days=60)
        known = [child for child in children if child.may_be_seen(day) and child.may_be_seen(on)]
        return [
            _consultation(child, self.weekday(day, on - timedelta(days=1)), "follow_up")
            for child in self.random.sample(known, RECENT_CONSULTATIONS)
        ]

    def recent_operations(self, on: date) -> list[Operation]:
        operated: set[str] = set()
        found = []
        names = list(PROCEDURES)
        for position in range(RECENT_PLANNED):
            printed = names[position % len(names)]
            day = self.working_day(on + timedelta(days=4 + position * 7))
            child = self.candidate(printed, on, operated)
            found.append(self.operated(child, printed, planned_date=day))
        for position in range(RECENT_PERFORMED):
            printed = names[position % len(names)]
            day = self.working_day(on - timedelta(days=5 + position * 17))
            child = self.candidate(printed, day, operated)
            looked = on - day > timedelta(days=60)
            results = (
                {
                    "complications": "none",
                    "complications_assessed_on": self.visit(day, DAYS_TO_COMPLICATIONS, on),
                }
                if looked
                else {}
            )
            found.append(self.operated(child, printed, operation_date=day, **results))
        return found

    def working_day(self, day: date) -> date:
        """The day, or the Friday before a weekend."""
        return day - timedelta(days=max(0, day.weekday() - 4))


def construct(seed: int = SEED) -> Cases:
    """Return cases that add up to the published tables; the same seed gives the same cases."""
    return _history(_Builder(seed))


def recent(on: date, seed: int = SEED) -> Cases:
    """Return some sixty cases around the day ``on``, to be loaded after those of ``construct``.

    New children are referred, known ones are seen, planned for surgery and operated on.
    """
    builder = _Builder(seed)
    _history(builder)
    known = list(builder.children)
    builder.random = random.Random(f"{seed} {on}")
    operations = builder.recent_operations(on)
    consultations = builder.recent_consultations(on, known)
    referrals = builder.recent_referrals(on)
    return _cases(builder.children[len(known) :], referrals, consultations, operations)


def _history(builder: _Builder) -> Cases:
    builder.known_children()
    referrals = builder.referrals()
    consultations = builder.consultations()
    operations = builder.operations()
    return _cases(builder.children, referrals, consultations, operations)


def _cases(
    children: list[_Child],
    referrals: list[Referral],
    consultations: list[Consultation],
    operations: list[Operation],
) -> Cases:
    return Cases(
        patients=tuple(child.patient for child in children),
        referrals=tuple(sorted(referrals, key=lambda r: (r.referral_date, r.identity_number))),
        consultations=tuple(
            sorted(consultations, key=lambda c: (c.consultation_date, c.identity_number))
        ),
        operations=tuple(
            sorted(
                operations,
                key=lambda o: (o.operation_date or o.planned_date or date.max, o.identity_number),
            )
        ),
    )


def write_files(cases: Cases, folder: Path) -> dict[str, Path]:
    """Write the four files into ``folder`` (made when missing) and return them by entity."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for field in fields(cases):
        rows = getattr(cases, field.name)
        written[field.name] = path = folder / f"{field.name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [f.name for f in fields(rows[0])], lineterminator="\n")
            writer.writeheader()
            writer.writerows(asdict(row) for row in rows)
    return written


def _consultation(child: _Child, day: date, kind: str) -> Consultation:
    return Consultation(
        identity_number=child.patient.identity_number,
        unit=UNIT,
        consultation_date=day,
        residence_region=REGION_CODES[child.region],
        kind=kind,
    )


def _cells(name: str) -> Iterable[tuple[str, int, int]]:
    """The cells of a region × year table: (region, year, count), without its totals."""
    for row in table(name):
        if row["region"] in REGION_CODES:
            for year in YEARS:
                yield row["region"], year, int(row[str(year)])


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> None:
    """Write the files from the command line."""
    parser = argparse.ArgumentParser(description="Write the case files of the limb register.")
    parser.add_argument("--output", type=Path, required=True, help="folder for the files")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    for path in write_files(construct(options.seed), options.output).values():
        say(str(path))


if __name__ == "__main__":
    main()
