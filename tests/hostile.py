"""What a hostile or broken client sends, drawn by hypothesis: no request is the test's own idea."""

import base64
import json
import re
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

#: what has hurt some program somewhere, and what a program asks about by its type
TEXTS = (
    "",
    " ",
    "0",
    "-1",
    "1e309",
    "NaN",
    "Infinity",
    "null",
    "undefined",
    "true",
    "[]",
    "{}",
    "2026-13-45",
    "9999-12-31",
    "0000-00-00",
    "1.000,50",
    str(2**31),
    str(2**63),
    str(-(2**63)),
    "9" * 400,
    "a" * 20_000,
    "\x00",
    "a\x00b",
    "\ufeff\u202e\u2028",
    "\U0001f4a9" * 200,
    "\u0661\u0662",  # digits, but not ours
    "é\u0301\u0301\u0301",
    "' OR '1'='1",
    "1; DROP TABLE relance_plan; --",
    "1) UNION SELECT access_token FROM relance_plan --",
    "%(id)s %s %d %%",
    "{{ object.env.cr }}",
    "${object.access_token}",
    '<t t-out="env.cr.dbname"/>',
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "//evil.example/x",
    "https://evil.example/x",
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "..\\..\\windows\\win.ini",
    "file:///etc/passwd",
    "\r\nSet-Cookie: session_id=stolen",
    "=cmd|'/c calc'!A1",
    "fr_FR",
    "xx_XX",
)
BROKEN_BYTES = (b"\xff\xfe", b"\xc3\x28", b"%ed%a0%80", b"%", b"%zz", b"%00", b"%c0%ae%c0%ae", b"\x01\x7f")
NUMBERS = (0, -1, 1, 2**31 - 1, 2**31, 2**63, -(2**70), 10**30)
#: parameters of the host that steer what a route does
HOST_KEYS = (
    "access_token",
    "csrf_token",
    "done",
    "page",
    "line",
    "amount",
    "everything",
    "redirect",
    "lang",
    "debug",
    "report_type",
    "download",
    "pid",
    "hash",
    "token",
    "error",
    "success",
    "sortby",
    "filterby",
    "date_begin",
    "payment",
    "provider_id",
    "payment_method_id",
    "token_id",
    "flow",
    "tokenization_requested",
    "landing_route",
    "payment_reference",
)
#: what the form for signing sends
ANSWER_KEYS = ("offer", "name", "function", "authority", "figures", "words", "code", "signature")
METHODS = ("GET", "POST", "POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
IMAGES = (
    "AAAA",
    "not base64 at all \u00e9",
    "data:image/png;base64,AAAA",
    base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(2000)).decode(),
    base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>").decode(),
    # a picture of 65535 times 65535 points in a few bytes
    base64.b64encode(
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\xff\xff\x00\x00\xff\xff\x08\x06\x00\x00\x00"
        b"\x00\x00\x00\x00\x00\x00\x00\x00IEND\xaeB`\x82"
    ).decode(),
)
#: more than a signature may have
HUGE = base64.b64encode(bytes(600_000)).decode()
HEADERS = (
    ("Accept-Language", "\xff;q=-1,,,;"),
    ("Accept-Language", "fr-FR,fr;q=NaN"),
    ("X-Forwarded-For", "' OR 1=1 --"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Proto", "gopher"),
    ("Referer", "https://evil.example/<script>"),
    ("Origin", "https://evil.example"),
    ("User-Agent", "a" * 4000),
    ("Range", "bytes=-1-99999999999"),
    ("If-None-Match", "*"),
    ("If-Modified-Since", "yesterday"),
    ("Authorization", "Bearer \xff\xfe"),
    ("Authorization", "Basic !!!"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("Content-Encoding", "gzip"),
    ("Cookie", "frontend_lang=../../xx; tz=Mars/Base; cids=1-2-999-a; debug=assets"),
    ("Cookie", 'frontend_lang="\xff"; =; ;;; tz='),
)
CONTENT_TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-7",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "text/plain",
    "application/xml",
    "application/json; charset=\xff",
)
PLACEHOLDER = re.compile(r"<(?:(?P<kind>\w+)(?:\([^)]*\))?:)?(?P<name>\w+)>")


class Target(NamedTuple):
    """A route to shoot at.

    :ivar rule: as werkzeug writes it: ``/my/plans/<int:plan_id>``
    :ivar methods: that it takes; empty for all
    :ivar kind: ``http`` or ``jsonrpc``
    :ivar keys: names of what it takes
    :ivar ours: of an addon of this repository
    :ivar fixed: what each request says besides what is drawn, as (name, value)
    """

    rule: str
    methods: tuple
    kind: str
    keys: tuple
    ours: bool
    fixed: tuple = ()


class Request(NamedTuple):
    target: Target
    method: str
    path: bytes
    headers: tuple
    body: bytes


class Pool(NamedTuple):
    """What a client may know or guess: identifiers that exist, and tokens that belong elsewhere.

    :ivar csrf: the token of this client's own session
    :ivar never: identifiers that he must not come upon by chance, because he knows their token
    """

    ids: tuple
    tokens: tuple
    links: tuple
    csrf: str
    never: tuple = ()


def _number(pool):
    return st.one_of(
        st.sampled_from(pool.ids), st.sampled_from(pool.ids), st.sampled_from(NUMBERS), st.integers()
    ).map(lambda number: -number if number in pool.never else number)


def _text(pool):
    tokens = st.sampled_from(pool.tokens)
    return st.one_of(
        tokens,
        st.sampled_from(TEXTS),
        st.sampled_from(TEXTS),
        st.sampled_from(IMAGES),
        st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace").decode()),
        tokens.map(lambda one: one[:-1]),
        tokens.map(str.upper),
        _number(pool).map(str),
    )


def _value(pool):
    """A JSON value of whatever shape."""
    leaf = st.one_of(
        st.none(), st.booleans(), _number(pool), st.floats(), _text(pool), _text(pool), _text(pool)
    )
    return st.one_of(
        leaf,
        leaf,
        st.recursive(
            leaf,
            lambda inner: st.one_of(
                st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(ANSWER_KEYS), inner, max_size=3)
            ),
            max_leaves=5,
        ),
        st.just(_nested(40)),
    )


