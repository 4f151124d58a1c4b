from odoo import fields, models
from odoo.exceptions import AccessError


class RelanceHold(models.Model):
    """A line that is left alone for a while, with who said so and why.

    The host's journal items are never blocked by it: it goes with them.
    """

    _name = "relance.hold"
    _description = "Held Invoice Line"
    _order = "id desc"
    _rec_name = "note"

    move_line_id = fields.Many2one("account.move.line", required=True, ondelete="cascade", index=True)
    move_id = fields.Many2one(related="move_line_id.move_id", string="Invoice")
    company_id = fields.Many2one("res.company", required=True, ondelete="cascade", index=True)
    partner_id = fields.Many2one("res.partner", string="Payer", ondelete="cascade", index=True)
    reason = fields.Selection(
        [
            ("paused", "Paused"),
            ("approval", "Not approved in time"),
            ("handed_over", "With the lawyer"),
        ],
        required=True,
    )
    until = fields.Date(help="Last day of the hold; empty until somebody releases it.")
    note = fields.Char(string="Why")
    user_id = fields.Many2one("res.users", string="By", default=lambda self: self.env.user)
    active = fields.Boolean(default=True)

    _live = models.Index("(move_line_id) WHERE active")
    _handed_over_once = models.UniqueIndex(
        "(move_line_id) WHERE active AND reason = 'handed_over'",
        "Somebody else just handed one of these invoices over: reload the list.",
    )

    def action_release(self):
        """End the hold: the line goes on where it stood."""
        self.check_access("read")
        self.env["relance.reminder"]._check_user()
        if (
            not self.env.su
            and "approval" in self.mapped("reason")
            and not self.env.user.has_group("relance_douce.group_relance_manager")
        ):
            raise AccessError(self.env._("A dunning manager releases what was not approved."))
        self.sudo().active = False  # the right was just checked
        self.env["account.move"]._relance_invalidate()
