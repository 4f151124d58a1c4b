"""The schedule on the screen of the negotiation: drawn from the terms, and by hand."""

from datetime import date

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..tools import schedule

#: more lines than these help nobody on a screen; the policy's limits are far below
MOST_LINES = 240


class RelancePlanNegotiate(models.TransientModel):
    _inherit = "relance.plan.negotiate"

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
        try:
            self._fill_days(lines)
        except UserError:
            return  # said in ``notice``
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
        """A line that was added falls due one step after the last one.

        :raise UserError: the terms allow no further day
        """
        days = [line.date_due for line in lines if line.date_due]
        for line in lines.filtered(lambda line: not line.date_due):
            line.date_due = line.drawn_date or (
                self.env["relance.plan"]._in_words(schedule.dates, 2, max(days), self.every, self._skipped())[
                    1
                ]
                if days
                else self.date_first
            )

    def _check_days(self):
        if not all(self.line_ids.mapped("date_due")):
            raise UserError(self.env._("Each instalment has a day: enter the date that is missing."))

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
        return sorted(rows, key=lambda row: row["date_due"] or date.max)

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
        policy = self._policy()
        return self.currency_id.round(policy._plan_smallest(self.company_id, self.currency_id, self._today()))

    def _policy(self):
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
        if not self.date_first or not 0 <= self.amount_today < self.amount_owed:
            return {}
        try:
            offers = self.env["relance.plan"]._in_words(
                self._policy()._plan_offers,
                self.company_id,
                self.currency_id,
                self.amount_owed,
                self.date_first,
                self.every,
                self._skipped(),
                paid_today=self.amount_today,
            )
        except UserError:
            return {}
        return {key: self._offer_row_list(offer) for key, offer in offers}

    def _offer_row_list(self, offer):
        """What is paid today stays today, whatever the calendar says; the rest keeps to it."""
        today = [self._row(*offer[0])] if self.amount_today else []
        later = offer[1:] if today else offer
        days = self._open_days([day for day, _amount in later])
        return today + [self._row(day, amount) for day, (_day, amount) in zip(days, later, strict=True)]

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
        lambda self: self.env["relance.plan.negotiate"]._selection_of("relance.plan.line", "kind"),
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
