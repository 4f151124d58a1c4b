"""The page of a case: how its payer stands today, by one decision."""

from odoo import api, fields, models
from odoo.tools import format_amount, format_date

#: what tells most about a payer goes first; what is only upcoming, last
RANKS = {"send": 3, "wait": 2, "hold": 1}


class RelanceCase(models.Model):
    _inherit = "relance.case"

    policy_id = fields.Many2one("relance.policy", compute="_compute_page", compute_sudo=True)
    next_level_id = fields.Many2one(
        "relance.level", string="Next level", compute="_compute_page", compute_sudo=True
    )
    step_date = fields.Date(
        string="From",
        compute="_compute_page",
        compute_sudo=True,
        help="First day on which the next step may take place.",
    )
    step_reason = fields.Char(string="Why", compute="_compute_page", compute_sudo=True)
    contact_id = fields.Many2one("res.partner", compute="_compute_page", compute_sudo=True)
    # tracked on the customer, not here: each write would ask who he is
    contact_email = fields.Char(related="contact_id.email", string="E-mail", tracking=False)
    contact_phone = fields.Char(related="contact_id.phone", string="Phone", tracking=False)
    overview = fields.Html(string="Open items", compute="_compute_page", compute_sudo=True, sanitize=False)
    live_plan_id = fields.Many2one(
        "relance.plan", string="Payment plan", compute="_compute_live_plan", compute_sudo=True
    )
    live_plan_note = fields.Char(compute="_compute_live_plan", compute_sudo=True)

    @api.depends("partner_id", "state", "level_id", "paused_until")
    @api.depends_context("lang", "uid")
    def _compute_page(self):
        """One decision and one look at the open items for all cases of a company."""
        may_open = self.env.user.has_groups("account.group_account_invoice,account.group_account_readonly")
        for company, cases in self.grouped("company_id").items():
            payers = cases.filtered(lambda case: case.state == "open").partner_id
            rows = cases._rows_by_payer(company, payers)
            items = {}
            for item in payers._relance_open_items(company):
                items.setdefault(item["payer_id"], []).append(item)
            for case in cases:
                is_open = case.partner_id in payers and case.state == "open"
                case._show(
                    rows.get(case.partner_id.id, []) if is_open else [],
                    items.get(case.partner_id.id, []) if is_open else [],
                    may_open,
                )

    def _rows_by_payer(self, company, payers):
        """Payer id → list of (row of the decision, its sentence)."""
        if not payers:
            return {}
        decision = self.env["relance.decision"]
        rows = decision._decide(company, company._relance_date(), payers)
        result = {}
        for row, sentence in zip(rows, decision._explain(rows), strict=True):
            result.setdefault(row.partner_id, []).append((row, sentence))
        return result

    def _show(self, rows, items, may_open):
        """Fill in the page of one case."""
        speaking, sentence = max(rows, key=lambda pair: self._page_rank(pair[0]), default=(None, False))
        levels = self.env["relance.level"]
        self.policy_id = (speaking and speaking.policy_id) or self.level_id.policy_id
        self.next_level_id = levels.browse(speaking and speaking.target_level_id)
        self.step_date = speaking and self.env["account.move"]._relance_next_date_of(speaking)
        self.step_reason = sentence
        self.contact_id = (
            self.env["res.partner"].browse(speaking and speaking.contact_id) or self._usual_contact()
        )
        self.overview = self._render_overview(rows, items, sentence, may_open)

    @api.model
    def _page_rank(self, row):
        """What is due speaks before what waits, what waits before what is held."""
        rank = 0 if row.reason == "not_due" else RANKS.get(row.verdict, 0)
        return rank, row.days_late, -row.move_line_id

    def _usual_contact(self):
        """Who is spoken to where nothing is open any more."""
        payer = self.partner_id
        return payer.relance_contact_id or payer.browse(payer.address_get(["invoice"])["invoice"])

    @api.depends("plan_ids.state", "plan_ids.next_date", "plan_ids.amount_paid")
    @api.depends_context("lang")
    def _compute_live_plan(self):
        for case in self:
            plan = case.plan_ids.filtered(lambda one: one.state in ("active", "proposed"))[:1]
            case.live_plan_id = plan
            case.live_plan_note = plan and case._plan_note(plan)

    def _plan_note(self, plan):
        _ = self.env._
        if plan.state == "proposed":
            return _("offered, valid until %s", format_date(self.env, plan.date_valid))
        received = _(
            "%(paid)s received of %(total)s",
            paid=format_amount(self.env, plan.amount_paid, plan.currency_id),
            total=format_amount(self.env, plan.amount_total, plan.currency_id),
        )
        if not plan.next_date:
            return received
        following = _(
            "next: %(amount)s on %(date)s",
            amount=format_amount(self.env, plan.next_amount, plan.currency_id),
            date=format_date(self.env, plan.next_date),
        )
        return f"{received}, {following}"

    # -- what is open --------------------------------------------------------------------------
    def _render_overview(self, rows, items, sentence, may_open):
        sections = self._overview_sections(rows, items, sentence)
        several = len(sections) > 1 or any(one["debtor"] != self.partner_id for one in sections)
        return self.env["ir.qweb"]._render(
            "relance_douce.case_overview",
            {
                "case": self,
                "sections": sections,
                "several": several,
                "totals": self._overview_totals(items) if len(sections) > 1 else [],
                # who may not read invoices gets no links to them
                "link": self._invoice_link if may_open else None,
            },
        )

    def _invoice_link(self, row):
        return f"/odoo/dunning-cases/{self.id}/account.move/{row['move_id']}"

    def _overview_sections(self, rows, items, sentence):
        """Per establishment: its debts, its credits, and sums per currency.

        Why a debt is not reminded is said at the debt where it is not said for the case.
        """
        told = {row.move_line_id: (row, text) for row, text in rows}
        levels = self.env["relance.level"].browse({row.level_id for row, _text in rows} - {None})
        known = {level.id: level for level in levels}
        today = self.company_id._relance_date()
        sections = []
        items_of = {}
        for item in items:
            items_of.setdefault(item["debtor"], []).append(item)
        debtors = self.env["res.partner"].union(*items_of)
        for debtor in debtors._relance_establishments(self.partner_id):
            own = items_of[debtor]
            debts = []
            for item in own:
                if item["left"] <= 0:
                    continue
                row, text = told.get(item["move_line_id"], (None, ""))
                debts.append(
                    {
                        **item,
                        "days_late": max((today - item["date_due"]).days, 0),
                        "level": row and known.get(row.level_id),
                        "why": text if text != sentence else "",
                    }
                )
            sections.append(
                {
                    "debtor": debtor,
                    "debts": debts,
                    "credits": [item for item in own if item["left"] < 0],
                    "totals": self._overview_totals(own),
                }
            )
        return sections

    def _overview_totals(self, items):
        """Sums per currency: what is owed, how much of it is late, credits, and the balance."""
        today = self.company_id._relance_date()
        totals = []
        for currency in dict.fromkeys(item["currency"] for item in items):
            own = [item for item in items if item["currency"] == currency]
            debts = [item for item in own if item["left"] > 0]
            totals.append(
                {
                    "currency": currency,
                    "debts": sum(item["left"] for item in debts),
                    "late": sum(item["left"] for item in debts if item["date_due"] < today),
                    "credits": sum(item["left"] for item in own if item["left"] < 0),
                    "left": sum(item["left"] for item in own),
                }
            )
        return totals


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _relance_establishments(self, payer):
        """These customers in the order in which one reads them: ``payer`` first, then by name.

        :param payer: ``res.partner`` who pays for all of them
        """
        return self.sorted(lambda one: (one != payer, one.name or "", one.city or "", one.id))

    def _relance_establishment_name(self):
        """Name and town: what tells the shops of a chain apart."""
        self.ensure_one()
        return ", ".join(filter(None, [self.name, self.city]))
