"""The negotiated payment plan: what was agreed, with whom, and how it stands.

A plan overlays the books: it rewrites no posted entry. Its claims are snapshots of the
journal items it covers, its lines the instalments. While it is offered or kept the decision
holds the covered items (reason ``plan``). The rest of its life lies beside: how it is
offered (``relance_plan_offer``), signed (``_sign``) and answered (``_answer``), what it asks
of people (``_task``), how payments become progress and what time does (``_follow``), what
leaves for the customer (``_message``) and what he sees (``_portal``).
"""

import re

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command, Domain
from odoo.tools import SQL, float_round, format_amount, format_date

from ..tools import schedule
from .relance_decision import CLAIMABLE_TYPES, SETTLED_STATES

#: a plan that is drawn, offered or under way; another one cannot cover the same items
LIVE = ("draft", "proposed", "active")
CLOSED = ("kept", "broken", "cancelled")

EVERY = [
    ("week", "Every week"),
    ("fortnight", "Every two weeks"),
    ("month", "Every month"),
    ("month_end", "At each month end"),
]


class RelancePlan(models.Model):
    """A payment plan, from the offer until it is kept or not."""

    _name = "relance.plan"
    _description = "Payment Plan"
    _inherit = ["portal.mixin", "mail.thread", "mail.activity.mixin", "relance.screen.mixin"]
    _list_action = "relance_douce.action_relance_plan"
    _order = "id desc"
    _mail_post_access = "read"

    name = fields.Char(string="Reference", required=True, readonly=True, copy=False, index="trigram")
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True, ondelete="cascade")
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    case_id = fields.Many2one("relance.case", readonly=True, index=True, ondelete="set null")
    partner_id = fields.Many2one(
        "res.partner", string="Payer", required=True, readonly=True, index=True, ondelete="restrict"
    )
    debtor_id = fields.Many2one(
        "res.partner",
        required=True,
        readonly=True,
        ondelete="restrict",
        help="The person or company that owes these invoices and signs.",
    )
    contact_id = fields.Many2one("res.partner", ondelete="set null", help="Gets the messages of this plan.")
    user_id = fields.Many2one("res.users", string="In charge", default=lambda self: self.env.user)
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("proposed", "Proposed"),
            ("active", "Under way"),
            ("kept", "Kept"),
            ("broken", "Not kept"),
            ("cancelled", "Called off"),
        ],
        required=True,
        readonly=True,
        default="draft",
        index=True,
        copy=False,
        tracking=True,
        group_expand=True,
    )

    # what it covers
    claim_ids = fields.One2many("relance.plan.claim", "plan_id", string="Invoices covered", copy=False)
    move_line_ids = fields.Many2many(
        "account.move.line",
        string="Journal items covered",
        compute="_compute_move_lines",
        search="_search_move_line_ids",
        compute_sudo=True,
    )
    amount_debt = fields.Monetary(
        string="Owed", compute="_compute_amounts", store=True, help="Of the invoices, when it was drawn."
    )
    amount_discount = fields.Monetary(
        string="Discount", readonly=True, copy=False, help="Approved reduction of the principal."
    )

    # the schedule
    line_ids = fields.One2many("relance.plan.line", "plan_id", string="Instalments", copy=False)
    every = fields.Selection(EVERY, default="month", required=True)
    amount_total = fields.Monetary(
        string="Total", compute="_compute_amounts", store=True, help="Sum of the instalments."
    )
    amount_paid = fields.Monetary(
        string="Received",
        readonly=True,
        copy=False,
        help="What was matched with the invoices since the plan was drawn.",
    )
    amount_left = fields.Monetary(string="Left", compute="_compute_amounts", store=True)
    amount_late = fields.Monetary(string="Late", compute="_compute_amounts", store=True)
    progress = fields.Float(compute="_compute_amounts", store=True, help="Received, in percent.")
    line_count = fields.Integer(string="Number of instalments", compute="_compute_amounts", store=True)
    next_date = fields.Date(string="Next instalment", compute="_compute_next", store=True)
    late_since = fields.Date(
        compute="_compute_next", store=True, help="Due date of the oldest instalment that is late."
    )
    next_amount = fields.Monetary(string="Amount due then", compute="_compute_next", store=True)
    date_last = fields.Date(string="Last instalment", compute="_compute_next", store=True)
    has_lost_claims = fields.Boolean(
        compute="_compute_has_lost_claims",
        help="A covered invoice was reset or deleted: this plan neither ends nor breaks by itself.",
    )

    # what was said
    cause = fields.Selection(
        [
            ("cash", "Cash is short for a while"),
            ("customer", "A customer pays late"),
            ("season", "Seasonal business"),
            ("cost", "Unforeseen cost"),
            ("bank", "Bank, financing"),
            ("administration", "Administrative delay"),
            ("personal", "Personal hardship"),
            ("other", "Something else"),
        ],
        string="Reason",
    )
    cause_note = fields.Char(string="In his words")
    means = fields.Selection(
        [
            ("transfer", "Bank transfer"),
            ("standing_transfer", "Standing transfer"),
            ("direct_debit", "Direct debit"),
            ("card", "Card, by the link"),
            ("cheques", "Cheques handed over in advance, cashed at each instalment"),
        ],
        string="Means of payment",
        default="transfer",
    )
    means_note = fields.Char(string="About the payment", help="For example the numbers of the cheques.")
    current_on_time = fields.Boolean(
        string="Current invoices are paid on time", default=True, help="Stands in the agreement."
    )
    waive_penalties = fields.Boolean(
        string="Penalties given up if kept",
        help="Late-payment penalties and fixed fee are given up once, and only if, the plan is kept.",
    )
    waive_percent = fields.Float(string="Share given up (%)", default=100.0)
    waiver_due = fields.Boolean(
        readonly=True, copy=False, help="The plan was kept: the penalties are given up as agreed."
    )

    # who signs
    signer_name = fields.Char(string="Speaks for the customer")
    signer_function = fields.Char(string="Function")
    signer_email = fields.Char(string="E-mail for the link")
    signer_mobile = fields.Char(string="Mobile for the link")
    link_channel = fields.Selection(
        [("email", "E-mail"), ("sms", "SMS"), ("letter", "Letter")],
        string="Link sent by",
        required=True,
        default="email",
    )

    # the life of the plan
    date_proposed = fields.Date(string="Proposed on", readonly=True, copy=False)
    date_valid = fields.Date(
        string="Valid until",
        readonly=True,
        copy=False,
        help="Last day on which the offer can be signed.",
    )
    date_hold = fields.Date(
        string="Reminders rest until",
        readonly=True,
        copy=False,
        help="As long as the offer is valid, but never longer than one renewal after it was first made.",
    )
    date_first_offered = fields.Date(readonly=True, copy=False)
    renewed = fields.Boolean(readonly=True, copy=False, help="An offer is renewed once.")
    revision = fields.Integer(readonly=True, copy=False, help="Grows each time the offer changes.")
    date_start = fields.Date(string="Agreed on", readonly=True, copy=False)
    date_acknowledged = fields.Date(
        string="Debt acknowledged on",
        readonly=True,
        copy=False,
        help="A signature acknowledges the debt: the limitation starts again on this day "
        "(French Civil Code, articles 2240 and 2231). A word on the phone proves nothing.",
    )
    date_closed = fields.Date(string="Closed on", readonly=True, copy=False)
    date_notice = fields.Date(string="Notice of default left on", readonly=True, copy=False)
    close_reason = fields.Selection(
        [
            ("expired", "Offer expired"),
            ("declined", "Declined by the customer"),
            ("withdrawn", "Withdrawn"),
            ("replaced", "Replaced by a new plan"),
            ("settled", "Settled otherwise than by payment"),
        ],
        readonly=True,
        copy=False,
    )
    close_note = fields.Char(string="Remark on the end", readonly=True, copy=False)
    replaces_id = fields.Many2one("relance.plan", readonly=True, copy=False, ondelete="set null", index=True)
    replaced_by_ids = fields.One2many("relance.plan", "replaces_id", string="Renegotiated as")

    # approval beyond the limits
    approval_state = fields.Selection(
        [("asked", "Asked"), ("granted", "Granted"), ("refused", "Refused")],
        string="Approval",
        readonly=True,
        copy=False,
        tracking=True,
    )
    limit_notes = fields.Text(string="Beyond the limits", compute="_compute_limit_notes")

    message_log_ids = fields.One2many("relance.plan.message", "plan_id", string="Messages sent")

    _done_index = models.Index("(company_id) WHERE state = 'active' AND next_date IS NULL")

    # -- what is computed --------------------------------------------------------------------
    @api.depends("claim_ids.move_line_id")
    def _compute_move_lines(self):
        for plan in self:
            plan.move_line_ids = plan.claim_ids.move_line_id

    def _search_move_line_ids(self, operator, value):
        return Domain("claim_ids.move_line_id", operator, value)

    @api.depends(
        "state",
        "claim_ids.amount",
        "line_ids.amount",
        "line_ids.state",
        "line_ids.amount_paid",
        "amount_paid",
    )
    def _compute_amounts(self):
        for plan in self:
            lines = plan.line_ids
            total = sum(lines.mapped("amount"))
            unpaid = sum(line.amount_left for line in lines)
            plan.amount_debt = sum(plan.claim_ids.mapped("amount"))
            plan.amount_total = total
            # a plan that was not kept leaves all the rest to be paid at once
            plan.amount_left = max(total - plan.amount_paid, 0.0) if plan.state == "broken" else unpaid
            plan.amount_late = sum(line.amount_left for line in lines if line.state == "late")
            # what was called off is not paid
            settled = sum(line.amount if line.state == "paid" else line.amount_paid for line in lines)
            plan.progress = 100.0 * settled / total if total else 0.0
            plan.line_count = len(lines)

    @api.depends("line_ids.state", "line_ids.date_due", "line_ids.amount", "line_ids.amount_paid")
    def _compute_next(self):
        for plan in self:
            lines = plan.line_ids.sorted("date_due")
            following = lines.filtered(lambda line: line.state in ("pending", "partial", "late"))[:1]
            plan.next_date = following.date_due
            plan.next_amount = following.amount_left
            plan.late_since = lines.filtered(lambda line: line.state == "late")[:1].date_due
            plan.date_last = lines[-1:].date_due

    @api.depends("claim_ids.move_line_id.parent_state")
    def _compute_has_lost_claims(self):
        for plan in self:
            plan.has_lost_claims = bool(plan.sudo().claim_ids.filtered("is_lost"))

    def _compute_access_url(self):
        result = super()._compute_access_url()
        for plan in self:
            plan.access_url = f"/my/plans/{plan.id}"
        return result

    # -- rights and states -------------------------------------------------------------------
    #: what is agreed in a negotiation beside the instalments
    _negotiated = frozenset(
        {
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
        }
    )
    #: what a person may write by hand; everything else moves through the actions
    _writable = _negotiated | {"contact_id", "user_id", "line_ids"}
    #: of these, what belongs to the offer and is changed before it is made
    _offered = frozenset(
        {"line_ids", "every", "means", "means_note", "current_on_time", "waive_penalties", "waive_percent"}
    )
    #: the host's own bookkeeping of threads and portals
    _host_writable = ("message_", "activity_")

    def write(self, vals):
        if not self.env.su:
            own = {
                name for name in vals if name == "message_log_ids" or not name.startswith(self._host_writable)
            }
            if not own <= self._writable:
                raise AccessError(
                    self.env._(
                        "Payment plans are proposed, signed and closed with their buttons, not by hand."
                    )
                )
            if own & self._offered and self.filtered(lambda plan: plan.state != "draft"):
                raise UserError(
                    self.env._(
                        "What was proposed is not changed behind the customer's back: use "
                        "“Change the offer”, or “Renegotiate” once it is signed."
                    )
                )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_shown(self):
        if self.filtered("date_proposed"):
            raise UserError(self.env._("A plan that was shown to the customer stays: cancel it instead."))

    def _allowed(self, *states):
        """These plans with full rights, once the user's own rights were checked.

        :param states: the states in which the action makes sense, all if there are none
        """
        if not self.env.su:
            self.env["relance.reminder"]._check_user()
        self.check_access("write")
        if states:
            self._check_state(*states)
        # states move through the actions only: whoever may write may use them
        return self.sudo()

    def _check_state(self, *states):
        wrong = self.filtered(lambda plan: plan.state not in states)
        if wrong:
            labels = dict(self._fields["state"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "Plan %(plan)s is now “%(state)s”: reload the page to see what happened.",
                    plan=wrong[0].name,
                    state=labels[wrong[0].state],
                )
            )

    def _is_manager(self):
        return self.env.user.has_group("relance_douce.group_relance_manager")

    def _update_state(self, allowed, new, **values):
        """Move the plans that are in ``allowed`` to ``new``; return these."""
        moved = self.filtered(lambda plan: plan.state in allowed)
        if moved:
            moved.write({"state": new, **values})
            moved.claim_ids._follow_state(new)
            self.env["account.move"]._relance_invalidate()
        return moved

    def _set_proposed(self, **values):
        return self._update_state(("draft",), "proposed", **values)

    def _set_draft(self, **values):
        return self._update_state(("proposed",), "draft", **values)

    def _set_active(self, **values):
        return self._update_state(("proposed",), "active", **values)

    def _set_kept(self, **values):
        return self._close(("active",), "kept", **values)

    def _set_broken(self, **values):
        return self._close(("active",), "broken", **values)

    def _set_cancelled(self, reason, note=None):
        return self._close(LIVE, "cancelled", close_reason=reason, close_note=note or False)

    def _set_reopened(self):
        """A payment was undone after the plan was kept: it goes on."""
        return self._update_state(("kept",), "active", date_closed=False, waiver_due=False)

    def _set_overtaken(self, note):
        """A payment was undone after the plan was kept, and a newer plan covers its invoices."""
        return self._close(("kept",), "cancelled", close_reason="replaced", close_note=note, waiver_due=False)

    def _close(self, allowed, new, **values):
        closed = self.browse()
        for company, plans in self.grouped("company_id").items():
            closed += plans._update_state(allowed, new, date_closed=company._relance_date(), **values)
        if new != "kept":
            closed.line_ids.filtered(lambda line: line.state in ("pending", "partial", "late")).write(
                {"state": "cancelled"}
            )
        closed.message_log_ids._set_cancelled()
        closed.activity_ids.unlink()
        if new != "kept":
            # the discount belonged to this plan
            drafts = closed.discount_move_ids.filtered(lambda move: move.state == "draft")
            drafts.button_cancel()
        return closed

    def _lock(self):
        """Wait for whoever changes these plans, then read them anew.

        A transaction that comes second is told so by the database and tried again by the
        host, so that it sees what the first one did.
        """
        if not self:
            return
        self.flush_recordset()
        self.env.cr.execute(SQL("SELECT id FROM relance_plan WHERE id IN %s FOR UPDATE", tuple(self.ids)))
        self.invalidate_recordset()

    # -- drawing a plan ----------------------------------------------------------------------
    @api.model
    @api.private
    def _create_for(self, move_lines, count, first_date, every="month", first_amount=None, **values):
        """A draft plan over ``move_lines`` in even instalments.

        :param move_lines: open receivable ``account.move.line`` of one legal person, company
            and currency
        :param count: number of instalments
        :param first_date: day of the first one
        :param every: see :func:`tools.schedule.dates`
        :param first_amount: first instalment, in the currency of the invoices
        :param values: other fields of the plan; ``replaces_id``: the plan it renegotiates
        :return: ``relance.plan``
        :raise UserError: says what is wrong and what to do
        """
        self._check_move_lines(move_lines, replaces=self.browse(values.get("replaces_id")))
        currency = move_lines.currency_id
        total = sum(move_lines.mapped("amount_residual_currency"))
        parts = self._in_words(
            schedule.split,
            self._exact(currency, total),
            count,
            fields.Date.to_date(first_date),
            every,
            currency.decimal_places,
            first_amount and self._exact(currency, first_amount),
            currency=currency,
        )
        return self._create_from(
            move_lines,
            [{"date_due": day, "amount": float(amount)} for day, amount in parts],
            every=every,
            **values,
        )

    @api.model
    @api.private
    def _create_from(self, move_lines, instalments, **values):
        """A draft plan over ``move_lines`` with these ``instalments``.

        :param instalments: list of values of ``relance.plan.line``
        :param values: other fields of the plan
        :raise UserError: says what is wrong and what to do
        """
        if not self.env.su:
            self.env["relance.reminder"]._check_user()
            move_lines.with_env(self.env).check_access("read")
        replaces = self.browse(values.get("replaces_id"))
        self._check_move_lines(move_lines, replaces=replaces)
        self._check_replaces(move_lines, replaces)
        company = move_lines.company_id
        payer = self._payer_of(move_lines)
        # the right was just checked; plans are made by the engine, like reminders
        plans = self.sudo()
        debtor = move_lines.partner_id.commercial_partner_id[:1]
        plan = plans.create(
            {
                "name": plans._next_name(company),
                "company_id": company.id,
                "currency_id": move_lines.currency_id.id,
                "case_id": self.env["relance.reminder"].sudo()._open_case(company, payer.id).id,
                "partner_id": payer.id,
                "debtor_id": debtor.id,
                "contact_id": self._contact_of(payer).id,
                "claim_ids": [Command.create(one) for one in self._claim_values(move_lines)],
                "line_ids": [
                    Command.create({"sequence": number, **one}) for number, one in enumerate(instalments, 1)
                ],
                **values,
            }
        )
        plan.claim_ids._follow_state("draft")
        plan._check_schedule()
        return plan.sudo(self.env.su)

    def _check_replaces(self, move_lines, replaces):
        """A plan is renegotiated with whoever signed it, by who may change it.

        :raise UserError: the earlier plan is somebody else's
        """
        if not replaces:
            return
        if not self.env.su:
            replaces.check_access("write")
        debtors = move_lines.sudo().partner_id.commercial_partner_id
        if (
            replaces.company_id != move_lines.sudo().company_id
            or self._legal_person(replaces.sudo().debtor_id) != self._legal_person(debtors[:1])
            or replaces.state not in ("active", "broken")
        ):
            raise UserError(
                self.env._(
                    "Plan %s cannot be renegotiated here: open it and renegotiate it there.", replaces.name
                )
            )

    def _next_name(self, company):
        return self.env["ir.sequence"].with_company(company).next_by_code("relance.plan") or "/"

    def _payer_of(self, move_lines):
        """Who answers for these lines; among establishments the one that owes most."""
        owed = {}
        for line in move_lines.sudo():
            payer = line.partner_id._relance_payer()
            owed[payer] = owed.get(payer, 0.0) + line.amount_residual
        return max(owed, key=lambda payer: (owed[payer], -payer.id))

    def _contact_of(self, payer):
        """Who gets the messages: the reminder contact, an invoice address, the payer."""
        payer = payer.sudo()  # which contact gets reminders is no secret to who negotiates
        return payer.relance_contact_id or payer.browse(payer.address_get(["invoice"])["invoice"]) or payer

    def _claim_values(self, move_lines):
        matched = self._matched(move_lines)
        return [
            {
                "move_line_id": line.id,
                "move_id": line.move_id.id,
                "debtor_id": line.partner_id.commercial_partner_id.id,
                "name": line.move_id.name if line.move_id.name != "/" else line.name,
                "ref": line.move_id.ref,
                "date_invoice": line.move_id.invoice_date or line.date,
                "date_maturity": line.date_maturity or line.date,
                "amount_invoiced": line.amount_currency,
                "amount": line.amount_residual_currency,
                "matched_before": {str(credit): str(amount) for credit, amount in matched[line.id].items()},
            }
            for line in move_lines.sudo().sorted(lambda line: (line.date_maturity or line.date, line.id))
        ]

    def _renew_claims(self):
        """Before a draft is drawn again: what is owed now, without what was paid meanwhile.

        :raise UserError: nothing is owed any more
        """
        self.ensure_one()
        self._check_state("draft")
        lines = self.claim_ids.move_line_id.filtered(
            lambda line: (
                line.parent_state == "posted"
                and not line.reconciled
                and line.amount_residual_currency > 0
                and line.move_id.payment_state not in SETTLED_STATES
            )
        )
        self._check_move_lines(lines, replaces=self.replaces_id)
        values = self._claim_values(lines)
        before = {(claim.move_line_id.id, claim.amount) for claim in self.claim_ids}
        if before != {(one["move_line_id"], one["amount"]) for one in values}:
            self.claim_ids = [Command.clear(), *(Command.create(one) for one in values)]
            self.claim_ids._follow_state("draft")

    # -- what cannot be covered ----------------------------------------------------------------
    @api.model
    @api.private
    def _check_move_lines(self, move_lines, replaces=None):
        """Refuse what a plan cannot cover.

        :param replaces: the plan that is renegotiated and may cover the same lines
        :raise UserError: says what is wrong and what to do
        """
        lines = move_lines.sudo()  # whoever negotiates may not read all of the books
        if not lines:
            raise UserError(self.env._("Choose at least one unpaid invoice: a plan covers what is owed."))
        for line in lines:
            self._check_claimable(line)
        if len(lines.company_id) > 1:
            raise UserError(self.env._("These invoices belong to several companies: make one plan for each."))
        if len(lines.currency_id) > 1:
            raise UserError(
                self.env._(
                    "These invoices are in %s: make one plan per currency.",
                    ", ".join(lines.currency_id.mapped("name")),
                )
            )
        persons = {self._legal_person(partner) for partner in lines.partner_id.commercial_partner_id}
        if len(persons) > 1:
            raise UserError(
                self.env._(
                    "These invoices are owed by several legal persons (%s): make one plan for each of them.",
                    ", ".join(lines.partner_id.commercial_partner_id.mapped("display_name")[:3]),
                )
            )
        self._check_not_covered(lines, replaces or self.browse())

    def _check_claimable(self, line):
        move = line.move_id
        name = move.name if move.name and move.name != "/" else self.env._("This draft invoice")
        if line.parent_state != "posted":
            raise UserError(self.env._("%s is not posted: post it first, or leave it out.", name))
        if line.account_type != "asset_receivable" or move.move_type not in CLAIMABLE_TYPES:
            raise UserError(self.env._("%s is no customer invoice: leave it out.", name))
        if not line.partner_id:
            raise UserError(self.env._("%s names no customer: enter one, or leave it out.", name))
        if line.reconciled or line.amount_residual_currency <= 0 or move.payment_state in SETTLED_STATES:
            raise UserError(self.env._("%s is paid: leave it out.", name))
        if move.relance_factor_id:
            raise UserError(
                self.env._(
                    "%(invoice)s is assigned to %(factor)s: only the factor may grant a plan. Leave it out.",
                    invoice=name,
                    factor=move.relance_factor_id.display_name,
                )
            )

    def _legal_person(self, partner):
        """What tells one legal person from another: the SIREN, else the customer itself.

        The establishments of a French company share the nine digits of its SIREN, the
        first ones of each SIRET and the last ones of its VAT number.
        """
        registry = re.sub(r"\s", "", partner.company_registry or "")
        vat = re.sub(r"\s", "", partner.vat or "").upper()
        if re.fullmatch(r"\d{9}(\d{5})?", registry):
            return registry[:9]
        if re.fullmatch(r"FR..\d{9}", vat):
            return vat[4:]
        return partner.id

    def _check_not_covered(self, lines, replaces):
        taken = (
            self.env["relance.plan.claim"]
            .sudo()
            .search(
                [
                    ("move_line_id", "in", lines.ids),
                    ("plan_id.state", "in", LIVE),
                    ("plan_id", "not in", (replaces + self).ids),
                ],
                limit=1,
            )
        )
        if taken:
            raise UserError(
                self.env._(
                    "%(invoice)s is already in plan %(plan)s: renegotiate or cancel that one.",
                    invoice=taken.name,
                    plan=taken.plan_id.name,
                )
            )

    @api.constrains("waive_penalties", "waive_percent", "debtor_id")
    def _check_waiver(self):
        for plan in self.filtered("waive_penalties"):
            if not 1 <= plan.waive_percent <= 100:
                raise ValidationError(self.env._("Between 1 and 100 % of the penalties can be given up."))
            if plan.debtor_id.sudo().relance_audience == "public":
                raise ValidationError(
                    self.env._(
                        "A public body cannot be released from interest for late payment "
                        "(Code de la commande publique, L2192-14): leave the penalties as they are."
                    )
                )
            if not plan.company_id.relance_waivers_allowed:
                raise ValidationError(
                    self.env._("Your company gives up no penalties: its settings would have to allow it.")
                )

    # -- the schedule --------------------------------------------------------------------------
    @api.model
    def _exact(self, currency, amount):
        """``amount`` as a Decimal of the currency's decimals."""
        return schedule.exact(float_round(amount, currency.decimal_places), currency.decimal_places)

    @api.model
    def _in_words(self, function, *args, currency=None, **kwargs):
        """Call a function of ``tools.schedule``; what it cannot do is said in a sentence.

        :param currency: of the amounts, as the sentence writes them
        :raise UserError:
        """
        try:
            return function(*args, **kwargs)
        except schedule.ScheduleError as error:
            raise UserError(self._schedule_sentence(error, currency)) from error

    def _schedule_sentence(self, error, currency=None):
        """What is wrong with a schedule and what to do, in the user's language."""
        _ = self.env._

        def money(name):
            amount = error.values.get(name)
            return format_amount(self.env, float(amount), currency) if currency and amount else str(amount)

        sentences = {
            "amount": _("An instalment is more than zero: enter an amount."),
            "digits": _(
                "%s is finer than the smallest coin of this currency.", str(error.values.get("amount"))
            ),
            "count": _("A plan has at least one instalment: enter how many."),
            "long": _("That is more instalments than anybody can follow: choose fewer."),
            "coins": _(
                "%(amount)s cannot be divided by %(count)s: choose fewer instalments.",
                amount=money("amount"),
                count=error.values.get("count"),
            ),
            "first_amount": _("The first payment is more than zero and leaves something for the others."),
            "minimum": _("An instalment would be below %s: choose fewer instalments.", money("minimum")),
            "every": _(
                "Choose how often a payment is due: weekly, every two weeks, monthly or at month end."
            ),
            "months": _("At least one month with a payment has to be left."),
            "rest": _("This leaves nothing for the other instalments: enter less, or remove a line."),
        }
        return sentences[error.code]

    def _check_schedule(self, date=None):
        """Whether the instalments can be offered on ``date`` (default: today).

        :raise UserError: says what is wrong and what to do
        """
        for plan in self:
            today = date or plan.company_id._relance_date()
            lines = plan._instalments()
            if not lines:
                raise UserError(self.env._("A plan has at least one instalment: enter how many."))
            if any(plan.currency_id.compare_amounts(line.amount, 0) <= 0 for line in lines):
                raise UserError(self.env._("An instalment is more than zero: enter an amount."))
            if lines[0].date_due < today:
                raise UserError(
                    self.env._(
                        "The first instalment, on %s, lies in the past: choose today or later.",
                        format_date(self.env, lines[0].date_due),
                    )
                )
            for line, following in zip(lines, lines[1:], strict=False):
                if line.date_due >= following.date_due:
                    raise UserError(
                        self.env._(
                            "The instalment of %s does not come after the one before: order the dates.",
                            format_date(self.env, following.date_due),
                        )
                    )
            owed = plan._amount_to_cover()
            if plan.currency_id.compare_amounts(sum(lines.mapped("amount")), owed):
                raise UserError(
                    self.env._(
                        "The instalments add up to %(sum)s, but %(owed)s is owed: correct an instalment.",
                        sum=format_amount(self.env, sum(lines.mapped("amount")), plan.currency_id),
                        owed=format_amount(self.env, owed, plan.currency_id),
                    )
                )

    def _amount_to_cover(self):
        """What the instalments have to add up to."""
        self.ensure_one()
        return sum(self.claim_ids.mapped("amount")) - self.amount_discount

    @api.model
    @api.private
    def _working_days(self, company, days):
        """``days`` of which those the company's calendar closes moved to the next open one."""
        if not days or not company.resource_calendar_id:
            return days
        open_days = company._relance_open_days(min(days), fields.Date.add(max(days), days=31))
        return schedule.move_closed(days, lambda day: day in open_days)

    def _instalments(self):
        """The lines in the order in which they are agreed on, shown and paid."""
        self.ensure_one()
        return self.line_ids.sorted(lambda line: (line.sequence, line.id))

    def _late_lines(self):
        return self.line_ids.filtered(lambda line: line.state == "late")

    # -- limits ----------------------------------------------------------------------------------
    def _policy(self):
        self.ensure_one()
        return self.env["relance.policy"].sudo()._for_payer(self.company_id, self.partner_id)

    @api.depends(
        "line_ids.amount", "line_ids.date_due", "partner_id", "company_id", "currency_id", "approval_state"
    )
    def _compute_limit_notes(self):
        for plan in self:
            plan.limit_notes = plan.company_id and "\n".join(plan._limits_exceeded())

    def _limits_exceeded(self):
        """Sentences that say which limits of the policy this schedule leaves."""
        self.ensure_one()
        return self._policy()._plan_limits_exceeded(
            self.company_id,
            self.currency_id,
            [(line.date_due, line.amount) for line in self.line_ids.sorted("date_due")],
            self.company_id._relance_date(),
        )

    # -- screens ---------------------------------------------------------------------------------
    def action_open_moves(self):
        """The invoices of this plan."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Invoices covered"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", self.sudo().claim_ids.move_id.ids)],
        }

    def action_renegotiate(self):
        """Open the negotiation again: a new plan replaces this one once it is agreed."""
        self.ensure_one()
        self._allowed("active", "broken")
        return self.env["relance.plan.negotiate"]._open(
            self.sudo().claim_ids.move_line_id.filtered(
                lambda line: line.amount_residual_currency > 0 and not line.reconciled
            ),
            replaces=self,
        )
