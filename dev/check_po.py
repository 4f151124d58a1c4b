"""Is a translation whole, up to date and set as French is set? Prints what is not.

    check_po.py fr.po exported.pot [--merge]

With --merge it is first brought up to date with the exported template.
"""

import html
import os
import re
import sys

import polib

# what stands in a text without being prose: each leaves a letter behind, so that
# the mark after it is still looked at
NO_PROSE = re.compile(
    r"""
      (?:https?://|mailto:|www\.)[^\s<>"'»]*[^\s<>"'».,;:!?)]   # an address
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+                              # of a mailbox
    | \{\{.*?\}\} | \$\{.*?\} | \{[^{}\s]*\}                    # {{ object.name }}, {amount}
    | %(?:\([^)]*\))?[-#0-9.+]*[a-zA-Z]                         # %(name)s, %s, %H
    | \d+(?::\d+)+                                              # 14:30
    """,
    re.VERBOSE | re.DOTALL,
)
TAG = re.compile(r"<!--.*?-->|</?[a-zA-Z](?:\"[^\"]*\"|'[^']*'|[^<>\"'])*>", re.DOTALL)
SPACES = "\u00a0\u202f"
MARKS = re.compile(
    rf"""
      (?<![{SPACES}:;!?(]) [:;!?]+     # Total : – but not (?) and not the second of ?!
    | (?<![{SPACES}]) »
    | « (?![{SPACES}])
    """,
    re.VERBOSE,
)


def prose(text):
    text = html.unescape(TAG.sub("", text))
    text = re.sub(r"%([HMSdmyYBbAa])([:/.-])(?=%)", r"%\1", text)
    return NO_PROSE.sub("x", text)


def badly_set(text):
    """The places where a no-break space is missing, a few characters of each."""
    text = prose(text)
    return [text[max(0, found.start() - 12) : found.end() + 8] for found in MARKS.finditer(text)]


def key(entry):
    return entry.msgctxt, entry.msgid, entry.msgid_plural


def check_entry(entry):
    texts = list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
    if entry.obsolete:
        yield "is obsolete"
        return
    if not all(texts):
        yield "is not translated"
    if entry.fuzzy:
        yield "is marked fuzzy"
    for text in texts:
        for place in badly_set(text):
            yield f"lacks a no-break space: …{place}…"


def findings(po, pot):
    """Pairs of an entry and what is wrong with it; a line number of 0 says that it isn't there."""
    wanted = {key(entry) for entry in pot}
    seen = set()
    for entry in po:
        for finding in check_entry(entry):
            yield entry.linenum, entry, finding
        if key(entry) in seen:
            yield entry.linenum, entry, "is there twice"
        seen.add(key(entry))
        if key(entry) not in wanted and not entry.obsolete:
            yield entry.linenum, entry, "is no longer in the addon"
    for entry in pot:
        if key(entry) not in seen:
            yield 0, entry, "is missing"


def merge(po, pot):
    """The template's entries, with the translations that there are."""
    known = {key(entry): entry for entry in po if not entry.obsolete}
    merged = polib.POFile(wrapwidth=po.wrapwidth)
    merged.header = po.header or pot.header
    french = {"Language": "fr", "Plural-Forms": "nplurals=2; plural=(n > 1);"}
    merged.metadata = {**pot.metadata, **french, **po.metadata}
    for entry in pot:
        if key(entry) in known:
            entry.msgstr = known[key(entry)].msgstr
        merged.append(entry)
    return merged


def main(path, pot_path, option=None):
    pot = polib.pofile(pot_path)
    try:
        po = polib.pofile(path) if option != "--merge" or os.path.exists(path) else polib.POFile()
    except OSError as error:
        print(f"{path}: {error}")
        return 1
    if option == "--merge":
        merge(po, pot).save(path)
        po = polib.pofile(path)
    status = 0
    for line, entry, finding in findings(po, pot):
        print(f"{path}:{line}: {entry.msgid[:60]!r} {finding}")
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
