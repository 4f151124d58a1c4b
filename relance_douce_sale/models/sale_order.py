"""What a late payment means for quotations: a sentence, and a hold where the company asks for it."""

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import format_list, formatLang

from odoo.addons.relance_douce.models.res_partner import READERS

from .res_company import LATE_TONES

USERS = "relance_douce.group_relance_user"
#: names in the sentence that says who may release an order
MAX_NAMES = 3


class SaleOrder(models.Model):
    _inherit = "sale.order"

    relance_summary = fields.Char(
        string="Late payment",
        compute="_compute_relance_summary",
        groups=READERS,
        help="What the customer has not paid, how far reminders have come, and what was promised.",
    )
    relance_days_late = fields.Integer(
        string="Customer late (days)",
        compute="_compute_relance_summary",
        groups=READERS,
        help="Days since the due date of the oldest invoice that is not under a payment plan.",
    )
    relance_hold = fields.Char(
        string="Held",
        compute="_compute_relance_hold",
        groups=READERS,
        help="Why this quotation is not confirmed, and who may release it.",
    )
    # written by the actions only: whoever may release may know who did
    relance_released_by_id = fields.Many2one(
        "res.users", string="Released by", readonly=True, copy=False, ondelete="set null", groups=USERS
    )
    relance_released_amount = fields.Monetary(
        string="Released up to",
        readonly=True,
        copy=False,
        currency_field="relance_released_currency_id",
        groups=USERS,
    )
    relance_released_currency_id = fields.Many2one("res.currency", readonly=True, copy=False, groups=USERS)
    relance_released_partner_id = fields.Many2one(
        "res.partner", string="Released for", readonly=True, copy=False, ondelete="set null", groups=USERS
    )

    @api.depends("partner_invoice_id", "company_id")
    @api.depends_context("uid", "lang")
    def _compute_relance_summary(self):
        """That of who gets the invoice; a few queries for a page of orders."""
        self.relance_summary = False
        self.relance_days_late = 0
        for company, orders in self.grouped("company_id").items():
            if company.sudo().relance_sale_policy == "none":
                continue
            customers = orders.partner_invoice_id.with_company(company)
            said = {one._origin: (one.relance_summary, one.relance_days_late) for one in customers}
            for order in orders.filtered("partner_invoice_id"):
                order.relance_summary, order.relance_days_late = said[order.partner_invoice_id._origin]

    @api.depends("partner_invoice_id", "company_id", "state", "amount_total", "currency_id")
    @api.depends_context("uid", "lang")
    def _compute_relance_hold(self):
        held = self._relance_held()
        for order in self:
            order.relance_hold = order in held and self.env._(
                "This quotation waits: %s can release it.", order._relance_releasers()
            )

    # -- the hold ------------------------------------------------------------------------------
    def _relance_held(self):
        """The quotations among these that wait for a release, whoever asks."""
        held = self.browse()
        open_ones = self.filtered(lambda order: order.state in ("draft", "sent"))
        # the rule asks about the customer's debt, its answer is yes or no
        for company, orders in open_ones.sudo().grouped("company_id").items():
            if company.relance_sale_policy != "block":
                continue
            late = orders.partner_invoice_id.with_company(company).filtered(
                lambda customer: self._relance_too_late(company, customer)  # noqa: B023
            )
            held += orders.filtered(
                lambda order: (
                    order.partner_invoice_id in late  # noqa: B023
                    and not order._relance_is_safe()
                    and not order._relance_is_released()
                )
            )
        return held.with_env(self.env)

    @api.model
    def _relance_too_late(self, company, customer):
        """Whether the company holds the orders of ``customer``; override for rules of your own.

        :param customer: one ``res.partner`` with full rights, in the company's environment
        """
        days = customer.relance_days_late
        if days <= 0:
            return False
        if company.relance_sale_days and days > company.relance_sale_days:
            return True
        tones = [tone for tone, _label in LATE_TONES]
        reached = customer.relance_level_id.tone
        return (
            company.relance_sale_tone in tones
            and reached in tones
            and tones.index(reached) >= tones.index(company.relance_sale_tone)
        )

    def _relance_is_safe(self):
        """Nothing is risked with an order that costs nothing, or that is paid in advance."""
        self.ensure_one()
        if self.currency_id.is_zero(self.amount_total):
            return True
        return self.amount_paid > 0 and self._is_confirmation_amount_reached()

    def _relance_is_released(self):
        """Somebody released it, for this customer and up to this amount."""
        self.ensure_one()
        return (
            bool(self.relance_released_by_id)
            and self.relance_released_partner_id == self.partner_invoice_id.commercial_partner_id
            and self.relance_released_currency_id == self.currency_id
            and self.currency_id.compare_amounts(self.amount_total, self.relance_released_amount) <= 0
        )

    def _relance_may_release(self):
        return self.env.user.has_group(USERS)

    def _relance_releasers(self):
        """Names of those who may release this order, who signs the reminders first."""
        self.ensure_one()
        company = self.company_id.sudo()  # whom to ask is no secret
        users = self.env.ref(USERS).sudo().all_user_ids
        users = users.filtered(
            lambda user: user.active and user._is_internal() and company in user.company_ids
        )
        people = users.filtered(lambda user: user.id != self.env.ref("base.user_root").id)
        signatory = people & company.relance_user_id
        names = (signatory + (people - signatory).sorted("name"))[:MAX_NAMES].mapped("name")
        return format_list(self.env, names, style="or") if names else self.env._("an accountant")

    # -- what people do ---------------------------------------------------------------------------
    def action_confirm(self):
        """Who may release confirms as before; the order says that it was held, and by whom."""
        if self._relance_may_release():
            self._relance_held()._relance_release()
        return super().action_confirm()

    def _confirmation_error_message(self):
        error = super()._confirmation_error_message()
        if not error and self._relance_held():
            return self._relance_held_message()
        return error

    def _relance_held_message(self):
        """Why this order is not confirmed, as far as the user may know, and who can help."""
        self.ensure_one()
        customer = self.partner_invoice_id.with_company(self.company_id)
        reason = ""
        if self.env.user.has_group(READERS):
            reason = customer.relance_summary
        return self.env._(
            "%(order)s is not confirmed yet: %(customer)s is late in paying. %(reason)s\n%(people)s can "
            "release it.",
            order=self.name,
            customer=customer.commercial_partner_id.name,
            reason=reason or "",
            people=self._relance_releasers(),
        )

    def action_relance_release(self):
        """Let these quotations be confirmed; those that the customer signed are, at once.

        :raise AccessError: without the right to remind customers
        """
        self.check_access("read")
        if not self._relance_may_release():
            raise AccessError(self.env._("%s can release this order.", self[:1]._relance_releasers()))
        held = self._relance_held()
        held._relance_release()
        # reading is enough to release: what the customer signed is confirmed in his name
        for order in held.sudo().filtered(lambda one: one.signature and not one._has_to_be_paid()):
            order._validate_order()
        return True

    def _relance_release(self):
        """Trace who let these orders go, with what was known."""
        for order in self.sudo():  # the right was just checked
            order.write(
                {
                    "relance_released_by_id": self.env.uid,
                    "relance_released_amount": order.amount_total,
                    "relance_released_currency_id": order.currency_id.id,
                    "relance_released_partner_id": order.partner_invoice_id.commercial_partner_id.id,
                }
            )
        bodies = {order.id: order._relance_release_note() for order in self.sudo()}
        if bodies:
            self.sudo()._message_log_batch(bodies)
            self.sudo().activity_unlink(["relance_douce_sale.activity_release"])

    def _relance_release_note(self):
        amount = formatLang(self.env, self.amount_total, currency_obj=self.currency_id)
        return self.env._(
            "Released by %(user)s up to %(amount)s, although the customer is late in paying.",
            user=self.env.user.name,
            amount=amount,
        )

    # -- what customers do ---------------------------------------------------------------------------
    def _validate_order(self):
        """The customer signed or took what is free: he never hears of our hold.

        His signature stays on a held quotation; whoever may release it gets a task.
        """
        held = self._relance_held()
        held._relance_ask_for_release()
        others = self - held
        return super(SaleOrder, others)._validate_order() if others else None

    def _relance_ask_for_release(self):
        """A task, once, for who can release these orders."""
        for order in self.sudo():
            user = order._relance_releaser()
            speaker = order.with_context(lang=user.lang or order.company_id._relance_lang())
            if not order.activity_search(["relance_douce_sale.activity_release"]):
                speaker.activity_schedule(
                    "relance_douce_sale.activity_release",
                    summary=speaker.env._("Signed by the customer: release it, or speak with him"),
                    user_id=user.id,
                )

    def _relance_releaser(self):
        """Who gets the task: who signs the reminders, else a manager."""
        company = self.company_id
        signatory = company.relance_user_id.filtered(lambda user: user.has_group(USERS))
        managers = company._relance_managers()
        people = managers - self.env.ref("base.user_root")
        return (signatory or people or managers)[:1]

    def action_draft(self):
        """A release was given for what was on the table then."""
        self.sudo().relance_released_by_id = False
        return super().action_draft()
