"""Two at once, with two real transactions: one winner, and books and reminders agree."""

import threading

import psycopg2.errors
from freezegun import freeze_time

from odoo import SUPERUSER_ID, api
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MONDAY, RelanceCase


class RaceCase(RelanceCase):
    """Committed data of its own, taken away at the end.

    The world is one customer with one late invoice, committed for real: what two
    transactions do to each other cannot be seen inside one.
    """

    def setUp(self):
        super().setUp()
        self.made = []
        with self.registry_cursor() as env:
            partner = env["res.partner"].create(
                {
                    "name": "Course",
                    "is_company": True,
                    "email": "course@client.test",
                    "street": "1 rue",
                    "city": "Lyon",
                    "vat": "FR23334175221",
                }
            )
            income = env["account.account"].search(
                [("account_type", "=", "income"), ("company_ids", "in", env.company.ids)], limit=1
            )
            move = env["account.move"].create(
                {
                    "move_type": "out_invoice",
                    "partner_id": partner.id,
                    "invoice_date": MONDAY - self.days(40),
                    "invoice_payment_term_id": False,
                    "invoice_date_due": MONDAY - self.days(3),
                    "invoice_line_ids": [
                        (0, 0, {"name": "x", "price_unit": 900, "tax_ids": [], "account_id": income.id})
                    ],
                }
            )
            move.action_post()
            self.partner_id, self.move_id = partner.id, move.id
        self.addCleanup(self.tidy)

    def registry_cursor(self):
        """An environment with a connection of its own that commits."""
        return _Committed(self.env.registry)

    def tidy(self):
        with self.registry_cursor() as env:
            move = env["account.move"].browse(self.move_id)
            reminders = env["relance.reminder"].search([("partner_id", "=", self.partner_id)])
            env["mail.mail"].search([("mail_message_id", "in", reminders.message_id.ids)]).unlink()
            cases = env["relance.case"].search([("partner_id", "=", self.partner_id)])
            reminders.unlink()
            cases.unlink()
            env["relance.run"].search([]).unlink()
            env["account.payment.register"].search([]).unlink()
            move.line_ids.remove_move_reconcile()
            move.button_draft()
            move.name = "/"
            move.with_context(force_delete=True).unlink()
            env["account.payment"].search([("partner_id", "=", self.partner_id)]).unlink()
            env["res.partner"].browse(self.partner_id).unlink()

    def in_thread(self, work):
        """Run ``work(env)`` in a transaction of its own; its result, or the exception."""
        outcome = {}

        def target():
            try:
                with self.registry_cursor() as env:
                    outcome["result"] = work(env)
            except Exception as error:  # judged by the test
                outcome["error"] = error

        thread = threading.Thread(target=target)
        thread.start()
        return thread, outcome


