from odoo import models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    def write(self, vals):
        """A payment without journal entry pays its invoices by its state alone."""
        result = super().write(vals)
        if "state" in vals:
            moves = (self.invoice_ids | self.reconciled_invoice_ids).filtered("id")
            moves.line_ids._relance_touch()
            if vals["state"] in ("rejected", "canceled", "draft"):
                moves.sudo()._relance_tell_reopened()
        return result
