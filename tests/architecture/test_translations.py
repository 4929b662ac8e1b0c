"""Every text that a user reads is there in every language."""

from pathlib import Path

import pytest

from registry.core import translations

PROJECT = Path(__file__).resolve().parents[2]
HOMES = translations.homes(PROJECT)


@pytest.mark.parametrize("language", ["nb", "da", "sv"])
@pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
def test_every_text_is_translated(home, language):
    path = translations.catalog_path(home, language)
    catalog = translations.read_catalog(path, language)
    wrong = []
    for text in translations.texts(home):
        reason = translations.untranslated(catalog.get(text.text, context=text.context or None))
        if reason:
            wrong.append(f"{text.where}: {text.text!r} {reason}")
    assert not wrong, f"{path.relative_to(PROJECT)} (`make fix` brings new texts in):\n" + (
        "\n".join(wrong)
    )


@pytest.mark.parametrize("language", ["nb", "da", "sv"])
def test_a_text_says_the_same_in_every_app(language):
    """Django merges the catalogs: of two translations of one text only one would be seen."""
    said: dict[tuple[object, object], dict[str, set[str]]] = {}
    for home in HOMES:
        for message in translations.read_catalog(
            translations.catalog_path(home, language), language
        ):
            if message.id and not translations.untranslated(message):
                words = said.setdefault((message.id, message.context), {})
                words.setdefault(str(message.string), set()).add(home.name)
    differing = {key: words for key, words in said.items() if len(words) > 1}
    assert not differing, "give one of them a context (pgettext)"


@pytest.fixture
def package(tmp_path):
    (tmp_path / "views.py").write_text(
        "from django.utils.translation import gettext as _, ngettext, pgettext\n"
        '_("Save")\nngettext("%(n)s day", "%(n)s days", 3)\npgettext("spine", "Level")\n'
        '_("Two " "parts")\n',
        encoding="utf-8",
    )
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text(
        '{% load i18n %}<p title="{% translate \'Open\' %}">{{ _("Close") }}\n'
        "   {% blocktranslate trimmed with name=x %}\n  Hello {{ name }}, it's\n  late\n"
        "{% endblocktranslate %}\n {% blocktranslate count n=n %}one{% plural %}{{ n }} of them"
        "{% endblocktranslate %} unindented {",
        encoding="utf-8",
    )
    return tmp_path


def test_texts_are_found_in_python_and_templates(package):
    assert {(text.context, text.message_id) for text in translations.texts(package)} == {
        ("", "Save"),
        ("", "Two parts"),
        ("", ("%(n)s day", "%(n)s days")),
        ("spine", "Level"),
        ("", "Open"),
        ("", "Close"),
        ("", "Hello %(name)s, it's late"),
        ("", ("one", "%(n)s of them")),
    }


def test_update_keeps_translations_and_changes_nothing_the_second_time(package):
    path = translations.catalog_path(package, "nb")
    assert translations.update_catalog(package, "nb") == 8
    path.write_text(
        path.read_text("utf-8").replace('msgid "Save"\nmsgstr ""', 'msgid "Save"\nmsgstr "Lagre"'),
        encoding="utf-8",
    )
    assert translations.update_catalog(package, "nb") == 7
    once = path.read_bytes()
    assert b'msgstr "Lagre"' in once
    translations.update_catalog(package, "nb")
    assert path.read_bytes() == once


def test_a_translation_with_another_placeholder_is_found():
    catalog = translations.Catalog(locale="nb")
    catalog.add("Hello %(name)s", "Hei %(navn)s")
    assert "placeholders" in translations.untranslated(catalog.get("Hello %(name)s"))
    catalog.add(("%(n)s day", "%(n)s days"), ("Én dag", "%(n)s dager"))
    assert translations.untranslated(catalog.get("%(n)s day")) == ""
