"""One page with a question as HTML, rendered once and kept for every patient who sees it so.

What a question page shows depends on the plan, the language and the answer given, not on who is
asked. Only two texts on it belong to one patient, both of them secrets of the browser: they are put
in their places after rendering, so that a kept page holds none.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation

from proms.questionnaire import Form, Page
from registry.core.choices import Language
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for

# Drawn at every start, so that nothing a patient or a definition says can be taken for them.
_FORGERY_TOKEN = f"token{secrets.token_hex(16)}"
_FINGERPRINT = f"form{secrets.token_hex(16)}"
PAGES_KEPT = 4096  # some 3 kB each


@dataclass(frozen=True, slots=True)
class QuestionPage:
    """A page of a form as one patient sees it: all that decides its HTML, and so its key."""

    form: Form
    page: Page
    values: tuple[str, ...]
    position: int
    count: int
    register_code: str
    definition_version: str
    languages: tuple[str, ...]
    by_guardian: bool

    def html(
        self, *, forgery_token: str, fingerprint: str, wrong: Mapping[str, str] | None = None
    ) -> str:
        """Return the page for one browser. ``wrong``: item code to what is wrong, or ""."""
        rendered = _render(self, wrong) if wrong else _rendered(self)
        return rendered.replace(_FORGERY_TOKEN, forgery_token).replace(_FINGERPRINT, fingerprint)


def who_asks(definition: RegisterDefinition, language: str) -> dict[str, Any]:
    """Return what every page says of the register that asks."""
    return {
        "sender": definition.about.short_name,
        "register": definition.about.names.in_language(language),
        "reply_to": definition.about.sender.reply_to,
    }


def language_choices(codes: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return code and own name of languages, in the order in which they are always shown."""
    return [(code, name) for code, name in Language.choices if code in codes]


@lru_cache(maxsize=PAGES_KEPT)
def _rendered(shown: QuestionPage) -> str:
    return _render(shown, None)


def _render(shown: QuestionPage, wrong: Mapping[str, str] | None) -> str:
    page, language = shown.page, shown.form.language
    wrong = wrong or {}
    rows = [
        {
            "code": row.code,
            "item": row.item,
            "words": row.words,
            "value": value,
            "wrong": row.code in wrong,
            "error": wrong.get(row.code, ""),
        }
        for row, value in zip(page.rows, shown.values, strict=True)
    ]
    with translation.override(language):
        return render_to_string(
            "proms/answer/question.html",
            {
                **who_asks(definition_for(shown.register_code, shown.definition_version), language),
                "languages": language_choices(shown.languages),
                "language": language,
                "csrf_token": _FORGERY_TOKEN,
                "fingerprint": _FINGERPRINT,
                "by_guardian": shown.by_guardian,
                "page": page,
                "rows": rows,
                "position": shown.position,
                "count": shown.count,
                "wrong": bool(wrong),
                "unanswered": bool(wrong) and not any(wrong.values()),
            },
        )
