"""The texts of the code, and their translations, read without the programs of GNU gettext."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from django.utils.translation import templatize

import pickyassist_webhooks
from pickyassist_webhooks.inbox import worker
from pickyassist_webhooks.parsing import (
    chat,
    decoding,
    event_types,
    forms,
    literals,
    multipart,
    payloads,
    values,
)

PACKAGE = Path(pickyassist_webhooks.__file__).parent
LOCALE = PACKAGE / "locale"
LANGUAGES = sorted(path.name for path in LOCALE.iterdir())

#: A call in a template, as Django rewrites it for xgettext.
_CALL = re.compile(
    r"""\b(?:n?p?gettext|_)\((?:u?'(?:\\.|[^'\\])*'|u?"(?:\\.|[^"\\])*"|count|[,\s])*\)"""
)
_NAME = re.compile(r"(?P<plural>n?)(?P<context>p?)gettext(?:_lazy|_noop)?")


#: The modules with expectations of values, and those of their functions and classes whose last
#: argument is one. Pages translate them.
MODULES_OF_PROBLEMS = (
    *(values, event_types, payloads, chat, decoding, literals, forms, multipart),
    worker,
)
EXPECTING = {"InvalidPayload", "Problem", "UnreadablePayload", "missing", "warn"}


class Text(NamedTuple):
    context: str
    singular: str
    plural: str


def texts() -> set[Text]:
    """Return all texts that the code translates."""
    found = {Text("", expectation, "") for expectation in expectations()}
    for path in sorted(PACKAGE.rglob("*.py")):
        found |= set(_texts(path.read_text("utf-8")))
    for path in sorted(PACKAGE.rglob("*.html")):
        for call in _CALL.findall(templatize(path.read_text("utf-8"))):
            found |= set(_texts(call.strip()))
    return found


def _texts(source: str) -> Iterator[Text]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            kind = _NAME.fullmatch("gettext" if node.func.id == "_" else node.func.id)
            if kind and isinstance(node.args[0], ast.Constant):
                values = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                context = values.pop(0) if kind["context"] else ""
                yield Text(context, values[0], values[1] if kind["plural"] else "")


def expectations() -> set[str]:
    """Return the texts of the parser that pages translate: the parser itself translates nothing."""
    found = {expected for _, _, expected in event_types.FOREIGN} | {payloads._EVENT_IDS}
    for module in MODULES_OF_PROBLEMS:
        for node in ast.walk(ast.parse(Path(module.__file__).read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in EXPECTING:
                found |= _values(node.args[-1], module)
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "expected":
                found |= _values(node.value, module)
    return found


def _values(node: ast.expr, module: ModuleType) -> set[str]:
    """Return the text of an expression of a module, one for each kind if it contains a kind."""
    if not isinstance(node, ast.Constant | ast.JoinedStr):
        return set()
    code = compile(ast.Expression(node), module.__file__, "eval")
    return {
        eval(code, vars(module) | {"event_type": event_type})  # noqa: S307 -- our own source
        for event_type in (event_types.EVENT_TYPES if "event_type" in code.co_names else [None])
    }


def catalog(language: str) -> dict[Text, list[str]]:
    """Return the translations of a language: a list of the forms of each text."""
    return {text: forms for text, forms in _entries(language) if text.singular}


def header(language: str) -> str:
    """Return the header of a catalog, with the rule of its plural forms."""
    return next(forms[0] for text, forms in _entries(language) if not text.singular)


def _entries(language: str) -> Iterator[tuple[Text, list[str]]]:
    path = LOCALE / language / "LC_MESSAGES" / "django.po"
    for block in path.read_text("utf-8").split("\n\n"):
        parts: dict[str, str] = {}
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if not line.startswith('"'):
                keyword, _, line = line.partition(" ")
                parts[keyword] = ""
            parts[keyword] += ast.literal_eval(line)
        forms = [value for name, value in parts.items() if name.startswith("msgstr")]
        names = ("msgctxt", "msgid", "msgid_plural")
        yield Text(*(parts.get(name, "") for name in names)), forms
