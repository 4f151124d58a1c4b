"""The negotiation of a payment plan on one screen, in the order of a phone call.

The screen only draws: what may be covered, which limits hold and what a schedule has to
keep is asked of ``relance.plan``, ``relance.policy`` and ``tools.schedule``. How the
instalments are drawn is in ``relance_plan_negotiate_draw``, what is read aloud in
``relance_plan_negotiate_recap``.
"""

from datetime import date

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tools import email_normalize, format_date

from ..tools.text import long_date

#: so many open invoices of the customer are shown besides those that were chosen
MOST_OTHERS = 80


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
        lambda self: self._selection_of("relance.plan", "link_channel"),
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
    cause = fields.Selection(lambda self: self._selection_of("relance.plan", "cause"), string="Reason")
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
    every = fields.Selection(
        lambda self: self._selection_of("relance.plan", "every"),
        string="How often",
        required=True,
        default="month",
    )
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
        lambda self: self._selection_of("relance.plan", "means"),
        string="Means of payment",
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
            # where nothing can be covered, the reason is said below
            coverable = self._coverable(move_lines, replaces) or move_lines
            chosen, others = self._same_debtor(coverable)
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

    def _coverable(self, move_lines, replaces=None):
        """Those of ``move_lines`` that a plan may cover, found by halves: most often all."""
        if not move_lines:
            return move_lines
        try:
            self.env["relance.plan"]._check_move_lines(move_lines, replaces=replaces)
            return move_lines
        except UserError:
            if len(move_lines) == 1:
                return move_lines.browse()
        half = len(move_lines) // 2
        return self._coverable(move_lines[:half], replaces) + self._coverable(move_lines[half:], replaces)

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
            values |= {name: earlier[name] or values.get(name, False) for name in earlier._negotiated}
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
        return self._coverable(others)

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

    @api.model
    def _selection_of(self, model, field):
        """The choices of a field of the plan, as the user's language calls them."""
        return self.env[model]._fields[field]._description_selection(self.env)

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
            self._check_days()
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
            # the confirmation says it all: no offer to sign besides
            plan.with_context(relance_agreed=True).action_propose()
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
        if self.notice:
            # said on the screen already, and what was typed stays there
            raise UserError(self.notice)
        values = {name: self[name] for name in self.plan_id._negotiated}
        if self.contact_id:
            values["contact_id"] = self.contact_id.id
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
    agrees = fields.Boolean(help="What he contests, or what waits, leaves the plan.")
    was_chosen = fields.Boolean(readonly=True)
