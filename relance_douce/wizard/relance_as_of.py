import ast

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import date_utils

from ..report.relance_aged import AS_OF
from ..tools.text import long_date


class RelanceAsOf(models.TransientModel):
    """Asks for the date of the aged balance."""

    _name = "relance.as.of"
    _description = "Aged Balance as of a Date"

    choice = fields.Selection(
        [
            ("today", "Today"),
            ("month", "End of last month"),
            ("quarter", "End of last quarter"),
            ("year", "End of last fiscal year"),
            ("other", "Another date"),
        ],
        string="As of",
        default="month",
        required=True,
    )
    date = fields.Date(compute="_compute_date", store=True, readonly=False, precompute=True)

    @api.depends("choice")
    def _compute_date(self):
        for wizard in self:
            wizard.date = wizard._date_of_choice() or wizard.date

    @api.onchange("date")
    def _onchange_date(self):
        if self.date != self._date_of_choice():
            self.choice = "other"

    def _date_of_choice(self):
        """The day that the choice stands for, None for a day that is typed in."""
        company = self.env.company
        today = company._relance_date()
        starts = {
            "month": lambda: date_utils.start_of(today, "month"),
            "quarter": lambda: date_utils.start_of(today, "quarter"),
            "year": lambda: company.compute_fiscalyear_dates(today)["date_from"],
        }
        if self.choice == "today":
            return today
        start = starts.get(self.choice)
        return start and fields.Date.subtract(start(), days=1)

    def action_open(self):
        """The aged balance of the date, with the date in its title.

        The list that asked (``relance_in_place`` in the context) gets it in the infos of a
        closing dialog, to show it in its own place with its own filters.
        """
        self.ensure_one()
        if not self.date:
            raise UserError(self.env._("Choose the date of the aged balance."))
        action = self._aged_action()
        if self.env.context.get("relance_in_place"):
            return {"type": "ir.actions.act_window_close", "infos": {"relance_aged": action}}
        return action

    def _aged_action(self):
        action = self.env["ir.actions.act_window"]._for_xml_id("relance_douce.action_relance_aged")
        if self.date == self.env.company._relance_date():
            return action
        title = self.env._("Aged balance as of %s", long_date(self.env, self.date))
        context = ast.literal_eval(action["context"])
        return {
            **action,
            "name": title,
            "display_name": title,
            "context": {**context, AS_OF: fields.Date.to_string(self.date)},
        }
