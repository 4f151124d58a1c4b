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

    def _delete_and_notify(self, message=None):
        """The cross beside an attachment in a chatter: the host deletes with full rights."""
        self._relance_refuse_evidence()
        return super()._delete_and_notify(message)

    def _relance_check_evidence(self):
        """Refuse people; the engine replaces what did not leave yet."""
        if not self.env.su:
            self._relance_refuse_evidence()

    def _relance_refuse_evidence(self):
        """What a customer signed or was sent is evidence: nobody changes or deletes it.

        :raise UserError: one of these is such a document
        """
        by_model = self.grouped("res_model")
        # whether one is evidence is no secret
        if "relance.plan" in by_model and self.env["relance.plan"].sudo()._is_evidence(self):
            raise UserError(self.env._("This document belongs to a payment plan and stays as it was signed."))
        # each letter of a reminder that went more than one way
        letters = by_model.get("relance.reminder", self.browse()).mapped("res_id")
        if self.env["relance.reminder"].sudo().browse(letters).exists().filtered("date_sent"):
            raise UserError(self.env._("This letter has left and stays as it was sent."))
