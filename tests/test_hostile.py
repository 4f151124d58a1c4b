"""Malformed and hostile requests against our routes: nothing breaks, leaks or is written.

    dev/test --slow tests/test_hostile.py -s             10 000 requests
    RELANCE_SEED=7 dev/test --slow tests/test_hostile.py -s

The requests go to the real HTTP server of the tests, one after the other over its socket. With
``-s`` each run says who asked what and how it was answered.
"""

import functools
import http.client as http_client
import inspect
import itertools
import logging
import os
import random
import re
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

import pytest

from odoo.http import Request as OdooRequest
from odoo.tests import new_test_user, tagged
from odoo.tests.common import TEST_CURSOR_COOKIE_NAME
from odoo.tools import SQL, mute_logger

from odoo.addons.base.models.ir_actions_report import IrActionsReport

from .common import MONDAY
from .hostile import Pool, Target, draw_requests
from .test_approval_mail import ApprovalCase
from .test_plan_portal import PortalCase

SEED = int(os.environ.get("RELANCE_SEED", "1").split(",")[0])
OUR_MODULES = "odoo.addons.relance_"
OUR_FILES = re.compile(r"/relance_\w+/(?:models|controllers|report|wizard|tools)/")
#: in a traceback: the server had found the route and called its method; what the host itself
#: stumbles over before is not ours to mend
ENDPOINT = "in route_wrapper"
#: what the host keeps beside our tables and what a request must not touch
HOST_TABLES = """
    account_account account_bank_statement_line account_full_reconcile account_journal account_move
    account_move_line account_partial_reconcile account_payment ir_attachment ir_config_parameter ir_cron
    ir_model_access ir_rule ir_ui_view mail_activity mail_followers mail_mail mail_message
    mail_notification payment_token payment_transaction res_company res_groups res_groups_users_rel
    res_partner res_partner_bank res_users res_users_apikeys sms_sms
""".split()
#: where a customer's own answer leaves something new
ANSWERED = {
    "ir_attachment",
    "mail_activity",
    "mail_followers",
    "mail_mail",
    "mail_message",
    "mail_message_res_partner_rel",
    "mail_notification",
    "payment_transaction",
    "relance_plan",
    "relance_plan_claim",
    "relance_plan_line",
    "relance_plan_message",
    "sms_sms",
}
#: refusals of which the host tells the browser in words, with status 200
REFUSALS = re.compile(r"odoo\.exceptions\.|odoo\.http\.SessionExpired|werkzeug\.exceptions\.")
#: requests to one route in a row, at least
VOLLEY = 3
PDF = b"%PDF-1.4 not printed here"


