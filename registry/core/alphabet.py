"""The order of names in the Nordic languages, for databases that have no Nordic collation."""

_LAST_LETTERS = {"sv": "åäö"}
_DANISH_AND_NORWEGIAN = "æøå"
_SAME_LETTER = str.maketrans("äöéèüáà", "æøeeyaa")
_SAME_LETTER_SWEDISH = str.maketrans("æøéèüáà", "äöeeyaa")


def sort_key(text: str, language: str = "da") -> str:
    """Return what to sort ``text`` by: after z come æ ø å, in Swedish å ä ö; case does not matter.

    In Danish and Norwegian names aa is an old å and stands there (Aarhus after Silkeborg).
    """
    folded = text.casefold()
    if language.startswith("sv"):
        folded, last = folded.translate(_SAME_LETTER_SWEDISH), _LAST_LETTERS["sv"]
    else:
        folded = folded.translate(_SAME_LETTER).replace("aa", "å")
        last = _DANISH_AND_NORWEGIAN
    return "".join(
        chr(ord("z") + 1 + last.index(letter)) if letter in last else letter for letter in folded
    )
