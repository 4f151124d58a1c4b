"""The moment a mail is handed to the server: real connections, real transactions, real answers."""

import smtplib
from unittest.mock import patch

from freezegun import freeze_time

from odoo.modules import module
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.relance_douce.models.mail_mail import SecondLook

from dev.postbox import Postbox

from .common import MONDAY
from .test_races import RaceCase

NOON = "2026-03-02 11:00:00"
QUIET = (
    "odoo.addons.mail.models.mail_mail",
    "odoo.sql_db",
)


@tagged("post_install", "-at_install")
class TestHandover(RaceCase):
    """One reminder in the outbox, committed, and a mail server that does as it is told."""

    def setUp(self):
        super().setUp()
        self.postbox = self.enterContext(Postbox())
        self.patch(type(self.env["ir.mail_server"]), "_disable_send", lambda _self: False)
        with self.registry_cursor() as env:
            self.servers = env["ir.mail_server"].search([]).ids
            env["ir.mail_server"].browse(self.servers).active = False
            self.server_id = (
                env["ir.mail_server"]
                .create(
                    {
                        "name": "Course",
                        "smtp_host": "127.0.0.1",
                        "smtp_port": self.postbox.port,
                        "smtp_encryption": "none",
                    }
                )
                .id
            )
            env["relance.run"]._run(env.company, MONDAY)
        with self.registry_cursor() as env:
            env["relance.reminder"]._send_batch(now=self.noon(MONDAY))
        self.addCleanup(self.forget_server)

    def forget_server(self):
        with self.registry_cursor() as env:
            env["ir.mail_server"].browse(self.server_id).unlink()
            env["ir.mail_server"].with_context(active_test=False).browse(self.servers).active = True

    def queue(self):
        """The host's mail queue, as its scheduled action runs it: it commits."""
        with (
            mute_logger(*QUIET),
            patch.object(module, "current_test", None),
            freeze_time(NOON),
            self.registry_cursor() as env,
        ):
            mails = self.reminder(env).message_id.mail_ids
            env["mail.mail"].process_email_queue(mails.ids)

    def reminder(self, env):
        return env["relance.reminder"].search([("partner_id", "=", self.partner_id)])

    def look(self):
        """(state, delivery state, whether an answer is missing) of the reminder."""
        with self.registry_cursor() as env:
            reminder = self.reminder(env)
            return reminder.state, reminder.delivery_state, bool(reminder.handover_date)

    def mail_state(self):
        with self.registry_cursor() as env:
            return self.reminder(env).message_id.mail_ids.mapped("state")

    def level(self):
        with self.registry_cursor() as env:
            lines = env["account.move"].browse(self.move_id).line_ids
            return lines.relance_level_id.tone

    def notes(self):
        with self.registry_cursor() as env:
            return " ".join(self.reminder(env).case_id.message_ids.mapped("body"))

    def pay(self, env, amount=None):
        env["account.payment.register"].with_context(
            active_model="account.move", active_ids=[self.move_id]
        ).create({"payment_date": MONDAY, **({"amount": amount} if amount else {})})._create_payments()

    def copies(self):
        """Message-IDs of what the server took."""
        return [content.split(b"Message-Id:")[1].split()[0] for _to, content in self.postbox.received]

    # -- paid while it lay in the outbox ---------------------------------------------------------
    def test_it_leaves_once(self):
        self.queue()
        self.queue()
        self.assertEqual(len(self.copies()), 1)
        self.assertEqual(self.look(), ("sent", "delivered", False))

    @freeze_time(NOON)
    def test_paid_in_the_outbox(self):
        with self.registry_cursor() as env:
            self.pay(env)
        self.queue()
        self.assertEqual(self.copies(), [])
        self.assertEqual(self.look()[0], "cancelled")
        self.assertFalse(self.level())
        with self.registry_cursor() as env:
            reminder = self.reminder(env)
            self.assertFalse(reminder.message_id)
            self.assertEqual(reminder.case_id.state, "settled")
            self.assertFalse(env["mail.mail"].search([("res_id", "=", reminder.case_id.id)]))

    @freeze_time(NOON)
    def test_paid_in_part_in_the_outbox(self):
        with self.registry_cursor() as env:
            self.pay(env, 300.0)
        self.queue()
        self.assertEqual(self.copies(), [])
        self.assertEqual(self.look()[0], "ready")
        self.assertFalse(self.level())
        with self.registry_cursor() as env:
            env["relance.reminder"]._send_batch(now=self.noon(MONDAY))
        self.queue()
        [(_to, content)] = self.postbox.received
        self.assertIn(b"600", content)
        self.assertEqual(self.look(), ("sent", "delivered", False))
        self.assertEqual(self.level(), "courtesy")

    @freeze_time(NOON)
    def test_paused_in_the_outbox(self):
        with self.registry_cursor() as env:
            self.reminder(env).case_id.action_pause(MONDAY + self.days(9), "Il a appelé")
        self.queue()
        self.assertEqual(self.copies(), [])
        self.assertEqual(self.look()[0], "cancelled")

    @freeze_time(NOON)
    def test_agreed_on_while_the_mails_before_it_leave(self):
        """The rules are asked for a round of mails; a signature since then is seen all the same."""
        with self.registry_cursor() as env:
            reminder = self.reminder(env)
            look = SecondLook({1: reminder})
            self.assertTrue(look.allows(reminder, self.noon(MONDAY)))
            lines = env["account.move"].browse(self.move_id).line_ids
            plan = env["relance.plan"]._create_for(
                lines.filtered(lambda one: one.account_id.account_type == "asset_receivable"),
                3,
                MONDAY + self.days(10),
            )
            plan.action_propose()
            plan.action_accept(signed_by="Camille Petit")
            env.flush_all()
            self.assertFalse(look.allows(reminder, self.noon(MONDAY)))
            env.cr.rollback()

    @freeze_time(NOON)
    def test_a_payment_under_way_is_waited_for(self):
        with self.registry_cursor() as env:
            self.pay(env)
            env.flush_all()
            self.queue()
            self.assertEqual(self.copies(), [])
        self.queue()
        self.assertEqual(self.copies(), [])
        self.assertEqual(self.look()[0], "cancelled")

    @freeze_time(NOON)
    def test_a_payment_during_the_handing_over_does_not_wait_for_the_server(self):
        """From the note on, it has left: the payment is booked at once and nothing is taken back."""
        paid = []

        def pay(_postbox):
            with self.registry_cursor() as env:
                self.pay(env)
            paid.append(True)

        self.postbox.deliver = lambda: pay(self.postbox)
        self.queue()
        self.assertEqual((len(self.copies()), paid), (1, [True]))
        self.assertEqual(self.look(), ("sent", "delivered", False))

    # -- without an answer -----------------------------------------------------------------------
    def drop(self):
        """The server takes the next mail and is gone before it says so."""

        def gone():
            raise ConnectionAbortedError("the server is gone")

        self.postbox.deliver = gone
        self.postbox.handle_error = lambda *_: None
        self.queue()
        self.postbox.deliver = None

    def test_connection_lost_after_the_text(self):
        self.drop()
        self.assertEqual(len(self.copies()), 1)
        self.assertEqual(self.look(), ("sent", "pending", True))
        self.assertEqual(self.mail_state(), ["exception"])
        with self.registry_cursor() as env:
            env["relance.reminder"]._requeue_mails(self.noon(MONDAY))
        self.queue()
        first, second = self.copies()
        self.assertEqual(first, second)
        self.assertEqual(self.look(), ("sent", "delivered", False))
        self.assertIn("Message-ID", self.notes())

    @freeze_time(NOON)
    def test_lost_after_the_text_and_paid_since(self):
        self.drop()
        with self.registry_cursor() as env:
            self.pay(env)
            env["relance.reminder"]._requeue_mails(self.noon(MONDAY))
        self.queue()
        self.assertEqual(len(self.copies()), 1)
        self.assertEqual(self.look(), ("sent", False, False))
        self.assertEqual(self.mail_state(), ["cancel"])
        self.assertEqual(self.level(), "courtesy")

    def test_connection_lost_before_the_text(self):
        with patch.object(smtplib.SMTP, "mail", side_effect=smtplib.SMTPServerDisconnected("gone")):
            self.queue()
        self.assertEqual(self.look(), ("sent", "pending", False))
        with self.registry_cursor() as env:
            env["relance.reminder"]._requeue_mails(self.noon(MONDAY))
        self.queue()
        self.assertEqual(len(self.copies()), 1)
        self.assertNotIn("Message-ID", self.notes())

    def test_killed_after_the_text(self):
        """What a process leaves behind that dies between the server's answer and its commit."""

        class Killed(BaseException):
            pass

        mail_class = type(self.env["mail.mail"])
        with (
            patch.object(mail_class, "_postprocess_sent_message", side_effect=Killed),
            self.assertRaises(Killed),
        ):
            self.queue()
        self.assertEqual(len(self.copies()), 1)
        self.assertEqual(self.look(), ("sent", "pending", True))
        self.assertEqual(self.mail_state(), ["outgoing"])
        self.queue()
        first, second = self.copies()
        self.assertEqual(first, second)
        self.assertEqual(self.look(), ("sent", "delivered", False))
        self.assertIn("Message-ID", self.notes())

    # -- what the server answers ------------------------------------------------------------------
    def refuse(self, word, answer):
        """The server answers ``word`` of SMTP with ``answer``."""
        self.postbox.answers = {word: answer}
        self.queue()
        self.postbox.answers = {}

    def test_refused_for_good(self):
        self.refuse("RCPT", "550 5.1.1 no such user")
        with self.registry_cursor() as env:
            reminder = self.reminder(env)
            self.assertEqual((reminder.state, reminder.channel), ("ready", "letter"))
            self.assertEqual(reminder.contact_id.relance_bounced_email, "course@client.test")

    def test_refused_for_now(self):
        self.refuse("RCPT", "451 4.7.1 greylisted")
        self.assertEqual(self.look(), ("sent", "pending", False))

    def test_our_own_address_refused(self):
        """Says nothing about the customer: his address stays good."""
        self.refuse("MAIL", "550 5.7.1 sender not allowed")
        self.assertEqual(self.look(), ("sent", "pending", False))
        with self.registry_cursor() as env:
            self.assertFalse(env["res.partner"].browse(self.partner_id).relance_bounced_email)