class _Watch(logging.Handler):
    """Errors in the log since somebody looked last."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.records = []

    def emit(self, record):
        self.records.append(record)

    def take(self):
        records, self.records = self.records, []
        return records


class _Connection(http_client.HTTPConnection):
    """Sends a path byte for byte, as browsers never would."""

    def _encode_request(self, request):
        return request.encode("latin-1")

    def _validate_path(self, url):
        """Whatever it is."""


class HostileCase(PortalCase, ApprovalCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clerk = new_test_user(cls.env, "clerk", "base.group_user", password="clerk12345")
        cls.victim = cls.customer(
            "Zephirine Quintessence SAS", vat="FR40303265045", email="zq@quintessence.test", lang="en_US"
        )
        cls.env["res.partner.bank"].create(
            {"partner_id": cls.victim.id, "acc_number": "FR7630004000031234567890143"}
        )
        cls.startClassPatcher(patch.object(IrActionsReport, "_run_wkhtmltopdf", lambda *a, **k: PDF))

    def setUp(self):
        super().setUp()
        # no number names records of two models: what is forbidden is told from what is not
        for start, table in enumerate(
            ("relance_plan", "relance_case", "relance_reminder", "account_move"), 7
        ):
            self.cr.execute(
                SQL("ALTER SEQUENCE %s RESTART WITH %s", SQL.identifier(f"{table}_id_seq"), start * 100_000)
            )
        self.build_victim()
        self.build_owner()
        self.env.flush_all()
        self.watch = _Watch()
        self.answers_given = Counter()
        self.faults = {}
        self.host_errors = Counter()
        self.leaks = []
        self.writes = []

    def build_victim(self):
        """A customer of whom nobody here may learn anything."""
        day = MONDAY - timedelta(days=20)
        moves = [self.invoice(self.victim, day, amount) for amount in (7654.32, 8765.43, 9876.54)]
        for move in moves:
            move._portal_ensure_token()
        self.secret_plans = [self.proposed(moves=move).sudo() for move in moves[:2]]
        self.secret_plans[1].action_accept(signed_by="Zacharie Quintessence")
        self.spent_plan = self.proposed(moves=moves[2]).sudo()
        self.draft = self.waiting("Zephirine Filiale", 6543.21, email="filiale@quintessence.test")
        self.approval = self.mail_at(MONDAY)
        self.secret_ids = (
            *(one.id for one in self.secret_plans),
            *(one.id for one in moves),
            self.draft.id,
            self.draft.case_id.id,
            self.secret_plans[0].case_id.id,
            self.approval.id,
            self.victim.id,
            *self.env["ir.attachment"].search([("res_model", "like", "relance.")]).ids[-5:],
        )
        amounts = [
            f"{whole}{point}{cents}"
            for whole, cents in (("7654", "32"), ("8765", "43"), ("9876", "54"), ("6543", "21"))
            for point in ".,"
        ]
        amounts += [
            f"{one[0]}{comma}{one[1:]}" for one in amounts for comma in (",", " ", "\u202f", "\u00a0")
        ]
        # employees read contacts with the host's own rights
        self.contact_secrets = {
            "Zephirine",
            "Quintessence",
            "quintessence.test",
            "FR7630004000031234567890143",
            "FR76 3000 4000 0312 3456 7890 143",
        }
        self.secrets = {
            *amounts,
            *(one.access_token for one in self.secret_plans),
            *(one.access_token for one in moves),
            self.approval.secret,
            self.approval._url().rsplit("/", 1)[1],
        }

    def build_owner(self):
        """A customer who may do what his links are for."""
        self.own_plan = self.offer()
        own = self.invoice(self.payer, MONDAY - timedelta(days=25), 432.1)
        self.own_invoice = own
        # as the host does when somebody first looks at them
        for move in own + self.older + self.younger:
            move._portal_ensure_token()

    # -- what is shot at --------------------------------------------------------------------------
    @functools.cached_property
    def our_targets(self):
        """Each route that a controller of ours answers, as the server itself knows them."""
        targets = []
        server = self.env["ir.http"]
        for rule, endpoint in server._generate_routing_rules(
            sorted(self.registry._init_modules), server._get_converters()
        ):
            function = inspect.unwrap(endpoint)
            if not getattr(function, "__module__", "").startswith(OUR_MODULES):
                continue
            routing = endpoint.routing
            keys = tuple(
                name
                for name, parameter in inspect.signature(function).parameters.items()
                if name != "self" and parameter.kind != parameter.VAR_KEYWORD
            )
            methods = tuple(one for one in routing["methods"] or () if one != "OPTIONS")
            targets.append(Target(rule, methods, routing["type"], keys or ("page",), True))
        return tuple(targets)

    @functools.cached_property
    def host_targets(self):
        """Ways of the host to our records."""
        reports = self.env["ir.actions.report"].search([("report_name", "like", "relance_douce.")])
        get = [
            "/my",
            "/my/invoices",
            "/my/invoices/page/<int:page>",
            "/my/invoices/overdue",
            "/my/invoices/<int:invoice_id>",
            "/web/content/<int:id>",
            "/web/image/<int:id>",
            "/mail/message/<int:message_id>",
        ]
        for report in reports:
            get += [f"/report/{kind}/{report.report_name}/<int:ids>" for kind in ("pdf", "html", "text")]
        models = {
            name: [key for key, field in self.env[name]._fields.items() if field.type == "binary"]
            for name in sorted(self.env)
            if name.startswith("relance.") and not self.env[name]._abstract
        }
        for name, fields in models.items():
            for field in fields[:4]:
                get += [f"/web/content/{name}/<int:id>/{field}", f"/web/image/{name}/<int:id>/{field}"]
        targets = [
            Target(rule, ("GET",), "http", ("access_token", "report_type", "download", "options"), False)
            for rule in get
        ]
        targets.append(
            Target("/my/counters", (), "jsonrpc", (), False, (("counters", ["plan_count", "invoice_count"]),))
        )
        for name in ("relance.plan", "relance.case", "relance.reminder"):
            for number in self.secret_ids[:4]:
                targets += [
                    Target(
                        "/mail/view",
                        ("GET",),
                        "http",
                        ("access_token",),
                        False,
                        (("model", name), ("res_id", number)),
                    ),
                    *(
                        Target(
                            rule,
                            (),
                            "jsonrpc",
                            ("hash", "pid", "token"),
                            False,
                            (("thread_model", name), ("thread_id", number), *more),
                        )
                        for rule, more in (
                            ("/mail/thread/messages", ()),
                            ("/mail/chatter_fetch", ()),
                            ("/portal/chatter_init", ()),
                            ("/mail/message/post", (("post_data", {"body": "hello"}),)),
                        )
                    ),
                    *(
                        Target(
                            f"/web/dataset/call_kw/{name}/{method}",
                            (),
                            "jsonrpc",
                            (),
                            False,
                            (("model", name), ("method", method), ("args", arguments), ("kwargs", {})),
                        )
                        for method, arguments in (
                            ("read", [[number]]),
                            ("web_search_read", [[], {"display_name": {}}]),
                            ("write", [[number], {"state": "sent"}]),
                            ("unlink", [[number]]),
                        )
                    ),
                ]
        return tuple(targets)

    # -- who asks -----------------------------------------------------------------------------------
    def client(self, login):
        """Session and CSRF token of somebody who is logged in, or of a visitor."""
        self.session = None  # the one before stays valid
        self.authenticate(login, login)
        return self.session.sid, OdooRequest.csrf_token(self)

    def attackers(self):
        """(name, session, pool) of those who may neither see nor write anything of the victim."""
        never = (self.own_plan.id, self.spent_plan.id, self.own_invoice.id)
        tokens = (
            self.spent_plan.access_token,
            self.own_plan.access_token,
            self.own_invoice.access_token,
            "0" * 8,
        )
        link = self.approval._url().rsplit("/", 1)[1]
        links = (link[:-1], link[1:], link.swapcase(), link[::-1], self.spent_plan.access_token)
        for name, login in (("nobody", None), ("stranger", "stranger"), ("clerk", "clerk")):
            session, csrf = self.client(login)
            yield name, session, Pool(self.secret_ids, tokens, links, csrf, never)

    def entitled(self):
        """(name, session, pool, routes) of those who have the right, and send nonsense."""
        link = self.approval._url().rsplit("/", 1)[1]
        ids, tokens = (self.own_plan.id, self.own_invoice.id), (self.own_plan.access_token,)
        for name, login, prefix in (
            ("owner", "julie", "/my/"),
            ("holder", None, "/my/"),
            ("approver", None, "/relance/"),
            ("accountant", "accountant", "/relance_douce/"),
        ):
            session, csrf = self.client(login)
            targets = tuple(one for one in self.our_targets if one.rule.startswith(prefix))
            yield name, session, Pool(ids, tokens, (link,), csrf, self.secret_ids), targets

    # -- shooting -------------------------------------------------------------------------------------
    @contextmanager
    def watching(self):
        """The errors of the server come to the test, which says whose they are."""
        root = logging.getLogger()
        with patch.object(root, "handlers", [self.watch]), mute_logger("odoo.sql_db"):
            yield

    def shoot(self, connection, one, session):
        """(status, headers, body) of the answer."""
        headers = {"Connection": "keep-alive", "Content-Length": str(len(one.body))}
        cookie = f"{TEST_CURSOR_COOKIE_NAME}={{}}; session_id={session}"
        self.cr.flush()
        self.cr.clear()
        with self.allow_requests():
            cookie = cookie.format(self.http_request_key)
            for name, value in one.headers:
                headers[name] = f"{cookie}; {value}" if name == "Cookie" else value
            headers.setdefault("Cookie", cookie)
            try:
                connection.request(one.method, one.path.decode("latin-1"), one.body, headers)
                answer = connection.getresponse()
                return answer.status, str(answer.headers), answer.read()
            except (http_client.HTTPException, OSError) as error:
                connection.close()
                return 0, "", repr(error).encode()

    def attack(self, name, session, requests, entitled=False):
        connection = _Connection("127.0.0.1", self.http_port(), timeout=60)
        self.addCleanup(connection.close)
        before = self.fingerprint()
        for one in requests:
            counter = self.written()
            self.cr.execute("SAVEPOINT hostile")
            status, headers, body = self.shoot(connection, one, session)
            self.answers_given[name, one.target.rule, status] += 1
            self.judge(name, one, status, headers, body, entitled)
            if self.written() != counter:
                after = self.fingerprint()
                self.judge_writes(name, one, before, after, entitled)
                if after != before:
                    # what a customer really answered is undone, so that the next request meets the same
                    self.cr.execute("ROLLBACK TO SAVEPOINT hostile")
                    self.env.invalidate_all(flush=False)
            self.cr.execute("RELEASE SAVEPOINT hostile")

    # -- judging --------------------------------------------------------------------------------------
    def judge(self, name, one, status, headers, body, entitled):
        records = self.watch.take()
        for record in records:
            trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
            told = trace or record.getMessage()
            if OUR_FILES.search(trace) or (one.target.ours and ENDPOINT in trace):
                self.blame(one, told)
            else:
                self.host_errors[one.target.rule, self.last_line(told)] += 1
        if not status or (one.target.ours and status >= 500):
            self.blame(one, f"status {status} {body[:300]}")
        text = headers + body.decode("utf-8", "replace")
        sent = one.path + one.body
        for secret in self.forbidden(name):
            if secret in text and secret.encode() not in sent:
                self.leaks.append((name, secret, text[max(0, text.index(secret) - 300) :][:600], one))
        if not entitled and body.startswith(b"%PDF"):
            self.leaks.append((name, "a document", one))
        if not records and b'"error": {' in body[:200] and not REFUSALS.search(text):
            self.blame(one, text[-1500:])

    def forbidden(self, name):
        """What this client must not learn."""
        if name in ("accountant", "approver"):
            return ()
        return self.secrets if name == "clerk" else self.secrets | self.contact_secrets

    def last_line(self, text):
        return text.strip().split("\n")[-1][:120]

    def blame(self, one, text):
        """One example of each fault is enough to mend it."""
        self.faults.setdefault((one.target.rule, self.last_line(text)), (one, text))

    def written(self):
        """Rows written in this transaction so far, of those tables that count."""
        return self.env.execute_query(
            SQL(
                "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables"
                " WHERE relname IN %s",
                tuple(self.tables),
            )
        )[0][0]

    @functools.cached_property
    def tables(self):
        """Ours, and those of the host that matter."""
        rows = self.env.execute_query(
            SQL(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                " AND (tablename LIKE %s OR tablename IN %s) ORDER BY 1",
                r"%relance%",
                tuple(HOST_TABLES),
            )
        )
        return [name for [name] in rows]

    def fingerprint(self):
        """table → row → fingerprint of all it holds; bundles that the host compiles don't count."""
        return {
            table: dict(
                self.env.execute_query(
                    SQL(
                        "SELECT COALESCE(to_jsonb(t) ->> 'id', t::text), md5(t::text) FROM %s t WHERE %s",
                        SQL.identifier(table),
                        SQL("url IS NULL OR url NOT LIKE %s", "/web/assets/%")
                        if table == "ir_attachment"
                        else SQL("TRUE"),
                    )
                )
            )
            for table in self.tables
        }

    def judge_writes(self, name, one, before, after, entitled):
        for table in self.tables:
            old, new = before[table], after[table]
            if old == new:
                continue
            gone = old.keys() - new.keys()
            changed = {row for row in old.keys() & new.keys() if old[row] != new[row]}
            if entitled and name in ("owner", "holder"):
                allowed = self.own_rows().get(table, set())
                if table in ANSWERED:
                    if not gone - allowed and not changed - allowed:
                        continue
                elif old.keys() == new.keys() and not changed - allowed:
                    continue
            self.writes.append(
                (
                    name,
                    table,
                    sorted(gone)[:3],
                    sorted(changed)[:3],
                    len(new) - len(old),
                    self.rows(table, changed),
                    one,
                )
            )

    def rows(self, table, changed):
        """Some of the rows that were written, for whoever has to find out why."""
        return (
            self.env.execute_query(
                SQL(
                    "SELECT t::text FROM %s t WHERE id::text IN %s LIMIT 3",
                    SQL.identifier(table),
                    tuple(changed),
                )
            )
            if changed
            else []
        )

    def own_rows(self):
        """table → rows that the owner's answers may change."""
        plan = self.own_plan
        # the host notes on a contact that a mail to him holds a link to sign up
        people = self.payer + self.julie.partner_id + self.accountant.partner_id
        records = (
            plan,
            plan.line_ids,
            plan.claim_ids,
            plan.case_id,
            plan.message_log_ids,
            plan.activity_ids,
            people,
        )
        rows = {}
        for record in records:
            rows.setdefault(record._table, set()).update(map(str, record.ids))
        return rows

    # -- the whole -----------------------------------------------------------------------------------
    def run_all(self, count):
        """Four of ten requests are against what may be written, the others against what may not."""
        self.assertGreater(len(self.our_targets), 10)
        everybody = [
            (name, session, pool, self.our_targets + self.host_targets, count // 5, False)
            for name, session, pool in self.attackers()
        ]
        everybody += [
            (name, session, pool, targets, count // 10, True)
            for name, session, pool, targets in self.entitled()
        ]
        with self.watching():
            for number, (name, session, pool, targets, share, entitled) in enumerate(everybody):
                volleys = self.volleys(targets, share, SEED * 100 + number)
                for index, (target, size) in enumerate(volleys):
                    requests = draw_requests((target,), pool, size, (SEED * 100 + number) * 10_000 + index)
                    self.attack(name, session, requests, entitled)
        self.report()
        self.assertGreaterEqual(sum(self.answers_given.values()), count)
        shot = {rule for _name, rule, _status in self.answers_given}
        self.assertFalse({one.rule for one in self.our_targets} - shot)
        self.assertFalse(self.faults, "\n\n" + "\n\n".join(map(self.told, self.faults.values())))
        self.assertFalse(self.leaks, self.leaks[:3])
        self.assertFalse(self.writes, self.writes[:3])

    def told(self, fault):
        one, text = fault
        lines = [line for line in text.split("\n") if OUR_FILES.search(line) or "^^" not in line]
        return f"{one.method} {one.path[:600]} {one.headers}\n{one.body[:600]}\n" + "\n".join(lines[-14:])

    def volleys(self, targets, share, number):
        """(target, how many requests): ours first, so that each of them is met."""
        order = random.Random(number).sample(targets, len(targets))
        order.sort(key=lambda one: not one.ours)
        size = max(VOLLEY, -(-share // len(order)))
        left = share
        for target in itertools.cycle(order):
            yield target, min(size, left)
            left -= size
            if left <= 0:
                return

    def report(self):
        lines = [
            f"{number:6} {status} {name:10} {rule}"
            for (name, rule, status), number in sorted(self.answers_given.items(), key=str)
        ]
        lines += [
            f"{number:6} errors of the host itself: {rule} {text}"
            for (rule, text), number in self.host_errors.items()
        ]
        lines.append(f"{sum(self.answers_given.values()):6} requests, seed {SEED}")
        print("\n".join(["", *lines]))  # noqa: T201


@tagged("post_install", "-at_install")
class TestHostile(HostileCase):
    def test_some_hundred_requests(self):
        self.run_all(300)

    def test_a_letter_that_is_not_there(self):
        """The host's address of a report takes any number, and none."""
        self.authenticate("accountant", "accountant")
        for number in ("0", "2147483647", "abc"):
            for report in ("letter_second", "letter_statement", "letter_plan_agreement"):
                with mute_logger("odoo.http"):
                    answer = self.url_open(f"/report/html/relance_douce.{report}/{number}")
                self.assertEqual(answer.status_code, 404, answer.text[:300])

    def test_what_no_browser_sends(self):
        self.authenticate("accountant", "accountant")
        answer = self.url_open("/relance_douce/aged_balance", files={"csrf_token": ("token", b"x")})
        self.assertEqual(answer.status_code, 400)
        answer = self.url_open("/relance/approval/x", files={"csrf_token": ("token", b"x")})
        self.assertEqual(answer.status_code, 400)
        for params in (5, "text", ["list"], None):
            body = {"jsonrpc": "2.0", "params": params}
            answer = self.url_open("/my/plans/1/code", json=body)
            self.assertEqual((answer.status_code, answer.text), (400, "Invalid JSON-RPC data"), params)
        for body in ("[", "[" * 100_000, "5"):
            answer = self.url_open("/my/plans/1/code", body, headers={"Content-Type": "application/json"})
            self.assertEqual(answer.status_code, 400, body[:9])
        self.assertEqual(self.url_open("/relance_douce/aged_balance%00").status_code, 404)

    def test_the_aged_balance_of_nothing(self):
        self.authenticate("accountant", "accountant")
        token = OdooRequest.csrf_token(self)
        for data in ({}, {"data": "["}, {"data": "[" * 100_000}, {"data": "null"}):
            answer = self.url_open("/relance_douce/aged_balance", {"csrf_token": token, **data})
            self.assertEqual(answer.status_code, 400, data)


@pytest.mark.relance_slow
@tagged("relance_slow", "post_install", "-at_install")
class TestTenThousand(HostileCase):
    def test_ten_thousand_requests(self):
        self.run_all(10_000)
