from odoo import fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

USERS = "relance_douce.group_relance_user"


class DigestDigest(models.Model):
    _inherit = "digest.digest"

    kpi_relance_overdue = fields.Boolean("Overdue")
    kpi_relance_overdue_value = fields.Monetary(compute="_compute_kpi_relance_overdue_value")
    kpi_relance_recovered = fields.Boolean("Recovered after a reminder")
    kpi_relance_recovered_value = fields.Monetary(compute="_compute_kpi_relance_recovered_value")
    kpi_relance_to_approve = fields.Boolean("Reminders to approve")
    kpi_relance_to_approve_value = fields.Integer(compute="_compute_kpi_relance_to_approve_value")

    def _relance_companies(self):
        """The companies of these digests.

        :raise AccessError: where the reader has no right there; the digest leaves the figure out
        """
        companies = self.company_id
        if any(not digest.company_id for digest in self):
            companies |= self.env.company
        user = self.env.user
        if not user.has_group(USERS) or companies - user.company_ids:
            raise AccessError(self.env._("You need the right “Reminders: user” to remind customers."))
        return companies

    def _set_kpi_by_company(self, name, values):
        """Write the ``values`` (company → number) of one figure; 0 where there is none."""
        for digest in self:
            digest[name] = values.get(digest.company_id or self.env.company, 0)

    def _compute_kpi_relance_overdue_value(self):
        """What is overdue now, in company currency, whatever the period."""
        values = {company: self._relance_overdue(company) for company in self._relance_companies()}
        self._set_kpi_by_company("kpi_relance_overdue_value", values)

    def _relance_overdue(self, company):
        decision = self.env["relance.decision"]
        decision._flush_for_decision()
        date = company._relance_date()
        [[total]] = self.env.execute_query(
            SQL(
                "SELECT COALESCE(sum(line.balance_residual), 0) FROM (%s) line WHERE line.date_due < %s",
                decision._open_lines_query(company, date),
                date,
            )
        )
        return total

    def _compute_kpi_relance_recovered_value(self):
        """Money that was matched in the period with invoices reminded before, in company currency.

        Only payments and bank lines count: a credit note brings nothing.
        """
        start, end, _companies = self._get_kpi_compute_parameters()
        companies = self._relance_companies()
        for model in (
            "account.partial.reconcile",
            "account.move.line",
            "relance.reminder",
            "relance.reminder.line",
        ):
            self.env[model].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT partial.company_id, sum(partial.amount)
                  FROM account_partial_reconcile partial
                  JOIN account_move_line credit ON credit.id = partial.credit_move_id
                 WHERE partial.company_id IN %(companies)s
                   AND partial.create_date >= %(start)s
                   AND partial.create_date < %(end)s
                   AND (credit.payment_id IS NOT NULL OR credit.statement_line_id IS NOT NULL)
                   AND EXISTS (SELECT FROM relance_reminder_line content
                                 JOIN relance_reminder reminder ON reminder.id = content.reminder_id
                                WHERE content.move_line_id = partial.debit_move_id
                                  AND NOT COALESCE(reminder.is_service, FALSE)
                                  AND reminder.contact_date <= credit.date)
              GROUP BY partial.company_id
                """,
                companies=tuple(companies.ids),
                start=start,
                end=end,
            )
        )
        values = {self.env["res.company"].browse(company): amount for company, amount in rows}
        self._set_kpi_by_company("kpi_relance_recovered_value", values)

    def _compute_kpi_relance_to_approve_value(self):
        """What waits for an approval now, whatever the period."""
        companies = self._relance_companies()
        counts = self.env["relance.reminder"]._read_group(
            [("company_id", "in", companies.ids), ("state", "=", "draft")], ["company_id"], ["__count"]
        )
        self._set_kpi_by_company("kpi_relance_to_approve_value", dict(counts))

    def _compute_kpis_actions(self, company, user):
        actions = super()._compute_kpis_actions(company, user)
        menu = self.env.ref("relance_douce.menu_relance_root").id
        for kpi, action in (
            ("kpi_relance_overdue", "action_relance_case"),
            ("kpi_relance_recovered", "action_relance_reminder"),
            ("kpi_relance_to_approve", "action_relance_reminder_to_approve"),
        ):
            actions[kpi] = f"relance_douce.{action}?menu_id={menu}"
        return actions
