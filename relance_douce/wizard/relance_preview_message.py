"""A message as the payer would get it, made by the engine itself and thrown away."""

import base64

from odoo import api, fields, models
from odoo.exceptions import UserError


class RelancePreviewMessage(models.TransientModel):
    """Names one message of a preview; what it says is made anew each time it is read."""

    _name = "relance.preview.message"
    _description = "Previewed Message"

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    currency_id = fields.Many2one(related="company_id.currency_id")
    partner_id = fields.Many2one(
        "res.partner", string="Payer", required=True, readonly=True, ondelete="cascade"
    )
    date = fields.Date(required=True, readonly=True)
    needs_approval = fields.Boolean(readonly=True, help="Which of the payer's two messages.")

    notice = fields.Text(compute="_compute_message", help="Why there is nothing to show.")
    level_id = fields.Many2one("relance.level", compute="_compute_message")
    tone = fields.Selection(related="level_id.tone")
    channel = fields.Selection(
        lambda self: self.env["relance.reminder"]._fields["channel"]._description_selection(self.env),
        compute="_compute_message",
    )
    recipient = fields.Char(compute="_compute_message")
    sender = fields.Char(string="Signed by", compute="_compute_message")
    date_leaving = fields.Date(string="Leaves on", compute="_compute_message")
    approval = fields.Selection(related="level_id.approval")
    balance_total = fields.Monetary(string="Claimed", compute="_compute_message")
    invoices = fields.Char(compute="_compute_message")
    subject = fields.Char(compute="_compute_message")
    body = fields.Html(string="Message", compute="_compute_message", sanitize=False)
    attachments = fields.Char(compute="_compute_message")
    has_letter = fields.Boolean(string="Letter", compute="_compute_message")
    letter = fields.Binary(string="Letter as PDF", compute="_compute_letter", exportable=False)

    # -- one after the other ---------------------------------------------------------------------------
    @api.model
    @api.private
    def _open(self, line):
        """The dialog with the message in which ``line`` (of the preview) leaves."""
        line.check_access("read")
        return self._open_at(line.company_id, line.date, line.partner_id, line.needs_approval)

    @api.model
    @api.private
    def _open_first(self, company, date):
        """The dialog with the first message of that day.

        :raise UserError: nothing leaves on that day
        """
        messages = self._messages(company, date)
        if not messages:
            raise UserError(self.env._("Nothing leaves on that day: choose another one."))
        return self._open_at(company, date, *messages[0])

    @api.model
    def _messages(self, company, date):
        """All messages of that day: list of (payer, whether somebody approves it), by name."""
        lines = self.env["relance.preview.line"].with_context(
            relance_preview_company=company.id, relance_preview_date=str(date), relance_preview_until=False
        )
        messages = lines._read_group([("verdict", "=", "send")], ["partner_id", "needs_approval"])
        return sorted(messages, key=lambda one: (one[0].display_name.lower(), one[0].id, one[1]))

    def _open_at(self, company, date, partner, needs_approval):
        # named only here: whoever may read the lines may see their messages
        message = self.sudo().create(
            {
                "company_id": company.id,
                "partner_id": partner.id,
                "date": date,
                "needs_approval": needs_approval,
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("As the customer would get it"),
            "res_model": self._name,
            "res_id": message.id,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
        }

    def _open_beside(self, step):
        """The message ``step`` further in the list of that day; it begins anew at its end."""
        self.ensure_one()
        self.check_access("read")
        messages = self._messages(self.company_id, self.date)
        own = (self.partner_id, self.needs_approval)
        if not messages or messages == [own]:
            raise UserError(self.env._("No other message leaves on that day."))
        position = messages.index(own) + step if own in messages else 0
        return self._open_at(self.company_id, self.date, *messages[position % len(messages)])

    def action_next(self):
        return self._open_beside(1)

    def action_previous(self):
        return self._open_beside(-1)

    # -- made by the engine, thrown away ---------------------------------------------------------------
    def _compute_message(self):
        # all of them first: each rehearsal empties the cache
        values = [message._rehearsed(self._message_values, {}) for message in self]
        for message, own in zip(self, values, strict=True):
            message.update(
                {
                    "notice": False,
                    "level_id": False,
                    "channel": False,
                    "recipient": False,
                    "sender": False,
                    "date_leaving": False,
                    "balance_total": 0.0,
                    "invoices": False,
                    "subject": False,
                    "body": False,
                    "attachments": False,
                    "has_letter": False,
                    **own,
                }
            )

    def _compute_letter(self):
        self.env["relance.run"]._need_writing_cursor()
        # the host keeps the style sheets it compiled: that is no part of what is thrown away
        self.env["ir.actions.report"]._letter_compile_styles()
        letters = [message._rehearsed(self._letter_content, False) for message in self]
        for message, letter in zip(self, letters, strict=True):
            message.letter = letter

    def _rehearsed(self, read, nothing):
        """What ``read`` finds in the reminder that the engine makes; nothing of it stays.

        :param read: method that takes the reminder and returns plain values
        :param nothing: what stands for a message that cannot be made
        """
        self.ensure_one()
        self.env["relance.reminder"]._check_user()
        if self.company_id not in self.env.companies:
            return nothing
        company, date, partner = self.company_id.sudo(), self.date, self.partner_id.sudo()
        needs_approval = self.needs_approval
        with self.env["relance.run"]._rehearse(company, date, partner) as reminders:
            reminder = reminders.filtered(lambda one: one.needs_approval == needs_approval)
            if not reminder:
                return read(reminder)
            leaving = reminder._preview_leaving_date(company, date)
            return read(reminder.with_context(relance_date=leaving))

    def _message_values(self, reminder):
        """Values of the computed fields, read from a reminder that is about to vanish."""
        if not reminder:
            return {
                "notice": self.env._(
                    "Nothing leaves for this customer on that day any more: close this window "
                    "and open the preview again."
                )
            }
        values = {
            "level_id": reminder.level_id.id,
            "channel": reminder.channel,
            "recipient": reminder._preview_recipient(),
            "sender": reminder.user_id.name or reminder.company_id.name,
            "date_leaving": reminder.env.context["relance_date"],
            "balance_total": reminder.balance_total,
            "invoices": ", ".join(content.name or "" for content in reminder._claims()),
        }
        try:
            values.update(reminder._preview_texts())
        except UserError as error:
            values["notice"] = str(error)
        return values

    def _letter_content(self, reminder):
        """The letter as PDF in base64, or nothing where none would be made."""
        if not reminder or not reminder._preview_has_letter():
            return False
        reminder.env["ir.actions.report"]._relance_check_printer()
        reminder._freeze_plan_offers()
        contents = reminder.level_id.report_id._relance_letters(reminder)
        return base64.b64encode(contents[reminder.id])


class RelanceReminder(models.Model):
    _inherit = "relance.reminder"

    def _preview_leaving_date(self, company, date):
        """The day a reminder prepared on ``date`` leaves: post is not bound to hours."""
        return date if self.channel == "letter" else company._relance_working_day(date)

    def _preview_has_letter(self):
        return self.channel == "letter" or (self.channel == "email" and self.level_id.attach_letter)

    def _preview_texts(self):
        """Subject, body and attachments of the message, as its channel makes them."""
        self.ensure_one()
        if self.channel == "email":
            self._ensure_invoice_tokens()
        self._freeze_plan_offers()
        subject, body = self._preview()
        attachments = self._mail_attachments({})[self.id] if self.channel == "email" else []
        return {
            "subject": subject and self._plain_subject(subject),
            "body": body,
            "has_letter": self._preview_has_letter(),
            "attachments": ", ".join(attachment.name for attachment in attachments),
        }

    def _preview_recipient(self):
        """Whom the message goes to, and where."""
        contact = self.contact_id or self.partner_id
        if self.channel == "email":
            return f"{contact.name} <{contact.email_normalized}>"
        if self.channel == "letter":
            letter = self.env["relance.letter"]
            return ", ".join(letter._address(self.partner_id, contact, self.company_id)["lines"])
        return " · ".join(filter(None, [contact.name, self.contact_phone]))
