"""What opens a door or an account stands in no line that we log, also where things go wrong."""

import logging
from contextlib import contextmanager
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MONDAY
from .safety import OURS
from .test_rights_rpc import RpcCase

PASSWORD = "smtp-Mot2Passe!"
IBAN = "FR7630006000011234567890189"


class _Lines(logging.Handler):
    """Every line with its traceback, as a file of logs would have it."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        self.lines = []

    def emit(self, record):
        self.lines.append((record.name, self.format(record)))

    def of(self, prefix):
        return [line for name, line in self.lines if name.startswith(prefix)]


@tagged("post_install", "-at_install")
class TestSecrets(RpcCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.mail_server"].create(
            {
                "name": "Relais",
                "smtp_host": "127.0.0.1",
                "smtp_port": 9,
                "smtp_user": "relance",
                "smtp_pass": PASSWORD,
            }
        )
        cls.env["res.partner.bank"].create({"acc_number": IBAN, "partner_id": cls.company.partner_id.id})
        cls.mail = cls.records["relance.approval.mail"]
        cls.mail.valid_until = "2099-01-01"
        cls.env.flush_all()

    def secrets(self):
        moves = self.env["account.move"].search([("access_token", "!=", False)])
        plans = self.env["relance.plan"].search([])
        plans.mapped(lambda plan: plan._portal_ensure_token())
        return {
            PASSWORD,
            IBAN,
            *self.keys.values(),
            *moves.mapped("access_token"),
            *plans.mapped("access_token"),
            self.mail.secret,
            self.mail._url().rsplit("/", 1)[1],
        }

    @contextmanager
    def watched(self):
        """Everything that is logged at any level; what we log at all of ours."""
        watch, root, ours = _Lines(), logging.getLogger(), logging.getLogger(OURS)
        level = ours.level
        root.addHandler(watch)
        ours.setLevel(logging.DEBUG)
        try:
            yield watch
        finally:
            ours.setLevel(level)
            root.removeHandler(watch)

    def live_through(self):
        """A day of the house, with its pages."""
        env = self.env
        self.run_day(MONDAY)
        env["relance.reminder"].search([("state", "=", "draft")]).action_approve()
        self.send(MONDAY)
        env["relance.plan"]._follow(self.company, MONDAY)
        env["relance.plan.message"]._send_batch(self.company, self.noon(MONDAY))
        plan = self.plan_active
        for path in (
            f"/my/plans/{plan.id}?access_token={plan._portal_ensure_token()}",
            f"/my/plans/{plan.id}/pay?access_token={plan.access_token}",
            f"/my/plans/{plan.id}?access_token={plan.access_token}0",
            "/" + self.mail._url().split("/", 3)[3],
            "/relance/approval/" + self.mail.secret,
        ):
            self.url_open(path)
        self.call("user", "relance.reminder.search", domain=[])

    def go_wrong(self):
        """The same where each step fails with something in its hands."""
        env, plan = self.env, self.plan_active
        reminder = self.reminder_sent
        broken = RuntimeError("something of the house broke")

        def fails(*args, **kwargs):
            raise broken

        with patch.object(type(reminder), "_send_by_email", fails), mute_logger("odoo.sql_db"):
            reminder._send_each("email", self.noon(MONDAY))
        with patch.object(type(self.mail), "_mail_if_due", fails), patch.object(env.cr, "rollback"):
            self.mail._mail_or_log(self.company, self.noon(MONDAY))
        with patch.object(env.cr, "rollback"):
            self.assertIsNone(env["relance.plan"]._or_log(self.company, fails))
        with patch.object(type(plan), "_render_agreement", fails):
            self.assertIsNone(plan._render_or_log())
        level = reminder.level_id._text_source()
        level.with_context(lang=reminder.lang).mail_body = "<p><t t-out=\"object.case_id['x']\"/></p>"
        with self.assertRaises(UserError):
            reminder._render_texts("mail_body")

    def test_no_secret_in_our_lines(self):
        with self.watched() as watch, mute_logger("odoo.sql_db"):
            self.live_through()
            # an error that is caught here is none of the test's
            with self.assertLogs(OURS, "DEBUG") as caught:
                self.go_wrong()
        for record in caught.records:
            watch.emit(record)
        secrets = self.secrets()
        self.assertGreater(len(secrets), 12)
        ours = watch.of(OURS)
        self.assertGreaterEqual(sum("something of the house broke" in line for line in ours), 4, ours)
        for line in ours:
            for secret in secrets:
                self.assertNotIn(secret, line)
        # the host logs the addresses that are asked for, its own links with tokens like ours; what
        # is no part of an address is in no line of anybody
        for _name, line in watch.lines:
            for secret in {PASSWORD, IBAN, *self.keys.values()}:
                self.assertNotIn(secret, line)
