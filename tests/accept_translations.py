"""``python -m tests.accept_translations``: bring the translations up to date with the code.

New texts are added without a translation, old ones leave, and all are compiled. It needs the
programs of GNU gettext.
"""

import os
import re

import django
from django.core.management import call_command
from django.core.management.commands import makemessages

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from tests.translations import LANGUAGES, LOCALE, catalog, expectations  # noqa: E402 - after django.setup()


class MakeMessages(makemessages.Command):
    # A guess from a similar text looks like a translation.
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching"]


os.chdir(LOCALE.parent)
options = {"no_location": True, "no_obsolete": True, "no_wrap": True, "verbosity": 0}
# The texts of the parser, in a module that the program reads.
of_parser = LOCALE.parent / "admin" / "expectations.py"
of_parser.write_text("".join(f"_({text!r})\n" for text in sorted(expectations())), "utf-8")
try:
    call_command(MakeMessages(), all=True, **options)
finally:
    of_parser.unlink()
for language in LANGUAGES:
    path = LOCALE / language / "LC_MESSAGES" / "django.po"
    # A date in each file would make every two branches conflict.
    text = re.sub(r'"(?:POT|PO|Report|Last)-.*\n', "", path.read_text("utf-8"))
    path.write_text(text[text.index("msgid") :], "utf-8", newline="\n")
    missing = [text.singular for text, forms in catalog(language).items() if not all(forms)]
    print(
        f"{path.relative_to(LOCALE.parent.parent)}: {len(missing)} without a translation",
        *missing,
        sep="\n  ",
    )
call_command("compilemessages", verbosity=0)
