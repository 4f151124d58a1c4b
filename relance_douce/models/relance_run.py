import logging
import time

from odoo import api, fields, models
from odoo.tools import SQL, format_date

from ..tools.race import done_or_logged

_logger = logging.getLogger(__name__)


class RelanceRun(models.Model):
    """One pass of the engine: what it prepared, what it left alone, and why."""

    _name = "relance.run"
    _description = "Dunning Run"
    _order = "date desc, id desc"
    _rec_name = "display_name"

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True, ondelete="cascade")
    date = fields.Date(required=True, readonly=True)
    line_count = fields.Integer(string="Open lines", readonly=True)
    customer_count = fields.Integer(string="Customers looked at", readonly=True)
    reminder_count = fields.Integer(string="Reminders prepared", readonly=True)
    held_count = fields.Integer(string="Lines held", readonly=True)
    reason_counts = fields.Json(readonly=True)
    reason_summary = fields.Html(compute="_compute_reason_summary", string="Why not")
    duration = fields.Float(string="Seconds", readonly=True)
    reminder_ids = fields.One2many("relance.reminder", "run_id", string="Reminders")
    error_count = fields.Integer(compute="_compute_error_count", string="Failed")

    @api.depends("date", "company_id")
    def _compute_display_name(self):
        for run in self:
            run.display_name = self.env._("Run of %s", format_date(self.env, run.date)) if run.date else ""

    @api.depends("reason_counts")
    def _compute_reason_summary(self):
        labels = self._reason_labels()
        for run in self:
            run.reason_summary = self.env["ir.qweb"]._render(
                "relance_douce.run_reasons",
                {
                    "rows": [
                        (labels.get(reason, reason), count)
                        for reason, count in sorted(
                            (run.reason_counts or {}).items(), key=lambda item: -item[1]
                        )
                    ]
                },
            )

    @api.model
    def _reason_labels(self):
        """Reason → a few words for lists and totals."""
        _ = self.env._
        return {
            "climb": _("Reminded"),
            "host_flag": _("No follow-up, blocked"),
            "handed_over": _("With the lawyer"),
            "plan": _("Payment plan"),
            "assigned": _("Assigned to a factor"),
            "collected": _("We collect it"),
            "paying": _("Online payment under way"),
            "no_policy": _("No policy"),
            "not_due": _("Too early"),
            "last_level": _("Last level reached"),
            "paused": _("Paused"),
            "credit": _("Covered by credits"),
            "small": _("Small amount"),
            "waiting": _("Reminder under way"),
            "approval": _("Not approved in time"),
            "gap": _("Contacted recently"),
            "budget": _("Contact budget used up"),
            "address": _("No way to reach the customer"),
            "bank": _("Bank data too old"),
        }

    def _compute_error_count(self):
        counts = dict(
            self.env["relance.reminder"]._read_group(
                [("run_id", "in", self.ids), ("error", "!=", False)], ["run_id"], ["__count"]
            )
        )
        for run in self:
            run.error_count = counts.get(run._origin, 0)

    # -- the pass -----------------------------------------------------------------------
    @api.model
    @api.private
    def _run(self, company, date):
        """Prepare the reminders of ``company`` for the local ``date``.

        Everything is decided by one query and written by a handful of statements, however
        many invoices there are. A second run of the same day prepares nothing.

        :return: the ``relance.run`` record
        """
        start = time.monotonic()
        if not self.env.context.get("lang"):
            # the scheduled action has no language of its own, its readers have
            self = self.with_context(lang=company._relance_lang())
        self._lock_company(company)
        reminders = self.env["relance.reminder"]
        reminders._lapse(company, date)
        reminders._escalate_unprepared(company, date)
        reminders._retry_undelivered(company, date)
        run = self._prepare(company, date)
        run._follow_cases()
        run._show_tones()
        run._forget_caches()
        run.reminder_count = self.env["relance.reminder"].search_count([("run_id", "=", run.id)])
        run.duration = time.monotonic() - start
        return run

    def _lock_company(self, company):
        """One run per company at a time; the next one waits and then finds nothing to do."""
        self.env.cr.execute(SQL("SELECT pg_advisory_xact_lock(hashtext('relance_run'), %s)", company.id))

    @api.private
    def _prepare(self, company, date, partners=None):
        """The cases and reminders that the decision of ``date`` asks for.

        :param partners: for these payers only
        :return: the ``relance.run`` they belong to
        """
        counts = self._materialise(company, date, partners)
        run = self.create(
            {
                "company_id": company.id,
                "date": date,
                "line_count": counts["lines"],
                "customer_count": counts["customers"],
                "held_count": counts["held"],
                "reason_counts": counts["reasons"],
            }
        )
        run._open_cases()
        run._create_reminders()
        run._refresh_statistics()
        run._create_lines()
        return run

    def _materialise(self, company, date, partners=None):
        """Decide once; what follows reads the outcome from a temporary table.

        It keeps what leaves and what belongs to a case. The rest, nearly all of a large
        ledger, is only counted.

        :return: dict with ``lines``, ``customers``, ``held`` and ``reasons`` (reason → lines)
        """
        self.env.cr.execute(SQL("DROP TABLE IF EXISTS relance_run_decision"))
        # not INSERT … SELECT: of that PostgreSQL lets only one process do all the work
        self.env.cr.execute(
            SQL(
                """
                CREATE TEMPORARY TABLE relance_run_decision ON COMMIT DROP AS
                WITH decision AS MATERIALIZED (%s),
                counted AS (
                    SELECT jsonb_build_object(
                           'lines', COALESCE(sum(lines), 0),
                           'customers', (SELECT count(*)
                                           FROM (SELECT DISTINCT partner_id FROM decision) payer),
                           'held', COALESCE(sum(lines) FILTER (WHERE verdict = 'hold'), 0),
                           'reasons', COALESCE(jsonb_object_agg(reason, lines), '{}')) AS counts
                      FROM (SELECT reason, verdict, count(*) AS lines
                              FROM decision
                          GROUP BY reason, verdict) grouped
                )
                -- where nothing is kept one empty row carries the counts
                SELECT decision.*, counted.counts
                  FROM counted
             LEFT JOIN decision ON decision.verdict = 'send' OR decision.case_id IS NOT NULL
                """,
                self.env["relance.decision"]._decision_query(company, date, partners),
            )
        )
        self.env.cr.execute(
            SQL("ANALYZE relance_run_decision (verdict, partner_id, case_id, move_line_id, move_id)")
        )
        [[counts]] = self.env.execute_query(SQL("SELECT counts FROM relance_run_decision LIMIT 1"))
        return counts

    def _open_cases(self):
        """A case for every payer who gets his first reminder."""
        self.env.cr.execute(
            SQL(
                """
                WITH opened AS (
                    INSERT INTO relance_case (partner_id, company_id, state, user_id,
                                              create_uid, create_date, write_uid, write_date)
                    SELECT DISTINCT decision.partner_id, %(company)s, 'open',
                           COALESCE(payer.relance_user_id, %(signatory)s),
                           %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                      FROM relance_run_decision decision
                      JOIN res_partner payer ON payer.id = decision.partner_id
                     WHERE decision.verdict = 'send' AND decision.case_id IS NULL
                  ORDER BY decision.partner_id
                        ON CONFLICT DO NOTHING
                 RETURNING id, partner_id
                )
                UPDATE relance_run_decision decision
                   SET case_id = opened.id
                  FROM opened
                 WHERE opened.partner_id = decision.partner_id
                """,
                company=self.company_id.id,
                signatory=self.company_id.relance_user_id.id or None,
                uid=self.env.uid,
            )
        )

    def _create_reminders(self):
        """One reminder per case and kind of approval: its level is the highest of its lines."""
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO relance_reminder (
                       company_id, case_id, partner_id, contact_id, run_id, level_id, channel,
                       kind, is_service, needs_approval, state, date_planned, date_ready,
                       attempt, user_id, balance_total,
                       create_uid, create_date, write_uid, write_date)
                SELECT %(company)s, message.case_id, message.partner_id, message.contact_id,
                       %(run)s, message.level_id, message.channel,
                       'level', message.is_service, message.needs_approval,
                       CASE WHEN message.needs_approval THEN 'draft' ELSE 'ready' END, %(date)s,
                       CASE WHEN message.needs_approval THEN NULL ELSE %(date)s::date END,
                       1, COALESCE(payer.relance_user_id, dunning.user_id, %(signatory)s),
                       message.balance_total,
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM (%(messages)s) message
                  JOIN res_partner payer ON payer.id = message.partner_id
                  JOIN relance_case dunning ON dunning.id = message.case_id
              ORDER BY message.partner_id, message.needs_approval
                    ON CONFLICT DO NOTHING
                """,
                messages=self.env["relance.decision"]._messages_query(
                    SQL("SELECT * FROM relance_run_decision")
                ),
                company=self.company_id.id,
                run=self.id,
                date=self.date,
                signatory=self.company_id.relance_user_id.id or None,
                uid=self.env.uid,
            )
        )

    def _refresh_statistics(self):
        """Tell the planner what was just written: it still believes that these tables are small."""
        self.env.cr.execute(SQL("ANALYZE relance_case, relance_reminder"))

    def _create_lines(self):
        """The snapshot of what each reminder claims: one INSERT … SELECT."""
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO relance_reminder_line (
                       reminder_id, case_id, company_id, move_line_id, move_id, debtor_id,
                       name, ref, date_invoice, date_maturity, currency_id,
                       amount_total, amount_residual, balance_residual, level_id)
                SELECT reminder.id, reminder.case_id, reminder.company_id,
                       decision.move_line_id, decision.move_id, decision.debtor_id,
                       CASE WHEN move.name = '/' THEN aml.name ELSE move.name END,
                       move.ref, COALESCE(move.invoice_date, aml.date), decision.date_due,
                       decision.currency_id, aml.amount_currency,
                       decision.amount_residual, decision.balance_residual,
                       decision.target_level_id
                  FROM relance_run_decision decision
                  JOIN relance_reminder reminder
                    ON reminder.run_id = %(run)s
                   AND reminder.case_id = decision.case_id
                   AND reminder.needs_approval = decision.needs_approval
                  JOIN account_move_line aml ON aml.id = decision.move_line_id
                  JOIN account_move move ON move.id = decision.move_id
                 WHERE decision.verdict = 'send'
              ORDER BY reminder.id, decision.date_due, decision.move_line_id
                """,
                run=self.id,
            )
        )

    def _follow_cases(self):
        """The next step of each open case."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE relance_case dunning
                   SET next_date = planned.next_date
                  FROM (SELECT case_id,
                               GREATEST(min(next_date) FILTER (WHERE reason <> 'last_level'),
                                        CASE WHEN bool_or(reason <> 'last_level')
                                             THEN %(date)s::date END) AS next_date
                          FROM relance_run_decision
                         WHERE case_id IS NOT NULL
                      GROUP BY case_id) planned
                 WHERE dunning.id = planned.case_id
                   AND dunning.next_date IS DISTINCT FROM planned.next_date
                """,
                date=self.date,
            )
        )

    def _show_tones(self):
        """A new case shows the tone of what is prepared for it, as its compute would say."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE relance_case dunning
                   SET tone = level.tone
                  FROM relance_reminder reminder
                  JOIN relance_level level ON level.id = reminder.level_id
                 WHERE reminder.run_id = %s
                   AND dunning.id = reminder.case_id
                   AND dunning.level_id IS NULL
                """,
                self.id,
            )
        )

    def _forget_caches(self):
        """The statements above wrote behind the back of the ORM."""
        self.env["relance.case"].invalidate_model()
        self.env["relance.reminder"].invalidate_model()
        self.env["relance.reminder.line"].invalidate_model()
        self.invalidate_recordset()
        self.env["account.move"]._relance_invalidate()

    def action_open_reminders(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id("relance_douce.action_relance_reminder")
        return {**action, "domain": [("run_id", "=", self.id)], "context": {}}

    # -- scheduled action ----------------------------------------------------------------
    @api.model
    @api.private
    def _cron_run(self):
        """Daily: one run for each company that reminders are on for, on its own date.

        Each company is a transaction; one that fails does not stop the others.
        """
        cron = self.env["ir.cron"]
        companies = self.env["res.company"]._relance_switched_on()
        cron._commit_progress(remaining=len(companies))
        for done, company in enumerate(companies, start=1):
            self._run_or_log(company)
            if not cron._commit_progress(1, remaining=len(companies) - done):
                return
        self._trigger_sending()

    def _run_or_log(self, company):
        """One company's run; where another transaction was quicker, once more."""
        what = f"The dunning run of {company.display_name}"
        done_or_logged(
            self.env, lambda: self._run(company, company._relance_date()), _logger, what, logging.WARNING
        )

    def _trigger_sending(self):
        """Every worker begins at once: the shipped action, the second one and copies of them."""
        shipped = self.env.ref("relance_douce.ir_cron_send").sudo()  # of the engine
        workers = shipped.search([("model_id", "=", shipped.model_id.id), ("code", "=", shipped.code)])
        for worker in shipped | workers:
            worker._trigger()
