"""The offer of a payment plan that a firm reminder carries, in figures and with a link."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import hash_sign

from ..tools import schedule
from ..tools.text import read_signed_token

#: the offer in a reminder can be taken up this many days long
OFFER_DAYS = 14
LINK_SCOPE = "relance_douce-reminder-plan"


class RelanceLevel(models.Model):
    _inherit = "relance.level"

    offers_plan = fields.Boolean(
        string="Offers a payment plan",
        compute="_compute_offers_plan",
        store=True,
        readonly=False,
        help="The message carries a payment plan in figures and a link to accept it.",
    )

    @api.depends("tone")
    def _compute_offers_plan(self):
        for level in self:
            level.offers_plan = level.tone == "firm"


class RelanceReminder(models.Model):
    _inherit = "relance.reminder"

    plan_offer = fields.Json(readonly=True, help="The payment plan that this reminder offered.")
    plan_id = fields.Many2one(
        "relance.plan", string="Plan asked for", readonly=True, ondelete="set null", copy=False
    )

    def _plan_offer(self):
        """The payment plan this reminder offers, or None.

        What left with the message stands; before, it is drawn for the date of the message.

        :return: dict with ``lines`` (list of (date, amount)), ``currency``, ``total``,
            ``valid`` (last day to accept it), ``url`` (the customer's link)
        """
        self.ensure_one()
        offer = self.plan_offer or self._draw_plan_offer()
        if not offer:
            return None
        currency = self.env["res.currency"].browse(offer["currency_id"])
        lines = [(fields.Date.to_date(day), amount) for day, amount in offer["lines"]]
        return {
            "lines": lines,
            "currency": currency,
            "total": sum(amount for _day, amount in lines),
            "valid": fields.Date.to_date(offer["valid"]),
            "url": self._plan_offer_url(offer["valid"]),
        }

    def _draw_plan_offer(self):
        """The balanced offer over what this reminder claims, as JSON; None where there is none."""
        self.ensure_one()
        lines = self._claims().move_line_id
        if not self.level_id.offers_plan or not lines:
            return None
        plans = self.env["relance.plan"].sudo()  # only asks whether a plan is possible
        try:
            plans._check_move_lines(lines.sudo())
        except UserError:
            return None
        if any(total["credit"] for total in self.letter_data["totals"]):
            # the letter asks for what is left after credits; a plan would speak of all
            return None
        company, currency = self.company_id, lines.currency_id
        valid = fields.Date.add(self._message_date(), days=OFFER_DAYS)
        policy = self.env["relance.policy"].sudo()._for_payer(company, self.partner_id)
        offers = dict(
            policy._plan_offers(
                company,
                currency,
                sum(lines.sudo().mapped("amount_residual_currency")),
                valid,
                date=self._message_date(),
            )
        )
        offer = offers.get("balanced") or offers.get("short")
        if not offer or len(offer) < 2:
            return None
        days = plans._working_days(company, [day for day, _amount in offer])
        return {
            "lines": [[str(day), float(amount)] for day, (_day, amount) in zip(days, offer, strict=True)],
            "currency_id": currency.id,
            "valid": str(valid),
        }

    def _freeze_plan_offers(self):
        """What leaves now is what can be accepted later."""
        for reminder in self.filtered("level_id.offers_plan"):
            reminder.plan_offer = reminder._draw_plan_offer()

    def _plan_offer_url(self, valid):
        """Link to the offer; it carries its own end and cannot be guessed."""
        self.ensure_one()
        if not self.id:
            return ""
        days = (fields.Date.to_date(valid) - fields.Date.today()).days + 1
        token = hash_sign(self.env(su=True), LINK_SCOPE, [self.id], expiration_hours=max(days, 1) * 24)
        return f"{self.get_base_url()}/my/plans/offer/{token}"

    @api.model
    @api.private
    def _from_plan_link(self, token):
        """The reminder whose link this is; empty where the link is wrong or too old."""
        values = read_signed_token(self.env, LINK_SCOPE, token)
        if not values:
            return self.browse()
        # the signed link is the right to this one offer
        reminder = self.sudo().browse(values[0]).exists()
        offer = reminder.plan_offer
        today = reminder.company_id._relance_date() if reminder else None
        if not offer or fields.Date.to_date(offer["valid"]) < today:
            return self.browse()
        return reminder

    @api.private
    def _accept_plan_offer(self):
        """The customer asks for the plan of his reminder: it is proposed and can be signed.

        A second click finds the same plan. Where part was paid meanwhile, the same rhythm is
        drawn for what is left.

        :return: ``relance.plan``
        :raise UserError: says why there is none any more
        """
        self.ensure_one()
        self.env.cr.execute("SELECT id FROM relance_reminder WHERE id = %s FOR UPDATE", [self.id])
        self.invalidate_recordset(["plan_id"])
        if self.plan_id.state in ("proposed", "active"):
            return self.plan_id
        if self.plan_id and self.plan_id.close_reason != "expired":
            raise UserError(self.env._("We spoke about this offer already: please contact us for a new one."))
        plans = self.env["relance.plan"].sudo()  # the signed link is the right to it
        lines = self._claims().move_line_id.filtered(
            lambda line: not line.reconciled and line.amount_residual_currency > 0
        )
        plans._check_move_lines(lines)
        offered = [(fields.Date.to_date(day), amount) for day, amount in self.plan_offer["lines"]]
        owed = sum(lines.mapped("amount_residual_currency"))
        currency = lines.currency_id
        if currency.compare_amounts(owed, sum(amount for _day, amount in offered)):
            parts = plans._in_words(
                schedule.amounts, plans._exact(currency, owed), len(offered), currency.decimal_places
            )
            offered = [(day, float(part)) for (day, _amount), part in zip(offered, parts, strict=True)]
        plan = plans._create_from(
            lines,
            [{"date_due": day, "amount": amount} for day, amount in offered],
            user_id=self.user_id.id,
            signer_name=self.contact_id.name if not self.contact_id.is_company else False,
        )
        self.plan_id = plan
        plan.approval_state = "granted"  # we offered it ourselves
        plan._message_log(body=self.env._("Asked for by the customer, from the offer in his reminder."))
        plan._propose()
        return plan
