"""Every public method over ``/json/2``: who may call it, and that nobody else changes a thing."""

import json

import pytest

from odoo.exceptions import AccessError
from odoo.service.model import get_public_method
from odoo.tests import HttpCase, tagged
from odoo.tools import SQL, mute_logger

from .common import MONDAY
from .safety import KINDS, OURS, SafetyCase

#: right that a method asks for → who has it; ``looker`` reads the list, not this record
RIGHTS = {
    "nobody": (),
    "manager": ("manager",),
    "user": ("user", "manager"),
    "reader": ("reader", "user", "manager"),
    "looker": ("stranger", "reader", "user", "manager"),
    "auditing reader": ("auditor", "reader", "user", "manager"),
    "auditing looker": ("auditor", "stranger", "reader", "user", "manager"),
}

#: method → right; whatever else is public of our own makes the test fail
METHODS = """
account.move.action_negotiate_plan                  user
account.move.action_relance_case                    user
account.move.action_relance_history                 user
account.move.action_relance_log                     user
account.move.action_relance_now                     user
account.move.action_relance_plans                   user
account.move.line.action_relance_include            manager
relance.aged.action_open_document                   auditing reader
relance.as.of.action_open                           auditing looker
relance.cancel.wizard.action_confirm                user
relance.case.action_log                             reader
relance.case.action_negotiate_plan                  user
relance.case.action_open_lines                      reader
relance.case.action_open_pause_wizard               user
relance.case.action_open_plans                      reader
relance.case.action_open_reminders                  reader
relance.case.action_pause                           user
relance.case.action_print_statement                 reader
relance.case.action_resume                          user
relance.hold.action_release                         user
relance.inclusion.action_undo                       manager
relance.log.action_confirm                          reader
relance.overdue.action_open_invoices                user
relance.overdue.action_take_over                    user
relance.pause.wizard.action_confirm                 user
relance.plan.action_accept                          user
relance.plan.action_accept_counter                  user
relance.plan.action_approve                         manager
relance.plan.action_break                           user
relance.plan.action_cancel                          user
relance.plan.action_grant_discount                  manager
relance.plan.action_open_agree_paper                user
relance.plan.action_open_agree_phone                user
relance.plan.action_open_case                       reader
relance.plan.action_open_moves                      reader
relance.plan.action_open_withdraw                   user
relance.plan.action_preview                         user
relance.plan.action_print_agreement                 reader
relance.plan.action_propose                         user
relance.plan.action_redraw                          user
relance.plan.action_refuse                          manager
relance.plan.action_refuse_counter                  user
relance.plan.action_refuse_discount                 manager
relance.plan.action_renegotiate                     user
relance.plan.action_renew                           user
relance.plan.action_resend                          user
relance.plan.action_revise                          user
relance.plan.action_send_notice                     user
relance.plan.agree.action_confirm                   user
relance.plan.line.action_open_plan                  reader
relance.plan.message.action_mark_posted             user
relance.plan.message.action_print                   user
relance.plan.negotiate.action_agree                 user
relance.plan.negotiate.action_open_plan             user
relance.plan.negotiate.action_propose               user
relance.plan.negotiate.action_redraw                user
relance.plan.negotiate.action_save_draft            user
relance.plan.withdraw.action_confirm                user
relance.post.action_confirm                         user
relance.preview.action_bank_entered                 user
relance.preview.action_open_all                     user
relance.preview.action_open_excluded                user
relance.preview.action_open_lines                   user
relance.preview.action_open_messages                user
relance.preview.action_start                        manager
relance.preview.line.action_open_case               user
relance.preview.line.action_open_message            user
relance.preview.line.action_open_move               user
relance.preview.message.action_next                 user
relance.preview.message.action_previous             user
relance.reminder.action_approve                     user
relance.reminder.action_call_done                   reader
relance.reminder.action_call_reached                reader
relance.reminder.action_call_voicemail              reader
relance.reminder.action_call_wrong_number           reader
relance.reminder.action_cancel                      user
relance.reminder.action_correct                     user
relance.reminder.action_edit_text                   user
relance.reminder.action_mark_posted                 user
relance.reminder.action_open_cancel_wizard          user
relance.reminder.action_open_case                   reader
relance.reminder.action_open_post                   looker
relance.reminder.action_print                       user
relance.reminder.action_print_again                 user
relance.reminder.action_print_pile                  looker
relance.reminder.action_release                     manager
relance.reminder.action_reset_text                  user
relance.reminder.action_retry                       user
relance.reminder.action_send_now                    user
relance.reminder.action_undo                        user
relance.reminder.line.action_drop                   user
relance.run.action_go_on                            user
relance.run.action_open_reminders                   user
relance.run.action_stop                             user
relance.screen.mixin.action_open_case               nobody
relance.start.action_start                          manager
relance.start.action_stop                           manager
relance.start.approver.action_save                  manager
relance.start.bank.action_save                      manager
relance.start.mentions.action_save                  manager
relance.start.step.action_do                        manager
relance.start.step.action_help                      manager
relance.start.step.action_skip                      manager
relance.start.step.action_unskip                    manager
relance.takeover.action_open_customers              user
relance.takeover.action_undo                        user
relance.takeover.import.action_apply                user
relance.takeover.import.action_check                user
relance.takeover.import.action_download_model       user
relance.takeover.import.action_download_report      user
relance.takeover.wizard.action_confirm              user
relance.today.action_approve                        looker
relance.today.action_call_reached                   looker
relance.today.action_call_voicemail                 looker
relance.today.action_call_wrong_number              looker
relance.today.action_mark_posted                    looker
relance.today.action_match                          looker
relance.today.action_open                           looker
relance.today.get_desk                              looker
res.company.action_relance_bank_entered             user
res.config.settings.action_relance_bank_entered     nobody
res.config.settings.action_relance_start            nobody
res.partner.action_negotiate_plan                   user
res.partner.action_relance_case                     looker
res.partner.action_relance_log                      reader
res.partner.action_relance_plans                    looker
sale.order.action_relance_release                   user
"""

