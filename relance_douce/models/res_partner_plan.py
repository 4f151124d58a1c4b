"""Payment plans on the customer's page."""

from odoo import fields, models
from odoo.exceptions import UserError

from .relance_decision import SETTLED_STATES
from .res_partner import READERS


class ResPartner(models.Model):
    _inherit = "res.partner"

    relance_plan_count = fields.Integer(compute="_compute_relance_plan_count", groups=READERS)

    def _compute_relance_plan_count(self):
        """Plans of the whole legal person that the reader may see."""
        # several contacts of one company show the same number
        counts = {}
        for plan in self.env["relance.plan"].search(self._relance_plan_domain()):
            for partner in {plan.partner_id.commercial_partner_id, plan.debtor_id.commercial_partner_id}:
                counts[partner.id] = counts.get(partner.id, 0) + 1
        for partner in self:
            partner.relance_plan_count = counts.get(partner.commercial_partner_id.id, 0)

    def _relance_plan_domain(self):
        own = self.commercial_partner_id.ids
        return [
            "|",
            ("partner_id.commercial_partner_id", "in", own),
            ("debtor_id.commercial_partner_id", "in", own),
        ]

    def action_relance_plans(self):
        """The payment plans of this customer."""
        self.check_access("read")
        return self.env["relance.plan"].search(self._relance_plan_domain())._open_action()

    def action_negotiate_plan(self):
        """Open the negotiation over what this customer has overdue, else over what is open."""
        self.ensure_one()
        # first the right that is missing, then the books it gives access to
        self.env["relance.reminder"]._check_user()
        self.check_access("read")
        lines = self._relance_open_lines()
        if not lines:
            raise UserError(self.env._("Nothing is open at %s.", self.display_name))
        today = self.env.company._relance_date()
        overdue = lines.filtered(lambda line: (line.date_maturity or line.date) < today)
        return self.env["relance.plan.negotiate"]._open(overdue or lines)

    def _relance_open_lines(self):
        """What this customer, and whoever he pays for, has to pay in the current company."""
        company = self.env.company
        own = self.commercial_partner_id
        return self.env["account.move.line"].search(
            [
                ("company_id", "=", company.id),
                ("account_id", "in", company._relance_account_ids()),
                ("parent_state", "=", "posted"),
                ("reconciled", "=", False),
                ("amount_residual", ">", 0),
                ("move_id.payment_state", "not in", SETTLED_STATES),
                "|",
                ("partner_id.commercial_partner_id", "in", own.ids),
                ("partner_id.commercial_partner_id.relance_payer_id", "in", own.ids),
            ],
            order="date_maturity, id",
        )
