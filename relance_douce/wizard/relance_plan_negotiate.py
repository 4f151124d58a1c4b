"""The negotiation of a payment plan on one screen, in the order of a phone call.

The screen only draws: what may be covered, which limits hold and what a schedule has to
keep is asked of ``relance.plan``, ``relance.policy`` and ``tools.schedule``.
"""

from datetime import date
from itertools import groupby

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tools import email_normalize, format_amount, format_date

from ..models.relance_plan import EVERY
from . import relance_plan_agree, relance_plan_withdraw  # noqa: F401  (until wizard/__init__.py lists them)
from ..tools import schedule
from ..tools.text import long_date

#: more lines than these help nobody on a screen; the policy's limits are far below
MOST_LINES = 240
#: so many open invoices of the customer are shown besides those that were chosen
MOST_OTHERS = 80
#: so many different amounts in a row are read aloud one by one
MOST_RUNS = 5

OFFERS = ("short", "balanced", "long")

#: written as they are to the plan
PLAN_FIELDS = (
    "every",
    "cause",
    "cause_note",
    "means",
    "means_note",
    "current_on_time",
    "waive_penalties",
    "waive_percent",
    "signer_name",
    "signer_function",
    "signer_email",
    "signer_mobile",
    "link_channel",
)


class RelancePlanNegotiate(models.TransientModel):
    """The negotiation of a payment plan, in the order of a phone call."""

    _name = "relance.plan.negotiate"
    _description = "Negotiate a Payment Plan"

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    partner_id = fields.Many2one(
        "res.partner", string="Payer", required=True, readonly=True, ondelete="cascade"
    )
    debtor_id = fields.Many2one("res.partner", required=True, readonly=True, ondelete="cascade")
    replaces_id = fields.Many2one("relance.plan", string="Renegotiates", readonly=True, ondelete="cascade")
    redraws_id = fields.Many2one(
        "relance.plan",
        readonly=True,
        ondelete="cascade",
        help="The draft that is drawn again instead of making another one.",
    )
    plan_id = fields.Many2one(
        "relance.plan", string="Result", readonly=True, ondelete="set null", help="What came of it."
    )

    # who is speaking
    contact_id = fields.Many2one("res.partner", string="On file", ondelete="set null")
    family_id = fields.Many2one(related="partner_id.commercial_partner_id", string="Company of the payer")
    signer_name = fields.Char(string="Name")
    signer_function = fields.Char(string="Function")
    signer_email = fields.Char(string="E-mail")
    signer_mobile = fields.Char(string="Mobile")
    link_channel = fields.Selection(
        lambda self: self.env["relance.plan"]._fields["link_channel"].selection,
        string="Send the link by",
        required=True,
        default="email",
    )
    signer_hint = fields.Text(compute="_compute_signer_hint")

    # what is owed
    item_ids = fields.One2many("relance.plan.negotiate.item", "wizard_id", string="Open invoices")
    amount_owed = fields.Monetary(string="Owed", compute="_compute_amount_owed")
    left_out = fields.Text(readonly=True, help="What is open besides and needs a plan of its own.")

    # why
    cause = fields.Selection(lambda self: self.env["relance.plan"]._fields["cause"].selection, string="Why")
    cause_note = fields.Char(string="In his words")

    # how
    amount_today = fields.Monetary(string="Today", help="Becomes the first instalment, dated today.")
    lead = fields.Selection(
        [("amount", "The amount"), ("count", "The number")],
        required=True,
        default="count",
        help="What was typed last decides, the other one follows.",
    )
    amount_each = fields.Monetary(string="He can pay")
    count = fields.Integer(string="Instalments")
    every = fields.Selection(EVERY, string="How often", required=True, default="month")
    date_first = fields.Date(
        string="Money comes in on", help="Day of the first regular instalment; the others keep this day."
    )
    months = fields.Json(string="Months without payment")
    move_closed = fields.Boolean(
        string="Closed days move to the next working day",
        default=True,
        help="By the working hours and public holidays of your company.",
    )
    offer = fields.Selection(
        [("short", "Short"), ("balanced", "Balanced"), ("long", "Long")], help="The offer that was clicked."
    )
    offers = fields.Json(compute="_compute_offers")
    line_ids = fields.One2many("relance.plan.negotiate.line", "wizard_id", string="Instalments drawn")
    is_touched = fields.Boolean(compute="_compute_is_touched")
    drawn_terms = fields.Json(help="The terms by which the lines were drawn.")

    # by what means, and what else is agreed
    means = fields.Selection(
        lambda self: self.env["relance.plan"]._fields["means"].selection,
        string="Paid by",
        default="transfer",
    )
    means_note = fields.Char(string="About the payment")
    current_on_time = fields.Boolean(string="Current invoices are paid on time", default=True)
    waive_penalties = fields.Boolean(string="Penalties given up if kept")
    waive_percent = fields.Float(string="Share given up (%)", default=100.0)
    discount_amount = fields.Monetary(string="Discount")
    discount_reason = fields.Char(string="Why a discount")

    # what comes of it
    date_valid = fields.Date(string="Valid until", compute="_compute_result")
    notice = fields.Text(compute="_compute_result", help="What has to be corrected before it can be offered.")
    limit_notes = fields.Text(compute="_compute_result")
    needs_approval = fields.Boolean(compute="_compute_result")
    recap = fields.Text(string="To read aloud", compute="_compute_recap")

    # -- opening ---------------------------------------------------------------------------------
    @api.model
    @api.private
    def _open(self, move_lines, moves=None, replaces=None):
        """The action that opens the negotiation.

        :param move_lines: receivable ``account.move.line`` to negotiate about
        :param moves: the invoices that were chosen one by one: what cannot be covered of them
            is refused with the reason; without them it is left out
        :param replaces: plan that is renegotiated
        :raise UserError: there is nothing to negotiate about, with the reason
        """
        self.env["relance.reminder"]._check_user()
        replaces = replaces or self.env["relance.plan"]
        plans = self.env["relance.plan"]
        if moves:
            chosen = self._chosen(move_lines, moves)
            others = chosen.browse()
        else:
            chosen, others = self._same_debtor(self._coverable(move_lines, replaces))
        plans._check_move_lines(chosen, replaces=replaces)
        wizard = self.create(self._opening_values(chosen, replaces, others))
        wizard._take_offer("balanced")
        return wizard._open_action()

    @api.model
    @api.private
    def _open_draft(self, plan):
        """The action that draws a draft plan again."""
        self.env["relance.reminder"]._check_user()
        plan._check_state("draft")
        wizard = self.create(self._opening_values(plan.move_line_ids, plan.replaces_id, redraws=plan))
        wizard._show(
            [
                wizard._row(line.date_due, line.amount, kind=line.kind, note=line.note)
                for line in plan.line_ids
            ]
        )
        return wizard._open_action()

    def _open_action(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Negotiate a payment plan"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    def _chosen(self, move_lines, moves):
        """What is open of ``moves``; of an invoice without any, a line that says why not."""
        chosen = move_lines.browse()
        for move in moves:
            own = move_lines.filtered(lambda line: line.move_id == move) or move.line_ids  # noqa: B023
            is_open = own.filtered(lambda line: not line.reconciled and line.amount_residual_currency > 0)
            chosen += is_open if move.state == "posted" and is_open else own[:1]
        return chosen

    def _coverable(self, move_lines, replaces):
        """Those of ``move_lines`` that a plan may cover."""
        plans = self.env["relance.plan"]
        coverable = move_lines.browse()
        for line in move_lines:
            try:
                plans._check_move_lines(line, replaces=replaces)
            except UserError:
                continue
            coverable += line
        return coverable or move_lines

    def _same_debtor(self, move_lines):
        """One plan has one debtor, company and currency: those who owe most, and the others."""
        plans = self.env["relance.plan"].sudo()
        groups = {}
        for line in move_lines.sudo():
            person = plans._legal_person(line.partner_id.commercial_partner_id)
            key = (line.company_id.id, line.currency_id.id, person)
            groups[key] = groups.get(key, move_lines.browse()) + line.sudo(False)
        if len(groups) < 2:
            return move_lines, move_lines.browse()
        chosen = max(groups.values(), key=lambda lines: sum(lines.sudo().mapped("amount_residual")))
        return chosen, move_lines - chosen

    def _opening_values(self, move_lines, replaces, others=None, redraws=None):
        """What the screen shows first: the known contact, what is owed, a balanced offer."""
        plans = self.env["relance.plan"].sudo()  # who pays for whom and who gets reminders
        lines = move_lines.sudo()  # shown in the wizard of whoever may negotiate
        company, currency = lines.company_id[:1], lines.currency_id[:1]
        payer = redraws.partner_id if redraws else plans._payer_of(lines)
        earlier = redraws or replaces
        contact = earlier.contact_id.sudo() or plans._contact_of(payer)
        values = {
            "company_id": company.id,
            "currency_id": currency.id,
            "partner_id": payer.id,
            "debtor_id": lines.partner_id.commercial_partner_id[:1].id,
            "replaces_id": replaces.id,
            "redraws_id": redraws and redraws.id,
            "contact_id": contact.id,
            **self._contact_values(contact),
            "item_ids": [Command.create(one) for one in self._item_values(lines, redraws)],
            "left_out": bool(others) and self._left_out_sentence(others),
            "months": self._month_boxes(),
            "date_first": self._first_date(company),
        }
        if earlier:
            values |= {name: earlier[name] or values.get(name, False) for name in PLAN_FIELDS}
        return values

    def _contact_values(self, contact):
        """Name, function and addresses of a known contact; a company has no name to sign."""
        return {
            "signer_name": contact.name if not contact.is_company else False,
            "signer_function": contact.function,
            "signer_email": contact.email_normalized or contact.email,
            "signer_mobile": contact.phone,
        }

    def _item_values(self, lines, redraws=None):
        """The chosen items with a tick; what else is open of the same debtor without one."""
        if redraws:
            return [
                {
                    "move_line_id": claim.move_line_id.id,
                    "name": claim.name,
                    "date_maturity": claim.date_maturity,
                    "amount": claim.amount,
                    "agrees": True,
                    "was_chosen": True,
                }
                for claim in redraws.sudo().claim_ids
            ]
        return [
            {
                "move_line_id": line.id,
                "name": line.move_id.name if line.move_id.name != "/" else line.name,
                "date_maturity": line.date_maturity or line.date,
                "amount": line.amount_residual_currency,
                "agrees": line in lines,
                "was_chosen": line in lines,
            }
            for line in (lines + self._other_lines(lines)).sorted(
                lambda line: (line not in lines, line.date_maturity or line.date, line.id)
            )
        ]

    def _other_lines(self, lines):
        """What else this debtor owes in the same company and currency and may be covered."""
        others = lines.search(
            [
                ("id", "not in", lines.ids),
                ("company_id", "=", lines.company_id[:1].id),
                ("currency_id", "=", lines.currency_id[:1].id),
                ("partner_id", "child_of", lines.partner_id.commercial_partner_id.ids),
                ("account_type", "=", "asset_receivable"),
                ("parent_state", "=", "posted"),
                ("reconciled", "=", False),
                ("amount_residual_currency", ">", 0),
            ],
            order="date_maturity, id",
            limit=MOST_OTHERS,
        )
        plans = self.env["relance.plan"]
        coverable = others.browse()
        for line in others:
            try:
                plans._check_move_lines(line)
            except UserError:
                continue
            coverable += line
        return coverable

    def _left_out_sentence(self, others):
        return self.env._(
            "%s: other currency, company or debtor, so they need a plan of their own.",
            ", ".join(dict.fromkeys(others.sudo().move_id.mapped("name"))),
        )

    @api.model
    def _month_boxes(self):
        return {
            str(month): {
                "label": format_date(self.env, date(2001, month, 1), date_format="LLL"),
                "checked": False,
            }
            for month in range(1, 13)
        }

    def _first_date(self, company):
        """The fifth of next month: what comes in at the turn of the month has arrived."""
        return fields.Date.add(company._relance_date(), months=1).replace(day=5)

    @api.depends("debtor_id")
    def _compute_display_name(self):
        for wizard in self:
            wizard.display_name = self.env._("Negotiation with %s", wizard.debtor_id.display_name)

    # -- what the screen computes ------------------------------------------------------------------
    @api.onchange("contact_id")
    def _onchange_contact(self):
        if self.contact_id:
            self.update(self._contact_values(self.contact_id))

    @api.depends("signer_email", "signer_mobile", "partner_id")
    def _compute_signer_hint(self):
        for wizard in self:
            wizard.signer_hint = "\n".join(wizard._signer_hints()) or False

    def _family(self):
        """Everybody on file at this payer."""
        # which addresses are on file is no secret to who is about to write to one
        payer = self.partner_id.commercial_partner_id._origin.sudo()
        return payer.search([("id", "child_of", payer.ids)])

    def _signer_hints(self):
        """Sentences about an address that is not the one on file."""
        family = self._family()
        name = self.partner_id.display_name
        typed = email_normalize(self.signer_email or "")
        if self.signer_email and not typed:
            yield self.env._("“%s” is no e-mail address: ask again.", self.signer_email)
        elif typed and typed not in family.mapped("email_normalized"):
            yield self.env._(
                "%(email)s is not on file at %(customer)s: make sure who is speaking. The address is "
                "added to the contacts when you propose.",
                email=typed,
                customer=name,
            )
        number = _digits(self.signer_mobile)
        if number and number not in {_digits(phone) for phone in family.mapped("phone")}:
            yield self.env._(
                "%(mobile)s is not on file at %(customer)s: make sure who is speaking.",
                mobile=self.signer_mobile,
                customer=name,
            )

    @api.depends("item_ids.agrees", "item_ids.amount", "redraws_id")
    def _compute_amount_owed(self):
        for wizard in self:
            wizard.amount_owed = (
                wizard.redraws_id._amount_to_cover()
                if wizard.redraws_id
                else sum(wizard.item_ids.filtered("agrees").mapped("amount"))
            )

    @api.depends("line_ids.kept")
    def _compute_is_touched(self):
        for wizard in self:
            wizard.is_touched = any(wizard.line_ids.mapped("kept"))

    @api.depends(
        "amount_owed",
        "amount_today",
        "every",
        "date_first",
        "months",
        "move_closed",
        "line_ids.date_due",
        "line_ids.amount",
    )
    def _compute_offers(self):
        for wizard in self:
            drawn = wizard._instalments()
            wizard.offers = [
                {
                    "key": key,
                    "selected": wizard._same(rows, drawn),
                    **wizard._offer_words(rows),
                }
                for key, rows in wizard._offer_rows().items()
            ]

    def _offer_words(self, rows):
        """How a ready offer reads on its card."""
        regular = [row for row in rows if not self._is_today(row)] or rows
        amount = self._money(max(row["amount"] for row in regular))
        return {
            "count": self.env._("%s instalments", len(rows)) if len(rows) > 1 else self.env._("One payment"),
            "amount": amount,
            "until": self.env._("until %s", long_date(self.env, rows[-1]["date_due"])),
        }

    @api.depends(
        "amount_owed",
        "amount_each",
        "count",
        "lead",
        "amount_today",
        "every",
        "date_first",
        "months",
        "move_closed",
        "item_ids.agrees",
        "waive_penalties",
        "waive_percent",
        "discount_amount",
        "discount_reason",
        "line_ids.date_due",
        "line_ids.amount",
    )
    def _compute_result(self):
        for wizard in self:
            plan = wizard._draft()
            wizard.date_valid = plan._offer_until()
            wizard.notice = wizard._why_not(plan)
            wizard.limit_notes = not wizard.notice and "\n".join(plan._limits_exceeded()) or False
            wizard.needs_approval = bool(wizard.limit_notes) and plan._needs_approval()

    def _why_not(self, plan):
        """The first thing that has to be corrected, as a sentence; False if there is none."""
        try:
            if not plan.claim_ids:
                plan._check_move_lines(self.env["account.move.line"])
            self._drawn_rows()
            plan._check_schedule()
            plan._check_waiver()
        except (UserError, ValidationError) as error:
            return str(error.args[0])
        return False

    def _draft(self):
        """The plan as it would be, in memory: the model itself says what it thinks of it."""
        return self.env["relance.plan"].new(
            {
                "company_id": self.company_id.id,
                "currency_id": self.currency_id.id,
                "partner_id": self.partner_id.id,
                "debtor_id": self.debtor_id.id,
                "amount_discount": self.redraws_id.amount_discount,
                "waive_penalties": self.waive_penalties,
                "waive_percent": self.waive_percent,
                "claim_ids": [
                    Command.create({"amount": item.amount}) for item in self.item_ids.filtered("agrees")
                ],
                "line_ids": [
                    Command.create({"sequence": number, **row})
                    for number, row in enumerate(self._instalments(), 1)
                ],
            }
        )

    # -- drawing -------------------------------------------------------------------------------------
    @api.onchange(
        "amount_each",
        "count",
        "every",
        "date_first",
        "months",
        "move_closed",
        "amount_today",
        "item_ids",
    )
    def _onchange_terms(self):
        """Whatever he says, the schedule follows; what was typed last leads."""
        drawn, terms = self.drawn_terms or {}, self._terms()
        if terms == drawn:
            return
        if terms["each"] != drawn.get("each"):
            self.lead = "amount"
        elif terms["count"] != drawn.get("count"):
            self.lead = "count"
        try:
            rows = self._drawn_rows()
        except UserError:
            return  # said in ``notice``; what was typed stays
        self._show(rows)

    def _terms(self):
        """What the schedule is drawn from, to tell what was typed from what was drawn."""
        return {
            "each": self.currency_id.round(self.amount_each),
            "count": self.count,
            "today": self.currency_id.round(self.amount_today),
            "owed": self.currency_id.round(self.amount_owed),
            "every": self.every,
            "first": str(self.date_first or ""),
            "skipped": self._skipped(),
            "move_closed": self.move_closed,
        }

    @api.onchange("offer")
    def _onchange_offer(self):
        if self.offer:
            self._take_offer(self.offer)
            self.offer = False

    @api.onchange("line_ids")
    def _onchange_lines(self):
        """A line set by hand stays, the others make up for it."""
        lines = self.line_ids
        if not lines:
            return
        self._fill_days(lines)
        paid_today = lines[:1].filtered(lambda line: self._is_today(line._values()))
        if paid_today:
            # typed in the line instead of in the field
            self.amount_today = paid_today.amount
        changed = [index for index, line in enumerate(lines) if line._is_changed()]
        drawn = lines.mapped("drawn_amount")
        whole = all(drawn) and not self.currency_id.compare_amounts(sum(drawn), self.amount_owed)
        if not changed and whole:
            return
        for line in lines - paid_today:
            line.kept |= line._is_changed() and bool(line.amount)
        if not whole:
            self.lead = "count"
        try:
            if self.lead == "amount":
                self._show(self._drawn_rows())
            else:
                self._show(self._balanced(changed, whole))
        except UserError:
            return  # the instalments do not add up: ``notice`` says so

    def _fill_days(self, lines):
        """A line that was added falls due one step after the last one."""
        days = [line.date_due for line in lines if line.date_due]
        for line in lines.filtered(lambda line: not line.date_due):
            line.date_due = line.drawn_date or (
                schedule.dates(2, max(days), self.every, self._skipped())[1] if days else self.date_first
            )

    def _balanced(self, changed, whole):
        """The rows after some were changed by hand, and the others made up for it.

        :param changed: indexes of the lines that were changed
        :param whole: whether no line was added or removed
        :raise UserError: nothing is left for the others
        """
        plans = self.env["relance.plan"]
        currency = self.currency_id
        rows = [line._values() for line in self.line_ids]
        if whole:
            parts = [plans._exact(currency, line.drawn_amount) for line in self.line_ids]
            kept = [index for index, row in enumerate(rows) if row["kept"] or self._is_today(row)]
            for index in changed:
                parts = plans._in_words(
                    schedule.rebalance,
                    parts,
                    index,
                    plans._exact(currency, rows[index]["amount"]),
                    kept,
                    currency.decimal_places,
                    currency=currency,
                )
        else:
            parts = self._spread(rows, plans._exact(currency, self.amount_owed))
        for row, part in zip(rows, parts, strict=True):
            row["amount"] = float(part)
        return sorted(rows, key=lambda row: row["date_due"])

    def _spread(self, rows, total):
        """Amounts of ``rows`` after one was added or removed: the free ones share the rest."""
        plans = self.env["relance.plan"]
        digits = self.currency_id.decimal_places
        parts = {
            index: plans._exact(self.currency_id, row["amount"])
            for index, row in enumerate(rows)
            if row["amount"] and (row["kept"] or self._is_today(row))
        }
        free = [index for index in range(len(rows)) if index not in parts]
        if free:
            shares = plans._in_words(
                schedule.amounts, total - sum(parts.values()), len(free), digits, currency=self.currency_id
            )
            parts |= dict(zip(free, shares, strict=True))
        return [parts[index] for index in range(len(rows))]

    def _today(self):
        return self.company_id._relance_date()

    def _is_today(self, row):
        """Whether this row is what he pays at once."""
        return bool(self.amount_today) and row["date_due"] == self._today()

    def _skipped(self):
        return [int(month) for month, box in (self.months or {}).items() if box.get("checked")]

    def _row(self, day, amount, kept=False, kind="payment", note=False):
        return {
            "date_due": day,
            "amount": float(amount),
            "kind": kind or "payment",
            "note": note,
            "kept": kept,
        }

    def _drawn_rows(self):
        """The instalments as the terms draw them, around those set by hand.

        :raise UserError: says what is wrong with the terms
        """
        plans = self.env["relance.plan"]
        kept = [line._values() for line in self.line_ids if line.kept and line.date_due and line.amount]
        left = plans._exact(self.currency_id, self.amount_owed - sum(row["amount"] for row in kept))
        if kept and not left:
            return sorted(kept, key=lambda row: row["date_due"])
        if kept and left < 0:
            raise UserError(plans._schedule_sentence(schedule.ScheduleError("rest"), self.currency_id))
        parts = self._drawn_amounts(left, len(kept))
        today = bool(self.amount_today)
        days = self._drawn_days(len(parts) - today, kept)
        if today:
            days.insert(0, self._today())
        rows = [self._row(day, part) for day, part in zip(days, parts, strict=True)]
        return sorted(kept + rows, key=lambda row: row["date_due"])

    def _drawn_amounts(self, left, kept):
        plans = self.env["relance.plan"]
        digits = self.currency_id.decimal_places
        first = plans._exact(self.currency_id, self.amount_today) if self.amount_today else None
        if first == left and not kept:
            return [left]
        if self.lead == "count":
            self._check_drawable(self.count)
            return plans._in_words(
                schedule.amounts, left, self.count - kept, digits, first, currency=self.currency_id
            )
        each = plans._exact(self.currency_id, self.amount_each)
        self._check_drawable(left / each if each > 0 else 0)
        smallest = self._smallest()
        try:
            # a rest too small for an instalment of its own is shared
            return schedule.amounts_of(left, each, digits, first, smallest)
        except schedule.ScheduleError:
            return plans._in_words(schedule.amounts_of, left, each, digits, first, currency=self.currency_id)

    def _smallest(self):
        """The smallest instalment of the policy, in the currency of the plan."""
        policy = self._draft_policy()
        return self.currency_id.round(policy._plan_smallest(self.company_id, self.currency_id, self._today()))

    def _draft_policy(self):
        return self.env["relance.policy"].sudo()._for_payer(self.company_id, self.partner_id._origin)

    def _check_drawable(self, count):
        if count > MOST_LINES:
            raise UserError(
                self.env._(
                    "That makes more than %s instalments: enter a larger amount, or fewer instalments.",
                    MOST_LINES,
                )
            )

    def _drawn_days(self, count, kept):
        """``count`` days in the rhythm; a line set by hand takes the place it was moved from."""
        if count < 1:
            return []
        if not self.date_first:
            raise UserError(self.env._("On which day does his money come in? Enter the first date."))
        days = self.env["relance.plan"]._in_words(
            schedule.dates, count + len(kept), self.date_first, self.every, self._skipped()
        )
        for row in kept:
            days.remove(min(days, key=lambda day, at=row["date_due"]: abs((day - at).days)))
        return self._open_days(days[:count])

    def _open_days(self, days):
        return self.env["relance.plan"]._working_days(self.company_id, days) if self.move_closed else days

    def _offer_rows(self):
        """The ready offers of the policy, in their order: key → rows; none if there cannot be."""
        left = self.amount_owed - self.amount_today
        if not self.date_first or self.currency_id.compare_amounts(left, 0) <= 0 or self.amount_today < 0:
            return {}
        try:
            offers = self.env["relance.plan"]._in_words(
                self._draft_policy()._plan_offers,
                self.company_id,
                self.currency_id,
                left,
                self.date_first,
                self.every,
                self._skipped(),
            )
        except UserError:
            return {}
        today = [self._row(self._today(), self.amount_today)] if self.amount_today else []
        result = {}
        for key, offer in offers:
            days = self._open_days([day for day, _amount in offer])
            result[key] = today + [
                self._row(day, amount) for day, (_day, amount) in zip(days, offer, strict=True)
            ]
        return result

    def _take_offer(self, key):
        """The ready offer ``key``, or the nearest there is, becomes the schedule."""
        offers = self._offer_rows()
        rows = offers.get(key) or next(iter(offers.values()), None)
        if rows:
            self.lead = "count"
            self._show(rows)

    def _show(self, rows):
        """Let the lines say ``rows``; amount and number follow."""
        lines = list(self.line_ids)
        added = []
        for number, row in enumerate(rows, 1):
            values = {
                **row,
                "sequence": number,
                "drawn_date": row["date_due"],
                "drawn_amount": row["amount"],
                "drawn_kind": row["kind"],
            }
            if number <= len(lines):
                # the same line says something else: the cursor stays where it is
                lines[number - 1].update(values)
            else:
                added.append(Command.create(values))
        for line in lines[len(rows) :]:
            self.line_ids -= line
        if added:
            self.line_ids = added
        self.count = len(rows)
        if self.lead == "count" and rows:
            regular = [row for row in rows if not row["kept"] and not self._is_today(row)] or rows
            self.amount_each = max(row["amount"] for row in regular)
        self.drawn_terms = self._terms()

    def _instalments(self):
        """The lines as values of ``relance.plan.line``."""
        return [
            {"date_due": line.date_due, "amount": line.amount, "kind": line.kind, "note": line.note}
            for line in self.line_ids
        ]

    def _same(self, rows, others):
        return len(rows) == len(others) and all(
            row["date_due"] == other["date_due"]
            and not self.currency_id.compare_amounts(row["amount"], other["amount"])
            for row, other in zip(rows, others, strict=True)
        )

    # -- to read aloud -------------------------------------------------------------------------------
    def _money(self, amount):
        return format_amount(self.env, amount, self.currency_id)

    @api.depends(
        "notice",
        "needs_approval",
        "item_ids.agrees",
        "line_ids.date_due",
        "line_ids.amount",
        "line_ids.kind",
        "line_ids.note",
        "means",
        "current_on_time",
        "waive_penalties",
        "waive_percent",
        "link_channel",
        "signer_email",
        "signer_mobile",
    )
    def _compute_recap(self):
        for wizard in self:
            wizard.recap = False if wizard.notice else " ".join(wizard._recap_sentences())

    def _recap_sentences(self):
        _ = self.env._
        names = self.item_ids.filtered("agrees").mapped("name")
        yield (
            _(
                "You owe us %(amount)s for %(invoices)s.",
                amount=self._money(self.amount_owed),
                invoices=", ".join(names),
            )
            if len(names) <= 3
            else _(
                "You owe us %(amount)s for %(count)s invoices.",
                amount=self._money(self.amount_owed),
                count=len(names),
            )
        )
        yield _("You pay %s.", self._recap_schedule())
        if self.means:
            yield self._recap_means()
        if self.current_on_time:
            yield _("Your current invoices are paid on time as usual.")
        if self.waive_penalties:
            yield (
                _("If you keep this plan, we give up the late-payment penalties.")
                if self.waive_percent >= 100
                else _(
                    "If you keep this plan, we give up %s %% of the late-payment penalties.",
                    round(self.waive_percent),
                )
            )
        yield from self._recap_next()

    def _recap_schedule(self):
        """“500 € today, then 6 times 500 €, from 5 January to 5 June, then 100 € on 5 July”."""
        _ = self.env._
        rows = self._instalments()
        said = []
        if rows and self._is_today(rows[0]):
            said.append(_("%s today", self._money(rows[0]["amount"])))
            rows = rows[1:]
        runs = [
            list(run)
            for _key, run in groupby(rows, lambda row: (row["amount"], row["kind"], row["note"] or ""))
        ]
        if len(runs) > MOST_RUNS:
            amounts = [row["amount"] for row in rows]
            said.append(
                _(
                    "%(count)s instalments of %(least)s to %(most)s, from %(first)s to %(last)s",
                    count=len(rows),
                    least=self._money(min(amounts)),
                    most=self._money(max(amounts)),
                    first=long_date(self.env, rows[0]["date_due"]),
                    last=long_date(self.env, rows[-1]["date_due"]),
                )
            )
        else:
            said += [self._recap_run(run) for run in runs]
        return _(", then ").join(said)

    def _recap_run(self, run):
        _ = self.env._
        amount = self._money(run[0]["amount"])
        if run[0]["kind"] != "payment":
            kinds = dict(self.line_ids._fields["kind"]._description_selection(self.env))
            how = ", ".join(filter(None, [kinds[run[0]["kind"]].lower(), run[0]["note"]]))
            amount = f"{amount} ({how})"
        if len(run) == 1:
            return _("%(amount)s on %(date)s", amount=amount, date=long_date(self.env, run[0]["date_due"]))
        return _(
            "%(count)s times %(amount)s, from %(first)s to %(last)s",
            count=len(run),
            amount=amount,
            first=long_date(self.env, run[0]["date_due"]),
            last=long_date(self.env, run[-1]["date_due"]),
        )

    def _recap_means(self):
        _ = self.env._
        return {
            "transfer": _("You pay by bank transfer."),
            "standing_transfer": _("You set up a standing transfer with your bank."),
            "direct_debit": _("We collect the instalments by direct debit."),
            "card": _("You pay by card, with the link in each message."),
            "cheques": _("You hand over the cheques now; each is cashed on its date."),
        }.get(self.means, "")

    def _recap_next(self):
        _ = self.env._
        if self.discount_amount:
            yield _("I ask for the discount and come back to you.")
            return
        if self.needs_approval:
            yield _("This has to be confirmed here first; you will hear from us shortly.")
            return
        address = {"email": self.signer_email, "sms": self.signer_mobile}.get(self.link_channel)
        yield (
            _(
                "You receive it now at %(address)s, to be signed until %(date)s.",
                address=address,
                date=long_date(self.env, self.date_valid),
            )
            if address
            else _("You receive it by post, to be signed until %s.", long_date(self.env, self.date_valid))
        )
        yield _("Do you agree?")

    # -- what comes of it --------------------------------------------------------------------------------
    def action_propose(self):
        """Offer the plan to the customer; beyond the limits a manager is asked first."""
        plan = self._make_plan()
        if not self.discount_amount:
            plan.action_propose()
        return plan._open_action()

    def action_agree(self):
        """The customer says yes on the phone: the plan counts from now on."""
        plan = self._make_plan()
        if not self.discount_amount:
            plan.action_propose()
        if plan.state == "proposed":
            plan.action_accept(kind="phone")
        return plan._open_action()

    def action_save_draft(self):
        """Keep what was negotiated as a draft."""
        return self._make_plan()._open_action()

    def action_redraw(self):
        """Forget what was set by hand: the schedule follows the terms again."""
        self.line_ids.kept = False
        self._show(self._drawn_rows())
        return False

    def action_open_plan(self):
        return self.plan_id._open_action()

    def _make_plan(self):
        """The draft of what is on the screen; a second click finds the same one."""
        self.ensure_one()
        if self.plan_id:
            return self.plan_id
        self._drawn_rows()  # terms that cannot be drawn are said, not passed over
        values = {**{name: self[name] for name in PLAN_FIELDS}, "contact_id": self._contact().id}
        plan = self._redraw_plan(values) if self.redraws_id else self._create_plan(values)
        self.plan_id = plan
        if self.discount_amount:
            # asked for, not granted: whoever may draw a plan may ask
            plan.sudo()._ask_discount(self.discount_amount, self.discount_reason)
        return plan

    def _create_plan(self, values):
        agreed = self.item_ids.filtered("agrees")
        plan = self.env["relance.plan"]._create_from(
            agreed.move_line_id, self._instalments(), replaces_id=self.replaces_id.id, **values
        )
        contested = self.item_ids.filtered(lambda item: item.was_chosen and not item.agrees)
        if contested:
            plan._message_log(
                body=self.env._(
                    "Not agreed with during the call, left out: %s", ", ".join(contested.mapped("name"))
                )
            )
        return plan

    def _redraw_plan(self, values):
        plan = self.redraws_id
        plan.write(
            {
                **values,
                "line_ids": [Command.clear()]
                + [
                    Command.create({"sequence": number, **row})
                    for number, row in enumerate(self._instalments(), 1)
                ],
            }
        )
        plan._check_schedule()
        return plan

    def _contact(self):
        """Who gets the messages: whoever has the address that was given, added where he is new."""
        family = self._family()
        typed = email_normalize(self.signer_email or "")
        if not typed or typed == self.contact_id.email_normalized:
            return self.contact_id or self.env["relance.plan"]._contact_of(self.partner_id)
        known = family.filtered(lambda partner: partner.email_normalized == typed)[:1]
        # the link goes where the customer asked for it; whoever negotiates need not edit contacts
        return known or family.create(
            {
                "name": self.signer_name or typed,
                "function": self.signer_function,
                "email": typed,
                "phone": self.signer_mobile,
                "parent_id": self.partner_id.commercial_partner_id.id,
                "type": "contact",
                "lang": self.partner_id.lang,
            }
        )


def _digits(phone):
    """The last nine digits: the same number with and without its country."""
    return "".join(sign for sign in phone or "" if sign.isdigit())[-9:]


class RelancePlanNegotiateItem(models.TransientModel):
    """One open invoice, and whether the customer agrees that he owes it."""

    _name = "relance.plan.negotiate.item"
    _description = "Invoice to be Negotiated"
    _order = "id"

    wizard_id = fields.Many2one("relance.plan.negotiate", required=True, ondelete="cascade")
    currency_id = fields.Many2one(related="wizard_id.currency_id")
    move_line_id = fields.Many2one("account.move.line", readonly=True, ondelete="cascade")
    move_id = fields.Many2one(related="move_line_id.move_id")
    name = fields.Char(string="Number", readonly=True)
    date_maturity = fields.Date(string="Due date", readonly=True)
    amount = fields.Monetary(string="Left to pay", readonly=True)
    agrees = fields.Boolean(string="Agrees", help="What he contests, or what waits, leaves the plan.")
    was_chosen = fields.Boolean(readonly=True)


class RelancePlanNegotiateLine(models.TransientModel):
    """One instalment while it is negotiated."""

    _name = "relance.plan.negotiate.line"
    _description = "Instalment to be Negotiated"
    _order = "sequence, id"

    wizard_id = fields.Many2one("relance.plan.negotiate", required=True, ondelete="cascade")
    currency_id = fields.Many2one(related="wizard_id.currency_id")
    sequence = fields.Integer(default=1000)
    date_due = fields.Date(string="Due on")
    amount = fields.Monetary()
    kind = fields.Selection(
        lambda self: self.env["relance.plan.line"]._fields["kind"].selection,
        string="Settled by",
        required=True,
        default="payment",
    )
    note = fields.Char(string="Details")
    kept = fields.Boolean(string="By hand", help="Set by hand: it stays when the others are drawn again.")
    drawn_date = fields.Date()
    drawn_amount = fields.Monetary()
    drawn_kind = fields.Char()

    def _is_changed(self):
        """Whether somebody changed this line since it was drawn."""
        self.ensure_one()
        return (
            self.date_due != self.drawn_date
            or self.kind != (self.drawn_kind or "payment")
            or self.currency_id.compare_amounts(self.amount, self.drawn_amount) != 0
        )

    def _values(self):
        """What a line says, as the wizard draws it."""
        self.ensure_one()
        return {
            "date_due": self.date_due,
            "amount": self.amount,
            "kind": self.kind,
            "note": self.note,
            "kept": self.kept,
        }
