from odoo import api, fields, models


class RelancePlanWithdraw(models.TransientModel):
    """Asks why a plan is withdrawn."""

    _name = "relance.plan.withdraw"
    _description = "Withdraw a Plan"

    plan_id = fields.Many2one("relance.plan", required=True, ondelete="cascade")
    plan_state = fields.Selection(related="plan_id.state")
    reason = fields.Char(required=True)

    @api.constrains("plan_id")
    def _check_plan(self):
        """Nobody learns the name or the state of a plan of others by pointing at it."""
        self.plan_id.sudo(False).check_access("write")  # the host checks with full rights

    def action_confirm(self):
        self.ensure_one()
        self.plan_id.action_cancel(self.reason)
        return {"type": "ir.actions.act_window_close"}
