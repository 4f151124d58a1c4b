"""Numbers of registered letters: how they are typed, and whether they can be right."""

import re

#: UPU standard S10: service, eight digits and their check digit, country
S10 = re.compile(r"([A-Z]{2})(\d{8})(\d)([A-Z]{2})")
WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
#: longer than any number that a carrier prints: something else was scanned
MAX_LENGTH = 40


def normalise(text):
    """``text`` as it is kept: capital letters, without any kind of space."""
    return re.sub(r"[\s\x00]+", "", str(text or "")).upper()


def check_digit(digits):
    """The check digit of the eight ``digits`` of an S10 number, as a character."""
    rest = 11 - sum(int(digit) * weight for digit, weight in zip(digits, WEIGHTS, strict=True)) % 11
    return {10: "0", 11: "5"}.get(rest, str(rest))


def is_s10(number):
    """Whether the normalised ``number`` has the form of S10, be its check digit right or not."""
    return bool(S10.fullmatch(number))


def is_mistyped(number):
    """Whether the normalised ``number`` cannot be right; other forms than S10 are not judged."""
    found = S10.fullmatch(number)
    return bool(found) and check_digit(found[2]) != found[3]


def tracking_url(number):
    """Where the carrier of the normalised ``number`` tells what became of it, or an empty text."""
    if is_s10(number) and number.endswith("FR"):
        return f"https://www.laposte.fr/outils/suivre-vos-envois?code={number}"
    return ""