def _nested(depth):
    value = []
    for _level in range(depth):
        value = [value]
    return value


def _escape(text):
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="").encode()


@st.composite
def _path(draw, target, pool):
    def fill(match):
        if match["kind"] in ("int", "float"):
            value = str(draw(_number(pool)))
        else:
            value = draw(st.one_of(st.sampled_from(pool.links), st.sampled_from(pool.links), _text(pool)))
        return _escape(value[:3000]).decode()

    path = PLACEHOLDER.sub(fill, target.rule).encode()
    wound = draw(st.integers(0, 24))
    if wound == 0:
        path += draw(st.sampled_from(BROKEN_BYTES))
    elif wound == 1:
        path = path.replace(b"/", b"//", draw(st.integers(1, 3)))
    elif wound == 2:
        path += draw(st.sampled_from((b"/", b"/..", b"/%2e%2e/", b";x=1", b"/\\", b".json", b"%20", b"/1")))
    elif wound == 3:
        path = draw(st.sampled_from((b"/fr", b"/fr_FR", b"/xx", b"/..", b"/%00"))) + path
    # a byte that ends the request line makes another request of it: that is the client's affair
    return re.sub(rb"[\s\x00-\x1f]", b"", path)


@st.composite
def _pairs(draw, target, pool):
    """Names and values of a form or a query, some of them twice."""
    keys = st.sampled_from((*target.keys, *target.keys, *HOST_KEYS, *ANSWER_KEYS))
    pairs = draw(st.lists(st.tuples(keys, _text(pool)), max_size=6))
    if draw(st.integers(0, 3)) == 0:
        pairs += [(draw(_text(pool))[:50], draw(_text(pool)))]
    csrf = draw(st.integers(0, 3))
    if csrf > 1:
        pairs += [("csrf_token", pool.csrf)]
    elif csrf:
        pairs += [("csrf_token", draw(st.sampled_from((pool.csrf[:-1], "x" * 50, "o", f"{'0' * 40}o1"))))]
    return [*pairs, *((key, str(value)) for key, value in target.fixed)]


