"""The people of the demo. `load_demo` makes them; `run_demo` prints them."""

from dataclasses import dataclass

from registry.accounts.models import Role

# Printed on the screen and good for nothing but the demo, which production does not install.
PASSWORD = "demo-registry-2024"


@dataclass(frozen=True)
class DemoAccount:
    """A person who can log in: one role in one register, at one unit or in all of it."""

    email: str
    first_name: str
    last_name: str
    role: str
    register: str
    language: str

    @property
    def at_unit(self) -> bool:
        """Whether the role holds at one unit only; load_demo chooses which. A coordinator
        here has the whole register, as somebody who writes the annual report does.
        """
        return self.role == Role.CLINICIAN


ACCOUNTS = (
    DemoAccount("clinician@danespine.example", "Karen", "Holm", Role.CLINICIAN, "danespine", "da"),
    DemoAccount(
        "coordinator@danespine.example", "Jens", "Lund", Role.COORDINATOR, "danespine", "da"
    ),
    DemoAccount(
        "administrator@danespine.example", "Mette", "Krogh", Role.ADMINISTRATOR, "danespine", "en"
    ),
    DemoAccount(
        "reader@danespine.example", "Erik", "Dahl", Role.NATIONAL_READER, "danespine", "sv"
    ),
    DemoAccount("clinician@limb-no.example", "Ingrid", "Berg", Role.CLINICIAN, "limb_no", "nb"),
    DemoAccount("coordinator@limb-no.example", "Ola", "Nes", Role.COORDINATOR, "limb_no", "nb"),
    DemoAccount(
        "administrator@limb-no.example", "Kari", "Vik", Role.ADMINISTRATOR, "limb_no", "nb"
    ),
    DemoAccount("reader@limb-no.example", "Astrid", "Lie", Role.NATIONAL_READER, "limb_no", "en"),
)
