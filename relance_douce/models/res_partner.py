import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

#: French registry numbers of the State begin with 1, those of local bodies with 2
PUBLIC_SIREN = re.compile(r"^[12]\d{8}(\d{5})?$")
#: number of an association in the French national register (RNA)
ASSOCIATION = re.compile(r"^W\d{9}$", re.IGNORECASE)


#: without a right on reminders the customer shows nothing of them
READERS = "relance_douce.group_relance_reader"


class ResPartner(models.Model):
    _inherit = "res.partner"

    relance_policy_id = fields.Many2one(
        "relance.policy",
        string="Dunning policy",
        company_dependent=True,
        ondelete="set null",
        help="Empty: the first policy that matches this customer.",
        groups=READERS,
    )
    relance_payer_id = fields.Many2one(
        "res.partner",
        string="Paid by",
        index="btree_not_null",
        ondelete="set null",
        help="Who answers for this customer's invoices: head office of a chain, parent "
        "company. Empty: the customer.",
        groups=READERS,
    )
    relance_channel = fields.Selection(
        lambda self: self.env["relance.reminder"]._sending_channels(),
        string="Preferred channel",
        help="Used wherever the level allows it.",
        groups=READERS,
    )
    relance_contact_id = fields.Many2one(
        "res.partner",
        string="Reminder contact",
        ondelete="set null",
        help="Gets the reminders. Empty: the invoice address, else the customer.",
        groups=READERS,
    )
    relance_paused_until = fields.Date(
        string="No reminders until", help="Last day without reminders.", groups=READERS
    )
    relance_user_id = fields.Many2one(
        "res.users",
        string="In charge of reminders",
        ondelete="set null",
        help="Signs and answers.",
        groups=READERS,
    )
    relance_audience = fields.Selection(
        [
            ("business", "Professional"),
            ("public", "Public body"),
            ("consumer", "Consumer"),
            ("legal_person", "Association, co-ownership"),
            ("unknown", "To be qualified"),
        ],
        string="Audience",
        compute="_compute_relance_audience",
        store=True,
        readonly=False,
        help="Decides which money rules apply; unknown is treated like a consumer. What a person "
        "chose stays.",
        groups=READERS,
    )
    relance_bounced_email = fields.Char(
        readonly=True,
        help="This address sent a reminder back; changing it ends that.",
        groups=READERS,
    )
    relance_wrong_phone = fields.Char(
        readonly=True,
        help="Somebody else answers at this number; changing it ends that.",
        groups=READERS,
    )
    relance_level_id = fields.Many2one(
        "relance.level",
        string="Dunning level",
        compute="_compute_relance",
        search="_search_relance_level_id",
        groups=READERS,
    )
    relance_case_id = fields.Many2one(
        "relance.case",
        string="Dunning case",
        compute="_compute_relance",
        search="_search_relance_case_id",
        groups=READERS,
    )
    relance_case_count = fields.Integer(compute="_compute_relance", groups=READERS)

    relance_audience_confirmed = fields.Boolean(
        help="A person chose the audience: facts do not change it any more.", groups=READERS
    )

    @api.depends("vat", "company_registry", "is_company", "parent_id", "commercial_partner_id")
    def _compute_relance_audience(self):
        """From facts only; whoever confirms it by hand decides.

        A registry or VAT number makes a professional, the State's own numbers a public
        body, a number of the register of associations a legal person; a person without
        any is a consumer; a company without any waits to be qualified.
        """
        for partner in self:
            if partner.relance_audience_confirmed and partner.relance_audience:
                partner.relance_audience = partner.relance_audience
                continue
            main = partner.commercial_partner_id or partner
            if main not in (partner, partner._origin) and main.relance_audience:
                partner.relance_audience = main.relance_audience
            else:
                partner.relance_audience = partner._relance_audience_from_facts()

    def _relance_audience_from_facts(self):
        number = re.sub(r"\s", "", self.company_registry or "")
        vat = re.sub(r"\s", "", self.vat or "").upper()
        siren = number or (vat[4:] if vat.startswith("FR") else "")
        if ASSOCIATION.match(number):
            return "legal_person"
        if PUBLIC_SIREN.match(siren):
            return "public"
        if number or len(vat) > 1:
            return "business"
        return "unknown" if self.is_company else "consumer"

    @api.constrains("relance_payer_id")
    def _check_relance_payer(self):
        payer_of = {partner: partner.relance_payer_id for partner in self if partner.relance_payer_id}
        for sentence in self._relance_payer_refused(payer_of).values():
            raise ValidationError(sentence)

    @api.model
    @api.private
    def _relance_payer_refused(self, payer_of):
        """Which of these payers cannot be, by one query whatever their number.

        :param payer_of: dict customer → payer, as they are or shall be
        :return: dict customer → sentence that says why not
        """
        customers = self.browse().union(*payer_of)
        paying = dict(
            self._read_group(
                [("relance_payer_id", "in", customers.ids)], ["relance_payer_id"], ["id:recordset"]
            )
        )
        refused = {}
        for customer, payer in payer_of.items():
            main = payer.commercial_partner_id
            if (
                payer == customer.commercial_partner_id
                or main.relance_payer_id
                or (main in payer_of and main != customer)
                or paying.get(customer, self.browse()) - payer
            ):
                refused[customer] = self.env._(
                    "“%(payer)s” cannot pay for “%(customer)s”: a payer pays for others "
                    "and nobody pays for him. Choose the head office itself.",
                    payer=payer.display_name,
                    customer=customer.display_name,
                )
        return refused

    #: what a person settles for one customer: of merged contacts none of it is lost
    _relance_settings = (
        "relance_policy_id",
        "relance_payer_id",
        "relance_channel",
        "relance_contact_id",
        "relance_user_id",
    )

    def _relance_take_settings(self, others):
        """Where nothing is settled for this contact, what is for one of ``others`` holds."""
        self.ensure_one()
        for name in self._relance_settings:
            value = not self[name] and next((other[name] for other in others if other[name]), False)
            if value and not (name == "relance_payer_id" and self._relance_payer_refused({self: value})):
                self[name] = value

    def _relance_pay_for_themselves(self, kept):
        """Contacts that become one do not pay for each other any more.

        Where one of them pays for others nobody pays for the one that stays: a payer is a
        head office. And nobody needs to pay for a contact of the payer's own.

        :param kept: the one that stays
        """
        self.env["res.partner"].flush_model(["relance_payer_id"])
        # past our own write: their cases are one by now, and follow nobody
        self.env.cr.execute(
            SQL(
                """
                UPDATE res_partner SET relance_payer_id = NULL
                 WHERE id IN %(merged)s
                   AND (relance_payer_id IN %(merged)s
                        OR relance_payer_id = %(main)s
                        OR EXISTS (SELECT FROM res_partner other
                                    WHERE other.relance_payer_id IN %(merged)s
                                      AND other.id NOT IN %(merged)s))
                """,
                merged=tuple(self.ids),
                main=kept.commercial_partner_id.id,
            )
        )
        self.invalidate_recordset(["relance_payer_id"])

    def _relance_payer(self):
        """Who answers for these customers' invoices."""
        # who pays for whom is no secret to the engine, whoever asks
        customers = self.sudo().commercial_partner_id
        return self.browse().union(*(customer.relance_payer_id or customer for customer in customers))

    @api.depends_context("company")
    def _compute_relance(self):
        """The open case of the payer in the current company."""
        payers = {partner: partner._relance_payer()[:1] for partner in self}
        cases = {
            case.partner_id.id: case
            for case in self.env["relance.case"]
            .sudo()  # stage only; the case itself has its own rights
            .search(
                [
                    ("partner_id", "in", [payer.id for payer in payers.values()]),
                    ("company_id", "=", self.env.company.id),
                    ("state", "=", "open"),
                ]
            )
        }
        for partner in self:
            case = cases.get(payers[partner].id, self.env["relance.case"])
            partner.relance_case_id = case.id
            partner.relance_level_id = case.level_id.id
            partner.relance_case_count = len(case)

    def _search_relance_level_id(self, operator, value):
        return self._relance_search_case("level_id", operator, value)

    def _search_relance_case_id(self, operator, value):
        return self._relance_search_case("id", operator, value)

    def _relance_search_case(self, field, operator, value):
        """Customers whose payer has an open case of the company with such a ``field``."""
        if operator not in ("in", "any"):
            return NotImplemented
        # which customers match; the cases themselves have their own rights
        cases = self.env["relance.case"].sudo()
        is_open = fields.Domain([("company_id", "=", self.env.company.id), ("state", "=", "open")])
        condition = (
            fields.Domain(field, "any", value)
            if operator == "any" and field != "id"
            else fields.Domain(value)
            if operator == "any"
            else fields.Domain(field, "in", [one for one in value if one])
        )
        domain = self._relance_paid_by(cases._search(is_open & condition))
        if operator == "in" and False in value:
            has_value = is_open & fields.Domain(field, "!=", False)
            domain |= ~self._relance_paid_by(cases._search(has_value))
        return domain

    def _relance_paid_by(self, cases):
        """Domain of the customers whose payer has one of ``cases`` (a query)."""
        return self._relance_paid_by_payers(
            SQL("(SELECT partner_id FROM relance_case WHERE id IN %s)", cases.subselect())
        )

    def _relance_paid_by_payers(self, payers):
        """Domain of the customers whose payer is one of ``payers`` (SQL of ids)."""
        return fields.Domain("commercial_partner_id.relance_payer_id", "in", payers) | (
            fields.Domain("commercial_partner_id.relance_payer_id", "=", False)
            & fields.Domain("commercial_partner_id", "in", payers)
        )

    def write(self, vals):
        """A new parent or payer joins the open cases of those who become one payer."""
        moving = self.browse()
        if not vals.keys().isdisjoint({"parent_id", "is_company", "relance_payer_id"}):
            moving = self.filtered("id")
        before = {partner: partner._relance_payer() for partner in moving}
        if vals.get("relance_audience"):
            vals = {"relance_audience_confirmed": True, **vals}
        result = super().write(vals)
        moved = {}
        for partner, payer in before.items():
            after = partner._relance_payer()
            if after != payer:
                moved[after] = moved.get(after, self.browse()) | payer
        if moved:
            # the contact's editor need not have rights on reminders
            cases = self.env["relance.case"].sudo()
            left = self.browse().union(*moved.values())
            concerned = cases.search([("partner_id", "in", left.ids), ("state", "=", "open")]).partner_id
            for after, payers in moved.items():
                if payers & concerned:
                    cases._payer_changed(payers, after)
        if any(name.startswith("relance_") for name in vals):
            self.env["account.move"]._relance_invalidate()
        return result

    def action_relance_case(self):
        self.ensure_one()
        self.check_access("read")  # what is computed with full rights asks for none
        return {
            "type": "ir.actions.act_window",
            "res_model": "relance.case",
            "res_id": self.relance_case_id.id,
            "view_mode": "form",
        }
