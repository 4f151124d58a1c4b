from odoo import models


class BasePartnerMerge(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _merge(self, partner_ids, dst_partner=None, extra_checks=True):
        """Join the open cases first: only one may be open per payer and company."""
        partners = self.env["res.partner"].browse(partner_ids).exists()
        # whoever may merge contacts need not have rights on reminders
        self.env["relance.case"].sudo()._merge_cases_of(partners, dst_partner)
        return super()._merge(partner_ids, dst_partner=dst_partner, extra_checks=extra_checks)

    def _update_values(self, src_partners, dst_partner):
        """Two pauses become the longer one; the host would keep the one of ``dst_partner``."""
        # sudo: whoever may merge contacts need not have rights on reminders
        pauses = (src_partners + dst_partner).sudo().mapped("relance_paused_until")
        result = super()._update_values(src_partners, dst_partner)
        dst_partner.sudo().relance_paused_until = max(filter(None, pauses), default=False)
        return result
