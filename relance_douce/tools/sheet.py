"""Tables that people give us as files: decoding, separators, dates, amounts, safe cells.

Pure Python. What cannot be read raises :class:`SheetError` with a code; the words are the
caller's.
"""

import csv
import io
import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

SEPARATORS = ";,\t"
#: what a spreadsheet takes for the beginning of a formula
FORMULA = "=+-@\t\r"
#: also behind blanks and apostrophes, so that :func:`plain` knows its own apostrophe
_RISKY = re.compile(r"['\s]*[=+@-]|'*[\t\r]")
_FRENCH = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})(?:[ T]+[\d:.]+)?")
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[ T]+[\d:.]+Z?)?")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
#: letters that are not made of one with a mark
_LIGATURES = str.maketrans({"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "ß": "ss", "’": "'", "ʼ": "'"})


class SheetError(ValueError):
    """A file or a cell that cannot be read; ``code`` says why."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def fold(text):
    """``text`` without case, accents, and differences of spaces: for comparing words."""
    text = unicodedata.normalize("NFKD", str(text or "").translate(_LIGATURES))
    text = "".join(char for char in text if not unicodedata.combining(char))
    return " ".join(text.casefold().split())


# -- files --------------------------------------------------------------------------------
def decode(content):
    """The text of a file, whatever program saved it.

    UTF-8 with or without mark, UTF-16, Windows-1252 and Latin-9 are told apart by what their
    bytes can mean: nobody is asked for an encoding.

    :raise SheetError: ``empty``, or ``encoding`` for what is no text
    """
    if not content or not content.strip():
        raise SheetError("empty")
    try:
        return content.decode(_encoding(content)).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise SheetError("encoding") from None


def _is_utf8(content):
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _encoding(content):
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in content:
        # without a mark: the zeros of Latin letters lie on one side
        even, odd = content[::2].count(0), content[1::2].count(0)
        if max(even, odd) * 4 > len(content) // 2 and min(even, odd) * 10 < max(even, odd):
            return "utf-16-le" if odd > even else "utf-16-be"
        raise SheetError("encoding")
    if _is_utf8(content):
        return "utf-8"
    if any(0x80 <= byte < 0xA0 for byte in content):
        return "cp1252"
    # where both have a letter or a sign, € Š Ž Œ Ÿ are what people write, not ¤ ¦ ´ ¼ ¾
    return "iso8859-15" if set(content) & set(b"\xa4\xa6\xa8\xb4\xb8\xbc\xbd\xbe") else "cp1252"


def read(content, known):
    """Rows of a CSV or XLSX file.

    :param known: function of a heading that says whether it is one of those expected; the
        separator is the one that makes most of them
    :return: list of (number as a spreadsheet counts, list of str), without blank rows
    :raise SheetError: ``empty``, ``encoding``, ``quotes``, ``workbook`` or ``format``
    """
    if content and content.startswith(b"PK"):
        rows = _read_workbook(content)
    elif content and content.startswith(b"\xd0\xcf\x11\xe0"):
        raise SheetError("format")
    else:
        rows = _read_text(decode(content), known)
    rows = [(number, cells) for number, cells in rows if any(cell.strip() for cell in cells)]
    if not rows:
        raise SheetError("empty")
    return rows


def _read_text(text, known):
    first, _newline, rest = text.partition("\n")
    hint = re.fullmatch(r'"?sep=(.)"?', first.strip("\r"), re.IGNORECASE)
    if hint:
        text = rest
    separator = hint[1] if hint else _separator(text, known)
    try:
        return list(enumerate(_records(text, separator), 1))
    except csv.Error:
        raise SheetError("quotes") from None


def _records(text, separator):
    # strict: a quotation mark that is never closed would swallow the rest of the file
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)


def _separator(text, known):
    """The separator whose first row has most of the headings expected, then most cells."""

    def merit(separator):
        try:
            row = next((row for row in _records(text, separator) if any(row)), [])
        except csv.Error:
            row = []
        return sum(map(known, row)), len(row)

    return max(SEPARATORS, key=merit)


def _read_workbook(content):
    import openpyxl  # noqa: PLC0415 slow to load, and few files need it

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        # rows that are only formatted, often down to the last one there can be, are passed over
        return [
            (number, [_cell(value) for value in row])
            for number, row in enumerate(book.worksheets[0].iter_rows(values_only=True), 1)
            if any(value is not None for value in row)
        ]
    except Exception:  # whatever a damaged archive makes of it
        raise SheetError("workbook") from None


def _cell(value):
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def write(rows):
    """A CSV file that spreadsheets of French offices open by a double click.

    :param rows: lists of str; what would be taken for a formula is written so that it is not
    :return: bytes, which :func:`read` and :func:`plain` make the same rows of
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", quoting=csv.QUOTE_MINIMAL)
    writer.writerows([neutral(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


# -- cells ---------------------------------------------------------------------------------
def neutral(text):
    """``text`` so that no spreadsheet computes it; :func:`plain` takes it back."""
    return f"'{text}" if _RISKY.match(text) else text


def plain(text):
    """What :func:`neutral` was given."""
    return text[1:] if text.startswith("'") and _RISKY.match(text, 1) else text


def is_formula(text):
    """Whether this cell, as it stands in the file, is a formula and no value."""
    text = text.strip()
    if len(text) < 2 or text[0] not in FORMULA:
        return False
    return text[0] in "=@" or not _NUMBER.fullmatch(re.sub(r"[\s\u00a0\u202f]", "", text))


def is_blank(text):
    """Whether nothing is said here; a dash is what people write for nothing."""
    return text.strip() in ("", "-", "–", "—")


def parse_date(text):
    """A day as the French write it, or as computers do.

    :return: date, None for an empty cell
    :raise SheetError: ``date``
    """
    if is_blank(text):
        return None
    text = text.strip()
    french, iso = _FRENCH.fullmatch(text), _ISO.fullmatch(text)
    try:
        if french:
            day, month, year = map(int, french.groups())
            return date(year + 2000 if year < 100 else year, month, day)
        if iso:
            return date(*map(int, iso.groups()))
    except ValueError as error:
        # the thirtieth of February
        raise SheetError("date") from error
    raise SheetError("date")


def parse_amount(text):
    """An amount with decimal comma or point, spaces or points between thousands, a currency.

    :return: Decimal, None for an empty cell
    :raise SheetError: ``amount``
    """
    if is_blank(text):
        return None
    digits = re.sub(r"[\s\u00a0\u202f'’]|€|\$|£|[A-Za-z]{3}$", "", text.strip())
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and point >= 0:
        digits = digits.replace("." if comma > point else ",", "")
    for sign in ",.":
        if digits.count(sign) > 1:
            digits = digits.replace(sign, "")
    digits = digits.replace(",", ".")
    if not re.fullmatch(r"[+-]?\d{1,15}(\.\d*)?", digits):
        # beyond fifteen digits it is a number of something else
        raise SheetError("amount")
    try:
        return Decimal(digits)
    except InvalidOperation:
        raise SheetError("amount") from None


def heading(text):
    """A heading for comparing: letters and digits only, without case and accents."""
    return " ".join(re.sub(r"[^0-9a-z]+", " ", fold(text)).split())
