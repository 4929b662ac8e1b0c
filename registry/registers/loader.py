"""Read definition files: every fault is found and named with file, key and reason."""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from registry.registers.schema import RegisterDefinition
from registry.registers.schema.checks import cross_check

DEFINITIONS_DIR = Path(__file__).resolve().parent / "definitions"

Check = Callable[[RegisterDefinition], Iterable[tuple[str, str]]]
"""Takes a definition; yields (key path inside the section, reason) for every fault."""

SECTIONS = ("register", "patients", "referrals", "procedures", "proms", "reports")
_checks: dict[tuple[str, str], Check] = {}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in a definition file."""

    file: str
    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.reason}"


class DefinitionError(ValueError):
    """A definition that is refused, with all its faults."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def register_check(section: str, function: Check) -> None:
    """Let an upper app refuse what only it can judge, such as instruments nobody has written.

    Called in ``ready()``. Registering the same function again changes nothing.
    """
    if section not in SECTIONS:
        raise ValueError(f"There is no section [{section}]; known are {', '.join(SECTIONS)}.")
    _checks[section, f"{function.__module__}.{function.__qualname__}"] = function


def definition_files() -> list[Path]:
    """The definition files that come with the program, by name."""
    return sorted(DEFINITIONS_DIR.glob("*.toml"))


def read_definition(path: str | Path) -> RegisterDefinition:
    """The definition in the TOML file at `path`; `DefinitionError` lists every fault found."""
    path = Path(path)
    file = path.name
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DefinitionError([Fault(file, "-", f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 text (byte {error.start})"
        raise DefinitionError([Fault(file, "-", reason)]) from error
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError([Fault(file, "-", f"not TOML: {error}")]) from error
    definition = parse_definition(data, file=file)
    if definition.code != path.stem:
        reason = f"is “{definition.code}”, but the file is called {file}"
        raise DefinitionError([Fault(file, "register.code", reason)])
    return definition


def parse_definition(data: dict[str, Any], *, file: str) -> RegisterDefinition:
    """The definition in `data`, as read from `file`; `DefinitionError` lists every fault."""
    try:
        definition = RegisterDefinition.model_validate(data)
    except ValidationError as error:
        raise DefinitionError(_schema_faults(error, data, file)) from None
    check_definition(definition, file=file)
    return definition


def check_definition(definition: RegisterDefinition, *, file: str) -> None:
    """Check what the parts of a definition say about each other; `DefinitionError` on faults."""
    faults = [Fault(file, key, reason) for key, reason in _cross_faults(definition)]
    if faults:
        raise DefinitionError(faults)


def canonical(definition: RegisterDefinition) -> dict[str, Any]:
    """What the file says, as JSON values: no defaults, so that a new default changes no version."""
    return definition.model_dump(mode="json", by_alias=True, exclude_unset=True)


def version_of(definition: RegisterDefinition) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the canonical JSON.

    Comments, spacing and the order of keys do not matter; the order of lists does.
    """
    text = json.dumps(
        canonical(definition), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def _cross_faults(definition: RegisterDefinition) -> Iterator[tuple[str, str]]:
    yield from cross_check(definition)
    for (section, _name), function in _checks.items():
        for key, reason in function(definition):
            yield (f"{section}.{key}" if key else section), reason


def _schema_faults(error: ValidationError, data: dict[str, Any], file: str) -> list[Fault]:
    return [
        Fault(file, _path(fault["loc"], data), _reason(fault))
        for fault in error.errors(include_url=False)
    ]


def _path(location: tuple[int | str, ...], data: Any) -> str:
    """``procedures.groups[lumbar_stenosis].icd10[2]``: by key where there is one, else from 1."""
    path = ""
    here: Any = data
    for step in location:
        if isinstance(step, int):
            here = here[step] if isinstance(here, list) and step < len(here) else None
            name = here.get("key") or here.get("id") if isinstance(here, dict) else None
            path += f"[{name if isinstance(name, str) else step + 1}]"
        elif isinstance(here, dict):
            here = here.get(step)
            path += f".{step}" if path else step
    return path or "-"


def _reason(fault: Any) -> str:
    """Pydantic's message, in words for somebody who writes TOML."""
    given = fault.get("input")
    match fault["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return f"unknown key{_suggestion(fault['loc'])}"
        case "string_pattern_mismatch":
            return f"“{given}” is not written as it must be ({fault['ctx']['pattern']})"
        case "literal_error":
            return f"“{given}” is not one of {fault['ctx']['expected']}"
        case "value_error":
            return str(fault["ctx"]["error"])
        case _:
            message = fault["msg"][0].lower() + fault["msg"][1:]
            shown = given if isinstance(given, str | int | float | bool) else None
            return message if shown is None else f"{message} (it is {shown!r})"


def _suggestion(location: tuple[int | str, ...]) -> str:
    """“; is `labels` meant?” when a key is nearly right."""
    model = _model_at(location[:-1])
    if model is None:
        return ""
    names = [field.alias or name for name, field in model.model_fields.items()]
    close = difflib.get_close_matches(str(location[-1]), names, n=1)
    hint = f"; is “{close[0]}” meant?" if close else ""
    return f"{hint} (known here: {', '.join(names)})"


def _model_at(location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The schema class that describes the place `location`."""
    model: Any = RegisterDefinition
    for step in location:
        if isinstance(step, int):
            continue
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if step not in fields:
            return None
        model = _part_of(fields[step].annotation)
        if model is None:
            return None
    return model


def _part_of(annotation: Any) -> type[BaseModel] | None:
    """The schema class in an annotation such as ``tuple[Group, ...]`` or ``Text | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _part_of(argument)
        if found is not None:
            return found
    return None
