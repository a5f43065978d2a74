"""Each language of ``locale/`` has a translation of every text, and its compiled form."""

from __future__ import annotations

import re
from collections import Counter
from gettext import GNUTranslations
from pathlib import Path

import django
import pytest
from django.urls import reverse
from django.utils import translation

from tests import translations
from tests.translations import LANGUAGES, LOCALE, Text

COMMAND = "run: python -m tests.accept_translations"

#: Parts that a translation must keep: placeholders, tags, names of code, and numbers.
KEPT = re.compile(r"%\(\w+\)[sd]|%%|\{\w*\}|<[^>]+>|(?a:\b[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+\b|\d+)")

TEXTS = translations.texts()


def compiled(path):
    with path.open("rb") as file:
        return GNUTranslations(file)


def test_the_languages():
    assert set(LANGUAGES) == {"ar", "de", "es", "hi", "pt_BR"}


def test_texts_of_all_kinds_are_known():
    assert {
        Text("", "request", ""),
        Text("", "a list of rows", ""),
        Text("", "No, take me back", ""),
        Text("", "without a code", ""),
        Text("", "%(days)s day", "%(days)s days"),
        Text("", "%(count)d more", "%(count)d more"),
    } <= TEXTS


@pytest.mark.parametrize("language", LANGUAGES)
class TestLanguage:
    def test_has_the_texts_of_the_code(self, language):
        known = set(translations.catalog(language))
        assert TEXTS - known == set(), f"{language} lacks texts; {COMMAND}, then translate them"
        assert known - TEXTS == set(), f"{language} has texts that the code has not; {COMMAND}"

    def test_translates_each(self, language):
        forms = int(re.search(r"nplurals=(\d)", translations.header(language))[1])
        entries = translations.catalog(language).items()
        missing = {
            text.singular
            for text, translated in entries
            if len(translated) != (forms if text.plural else 1) or not all(translated)
        }
        assert missing == set(), f"translate these in locale/{language}, then {COMMAND}"

    def test_has_no_guesses_and_no_old_texts(self, language):
        source = (LOCALE / language / "LC_MESSAGES" / "django.po").read_text("utf-8")
        assert re.findall(r"(?m)^(?:#~|#,.*fuzzy).*", source) == []

    def test_keeps_placeholders_and_names(self, language):
        for text, forms in translations.catalog(language).items():
            kept = Counter(KEPT.findall(text.plural or text.singular))
            assert Counter(KEPT.findall(forms[-1])) == kept, text.singular
            # "One request" needs no count.
            assert all(Counter(KEPT.findall(form)) <= kept for form in forms), text.singular

    def test_tells_the_same_numbers_apart_as_django(self, language):
        folder = Path(django.__file__).parent / "conf" / "locale" / language / "LC_MESSAGES"
        ours = compiled(LOCALE / language / "LC_MESSAGES" / "django.mo")
        theirs = compiled(folder / "django.mo")
        pairs = {(ours.plural(number), theirs.plural(number)) for number in range(1000)}
        assert len(pairs) == len({pair[0] for pair in pairs}) == len({pair[1] for pair in pairs})

    def test_differs_from_no_app_of_django(self, language):
        """An app that is installed before this one would translate the text of both."""
        ours = compiled(LOCALE / language / "LC_MESSAGES" / "django.mo")._catalog
        theirs: Counter[str] = Counter()
        contrib = Path(django.__file__).parent / "contrib"
        for path in contrib.glob(f"*/locale/{language}/LC_MESSAGES/django.mo"):
            texts = compiled(path)._catalog
            theirs.update(
                text for text in texts if text and ours.get(text, texts[text]) != texts[text]
            )
        assert not theirs, "give these texts a context, or the other translation"

    def test_is_compiled(self, language):
        expected = {}
        for text, forms in translations.catalog(language).items():
            key = f"{text.context}\x04{text.singular}" if text.context else text.singular
            if text.plural:
                expected |= {(key, number): form for number, form in enumerate(forms)}
            else:
                expected[key] = forms[0]
        path = LOCALE / language / "LC_MESSAGES" / "django.mo"
        catalog = {key: value for key, value in compiled(path)._catalog.items() if key}
        assert catalog == expected, f"{path.name} is old; {COMMAND}"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "direction", "title"),
    [
        ("ar", "rtl", "نظرة عامة"),
        ("de", "ltr", "Übersicht"),
        ("es-mx", "ltr", "Resumen"),
        ("hi", "ltr", "सारांश"),
        ("pt-br", "ltr", "Visão geral"),
    ],
)
def test_the_overview(root, language, direction, title):
    with translation.override(language):
        page = root.get(reverse("admin:app_list", args=["pickyassist_webhooks"])).content.decode()
    assert f'dir="{direction}"' in page
    assert title in page
