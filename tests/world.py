"""A small world made through the apps' actions: a patient in each register, one of everything.

Tests that walk over every address stand on it: who may open what, and what each page looks like.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.utils import timezone

from demo.identities import synthetic_number
from patients.actions import register_patient
from patients.models import Membership
from procedures.actions import plan_operation, register_performed_operation
from proms.actions import invite_due, save_answers, submit
from proms.links import token_for
from proms.models import Invitation
from proms.questionnaire import form_for
from referrals.actions import record_consultation, refer
from registry.accounts.actions import assign_role
from registry.accounts.models import Role, User
from registry.accounts.selectors import viewer_for
from registry.jobs import importing
from registry.jobs.actions import finish, start_job
from registry.jobs.models import Job
from registry.jobs.runners import Outcome
from registry.registers.selectors import units_of
from registry.units.models import HealthRegion

# Who looks. "Own" is the unit that treats the patients of this world.
ROLES = (
    "anonymous",
    "nobody",  # logged in, no role
    "own",  # clinician of the own unit
    "elsewhere",  # clinician of another unit
    "unit_coord",  # coordinator of the own unit
    "coord",  # coordinator of the whole register
    "admin",  # register administrator
    "reader",  # national reader
    "stranger",  # administrator of another register
)
BIRTH_DATE = date(1961, 4, 12)
CHILD = date(2014, 6, 3)
PASSWORD = "correct horse battery"
CASES = b"patient;received_on;criterion\n"


@dataclass(frozen=True, slots=True)
class RegisterWorld:
    """One register: its people by role, and the ids that addresses need."""

    code: str
    people: Mapping[str, User]
    ids: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class World:
    """Both registers; ``invitation`` is the one the patient of danespine holds."""

    danespine: RegisterWorld
    limb_no: RegisterWorld
    invitation: Invitation

    @property
    def token(self) -> str:
        """The token of the patient's link."""
        return token_for(self.invitation.pk, self.invitation.generation)


def build_world(*, on: date) -> World:
    """Make the world as it is on a day."""
    danespine = _spine(_people("danespine", "limb_no", on=on), on)
    limb_no = _limb(_people("limb_no", "danespine", on=on), on)
    answered = _answered(danespine, on)
    invite_due(now=_morning(on))
    danespine.ids["answered"] = _answer(answered, on)
    invitation = Invitation.objects.get(membership_id=danespine.ids["membership"])
    danespine.ids["invitation"] = invitation.pk
    return World(danespine, limb_no, invitation)


def _people(register: str, other: str, *, on: date) -> dict[str, User]:
    units = units_of(register)
    roles = {
        "nobody": None,
        "own": (Role.CLINICIAN, register, units[0]),
        "elsewhere": (Role.CLINICIAN, register, units[1]),
        "unit_coord": (Role.COORDINATOR, register, units[0]),
        "coord": (Role.COORDINATOR, register, None),
        "admin": (Role.ADMINISTRATOR, register, None),
        "reader": (Role.NATIONAL_READER, register, None),
        "stranger": (Role.ADMINISTRATOR, other, None),
    }
    people = {}
    for name, held in roles.items():
        user = User.objects.create_user(
            f"{name}@{register.replace('_', '-')}.example",
            PASSWORD,
            first_name=name.replace("_", " ").title(),
            last_name="Prøvesen",
            language="da",
        )
        if held is not None:
            role, code, unit = held
            assign_role(
                user=user, role=role, register_code=code, unit=unit, valid_from=date(2020, 1, 1)
            )
        people[name] = user
    return people


def _spine(people: dict[str, User], on: date) -> RegisterWorld:
    unit, clinician = units_of("danespine")[0], viewer_for(people["own"], on=on)
    member = register_patient(
        by=clinician,
        register_code="danespine",
        unit=unit,
        number=synthetic_number("DK", BIRTH_DATE, "female", 7),
        country="DK",
        given_name="Karen",
        surname="Kjærgaard-Vestergaard",
        email="karen@patient.example",
        language="da",
        on=on,
    )
    planned = plan_operation(
        by=clinician,
        membership=member,
        unit=unit,
        group="lumbar_stenosis",
        planned_on=on + timedelta(days=10),
        on=on,
    )
    performed = register_performed_operation(
        by=clinician,
        membership=member,
        unit=unit,
        group="lumbar_stenosis",
        diagnosis="M48.0",
        levels=("L4-L5",),
        procedures=(("decompression", "ABC36"),),
        details={"asa_class": "2", "previous_surgery_level": False},
        performed_on=on - timedelta(days=400),
        on=on,
    )
    preview, done = _jobs("danespine", people["coord"], "operations", on)
    return RegisterWorld(
        "danespine",
        people,
        {
            "register": "danespine",
            "membership": member.pk,
            "operation": planned.pk,
            "performed": performed.pk,
            "job": done,
            "preview": preview,
            "assignment_id": people["own"].assignments.get().pk,
            "year": on.year - 1,
        },
    )


