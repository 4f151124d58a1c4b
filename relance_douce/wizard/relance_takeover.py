"""What was done before the first start: mass actions on overdue customers."""

from collections import namedtuple

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import formatLang

from ..models.relance_takeover import Entry
from ..tools.ids import plausible
from ..tools.sheet import fold

#: so many names are written out, the others are counted
NAMES = 5

#: what an action will do in one company: the outcomes of the plan, and counts of what fits
Part = namedtuple("Part", "company outcomes customers invoices amount")


class RelanceTakeoverWizard(models.TransientModel):
    """Asks for what a mass action needs, and says what it will touch before it is done."""

    _name = "relance.takeover.wizard"
    _description = "Mass Action on Overdue Customers"

    kind = fields.Selection(
        lambda self: self.env["relance.takeover"]._fields["kind"]._description_selection(self.env),
        required=True,
        default="level",
    )
    row_ids = fields.Json(help="Ids of the rows of the list of overdue customers that were ticked.")
    level_choice_ids = fields.Many2many("relance.level", compute="_compute_level_choice_ids")
    level_id = fields.Many2one("relance.level", ondelete="set null")
    date = fields.Date(string="Last reminded on", help="The day on which these customers were last reminded.")
    channel = fields.Selection(
        lambda self: self.env["relance.reminder"]._sending_channels(),
        help="How they were reminded. Empty: by the first choice of the level.",
    )
    note = fields.Char()
    until = fields.Date(string="No reminders until", help="Last day without reminders.")
    policy_choice_ids = fields.Many2many("relance.policy", compute="_compute_policy_choice_ids")
    policy_id = fields.Many2one("relance.policy", ondelete="set null")
    payer_id = fields.Many2one("res.partner", ondelete="set null")
    audience = fields.Selection(
        lambda self: [
            (code, label)
            for code, label in self.env["res.partner"]
            ._fields["relance_audience"]
            ._description_selection(self.env)
            if code != "unknown"
        ]
    )
    is_complete = fields.Boolean(compute="_compute_summary")
    fits = fields.Boolean(compute="_compute_summary")
    summary = fields.Html(compute="_compute_summary", sanitize=False)

    # -- what may be chosen ---------------------------------------------------------------------
    @api.depends("row_ids")
    def _compute_level_choice_ids(self):
        """Each level once, whatever the number of policies that have one of this name."""
        for wizard in self:
            levels = wizard._rows().policy_id.level_ids.filtered(lambda level: level.delay_days >= 0)
            named = {}
            for level in levels.sorted("delay_days"):
                named.setdefault(fold(level.name), level)
            wizard.level_choice_ids = self.env["relance.level"].union(*named.values())

    @api.depends("row_ids")
    def _compute_policy_choice_ids(self):
        for wizard in self:
            companies = wizard._rows().company_id or self.env.company
            policies = self.env["relance.policy"]
            for company in companies:
                policies |= policies._usable(company).sudo(False)
            wizard.policy_choice_ids = policies._filtered_access("read")

    # -- what it will do ------------------------------------------------------------------------
    def _rows(self):
        """The rows that were ticked and are still overdue."""
        return self.env["relance.overdue"].search([("id", "in", self._row_ids())])

    def _row_ids(self):
        """The ids that were ticked; the field itself holds whatever a caller wrote into it."""
        return plausible(self.row_ids)

    def _is_complete(self):
        """Whether everything the action needs is there."""
        self.ensure_one()
        needed = {
            "level": ("level_id", "date"),
            "paused": ("until",),
            "policy": ("policy_id",),
            "payer": ("payer_id",),
            "audience": ("audience",),
        }
        return all(self[field] for field in needed.get(self.kind, ()))

    def _entry(self, customer):
        """What is said about one of the customers."""
        self.ensure_one()
        values = {
            "level": {
                "value": (fold(self.level_id.name), self.level_id.tone),
                "date": self.date,
                "note": self.level_id.name,
                "channel": self.channel or None,
            },
            "handed_over": {"note": self.note or None},
            "doubtful": {"note": self.note or None},
            "paused": {"date": self.until, "note": self.note or None},
            "policy": {"value": self.policy_id.id},
            "payer": {"value": self.payer_id._origin.id or self.payer_id.id},
            "audience": {"value": self.audience},
        }
        return Entry(customer.id, customer.id, **values[self.kind])

    def _parts(self):
        """The plan, company by company.

        :return: list of :class:`Part`
        """
        self.ensure_one()
        parts = []
        for company, rows in self._rows().grouped("company_id").items():
            outcomes = self.env["relance.takeover"]._plan(
                company, self.kind, [self._entry(customer) for customer in rows.partner_id]
            )
            fits = [outcome for outcome in outcomes if outcome.status == "fits"]
            lines = {row.move_line_id: row for outcome in fits for row in outcome.rows}
            parts.append(
                Part(
                    company,
                    outcomes,
                    len(fits),
                    len({row.move_id for row in lines.values()}),
                    sum(row.balance_residual for row in lines.values()),
                )
            )
        return parts

    def _part_text(self, part):
        """“12 customers, 31 invoices, 48 210,00 €”"""
        _ = self.env._
        customers = _("1 customer") if part.customers == 1 else _("%s customers", part.customers)
        invoices = _("1 invoice") if part.invoices == 1 else _("%s invoices", part.invoices)
        return _(
            "%(customers)s, %(invoices)s, %(amount)s",
            customers=customers,
            invoices=invoices,
            amount=formatLang(self.env, part.amount, currency_obj=part.company.currency_id),
        )

    @api.depends(
        "kind", "row_ids", "level_id", "date", "channel", "note", "until", "policy_id", "payer_id", "audience"
    )
    def _compute_summary(self):
        for wizard in self:
            wizard.is_complete = wizard._is_complete()
            parts = wizard._parts() if wizard.is_complete else []
            wizard.fits = any(part.customers for part in parts)
            wizard.summary = self.env["ir.qweb"]._render(
                "relance_douce.takeover_summary", wizard._summary_values(parts)
            )

    def _summary_values(self, parts):
        """What the template of the summary shows."""
        rows = self._rows()
        gone = len(self._row_ids()) - len(rows)
        return {
            "several": len(rows.company_id) > 1,
            "selected": len(rows),
            "gone": gone,
            "parts": [
                {
                    "company": part.company.name,
                    "text": self._part_text(part) if part.customers else None,
                    "same": sum(outcome.status == "same" for outcome in part.outcomes),
                    "told": self._told(part),
                }
                for part in parts
            ],
        }

    def _told(self, part):
        """What stays as it is: each sentence once, with the customers it speaks of.

        :return: list of (names, sentences), names a str
        """
        customers = {}
        for outcome in part.outcomes:
            if outcome.sentences:
                customers.setdefault(outcome.sentences, []).append(outcome.entry.customer_id)
        partners = self.env["res.partner"]
        return [(self._names(partners.browse(ids)), sentences) for sentences, ids in customers.items()]

    def _names(self, partners):
        names = ", ".join(partners[:NAMES].mapped("display_name"))
        if len(partners) > NAMES:
            return self.env._("%(names)s and %(count)s others", names=names, count=len(partners) - NAMES)
        return names

    def action_confirm(self):
        """Do it, in every company, or in none."""
        self.ensure_one()
        if not self._is_complete():
            raise UserError(
                self.env._(
                    "Something is missing: fill in every field. What you had chosen may have been "
                    "deleted meanwhile."
                )
            )
        done = self.env["relance.takeover"]
        texts = []
        for part in self._parts():
            takeover = done._apply(part.company, self.kind, part.outcomes, self._what())
            if takeover:
                done += takeover
                texts.append(self._part_text(part))
        if not done:
            raise UserError(self.env._("There is nothing to do: read below the fields why."))
        return self._done_notification(done, texts)

    def _what(self):
        """What is done, in a few words, for the list of mass actions."""
        return {
            "level": lambda: self.level_id.name,
            "handed_over": lambda: self.note,
            "doubtful": lambda: self.note,
            "paused": lambda: self.note,
            "policy": lambda: self.policy_id.name,
            "payer": lambda: self.payer_id.display_name,
            "audience": lambda: dict(self._fields["audience"]._description_selection(self.env))[
                self.audience
            ],
        }[self.kind]()

    def _done_notification(self, takeovers, texts):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "title": kinds[self.kind],
                "message": self.env._("%s. To take it back: %%s", " · ".join(texts)),
                "links": [
                    {
                        "label": self.env._("Mass actions"),
                        "url": "/odoo/mass-actions" + (f"/{takeovers.id}" if len(takeovers) == 1 else ""),
                    }
                ],
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
