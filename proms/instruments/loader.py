"""Reads the instrument files beside it, once.

`definitions/<code>.toml` is the current version of an instrument. When a published version is
corrected, the file before is kept as `definitions/<code>.<version>.toml`, so that old answers
are still read and scored as they were.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import ValidationError

from proms.instruments.schema import Instrument

DEFINITIONS = Path(__file__).parent / "definitions"


class InstrumentError(ValueError):
    """An instrument file is wrong; the message names file, key and reason."""


class UnknownInstrument(LookupError):
    """No such instrument, or not in that version."""


def instrument(code: str, version: str | None = None) -> Instrument:
    """The instrument `code`, in the current or the given version.

    Raises UnknownInstrument, whose message lists what there is.
    """
    library = _load(DEFINITIONS)
    try:
        return library.versions[code, version or library.current[code]]
    except KeyError:
        known = ", ".join(sorted(library.current))
        what = f"{code} {version}" if version else code
        raise UnknownInstrument(f"unknown instrument “{what}”; known are {known}") from None


def instruments() -> Mapping[str, Instrument]:
    """Every instrument in its current version, by code."""
    library = _load(DEFINITIONS)
    return MappingProxyType({key[0]: library.versions[key] for key in library.current.items()})


def read_instrument(path: Path) -> Instrument:
    """One instrument file. Raises InstrumentError that names file, key and reason."""
    data = _toml(path)
    if isinstance(data.get("items_of"), str):
        # The same questions scored in another way: written down once.
        asked = _toml(path.parent / f"{data['items_of']}.toml")
        for key in ("items", "stems", "option_sets"):
            if key in asked:
                data.setdefault(key, asked[key])
    try:
        return Instrument.model_validate(data)
    except ValidationError as error:
        lines = [
            f"{path.name}: {'.'.join(str(part) for part in problem['loc']) or 'file'}: "
            f"{problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        ]
        raise InstrumentError("\n".join(lines)) from error


def _toml(path: Path) -> dict[str, Any]:
    try:
        # Numbers stay decimal, so that a value set means exactly what is printed.
        return tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InstrumentError(f"{path.name}: {error}") from error
    except FileNotFoundError as error:
        raise InstrumentError(f"{path.name}: there is no such file") from error


class _Library(NamedTuple):
    versions: Mapping[tuple[str, str], Instrument]
    current: Mapping[str, str]


@cache
def _load(folder: Path) -> _Library:
    held: dict[tuple[str, str], Instrument] = {}
    current: dict[str, str] = {}
    for path in sorted(folder.glob("*.toml")):
        read = read_instrument(path)
        if path.stem not in {read.code, f"{read.code}.{read.version}"}:
            raise InstrumentError(f"{path.name}: holds {read.code} {read.version}; rename the file")
        if (read.code, read.version) in held:
            raise InstrumentError(f"{path.name}: {read.code} {read.version} is in two files")
        held[read.code, read.version] = read
        if path.stem == read.code:
            current[read.code] = read.version
    whole = {key: _with_parts(read, held, current) for key, read in held.items()}
    return _Library(whole, current)


def _with_parts(
    whole: Instrument, held: Mapping[tuple[str, str], Instrument], current: Mapping[str, str]
) -> Instrument:
    """A collection with the items and scales of its parts in their current version."""
    if not whole.parts:
        return whole
    unknown = set(whole.parts) - set(current)
    if unknown:
        raise InstrumentError(f"{whole.code}.toml: parts: unknown {', '.join(sorted(unknown))}")
    parts = [held[code, current[code]] for code in whole.parts]
    return whole.model_copy(
        update={
            "items": tuple(item for part in parts for item in part.items),
            "scales": tuple(scale for part in parts for scale in part.scales),
        }
    )
