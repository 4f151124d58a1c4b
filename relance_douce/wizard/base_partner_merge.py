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
        """What was settled for one of the contacts holds for the one that stays."""
        # sudo: whoever may merge contacts need not have rights on reminders
        merged = (src_partners + dst_partner).sudo()
        merged._relance_pay_for_themselves(dst_partner.sudo())
        pauses = merged.mapped("relance_paused_until")
        result = super()._update_values(src_partners, dst_partner)
        dst_partner = dst_partner.sudo()
        dst_partner.relance_paused_until = max(filter(None, pauses), default=False)
        # each company has settings of its own
        companies = self.env["res.company"].sudo().search([])  # pylint: disable=no-search-all
        for company in companies:
            dst_partner.with_company(company)._relance_take_settings(
                src_partners.sudo().with_company(company)
            )
        return result
