"""The interface's texts: found in the code, kept in .po files, compiled to what gettext reads.

gettext's own programs are not needed: Babel reads and writes the catalogs. Every app keeps the
translations of its own texts; the packages of the ground floor share `registry/locale`.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po, write_po
from django.utils.translation.template import templatize

SOURCE_LANGUAGE = "en"

# Function name → what its first text arguments are.
_KEYWORDS: dict[str, tuple[str, ...]] = {
    name: roles
    for names, roles in (
        (("_", "gettext", "gettext_lazy", "gettext_noop"), ("text",)),
        (("ngettext", "ngettext_lazy"), ("text", "plural")),
        (("pgettext", "pgettext_lazy"), ("context", "text")),
        (("npgettext", "npgettext_lazy"), ("context", "text", "plural")),
    )
    for name in names
}
_LITERAL = r"""u?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
# What Django's templatize writes for a translated text; all else of the template is blanked out.
_TEMPLATE_CALL = re.compile(
    rf"(?<!\w)(?:_|gettext|ngettext|pgettext|npgettext)"
    rf"\(\s*{_LITERAL}(?:\s*,\s*{_LITERAL})*\s*(?:,\s*count)?\s*\)",
    re.DOTALL,
)
_PLACEHOLDER = re.compile(r"%\(\w+\)[sdif]|%[sdif]|\{\w*\}")
# No dates and no names of people: a catalog changes only when a text does.
_HEADER = """msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

"""


class TranslationError(ValueError):
    """A catalog or a source file cannot be read; the message names it."""


@dataclass(frozen=True)
class Text:
    """A text of the interface, in English."""

    text: str
    plural: str = ""
    context: str = ""
    where: str = ""

    @property
    def message_id(self) -> str | tuple[str, str]:
        """The text as Babel's catalogs know it."""
        return (self.text, self.plural) if self.plural else self.text


def homes(project: Path) -> list[Path]:
    """The packages that keep a catalog: the ground floor and every app above it."""
    return [
        project / "registry",
        *sorted(file.parent for file in project.glob("*/apps.py")),
    ]


def catalog_path(home: Path, language: str) -> Path:
    """Where the translations of a package into a language are kept."""
    return home / "locale" / language / "LC_MESSAGES" / "django.po"


def texts(home: Path) -> list[Text]:
    """Every text of a package that is marked for translation, once, in order of the text.

    Raises:
        TranslationError: a template or a Python file cannot be read.
    """
    found: dict[tuple[str, str], Text] = {}
    for file in sorted(home.rglob("*.py")):
        if "migrations" not in file.parts:
            for text in _texts_of_python(file.read_text("utf-8"), str(file.relative_to(home))):
                _keep(found, text)
    for pattern in ("*.html", "*.txt"):
        for file in sorted(home.rglob(pattern)):
            if "templates" in file.parts:
                for text in _texts_of_template(
                    file.read_text("utf-8"), str(file.relative_to(home))
                ):
                    _keep(found, text)
    return [found[key] for key in sorted(found)]


def _keep(found: dict[tuple[str, str], Text], text: Text) -> None:
    """Keep a text once; where one use has a plural, that one."""
    key = (text.text, text.context)
    if text.text and (key not in found or (text.plural and not found[key].plural)):
        found[key] = text


def _texts_of_python(source: str, where: str) -> Iterator[Text]:
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise TranslationError(f"{where}: {error}") from error
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        roles = _KEYWORDS.get(name, ())
        values = [
            argument.value
            for argument in node.args[: len(roles)]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        ]
        if roles and len(values) == len(roles):
            yield Text(**dict(zip(roles, values, strict=True)), where=f"{where}:{node.lineno}")


def _texts_of_template(source: str, where: str) -> Iterator[Text]:
    try:
        calls = templatize(source, origin=where)
    except SyntaxError as error:
        raise TranslationError(f"{where}: {error}") from error
    for call in _TEMPLATE_CALL.finditer(calls):
        yield from _texts_of_python(call.group(), where)


def read_catalog(path: Path, language: str) -> Catalog:
    """Read a catalog; an empty one when there is no file yet.

    Raises:
        TranslationError: the file is no valid catalog.
    """
    if not path.exists():
        return Catalog(locale=language)
    try:
        with path.open("rb") as file:
            return read_po(file, locale=language, abort_invalid=True)
    except PoFileError as error:
        raise TranslationError(f"{path}: {error}") from error


def update_catalog(home: Path, language: str) -> int:
    """Bring the texts of a package into its catalog; return how many lack a translation.

    Translations are kept; texts that are gone from the code go from the catalog too.
    """
    path = catalog_path(home, language)
    before = read_catalog(path, language)
    after = Catalog(locale=language)
    missing = 0
    for text in texts(home):
        known = before.get(text.text, context=text.context or None)
        message = after.add(
            text.message_id,
            string=_kept_translation(known, text),
            context=text.context or None,
            user_comments=known.user_comments if known else (),
        )
        missing += bool(untranslated(message))
    if len(after) or path.exists():
        written = io.BytesIO()
        write_po(written, after, width=0, no_location=True, omit_header=True, sort_output=True)
        content = _HEADER.format(language=language).encode() + written.getvalue().strip() + b"\n"
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return missing


def _kept_translation(known: Message | None, text: Text) -> str | tuple[str, ...]:
    empty: str | tuple[str, ...] = ("", "") if text.plural else ""
    if known is None or known.fuzzy:
        return empty
    return known.string if isinstance(known.string, tuple) == bool(text.plural) else empty


def untranslated(message: Message | None) -> str:
    """Why a message counts as not translated; empty when it is."""
    if message is None:
        return "is not in the catalog"
    if message.fuzzy:
        return "is marked fuzzy"
    strings = message.string if isinstance(message.string, tuple) else (message.string,)
    if not all(strings):
        return "has an empty translation"
    originals = message.id if isinstance(message.id, tuple) else (message.id,)
    wanted = placeholders(originals[-1])
    # A singular may leave its number out: "one day".
    for translated in strings[-1:] if len(strings) > 1 else strings:
        if placeholders(translated) != wanted:
            return f"has other placeholders than {sorted(wanted)}"
    if not set().union(*map(placeholders, strings)) <= set().union(*map(placeholders, originals)):
        return "has a placeholder that the text does not fill"
    return ""


def placeholders(text: str) -> frozenset[str]:
    """The parts of a text that are filled in: %(name)s, %s, {name}."""
    return frozenset(_PLACEHOLDER.findall(text.replace("%%", "")))


def compile_catalog(path: Path) -> bool:
    """Compile a .po file beside itself unless that is newer; return whether it was done.

    Raises:
        TranslationError: the file is no valid catalog.
    """
    compiled = path.with_suffix(".mo")
    if compiled.exists() and compiled.stat().st_mtime_ns >= path.stat().st_mtime_ns:
        return False
    catalog = read_catalog(path, path.parts[-3])
    # Written aside and moved: a server that starts meanwhile must not read half a file.
    draft = compiled.with_suffix(".new")
    with draft.open("wb") as file:
        write_mo(file, catalog)
    draft.replace(compiled)
    return True