#: public methods of the host that we extend: who may call them is the host's business and,
#: where it is about our models, that of the matrix of rights
EXTENDED = """
account.move.line.write
account.move.write
account.partial.reconcile.create
account.partial.reconcile.unlink
account.payment.write
ir.attachment.write
mail.notification.write
relance.case.write
relance.level.copy_data
relance.level.copy_translations
relance.level.create
relance.log.default_get
relance.plan.create
relance.plan.line.create
relance.plan.line.write
relance.plan.message.mail_allowed_qweb_expressions
relance.plan.write
relance.policy.action_archive
relance.policy.copy_data
relance.policy.create
relance.policy.write
relance.reminder.create
relance.reminder.mail_allowed_qweb_expressions
relance.reminder.write
relance.run.create
relance.start.approver.default_get
relance.start.mentions.default_get
relance.start.write
relance.today.get_empty_list_help
res.company.write
res.partner.write
sale.order.action_confirm
sale.order.action_draft
"""

#: what a method cannot do without
ARGUMENTS = {
    "action_pause": {"until": str(MONDAY), "reason": "Inventaire"},
    "action_call_done": {"outcome": "reached"},
}

#: the host's tables that our methods write, beside all of ours
TABLES_OF_THE_HOST = (
    *("account_move", "account_move_line", "account_partial_reconcile", "account_payment"),
    *("mail_mail", "mail_message", "mail_activity", "mail_followers", "mail_notification", "sms_sms"),
    *("ir_attachment", "res_partner", "res_company", "res_users", "sale_order", "ir_config_parameter"),
)


