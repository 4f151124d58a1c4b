from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, Query, format_amount, format_date
from odoo.tools.safe_eval import safe_eval

from ..tools import schedule


class RelancePolicy(models.Model):
    _name = "relance.policy"
    _description = "Dunning Policy"
    _order = "sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(
        "res.company",
        index=True,
        help="Empty: the policy serves every company.",
    )
    description = fields.Char(translate=True)
    domain = fields.Char(
        string="Applies to",
        help="Customers this policy serves by itself; the first policy that matches wins. "
        "Empty: only customers for whom it was chosen by hand.",
    )
    level_ids = fields.One2many("relance.level", "policy_id", string="Levels", copy=True)
    level_count = fields.Integer(compute="_compute_level_count")

    min_days_between_contacts = fields.Integer(
        string="Days between two contacts",
        default=5,
        help="At least this many days lie between two claims to the same customer.",
    )
    max_contacts_30d = fields.Integer(
        string="Contacts in 30 days",
        default=6,
        help="At most this many claims to the same customer in 30 days.",
    )
    max_silence_days = fields.Integer(
        string="Longest silence (days)",
        default=45,
        help="Overdue invoices on which nothing happened for longer wait for a decision.",
    )
    approval_days = fields.Integer(
        string="Days to approve",
        default=7,
        help="A reminder that nobody approved within these days lapses and a manager is told.",
    )
    ready_days = fields.Integer(
        string="Days to print or call",
        default=5,
        help="A letter not posted or a call not made within these days takes the next channel.",
    )
    min_amount = fields.Float(
        string="Smallest amount",
        help="Below this total (company currency) nobody is reminded.",
    )

    # payment plans: beyond these limits a manager decides
    plan_max_count = fields.Integer(string="Most instalments", default=12)
    plan_max_months = fields.Integer(
        string="Longest plan (months)", default=12, help="From the offer to the last instalment."
    )
    plan_min_amount = fields.Float(
        string="Smallest instalment", default=50.0, help="In the company's currency."
    )
    plan_min_first_percent = fields.Float(
        string="Smallest first payment (%)", help="Of what is owed. 0: no smallest one."
    )
    plan_max_first_days = fields.Integer(
        string="First payment within (days)", default=45, help="Of the offer. 0: no limit."
    )
    plan_offer_days = fields.Integer(
        string="Offer valid for (days)", default=7, help="So long reminders rest; renewed once."
    )
    plan_accept_counter = fields.Boolean(
        string="Accept counter-proposals within the limits",
        default=True,
        help="Otherwise whoever is in charge decides about each.",
    )
    plan_needs_code = fields.Boolean(
        string="One-time code to sign", help="The customer types a code sent by SMS or e-mail."
    )
    plan_reminder_days = fields.Integer(string="Reminder before an instalment (days)", default=3)
    plan_grace_days = fields.Integer(
        string="Days of grace", default=5, help="After the friendly word about a missed instalment."
    )
    plan_break = fields.Selection(
        [("auto", "By itself"), ("manual", "By a person")],
        string="A plan not kept ends",
        default="auto",
        required=True,
        help="Consumers lose their instalments only by a person, after a written notice.",
    )
    plan_notice_days = fields.Integer(
        string="Notice before it ends (days)",
        default=8,
        help="0: without notice. Consumers have 30 days at least.",
    )

    _plan_positive = models.Constraint(
        "CHECK (plan_max_count > 0 AND plan_max_months > 0 AND plan_min_amount >= 0"
        " AND plan_min_first_percent >= 0 AND plan_min_first_percent <= 100"
        " AND plan_max_first_days >= 0 AND plan_offer_days > 0 AND plan_reminder_days >= 0"
        " AND plan_grace_days >= 0 AND plan_notice_days >= 0)",
        "The limits of payment plans cannot be negative; number, duration and validity need at least one, "
        "and the smallest first payment is at most 100 %.",
    )
    _positive = models.Constraint(
        "CHECK (min_days_between_contacts >= 0 AND max_contacts_30d > 0 AND approval_days > 0"
        " AND ready_days > 0 AND max_silence_days > 0 AND min_amount >= 0)",
        "The limits of a dunning policy cannot be negative, and the contacts in 30 days and "
        "the delays need at least one.",
    )

    @api.depends("level_ids")
    def _compute_level_count(self):
        counts = dict(
            self.env["relance.level"]._read_group([("policy_id", "in", self.ids)], ["policy_id"], ["__count"])
        )
        for policy in self:
            policy.level_count = counts.get(policy._origin, len(policy.level_ids))

    @api.constrains("domain")
    def _check_domain(self):
        for policy in self:
            if not policy.domain:
                continue
            try:
                domain = policy._partner_domain()
                self.env["res.partner"]._search(domain, limit=1)
            except Exception as error:
                raise ValidationError(
                    self.env._(
                        "“%(policy)s”: the filter of customers cannot be read (%(error)s). "
                        "Choose it again with the filter editor.",
                        policy=policy.name,
                        error=error,
                    )
                ) from error

    @api.constrains("active", "level_ids")
    def _check_levels(self):
        for policy in self:
            policy.level_ids._check_delays()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        """A policy that customers were or shall be reminded by is archived, not deleted."""
        # whoever deletes it need not see who was reminded
        used = (
            self.env["relance.reminder.line"]
            .sudo()
            ._read_group([("level_id.policy_id", "in", self.ids)], ["level_id"], limit=1)
        )
        used = used or (
            self.env["relance.reminder"]
            .sudo()
            ._read_group([("level_id.policy_id", "in", self.ids)], ["level_id"], limit=1)
        )
        if used:
            raise UserError(
                self.env._(
                    "“%s” was already used to remind customers: archive it instead of deleting "
                    "it, so that their history stays complete.",
                    used[0][0].policy_id.name,
                )
            )
        for policy in self:
            policy._refuse_if_chosen()
            policy._refuse_if_quoted()

    def _refuse_if_chosen(self):
        """Customers for whom it was chosen would be reminded by another one without a word."""
        customers = self._chosen_by()
        if customers:
            raise UserError(
                self.env._(
                    "“%(policy)s” is chosen for customers (%(count)s, among them “%(customer)s”): choose "
                    "another policy for them first, or archive this one.",
                    policy=self.name,
                    count=len(customers),
                    customer=customers[:1].sudo().display_name,
                )
            )

    def _refuse_if_quoted(self):
        """Levels of other policies may say what its levels say."""
        quoting = self.env["relance.level"].with_context(active_test=False).sudo()
        level = quoting.search(
            [("text_level_id.policy_id", "=", self.id), ("policy_id", "not in", self.ids)], limit=1
        )
        if level:
            raise UserError(
                self.env._(
                    "“%(level)s” of “%(other)s” uses the texts of “%(policy)s”: give it texts of its "
                    "own first, or archive this policy.",
                    level=level.name,
                    other=level.policy_id.name,
                    policy=self.name,
                )
            )

    def _chosen_by(self):
        """The customers for whom it was chosen by hand, in whatever company."""
        self.ensure_one()
        self.env["res.partner"].flush_model(["relance_policy_id"])
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM res_partner WHERE relance_policy_id IS NOT NULL"
                " AND relance_policy_id @? %s ORDER BY id",
                f"$.* ? (@ == {self.id})",
            )
        )
        return self.env["res.partner"].browse(partner for [partner] in rows)

    def action_archive(self):
        """Archive, and say for whom it had been chosen: they are served by others meanwhile."""
        result = super().action_archive()
        chosen = self.env["res.partner"].union(*(policy._chosen_by() for policy in self))
        if not chosen:
            return result
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning",
                "sticky": True,
                "message": self.env._(
                    "Customers for whom it is chosen: %s. The first policy that matches serves them now; "
                    "the choice counts again once it is no longer archived.",
                    len(chosen),
                ),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def copy_data(self, default=None):
        return [
            {**values, "name": self.env._("%s (copy)", policy.name)}
            if "name" not in (default or {})
            else values
            for policy, values in zip(self, super().copy_data(default), strict=True)
        ]

    @api.model_create_multi
    def create(self, vals_list):
        policies = super(RelancePolicy, self.with_context(relance_levels_later=True)).create(vals_list)
        policies.with_context(relance_levels_later=False).level_ids._check_delays()
        return policies.with_env(self.env)

    def write(self, vals):
        """Several levels may change at once: only the ladder that results has to rise."""
        result = super(RelancePolicy, self.with_context(relance_levels_later=True)).write(vals)
        if "level_ids" in vals or "active" in vals:
            self.with_context(relance_levels_later=False).level_ids._check_delays()
        return result

    def _partner_domain(self):
        """The customers this policy serves by itself, as a domain on ``res.partner``."""
        self.ensure_one()
        return Domain(safe_eval(self.domain or "[(0, '=', 1)]", {"uid": self.env.uid}))

    def _usable(self, company):
        """Active policies with at least one active level that serve ``company``, in order."""
        return self.sudo().search(
            [
                ("company_id", "in", (False, company.id)),
                ("level_ids.active", "=", True),
            ]
        )

    @api.private
    def _policy_sql(self, partner, company):
        """SQL over the alias ``payer``: the id of the payer's policy, or NULL.

        Chosen by hand on the customer, else the first whose domain matches.

        :param partner: ``res.partner`` in the company whose values count
        """
        policies = self._usable(company)
        if not policies:
            return SQL("NULL")
        chosen = partner._field_to_sql("payer", "relance_policy_id")
        field = partner._fields["relance_policy_id"]
        has_choice = SQL("TRUE")
        if not field.get_company_dependent_fallback(partner):
            # nearly nobody has one of his own: then nothing is looked up
            has_choice = SQL("payer.relance_policy_id IS NOT NULL")
        matches = [
            SQL("WHEN %s THEN %s", policy._matches_sql(partner), policy.id)
            for policy in policies
            if policy.domain
        ]
        automatic = SQL("CASE %s END", SQL(" ").join(matches)) if matches else SQL("NULL")
        return SQL(
            "CASE WHEN %(has_choice)s AND %(chosen)s IN %(usable)s THEN %(chosen)s ELSE %(automatic)s END",
            has_choice=has_choice,
            chosen=chosen,
            usable=tuple(policies.ids),
            automatic=automatic,
        )

    @api.model
    @api.private
    def _for_payer(self, company, payer):
        """The policy of this payer in ``company``; where none applies, one with shipped limits."""
        payer.flush_recordset()
        partner = payer.with_company(company).sudo()
        [[policy]] = self.env.execute_query(
            SQL(
                "SELECT %s FROM res_partner payer WHERE payer.id = %s",
                self._policy_sql(partner, company),
                payer.id,
            )
        )
        return self.browse(policy) or self.new()

    @api.private
    def _plan_limits_exceeded(self, company, currency, instalments, date):
        """Sentences that say which limits these instalments leave; none if they keep them all.

        :param instalments: list of (date, amount in ``currency``), in order
        :param date: local date of the offer
        """
        _ = self.env._
        sentences = []
        if not instalments:
            return sentences

        def money(amount):
            return format_amount(self.env, amount, currency)

        days = [day for day, _amount in instalments]
        amounts = [float(amount) for _day, amount in instalments]
        if len(days) > self.plan_max_count:
            sentences.append(
                _(
                    "%(count)s instalments; the policy allows %(most)s.",
                    count=len(days),
                    most=self.plan_max_count,
                )
            )
        last = fields.Date.add(date, months=self.plan_max_months)
        if days[-1] > last:
            sentences.append(
                _(
                    "The last instalment is on %(day)s; the policy ends on %(last)s.",
                    day=format_date(self.env, days[-1]),
                    last=format_date(self.env, last),
                )
            )
        smallest = self._plan_smallest(company, currency, date)
        if currency.compare_amounts(min(amounts), smallest) < 0:
            sentences.append(
                _(
                    "An instalment of %(amount)s; the policy asks for %(least)s at least.",
                    amount=money(min(amounts)),
                    least=money(smallest),
                )
            )
        first = currency.round(sum(amounts) * self.plan_min_first_percent / 100)
        if currency.compare_amounts(amounts[0], first) < 0:
            sentences.append(
                _(
                    "A first payment of %(amount)s; the policy asks for %(least)s at least.",
                    amount=money(amounts[0]),
                    least=money(first),
                )
            )
        if self.plan_max_first_days and (days[0] - date).days > self.plan_max_first_days:
            sentences.append(_("The first payment is more than %s days away.", self.plan_max_first_days))
        return sentences

    def _plan_smallest(self, company, currency, date):
        """The smallest instalment, in ``currency``."""
        return company.currency_id._convert(self.plan_min_amount or 0.0, currency, company, date)

    @api.private
    def _plan_offers(
        self, company, currency, total, first, every="month", skipped=(), date=None, paid_today=0.0
    ):
        """Three offers within the limits: short, balanced, long; fewer where they are the same.

        :param total: what is owed, in ``currency``
        :param first: day of the first instalment
        :param date: local date of the offer
        :param paid_today: what is paid on that date; it is the first instalment of each offer
        :return: list of (``short`` | ``balanced`` | ``long``, list of (date, Decimal))
        """
        digits = currency.decimal_places
        date = date or company._relance_date()
        today = schedule.exact(currency.round(paid_today), digits)
        amount = schedule.exact(currency.round(total), digits) - today
        smallest = schedule.exact(currency.round(self._plan_smallest(company, currency, date)), digits)
        longest = min(
            max(self.plan_max_count - bool(today), 1),
            schedule.most(amount, smallest, digits),
            schedule.most_until(first, fields.Date.add(date, months=self.plan_max_months), every, skipped)
            or 1,
        )
        # a first payment that the policy asks for weighs more than an even share
        share = schedule.exact(currency.round(total * self.plan_min_first_percent / 100), digits)
        counts = {
            "short": max(2, round(longest / 4)),
            "balanced": max(3, round(longest / 2)),
            "long": longest,
        }
        offers = {}
        for name, count in counts.items():
            count = min(count, longest)
            down = share if not today and count > 1 and share * count > amount else None
            try:
                parts = schedule.amounts(amount, count, digits, down, None)
            except schedule.ScheduleError:
                continue
            rows = list(zip(schedule.dates(count, first, every, skipped), parts, strict=True))
            offers.setdefault(count, (name, [(date, today), *rows] if today else rows))
        return list(offers.values())

    def _matches_sql(self, partner):
        """SQL over the alias ``payer``: whether the policy's domain matches it."""
        domain = self._partner_domain()
        if domain.is_true():
            return SQL("TRUE")
        partner = partner.with_context(active_test=False)
        query = Query(self.env, "payer", partner._table_sql)
        condition = domain.optimize_full(partner)._to_sql(partner, "payer", query)
        if query.from_clause == Query(self.env, "payer", partner._table_sql).from_clause:
            # over columns of the payer himself it is read on the way, not in a list of ids
            return condition
        return SQL("payer.id IN %s", partner._search(domain).subselect())