def _encode(pairs):
    return b"&".join(_escape(key) + b"=" + _escape(value) for key, value in pairs)


def _multipart(pairs):
    parts = [
        b"--XX\r\nContent-Disposition: form-data; name=%s%s\r\n\r\n%s\r\n"
        % (
            json.dumps(key).encode("utf-8", "replace"),
            b'; filename="../../x.png"' if index % 2 else b"",
            value.encode("utf-8", "replace"),
        )
        for index, (key, value) in enumerate(pairs)
    ]
    return b"".join(parts) + b"--XX--\r\n"


@st.composite
def _http_body(draw, target, pool):
    """(content type, body) of a form, or of something that is none."""
    kind = draw(st.integers(0, 9))
    if kind < 6:
        return "application/x-www-form-urlencoded", _encode(draw(_pairs(target, pool)))
    if kind < 8:
        return "multipart/form-data; boundary=XX", _multipart(draw(_pairs(target, pool)))
    return draw(st.sampled_from(CONTENT_TYPES)), draw(
        st.one_of(st.binary(max_size=60), st.sampled_from(BROKEN_BYTES), st.just(b"--XX\r\n" * 30))
    )


@st.composite
def _json_body(draw, target, pool):
    keys = st.sampled_from((*target.keys, *target.keys, "access_token", *ANSWER_KEYS, *HOST_KEYS))
    params = draw(st.dictionaries(keys, _value(pool), max_size=8))
    if draw(st.booleans()):
        params["access_token"] = draw(st.sampled_from(pool.tokens))
    if draw(st.integers(0, 60)) == 0:
        params["signature"] = HUGE
    params |= dict(target.fixed)
    kind = draw(st.integers(0, 11))
    content_type = "application/json"
    envelope = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}
    if kind == 0:
        envelope["params"] = draw(_value(pool))
    elif kind == 1:
        envelope = draw(_value(pool))
    elif kind == 2:
        content_type = draw(st.sampled_from(CONTENT_TYPES))
    elif kind == 3:
        return content_type, draw(
            st.sampled_from(
                (b"", b"{", b"\xff", b"[" * 3000, b'{"params": NaN}', b'{"params": {}, "params": []}', b"nul")
            )
        )
    return content_type, json.dumps(envelope, ensure_ascii=draw(st.booleans())).encode(
        "utf-8", "surrogatepass"
    )


@st.composite
def _request(draw, targets, pool):
    target = draw(st.sampled_from(targets))
    path = draw(_path(target, pool))
    odd = draw(st.integers(0, 7)) == 0
    headers = [draw(st.sampled_from(HEADERS))] if draw(st.integers(0, 3)) == 0 else []
    body = b""
    if target.kind == "jsonrpc":
        method = draw(st.sampled_from(METHODS)) if odd else "POST"
        content_type, body = draw(_json_body(target, pool))
        headers.append(("Content-Type", content_type))
        if draw(st.integers(0, 3)) == 0:
            path += b"?" + _encode(draw(_pairs(target, pool)))[:6000]
    else:
        method = draw(st.sampled_from(METHODS if odd else target.methods or ("GET", "POST")))
        if method not in ("GET", "HEAD"):
            content_type, body = draw(_http_body(target, pool))
            headers.append(("Content-Type", content_type))
        if method in ("GET", "HEAD") or draw(st.integers(0, 3)) == 0:
            path += b"?" + _encode(draw(_pairs(target, pool)))[:6000]
    return Request(target, method, path, tuple(headers), body)


def draw_requests(targets, pool, count, number):
    """``count`` requests; the same ones for the same ``number``."""
    found = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_request(targets, pool))
    def draw(one):
        found.append(one)

    while len(found) < count:
        draw()
        number += 1_000_003
    return found[:count]
