"""What every part of a register definition is made of: strict models, texts, keys, codes."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from django.utils.translation import get_language
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Language = Literal["nb", "da", "sv", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
"""A stable name used in records, files and addresses; never shown to a user."""

RegisterCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]

ICD10_PATTERN = r"^[A-TV-Z][0-9][0-9AB](\.(-|[0-9][0-9A-Z]?))?$"
Icd10Pattern = Annotated[str, StringConstraints(pattern=ICD10_PATTERN)]
"""An ICD-10 code, a category (``M48``) or a category with all below it (``Q72.-``)."""

NCSP_PATTERN = r"^[A-Z]{3}[0-9]{2}[A-Z]?$"
NcspCode = Annotated[str, StringConstraints(pattern=NCSP_PATTERN)]
"""A procedure code of the NOMESCO Classification of Surgical Procedures (``ABC56``)."""

NonEmpty = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]
"""A proportion from 0 to 1."""

Need = Literal["none", "optional", "required"]
RegionBasis = Literal["unit", "residence"]


class Part(BaseModel):
    """Base of every part of a definition: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Text(Part):
    """A text in the four languages, all of which must be written."""

    nb: NonEmpty
    da: NonEmpty
    sv: NonEmpty
    en: NonEmpty

    def in_language(self, code: str) -> str:
        """The text in language `code` (``nb``, ``da-dk`` …); English for a language not held."""
        short = code.split("-")[0].split("_")[0].lower()
        if short in {"no", "nn"}:
            short = "nb"
        return getattr(self, short) if short in LANGUAGES else self.en

    def __str__(self) -> str:
        """The text in the language active now, so that a template can print a label as it is."""
        return self.in_language(get_language() or "en")


def icd10_matches(pattern: str, code: str) -> bool:
    """Whether ICD-10 `code` is `pattern` or stands below it; dots and case do not matter.

    A Danish SKS code (``DM480``) is read without its leading D when the rest is a code.
    """
    wanted = pattern.upper().replace(".-", "").replace(".", "")
    given = code.strip().upper().replace(".", "")
    return given.startswith(wanted) or (
        len(given) > 3 and given[0] == "D" and given[1].isalpha() and given[1:].startswith(wanted)
    )
