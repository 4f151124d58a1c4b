"""Tables that people give us as files: decoding, separators, dates, amounts, safe cells.

Pure Python. What cannot be read raises :class:`SheetError` with a code; the words are the
caller's.
"""

import re
import unicodedata

SEPARATORS = ";,\t"
#: what a spreadsheet takes for the beginning of a formula
FORMULA = "=+-@\t\r"
_ESCAPED = re.compile(rf"'+[{re.escape(FORMULA)}]")
_TO_ESCAPE = re.compile(rf"'*[{re.escape(FORMULA)}]")
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
