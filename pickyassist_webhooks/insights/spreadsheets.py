"""Rows for people who open them in a spreadsheet program: labels, local times and named columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from tempfile import TemporaryFile
from typing import Any

from django.utils import timezone
from django.utils.formats import get_format
from django.utils.text import capfirst
from django.utils.translation import gettext

from ..choices import CHANNELS
from ..models.moments import in_utc
from ..models.numbers import CountryField
from ..parsing.characters import visible_lines
from .country_names import NAMES
from .error_codes import CODES, explained
from .export import Values, csv_line, inert

HAS_XLSX = find_spec("xlsxwriter") is not None

#: Bytes of a workbook that are sent at once.
_CHUNK = 64 * 1024

#: Excel's rows of one sheet, with the head, and its characters of one cell.
MAX_ROWS = 1_048_576
_MAX_CELL = 32_767

#: Texts that a spreadsheet program may take for a number, a date or a time, such as 007, 2026-11,
#: 12E45, 1 May, 12%, (5) and +1 555. Excel's texts in this notation have at most 255 characters.
_LIKE_A_NUMBER = re.compile(
    r"(?=[^0-9]*[0-9])"
    r"(?:[0-9A-Za-z.][0-9A-Za-z.,:/+-]{0,254}"
    r"|[0-9A-Za-z.$][0-9A-Za-z.,:/ %$-]{0,39}"
    r"|\([0-9.,]{1,40}\)"
    r"|\+[0-9][0-9 ()./-]{0,39})",
    re.ASCII,
)

#: Excel reads a file as UTF-8 only if it begins with this.
_BYTE_ORDER_MARK = "\ufeff"


def sheet_csv_lines(fields: Sequence[Any], rows: Values) -> Iterator[str]:
    """Yield the lines of a CSV file that Excel and LibreOffice show as intended.

    The separator is a semicolon in languages with a decimal comma, as their Excel expects.
    """
    separator = ";" if get_format("DECIMAL_SEPARATOR") == "," else ","
    mark = _BYTE_ORDER_MARK
    for cells in _table(fields, rows):
        yield mark + csv_line(map(_text, cells), separator)
        mark = ""


def xlsx_chunks(fields: Sequence[Any], rows: Values) -> Iterator[bytes]:
    """Yield the bytes of an Excel workbook. Needs the extra ``[xlsx]``."""
    with TemporaryFile() as file:
        _write_book(file, _table(fields, rows))
        file.seek(0)
        while chunk := file.read(_CHUNK):
            yield chunk


def _write_book(file: Any, table: Iterator[list[Any]]) -> None:
    """Write a workbook, with a further sheet if one is full."""
    import xlsxwriter

    options = {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"}
    with xlsxwriter.Workbook(file, options) as book:
        titles = next(table)
        sheet, number = _sheet(book, titles), 1
        for cells in table:
            if number == MAX_ROWS:
                sheet, number = _sheet(book, titles), 1
            for column, cell in enumerate(cells):
                _write(sheet, number, column, cell)
            number += 1


def _sheet(book: Any, titles: list[str]) -> Any:
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(titles) - 1, 20)
    sheet.write_row(0, 0, titles, book.add_format({"bold": True}))
    return sheet


def _write(sheet: Any, number: int, column: int, cell: Any) -> None:
    if isinstance(cell, datetime):
        sheet.write_datetime(number, column, cell)
    elif isinstance(cell, int):
        sheet.write_number(number, column, cell)
    elif cell:
        # Never as a formula or a link, and digits stay text.
        sheet.write_string(number, column, cell[:_MAX_CELL])


def _table(fields: Sequence[Any], rows: Values) -> Iterator[list[Any]]:
    """Yield the titles of the columns, then the cells of each row."""
    yield [_title(field) for field in fields]
    labels = [_labels(field) for field in fields]
    for values in rows:
        yield [_cell(value, of) for value, of in zip(values, labels, strict=True)]


def _title(field: Any) -> str:
    title = capfirst(str(field.verbose_name))
    if field.get_internal_type() == "DateTimeField":
        return f"{title} ({timezone.get_current_timezone_name()})"
    return title


def _labels(field: Any) -> Mapping[Any, Any]:
    """Return the labels of a column's values."""
    if isinstance(field, CountryField):
        return NAMES
    if field.name == "channel":
        return {code: f"{code} ({label})" for code, label in CHANNELS.items()}
    if field.name == "error_code":
        return {code: f"{code}: {explained(code)}" for code in CODES}
    return dict(field.flatchoices)


def _cell(value: Any, labels: Mapping[Any, Any]) -> Any:
    """Return a text, a whole number that Excel shows exactly, or a local time."""
    if labels and value in labels:
        return str(labels[value])
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, datetime):
        local = timezone.localtime(in_utc(value))
        return local.replace(tzinfo=None, microsecond=0)
    if isinstance(value, int) and abs(value) < 10**15:
        return value
    return visible_lines(_plain(value))


def _plain(value: Any) -> str:
    """Return the text of a value: each entry of a list on a line, and objects without brackets.

    An object in an object stays JSON.
    """
    if isinstance(value, list):
        return "\n".join(map(_plain, value))
    if isinstance(value, dict):
        # PostgreSQL has an order of its own.
        return ", ".join(f"{name}: {_inner(each)}" for name, each in sorted(value.items()))
    return "" if value is None else str(value)


def _inner(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return _plain(value)


def _text(cell: Any) -> str:
    """Return a cell of a CSV file."""
    if not isinstance(cell, str):
        return str(cell)
    # Excel would round a number of 16 digits, drop a zero at its beginning, and make a date of
    # 2026-11. In this notation both programs show the text.
    return f'="{cell}"' if _LIKE_A_NUMBER.fullmatch(cell) else inert(cell)
