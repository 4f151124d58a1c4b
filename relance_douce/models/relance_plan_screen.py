"""What the screens of a plan open; every decision is taken elsewhere."""

from odoo import api, models
from odoo.tools import format_amount


class RelancePlan(models.Model):
    _inherit = "relance.plan"

    def action_redraw(self):
        """Negotiate this draft again on one screen."""
        self.ensure_one()
        self._allowed("draft")._renew_claims()
        return self.env["relance.plan.negotiate"]._open_draft(self)

    def action_open_agree_phone(self):
        """Ask who agreed on the phone."""
        return self._plan_wizard("relance.plan.agree", self.env._("Agreed on the phone"), kind="phone")

    def action_open_agree_paper(self):
        """Ask who signed the paper, and for its scan."""
        return self._plan_wizard("relance.plan.agree", self.env._("Signed on paper"), kind="paper")

    def action_open_withdraw(self):
        """Ask why the plan is withdrawn."""
        return self._plan_wizard("relance.plan.withdraw", self.env._("Withdraw the plan"))

    def _plan_wizard(self, model, name, **defaults):
        self.ensure_one()
        return self._wizard_action(model, name, plan_id=self.id, **defaults)

    def action_preview(self):
        """The page of this plan as the customer sees it."""
        self.ensure_one()
        # the link carries a token that only the customer and who may act for the house have
        return {"type": "ir.actions.act_url", "target": "new", "url": self._allowed().get_portal_url()}

    def action_print_agreement(self):
        """The signed agreement, or what the customer would sign."""
        self.ensure_one()
        if self.agreement_id:
            return {
                "type": "ir.actions.act_url",
                "url": f"/web/content/{self.agreement_id.id}?download=true",
                "target": "new",
            }
        return self.env.ref("relance_douce.report_plan_agreement").report_action(self)


class RelancePlanLine(models.Model):
    _inherit = "relance.plan.line"

    @api.depends("amount", "currency_id")
    @api.depends_context("relance_with_amount", "lang")
    def _compute_display_name(self):
        """A calendar has room for the amount and the payer, and for nothing else."""
        if not self.env.context.get("relance_with_amount"):
            return super()._compute_display_name()
        for line in self:
            amount = format_amount(self.env, line.amount, line.currency_id)
            line.display_name = f"{amount} {line.partner_id.display_name or ''}"
        return None
