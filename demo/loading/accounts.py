"""The people who can log in to the demo, see demo.accounts."""

from datetime import date

from demo.accounts import ACCOUNTS, PASSWORD
from registry.accounts.actions import assign_role
from registry.accounts.models import User
from registry.units.models import Unit

UNIT_OF_REGISTER = {
    "danespine": "glostrup-rygkirurgi",
    "limb_no": "ous-rikshospitalet-barneortopedi",
}
ROLES_SINCE = date(2016, 1, 1)


def make_accounts(register_code: str) -> None:
    """Make the demo's accounts of a register that are not there yet, with their roles."""
    for account in ACCOUNTS:
        if account.register != register_code or User.objects.filter(email=account.email).exists():
            continue
        user = User.objects.create_user(
            account.email,
            PASSWORD,
            first_name=account.first_name,
            last_name=account.last_name,
            language=account.language,
        )
        assign_role(
            user=user,
            role=account.role,
            register_code=account.register,
            unit=Unit.objects.get(code=UNIT_OF_REGISTER[register_code])
            if account.at_unit
            else None,
            valid_from=ROLES_SINCE,
        )
