"""What was done outside before, said for many overdue customers at once, and taken back."""

from collections import namedtuple
from datetime import datetime, time

import pytz

from odoo import Command, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, format_date, formatLang

from ..tools.sheet import fold

#: what is said about one customer, or about some of his journal items
#:
#: key: given back with the outcome; customer_id: the debtor; value: what the kind needs
#: (level: names, the first one that the policy knows counts; policy, payer: an id; audience:
#: its code); date: the day of the contact, or the last day of a pause; note: the lawyer's
#: name, or why, or the level as it was typed; channel: how the customer was contacted;
#: line_ids: these journal items only
Entry = namedtuple(
    "Entry", "key customer_id value date note channel line_ids", defaults=(None, None, None, None, None)
)
#: status: ``fits``, ``same`` (it is so already) or ``refused``; rows: the rows of the decision
#: it touches; sentences: why not and what to do, or what stays as it is
Outcome = namedtuple("Outcome", "entry status rows value sentences", defaults=((), None, ()))
#: what all entries of one company are measured by: the rows of the decision that are overdue
#: by debtor, the levels (:class:`Step`) by policy and by id, the partners
Ledger = namedtuple("Ledger", "company date rows steps step_of partners policies")
Step = namedtuple("Step", "id policy_id delay tone name words")

#: kinds that change the customer, whom only some may edit
PARTNER_KINDS = ("policy", "payer", "audience")


