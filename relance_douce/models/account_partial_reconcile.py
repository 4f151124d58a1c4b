from odoo import api, models


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    @api.model_create_multi
    def create(self, vals_list):
        partials = super().create(vals_list)
        partials.debit_move_id._relance_touch()
        return partials

    def unlink(self):
        if not self:
            return super().unlink()
        lines = self.debit_move_id
        was_paid = lines.filtered("reconciled")
        result = super().unlink()
        was_paid._relance_reopened()
        lines.exists()._relance_touch()
        return result
