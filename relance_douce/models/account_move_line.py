from odoo import api, fields, models

from .relance_decision import SETTLED_STATES


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    relance_level_id = fields.Many2one(
        "relance.level",
        string="Dunning level",
        copy=False,
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        groups="relance_douce.group_relance_reader",
    )
    relance_level_date = fields.Date(
        string="Level decided on",
        copy=False,
        readonly=True,
        groups="relance_douce.group_relance_reader",
    )

    def _relance_claimable(self):
        """Whether this one line may still be claimed, by what the books say now."""
        self.ensure_one()
        return (
            self.parent_state == "posted"
            and not self.reconciled
            and self.amount_residual > 0
            and not self.no_followup
            and self.move_id.payment_state not in (*SETTLED_STATES, "blocked")
        )

    def _relance_levels_changed(self):
        """Levels were written in bulk: forget what is in memory."""
        self.invalidate_recordset(["relance_level_id", "relance_level_date"])
        self.move_id._relance_invalidate()

    def _relance_touch(self):
        """The books of these lines changed: what is pending follows."""
        lines = self.filtered(lambda line: line.partner_id and line.account_type == "asset_receivable")
        if lines:
            # the user pays, matches or cancels and need not know about reminders
            self.env["relance.reminder"].sudo()._touch(lines.sudo())
            self.env["relance.plan"].sudo()._touch(lines.sudo())
            lines.move_id._relance_invalidate()

    @api.private
    def _relance_reopened(self):
        """A payment was undone: the line goes on where it stood, or anew after 90 days."""
        # whoever undoes a payment need not know about reminders
        lines = self.sudo().exists().filtered(lambda line: line.relance_level_id and not line.reconciled)
        if not lines:
            return
        lines.move_id._relance_tell_reopened()
        old = self.browse().sudo()
        for company, own in lines.grouped("company_id").items():
            limit = fields.Date.subtract(company._relance_date(), days=90)
            old += own.filtered_domain([("relance_level_date", "<", limit)])
        if not old:
            return
        self.env["relance.reminder.line"].sudo().search(
            [("move_line_id", "in", old.ids), ("counts", "=", True)]
        ).counts = False
        old._relance_forget_levels()

    def _relance_forget_levels(self):
        """From the start: no level reached."""
        self.with_context(tracking_disable=True).write(
            {"relance_level_id": False, "relance_level_date": False}
        )

    def write(self, vals):
        result = super().write(vals)
        if not vals.keys().isdisjoint({"no_followup", "date_maturity", "partner_id"}):
            self._relance_touch()
        return result
