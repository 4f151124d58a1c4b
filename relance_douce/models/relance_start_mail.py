"""A real test mail: it looks like a friendly reminder and goes to whoever asks for it."""

from datetime import timedelta

from markupsafe import Markup

from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import format_date

from .relance_start import Fact

#: the invoice of the example, in the company's currency
EXAMPLE_AMOUNT = 1234.56
EXAMPLE_DAYS_LATE = 8
#: of a server's answer, as much as fits into a sentence
ANSWER_SIZE = 300


class RelanceStart(models.Model):
    _inherit = "relance.start"

    def _fact_mail(self, date):
        _ = self.env._
        tested, email = self.company_id.relance_mail_tested_on, self.env.user.email
        send = _("Send me a test mail") if email else ""
        servers = _("Mail servers") if self.env.user._is_system() else ""
        if not email:
            sentence = _("Enter your own e-mail address in your preferences, then test.")
            return Fact("todo", sentence, _("My preferences"), servers)
        if self.mail_error:
            return Fact("todo", self.mail_error, send, servers)
        if not tested:
            sentence = _("No test mail left yet. One in the look of a friendly reminder goes to %s.", email)
            return Fact("todo", sentence, send, servers)
        sentence = _("A test mail left on %s.", format_date(self.env, tested))
        return Fact("done", sentence, "", _("Test again"))

    def _help_mail(self):
        if self.company_id.relance_mail_tested_on and not self.mail_error:
            return self._do_mail()
        return self.env["ir.actions.act_window"]._for_xml_id("base.action_ir_mail_server_list")

    def _do_mail(self):
        """Send the test mail and remember what the host says of it; first an address to send it to."""
        if not self.env.user.email:
            action = self.env["ir.actions.act_window"]._for_xml_id("base.action_res_users_my")
            return {**action, "res_id": self.env.uid, "target": "new"}
        start, date = self._allowed(), self.company_id._relance_date()
        mail = self._send_test_mail(date)
        if mail.state == "sent":
            start.mail_error = False
            start.company_id.relance_mail_tested_on = date
            text = self.env._("A test mail left for %s: look into your mailbox.", self.env.user.email)
            start._message_log(body=text)
            return self._notify(text)
        start.mail_error = self._mail_help(mail)
        return self._notify(start.mail_error, kind="warning", sticky=True)

    def _send_test_mail(self, date):
        """The mail, handed to the server at once.

        :param date: local date of today
        :return: ``mail.mail``; its state tells whether it left
        :raise UserError: the user has no e-mail address
        """
        user = self.env.user
        if not user.email:
            raise UserError(self.env._("Enter your own e-mail address in your preferences, then test."))
        reminder = self._example_reminder(date)
        subject, body = self._example_text(reminder)
        mail = (
            self.env["mail.mail"]
            .sudo()  # the outbox is the host's
            .create(
                {
                    "subject": subject,
                    "body_html": body,
                    "email_from": reminder._email_from(),
                    "email_to": user.email_formatted,
                    "auto_delete": False,
                }
            )
        )
        mail.send(raise_exception=False)
        return mail

    def _example_reminder(self, date):
        """A friendly reminder to the user over an invoice that does not exist; nothing is written."""
        company, partner = self.company_id, self.env.user.partner_id
        level = self.env["relance.level"].search(
            [("tone", "=", "friendly"), ("policy_id.company_id", "in", (False, company.id))], limit=1
        )
        due = date - timedelta(days=EXAMPLE_DAYS_LATE)
        line = {
            "name": self.env._("EXAMPLE/%s/00042", due.year),
            "date_invoice": due - timedelta(days=30),
            "date_maturity": due,
            "currency_id": company.currency_id.id,
            "amount_total": EXAMPLE_AMOUNT,
            "amount_residual": EXAMPLE_AMOUNT,
            "balance_residual": EXAMPLE_AMOUNT,
            "debtor_id": partner.id,
            "level_id": level.id,
        }
        return (
            self.env["relance.reminder"]
            .sudo()
            .new(
                {
                    "company_id": company.id,
                    "partner_id": partner.id,
                    "contact_id": partner.id,
                    "user_id": (company.relance_user_id or self.env.user).id,
                    "level_id": level.id,
                    "channel": "email",
                    "state": "draft",
                    "kind": "level",
                    "date_planned": date,
                    "line_ids": [Command.create(line)],
                }
            )
        )

    def _example_text(self, reminder):
        """Subject and HTML of the example: a word of explanation, then what a customer reads."""
        env = self.with_context(lang=reminder.lang).env
        if not reminder.level_id:
            text = env._("Your e-mails leave. There is no friendly level yet whose text could be shown here.")
            return env._("Test mail of the reminders"), Markup("<p>%s</p>") % text
        texts = reminder._render_texts()
        subject, _body = texts[reminder.id]
        word = env._(
            "This is a test: your e-mails leave. Below is what a customer reads; the invoice does not exist."
        )
        body = Markup("<p><strong>%s</strong></p>%s") % (word, reminder._mail_bodies(texts)[reminder.id])
        return env._("Test: %s", reminder._plain_subject(subject)), body

    def _mail_help(self, mail):
        """One sentence: why the mail did not leave, and what to do."""
        _ = self.env._
        # whether there is a server is no secret to whoever sends mails through it
        if not self.env["ir.mail_server"].sudo().search_count([], limit=1):
            return _(
                "The test mail did not leave: no outgoing mail server is set up. An administrator adds one "
                "under Settings ▸ Technical ▸ Outgoing Mail Servers; then test again."
            )
        answer = " ".join((mail.failure_reason or "").split())[:ANSWER_SIZE]
        return _(
            "The test mail did not leave. The mail server says: “%s”. Check address, user name and password "
            "of the server, then test again.",
            answer or _("no answer"),
        )
