from odoo import models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    def write(self, vals):
        """A payment without journal entry pays its invoices by its state alone."""
        counted = self.filtered(lambda payment: payment.state in ("in_process", "paid"))
        result = super().write(vals)
        if "state" in vals:
            moves = self._relance_moves()
            moves.line_ids._relance_touch()
            if vals["state"] in ("rejected", "canceled", "draft"):
                counted._relance_moves().sudo()._relance_tell_reopened()
        return result

    def _relance_moves(self):
        """The invoices these payments pay."""
        return (self.invoice_ids | self.reconciled_invoice_ids).filtered("id")
