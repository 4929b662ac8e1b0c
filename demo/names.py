"""Invented names for synthetic people. The surnames say that nobody is meant."""

GIVEN_NAMES = {
    "NO": {
        "female": ("Astrid", "Dagny", "Eldbjørg", "Frøya", "Gunnhild", "Idun", "Liv", "Ragna",
                   "Sigrun", "Solveig", "Torunn", "Åse"),
        "male": ("Arvid", "Brage", "Eirik", "Geir", "Håvard", "Leif", "Odd", "Runar", "Sverre",
                 "Trygve", "Vetle", "Øyvind"),
    },
    "DK": {
        "female": ("Agnes", "Birthe", "Dagmar", "Ellen", "Gerda", "Inger", "Karen", "Lærke",
                   "Mette", "Rigmor", "Signe", "Tove"),
        "male": ("Aksel", "Bent", "Erling", "Frode", "Gunnar", "Holger", "Jens", "Kaj", "Niels",
                 "Poul", "Søren", "Verner"),
    },
}  # fmt: skip
FAMILY_NAMES = {
    "NO": ("Demoberg", "Eksempelstad", "Fiktivsen", "Ingensteds", "Liksomdal", "Oppdiktet",
           "Prøvebakken", "Syntetisen", "Testelund", "Tulleseter"),
    "DK": ("Demogaard", "Eksempelsen", "Fiktivholm", "Ingensteds", "Opdigtet", "Prøvebæk",
           "Syntetisen", "Testrup", "Tænktesen", "Øvelund"),
}  # fmt: skip


def invented_name(country: str, sex: str, number: int) -> tuple[str, str]:
    """Return a given and a family name for the ``number``-th person of a country (NO, DK) and sex.

    Neighbouring numbers get different names; the pairs repeat after given × family names.
    """
    given = GIVEN_NAMES[country][sex]
    family = FAMILY_NAMES[country]
    return given[number % len(given)], family[(number // len(given) + number) % len(family)]