class RelanceTakeover(models.Model):
    """One mass action on overdue customers of one company: what it changed, and how to undo it.

    Planning reads only and tells for each entry whether it fits; applying writes what fits.
    Dialog, import and whoever comes later use :meth:`_plan` and :meth:`_apply` and hold no
    rule of their own.
    """

    _name = "relance.takeover"
    _description = "Mass Action on Overdue Customers"
    _order = "id desc"

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True, ondelete="cascade")
    currency_id = fields.Many2one(related="company_id.currency_id")
    kind = fields.Selection(
        [
            ("level", "Already reminded"),
            ("handed_over", "With the lawyer"),
            ("doubtful", "Doubtful"),
            ("paused", "Not before a day"),
            ("policy", "Policy"),
            ("payer", "Payer"),
            ("audience", "Audience"),
        ],
        required=True,
        readonly=True,
    )
    date = fields.Date(string="Done on", required=True, readonly=True)
    user_id = fields.Many2one(
        "res.users", string="By", readonly=True, default=lambda self: self.env.user, ondelete="restrict"
    )
    note = fields.Char(string="What", readonly=True)
    partner_ids = fields.Many2many("res.partner", string="Customers", readonly=True)
    customer_count = fields.Integer(string="Customers touched", readonly=True)
    invoice_count = fields.Integer(string="Invoices", readonly=True)
    amount = fields.Monetary(readonly=True, help="Left to pay when it was done, in the company's currency.")
    reminder_ids = fields.One2many("relance.reminder", "takeover_id", readonly=True)
    hold_ids = fields.One2many("relance.hold", "takeover_id", readonly=True, context={"active_test": False})
    journal = fields.Json(
        readonly=True, help="Values before and after, by customer, and the journal items that were flagged."
    )
    state = fields.Selection(
        [("done", "Done"), ("undone", "Taken back")], required=True, readonly=True, default="done"
    )
    undone_by_id = fields.Many2one("res.users", string="Taken back by", readonly=True, ondelete="set null")
    undone_date = fields.Date(string="Taken back on", readonly=True)

    @api.depends("kind", "date")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for takeover in self:
            takeover.display_name = self.env._(
                "%(kind)s, %(date)s",
                kind=labels.get(takeover.kind, ""),
                date=format_date(self.env, takeover.date) if takeover.date else "",
            )

    # -- planning: reads only -------------------------------------------------------------------
    @api.model
    @api.private
    def _plan(self, company, kind, entries, date=None):
        """What these entries would do, one :class:`Outcome` each, in their order.

        :param company: one ``res.company``
        :param kind: a code of ``kind``
        :param entries: list of :class:`Entry`
        :param date: local date of the decision, default the company's today
        :raise AccessError: naming the right that is missing
        """
        self._check_right(kind)
        ledger = self._ledger(company, entries, date or company._relance_date())
        return getattr(self, f"_plan_{kind}")(ledger, entries)

    def _check_right(self, kind):
        self.env["relance.reminder"]._check_user()
        if kind in PARTNER_KINDS and not self.env["res.partner"].has_access("write"):
            raise AccessError(
                self.env._(
                    "Policy, payer and audience are written on the customer: "
                    "you need the right to edit contacts."
                )
            )

    def _ledger(self, company, entries, date):
        partners = self.env["res.partner"].browse({entry.customer_id for entry in entries})
        wanted = set(partners.ids)
        rows = {}
        for row in self.env["relance.decision"]._decide(company, date, partners):
            if row.days_late > 0 and row.debtor_id in wanted:
                rows.setdefault(row.debtor_id, []).append(row)
        steps = self._steps()
        return Ledger(
            company,
            date,
            rows,
            self._grouped(steps),
            {step.id: step for step in steps},
            # the books were just asked for them; what they are called is no secret then
            {partner.id: partner for partner in partners.with_company(company).sudo()},
            {policy.id: policy for policy in self.env["relance.policy"]._usable(company)},
        )

    def _steps(self):
        """All levels with every word they are known by, in any language."""
        self.env["relance.level"].flush_model()
        labels = {}
        for lang, _name in self.env["res.lang"].get_installed():
            translated = self.with_context(lang=lang).env["relance.level"]
            for tone, label in translated._fields["tone"]._description_selection(translated.env):
                labels.setdefault(tone, {tone}).add(fold(label))
        rows = self.env.execute_query(
            SQL("SELECT id, policy_id, delay_days, tone, name, active FROM relance_level ORDER BY delay_days")
        )
        names = {
            level.id: level.name
            # names are no secret to whoever may remind
            for level in self.env["relance.level"].sudo().browse(row[0] for row in rows)
        }
        return [
            Step(
                level,
                policy if active else None,
                delay,
                tone,
                names[level],
                ({fold(word) for word in (name or {}).values()}, labels.get(tone, {tone})),
            )
            for level, policy, delay, tone, name, active in rows
        ]

    def _grouped(self, steps):
        grouped = {}
        for step in steps:
            if step.policy_id and step.delay >= 0:
                grouped.setdefault(step.policy_id, []).append(step)
        return grouped

    def _step_in(self, steps, words):
        """The level of a policy that ``words`` mean: by its name, else by its tone if it is alone."""
        for word in words or ():
            for index in (0, 1):
                found = [step for step in steps if word in step.words[index]]
                if len(found) == 1:
                    return found[0]
        return None

    def _rows_of(self, ledger, entry):
        """The overdue rows an entry speaks of."""
        rows = ledger.rows.get(entry.customer_id, [])
        if entry.line_ids is None:
            return rows
        return [row for row in rows if row.move_line_id in entry.line_ids]

    def _refused(self, entry, *sentences):
        return Outcome(entry, "refused", sentences=sentences)

    def _nothing_overdue(self, ledger, entry):
        if entry.line_ids is not None:
            return self._refused(
                entry,
                self.env._("This invoice is not overdue: it is paid, or not due yet."),
                self.env._("Leave this line out."),
            )
        return self._refused(
            entry,
            self.env._("“%s” has nothing overdue.", ledger.partners[entry.customer_id].display_name),
            self.env._("Leave this line out, or check whether the invoices are booked and due."),
        )

    def _plan_level(self, ledger, entries):
        counted = self._counted(ledger)
        return [self._plan_one_level(ledger, counted, entry) for entry in entries]

    def _counted(self, ledger):
        """(line, level) → due date at which this level was reached and still counts."""
        lines = [row.move_line_id for rows in ledger.rows.values() for row in rows]
        if not lines:
            return {}
        self.env["relance.reminder.line"].flush_model()
        return {
            (line, level): day
            for line, level, day in self.env.execute_query(
                SQL(
                    """
                    SELECT move_line_id, level_id, max(date_maturity)
                      FROM relance_reminder_line
                     WHERE counts AND move_line_id = ANY(%s)
                  GROUP BY move_line_id, level_id
                    """,
                    lines,
                )
            )
        }

    def _plan_one_level(self, ledger, counted, entry):
        _ = self.env._
        rows = self._rows_of(ledger, entry)
        if not rows:
            return self._nothing_overdue(ledger, entry)
        if not entry.date:
            return self._refused(entry, _("A level needs its day."), _("Write the day of the last reminder."))
        if entry.date > ledger.date:
            return self._refused(
                entry,
                _("%s lies in the future.", format_date(self.env, entry.date)),
                _("Write the day on which the customer was really reminded."),
            )
        step, sentences = self._step_for(ledger, rows[0], entry)
        if step is None:
            return self._refused(entry, *sentences)
        fitting, young, same = [], [], []
        for row in rows:
            reached = ledger.step_of.get(row.level_id)
            if reached and reached.delay >= step.delay:
                same.append(row)
            elif (entry.date - row.date_due).days < max(step.delay, 1):
                young.append(row)
            elif counted.get((row.move_line_id, step.id)) and not (
                counted[row.move_line_id, step.id] < row.date_due
            ):
                same.append(row)
            else:
                fitting.append(row)
        told = ()
        if young:
            told = (
                _(
                    "%(count)s too young for “%(level)s” on %(date)s: left as they are.",
                    count=self._count_invoices(young),
                    level=step.name,
                    date=format_date(self.env, entry.date),
                ),
            )
        if fitting:
            return Outcome(entry, "fits", tuple(fitting), step, told)
        if same:
            return Outcome(entry, "same", value=step, sentences=told)
        return self._refused(
            entry,
            _(
                "No invoice was old enough for “%(level)s” on %(date)s.",
                level=step.name,
                date=format_date(self.env, entry.date),
            ),
            _(
                "This level comes %s days after the due date: take an earlier level or a later day.",
                step.delay,
            ),
        )

    def _step_for(self, ledger, row, entry):
        """The level of this customer's policy, or None and why not."""
        _ = self.env._
        if not row.policy_id:
            return None, (
                _("No dunning policy applies to this customer."),
                _("Choose a policy for him first."),
            )
        steps = ledger.steps.get(row.policy_id, [])
        step = self._step_in(steps, entry.value)
        if step:
            return step, ()
        return None, (
            _(
                "The policy “%(policy)s” has no level “%(level)s”.",
                policy=ledger.policies[row.policy_id].name,
                level=entry.note or (entry.value or ("",))[0],
            ),
            _("Its levels: %s.", ", ".join(step.name for step in steps)),
        )

    def _count_invoices(self, rows):
        count = len({row.move_id for row in rows})
        return self.env._("1 invoice") if count == 1 else self.env._("%s invoices", count)

    def _plan_handed_over(self, ledger, entries):
        lines = [row.move_line_id for rows in ledger.rows.values() for row in rows]
        held = {
            line.id
            for [line] in self.env["relance.hold"]._read_group(
                [("move_line_id", "in", lines), ("reason", "=", "handed_over")], ["move_line_id"]
            )
        }
        planned = self._under_plan(lines)
        return [
            self._with_plans(
                self._lines_outcome(ledger, entry, lambda row: row.move_line_id not in held), planned
            )
            for entry in entries
        ]

    def _under_plan(self, lines):
        """The payment plans, offered or agreed, that cover these journal items: dict id → plan."""
        claims = (
            self.env["relance.plan.claim"]
            .sudo()  # of the customers that were chosen, whoever negotiated with them
            .search([("move_line_id", "in", lines), ("plan_id.state", "in", ("proposed", "active"))])
        )
        return {claim.move_line_id.id: claim.plan_id for claim in claims}

    def _with_plans(self, outcome, planned):
        """``outcome`` with a sentence about the payment plans of what is handed over."""
        covered = [row for row in outcome.rows if row.move_line_id in planned]
        if not covered:
            return outcome
        names = dict.fromkeys(planned[row.move_line_id].name for row in covered)
        told = self.env._(
            "Under a payment plan (%(plans)s): %(invoices)s. The plan goes on: end it first if the lawyer "
            "is to claim everything at once.",
            plans=", ".join(names),
            invoices=self._count_invoices(covered),
        )
        return outcome._replace(sentences=(*outcome.sentences, told))

    def _lines_outcome(self, ledger, entry, changes, also=False):
        """An entry that fits with the rows that ``changes`` says change, or because of ``also``."""
        rows = self._rows_of(ledger, entry)
        if not rows:
            return self._nothing_overdue(ledger, entry)
        fitting = tuple(row for row in rows if changes(row))
        return Outcome(entry, "fits" if fitting or also else "same", fitting)

    def _plan_doubtful(self, ledger, entries):
        lines = [row.move_line_id for rows in ledger.rows.values() for row in rows]
        # the flag of the host on lines the decision just named
        flagged = {line.id for line in self.env["account.move.line"].sudo().browse(lines) if line.no_followup}
        return [
            self._lines_outcome(
                ledger,
                entry,
                lambda row: row.move_line_id not in flagged,
                also=entry.line_ids is None and ledger.partners[entry.customer_id].trust != "bad",
            )
            for entry in entries
        ]

    def _plan_paused(self, ledger, entries):
        lines = [line for entry in entries for line in entry.line_ids or ()]
        rest = {
            hold.move_line_id.id: hold.until
            # holds of lines the decision just named; the newest counts last
            for hold in self.env["relance.hold"]
            .sudo()
            .search([("move_line_id", "in", lines), ("reason", "=", "paused")], order="id")
        }
        whole = [entry for entry in entries if entry.line_ids is None]
        torn = self._torn(ledger, whole, lambda entry: entry.date)
        return [torn.get(entry) or self._plan_one_pause(ledger, rest, entry) for entry in entries]

    def _plan_one_pause(self, ledger, rest, entry):
        _ = self.env._
        if not entry.date:
            return self._refused(entry, _("A pause needs its last day."), _("Write the day."))
        if entry.date < ledger.date:
            return self._refused(
                entry,
                _("%s has passed: there is nothing to wait for.", format_date(self.env, entry.date)),
                _("Write a day that is still to come, or leave it empty."),
            )
        if entry.line_ids is not None:
            return self._lines_outcome(ledger, entry, lambda row: rest.get(row.move_line_id) != entry.date)
        payer = self._payer_of(ledger, entry)
        same = payer.relance_paused_until == entry.date
        return Outcome(entry, "same" if same else "fits", tuple(self._rows_of(ledger, entry)))

    def _payer_of(self, ledger, entry):
        customer = ledger.partners[entry.customer_id]
        return customer.relance_payer_id or customer

    def _torn(self, ledger, entries, value_of):
        """What is written on the payer, and said in two ways for customers he pays for, does not fit.

        :param value_of: what an entry would write
        :return: dict entry → its outcome, for those that are refused
        """
        said = {}
        for entry in entries:
            said.setdefault(self._payer_of(ledger, entry), []).append(entry)
        return {
            entry: self._refused(
                entry,
                self.env._(
                    "“%s” pays for several of these customers, of whom different things are said.",
                    payer.display_name,
                ),
                self.env._("Say the same of all of them: it counts for the payer."),
            )
            for payer, own in said.items()
            if len({value_of(entry) for entry in own}) > 1
            for entry in own
        }

    def _plan_policy(self, ledger, entries):
        torn = self._torn(ledger, entries, lambda entry: entry.value)
        return [torn.get(entry) or self._plan_one_policy(ledger, entry) for entry in entries]

    def _plan_one_policy(self, ledger, entry):
        if entry.value not in ledger.policies:
            return self._refused(
                entry,
                self.env._(
                    "This policy does not serve %s, or it was deleted, archived or has no level.",
                    ledger.company.name,
                ),
                self.env._(
                    "Choose one of these: %s.",
                    ", ".join(policy.name for policy in ledger.policies.values()) or "–",
                ),
            )
        payer = self._payer_of(ledger, entry)
        same = payer.with_company(ledger.company).relance_policy_id.id == entry.value
        return Outcome(entry, "same" if same else "fits", tuple(self._rows_of(ledger, entry)), entry.value)

    def _plan_payer(self, ledger, entries):
        partners = self.env["res.partner"].sudo()  # read to check; written as the user
        wanted = {
            ledger.partners[entry.customer_id]: partners.browse(entry.value)
            for entry in entries
            if ledger.partners[entry.customer_id].relance_payer_id.id != entry.value
        }
        refused = partners._relance_payer_refused(wanted)
        outcomes = []
        for entry in entries:
            customer = ledger.partners[entry.customer_id]
            rows = tuple(self._rows_of(ledger, entry))
            if customer not in wanted:
                outcomes.append(Outcome(entry, "same", rows, entry.value))
            elif customer in refused:
                outcomes.append(self._refused(entry, refused[customer]))
            else:
                outcomes.append(Outcome(entry, "fits", rows, entry.value))
        return outcomes

    def _plan_audience(self, ledger, entries):
        outcomes = []
        torn = self._torn(ledger, entries, lambda entry: entry.value)
        for entry in entries:
            payer = self._payer_of(ledger, entry)
            rows = tuple(self._rows_of(ledger, entry))
            if entry in torn:
                outcomes.append(torn[entry])
            elif payer.relance_audience in ("unknown", False):
                outcomes.append(Outcome(entry, "fits", rows, entry.value))
            elif payer.relance_audience == entry.value:
                outcomes.append(Outcome(entry, "same", rows, entry.value))
            else:
                outcomes.append(
                    self._refused(
                        entry,
                        self.env._("“%s” is qualified already: left as it is.", payer.display_name),
                        self.env._("Change it on the customer if it is wrong."),
                    )
                )
        return outcomes

    # -- applying ---------------------------------------------------------------------------------
    @api.model
    @api.private
    def _apply(self, company, kind, outcomes, note=None):
        """Write what fits of ``outcomes`` (of :meth:`_plan`), in a number of statements that
        depends neither on the customers nor on their invoices.

        :param note: what was done, in a few words, for the list of mass actions
        :return: the ``relance.takeover`` record, empty where nothing fitted
        """
        self._check_right(kind)
        fits = [outcome for outcome in outcomes if outcome.status == "fits"]
        if not fits:
            return self.browse()
        rows = {row.move_line_id: row for outcome in fits for row in outcome.rows}
        customers = {outcome.entry.customer_id for outcome in fits}
        # written by the engine, on behalf of who was just checked
        takeover = self.sudo().create(
            {
                "company_id": company.id,
                "kind": kind,
                "date": company._relance_date(),
                "note": note or False,
                "partner_ids": [Command.set(sorted(customers))],
                "customer_count": len(customers),
                "invoice_count": len({row.move_id for row in rows.values()}),
                "amount": sum(row.balance_residual for row in rows.values()),
            }
        )
        self.env["relance.run"]._lock_company(company)
        getattr(takeover.with_context(mail_notrack=True), f"_apply_{kind}")(fits)
        self.env["account.move"]._relance_invalidate()
        return takeover.sudo(False)

    def _cases(self, payer_ids):
        """The open cases of these payers in the company."""
        return self.env["relance.case"].search(
            [
                ("partner_id", "in", list(payer_ids)),
                ("company_id", "=", self.company_id.id),
                ("state", "=", "open"),
            ]
        )

    def _cancel_planned(self, cases, why):
        """What was planned for these payers and not sent is planned anew, or not at all."""
        cases.reminder_ids._live()._set_cancelled(why)

    def _told(self, rows, text):
        """“Text (3 invoices, 4 210,00 €)” for a chatter."""
        if not rows:
            return text
        return self.env._(
            "%(text)s (%(invoices)s, %(amount)s)",
            text=text,
            invoices=self._count_invoices(rows),
            amount=formatLang(
                self.env,
                sum(row.balance_residual for row in rows),
                currency_obj=self.company_id.currency_id,
            ),
        )

    def _trace(self, model, texts):
        """One note in each chatter, all in one go.

        :param texts: dict record id → list of str
        """
        records = self.env[model].browse(texts)
        if records:
            records._message_log_batch({record: "\n".join(lines) for record, lines in texts.items()})

    def _trace_customers(self, fits, text_of):
        """Tell each customer's chatter what was said about him.

        :param text_of: outcome → str
        """
        texts = {}
        for outcome in fits:
            texts.setdefault(outcome.entry.customer_id, []).append(self._told(outcome.rows, text_of(outcome)))
        self._trace("res.partner", texts)

    # level: contacts that were made outside, with the levels they reached
    def _apply_level(self, fits):
        furthest = {}
        for outcome in fits:
            for row in outcome.rows:
                known = furthest.get(row.move_line_id)
                if known is None or known[1].value.delay < outcome.value.delay:
                    furthest[row.move_line_id] = (row, outcome)
        payers = {row.partner_id for row, _outcome in furthest.values()}
        self._cancel_planned(
            self._cases(payers), self.env._("These customers were reminded outside of Relance Douce.")
        )
        self._open_cases(payers)
        cases = self._cases(payers)
        self._create_contacts(furthest, cases)
        reminders = self.reminder_ids
        reminders._reach_levels()
        cases._refresh()
        self._trace_levels(furthest, cases)

    def _open_cases(self, payers):
        """A case for every payer who has none, as a run opens it."""
        self.env["relance.case"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO relance_case (partner_id, company_id, state, user_id,
                                          create_uid, create_date, write_uid, write_date)
                SELECT payer.id, %(company)s, 'open', COALESCE(payer.relance_user_id, %(signatory)s),
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM res_partner payer
                 WHERE payer.id = ANY(%(payers)s)
              ORDER BY payer.id
                    ON CONFLICT DO NOTHING
                """,
                company=self.company_id.id,
                signatory=self.company_id.relance_user_id.id or None,
                uid=self.env.uid,
                payers=list(payers),
            )
        )
        self.env["relance.case"].invalidate_model()

    def _moment(self, day):
        """Noon of the local ``day`` as naive UTC: nobody knows the hour any more."""
        local = self.company_id._relance_timezone().localize(datetime.combine(day, time(12)))
        return local.astimezone(pytz.utc).replace(tzinfo=None)

    def _create_contacts(self, furthest, cases):
        """One sent reminder for each payer and day, with its lines: two statements."""
        case_of = {case.partner_id.id: case.id for case in cases}
        groups = {}
        for row, outcome in furthest.values():
            groups.setdefault((row.partner_id, outcome.entry.date), []).append((row, outcome))
        channels = {}
        if any(not outcome.entry.channel for _row, outcome in furthest.values()):
            levels = self.env["relance.level"].browse({one.value.id for _row, one in furthest.values()})
            channels = {level.id: level.channel for level in levels}
        columns = [[] for _column in range(8)]
        for (payer, day), content in groups.items():
            _row, last = max(content, key=lambda one: one[1].value.delay)
            for column, value in zip(
                columns,
                (
                    case_of[payer],
                    payer,
                    content[0][0].contact_id,
                    last.value.id,
                    last.entry.channel or channels.get(last.value.id) or None,
                    day,
                    self._moment(day),
                    sum(row.balance_residual for row, _outcome in content),
                ),
                strict=True,
            ):
                column.append(value)
        names = ("cases", "payers", "contacts", "levels", "channels", "days", "moments", "totals")
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO relance_reminder (
                       takeover_id, company_id, case_id, partner_id, contact_id, level_id, channel,
                       kind, is_outside, is_service, needs_approval, state, delivery_state,
                       date_planned, contact_date, date_sent, attempt, user_id, balance_total,
                       create_uid, create_date, write_uid, write_date)
                SELECT %(takeover)s, %(company)s, made.case_id, made.payer_id, made.contact_id,
                       made.level_id, made.channel,
                       'level', TRUE, FALSE, FALSE, 'sent', 'delivered',
                       made.day, made.day, made.moment, 1,
                       COALESCE(payer.relance_user_id, dunning.user_id, %(signatory)s), made.total,
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM unnest(%(cases)s::int[], %(payers)s::int[], %(contacts)s::int[],
                              %(levels)s::int[], %(channels)s::text[], %(days)s::date[],
                              %(moments)s::timestamp[], %(totals)s::numeric[])
                       AS made (case_id, payer_id, contact_id, level_id, channel, day, moment, total)
                  JOIN res_partner payer ON payer.id = made.payer_id
                  JOIN relance_case dunning ON dunning.id = made.case_id
              ORDER BY made.day, made.payer_id
                """,
                takeover=self.id,
                company=self.company_id.id,
                signatory=self.company_id.relance_user_id.id or None,
                uid=self.env.uid,
                **dict(zip(names, columns, strict=True)),
            )
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO relance_reminder_line (
                       reminder_id, case_id, company_id, move_line_id, move_id, debtor_id,
                       name, ref, date_invoice, date_maturity, currency_id,
                       amount_total, amount_residual, balance_residual, level_id)
                SELECT reminder.id, reminder.case_id, reminder.company_id, aml.id, aml.move_id,
                       customer.commercial_partner_id,
                       CASE WHEN move.name = '/' THEN aml.name ELSE move.name END,
                       move.ref, COALESCE(move.invoice_date, aml.date),
                       COALESCE(aml.date_maturity, aml.date), aml.currency_id, aml.amount_currency,
                       aml.amount_residual_currency, aml.amount_residual, made.level_id
                  FROM unnest(%(lines)s::int[], %(payers)s::int[], %(levels)s::int[], %(days)s::date[])
                       AS made (move_line_id, payer_id, level_id, day)
                  JOIN relance_reminder reminder ON reminder.takeover_id = %(takeover)s
                                                AND reminder.partner_id = made.payer_id
                                                AND reminder.contact_date = made.day
                  JOIN account_move_line aml ON aml.id = made.move_line_id
                  JOIN account_move move ON move.id = aml.move_id
                  JOIN res_partner customer ON customer.id = aml.partner_id
              ORDER BY reminder.id, COALESCE(aml.date_maturity, aml.date), aml.id
                """,
                takeover=self.id,
                lines=list(furthest),
                payers=[row.partner_id for row, _outcome in furthest.values()],
                levels=[outcome.value.id for _row, outcome in furthest.values()],
                days=[outcome.entry.date for _row, outcome in furthest.values()],
            )
        )
        for model in ("relance.reminder", "relance.reminder.line", "relance.case"):
            self.env[model].invalidate_model()
        self.invalidate_recordset(["reminder_ids"])

    def _trace_levels(self, furthest, cases):
        case_of = {case.partner_id.id: case.id for case in cases}
        groups = {}
        for row, outcome in furthest.values():
            key = (row.partner_id, outcome.value.name, outcome.entry.date)
            groups.setdefault(key, []).append(row)
        texts = {}
        for (payer, level, day), rows in groups.items():
            text = self.env._(
                "Reminded outside of Relance Douce: “%(level)s” on %(date)s",
                level=level,
                date=format_date(self.env, day),
            )
            texts.setdefault(case_of[payer], []).append(self._told(rows, text))
        self._trace("relance.case", texts)

    # with the lawyer, and single invoices that rest
    def _apply_handed_over(self, fits):
        self._create_holds(fits, "handed_over")
        self._trace_customers(
            fits,
            lambda outcome: (
                self.env._("With the lawyer: %s", outcome.entry.note)
                if outcome.entry.note
                else self.env._("With the lawyer")
            ),
        )

    def _create_holds(self, fits, reason):
        held = {}
        for outcome in fits:
            for row in outcome.rows:
                held[row.move_line_id] = (row, outcome.entry)
        self.env["relance.hold"].create(
            [
                {
                    "takeover_id": self.id,
                    "move_line_id": line,
                    "company_id": self.company_id.id,
                    "partner_id": row.partner_id,
                    "reason": reason,
                    "until": entry.date if reason == "paused" else False,
                    "note": entry.note or False,
                    "user_id": self.user_id.id,
                }
                for line, (row, entry) in held.items()
            ]
        )
        self._cancel_planned(
            self._cases({row.partner_id for row, _entry in held.values()}),
            self.env._("Invoices of this reminder are held: the others are planned anew."),
        )

    # doubtful: the host's own flags
    def _apply_doubtful(self, fits):
        lines = self.env["account.move.line"].browse({row.move_line_id for one in fits for row in one.rows})
        self.journal = {
            "lines": self._set_no_followup(lines, True),
            "before": self._write_partners(
                "trust",
                {one.entry.customer_id: "bad" for one in fits if one.entry.line_ids is None},
            ),
            "after": "bad",
        }
        self._trace_customers(
            fits,
            lambda outcome: (
                self.env._("Doubtful: %s", outcome.entry.note)
                if outcome.entry.note
                else self.env._("Doubtful")
            ),
        )

    def _set_no_followup(self, lines, value):
        """The host's flag, as it sets it itself: on all receivable items of an invoice.

        Its own inverse does so invoice by invoice; the flag is plain and nothing else in
        the host depends on it, so that one statement may do the same.

        :return: ids of the journal items that changed
        """
        if not lines:
            return []
        self.env["account.move.line"].flush_model()
        changed = self.env.execute_query(
            SQL(
                """
                UPDATE account_move_line aml
                   SET no_followup = %(value)s
                  FROM account_move move, account_account account
                 WHERE move.id = aml.move_id
                   AND account.id = aml.account_id
                   AND aml.no_followup IS DISTINCT FROM %(value)s
                   AND (aml.id IN %(lines)s
                        OR (move.move_type <> 'entry'
                            AND account.account_type = 'asset_receivable'
                            AND aml.move_id IN (SELECT move_id FROM account_move_line WHERE id IN %(lines)s)))
             RETURNING aml.id
                """,
                value=value,
                lines=tuple(lines.ids),
            )
        )
        changed = self.env["account.move.line"].browse(line for [line] in changed)
        changed.invalidate_recordset(["no_followup"])
        changed.move_id.invalidate_recordset(["no_followup"])
        changed._relance_touch()
        return sorted(changed.ids)

    def _write_partners(self, field, values, as_user=False):
        """Write ``field`` of many partners in the company.

        :param values: dict partner id → value
        :return: dict partner id (str) → value before, as the journal keeps it
        """
        partners = self.env["res.partner"].browse(values).with_company(self.company_id)
        field_type = partners._fields[field].type
        before = {}
        for partner in partners:
            value = partner[field]
            if field_type == "many2one":
                value = value.id
            elif field_type == "date":
                value = fields.Date.to_string(value) if value else False
            before[str(partner.id)] = value
        if field == "relance_paused_until":
            self._write_pauses(values)
            return before
        groups = {}
        for partner, value in values.items():
            groups.setdefault(value, []).append(partner)
        for value, ids in groups.items():
            owner = partners.browse(ids)
            (owner.sudo(False) if as_user else owner).write({field: value})
        return before

    def _write_pauses(self, values):
        """One statement, as a file may have a day of its own for each customer.

        The column is ours and plain, and nothing in the host depends on it.

        :param values: dict partner id → date, False for none
        """
        self.env["res.partner"].flush_model(["relance_paused_until"])
        self.env.cr.execute(
            SQL(
                """
                UPDATE res_partner partner
                   SET relance_paused_until = paused.until,
                       write_uid = %(uid)s, write_date = now() AT TIME ZONE 'UTC'
                  FROM unnest(%(partners)s::int[], %(days)s::date[]) AS paused (id, until)
                 WHERE partner.id = paused.id
                """,
                uid=self.env.uid,
                partners=list(values),
                days=[fields.Date.to_date(day) or None for day in values.values()],
            )
        )
        self.env["res.partner"].invalidate_model(["relance_paused_until"])

    # what is written on the payer or the customer
    def _payers(self, fits):
        customers = self.env["res.partner"].browse({one.entry.customer_id for one in fits})
        return {customer.id: (customer.relance_payer_id or customer).id for customer in customers}

    def _apply_paused(self, fits):
        whole = [one for one in fits if one.entry.line_ids is None]
        single = [one for one in fits if one.entry.line_ids is not None]
        if single:
            self._create_holds(single, "paused")
        payer_of = self._payers(whole)
        values = {payer_of[one.entry.customer_id]: one.entry.date for one in whole}
        self.journal = {
            "before": self._write_partners("relance_paused_until", values),
            "after": {str(payer): fields.Date.to_string(day) for payer, day in values.items()},
        }
        self._cancel_planned(self._cases(values), self.env._("No reminders to this customer for a while."))
        self._trace_customers(fits, self._pause_text)

    def _pause_text(self, outcome):
        text = self.env._("No reminders until %s", format_date(self.env, outcome.entry.date))
        return f"{text} ({outcome.entry.note})" if outcome.entry.note else text

    def _apply_policy(self, fits):
        payer_of = self._payers(fits)
        values = {payer_of[one.entry.customer_id]: one.value for one in fits}
        self._apply_to_partners("relance_policy_id", values)
        names = {policy.id: policy.name for policy in self.env["relance.policy"].browse(set(values.values()))}
        self._trace_customers(fits, lambda outcome: self.env._("Dunning policy: %s", names[outcome.value]))

    def _apply_payer(self, fits):
        values = {one.entry.customer_id: one.value for one in fits}
        self._apply_to_partners("relance_payer_id", values)
        payers = self.env["res.partner"].browse(set(values.values()))
        names = {payer.id: payer.display_name for payer in payers}
        self._trace_customers(fits, lambda outcome: self.env._("Paid by: %s", names[outcome.value]))

    def _apply_audience(self, fits):
        payer_of = self._payers(fits)
        values = {}
        for one in fits:
            customers = self.env["res.partner"].browse(
                {one.entry.customer_id, payer_of[one.entry.customer_id]}
            )
            for customer in customers:
                if customer.relance_audience in ("unknown", False):
                    values[customer.id] = one.value
        self._apply_to_partners("relance_audience", values)
        labels = dict(self.env["res.partner"]._fields["relance_audience"]._description_selection(self.env))
        self._trace_customers(fits, lambda outcome: self.env._("Audience: %s", labels[outcome.value]))

    def _apply_to_partners(self, field, values):
        """Written with the user's own rights on contacts, and kept to be taken back."""
        self.journal = {
            "before": self._write_partners(field, values, as_user=True),
            "after": {str(partner): value for partner, value in values.items()},
        }

    # -- taking it back -----------------------------------------------------------------------------
    #: kind → field of the customer that it wrote
    _partner_fields = {
        "doubtful": "trust",
        "paused": "relance_paused_until",
        "policy": "relance_policy_id",
        "payer": "relance_payer_id",
        "audience": "relance_audience",
    }

    def action_undo(self):
        """Put everything back where it stood, but what somebody changed since."""
        self.check_access("read")
        done = self.filtered(lambda takeover: takeover.state == "done")
        for kind in set(done.mapped("kind")):
            self._check_right(kind)
        if not done:
            raise UserError(self.env._("This was taken back already."))
        kept = 0
        # the last one first: earlier ones wrote what it found
        for takeover in done.sorted("id", reverse=True):
            kept += takeover.sudo().with_context(mail_notrack=True)._undo()
        self.env["account.move"]._relance_invalidate()
        return self._undone_notification(kept)

    def _undo(self):
        """:return: number of customers left alone because somebody changed them since"""
        self.ensure_one()
        self.env["relance.run"]._lock_company(self.company_id)
        kept = 0
        if self.kind == "level":
            self._undo_levels()
        self.hold_ids.filtered("active").active = False
        journal = self.journal or {}
        if journal.get("lines"):
            lines = self.env["account.move.line"].browse(journal["lines"]).exists()
            self._set_no_followup(lines, False)
        if self.kind in self._partner_fields:
            kept = self._undo_partners(self._partner_fields[self.kind], journal)
        self.write(
            {
                "state": "undone",
                "undone_by_id": self.env.uid,
                "undone_date": self.company_id._relance_date(),
            }
        )
        customers = self.partner_ids.exists()
        customers._message_log_batch(
            dict.fromkeys(customers.ids, self.env._("Taken back: %s", self.display_name))
        )
        return kept

    def _undo_levels(self):
        """The contacts did not take place: their levels go, and they neither delay nor count."""
        reminders = self.reminder_ids.filtered(lambda reminder: reminder.state == "sent")
        reminders._undo_outside()

    def _undo_partners(self, field, journal):
        before = journal.get("before") or {}
        after = journal.get("after")
        partners = self.env["res.partner"].browse(map(int, before)).exists().with_company(self.company_id)
        values, kept = {}, 0
        for partner in partners:
            key = str(partner.id)
            current = partner[field]
            if partners._fields[field].type == "many2one":
                current = current.id
            elif partners._fields[field].type == "date":
                current = fields.Date.to_string(current)
            if current == (after[key] if isinstance(after, dict) else after):
                values[partner.id] = before[key]
            else:
                kept += 1
        values = self._still_there(field, values)
        self._write_partners(field, values, as_user=self.kind in PARTNER_KINDS)
        if field == "relance_audience":
            # nobody chose it any more: facts speak again
            partners.browse(values).relance_audience_confirmed = False
        return kept

    def _still_there(self, field, values):
        """What was referred to before may be gone meanwhile."""
        definition = self.env["res.partner"]._fields[field]
        if definition.type != "many2one":
            return values
        known = set(
            self.env[definition.comodel_name].browse({one for one in values.values() if one}).exists().ids
        )
        return {partner: value if value in known else False for partner, value in values.items()}

    def _undone_notification(self, kept):
        message = self.env._("Everything stands where it stood before.")
        if kept:
            message = self.env._(
                "Taken back. Customers left alone because somebody changed them since: %s.", kept
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if kept else "success",
                "message": message,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def action_open_customers(self):
        """The customers that were touched."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.display_name,
            "res_model": "res.partner",
            "view_mode": "list,form",
            "domain": [("id", "in", self.partner_ids.ids)],
        }


class RelanceReminder(models.Model):
    _inherit = "relance.reminder"

    takeover_id = fields.Many2one(
        "relance.takeover", readonly=True, ondelete="set null", index="btree_not_null"
    )

    def _undo(self):
        """What was never sent from here is not sent because it is taken back."""
        if self.takeover_id and self.state == "sent":
            self._undo_outside()
            self._log(self.env._("Undone by %s.", self.env.user.name))
            return None
        return super()._undo()

    def _undo_outside(self):
        """These contacts did not take place."""
        if not self:
            return
        self._update_state(
            ("sent",),
            "cancelled",
            contact_date=False,
            delivery_state=False,
            cancel_reason=self.env._("Taken back by %s.", self.env.user.name),
        )
        self._unreach_levels()


class RelanceHold(models.Model):
    _inherit = "relance.hold"

    takeover_id = fields.Many2one(
        "relance.takeover", readonly=True, ondelete="set null", index="btree_not_null"
    )
