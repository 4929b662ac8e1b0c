"""Who may do what: one table of roles and permissions, and the viewer that carries them.

*Whether* somebody may ever do a thing is decided here; *when* it may be done (states, dates) is
decided in each app's ``policies.py``.
"""

from dataclasses import dataclass
from enum import StrEnum

from registry.accounts.models import Role


class Permission(StrEnum):
    """What can be allowed. Each name is a sentence: may … ."""

    SEE_PATIENTS = "see_patients"
    REGISTER = "register"  # patients, referrals, consultations, operations
    FOLLOW_UP = "follow_up"  # worklists, reminders, answers by telephone
    SEE_REPORTS = "see_reports"  # aggregates under disclosure control
    EXPORT = "export"  # pseudonymous rows
    IMPORT = "import"  # files of cases
    ADMINISTER = "administer"  # definitions, users, publications


PERMISSIONS_OF_ROLE: dict[str, frozenset[Permission]] = {
    Role.CLINICIAN: frozenset(
        {
            Permission.SEE_PATIENTS,
            Permission.REGISTER,
            Permission.FOLLOW_UP,
            Permission.SEE_REPORTS,
        }
    ),
    Role.COORDINATOR: frozenset(
        {
            Permission.SEE_PATIENTS,
            Permission.REGISTER,
            Permission.FOLLOW_UP,
            Permission.SEE_REPORTS,
            Permission.EXPORT,
            Permission.IMPORT,
        }
    ),
    Role.ADMINISTRATOR: frozenset(Permission),
    Role.NATIONAL_READER: frozenset({Permission.SEE_REPORTS}),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """One role in force: in a register, at a unit or (``unit_id`` None) in the whole register."""

    role: str
    register_code: str
    unit_id: int | None


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is looking, with the roles in force on the day. Every selector takes one."""

    user_id: int | None
    grants: tuple[Grant, ...] = ()
    label: str = ""

    def register_codes(self, permission: Permission) -> frozenset[str]:
        """Return the registers in which the viewer holds ``permission`` somewhere."""
        return frozenset(g.register_code for g in self._granting(permission))

    def whole_register(self, permission: Permission, register_code: str) -> bool:
        """Say whether ``permission`` holds for every unit of the register."""
        return any(
            g.unit_id is None
            for g in self._granting(permission)
            if g.register_code == register_code
        )

    def unit_ids(self, permission: Permission, register_code: str) -> frozenset[int]:
        """Return the units named in grants of ``permission`` (empty also when all are meant)."""
        return frozenset(
            g.unit_id
            for g in self._granting(permission)
            if g.register_code == register_code and g.unit_id is not None
        )

    def may(self, permission: Permission, register_code: str, unit_id: int | None = None) -> bool:
        """Say whether the viewer holds ``permission`` in the register, at the unit if one is given.

        Without ``unit_id``: anywhere in the register.
        """
        return any(
            g.register_code == register_code
            and (unit_id is None or g.unit_id is None or g.unit_id == unit_id)
            for g in self._granting(permission)
        )

    def _granting(self, permission: Permission) -> list[Grant]:
        return [g for g in self.grants if permission in PERMISSIONS_OF_ROLE[g.role]]


NOBODY = Viewer(user_id=None, label="nobody")
