"""Two contacts become one while reminders are prepared and sent, with real transactions."""

import psycopg2.errors
from freezegun import freeze_time

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MONDAY
from .test_races import RaceCase

TRY_AGAIN = (psycopg2.errors.SerializationFailure, psycopg2.errors.ForeignKeyViolation, ValidationError)


@tagged("post_install", "-at_install")
class TestMergeRaces(RaceCase):
    """The customer of the world has a twin with an invoice of his own."""

    def setUp(self):
        super().setUp()
        with self.registry_cursor() as env:
            partner = env["res.partner"].browse(self.partner_id)
            twin = partner.copy({"name": "Course (bis)"})
            theirs = (
                env["account.move"]
                .browse(self.move_id)
                .copy({"partner_id": twin.id, "invoice_date": MONDAY - self.days(40)})
            )
            theirs.invoice_date_due = MONDAY - self.days(4)
            theirs.action_post()
            self.twin_id, self.theirs_id = twin.id, theirs.id

    def tidy(self):
        with self.registry_cursor() as env:
            twin = env["res.partner"].browse(self.twin_id).exists()
            if twin:
                self.merge(env)
            plans = env["relance.plan"].search([("partner_id", "=", self.partner_id)])
            if plans:
                # what was shown to a customer is not deleted by the screen
                env.cr.execute("DELETE FROM relance_plan WHERE id IN %s", [tuple(plans.ids)])
                env.invalidate_all()
            env["relance.hold"].search([("partner_id", "=", self.partner_id)]).unlink()
            reminders = env["relance.reminder"].search([("partner_id", "=", self.partner_id)])
            env["mail.mail"].search([("mail_message_id", "in", reminders.message_id.ids)]).unlink()
            reminders.unlink()
            theirs = env["account.move"].browse(self.theirs_id)
            theirs.button_draft()
            theirs.name = "/"
            theirs.with_context(force_delete=True).unlink()
        super().tidy()

    def merge(self, env):
        both = env["res.partner"].browse([self.partner_id, self.twin_id])
        env["base.partner.merge.automatic.wizard"].create({})._merge(both.ids, both[0])

    def run_and_commit(self, day=MONDAY):
        with self.registry_cursor() as env:
            return env["relance.run"]._run(env.company, day).reminder_count

    def send_and_commit(self, day=MONDAY):
        with self.registry_cursor() as env:
            return env["relance.reminder"]._send_batch(now=self.noon(day))

    def merge_again(self):
        with self.registry_cursor() as env:
            if env["res.partner"].browse(self.twin_id).exists():
                self.merge(env)

    def assertOneHistory(self, sent):
        """Everything stands under the one who stays; so many messages left, none of them twice."""
        with self.registry_cursor() as env:
            self.assertFalse(env["res.partner"].browse(self.twin_id).exists())
            cases = env["relance.case"].search([("partner_id", "=", self.partner_id)])
            self.assertLessEqual(len(cases.filtered(lambda case: case.state == "open")), 1)
            reminders = env["relance.reminder"].search([("partner_id", "=", self.partner_id)])
            left = reminders.filtered(lambda one: one.state == "sent")
            self.assertEqual(len(left), sent)
            open_case = cases.filtered(lambda case: case.state == "open")
            self.assertEqual(left.case_id, open_case if sent else left.case_id)
            said = [
                (content.move_line_id.id, content.level_id.id) for content in left.line_ids if content.counts
            ]
            self.assertEqual(len(said), len(set(said)))
            lines = env["account.move"].browse([self.move_id, self.theirs_id]).line_ids
            reached = lines.filtered("relance_level_id")
            self.assertEqual({line.id for line in reached}, {line for line, _level in said})
            mails = env["mail.mail"].search_count([("mail_message_id", "in", left.message_id.ids)])
            self.assertEqual(mails, sent)

    @mute_logger("odoo.sql_db", "odoo.addons.base.wizard.base_partner_merge")
    def test_while_they_are_sent(self):
        """The sender has both in hand: the merge waits, is told to try again, and finds both sent."""
        self.run_and_commit()
        with self.registry_cursor() as sender:
            self.assertEqual(sender["relance.reminder"]._send_batch(now=self.noon(MONDAY)), 2)
            sender.flush_all()
            thread, outcome = self.in_thread(self.merge)
            thread.join(1)
            self.assertTrue(thread.is_alive())
            sender.cr.commit()
            thread.join(20)
        self.assertIsInstance(outcome.get("error"), psycopg2.errors.SerializationFailure, outcome)
        self.merge_again()
        self.assertOneHistory(2)
        self.assertEqual(self.run_and_commit(), 0)

    @mute_logger("odoo.sql_db", "odoo.addons.base.wizard.base_partner_merge")
    def test_while_the_sender_waits(self):
        """A payer who is being merged is passed by; the day's run then writes to him once."""
        self.run_and_commit()
        with self.registry_cursor() as merging:
            self.merge(merging)
            merging.flush_all()
            thread, outcome = self.in_thread(
                lambda env: env["relance.reminder"]._send_batch(now=self.noon(MONDAY))
            )
            thread.join(20)
            self.assertFalse(thread.is_alive())
            self.assertEqual(outcome.get("result"), 0, outcome)
            merging.cr.commit()
        self.assertOneHistory(0)
        self.assertEqual(self.run_and_commit(), 1)
        self.assertEqual(self.send_and_commit(), 1)
        self.assertOneHistory(1)

    @mute_logger("odoo.sql_db", "odoo.addons.base.wizard.base_partner_merge")
    def test_while_the_run_prepares(self):
        """The cases are new and not committed when the merge looks: it joins them at the second try."""
        with self.registry_cursor() as running:
            running["relance.run"]._run(running.company, MONDAY)
            running.flush_all()
            thread, outcome = self.in_thread(self.merge)
            thread.join(1)
            self.assertTrue(thread.is_alive())
            running.cr.commit()
            thread.join(20)
        self.assertFalse(thread.is_alive())
        self.assertIsInstance(outcome.get("error"), TRY_AGAIN, outcome)
        self.merge_again()
        self.assertOneHistory(0)
        self.assertEqual(self.run_and_commit(), 1)
        self.assertEqual(self.send_and_commit(), 1)
        self.assertOneHistory(1)

    @mute_logger("odoo.sql_db", "odoo.addons.base.wizard.base_partner_merge")
    def test_while_the_run_waits(self):
        """The run reads two payers of whom one goes at that moment: it is told to try again."""
        with self.registry_cursor() as merging:
            self.merge(merging)
            merging.flush_all()
            thread, outcome = self.in_thread(lambda env: env["relance.run"]._run(env.company, MONDAY))
            thread.join(1)
            merging.cr.commit()
            thread.join(20)
        self.assertFalse(thread.is_alive())
        # what the scheduled action answers with a second try
        self.assertIsInstance(outcome.get("error"), psycopg2.errors.SerializationFailure, outcome)
        self.assertEqual(self.run_and_commit(), 1)
        self.assertEqual(self.send_and_commit(), 1)
        self.assertOneHistory(1)

    @mute_logger("odoo.addons.base.wizard.base_partner_merge")
    @freeze_time("2026-03-02 10:00:00")
    def test_holds_plans_and_links(self):
        """Both have a plan that was offered, one a pause: everything goes on under the one who stays."""
        self.run_and_commit()
        with self.registry_cursor() as env:
            plans = env["relance.plan"]
            for number in (self.move_id, self.theirs_id):
                lines = env["account.move"].browse(number).line_ids
                lines = lines.filtered(lambda line: line.account_id.account_type == "asset_receivable")
                plans += env["relance.plan"]._create_for(lines, 3, MONDAY + self.days(7))
            plans.action_propose()
            plans[0].action_accept(signed_by="Jeanne Client")
            tokens = {plan.id: plan.access_token for plan in plans}
            case = env["relance.case"].search([("partner_id", "=", self.twin_id)])
            case.action_pause(MONDAY + self.days(30), "En travaux")
            both = env["res.partner"].browse([self.partner_id, self.twin_id])
            both[0].relance_paused_until = MONDAY + self.days(2)
            both[1].relance_paused_until = MONDAY + self.days(40)
        with self.registry_cursor() as env:
            self.merge(env)
        with self.registry_cursor() as env:
            plans = env["relance.plan"].browse(list(tokens))
            self.assertEqual(plans.mapped("state"), ["active", "proposed"])
            self.assertEqual(plans.partner_id.ids, [self.partner_id])
            self.assertEqual(plans.debtor_id.ids, [self.partner_id])
            self.assertEqual(len(plans.case_id.filtered(lambda one: one.state == "open")), 1)
            self.assertEqual(len(plans.case_id), 1)
            for plan in plans:
                self.assertTrue(plan._may_open(tokens[plan.id], None))
            case = plans.case_id
            self.assertTrue(case.message_ids.filtered(lambda one: "Course (bis)" in (one.body or "")))
            self.assertEqual((case.paused_until, case.pause_reason), (MONDAY + self.days(30), "En travaux"))
            self.assertEqual(
                env["res.partner"].browse(self.partner_id).relance_paused_until, MONDAY + self.days(40)
            )

    @freeze_time("2026-03-02 10:00:00")
    def test_archived_with_things_under_way(self):
        """An archived contact owes what he owes: his reminder leaves, his plan's page opens."""
        self.run_and_commit()
        with self.registry_cursor() as env:
            env["res.partner"].browse([self.partner_id, self.twin_id]).active = False
        self.assertEqual(self.send_and_commit(), 2)
        with self.registry_cursor() as env:
            env["res.partner"].browse([self.partner_id, self.twin_id]).active = True
            self.merge(env)
        self.assertOneHistory(2)
