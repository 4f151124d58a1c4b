from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date


class RelanceReminderLine(models.Model):
    """What one reminder claimed: a snapshot that stays when the books move on."""

    _name = "relance.reminder.line"
    _description = "Reminded Invoice"
    _order = "date_maturity, id"
    _rec_name = "name"
    # the reminder says who made it and when; asked of each line, it costs a fifth of a run
    _log_access = False

    reminder_id = fields.Many2one("relance.reminder", required=True, ondelete="cascade", index=True)
    case_id = fields.Many2one("relance.case", ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", ondelete="cascade")
    # the host deletes and rebuilds its items freely: the snapshot outlives them
    move_line_id = fields.Many2one(
        "account.move.line", string="Journal item", ondelete="set null", index="btree_not_null"
    )
    move_id = fields.Many2one("account.move", string="Invoice", ondelete="set null", index="btree_not_null")
    debtor_id = fields.Many2one("res.partner", string="Customer", ondelete="set null")
    name = fields.Char(string="Number")
    ref = fields.Char(string="Your reference")
    date_invoice = fields.Date(string="Invoice date")
    date_maturity = fields.Date(string="Due date")
    currency_id = fields.Many2one("res.currency", required=True)
    amount_total = fields.Monetary(string="Amount")
    amount_residual = fields.Monetary(string="Left to pay")
    balance_residual = fields.Float(help="In the company's currency.")
    level_id = fields.Many2one("relance.level", ondelete="restrict")
    counts = fields.Boolean(help="Its level was reached by this contact, and still counts as reached.")
    dropped = fields.Boolean(help="No longer claimed by the second attempt of this contact.")
    previous_level_id = fields.Many2one("relance.level", ondelete="set null")
    previous_level_date = fields.Date()

    _once = models.UniqueIndex(
        "(move_line_id, level_id, case_id) WHERE counts",
        "This invoice was already reminded at this level.",
    )

    def _repeats_level(self):
        """Whether this contact repeats a level that was reached already."""
        return self.counts or self.reminder_id.kind == "contact"

    def _hold(self, until, note, reason="paused"):
        """Leave these invoices alone up to and including ``until`` (None: until released)."""
        return (
            self.env["relance.hold"]
            .sudo()  # holds also come from the engine; the caller checked the reminder
            .create(
                [
                    {
                        "move_line_id": content.move_line_id.id,
                        "company_id": content.company_id.id,
                        "partner_id": content.reminder_id.partner_id.id,
                        "reason": reason,
                        "until": until,
                        "note": note or False,
                    }
                    for content in self
                    if content.move_line_id
                ]
            )
        )

    def _drop(self, why):
        """Take these invoices out of reminders that did not leave yet.

        A reminder without invoices is cancelled, a smaller one is rendered anew.
        """
        reminders = self.reminder_id
        if not reminders:
            return
        names = {
            reminder: ", ".join(content.name or "" for content in self if content.reminder_id == reminder)
            for reminder in reminders
        }
        empty = reminders.filtered(lambda reminder: not (reminder._claims() - self))
        for reminder in reminders:
            reminder._log(reminder._titled(names[reminder], why))
        empty._set_cancelled(why)
        # the snapshot of a cancelled reminder stays readable
        rest = self.filtered(lambda content: content.reminder_id not in empty)
        # and so does what an earlier attempt of this contact claimed
        left = rest.filtered("reminder_id.date_sent")
        left.dropped = True
        (rest - left).unlink()
        (reminders - empty)._after_shrink()

    def _refresh_amounts(self):
        """Follow part payments as long as nothing left."""
        for content in self:
            line = content.move_line_id
            if content.currency_id.compare_amounts(content.amount_residual, line.amount_residual_currency):
                content.amount_residual = line.amount_residual_currency
                content.balance_residual = line.amount_residual
                content.reminder_id._after_shrink()

    def _leave_alone(self, until, reason):
        """Take these invoices out of their reminder and hold them up to ``until``.

        :raise UserError: without a day: a dropped invoice has to come back some day
        """
        self.reminder_id._allowed("draft", "ready")
        if not until:
            raise UserError(self.env._("Say until when this invoice is left alone."))
        self._hold(until, reason)
        self.sudo()._drop(
            self.env._(
                "Left alone until %(until)s. %(reason)s",
                until=format_date(self.env, until),
                reason=reason or "",
            ).strip()
        )

    def action_drop(self):
        """Open the wizard that leaves this invoice alone for a while."""
        self.check_access("read")
        self.reminder_id.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Leave this invoice alone"),
            "res_model": "relance.cancel.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_line_ids": self.ids},
        }
