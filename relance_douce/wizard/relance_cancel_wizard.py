from odoo import fields, models


class RelanceCancelWizard(models.TransientModel):
    """Asks until when and why a reminder, or an invoice of it, is left alone."""

    _name = "relance.cancel.wizard"
    _description = "Leave Alone"

    reminder_ids = fields.Many2many("relance.reminder")
    line_ids = fields.Many2many("relance.reminder.line")
    until = fields.Date(
        help="Last day of rest; afterwards dunning goes on where it stood. Empty: the next "
        "run may prepare it again."
    )
    reason = fields.Char(required=True)

    def action_confirm(self):
        self.ensure_one()
        if self.line_ids:
            self.line_ids._leave_alone(self.until, self.reason)
        else:
            self.reminder_ids.action_cancel(self.until, self.reason)
        return {"type": "ir.actions.act_window_close"}
