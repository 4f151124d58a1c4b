"""What invoices between professionals have to say about late payment (code de commerce, L441-9 II)."""

import re

#: code → patterns that all have to be found, in French or in English
MENTIONS = {
    "rate": (
        re.compile(r"pénalité|penalit|intérêts? de retard|intérêts moratoires|late[- ]payment|penalt", re.I),
        re.compile(r"\d\s*%|\btaux\b|\brate\b|\bfois\b|\btimes\b", re.I),
    ),
    "fee": (re.compile(r"\b40(?:[.,]00)?\s*(?:€|eur)|(?:€|eur)\s*40\b", re.I),),
    "discount": (re.compile(r"escompte|discount", re.I),),
}


def missing_mentions(text):
    """The mentions that ``text`` lacks.

    :param text: plain text, as it is printed on the invoice
    :return: list of ``rate`` (of the late-payment penalties), ``fee`` (fixed recovery fee of 40 €) and
        ``discount`` (whether there is one for early payment)
    """
    plain = " ".join((text or "").split())
    return [
        code for code, patterns in MENTIONS.items() if not all(pattern.search(plain) for pattern in patterns)
    ]
