"""How our mails are handed to the mail server: looked at once more, and written down first.

No protocol tells a sender whether a mail was taken when the line breaks before the answer
(RFC 1047). So what is about to be handed over is noted and committed before the server hears of
it. Whoever finds that note without an answer later knows that the mail may have left: it goes
again with the same Message-ID, and the customer's case says so.
"""

import contextlib
import logging
import smtplib

import psycopg2

from odoo import fields, models
from odoo.tools import mute_logger

_logger = logging.getLogger(__name__)

#: whose messages are followed
SENDERS = ("relance.reminder", "relance.plan.message")


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _send(
        self,
        auto_commit=False,
        raise_exception=False,
        smtp_session=None,
        alias_domain_id=False,
        mail_server=False,
        post_send_callback=None,
    ):
        options = {
            "auto_commit": auto_commit,
            "raise_exception": raise_exception,
            "smtp_session": smtp_session,
            "alias_domain_id": alias_domain_id,
            "mail_server": mail_server,
            "post_send_callback": post_send_callback,
        }
        ours = self._relance_mails()
        others = self - ours
        if others or not ours:
            super(MailMail, others)._send(**options)
        for mail in ours:
            if not mail._relance_claim(auto_commit):
                if auto_commit and post_send_callback:
                    post_send_callback(mail.ids)
                continue
            watch = TextWatch(smtp_session)
            try:
                with watch:
                    super(MailMail, mail)._send(**options)
            except (smtplib.SMTPServerDisconnected, psycopg2.Error) as error:
                if not auto_commit:
                    raise
                mail._relance_interrupted(error, watch.is_certain)
                if isinstance(error, smtplib.SMTPServerDisconnected):
                    # the others need a new connection, which the queue opens when it goes on
                    if post_send_callback:
                        post_send_callback(mail.ids)
                    raise
            else:
                mail._relance_answered(auto_commit)
        return True

    def _relance_mails(self):
        """Those of these mails that carry a reminder or a message about a plan."""
        messages = self.mail_message_id.filtered(lambda one: one.model in ("relance.case", "relance.plan"))
        if not messages:
            return self.browse()
        # the mail queue runs under any user
        carried = [
            self.env[model].sudo().search([("message_id", "in", messages.ids)]).message_id.ids
            for model in SENDERS
        ]
        ids = {message for found in carried for message in found}
        return self.filtered(lambda mail: mail.mail_message_id.id in ids)

    def _relance_carried(self):
        """The reminder or plan message that this mail carries, with full rights."""
        for model in SENDERS:
            found = self.env[model].sudo().search([("message_id", "=", self.mail_message_id.id)], limit=1)
            if found:
                return found
        return None

    def _relance_claim(self, auto_commit):
        """The point of no return: whether this mail goes to the server now.

        Where the queue may commit, what it reads is no older than this moment, and what is
        about to happen is on record before it does. Whatever somebody else holds just now
        stays in the outbox for the next round.

        :param auto_commit: as for the host's ``_send``
        """
        self.ensure_one()
        if auto_commit:
            # a snapshot of this moment: a payment since the last mail has to be seen
            self.env.cr.commit()
        try:
            # its log line would read as an error; a lost race is none
            with mute_logger("odoo.sql_db"):
                going = self._relance_look_again()
                if auto_commit:
                    self.env.cr.commit()
        except psycopg2.Error:
            if not auto_commit:
                raise
            # a payment or another sender was quicker: the next round sees what it left
            self.env.cr.rollback()
            _logger.info("Mail %s was changed meanwhile", self.id, exc_info=True)
            self._relance_come_back(fields.Datetime.now())
            self.env.cr.commit()
            return False
        return going

    def _relance_look_again(self):
        """Lock this mail and what it claims, and ask whether it is still true."""
        if not self.exists() or not self.try_lock_for_update() or self.state != "outgoing":
            return False
        carried = self._relance_carried()
        if not carried:
            return True
        now = fields.Datetime.now()
        if not carried.try_lock_for_update() or not carried._lock_claims():
            self._relance_come_back(now)
            return False
        if carried.state != "sent":
            # it went on without this mail: cancelled, overtaken, or by another channel
            self._relance_cancel()
        elif carried._is_still_claimed(now):
            carried._note_handover(now)
            return True
        elif carried.handover_date:
            # it may have left: what it says is on record, it is only not said a second time
            carried._leave_unanswered()
            self._relance_cancel()
        else:
            carried._withdraw(now)
        return False

    def _relance_cancel(self):
        """This mail is not sent, and nobody waits to hear what became of it."""
        self.cancel()
        # the host's bookkeeping of the same mail
        notifications = self.env["mail.notification"].sudo().search([("mail_mail_id", "in", self.ids)])
        notifications.notification_status = "canceled"

    def _relance_come_back(self, now):
        """What somebody else holds just now is looked at again in a minute."""
        queue = self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()  # whoever sends may wake it
        queue._trigger(fields.Datetime.add(now, minutes=1))

    def _relance_answered(self, auto_commit):
        """The server took it or refused it: nothing is uncertain any more."""
        carried = self.exists() and self._relance_carried()
        if carried and carried.handover_date:
            carried.handover_date = False
            if auto_commit:
                self.env.cr.commit()

    def _relance_interrupted(self, error, certain):
        """Line or database broke while this mail was handed over.

        :param certain: the server cannot have taken it
        """
        self.env.cr.rollback()
        carried = self._relance_carried()
        if carried and certain:
            carried.handover_date = False
        if isinstance(error, smtplib.SMTPServerDisconnected):
            # out of the way of the others: it is queued again with the failed ones
            reason = str(error)
            self.write({"state": "exception", "failure_type": "mail_smtp", "failure_reason": reason})
            self._postprocess_sent_message(
                success_pids=[], success_emails=[], failure_reason=reason, failure_type="mail_smtp"
            )
        self.env.cr.commit()


class TextWatch(contextlib.AbstractContextManager):
    """Tells whether the text of a mail was given to the server: before, it cannot have taken it.

    :param session: the open connection
    """

    def __init__(self, session):
        self.session = session if isinstance(session, smtplib.SMTP) else None
        self.is_certain = self.session is not None

    def __enter__(self):
        if self.session is not None:
            self.session.data = self._data
        return self

    def _data(self, text):
        self.is_certain = False
        return type(self.session).data(self.session, text)

    def __exit__(self, *exc):
        if self.session is not None:
            del self.session.data
