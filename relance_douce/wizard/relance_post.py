from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date


class RelancePost(models.TransientModel):
    """Asks on which day a pile of letters was posted; holds the PDF that was printed for it."""

    _name = "relance.post"
    _description = "Post Letters"

    reminder_ids = fields.Many2many("relance.reminder", string="Letters")
    date = fields.Date(
        string="Posted on",
        required=True,
        default=lambda self: self._default_date(),
        help="The day on which the letters are handed to the post.",
    )
    letter_count = fields.Integer(string="Letters to post", compute="_compute_letters")
    registered_count = fields.Integer(string="With a tracking number", compute="_compute_letters")
    left_out = fields.Text(compute="_compute_letters", string="Not in the post")

    @api.model
    def _default_date(self):
        """The first day on which every sender of these letters can post."""
        letters = self.env["relance.reminder"].browse(self.env.context.get("default_reminder_ids"))
        companies = letters.company_id or self.env.company
        return min(company._relance_posting_date() for company in companies)

    @api.depends("reminder_ids")
    def _compute_letters(self):
        for wizard in self:
            letters = wizard.reminder_ids._origin
            left = letters._why_not_posted()
            going = letters.filtered(lambda one: one.id not in left)  # noqa: B023
            wizard.letter_count = len(going)
            wizard.registered_count = len(going.filtered("tracking_number"))
            wizard.left_out = "\n".join(left.values())

    def action_confirm(self):
        """The letters that can be are posted; a word about the others."""
        self.ensure_one()
        posted, left = self.reminder_ids._post(self.date)
        if not posted:
            raise UserError("\n".join(left.values()) or self.env._("No letter waits for the post here."))
        message = (
            self.env._("One letter posted on %s.", format_date(self.env, self.date))
            if len(posted) == 1
            else self.env._(
                "%(count)s letters posted on %(date)s.",
                count=len(posted),
                date=format_date(self.env, self.date),
            )
        )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if left else "success",
                "sticky": bool(left),
                "message": " ".join([message, *left.values()]),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    @api.model
    @api.private
    def _download(self, name, content):
        """``content``, a PDF, as a download that only this user can open.

        The file goes with its transient record: what was printed is kept letter by letter.
        """
        attachment = (
            self.env["ir.attachment"]
            .sudo()  # of a record that belongs to this user alone
            .create(
                {
                    "name": f"{name}.pdf",
                    "raw": content,
                    "mimetype": "application/pdf",
                    "res_model": self._name,
                    "res_id": self.create({}).id,
                }
            )
        )
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{attachment.id}?download=true",
            "target": "new",
        }
