from odoo import fields, models
from odoo.fields import Command
from odoo.tools import html2plaintext


class RelanceMailMixin(models.AbstractModel):
    """What leaves as a mail in the name of a person, and how its delivery is followed.

    Models of messages inherit it. They have ``company_id``, ``partner_id``, ``contact_id``
    and ``user_id``, and :meth:`_thread` says whose chatter they belong to.
    """

    _name = "relance.mail.mixin"
    _description = "Outgoing Message"

    lang = fields.Char(compute="_compute_lang", help="Language of the message.")
    message_id = fields.Many2one("mail.message", readonly=True, ondelete="set null", index=True)

    def _thread(self):
        """The record whose chatter shows these messages, one per message."""
        raise NotImplementedError

    def _compute_lang(self):
        """The contact's language if it is installed, else the company's, else English."""
        installed = {code for code, _name in self.env["res.lang"].get_installed()}
        for record in self:
            record.lang = next(
                (
                    lang
                    for lang in (
                        record.contact_id.lang,
                        record.partner_id.lang,
                        record.company_id.partner_id.lang,
                        record.user_id.lang,
                    )
                    if lang in installed
                ),
                "en_US",
            )

    # -- e-mail ------------------------------------------------------------------------------
    def _create_messages(self, subjects, bodies, attachments):
        """The messages in the chatter of their threads, one each, without followers.

        :param subjects: dict id → text
        :param bodies: dict id → ``Markup``
        :param attachments: dict id → list of ``ir.attachment``
        """
        replies = self._reply_addresses()
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
                        "subtype_id": self.env.ref("mail.mt_comment").id,
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
