from datetime import datetime, time, timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL


class ResCompany(models.Model):
    _inherit = "res.company"

    relance_active = fields.Boolean(
        string="Reminders are on",
        help="While this is off, the scheduled actions prepare and send nothing.",
    )
    relance_approve_all = fields.Boolean(
        string="Every reminder is approved",
        help="Somebody looks at each reminder before it leaves, also where its level asks for no approval.",
    )
    relance_grace_days = fields.Integer(
        string="Days of grace",
        default=2,
        help="Nothing overdue leaves before the due date plus these days: "
        "a payment made in time needs them to be booked.",
    )
    relance_bank_stale_days = fields.Integer(
        string="Bank data are stale after (days)",
        default=10,
        help="While the newest bank data are older than this, nothing overdue is sent. "
        "0 switches the check off.",
    )
    relance_bank_entered_until = fields.Date(
        string="Bank entered until",
        help="Up to this day all payments received are booked.",
    )
    relance_excluded_accounts = fields.Char(
        string="Accounts left alone",
        default="413,416,4117",
        help="Receivable accounts whose code begins like one of these, separated by commas, "
        "are never chased: bills of exchange, doubtful customers, retention money.",
    )
    relance_user_id = fields.Many2one(
        "res.users",
        string="Signs the reminders",
        help="Signs and answers where the customer has nobody in charge.",
    )
    relance_short_percent = fields.Float(
        string="Instalment short by (%)",
        default=2.0,
        help="An instalment of a payment plan that is short by less counts as paid.",
    )
    relance_bank_fees = fields.Monetary(
        string="Bank fees",
        help="An instalment that is short by less than this, because banks kept their fees, "
        "counts as paid. 0: only the percentage counts.",
    )
    relance_waivers_allowed = fields.Boolean(
        string="Penalties may be given up",
        default=True,
        help="Whether a payment plan may promise to give up penalties. Interest owed by a public "
        "body can never be given up.",
    )
    relance_attachment_limit = fields.Integer(
        string="Attachments of one e-mail (MB)",
        default=8,
        help="Invoices beyond this size are given as links.",
    )

    def _relance_lang(self, *readers):
        """Language to write in: of the first reader whose language is installed.

        :param readers: partners or users; after them the company itself counts, then English
        """
        self.ensure_one()
        installed = dict(self.env["res.lang"].get_installed())
        return next((one.lang for one in (*readers, self.partner_id) if one.lang in installed), "en_US")

    def _relance_managers(self):
        """The active dunning managers who work for these companies."""
        group = self.env.ref("relance_douce.group_relance_manager")
        # who belongs to a group is no secret to who asks one of them
        return group.sudo().all_user_ids.filtered(
            lambda user: user.active and user._is_internal() and self & user.company_ids
        )

    # -- the calendar ---------------------------------------------------------------
    def _relance_timezone(self):
        """Timezone that decides what day it is for this company."""
        self.ensure_one()
        return pytz.timezone(self.resource_calendar_id.tz or self.partner_id.tz or "Europe/Paris")

    @api.private
    def _relance_date(self, now=None):
        """Local date of the naive UTC datetime ``now`` (default: this moment)."""
        now = now or fields.Datetime.now()
        return pytz.utc.localize(now).astimezone(self._relance_timezone()).date()

    def _relance_is_open(self, now):
        """Whether the naive UTC ``now`` lies within the hours of the company's calendar.

        Public holidays are the leaves of the calendar that belong to no resource.
        A company without a calendar is always open.
        """
        self.ensure_one()
        calendar = self.resource_calendar_id
        if not calendar:
            return True
        start = pytz.utc.localize(now)
        intervals = calendar._work_intervals_batch(start, start + timedelta(seconds=1))
        return bool(intervals[False])

    def _relance_opening(self, date):
        """First moment (naive UTC) of ``date`` at which the company is open, or None."""
        self.ensure_one()
        timezone = self._relance_timezone()
        calendar = self.resource_calendar_id
        if not calendar:
            nine = timezone.localize(datetime.combine(date, time(9)))
            return nine.astimezone(pytz.utc).replace(tzinfo=None)
        # from midnight to midnight, of which the night of the clock change has 23 or 25 hours
        start, stop = (
            timezone.localize(datetime.combine(day, time())) for day in (date, date + timedelta(days=1))
        )
        intervals = calendar._work_intervals_batch(start, stop)[False]
        for first, _stop, _meta in intervals:
            return first.astimezone(pytz.utc).replace(tzinfo=None)
        return None

    def _relance_open_days(self, first, last):
        """The dates from ``first`` to ``last`` on which the company's calendar is open."""
        self.ensure_one()
        timezone = self._relance_timezone()
        start = timezone.localize(datetime.combine(first, datetime.min.time()))
        stop = timezone.localize(datetime.combine(last, datetime.max.time()))
        intervals = self.resource_calendar_id._work_intervals_batch(start, stop)[False]
        return {begin.astimezone(timezone).date() for begin, _end, _meta in intervals}

    # -- what the decision asks ---------------------------------------------------------
    def _relance_account_ids(self):
        """Ids of the receivable accounts whose open lines may be chased."""
        self.ensure_one()
        accounts = (
            self.env["account.account"]
            .sudo()  # reading the chart only; the caller may be a salesperson
            .with_company(self)
            .with_context(active_test=False)
            .search_fetch(
                [
                    ("account_type", "=", "asset_receivable"),
                    ("non_trade", "=", False),
                    *self.env["account.account"]._check_company_domain(self),
                ],
                ["code"],
            )
        )
        prefixes = tuple(
            prefix.strip() for prefix in (self.relance_excluded_accounts or "").split(",") if prefix.strip()
        )
        return [
            account.id
            for account in accounts
            if not prefixes or not (account.code or "").startswith(prefixes)
        ]

    def _relance_bank_date(self, date):
        """Newest day the bank data speak of, up to ``date``; None where no bank is in use.

        In use means: there was a bank statement line once. Fresh are statement lines,
        posted customer payments and the accountant's word.
        """
        self.ensure_one()
        self.env["account.bank.statement.line"].flush_model(["move_id"])
        self.env["account.payment"].flush_model(["state", "date", "company_id"])
        [[statement, payment]] = self.env.execute_query(
            SQL(
                """
                SELECT (SELECT max(move.date)
                          FROM account_bank_statement_line statement
                          JOIN account_move move ON move.id = statement.move_id
                         WHERE statement.company_id = %(company)s AND move.date <= %(date)s),
                       (SELECT max(date) FROM account_payment
                         WHERE company_id = %(company)s AND date <= %(date)s
                           AND partner_type = 'customer' AND payment_type = 'inbound'
                           AND state IN ('in_process', 'paid'))
                """,
                company=self.id,
                date=date,
            )
        )
        if statement is None:
            return None
        entered = self.relance_bank_entered_until
        return max(day for day in (statement, payment, entered and min(entered, date)) if day)

    def _relance_bank_is_stale(self, date):
        """Whether nothing overdue may leave on ``date`` because payments may be missing."""
        self.ensure_one()
        newest = self.relance_bank_stale_days and self._relance_bank_date(date)
        return bool(newest) and (date - newest).days > self.relance_bank_stale_days

    def action_relance_bank_entered(self):
        """One click: everything received up to today is booked."""
        if not self.env.user.has_group("relance_douce.group_relance_user") or (self - self.env.companies):
            raise AccessError(self.env._("You need the right “Reminders: user” to remind customers."))
        # the accountant says how far the bank is entered; nothing else of the company changes
        for company in self.sudo():
            company.relance_bank_entered_until = company._relance_date()
