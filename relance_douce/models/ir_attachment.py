from odoo import api, models
from odoo.exceptions import UserError


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    def write(self, vals):
        if not vals.keys().isdisjoint(
            {"raw", "datas", "store_fname", "db_datas", "res_model", "res_id", "name"}
        ):
            self._relance_check_evidence()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_relance_evidence(self):
        self._relance_check_evidence()

    def _relance_check_evidence(self):
        """What a customer signed or was sent is evidence: nobody changes or deletes it.

        :raise UserError: one of these is such a document
        """
        if self.env.su or not self.filtered(lambda one: one.res_model == "relance.plan"):
            return
        plans = self.env["relance.plan"].sudo()  # whether one is evidence is no secret
        evidence = plans.search_count(
            ["|", ("agreement_id", "in", self.ids), ("scan_id", "in", self.ids)], limit=1
        ) or plans.env["relance.plan.message"].search_count([("attachment_id", "in", self.ids)], limit=1)
        if evidence:
            raise UserError(self.env._("This document belongs to a payment plan and stays as it was signed."))