@tagged("post_install", "-at_install")
class TestRaces(RaceCase):
    def states(self):
        with self.registry_cursor() as env:
            return (
                env["relance.reminder"]
                .search([("partner_id", "=", self.partner_id)], order="id")
                .mapped("state")
            )

    def mails(self):
        with self.registry_cursor() as env:
            reminders = env["relance.reminder"].search([("partner_id", "=", self.partner_id)])
            return len(env["mail.mail"].search([("mail_message_id", "in", reminders.message_id.ids)]))

    @mute_logger("odoo.sql_db")
    def test_two_runs_at_once_make_one_reminder(self):
        with self.registry_cursor() as first:
            first["relance.run"]._run(first.company, MONDAY)
            thread, outcome = self.in_thread(
                lambda env: env["relance.run"]._run(env.company, MONDAY).reminder_count
            )
            thread.join(0.5)
            # the second one waits for the first
            self.assertTrue(thread.is_alive())
            first.cr.commit()
            thread.join(20)
        self.assertFalse(thread.is_alive())
        # its snapshot is older than the first one's commit: the index refuses, and the
        # scheduled action tries again
        self.assertEqual(outcome.get("result", 0), 0, outcome)
        if "error" in outcome:
            self.assertIsInstance(outcome["error"], psycopg2.errors.SerializationFailure, outcome)
            with self.registry_cursor() as env:
                self.assertEqual(env["relance.run"]._run(env.company, MONDAY).reminder_count, 0)
        self.assertEqual(self.states(), ["ready"])

    def test_two_senders_send_once(self):
        with self.registry_cursor() as env:
            env["relance.run"]._run(env.company, MONDAY)
        now = self.noon(MONDAY)
        with self.registry_cursor() as first:
            first["relance.reminder"]._send_batch(now=now)
            thread, outcome = self.in_thread(lambda env: env["relance.reminder"]._send_batch(now=now))
            thread.join(20)
            self.assertFalse(thread.is_alive())
            # locked rows are skipped, not waited for
            self.assertEqual(outcome.get("result"), 0, outcome)
            first.cr.commit()
        self.assertEqual(self.states(), ["sent"])
        self.assertEqual(self.mails(), 1)

    def test_whoever_writes_to_a_payer_is_alone_with_him(self):
        """Another worker holds the payer for another reminder: this one is left for later."""
        with self.registry_cursor() as env:
            env["relance.run"]._run(env.company, MONDAY)
        now = self.noon(MONDAY)

        def send(env):
            reminders = env["relance.reminder"].search([("partner_id", "=", self.partner_id)])
            return len(reminders._process(env.company, now))

        with self.registry_cursor() as first:
            case = first["relance.case"].search([("partner_id", "=", self.partner_id)])
            self.assertTrue(case.try_lock_for_update())
            thread, outcome = self.in_thread(send)
            thread.join(20)
            self.assertFalse(thread.is_alive())
            self.assertEqual(outcome.get("result"), 0, outcome)
        self.assertEqual(self.states(), ["ready"])
        with self.registry_cursor() as env:
            self.assertEqual(send(env), 1)
        self.assertEqual(self.states(), ["sent"])

    @mute_logger("odoo.sql_db")
    def test_payment_arrives_while_it_is_being_sent(self):
        with self.registry_cursor() as env:
            env["relance.run"]._run(env.company, MONDAY)
        now = self.noon(MONDAY)
        with self.registry_cursor() as sender:
            sender["relance.reminder"]._send_batch(now=now)

            def pay(env):
                move = env["account.move"].browse(self.move_id)
                env["account.payment.register"].with_context(
                    active_model="account.move", active_ids=move.ids
                ).create({"payment_date": MONDAY})._create_payments()

            thread, outcome = self.in_thread(pay)
            thread.join(1)
            sender.cr.commit()
            thread.join(20)
        # either the payment waited and found the reminder sent, or it is told to try again
        error = outcome.get("error")
        self.assertTrue(error is None or isinstance(error, psycopg2.errors.SerializationFailure), error)
        self.assertEqual(self.states(), ["sent"])
        if error:
            with self.registry_cursor() as env:
                pay(env)
        with self.registry_cursor() as env:
            case = env["relance.case"].search([("partner_id", "=", self.partner_id)])
            self.assertEqual(case.state, "settled")

    @mute_logger("odoo.sql_db")
    def test_payment_committed_just_before_sending(self):
        with self.registry_cursor() as env:
            env["relance.run"]._run(env.company, MONDAY)
        now = self.noon(MONDAY)
        with self.registry_cursor() as payer:
            move = payer["account.move"].browse(self.move_id)
            payer["account.payment.register"].with_context(
                active_model="account.move", active_ids=move.ids
            ).create({"payment_date": MONDAY})._create_payments()
            payer.flush_all()
            thread, outcome = self.in_thread(lambda env: env["relance.reminder"]._send_batch(now=now))
            thread.join(20)
            payer.cr.commit()
        self.assertFalse(thread.is_alive())
        self.assertEqual(outcome.get("result"), 0, outcome)
        self.assertEqual(self.states(), ["cancelled"])
        self.assertEqual(self.mails(), 0)

    @freeze_time("2026-03-02 10:00:00")
    def test_crash_before_the_commit_leaves_nothing(self):
        with self.registry_cursor() as env:
            env["relance.run"]._run(env.company, MONDAY)
        with self.registry_cursor() as env:
            env["relance.reminder"]._send_batch(now=self.noon(MONDAY))
            env.flush_all()
            env.cr.rollback()
        self.assertEqual(self.states(), ["ready"])
        self.assertEqual(self.mails(), 0)
        with self.registry_cursor() as env:
            env["relance.reminder"]._send_batch(now=self.noon(MONDAY))
        self.assertEqual((self.states(), self.mails()), (["sent"], 1))


class _Committed:
    def __init__(self, registry):
        self.registry = registry

    def __enter__(self):
        # past the test's own cursor: a connection that really commits
        from odoo.sql_db import db_connect

        self.cr = db_connect(self.registry.db_name).cursor()
        return api.Environment(self.cr, SUPERUSER_ID, {"tracking_disable": True})

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self.env_flush()
                self.cr.commit()
            else:
                self.cr.rollback()
        finally:
            self.cr.close()

    def env_flush(self):
        if self.cr.transaction:
            self.cr.transaction.flush()
