from odoo import api, fields, models


class RelancePlanAgree(models.TransientModel):
    """Asks who agreed to a proposed plan, and for the scan where he signed on paper."""

    _name = "relance.plan.agree"
    _description = "Plan Agreed"

    plan_id = fields.Many2one("relance.plan", required=True, ondelete="cascade")
    kind = fields.Selection([("phone", "Agreed on the phone"), ("paper", "Signed on paper")], required=True)
    signed_by = fields.Char(
        string="Name",
        required=True,
        compute="_compute_signer",
        store=True,
        readonly=False,
    )
    signed_function = fields.Char(string="Function", compute="_compute_signer", store=True, readonly=False)
    scan = fields.Binary(attachment=False, help="The signed paper, as PDF or picture.")
    scan_name = fields.Char(string="File name")

    @api.depends("plan_id")
    def _compute_signer(self):
        """Whoever spoke for the customer, until another name is entered."""
        for wizard in self:
            # stored values are computed with full rights: of a plan of others this tells nothing
            plan = wizard.plan_id.sudo(False)._filtered_access("read")
            contact = plan.contact_id
            wizard.signed_by = plan.signer_name or (contact.name if not contact.is_company else False)
            wizard.signed_function = plan.signer_function or contact.function

    @api.constrains("plan_id")
    def _check_plan(self):
        """Nobody learns the name or the state of a plan of others by pointing at it."""
        self.plan_id.sudo(False).check_access("write")  # the host checks with full rights

    def action_confirm(self):
        self.ensure_one()
        self.plan_id.action_accept(
            kind=self.kind,
            signed_by=self.signed_by,
            function=self.signed_function,
            scan=self._scan(),
        )
        return {"type": "ir.actions.act_window_close"}

    def _scan(self):
        """The paper as an attachment of the plan, or None."""
        if not self.scan:
            return None
        # belongs to the plan, which people write with its buttons only
        return (
            self.env["ir.attachment"]
            .sudo()
            .create(
                {
                    "name": self.scan_name or self.env._("Signed agreement %s", self.plan_id.name),
                    "datas": self.scan,
                    "res_model": "relance.plan",
                    "res_id": self.plan_id.id,
                }
            )
        )
