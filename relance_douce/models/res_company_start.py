"""When reminders are on: the switch, the day they start on, and who approves."""

from datetime import datetime, timedelta

import pytz

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from ..tools.holidays import french_holidays
from ..tools.text import long_date
from . import relance_words as words

#: what every letter shows of the company, in the order in which it is asked for
IDENTITY = ("street", "zip", "city", "email", "phone", "company_registry")
#: a reminder that came in just after the weekly mail waits so many days for the next one
WEEK = 7
#: departments with two public holidays more, and those with a clock of their own
ALSACE_MOSELLE = ("57", "67", "68")
OVERSEAS = ("97", "98")


class ResCompany(models.Model):
    _inherit = "res.company"

    relance_start_date = fields.Date(
        string="Reminders start on",
        help="First day on which reminders may leave. Empty: at once.",
    )
    relance_approver_id = fields.Many2one(
        "res.users",
        string="Approves the reminders",
        domain="[('share', '=', False), ('company_ids', 'in', id)]",
        help="Gets the weekly mail with what waits for approval. Empty: whoever signs the reminders.",
    )
    relance_approval_weekday = fields.Selection(
        "_relance_weekdays",
        string="Weekly mail to the approver",
        help="On this day the approver gets one mail with all that waits for approval, and approves it with "
        "one button, without logging in. Empty: no mail.",
    )
    relance_approval_mailed_on = fields.Date(
        readonly=True, help="Up to this day the approver was told what waits."
    )
    relance_mail_tested_on = fields.Date(readonly=True, help="Day on which a test mail left.")

    @api.model
    def _relance_weekdays(self):
        """The days of the week in the user's language, Monday first."""
        monday = datetime(2024, 1, 1)
        return [
            (str(day), format_date(self.env, monday + timedelta(days=day), date_format="EEEE").capitalize())
            for day in range(7)
        ]

    # -- the switch -----------------------------------------------------------------------------
    def write(self, vals):
        """Reminders that are off have no day to start on; switching them on has its rules."""
        if "relance_active" in vals and not vals["relance_active"]:
            vals = {"relance_start_date": False, **vals}
        starting = self.browse()
        if vals.get("relance_active") and not self.env.su:
            starting = self.filtered(lambda company: not company.relance_active)
            starting._relance_check_may_start()
        if vals.get("relance_start_date") and not self.env.su:
            for company in self:
                company._relance_check_near(
                    fields.Date.to_date(vals["relance_start_date"]), company._relance_date()
                )
        if vals.get("relance_approval_weekday"):
            self._relance_first_mail_from_today(vals["relance_approval_weekday"])
        result = super().write(vals)
        if "relance_active" in vals:
            # the menu of the first steps comes and goes with it
            self.env.registry.clear_cache()
        return result

    def _relance_is_on(self, date):
        """Whether the scheduled actions work for this company on its local ``date``."""
        return self.relance_active and not self._relance_waits_for_start(date)

    def _relance_waits_for_start(self, date):
        """Whether the first day of reminders is still to come on the local ``date``."""
        self.ensure_one()
        return bool(self.relance_start_date) and self.relance_start_date > date

    @api.private
    def _relance_check_started(self, date):
        """Nothing leaves before the first day, by whatever hand.

        :param date: local date of today
        :raise UserError: names the first day
        """
        if self._relance_waits_for_start(date):
            raise UserError(
                self.env._(
                    "Reminders start on %s: nothing leaves before, not by hand either. To start earlier, a "
                    "dunning manager stops them in the first steps and chooses another day.",
                    self._relance_day_in_full(self.relance_start_date),
                )
            )

    @api.model
    @api.private
    def _relance_switched_on(self, now=None):
        """The companies that reminders are on for at the naive UTC ``now``, default this moment."""
        now = now or fields.Datetime.now()
        companies = self.search([("relance_active", "=", True)])
        return companies.filtered(lambda company: company._relance_is_on(company._relance_date(now)))

    def _relance_preview_was_seen(self):
        """Whether somebody looked at what the first run would do."""
        self.ensure_one()
        return bool(self.relance_preview_seen)

    def _relance_next_start(self, date):
        """The Monday after the local ``date``, or the first day after it that the company works."""
        self.ensure_one()
        return self._relance_working_day(date + timedelta(days=7 - date.weekday()))

    def _relance_start_blocker(self):
        """One sentence: why reminders cannot be switched on yet; empty if they can."""
        self.ensure_one()
        if not self._relance_preview_was_seen():
            return self.env._("Look at the preview first: it shows who would be reminded, and of what.")
        return ""

    def _relance_check_manager(self):
        """Refuse whoever may not set up reminders for these companies.

        :raise AccessError: says which right is missing
        """
        if not self.env.user.has_group("relance_douce.group_relance_manager") or self - self.env.companies:
            raise AccessError(
                self.env._("You need the right “Reminders: manager” of this company to set up reminders.")
            )

    def _relance_check_may_start(self):
        """
        :raise AccessError: the user is no manager of reminders here
        :raise UserError: something has to be looked at first
        """
        self._relance_check_manager()
        for company in self:
            if blocker := company._relance_start_blocker():
                raise UserError(blocker)

    @api.private
    def _relance_start(self, day, date):
        """Switch reminders on from ``day`` on.

        :param day: first day, one on which the company works
        :param date: local date of today
        :raise AccessError: the user is no manager of reminders here
        :raise UserError: says what to look at, or which day to choose
        """
        self.ensure_one()
        self._relance_check_may_start()
        if self.relance_active:
            raise UserError(
                self.env._(
                    "Somebody switched reminders on already: reload the page. To choose another day, stop "
                    "them first."
                )
            )
        self._relance_check_start_day(day, date)
        # the right was just checked; nothing else of the company changes
        self.sudo().write({"relance_active": True, "relance_start_date": day})
        # prepared at once, so that people can look at it and approve it: it leaves on that day
        self.env["relance.run"].sudo()._run(self, day)

    def _relance_check_start_day(self, day, date):
        if not day or day < date:
            raise UserError(self.env._("Choose the day on which reminders start: today or later."))
        self._relance_check_near(day, date)
        if self._relance_working_day(day) != day:
            raise UserError(
                self.env._(
                    "You do not work on %(day)s: choose another day, for example %(other)s.",
                    day=self._relance_day_in_full(day),
                    other=self._relance_day_in_full(self._relance_working_day(day)),
                )
            )

    def _relance_check_near(self, day, date):
        """
        :raise UserError: the first ``day`` is so far off, seen from ``date``, that it was mistyped
        """
        if day > self._relance_last_day(date):
            raise UserError(
                self.env._(
                    "Choose a day up to %s: until it comes, nothing leaves.",
                    format_date(self.env, self._relance_last_day(date)),
                )
            )

    @api.private
    def _relance_stop(self):
        """Switch reminders off at once.

        :return: one sentence: what is prepared and stays until they are switched on again
        """
        self.ensure_one()
        self._relance_check_manager()
        self.sudo().relance_active = False  # the right was just checked
        return self._relance_pending_sentence()

    def _relance_pending_sentence(self):
        """What is prepared and does not leave while reminders are off."""
        self.ensure_one()
        _ = self.env._
        reminders = self.env["relance.reminder"]
        counts = dict(
            reminders._read_group(
                [("company_id", "=", self.id), ("state", "in", ("draft", "ready"))], ["state"], ["__count"]
            )
        )
        drafts, ready = counts.get("draft", 0), counts.get("ready", 0)
        under_way = reminders.search_count(
            [
                ("company_id", "=", self.id),
                ("state", "=", "sent"),
                ("delivery_state", "=", "pending"),
            ]
        )
        if not drafts and not ready:
            text = _("Reminders are off; none was waiting.")
        else:
            text = _(
                "Reminders are off. What was prepared stays where it is until you start again: "
                "%(drafts)s to approve, %(ready)s ready to leave.",
                drafts=drafts,
                ready=ready,
            )
        if under_way:
            text = " ".join([text, _("Already handed to the mail server, and on their way: %s.", under_way)])
        return text

    def _relance_banner(self):
        """What the screens say while reminders are not on yet.

        :return: None when they are on, else a dict: ``kind`` (``off`` | ``planned``), ``text`` (a
            sentence in the user's language), ``action`` (xml id of the screen that changes it, or
            None where the user may not)
        """
        self.ensure_one()
        date = self._relance_date()
        if self._relance_is_on(date):
            return None
        is_manager = self.env.user.has_group("relance_douce.group_relance_manager")
        action = "relance_douce.action_relance_start" if is_manager else None
        if not self.relance_active:
            text = self.env._("Reminders are off: nothing is prepared and nothing is sent.")
            return {"kind": "off", "text": text, "action": action}
        text = self.env._(
            "Reminders start on %s. What is prepared can be looked at and approved; nothing leaves before.",
            self._relance_day_in_full(self.relance_start_date),
        )
        return {"kind": "planned", "text": text, "action": action}

    def _relance_day_in_full(self, day):
        """“Monday 2 March 2026”, in the user's language."""
        return f"{format_date(self.env, day, date_format='EEEE')} {long_date(self.env, day)}"

    # -- the calendar -----------------------------------------------------------------------------
    def _relance_is_french(self):
        self.ensure_one()
        return (self.country_id or self.account_fiscal_country_id).code == "FR"

    def _relance_holidays(self, first, last):
        """The public holidays of the company's country from ``first`` to ``last``: date → name.

        None but those of France are known here; an addon for another country overrides it.
        """
        self.ensure_one()
        if not self._relance_is_french():
            return {}
        local = (self.zip or "").startswith(ALSACE_MOSELLE)
        names = self._relance_holiday_names()
        return {
            day: names[code]
            for year in range(first.year, last.year + 1)
            for day, code in french_holidays(year, local)
            if first <= day <= last
        }

    @api.model
    def _relance_holiday_names(self):
        _ = self.env._
        return {
            "new_year": _("New Year's Day"),
            "good_friday": _("Good Friday"),
            "easter_monday": _("Easter Monday"),
            "labour_day": _("Labour Day"),
            "victory_1945": _("Victory in Europe Day"),
            "ascension": _("Ascension Day"),
            "whit_monday": _("Whit Monday"),
            "national_day": _("Bastille Day"),
            "assumption": _("Assumption Day"),
            "all_saints": _("All Saints' Day"),
            "armistice_1918": _("Armistice Day"),
            "christmas": _("Christmas Day"),
            "saint_stephen": _("Second Day of Christmas"),
        }

    def _relance_missing_holidays(self, date):
        """Public holidays of the next twelve months on which the company seems to work: date → name."""
        self.ensure_one()
        if not self.resource_calendar_id:
            return {}
        last = fields.Date.add(date, years=1)
        holidays = self._relance_holidays(date, last)
        if not holidays:
            return {}
        open_days = self._relance_open_days(date, last)
        return {day: name for day, name in holidays.items() if day in open_days}

    def _relance_leaves_domain(self, first, last):
        """Days off of the whole company between two naive UTC moments."""
        return [
            ("resource_id", "=", False),
            ("calendar_id", "in", (False, self.resource_calendar_id.id)),
            ("company_id", "in", (False, self.id)),
            ("time_type", "=", "leave"),
            ("date_from", "<=", last),
            ("date_to", ">=", first),
        ]

    @api.private
    def _relance_add_holidays(self, date):
        """Enter the public holidays of this and the next year into the calendar; never twice.

        :param date: local date of today
        :return: the days off that were made
        """
        self.ensure_one()
        self._relance_check_manager()
        timezone = self._relance_timezone()

        def moment(day, time):
            local = timezone.localize(datetime.combine(day, time))
            return local.astimezone(pytz.utc).replace(tzinfo=None)

        first, last = date.replace(month=1, day=1), date.replace(year=date.year + 1, month=12, day=31)
        # the calendar is the host's; a day off only keeps reminders at home
        leaves = self.env["resource.calendar.leaves"].sudo()
        known = leaves.search(
            self._relance_leaves_domain(moment(first, datetime.min.time()), moment(last, datetime.max.time()))
        )
        noon = datetime.min.time().replace(hour=12)
        return leaves.create(
            [
                {
                    "name": name,
                    "company_id": self.id,
                    "calendar_id": self.resource_calendar_id.id,
                    "date_from": moment(day, datetime.min.time()),
                    "date_to": moment(day, datetime.max.time().replace(microsecond=0)),
                    "time_type": "leave",
                }
                for day, name in self._relance_holidays(first, last).items()
                if not any(one.date_from <= moment(day, noon) <= one.date_to for one in known)
            ]
        )

    def _relance_clock_is_right(self, date):
        """Whether the calendar's clock shows the time of the company's country.

        Asked in winter and in summer; Brussels shows the time of Paris.
        """
        self.ensure_one()
        calendar = self.resource_calendar_id
        if not calendar or not self._relance_is_french() or (self.zip or "").startswith(OVERSEAS):
            return True
        paris, ours = pytz.timezone("Europe/Paris"), pytz.timezone(calendar.tz or "UTC")
        days = [datetime(date.year, month, 15, 12) for month in (1, 7)]
        return all(paris.utcoffset(day) == ours.utcoffset(day) for day in days)

    def _relance_missing_identity(self):
        """What the letters need to know of the company and do not find: names of the fields."""
        self.ensure_one()
        company = self.sudo()  # printed on every letter
        return [company._fields[name]._description_string(self.env) for name in IDENTITY if not company[name]]

    # -- who approves -------------------------------------------------------------------------------
    def _relance_approver(self):
        """Who approves: the one chosen, else whoever signs the reminders."""
        self.ensure_one()
        return self.relance_approver_id or self.relance_user_id

    def _relance_first_mail_from_today(self, weekday):
        """A day of the week was chosen: the first mail is not the one of last week."""
        for company in self:
            if company.relance_approval_weekday != weekday:
                company.sudo().relance_approval_mailed_on = company._relance_date() - timedelta(days=1)

    def _relance_levels_to_approve(self):
        """The active levels of this company's policies of which somebody approves each reminder."""
        self.ensure_one()
        approval = Domain.TRUE if self.relance_approve_all else Domain("approval", "!=", "none")
        return self.env["relance.level"].search(
            approval
            & Domain("policy_id.active", "=", True)
            & Domain("policy_id.company_id", "in", (False, self.id))
        )

    def _relance_levels_refused(self, user, levels):
        """Those of ``levels`` that ``user`` has no right to approve for this company."""
        # who works for which company is no secret to whoever chooses an approver
        if not user.active or self not in user.sudo().company_ids:
            return levels
        groups = self.env["relance.reminder"]._approval_groups()
        return levels.filtered(lambda level: not user.has_group(groups.get(level.approval, groups["user"])))

    def _relance_approval_warning(self, weekday=None, approver=None):
        """One sentence: what keeps the weekly mail from doing its work; empty if nothing does.

        :param weekday: chosen and not saved yet, default what is saved
        :param approver: likewise, a ``res.users``
        """
        self.ensure_one()
        weekday = self.relance_approval_weekday if weekday is None else weekday
        approver = self._relance_approver() if approver is None else approver
        if not weekday:
            return ""
        _ = self.env._
        if not approver:
            return _("Choose who approves, or who signs the reminders: the weekly mail has no reader yet.")
        if not approver.email:
            return _("%s has no e-mail address: the weekly mail cannot reach this person.", approver.name)
        levels = self._relance_levels_to_approve()
        refused = self._relance_levels_refused(approver, levels)
        if refused:
            return _(
                "%(person)s has no right to approve %(levels)s: give this person the right, or choose "
                "somebody else.",
                person=approver.name,
                levels=", ".join(_("“%s”", name) for name in dict.fromkeys(refused.mapped("name"))),
            )
        short = levels.policy_id.filtered(lambda policy: policy.approval_days < WEEK)
        if short:
            return _(
                "“%(policy)s” leaves %(days)s to approve: a reminder may lapse before the weekly mail "
                "arrives. Give it %(week)s at least.",
                policy=short[0].name,
                days=words.days(self.env, short[0].approval_days),
                week=words.days(self.env, WEEK),
            )
        return ""

    # -- who is served -----------------------------------------------------------------------------
    def _relance_customers_by_policy(self):
        """How many customers each policy serves: list of (``relance.policy`` or empty, count).

        Customers are those who answer for themselves and were invoiced, or owe something. One
        query, whatever their number.
        """
        self.ensure_one()
        partner = self.env["res.partner"].sudo().with_company(self)
        policies = self.env["relance.policy"]
        self.env["relance.decision"]._flush_for_decision()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT policy_id, count(*)
                  FROM (SELECT %(policy)s AS policy_id
                          FROM res_partner payer
                         WHERE payer.active
                           AND payer.commercial_partner_id = payer.id
                           AND payer.relance_payer_id IS NULL
                           AND (payer.company_id IS NULL OR payer.company_id = %(company)s)
                           AND (payer.customer_rank > 0 OR payer.id IN %(debtors)s)) served
              GROUP BY policy_id
              ORDER BY count(*) DESC
                """,
                policy=policies._policy_sql(partner, self),
                company=self.id,
                debtors=self._relance_debtors_query(),
            )
        )
        return [(policies.browse(policy), count) for policy, count in rows]

    def _relance_debtors_query(self):
        """SQL: the ids of those who owe this company something on an account that is chased."""
        return SQL(
            """
            (SELECT customer.commercial_partner_id
               FROM account_move_line aml
               JOIN res_partner customer ON customer.id = aml.partner_id
              WHERE aml.company_id = %(company)s
                AND aml.account_id = ANY(%(accounts)s)
                AND aml.reconciled IS NOT TRUE
                AND aml.parent_state = 'posted'
                AND aml.amount_residual > 0)
            """,
            company=self.id,
            accounts=self._relance_account_ids(),
        )

    @api.private
    def _relance_set_bank_entered(self, day):
        """All payments received up to ``day`` are booked, somebody says.

        :raise UserError: the day is yet to come
        """
        self.ensure_one()
        self.env["relance.reminder"]._check_user()
        self._relance_check_manager()
        if not day or day > self._relance_date():
            raise UserError(
                self.env._("Choose today or a day that has passed: payments of tomorrow are not known.")
            )
        # the right was just checked; nothing else of the company changes
        self.sudo().relance_bank_entered_until = day