def _answered(danespine: RegisterWorld, on: date) -> Membership:
    """A patient of the own unit who was operated a year ago, and is to answer."""
    unit, clinician = units_of("danespine")[0], viewer_for(danespine.people["own"], on=on)
    member = register_patient(
        by=clinician,
        register_code="danespine",
        unit=unit,
        number=synthetic_number("DK", BIRTH_DATE, "female", 8),
        country="DK",
        given_name="Maren",
        surname="Svarsen",
        email="maren@patient.example",
        language="da",
        on=on,
    )
    register_performed_operation(
        by=clinician,
        membership=member,
        unit=unit,
        group="metastasis",
        diagnosis="C79.5",
        levels=("L4",),
        procedures=(("decompression", "ABC36"),),
        details={"asa_class": "2", "previous_surgery_level": False},
        performed_on=on - timedelta(days=42),
        on=on,
    )
    return member


def _answer(member: Membership, on: date) -> int:
    """The first option, or the least number, of every question; sent. Return the invitation."""
    invitation = Invitation.objects.get(membership=member)
    answers = {
        code: row.item.values[0] if row.item.values else int(row.item.minimum)
        for code, row in form_for(invitation.plan, "da").items.items()
    }
    now = _morning(on)
    save_answers(invitation_id=invitation.pk, answers=answers, language="da", now=now)
    submit(invitation_id=invitation.pk, now=now)
    return invitation.pk


def _limb(people: dict[str, User], on: date) -> RegisterWorld:
    unit, clinician = units_of("limb_no")[0], viewer_for(people["own"], on=on)
    member = register_patient(
        by=clinician,
        register_code="limb_no",
        unit=unit,
        number=synthetic_number("NO", CHILD, "male", 7),
        country="NO",
        given_name="Ola",
        surname="Nordmann",
        region=HealthRegion.objects.get(code="no-vest"),
        residence_from=CHILD,
        on=on,
    )
    referral = refer(
        by=clinician,
        membership=member,
        unit=unit,
        received_on=on - timedelta(days=30),
        criterion="limb_shortening",
        diagnosis="Q72.4",
        on=on,
    )
    consultation = record_consultation(
        by=clinician,
        membership=member,
        unit=unit,
        held_on=on - timedelta(days=5),
        kind="first",
        on=on,
    )
    preview, done = _jobs("limb_no", people["coord"], "referrals", on)
    return RegisterWorld(
        "limb_no",
        people,
        {
            "register": "limb_no",
            "membership": member.pk,
            "referral": referral.pk,
            "consultation": consultation.pk,
            "job": done,
            "preview": preview,
            "year": on.year - 1,
            "table": "complications",
        },
    )


def _jobs(register: str, coordinator: User, kind: str, on: date) -> tuple[UUID, UUID]:
    """A file that waits for confirmation, and an export that is done; both the coordinator's."""
    viewer = viewer_for(coordinator, on=on)
    preview = start_job(
        by=viewer,
        kind=importing.KIND,
        register_code=register,
        parameters=importing.parameters(kind, "cases.csv", None, 0),
        content=CASES,
        confirmed=False,
    )
    done = start_job(
        by=viewer,
        kind=importing.KIND,
        register_code=register,
        parameters=importing.parameters(kind, "cases.csv", None, 1),
    )
    finish(
        job=Job.objects.get(pk=done.pk),
        outcome=Outcome({"rows": 1}, "report.csv", b"a;b\n"),
        now=_morning(on),
    )
    return preview.pk, done.pk


def _morning(on: date) -> datetime:
    return timezone.make_aware(datetime.combine(on, time(9)))
