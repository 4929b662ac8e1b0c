"""Correcting what a patient has answered."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from proms.actions import LONGEST_REASON
from proms.questionnaire import Form, Row, WrongAnswer


class AnswerField(forms.CharField):
    """A question with one number as its answer; left empty, there is none."""

    def __init__(self, row: Row, **options: Any) -> None:
        self.row = row
        super().__init__(required=False, max_length=6, **options)

    def clean(self, value: Any) -> float | int | None:
        """Return the answer. Raises ValidationError when the question does not allow it."""
        try:
            return self.row.read(super().clean(value))
        except WrongAnswer:
            raise forms.ValidationError(_("This is not an answer to the question.")) from None


class OptionsInLanguage(forms.Select):
    """A list whose options are in the language of the form, but for the empty one."""

    def __init__(self, language: str, choices: Iterable[tuple[Any, str]]) -> None:
        super().__init__(choices=choices)
        self.language = language

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Say in which language the option is."""
        option = super().create_option(*args, **kwargs)
        if option["value"] != "":
            option["attrs"]["lang"] = self.language
        return option


class CorrectionForm(forms.Form):
    """Every question of a response with the answer that counts now, and the reason for changing."""

    response = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label=gettext_lazy("Reason for the correction"),
        max_length=LONGEST_REASON,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Do not write names or identity numbers."),
    )

    def __init__(
        self, data: Any, *, form: Form, answers: Mapping[str, float | None], response_id: int
    ) -> None:
        initial = {code: "" if value is None else value for code, value in answers.items()}
        super().__init__(data, initial={**initial, "response": response_id})
        self._answers, self._asked = answers, form
        for row in form.items.values():
            self.fields[row.code] = _field(row, answers.get(row.code), form.language)
        self.order_fields([*form.items, "reason", "response"])

    @property
    def sections(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The questions by instrument, with its title."""
        found: dict[str, tuple[str, list[forms.BoundField]]] = {}
        for page in self._asked.pages:
            _title, fields = found.setdefault(page.instrument, (page.title, []))
            fields += [self[code] for code in page.codes]
        return list(found.values())

    def clean(self) -> dict[str, Any]:
        """Look for a change: without one there is nothing to correct."""
        cleaned = super().clean()
        if not self.errors and not self.changed_answers(cleaned):
            raise forms.ValidationError(_("No answer is changed."))
        return cleaned

    def changed_answers(
        self, cleaned: Mapping[str, Any] | None = None
    ) -> dict[str, float | int | None]:
        """The answers that are to be others than they are."""
        values = self.cleaned_data if cleaned is None else cleaned
        return {
            code: values[code]
            for code in self._asked.items
            if code in values and values[code] != self._answers.get(code)
        }


def _field(row: Row, value: float | None, language: str) -> AnswerField:
    item, words = row.item, row.words
    widget: forms.Widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    if item.type == "choice":
        widget = OptionsInLanguage(language, [("", _("Not answered")), *words.options])
    answered = words.label(value)
    now = (
        format_html('<span lang="{}">{}</span>', language, answered)
        if answered
        else _("not answered")
    )
    return AnswerField(
        row,
        label=words.question,
        widget=widget,
        help_text=format_html(_("Now: {answer}"), answer=now),
    )
