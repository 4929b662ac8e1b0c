"""Names in the order of the Nordic alphabets, which the database does not know."""

from registry.core.alphabet import sort_key


def in_order(names, language):
    return sorted(names, key=lambda name: sort_key(name, language))


def test_danish_and_norwegian_end_with_ae_oe_aa():
    names = ["Ærø", "Østfold", "Zealand", "Ålesund", "Aarhus", "aCure", "Bergen"]
    told = ["aCure", "Bergen", "Zealand", "Ærø", "Østfold", "Ålesund", "Aarhus"]
    assert in_order(names, "da") == in_order(names, "nb") == told


def test_swedish_ends_with_aa_ae_oe():
    assert in_order(["Örebro", "Ängelholm", "Åmål", "Zinkgruvan", "Aalborg"], "sv") == [
        "Aalborg",
        "Zinkgruvan",
        "Åmål",
        "Ängelholm",
        "Örebro",
    ]


def test_foreign_letters_stand_with_their_like():
    assert in_order(["Ödeshög", "Øksnes", "Åre"], "da")[-1] == "Åre"
