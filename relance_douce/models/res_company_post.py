"""What the company's post room is like."""

from datetime import timedelta

from odoo import api, fields, models

#: a company that is closed for longer posts on the day itself
POST_HORIZON = 31


class ResCompany(models.Model):
    _inherit = "res.company"

    relance_duplex = fields.Boolean(
        string="Letters printed on both sides",
        help="Where several letters are printed together, each begins on a new sheet.",
    )

    @api.private
    def _relance_posting_date(self, date=None):
        """The local ``date`` (default today), or the next day on which the company works.

        Where it is closed for a month it posts on the day itself.
        """
        self.ensure_one()
        date = date or self._relance_date()
        if not self.resource_calendar_id:
            return date
        return min(self._relance_open_days(date, date + timedelta(days=POST_HORIZON)), default=date)