class RpcCase(SafetyCase, HttpCase):
    """Everybody with a key, and records to call every method on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        keys = cls.env["res.users.apikeys"]
        cls.keys = {
            kind: keys.with_user(user).sudo()._generate("rpc", kind, False)
            for kind, user in cls.people.items()
            if kind != "public"
        }
        product = cls.env["product.product"].create({"name": "Prestation", "list_price": 100.0})
        cls.order = cls.env["sale.order"].create(
            {
                "partner_id": cls.reminded.id,
                "user_id": cls.salesperson.id,
                "order_line": [(0, 0, {"product_id": product.id})],
            }
        )
        cls.records |= {
            "account.move": cls.younger,
            "account.move.line": cls.hold_line,
            "res.partner": cls.payer,
            "res.company": cls.company,
            "sale.order": cls.order,
        }
        dialogs = cls.env["relance.log"].with_user(cls.accountant)
        dialogs.create(
            {"partner_id": cls.reminded.id, "way": "call_out", "date": MONDAY, "note": "Il paiera."}
        ).action_confirm()
        cls.logged = cls.env["relance.reminder"].search([("kind", "=", "logged")], limit=1)
        cls.env.flush_all()

    # -- what is public -----------------------------------------------------------------------
    def public_methods(self):
        """(public methods of our own, those of the host that we extend): lists of “model.method”."""
        own, extended = set(), set()
        for name, registered in self.env.registry.items():
            classes = registered.mro()
            ours = [base for base in classes if base.__module__.startswith(OURS)]
            hosts = [base for base in classes if base not in ours and base.__module__.startswith("odoo.")]
            for attribute in {attribute for base in ours for attribute in vars(base)}:
                if not callable(getattr(registered, attribute)) or not self.is_public(name, attribute):
                    continue
                extends = any(attribute in vars(base) for base in hosts)
                (extended if extends else own).add(f"{name}.{attribute}")
        return sorted(own), sorted(extended)

    def is_public(self, model, name):
        try:
            get_public_method(self.env[model], name)
        except AccessError:
            return False
        return True

    def expected(self):
        return dict(line.split(maxsplit=1) for line in METHODS.split("\n") if line)

    # -- who may call it ----------------------------------------------------------------------
    def call(self, kind, method, **body):
        model, name = method.rsplit(".", 1)
        headers = {"Content-Type": "application/json"}
        if kind in self.keys:
            headers["Authorization"] = f"Bearer {self.keys[kind]}"
        return self.url_open(f"/json/2/{model}/{name}", data=json.dumps(body), headers=headers)

    def subjects(self, model, name, kind):
        """The records that a method of ``model`` is called on."""
        if model in self.opened[kind]:
            return [self.opened[kind][model][1]]
        if model == "relance.plan":
            return [self.records[model], self.plan_active]
        if name == "action_correct":
            return [self.logged]
        return [self.records.get(model, self.env[model])]

    def bodies(self, method, kind):
        model, name = method.rsplit(".", 1)
        arguments = ARGUMENTS.get(name, {})
        if getattr(getattr(type(self.env[model]), name), "_api_model", False):
            return [arguments]
        # of an abstract model there is no record
        return [{"ids": subject.ids or [1], **arguments} for subject in self.subjects(model, name, kind)]

    def fingerprint(self):
        """What stands in our tables and in those of the host that we write."""
        self.env.cr.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'relance%'")
        tables = sorted(name for (name,) in self.env.cr.fetchall()) + list(TABLES_OF_THE_HOST)
        rows = self.env.execute_query(
            SQL(" UNION ALL ").join(
                SQL(
                    "SELECT %s, count(*), md5(string_agg(one::text, '|' ORDER BY one::text)) FROM %s one",
                    table,
                    SQL.identifier(table),
                )
                for table in tables
            )
        )
        return {table: (count, digest) for table, count, digest in rows}

    def answers(self, kind, method, stays):
        """The status of each call; nothing of it stays unless ``stays``."""
        statuses = []
        for body in self.bodies(method, kind):
            savepoint = self.env.cr.savepoint()
            response = self.call(kind, method, **body)
            savepoint.close(rollback=not stays)
            self.env.transaction.clear()
            self.assertLess(response.status_code, 500, f"{kind} {method}: {response.text[:500]}")
            statuses.append(response.status_code)
        return statuses

    def check_who_may_call(self, kinds):
        self.opened = {kind: self.dialogs(self.people[kind]) for kind in kinds}
        self.env.flush_all()
        before = self.fingerprint()
        self.assertGreater(len(before), 40)
        wrong = {}
        with mute_logger("odoo.http"):
            for method, right in self.expected().items():
                for kind in kinds:
                    if kind in RIGHTS[right]:
                        continue
                    refused = self.answers(kind, method, stays=True)
                    expected = {401} if kind == "public" else {403}
                    # of several records one may be refused for its state before anything else
                    if not expected <= set(refused) <= {*expected, 422}:
                        wrong[kind, method] = refused
                self.assertEqual(self.fingerprint(), before, f"{method}: refused, yet something was written")
                for kind in set(kinds).intersection(RIGHTS[right]):
                    allowed = self.answers(kind, method, stays=False)
                    # 422: not now, or not this one; that is no matter of rights
                    if not set(allowed) & {200, 422} or set(allowed) - {200, 403, 422}:
                        wrong[kind, method] = allowed
        self.assertEqual(wrong, {})


@tagged("post_install", "-at_install")
class TestRpc(RpcCase):
    def test_every_public_method_is_known(self):
        own, extended = self.public_methods()
        self.assertEqual(own, sorted(self.expected()), "decide who may call a new method, or make it private")
        self.assertEqual(extended, sorted(EXTENDED.split()))

    def test_who_may_call(self):
        """Those next to the border: a customer, a salesperson of others, an accountant."""
        self.check_who_may_call(("portal", "stranger", "user"))

    def test_junk_instead_of_ids(self):
        calls = {
            "relance.today.search": [
                {"domain": [["id", "in", ["a", None, 2**70, -1, 1.5]]]},
                {"domain": [["id", "=", "a"]]},
                {"domain": [["id", "not in", ["a"]]], "limit": 1},
            ],
            "relance.overdue.search": [{"domain": [["id", "in", ["a", None, 2**70, -1, 1.5]]]}],
            "relance.today.action_approve": [{"ids": ["a", None, 2**70, -1, 1.5, {}, True]}],
            "relance.today.action_mark_posted": [{"ids": ["a"]}],
            "relance.takeover.wizard.create": [
                {"vals_list": [{"kind": "paused", "row_ids": junk}]}
                for junk in ("a", ["a"], 5, True, {"a": 1}, [[1]], [None], [2**70])
            ],
        }
        for method, bodies in calls.items():
            for body in bodies:
                with self.subTest(method=method, body=body), mute_logger("odoo.http"):
                    response = self.call("user", method, **body)
                    self.assertEqual(response.status_code, 200, response.text[:500])
                    if method.startswith("relance.takeover"):
                        [dialog] = response.json()
                        read = self.call(
                            "user", "relance.takeover.wizard.read", ids=[dialog], fields=["fits", "summary"]
                        )
                        self.assertEqual(read.status_code, 200, read.text[:500])
                        self.assertFalse(read.json()[0]["fits"])

    def test_without_a_key_or_with_a_wrong_one(self):
        for key in (
            None,
            "",
            "x",
            self.keys["user"][:-1],
            self.keys["user"].swapcase(),
            "ключ".encode().hex(),
        ):
            headers = {"Content-Type": "application/json"}
            if key is not None:
                headers["Authorization"] = f"Bearer {key}"
            with self.subTest(key), mute_logger("odoo.http"):
                response = self.url_open(
                    "/json/2/relance.reminder/search", data=json.dumps({"domain": []}), headers=headers
                )
                self.assertEqual(response.status_code, 401)


@pytest.mark.relance_slow
@tagged("post_install", "-at_install", "relance_slow")
class TestRpcOfEverybody(RpcCase):
    def test_who_may_call(self):
        self.check_who_may_call(KINDS)
