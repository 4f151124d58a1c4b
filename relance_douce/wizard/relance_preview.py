"""The screen of the preview: its sentences and tables, and what a click on them opens."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date, formatLang

from ..models.relance_preview import MOST_DAYS_AHEAD, NOTHING
from ..tools.text import long_date

#: values of what is computed, where the dates make no sense
NOTHING_SHOWN = {
    "figures": False,
    "bank_date": False,
    "is_bank_stale": False,
    "excluded_count": 0,
    "message_count": 0,
}


class RelancePreview(models.TransientModel):
    """What a run on a chosen day would do, in words and in three small tables."""

    _name = "relance.preview"
    _description = "Preview of a Run"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, default=lambda self: self.env.company, ondelete="cascade"
    )
    date = fields.Date(string="Day of the run", default=lambda self: self.env.company._relance_preview_date())
    date_until = fields.Date(
        string="And ahead until", help="Also shows day by day what would leave up to this day."
    )
    notice = fields.Text(
        compute="_compute_figures", help="What has to be corrected before anything is shown."
    )
    figures = fields.Json(compute="_compute_figures")
    bank_date = fields.Date(compute="_compute_figures", help="The bank data are too old for this run.")
    is_bank_stale = fields.Boolean(compute="_compute_figures")
    excluded_count = fields.Integer(
        compute="_compute_figures", help="Lines that their general journal excludes by itself."
    )
    message_count = fields.Integer(compute="_compute_figures")
    can_start = fields.Boolean(compute="_compute_can_start")

    # -- opening -----------------------------------------------------------------------------------
    @api.model
    @api.private
    def _open(self):
        """The action that opens the preview; the company remembers that somebody looked.

        ``default_date`` in the context: the day to begin with.
        """
        self.env["relance.reminder"]._check_user()
        preview = self.create({})
        # the user's right was just checked; nothing else of the company changes
        preview.company_id.sudo().relance_preview_seen = fields.Datetime.now()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Preview before sending"),
            "res_model": self._name,
            "res_id": preview.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    @api.depends("date")
    def _compute_display_name(self):
        for preview in self:
            preview.display_name = (
                self.env._("Preview of %s", format_date(self.env, preview.date))
                if preview.date
                else self.env._("Preview")
            )

    @api.depends("company_id")
    @api.depends_context("uid")
    def _compute_can_start(self):
        is_manager = self.env.user.has_group("relance_douce.group_relance_manager")
        for preview in self:
            preview.can_start = is_manager and not preview.company_id.relance_active

    # -- what is wrong with the dates ----------------------------------------------------------------
    def _notice(self):
        """One sentence: why nothing can be shown; empty where it can."""
        self.ensure_one()
        if self.company_id not in self.env.companies:
            return self.env._("Choose the company in the menu at the top right, then open the preview again.")
        if not self.date:
            return self.env._("Choose the day of the run to see what would leave.")
        if self.date < self.company_id._relance_date():
            return self.env._(
                "%s is past. Balances are as they stand now, so choose today or a later day.",
                long_date(self.env, self.date),
            )
        last = self.company_id._relance_last_day(self.company_id._relance_date())
        if self.date > last:
            return self.env._(
                "Choose a day up to %s: what comes later depends on too many payments.",
                long_date(self.env, last),
            )
        if self.date_until and self.date_until < self.date:
            return self.env._(
                "The second day lies before the first one: choose a later one, or leave it empty."
            )
        if self.date_until and self.date_until > self._last_day():
            return self.env._(
                "Choose a second day up to %s: what comes later depends on too many payments.",
                long_date(self.env, self._last_day()),
            )
        return ""

    def _last_day(self):
        return self.date + timedelta(days=MOST_DAYS_AHEAD)

    # -- what is shown -------------------------------------------------------------------------------
    @api.depends("company_id", "date", "date_until")
    @api.depends_context("lang", "uid", "allowed_company_ids")
    def _compute_figures(self):
        for preview in self:
            preview.notice = preview._notice()
            preview.update(NOTHING_SHOWN if preview.notice else preview._shown())

    def _shown(self):
        """Values of the computed fields for dates that make sense."""
        # totals of the whole company: whoever may open this screen sees all its customers
        runs = self.env["relance.run"].sudo()
        company = self.company_id.sudo()
        outcome = runs._preview(company, self.date)
        ahead = self.date_until and runs._preview_ahead(company, self.date, self.date_until)
        is_stale = "bank" in outcome.by_reason
        return {
            "is_bank_stale": is_stale,
            "bank_date": is_stale and company._relance_bank_date(self.date),
            "excluded_count": outcome.excluded.lines,
            "message_count": outcome.message_count,
            "figures": {
                "headline": self._headline(outcome),
                "columns": [self.env._("Customers"), self.env._("Invoices"), self.env._("Amount")],
                "remarks": self._remarks(outcome),
                "tables": [
                    table
                    for table in (
                        self._level_table(outcome),
                        self._channel_table(outcome),
                        self._reason_table(outcome),
                        ahead and self._day_table(ahead),
                    )
                    if table and table["rows"]
                ],
            },
        }

    # sentences
    def _headline(self, outcome):
        """What happens on that day, in one sentence."""
        parts = self._leaving_parts(outcome)
        if outcome.left_alone:
            parts.append(self._counted(self._left_alone_words(), outcome.left_alone))
        if not parts:
            parts = [self.env._("nobody owes anything: there is nothing to send")]
        elif not outcome.message_count:
            parts.insert(0, self.env._("nothing leaves"))
        words = {"day": self._day(self.date), "list": self.env["relance.reminder"]._join(self.env, parts)}
        if self.company_id.relance_active:
            return self.env._("On %(day)s: %(list)s.", **words)
        return self.env._("If you start on %(day)s: %(list)s.", **words)

    def _leaving_parts(self, outcome):
        """“14 customers get a friendly reminder”, one part for each tone, and the calls."""
        levels = self._levels(outcome)
        words = self._tone_words()
        counts = {}
        for (level_id, channel), totals in outcome.by_message.items():
            key = "call" if channel == "call" else levels[level_id].tone
            counts[key] = counts.get(key, 0) + totals.customers
        return [self._counted(words[key], counts[key]) for key in words if key in counts]

    def _counted(self, words, count):
        """One of the two forms, with the number."""
        return words[count != 1] % {"count": self._number(count)}

    def _tone_words(self):
        """What customers get: tone, or ``call`` → (for one, for several)."""
        _ = self.env._
        return {
            "pre_due": (
                _("%(count)s customer gets a reminder before the due date"),
                _("%(count)s customers get a reminder before the due date"),
            ),
            "courtesy": (
                _("%(count)s customer gets a courtesy reminder"),
                _("%(count)s customers get a courtesy reminder"),
            ),
            "friendly": (
                _("%(count)s customer gets a friendly reminder"),
                _("%(count)s customers get a friendly reminder"),
            ),
            "attentive": (
                _("%(count)s customer gets an attentive reminder"),
                _("%(count)s customers get an attentive reminder"),
            ),
            "firm": (
                _("%(count)s customer gets a firm reminder"),
                _("%(count)s customers get a firm reminder"),
            ),
            "notice": (
                _("%(count)s customer gets a formal notice"),
                _("%(count)s customers get a formal notice"),
            ),
            "hand_over": (
                _("%(count)s customer gets a last letter before hand-over"),
                _("%(count)s customers get a last letter before hand-over"),
            ),
            "call": (_("%(count)s customer gets a call"), _("%(count)s customers get a call")),
        }

    def _left_alone_words(self):
        _ = self.env._
        return _("%(count)s customer is left alone"), _("%(count)s customers are left alone")

    def _remarks(self, outcome):
        """What else is worth a sentence, in order."""
        _ = self.env._
        remarks = []
        if outcome.message_count:
            remarks.append(self._claimed_remark(outcome))
        if outcome.approval_count and outcome.approval_count == outcome.by_verdict["send"].customers:
            remarks.append(_("No message leaves before somebody approves it."))
        elif outcome.approval_count:
            words = (
                _("%(count)s of these customers gets his message only once somebody approves it."),
                _("%(count)s of these customers get their message only once somebody approves it."),
            )
            remarks.append(self._counted(words, outcome.approval_count))
        if outcome.not_late:
            words = (
                _("Of those left alone, %(count)s owes nothing overdue."),
                _("Of those left alone, %(count)s owe nothing overdue."),
            )
            remarks.append(self._counted(words, outcome.not_late))
        opening = self.company_id._relance_working_day(self.date)
        if outcome.message_count and opening != self.date:
            remarks.append(
                _(
                    "%(day)s is not a working day: messages leave on %(opening)s.",
                    day=self._day(self.date, first=True),
                    opening=self._day(opening),
                )
            )
        return remarks

    def _claimed_remark(self, outcome):
        """The money that is asked for; per currency too where there are several."""
        leaving = outcome.by_verdict["send"]
        amounts = outcome.amounts["send"]
        text = self._money(leaving.amount)
        if set(amounts) != {self.company_id.currency_id.id}:
            currencies = self.env["res.currency"].browse(amounts)
            text = self.env._(
                "%(amount)s (%(currencies)s)",
                amount=text,
                currencies=" + ".join(
                    formatLang(self.env, amounts[currency.id], currency_obj=currency)
                    for currency in currencies
                ),
            )
        words = (
            self.env._("%(count)s message asks for %(amount)s."),
            self.env._("%(count)s messages ask for %(amount)s."),
        )
        return words[outcome.message_count != 1] % {
            "count": self._number(outcome.message_count),
            "amount": text,
        }

    # tables
    def _level_table(self, outcome):
        """What leaves, by level; levels of the same name in several policies are one row."""
        levels = self._levels(outcome)
        rows = {}
        for level in levels.values():
            # a customer has one policy, so that he is in one of its rows only
            same = rows.setdefault((level.tone, level.name), {})
            if level.policy_id in same:
                same = rows[level.tone, level.name, level.id] = {}
            same[level.policy_id] = level
        return {
            "key": "level",
            "title": self.env._("What leaves"),
            "column": self.env._("Level"),
            "rows": [
                self._row(
                    [level.id for level in own.values()],
                    key[1],
                    [outcome.by_level[level.id] for level in own.values()],
                    tone=key[0],
                )
                for key, own in rows.items()
            ],
            "total": self._row(None, self.env._("Total"), [outcome.by_verdict.get("send", NOTHING)]),
        }

    def _levels(self, outcome):
        """The levels of what leaves, gentle ones first: dict id → level."""
        levels = self.env["relance.level"].sudo().browse(outcome.by_level)  # names only
        return {level.id: level for level in levels.sorted(lambda one: (one.delay_days, one.id))}

    def _channel_table(self, outcome):
        labels = dict(self.env["relance.reminder"]._fields["channel"]._description_selection(self.env))
        return {
            "key": "channel",
            "title": self.env._("How"),
            "column": self.env._("Channel"),
            "rows": [
                self._row([channel], labels.get(channel, channel), [totals], channel=channel)
                for channel, totals in sorted(
                    outcome.by_channel.items(), key=lambda item: (list(labels) + [item[0]]).index(item[0])
                )
            ],
            "total": None,
        }

    def _reason_table(self, outcome):
        """Why the others are left alone, the most frequent reason first."""
        labels = self.env["relance.run"]._reason_labels()
        left = [
            (reason, totals)
            for reason, totals in outcome.by_reason.items()
            if outcome.verdict_of[reason] != "send"
        ]
        left.sort(key=lambda item: (-item[1].customers, item[0]))
        words = (
            self.env._("%(count)s of these customers gets a message for other invoices."),
            self.env._("%(count)s of these customers get a message for other invoices."),
        )
        return {
            "key": "reason",
            "title": self.env._("Why the others are left alone"),
            "column": self.env._("Reason"),
            "rows": [self._row([reason], labels.get(reason, reason), [totals]) for reason, totals in left],
            "total": None,
            "note": self._counted(words, outcome.also_reminded) if outcome.also_reminded else "",
        }

    def _day_table(self, ahead):
        return {
            "key": "day",
            "title": self.env._("Ahead until %s", long_date(self.env, self.date_until)),
            "column": self.env._("Day"),
            "rows": [
                self._row([str(day)], self._day(day, first=True), [totals]) for day, totals in ahead.items()
            ],
            "total": self._row(None, self.env._("Total"), ahead.values()),
            "note": self.env._(
                "The calendar moves, balances and levels stay as they are today; each customer is "
                "counted on the first day on which something would leave."
            ),
        }

    def _row(self, keys, label, totals, **more):
        """One row of a table, ready to be shown; ``keys`` are what a click asks for."""
        totals = list(totals)
        return {
            "keys": keys,
            "label": label,
            "customers": self._number(sum(one.customers for one in totals)),
            "invoices": self._number(sum(one.invoices for one in totals)),
            "amount": self._money(sum(one.amount for one in totals)),
            **more,
        }

    # words
    def _number(self, number):
        return formatLang(self.env, number, digits=0)

    def _money(self, amount):
        return formatLang(self.env, amount, currency_obj=self.company_id.currency_id)

    def _day(self, date, first=False):
        """“Monday 2 March 2026”, in the user's language; ``first``: as the first word."""
        day = self.company_id._relance_day_in_full(date)
        return day[:1].upper() + day[1:] if first else day

    # -- what a person does ------------------------------------------------------------------------------
    def _check_shown(self):
        """Refuse to open what the screen does not show.

        :raise UserError: with the sentence that says what to correct
        """
        self.ensure_one()
        self.check_access("read")
        if notice := self._notice():
            raise UserError(notice)

    def action_open_lines(self, table=None, keys=()):
        """The lines behind a row of a table.

        :param table: ``level``, ``channel``, ``reason``, ``day`` or ``excluded``; none: all lines
        :param keys: of that row
        """
        self._check_shown()
        domains = {
            "level": [("verdict", "=", "send"), ("message_level_id", "in", keys)],
            "channel": [("verdict", "=", "send"), ("channel", "in", keys)],
            "reason": [("reason", "in", keys)],
            "day": [("date", "in", keys)],
            "excluded": [("is_excluded", "=", True)],
        }
        action = self.env["ir.actions.act_window"]._for_xml_id("relance_douce.action_relance_preview_line")
        title = self._lines_title(table, keys)
        return {
            **action,
            "name": title,
            "display_name": title,
            "domain": domains.get(table, []) if keys or table == "excluded" else [],
            "context": {
                "relance_preview_company": self.company_id.id,
                "relance_preview_date": str(self.date),
                **({"relance_preview_until": str(self.date_until)} if table == "day" else {}),
            },
        }

    def _lines_title(self, table, keys):
        """What the list shows, in its breadcrumb."""
        if table == "day":
            if len(keys) == 1:
                return self._day(fields.Date.to_date(keys[0]), first=True)
            return self.env._("Ahead until %s", long_date(self.env, self.date_until))
        title = {
            "level": lambda: self.env["relance.level"].browse(keys[:1]).display_name,
            "channel": lambda: dict(
                self.env["relance.reminder"]._fields["channel"]._description_selection(self.env)
            ).get(keys[0]),
            "reason": lambda: self.env["relance.run"]._reason_labels().get(keys[0]),
            "excluded": lambda: self.env._("Excluded by their journal"),
        }.get(table if keys or table == "excluded" else None)
        return (title and title()) or self.env._("Open invoices")

    def action_open_all(self):
        return self.action_open_lines()

    def action_open_messages(self):
        """The messages one after the other, as the customers would get them."""
        self._check_shown()
        return self.env["relance.preview.message"]._open_first(self.company_id, self.date)

    def action_open_excluded(self):
        """What general journals exclude; whoever may include it gets the list that does so."""
        self._check_shown()
        if (
            self.env.user.has_group("relance_douce.group_relance_manager")
            and self.company_id == self.env.company
        ):
            return self.env["ir.actions.act_window"]._for_xml_id("relance_douce.action_relance_left_out")
        return self.action_open_lines("excluded")

    def action_bank_entered(self):
        """One click: everything received up to today is booked; the preview is computed anew."""
        self._check_shown()
        self.company_id.action_relance_bank_entered()
        return False

    def action_start(self):
        """On to the first start, which switches reminders on."""
        self.ensure_one()
        self.company_id._relance_check_manager()
        # back where one came from, not one level deeper
        return {**self.env["relance.start"]._open(), "target": "main"}
