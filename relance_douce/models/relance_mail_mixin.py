import logging
import re

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tools import html2plaintext

from ..tools.race import LOST_RACES, again_if_lost

_logger = logging.getLogger(__name__)

#: failures that say nothing about the address: the same message is sent again. Odoo calls
#: whatever a server answered while it took the mail “unknown”.
TEMPORARY_FAILURES = (
    "mail_smtp",
    "mail_from_invalid",
    "mail_from_missing",
    "sms_server",
    "sms_credit",
    "sms_acc",
    "unknown",
)
#: the mail server refuses for good (RFC 5321: 5yz)
PERMANENT_REPLY = re.compile(r"\b5\d\d[ -]|\(5\d\d, b")
#: Python's name for a refusal of our own address, which says nothing about the customer's
SENDER_REFUSED = "SMTPSenderRefused"
#: model whose chatter shows a message → model of what it carries
CARRIED = {"relance.case": "relance.reminder", "relance.plan": "relance.plan.message"}
#: days after which a message that cannot be handed over takes the next channel
RETRY_DAYS = 3


class RelanceMailMixin(models.AbstractModel):
    """What leaves as a mail in the name of a person, and how its delivery is followed.

    Models of messages inherit it. They have ``company_id``, ``partner_id``, ``contact_id``,
    ``user_id``, ``channel``, ``state``, ``delivery_state`` and ``contact_date``;
    :meth:`_thread` says whose chatter they belong to.
    """

    _name = "relance.mail.mixin"
    _description = "Outgoing Message"

    lang = fields.Char(compute="_compute_lang", help="Language of the message.")
    message_id = fields.Many2one("mail.message", readonly=True, ondelete="set null", index=True)
    handover_date = fields.Datetime(
        string="Being handed over since",
        readonly=True,
        copy=False,
        help="The mail server was asked to take the message and has not answered yet.",
    )

    def _thread(self):
        """The record whose chatter shows these messages, one per message."""
        raise NotImplementedError

    def _compute_lang(self):
        """The contact's language if it is installed, else the company's, else English."""
        for record in self:
            company = record.company_id
            record.lang = company._relance_lang(
                record.contact_id, record.partner_id, company.partner_id, record.user_id
            )

    @api.model
    def _carried_by(self, messages):
        """The reminders and plan messages that these chatter messages carry, with full rights.

        The mail queue and the mail gateway run under any user.

        :param messages: ``mail.message`` records
        :return: list of recordsets, one for each model
        """
        found = []
        for thread, own in messages.sudo().grouped("model").items():
            if thread in CARRIED:
                found.append(self.env[CARRIED[thread]].sudo().search([("message_id", "in", own.ids)]))
        return found

    # -- one failing message does not stop the others -------------------------------------------
    def _set_failed(self, error, now):
        """Keep these, say what is wrong, and try again tomorrow."""
        raise NotImplementedError

    def _send_each(self, channel, now):
        """Send these by one channel; where the batch fails, each on its own."""
        try:
            with self.env.cr.savepoint():
                getattr(self, f"_send_by_{channel}")(now)
            return
        except LOST_RACES:
            # a lost race: the whole transaction is tried again
            raise
        except Exception as error:
            if not isinstance(error, UserError):
                _logger.warning("%s could not be sent", self, exc_info=True)
            if len(self) == 1:
                self._set_failed(error, now)
                return
        for record in self:
            record._send_each(channel, now)

    # -- e-mail ------------------------------------------------------------------------------
    def _create_messages(self, subjects, bodies, attachments):
        """The messages in the chatter of their threads, one each, without followers.

        :param subjects: dict id → text
        :param bodies: dict id → ``Markup``
        :param attachments: dict id → list of ``ir.attachment``
        """
        replies = self._reply_addresses()
        comment = self.env.ref("mail.mt_comment")
        # messages are the host's: whoever may send one may not create these by hand
        messages = (
            self.env["mail.message"]
            .sudo()
            .create(
                [
                    {
                        "model": record._thread()._name,
                        "res_id": record._thread().id,
                        "record_name": record._thread().display_name,
                        "message_type": "email_outgoing",
                        "subtype_id": comment.id,
                        "author_id": record._author().id,
                        "email_from": record._email_from(),
                        "reply_to": replies[record.id],
                        "subject": self._plain_subject(subjects[record.id]),
                        "body": bodies[record.id],
                        "partner_ids": [Command.link(record.contact_id.id)],
                        "attachment_ids": [
                            Command.link(attachment.id) for attachment in attachments.get(record.id, ())
                        ],
                    }
                    for record in self
                ]
            )
        )
        for record, message in zip(self, messages, strict=True):
            record.message_id = message
        return messages

    def _create_mails(self, messages, bodies):
        """The mails in the outbox and the notifications that follow their delivery."""
        mails = (
            self.env["mail.mail"]
            .sudo()  # as above: the outbox is the host's
            .create(
                [
                    {
                        "mail_message_id": message.id,
                        "body_html": bodies[record.id],
                        "recipient_ids": [Command.link(record.contact_id.id)],
                        "auto_delete": False,
                        "is_notification": True,
                    }
                    for record, message in zip(self, messages, strict=True)
                ]
            )
        )
        self.env["mail.notification"].sudo().create(
            [
                {
                    "author_id": message.author_id.id,
                    "mail_message_id": message.id,
                    "mail_mail_id": mail.id,
                    "res_partner_id": record.contact_id.id,
                    "mail_email_address": record.contact_id.email,
                    "notification_type": "email",
                    "notification_status": "ready",
                    "is_read": True,
                }
                for record, message, mail in zip(self, messages, mails, strict=True)
            ]
        )
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()

    def _reply_addresses(self):
        """Answers go to the thread, under the name of whoever signs: dict id → address."""
        addresses = {}
        for author, records in self.grouped(lambda one: one._author()).items():
            of_thread = records._thread()._notify_get_reply_to(author_id=author.id)
            for record in records:
                addresses[record.id] = of_thread.get(record._thread().id) or record._email_from()
        return addresses

    def _author(self):
        return self.user_id.partner_id or self.company_id.partner_id

    def _email_from(self):
        """Sender: whoever signs, the company, and at last whom the host sends as."""
        return self._own_address() or self.env.user.email_formatted

    def _own_address(self):
        return self._author().email_formatted or self.company_id.email_formatted

    def _plain_subject(self, subject):
        return html2plaintext(subject).replace("\n", " ").strip()

    # -- out of the outbox --------------------------------------------------------------------
    def _lock_claims(self):
        """Keep what this message claims as it is until the transaction ends.

        :return: False where somebody is just changing it
        """
        return True

    def _still_claimed(self, now):
        """Those of these messages that the rules would still send at ``now`` (naive UTC)."""
        raise NotImplementedError

    def _was_agreed_since(self, moment):
        """Whether something was agreed on or held about this message after ``moment`` (naive UTC)."""
        return False

    def _is_as_booked(self):
        """Whether the books still say what this message says of them."""
        return True

    def _withdraw(self, now):
        """Take this message, which did not leave yet, out of the outbox: it is not true any more."""
        raise NotImplementedError

    def _drop_mail(self):
        """The mail never left: neither it nor its message stays in the chatter."""
        self.ensure_one()
        self.message_id.unlink()
        self.invalidate_recordset(["message_id"])

    def _note_handover(self, now):
        """The mail server is about to be asked to take this message.

        Where an earlier asking stayed without an answer, whoever reads the case learns that
        the customer may have the message twice.
        """
        self.ensure_one()
        if self.handover_date:
            speaker = self.with_context(lang=self.company_id._relance_lang())
            speaker._thread()._message_log(
                body=speaker.env._(
                    "The connection broke while “%(subject)s” was handed to the mail server, and whether "
                    "it was taken is not known. It is sent again with the same Message-ID: %(customer)s "
                    "may receive it twice.",
                    subject=self.message_id.subject or "",
                    customer=self.contact_id.name or self.partner_id.name or "",
                )
            )
        self.handover_date = now

    def _leave_unanswered(self):
        """It may have left and is not true any more: it is not sent a second time."""
        self.ensure_one()
        speaker = self.with_context(lang=self.company_id._relance_lang())
        speaker._thread()._message_log(
            body=speaker.env._(
                "The connection broke while “%s” was handed to the mail server, and whether it was taken "
                "is not known. What it claims has changed since: it is not sent again.",
                self.message_id.subject or "",
            )
        )
        self.write({"handover_date": False, "delivery_state": False})

    # -- delivery ----------------------------------------------------------------------------
    def _undeliverable(self, why):
        """These did not reach the customer by their channel: the next one, or a person."""
        raise NotImplementedError

    def _set_delivery(self, status, failure_type=None, failure_reason=None):
        """What became of the outgoing message, told by the host's notification.

        :param status: ``notification_status`` of the host
        """
        temporary = failure_type in TEMPORARY_FAILURES and not (
            failure_type == "unknown" and self._is_refused_for_good(failure_reason)
        )
        sent = self.filtered(lambda record: record.state == "sent")
        if status == "sent":
            sent.write({"delivery_state": "delivered", "handover_date": False})
        elif status == "bounce":
            sent.delivery_state = "bounced"
            sent._remember_bounce()
            sent._undeliverable(self.env._("The e-mail came back."))
        elif status == "exception" and temporary:
            sent.delivery_state = "pending"
        elif status == "exception":
            sent.delivery_state = "failed"
            if failure_type in ("mail_email_invalid", "unknown"):
                sent._remember_bounce()
            sent._undeliverable(self.env._("The message could not be delivered."))

    @api.model
    def _is_refused_for_good(self, reason):
        """Whether the mail server will never take this mail for this customer.

        :param reason: the server's words, as the host keeps them
        """
        text = str(reason or "")
        return SENDER_REFUSED not in text and bool(PERMANENT_REPLY.search(text))

    def _remember_bounce(self):
        """No more e-mail to this address until it changes."""
        for contact in self.filtered(lambda one: one.channel == "email").contact_id:
            contact.relance_bounced_email = contact.email_normalized

    @api.model
    def _requeue_or_log(self, now, companies):
        """:meth:`_requeue_mails` of the scheduled actions; another worker may just be doing the same."""
        try:
            again_if_lost(self.env, lambda: self._requeue_mails(now, companies))
        except LOST_RACES:
            self.env.cr.rollback()
            _logger.info("Messages that failed are queued again in the next round", exc_info=True)
        # nobody waits for these while the action goes on
        self.env["ir.cron"]._commit_progress()

    @api.model
    @api.private
    def _requeue_mails(self, now=None, companies=None):
        """Messages that met no server leave again: mails with the same Message-ID.

        A refusal for good made its message failed or bounced: what is pending met no server.
        After ``RETRY_DAYS`` it is given up.

        :param companies: only messages of these, default all
        """
        domain = Domain("state", "=", "sent") & Domain("delivery_state", "=", "pending")
        if companies is not None:
            domain &= Domain("company_id", "in", companies.ids)
        pending = self.search(domain)
        waiting = [("mail_message_id", "in", pending.message_id.ids)]
        mails = self.env["mail.mail"].search([*waiting, ("state", "=", "exception")])
        texts = self.env["sms.sms"].search([*waiting, ("state", "=", "error")])
        failing = mails.mail_message_id + texts.mail_message_id
        stuck = self.browse()
        for company, own in pending.grouped("company_id").items():
            limit = fields.Date.subtract(company._relance_date(now), days=RETRY_DAYS)
            late = own.filtered_domain([("contact_date", "<", limit)])
            stuck += late.filtered(lambda one: one.message_id in failing)
        stuck.delivery_state = "failed"
        mails = mails.filtered(lambda mail: mail.mail_message_id not in stuck.message_id)
        texts = texts.filtered(lambda text: text.mail_message_id not in stuck.message_id)
        stuck._undeliverable(self.env._("The message could not be delivered."))
        # whatever somebody sends by hand just now is his
        mails = mails.try_lock_for_update()
        if mails:
            mails.write({"state": "outgoing", "failure_type": False, "failure_reason": False})
            self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()
        if texts:
            texts.write({"state": "outgoing", "failure_type": False})
        return mails
