"""A letter's style sheet, complete in itself: nothing in it asks a server for anything.

The host links its report bundle, some 400 kB, and lets wkhtmltopdf fetch and parse it three
times a page. A letter carries the rules that its elements can match, and nothing else.
"""

import base64
import functools
import re
import subprocess

from markupsafe import Markup

from odoo.tools import file_open

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
CUSTOM_PROPERTY = re.compile(r"--[\w-]+\s*:[^;}]*;?")
#: what a selector says beside tags, classes and ids: attributes, negations, pseudo-classes
CONDITION = re.compile(r"\[[^\]]*\]|:not\([^)]*\)|::?[\w-]+(?:\([^)]*\))?")
NAME = re.compile(r"[.#][\w-]+|[a-zA-Z][\w-]*|\*")
CLASS_ATTRIBUTE = re.compile(r"""\bclass=(?:"([^"]*)"|'([^']*)')""")
ID_ATTRIBUTE = re.compile(r"""\bid=["']([\w-]+)["']""")
TAG = re.compile(r"<([a-zA-Z][a-zA-Z0-9]*)")

#: company fonts of the host → files of their regular and bold faces
LATO = ("web/static/fonts/lato/Lato-Reg-webfont.ttf", "web/static/fonts/lato/Lato-Bol-webfont.ttf")
GOOGLE = ("web/static/fonts/google/{0}/{0}-Regular.ttf", "web/static/fonts/google/{0}/{0}-Bold.ttf")


def names_in(html):
    """Tags, ``.classes`` and ``#ids`` that occur in ``html``."""
    names = {tag.lower() for tag in TAG.findall(html)} | {"html", "body", "*"}
    for double, single in CLASS_ATTRIBUTE.findall(html):
        names.update(f".{name}" for name in (double or single).split())
    names.update(f"#{name}" for name in ID_ATTRIBUTE.findall(html))
    return frozenset(names)


def purge(css, names):
    """The rules of ``css`` that elements with these ``names`` can match.

    Fonts, imports and animations go: they would have to be fetched, or mean nothing on paper.
    So do custom properties, which wkhtmltopdf does not know.
    """
    return "".join(_rules(COMMENT.sub("", css), names))


def _rules(css, names):
    for prelude, block in _blocks(css):
        if prelude.startswith("@media"):
            inner = "".join(_rules(block, names))
            if inner and "reduced-motion" not in prelude:
                yield f"{prelude}{{{inner}}}"
        elif not prelude.startswith("@"):
            selectors = [one.strip() for one in prelude.split(",") if _can_match(one, names)]
            declarations = CUSTOM_PROPERTY.sub("", block).strip()
            if selectors and declarations:
                yield f"{','.join(selectors)}{{{declarations}}}\n"


def _blocks(css):
    """Pairs of prelude and block at the outermost level of ``css``."""
    position = 0
    while (start := css.find("{", position)) >= 0:
        depth, end = 1, start + 1
        while depth:
            closing = css.find("}", end)
            if closing < 0:
                return
            depth += css.count("{", end, closing) - 1
            end = closing + 1
        # a statement without a block, such as @import or @charset, may stand before
        yield css[position:start].rpartition(";")[2].strip(), css[start + 1 : end - 1]
        position = end


def _can_match(selector, names):
    # a selector with a comma inside brackets was cut in two: such halves are no great loss
    plain = CONDITION.sub("", selector)
    return all(
        name in names or (name[0] not in ".#" and name.lower() in names) for name in NAME.findall(plain)
    ) and bool(plain.strip() or ":" in selector)


@functools.cache
def font_rules(font, bold=True):
    """Rules that give the company font ``font`` to a page without fetching it."""
    if _is_installed(font):
        return ""
    files = LATO if font == "Lato" else [name.format(font) for name in GOOGLE]
    rules = ""
    for path, weight in list(zip(files, (400, 700), strict=True))[: 1 + bold]:
        try:
            with file_open(path, "rb") as file:
                data = base64.b64encode(file.read()).decode()
        except OSError:
            return ""
        rules += (
            f"@font-face{{font-family:{font};font-weight:{weight};"
            f"src:url(data:font/ttf;base64,{data}) format('truetype')}}"
        )
    return rules


@functools.cache
def _is_installed(family):
    """Whether the system has the font: wkhtmltopdf then takes this one anyway."""
    try:
        found = subprocess.run(
            ["fc-list", f":family={family}", "family"],
            capture_output=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return bool(found.stdout.strip())


@functools.cache
def letter_css():
    """The letters' own rules."""
    with file_open("relance_douce/static/src/css/letter.css") as file:
        return COMMENT.sub("", file.read())


@functools.cache
def letter_script():
    """What headers and footers do on each page."""
    with file_open("relance_douce/static/src/js/letter.js") as file:
        return Markup(COMMENT.sub("", file.read()))
