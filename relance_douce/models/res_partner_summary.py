"""What a colleague should know before speaking to a customer: one sentence."""

from collections import defaultdict, namedtuple
from operator import ge, gt, le, lt

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, format_date, format_list, formatLang

from .res_partner import READERS

#: operators that days are compared by
COMPARISONS = {"<": lt, "<=": le, ">": gt, ">=": ge}
#: what is late of one payer and debtor in one currency: number of invoices, amount in that
#: currency, days since the oldest due date, and the same days of what nobody arranged
Late = namedtuple("Late", "payer_id debtor_id currency_id count amount days days_open")
#: a sentence about what was promised: by which payer, for whose invoices
Promised = namedtuple("Promised", "payer_id debtor_id text")


class ResPartner(models.Model):
    _inherit = "res.partner"

    relance_summary = fields.Char(
        string="Late payment",
        compute="_compute_relance_summary",
        groups=READERS,
        help="What is late, how far reminders have come, and what was promised.",
    )
    relance_days_late = fields.Integer(
        string="Days late",
        compute="_compute_relance_summary",
        search="_search_relance_days_late",
        groups=READERS,
        help="Of the oldest invoice that is not under a payment plan that is kept.",
    )

    @api.depends_context("company", "uid", "lang")
    def _compute_relance_summary(self):
        """By payer, in a number of queries that does not depend on the customers."""
        company = self.env.company
        date = company._relance_date()
        seen = self._relance_scopes()
        payers = self.browse({payer_id for payer_id, _debtor_id in seen.values()})
        late, promised = defaultdict(list), defaultdict(list)
        for row in payers._relance_late(company, date):
            late[row.payer_id].append(row)
        for row in payers._relance_promised(company, date):
            promised[row.payer_id].append(row)
        stages = payers._relance_stages(company, date)
        for partner in self:
            payer_id, debtor_id = seen.get(partner, (False, False))
            rows = [row for row in late[payer_id] if debtor_id in (False, row.debtor_id)]
            promises = [row.text for row in promised[payer_id] if debtor_id in (False, row.debtor_id)]
            partner.relance_days_late = max((row.days_open for row in rows), default=0)
            partner.relance_summary = partner._relance_sentence(
                payer_id, rows, stages.get(payer_id, []), promises
            )

    def _relance_scopes(self):
        """What of these customers the user may hear about, with the books of their payers.

        Readers hear about their own customers: of a payer in their charge everything, of
        another one what this customer owes himself.

        :return: dict partner → (payer id, debtor id, or False for all that the payer answers for)
        """
        everybody = self.env.su or self.env.user.has_group("relance_douce.group_relance_user")
        scopes = {}
        for partner in self:
            # who is in charge of whom decides, whatever else the reader may see
            known = partner.sudo()._origin
            customer = known.commercial_partner_id
            payer = customer.relance_payer_id or customer
            if not payer:
                continue
            if everybody or payer._relance_in_charge(self.env.user):
                scopes[partner] = (payer.id, False)
            elif (customer + known).filtered(lambda one: one._relance_in_charge(self.env.user)):
                scopes[partner] = (payer.id, customer.id)
        return scopes

    def _relance_in_charge(self, user):
        return user in (self.user_id, self.relance_user_id)

    # -- what is late ------------------------------------------------------------------------
    @api.private
    def _relance_late(self, company, date):
        """What is overdue of these payers on the local ``date``: one query.

        It does not apply record rules: pass only payers the user may hear about.

        :return: list of :class:`Late`
        """
        if not self:
            return []
        return [Late(*row) for row in self.env.execute_query(self._relance_late_query(company, date, self))]

    @api.model
    def _relance_late_query(self, company, date, payers=None):
        """SQL of the columns of :class:`Late`."""
        decision = self.env["relance.decision"]
        decision._flush_for_decision()
        return SQL(
            """
            SELECT line.partner_id, line.debtor_id, line.currency_id,
                   count(DISTINCT line.move_id), sum(line.amount_residual),
                   %(date)s::date - min(line.date_due),
                   COALESCE(%(date)s::date - min(line.date_due) FILTER (WHERE NOT (%(arranged)s)), 0)
              FROM (%(lines)s) line
             WHERE line.date_due < %(date)s
          GROUP BY line.partner_id, line.debtor_id, line.currency_id
          ORDER BY line.partner_id, line.currency_id, line.debtor_id
            """,
            date=date,
            lines=decision._open_lines_query(company, date, payers),
            arranged=self._relance_arranged(),
        )

    @api.model
    def _relance_arranged(self):
        """SQL over the open lines: what needs no worry; a plan that is kept has no end."""
        return SQL("(line.planned AND line.planned_until IS NULL) OR line.paying_until IS NOT NULL")

    # -- what was promised ---------------------------------------------------------------------
    @api.private
    def _relance_promised(self, company, date):
        """What these payers promised and what is offered to them, as parts of a sentence.

        An addon with promises of its own adds them. Record rules do not apply.

        :return: list of :class:`Promised`, the next day first
        """
        plans = (
            self.env["relance.plan"]
            .sudo()
            .search(
                [
                    ("company_id", "=", company.id),
                    ("partner_id", "in", self.ids),
                    ("state", "in", ("active", "proposed")),
                ],
                order="next_date, id",
            )
        )
        return [
            Promised(plan.partner_id.id, plan.debtor_id.id, self._relance_plan_words(plan, date))
            for plan in plans
        ]

    def _relance_plan_words(self, plan, date):
        _ = self.env._
        values = {
            "amount": formatLang(self.env, plan.next_amount, currency_obj=plan.currency_id),
            "date": format_date(self.env, plan.next_date, date_format="long") if plan.next_date else "",
        }
        if plan.state == "proposed":
            return _("a payment plan is offered to him")
        if plan.late_since:
            return _("an instalment of %(amount)s promised for %(date)s is late", **values)
        return _("next instalment of %(amount)s promised for %(date)s", **values)

    # -- how far reminders have come -------------------------------------------------------------
    def _relance_stages(self, company, date):
        """Payer id → parts of a sentence about his open case."""
        cases = (
            self.env["relance.case"]
            .sudo()  # stage and pause only; the case itself has its own rights
            .search_fetch(
                [
                    ("partner_id", "in", self.ids),
                    ("company_id", "=", company.id),
                    ("state", "=", "open"),
                ],
                ["partner_id", "level_id", "paused_until"],
            )
        )
        return {case.partner_id.id: self._relance_case_words(case, date) for case in cases}

    def _relance_case_words(self, case, date):
        words = []
        if case.level_id and case.level_id.tone != "pre_due":
            words.append(self.env._("reminder reached: “%s”", case.level_id.name))
        until = max(filter(None, (case.paused_until, case.partner_id.relance_paused_until)), default=None)
        if until and until >= date:
            words.append(
                self.env._("no reminders until %s", format_date(self.env, until, date_format="long"))
            )
        return words

    # -- the sentence ----------------------------------------------------------------------------
    def _relance_sentence(self, payer_id, rows, stages, promises):
        """One sentence in the user's language, False where nothing is late nor promised."""
        if not rows and not promises:
            return False
        parts = [*self._relance_late_words(rows), *(stages if rows else []), *promises]
        text = ", ".join(parts)
        text = f"{text[:1].upper()}{text[1:]}."
        customer = self.sudo()._origin.commercial_partner_id
        if payer_id == customer.id:
            return text
        payer = self.sudo().browse(payer_id)  # his name stands on the customer's form
        return self.env._("%(payer)s pays for this customer. %(text)s", payer=payer.name, text=text)

    def _relance_late_words(self, rows):
        """How much is late and since when; amounts of several currencies stand side by side."""
        if not rows:
            return []
        _ = self.env._
        amounts = {}
        for row in rows:
            amounts[row.currency_id] = amounts.get(row.currency_id, 0) + row.amount
        count = sum(row.count for row in rows)
        days = max(row.days for row in rows)
        money = format_list(
            self.env,
            [
                formatLang(self.env, amount, currency_obj=self.env["res.currency"].browse(currency_id))
                for currency_id, amount in amounts.items()
            ],
        )
        if count == 1:
            late = _("one invoice late, %s", money)
            age = _("by one day") if days == 1 else _("by %s days", days)
        else:
            late = _("%(count)s invoices late, %(money)s", count=count, money=money)
            age = _("the oldest by one day") if days == 1 else _("the oldest by %s days", days)
        return [late, age]

    # -- who is late -------------------------------------------------------------------------------
    def _search_relance_days_late(self, operator, value):
        """Customers late by more than so many days; only of those the user may hear about."""
        if operator in ("in", "not in"):
            value = [days or 0 for days in value]
            also_none = (0 in value) == (operator == "in")
            condition = SQL("= ANY(%s)" if operator == "in" else "<> ALL(%s)", value)
        elif operator in COMPARISONS and isinstance(value, (int, float)):
            also_none = COMPARISONS[operator](0, value)
            condition = SQL("%s %s", SQL(operator), value)
        else:
            return NotImplemented
        if not also_none:
            return self._relance_late_by(SQL("> 0 AND max(days_open) %s", condition))
        # who is not late is not found in the books: all but those who do not match
        return ~self._relance_late_by(SQL("> 0 AND NOT max(days_open) %s", condition))

    def _relance_late_by(self, condition):
        """Domain of the customers late by so many days, of those the user may hear about.

        :param condition: SQL behind the days of a payer, or of a customer whom he pays for
        """
        company = self.env.company
        query = self._relance_late_query(company, company._relance_date())

        def late(column):
            return SQL(
                "(SELECT %(column)s FROM (%(query)s)"
                " late (payer_id, debtor_id, currency_id, count, amount, days, days_open)"
                " GROUP BY %(column)s HAVING max(days_open) %(condition)s)",
                column=SQL.identifier(column),
                query=query,
                condition=condition,
            )

        payers = late("payer_id")
        if self.env.user.has_group("relance_douce.group_relance_user"):
            return self._relance_paid_by_payers(payers)
        uid = self.env.uid
        debtors = late("debtor_id")

        def in_charge(path):
            return Domain(f"{path}user_id", "=", uid) | Domain(f"{path}relance_user_id", "=", uid)

        payer, customer = "commercial_partner_id.relance_payer_id", "commercial_partner_id"
        of_payer = (Domain(payer, "in", payers) & in_charge(f"{payer}.")) | (
            Domain(payer, "=", False) & Domain(customer, "in", payers) & in_charge(f"{customer}.")
        )
        own = Domain(customer, "in", debtors) & (in_charge("") | in_charge(f"{customer}."))
        return of_payer | own
