"""Letters on paper: a pile in the order of its envelopes, registered numbers, the post."""

import io

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL, format_date
from odoo.tools.pdf import PdfFileReader, PdfFileWriter

from ..tools import tracking

#: reminders whose number may stick on another letter
DROPPED = ("cancelled", "lapsed")


class RelanceReminder(models.Model):
    _inherit = "relance.reminder"

    tracking_number = fields.Char(
        string="Tracking number",
        copy=False,
        help="Number of the registered letter, typed or scanned from its label.",
    )
    tracking_url = fields.Char(compute="_compute_tracking_url", string="Tracking page")
    post_position = fields.Integer(
        string="No.",
        compute="_compute_post_position",
        help="Place in the pile of letters, in the order in which they are printed.",
    )
    post_place = fields.Char(compute="_compute_post_place", string="Place")

    _tracking_unique = models.UniqueIndex(
        "(company_id, tracking_number)"
        " WHERE tracking_number IS NOT NULL AND state NOT IN ('cancelled', 'lapsed')",
        "This tracking number is already on another letter.",
    )

    @api.depends("tracking_number")
    def _compute_tracking_url(self):
        for reminder in self:
            reminder.tracking_url = tracking.tracking_url(reminder.tracking_number or "")

    # -- the order of the envelopes --------------------------------------------------------
    def _post_address(self):
        """Whose address stands in the window of the envelope: contact's or payer's."""
        contact = self.contact_id
        return contact if contact.street or contact.city else self.partner_id

    @api.depends("contact_id", "partner_id")
    def _compute_post_place(self):
        for reminder in self:
            # where a letter goes is no secret to who may see it
            place = reminder.sudo()._post_address()
            abroad = place.country_id - reminder.sudo().company_id.country_id
            reminder.post_place = " ".join(filter(None, [place.zip, place.city, abroad.code]))

    @api.depends_context("uid", "allowed_company_ids", "relance_post_ids")
    def _compute_post_position(self):
        """Numbers of the letters of a pile, or of all that wait for the post."""
        pile = self.env.context.get("relance_post_ids")
        domain = [("id", "in", pile)] if pile else self._to_post_domain()
        positions = {
            number: position
            for position, number in enumerate(self.search(domain, order="post_position").ids, start=1)
        }
        for reminder in self:
            reminder.post_position = positions.get(reminder.id, 0)

    @api.model
    def _to_post_domain(self):
        """Letters that wait for the printer or for the post."""
        return [("channel", "=", "letter"), ("state", "=", "ready")]

    def _order_field_to_sql(self, alias, field_name, direction, nulls, query):
        """The place in the pile is the order of the envelopes: nothing of it is stored."""
        if field_name != "post_position":
            return super()._order_field_to_sql(alias, field_name, direction, nulls, query)
        terms = [*self._envelope_terms(alias, query), SQL.identifier(alias, "id")]
        return SQL(", ").join(SQL("%s %s", term, direction) for term in terms)

    def _envelope_terms(self, alias, query):
        """SQL terms: by sender, those that stay in the country first, by postcode and name."""
        self.flush_model(["company_id", "contact_id", "partner_id"])
        partners = self.env["res.partner"]
        contact = query.left_join(alias, "contact_id", "res_partner", "id", "contact")
        payer = query.left_join(alias, "partner_id", "res_partner", "id", "payer")
        company = query.left_join(alias, "company_id", "res_company", "id", "company")
        sender = query.left_join(company, "partner_id", "res_partner", "id", "sender")

        def column(table, name):
            return SQL.identifier(table, name, to_flush=partners._fields[name])

        def of_place(name):
            return SQL(
                "CASE WHEN COALESCE(%s, '') <> '' OR COALESCE(%s, '') <> '' THEN %s ELSE %s END",
                column(contact, "street"),
                column(contact, "city"),
                column(contact, name),
                column(payer, name),
            )

        # a letter without a country stays in that of its sender
        abroad = SQL("NULLIF(%s, %s)", of_place("country_id"), column(sender, "country_id"))
        return [
            SQL.identifier(alias, "company_id"),
            SQL("COALESCE((SELECT code FROM res_country WHERE id = %s), '')", abroad),
            SQL("COALESCE(%s, '')", of_place("zip")),
            SQL("lower(%s)", column(payer, "name")),
        ]

    def _in_envelope_order(self):
        return self.search([("id", "in", self.ids)], order="post_position")

    # -- registered numbers ------------------------------------------------------------------
    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("tracking_number"):
                vals["tracking_number"] = tracking.normalise(vals["tracking_number"])
        return super().create(vals_list)

    def write(self, vals):
        if "tracking_number" not in vals:
            return super().write(vals)
        number = tracking.normalise(vals["tracking_number"]) or False
        changed = self.filtered(lambda reminder: reminder.tracking_number != number)
        if number and changed:
            changed._check_tracking_number(number)
        result = super().write({**vals, "tracking_number": number})
        left = changed.filtered(lambda reminder: reminder.state == "sent")
        left._log(number or self.env._("none"), self.env._("Tracking number"))
        return result

    def _check_tracking_number(self, number):
        """Whether ``number`` can be that of this letter.

        :raise UserError: with what is wrong and what to do
        """
        if len(number) > tracking.MAX_LENGTH:
            raise UserError(
                self.env._("“%s…” is no tracking number: scan the bar code of the label.", number[:30])
            )
        if tracking.is_mistyped(number):
            raise UserError(
                self.env._("The digits of “%s” do not fit together: scan or type it again.", number)
            )
        if len(self) > 1:
            raise UserError(self.env._("A tracking number belongs to one letter: enter one for each."))
        if self.state in DROPPED:
            raise UserError(self._why_not_posted()[self.id])
        if self.channel != "letter":
            raise UserError(self.env._("“%s” is no letter: it has no tracking number.", self.display_name))
        self._check_number_is_free(number)

    def _check_number_is_free(self, number):
        # a number is used up, whoever may see the letter that it is on
        twin = self.sudo().search(
            [
                ("company_id", "=", self.company_id.id),
                ("tracking_number", "=", number),
                ("state", "not in", DROPPED),
                ("id", "not in", self.ids),
            ],
            limit=1,
        )
        if twin:
            raise UserError(
                self.env._(
                    "“%(number)s” is already on the letter “%(letter)s” of %(date)s: scan the label of "
                    "this one.",
                    number=number,
                    letter=twin.display_name,
                    date=format_date(self.env, twin.contact_date or twin.date_planned),
                )
            )

    # -- the printer -------------------------------------------------------------------------
    def _pile(self, domain=None):
        """The letters that were chosen, or all that the list shows, in order.

        :param domain: of those that count
        """
        # the list is the user's: his rights and the record rules decide
        chosen = (
            Domain("id", "in", self.ids)
            if self
            else Domain(self.env.context.get("active_domain") or [(0, "=", 1)])
        )
        letters = chosen & Domain("channel", "=", "letter") & Domain(domain or Domain.TRUE)
        return self.search(letters, order="post_position")

    def action_print(self):
        """One PDF with all these letters, in the order of their envelopes, for the printer."""
        chosen = self._allowed().filtered(lambda one: one.channel == "letter" and one.state != "sent")
        letters = chosen._live()
        if not letters:
            raise UserError(self.env._("There is no letter to print here: choose letters that are ready."))
        missing = letters.filtered(lambda one: one.state == "draft")
        if missing:
            raise UserError(self.env._("“%s” is not approved yet.", missing[0].display_name))
        printed = letters._prepare_now()
        action = printed._print()
        return printed._tell_and((chosen - printed)._why_not_printed(), action)

    def action_print_pile(self):
        """Print what was not printed yet of the letters chosen, or of all that are listed."""
        letters = self._pile([("state", "=", "ready"), ("date_printed", "=", False)])
        if not letters and not self._pile():
            raise UserError(self.env._("There is no letter to print here: choose letters that are ready."))
        if not letters:
            raise UserError(
                self.env._(
                    "All these letters are printed. Select those that you need once more, and use "
                    "“Print again”."
                )
            )
        return letters.action_print()

    def action_print_again(self):
        """The same sheets once more: nothing is decided, rendered or counted anew."""
        letters = self._pile()._allowed().filtered(lambda one: one.attachment_id and one.date_printed)
        if not letters:
            raise UserError(self.env._("None of these letters was printed yet: use “Print”."))
        return letters._print()

    def _print(self):
        """The PDF of these rendered letters, as a download; it goes by itself after a while."""
        letters = self._in_envelope_order()
        content = letters._merge_letters()
        again = letters.filtered("date_printed")
        for company, own in (letters - again).grouped("company_id").items():
            own.write({"date_printed": company._relance_date()})
        again._log(self.env._("Printed again by %s.", self.env.user.name))
        name = self.env._("Letters %s", fields.Date.to_string(letters[:1].company_id._relance_date()))
        return self.env["relance.post"]._download(name, content)

    def _merge_letters(self):
        """These letters in one PDF; where both sides are printed each begins on a new sheet."""
        writer = PdfFileWriter()
        for letter in self:
            content = letter.attachment_id.sudo().raw  # the letter belongs to the reminder
            if not content:
                raise UserError(
                    self.env._(
                        "The file of the letter “%s” is missing: take it out of the choice, print the "
                        "others, and ask the administrator for the file.",
                        letter.display_name,
                    )
                )
            reader = PdfFileReader(io.BytesIO(content), strict=False)
            pages = reader.getNumPages()
            for page in range(pages):
                writer.addPage(reader.getPage(page))
            if pages % 2 and letter.company_id.relance_duplex and letter != self[-1]:
                writer.addBlankPage()
        with io.BytesIO() as buffer:
            writer.write(buffer)
            return buffer.getvalue()

    def _prepare_now(self):
        """These letters, rendered; those that nothing is left to claim by drop out.

        :raise UserError: where no letter can be printed, with the first one's reason
        """
        now = fields.Datetime.now()
        for company, own in self.filtered(lambda one: not one.attachment_id).grouped("company_id").items():
            # a letter bears the day on which it is printed
            company._relance_check_started(company._relance_date(now))
            own._process(company, now)
        rendered = self.filtered(lambda one: one.attachment_id and one.state == "ready")
        if not rendered:
            raise UserError(next(iter(self._why_not_printed().values())))
        return rendered

    def _why_not_printed(self):
        """What keeps each of these from the printer: dict id → sentence."""
        sentences = {}
        for company, own in self.grouped("company_id").items():
            live = own._live()
            sentences.update((own - live)._why_not_posted())
            reasons = live._reasons_not_now(company, company._relance_date())
            sentences.update({one.id: one._titled(one.display_name, reasons[one.id]) for one in live})
        return sentences

    # -- the post ------------------------------------------------------------------------------
    def action_open_post(self):
        """Ask for the day on which the letters chosen, or all that are listed, were posted."""
        letters = self._pile([("state", "=", "ready")])
        if not letters:
            raise UserError(self.env._("No letter waits for the post here."))
        letters.check_access("write")
        # those chosen on a page that is not fresh any more are accounted for, too
        letters += self - letters if self else letters._dropped_since_printed()
        return letters._wizard_action("relance.post", self.env._("Posted"), reminder_ids=letters.ids)

    def _dropped_since_printed(self):
        """Letters that lie in the same pile on the desk, and are not to be posted any more."""
        first = min(self.filtered("date_printed").mapped("date_printed"), default=None)
        if not first:
            return self.browse()
        return self.search(
            [
                ("company_id", "in", self.company_id.ids),
                ("channel", "=", "letter"),
                ("state", "in", DROPPED),
                ("date_printed", ">=", first),
            ]
        )

    @api.model
    def _action_post(self, letters=None):
        """The pile of these letters, or of all that wait, to print, number and post.

        :param letters: reminders, of which those count that wait for the printer or the post
        """
        self._check_user()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "relance_douce.action_relance_reminder_to_post"
        )
        if not letters:
            return action
        pile = letters._pile(self._to_post_domain())
        if not pile:
            raise UserError(self.env._("None of these is a letter that waits for the post."))
        return {
            **action,
            "domain": [("id", "in", pile.ids)],
            "context": {"relance_task": "post", "relance_post_ids": pile.ids},
        }

    @api.private
    def _post(self, date):
        """These letters are in the post since the local ``date``, except those that cannot be.

        :return: the letters posted, and for the others a dict id → sentence
        :raise UserError: where ``date`` cannot be right
        """
        letters = self._allowed()
        locked = letters.try_lock_for_update()
        # read only now: somebody else may just have posted them
        locked.invalidate_recordset()
        left = locked._why_not_posted()
        busy = self.env._("it is just being processed. Try again in a moment.")
        left.update({one.id: one._titled(one.display_name, busy) for one in letters - locked})
        going = locked.filtered(lambda one: one.id not in left)
        going._check_posting_date(date)
        going._set_done_on(date)
        going._log_posted()
        return going, left

    def _why_not_posted(self):
        """Those of these that cannot be posted: dict id → sentence."""
        sentences = {}
        for letter in self:
            why = letter._what_keeps_from_the_post()
            if why:
                sentences[letter.id] = letter._titled(letter.display_name, why)
        return sentences

    def _what_keeps_from_the_post(self):
        _ = self.env._
        if self.state in DROPPED:
            reason = self.cancel_reason or ""
            return _("dropped out, take it out of the pile. %s", reason).strip()
        if self.state == "sent":
            return _("was posted on %s already.", format_date(self.env, self.contact_date))
        if self.state == "draft":
            return _("has to be approved again before it is printed.")
        if self.channel != "letter":
            return _("no longer goes by post, take it out of the pile.")
        if not self.date_printed or not self.attachment_id:
            return _("is not printed as it stands now: print it, then post it.")
        return ""

    def _check_posting_date(self, date):
        """No letter is in the post before it was made, or later than it can be today.

        :raise UserError: with the days that are possible
        """
        for company, letters in self.grouped("company_id").items():
            latest = company._relance_posting_date()
            if date > latest:
                raise UserError(
                    self.env._(
                        "A letter counts as sent once it is posted: choose a day up to %s.",
                        format_date(self.env, latest),
                    )
                )
            newest = max(letters, key=lambda letter: letter.date_prepared or date)
            if newest.date_prepared and date < newest.date_prepared:
                raise UserError(
                    self.env._(
                        "The letter “%(letter)s” was made on %(made)s: choose that day or a later one.",
                        letter=newest.display_name,
                        made=format_date(self.env, newest.date_prepared),
                    )
                )

    def _log_posted(self):
        """A note in each case, with the number of a registered letter."""
        bodies = {
            letter.case_id.id: letter._titled(
                letter.level_id.name,
                self.env._("Letter posted, tracking number %s.", letter.tracking_number)
                if letter.tracking_number
                else self.env._("Letter posted."),
            )
            for letter in self
        }
        if bodies:
            self.case_id._message_log_batch(bodies)

    def _tell_and(self, sentences, action):
        """``action``, after a word about what was left out of it."""
        if not sentences:
            return action
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning",
                "sticky": True,
                "title": self.env._("Left out"),
                "message": " ".join(sentences.values()),
                "next": action,
            },
        }
