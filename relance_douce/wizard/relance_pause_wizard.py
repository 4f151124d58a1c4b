from odoo import fields, models


class RelancePauseWizard(models.TransientModel):
    """Asks until when and why a payer is left alone."""

    _name = "relance.pause.wizard"
    _description = "Pause Dunning"

    case_ids = fields.Many2many("relance.case", required=True)
    until = fields.Date(required=True, help="Last day without reminders.")
    reason = fields.Char(required=True)

    def action_confirm(self):
        self.ensure_one()
        self.case_ids.action_pause(self.until, self.reason)
        return {"type": "ir.actions.act_window_close"}
