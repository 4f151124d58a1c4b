from odoo import api, fields, models


class RelancePlanNegotiate(models.TransientModel):
    """The negotiation of a payment plan, in the order of a phone call."""

    _name = "relance.plan.negotiate"
    _description = "Negotiate a Payment Plan"

    move_line_ids = fields.Many2many("account.move.line", string="Invoices")
    replaces_id = fields.Many2one("relance.plan")
    line_ids = fields.One2many("relance.plan.negotiate.line", "wizard_id")

    @api.model
    @api.private
    def _open(self, move_lines, moves=None, replaces=None):
        """The action that opens the negotiation over ``move_lines``."""
        return {}


class RelancePlanNegotiateLine(models.TransientModel):
    _name = "relance.plan.negotiate.line"
    _description = "Instalment to be Negotiated"

    wizard_id = fields.Many2one("relance.plan.negotiate", required=True, ondelete="cascade")
