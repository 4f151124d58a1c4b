"""How our mails are handed to the mail server: looked at once more, and written down first.

No protocol tells a sender whether a mail was taken when the line breaks before the answer
(RFC 1047). So what is about to be handed over is noted and committed before the server hears of
it. Whoever finds that note without an answer later knows that the mail may have left: it goes
again with the same Message-ID, and the customer's case says so.
"""

import contextlib
import logging
import smtplib
import time
from collections import defaultdict

import psycopg2

from odoo import fields, models
from odoo.tools import mute_logger

# the host's queue works mail by mail, and what has left cannot be rolled back
# pylint: disable=invalid-commit

_logger = logging.getLogger(__name__)

#: seconds after which the rules are asked again for what still waits
FRESH = 3


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
        carried = self._relance_carried()
        ours = self.filtered(lambda mail: mail.id in carried)
        others = self - ours
        if others or not ours:
            super(MailMail, others)._send(**options)
        look = SecondLook(carried)
        for mail_id in ours.ids:
            # alone: with each commit what was read of the others would be read again
            mail, record = self.browse(mail_id), carried[mail_id].with_prefetch()
            if not mail._relance_claim(record, look, auto_commit):
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
                mail._relance_interrupted(record, error, watch.is_certain)
                if isinstance(error, smtplib.SMTPServerDisconnected):
                    # the others need a new connection, which the queue opens when it goes on
                    if post_send_callback:
                        post_send_callback(mail.ids)
                    raise
            else:
                mail._relance_answered(record, auto_commit)
        return True

    def _relance_carried(self):
        """Mail id → the reminder or plan message that it carries, with full rights."""
        found = self.env["relance.mail.mixin"]._carried_by(self.mail_message_id)
        by_message = {record.message_id.id: record for records in found for record in records}
        return {
            mail.id: by_message[mail.mail_message_id.id]
            for mail in self
            if mail.mail_message_id.id in by_message
        }

    def _relance_claim(self, carried, look, auto_commit):
        """The point of no return: whether this mail goes to the server now.

        Where the queue may commit, what it reads is no older than this moment, and what is
        about to happen is on record before it does. Whatever somebody else holds just now
        stays in the outbox for the next round.

        :param carried: the reminder or plan message
        :param look: the :class:`SecondLook` of this round
        :param auto_commit: as for the host's ``_send``
        """
        self.ensure_one()
        if auto_commit:
            # a snapshot of this moment: a payment since the last mail has to be seen
            self.env.cr.commit()
        try:
            # its log line would read as an error; a lost race is none
            with mute_logger("odoo.sql_db"):
                going = self._relance_look_again(carried, look)
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

    def _relance_look_again(self, carried, look):
        """Lock this mail and what it claims, and ask whether it is still true."""
        now = fields.Datetime.now()
        if not self.exists():
            return False
        if not self.try_lock_for_update() or not carried.try_lock_for_update() or not carried._lock_claims():
            self._relance_come_back(now)
            return False
        if self.state != "outgoing":
            return False
        if carried.state != "sent":
            # it went on without this mail: cancelled, overtaken, or by another channel
            self._relance_cancel()
        elif look.allows(carried, now) and carried._is_as_booked():
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

    def _relance_answered(self, carried, auto_commit):
        """The server took it or refused it: nothing is uncertain any more."""
        if carried.exists().handover_date:
            carried.handover_date = False
            if auto_commit:
                self.env.cr.commit()

    def _relance_interrupted(self, carried, error, certain):
        """Line or database broke while this mail was handed over.

        :param certain: the server cannot have taken it
        """
        self.env.cr.rollback()
        if certain:
            carried.handover_date = False
        if isinstance(error, smtplib.SMTPServerDisconnected):
            # out of the way of the others: it is queued again with the failed ones
            reason = str(error)
            self.write({"state": "exception", "failure_type": "mail_smtp", "failure_reason": reason})
            self._postprocess_sent_message(
                success_pids=[], success_emails=[], failure_reason=reason, failure_type="mail_smtp"
            )
        self.env.cr.commit()


class SecondLook:
    """The rules, asked for all mails of a round at once, and again once the answer has aged.

    What is booked is looked at for each mail, see ``_is_as_booked``; this is about the rest:
    plans, promises, disputes, pauses.

    :param carried: dict mail id → reminder or plan message
    """

    def __init__(self, carried):
        self.waiting = dict.fromkeys(carried.values())
        self.allowed = set()
        self.until = 0

    def allows(self, record, now):
        """Whether what ``record`` says was true some seconds before ``now`` at most."""
        if time.monotonic() >= self.until:
            self._ask(now)
        self.waiting.pop(record, None)
        if record in self.allowed and record._was_agreed_since(fields.Datetime.subtract(now, minutes=1)):
            # as fresh as the books, then: what people agree on is seen the moment it is signed
            return bool(record._still_claimed(now))
        return record in self.allowed

    def _ask(self, now):
        self.allowed = set()
        by_model = defaultdict(list)
        for record in self.waiting:
            by_model[record._name].append(record)
        for records in by_model.values():
            self.allowed.update(records[0].concat(*records[1:]).exists()._still_claimed(now))
        self.until = time.monotonic() + FRESH


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
