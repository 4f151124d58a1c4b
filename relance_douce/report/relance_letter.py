"""What the letters show: figures and texts of the models, put into the order of a page."""

import math
import re
from functools import partial

import lxml.html
from markupsafe import Markup

from odoo import api, models
from odoo.tools import format_date, formatLang, is_html_empty

from ..tools.text import long_date

#: characters in a line of the address, and lines in the window, at full size
ADDRESS_COLUMNS = 44
ADDRESS_LINES = 7
ADDRESS_SIZE = 10.5
#: from this many rows on a letter is set more closely, to stay on one page
DENSE_ROWS = 9
#: up to this many lines, names and sums included, invoices of several customers stay on one
TIGHT_LINES = 16
DENSE_SCALE = 0.945
#: widths in mm: the tables, the gap between columns, a date, a character of a bold amount
#: and of an invoice's number
TABLE_WIDTH = 170
COLUMN_GAP = 3
DATE_WIDTH = 18
FIGURE_WIDTH = 1.65
CHARACTER_WIDTH = 1.9
#: up to this many credits are named
CREDIT_NUMBERS = 4
#: an e-mail names this many invoices, and this many of what else is open
MAIL_ROWS = 60
MAIL_OTHERS = 5
#: luminance of a button: white is read on it, and it is seen on a dark page
SHADES = (0.03, 0.18)
BUTTON_COLOR = "#35708f"
HEX_COLOR = re.compile("#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
#: bank transfers carry this many characters
COMMUNICATION = 140


class RelanceLetter(models.AbstractModel):
    """Parts of a page that letters to customers share, whatever document they belong to."""

    _name = "relance.letter"
    _description = "Letter"

    @api.model
    def _page(self, document, company, lang, **values):
        """The page of ``document``: what the layout asks for, and ``values``."""
        return {
            "document": document.with_context(lang=lang),
            "company": company.sudo().with_context(lang=lang),  # header and footer
            "lang": lang,
            "dense": len(values["rows"]) >= DENSE_ROWS,
            **values,
        }

    # -- the address --------------------------------------------------------------------
    @api.model
    def _address(self, payer, contact, company):
        """Lines of the recipient's address and the size at which they fit into the window."""
        contact = contact or payer
        names = [contact.commercial_company_name or payer.name]
        if contact.name and contact.name not in names:
            names.append(contact.name)
        place = contact if contact.street or contact.city else payer
        lines = place._display_address(without_company=True).splitlines()
        country = place.country_id
        if country == company.country_id and lines and lines[-1].strip() == country.name:
            lines.pop()
        lines = [" ".join(line.split()) for line in names + lines]
        lines = [line for line in lines if line]
        rows = sum(math.ceil(len(line) / ADDRESS_COLUMNS) for line in lines)
        size = ADDRESS_SIZE * min(1, ADDRESS_LINES / max(rows, 1))
        return {"lines": lines, "size": f"{size:.1f}pt"}

    @api.model
    def _place_and_date(self, company, date):
        if not company.city:
            return long_date(self.env, date)
        return self.env._("%(place)s, %(date)s", place=company.city, date=long_date(self.env, date))

    # -- the text -----------------------------------------------------------------------
    @api.model
    def _split_text(self, text):
        """What of a text stands before the table, and the closing formula after it.

        The closing formula is the last paragraph. A text without paragraphs, or with only
        one, stands before the table as a whole.
        """
        if not text:
            return Markup(), Markup()
        parts = self._blocks(lxml.html.fragment_fromstring(str(text), create_parent="div"))
        last = next(
            (index for index in reversed(range(len(parts))) if self._says_something(parts[index])),
            0,
        )
        if last and not isinstance(parts[last], str) and parts[last].tag in ("p", "div"):
            return self._markup(parts[:last]), self._markup(parts[last:])
        return self._markup(parts), Markup()

    def _blocks(self, root):
        """The parts of a text; an element around all of them is taken off."""
        parts = [root.text] if (root.text or "").strip() else []
        for node in root:
            tail, node.tail = node.tail, None
            parts.append(node)
            if (tail or "").strip():
                parts.append(tail)
        if len(parts) == 1 and not isinstance(parts[0], str) and parts[0].tag == "div":
            return self._blocks(parts[0]) if len(parts[0]) else parts
        return parts

    def _says_something(self, part):
        if isinstance(part, str):
            return True
        return isinstance(part.tag, str) and bool(part.text_content().strip() or part.xpath(".//img"))

    def _markup(self, parts):
        return Markup().join(
            part if isinstance(part, str) else Markup(lxml.html.tostring(part, encoding="unicode"))
            for part in parts
        )

    # -- the table -------------------------------------------------------------------------
    @api.model
    def _invoice_table(self, rows, show_late=True, itemised=False, totals=(), credits=()):
        """The table of ``rows``: by currency, by customer within it, each row a block.

        :param show_late: with the days late of each invoice
        :param itemised: with what was invoiced, paid and left, even if nothing was paid
        :param totals: sums of the currencies; default: those of the rows
        :param credits: items taken into account in these sums
        """
        groups = []
        several = self._has_several(rows)
        for currency in dict.fromkeys(row["currency"] for row in rows):
            own = [row for row in rows if row["currency"] == currency]
            sums = {key: sum(row[key] for row in own) for key in ("total", "paid", "left")}
            sums = next((one for one in totals if one["currency"] == currency), sums)
            given = [item for item in credits if item["currency"] == currency]
            groups.append(
                {
                    "currency": currency,
                    "blocks": self._blocks_of_rows(own, several, sums.get("customers", ()), given),
                    "sums": sums,
                    "several": self._has_several(own),
                    # with several customers the credits are named where they count
                    "credits": "" if several else self._credit_numbers(given),
                }
            )
        return {
            "rows": rows,
            "groups": groups,
            "columns": self._columns(rows, groups, show_late, itemised),
        }

    @api.model
    def _has_several(self, rows):
        """Whether these are invoices of several customers."""
        return len({row["debtor"] for row in rows}) > 1

    def _credit_numbers(self, credits):
        numbers = [item["number"] for item in credits]
        return ", ".join(numbers) if len(numbers) <= CREDIT_NUMBERS else ""

    def _blocks_of_rows(self, rows, several, sums=(), credits=()):
        """Rows by customer, of whom the first one carries the name if there are several.

        The last one carries what the customer owes, where that is more than one amount.

        :param sums: dicts with ``debtor``, ``left`` and maybe ``credit`` and ``net``
        :param credits: items taken into account in these sums
        """
        blocks = []
        debtors = self.env["res.partner"].union(*(row["debtor"] for row in rows))
        ordered = list(debtors._relance_establishments(debtors[:1]._relance_payer()))
        if any(not row["debtor"] for row in rows):
            ordered.append(debtors.browse())  # snapshots outlive a customer who was deleted
        for debtor in ordered:
            own = [row for row in rows if row["debtor"] == debtor]
            own_sums = next((one for one in sums if one["debtor"] == debtor), None)
            name = several and debtor and debtor._relance_establishment_name()
            for row in own:
                blocks.append(
                    {
                        "row": row,
                        "customer": name if row is own[0] else "",
                        "own_name": name,
                        "own_sums": None,
                        "own_credits": "",
                    }
                )
            if several and own_sums and (len(own) > 1 or own_sums.get("credit")):
                blocks[-1]["own_sums"] = own_sums
                blocks[-1]["own_credits"] = self._credit_numbers(
                    [item for item in credits if item["debtor"] == debtor]
                )
        for block in blocks:
            block["is_last"] = block is blocks[-1]
        return blocks

    @api.model
    def _is_dense(self, rows):
        """Whether a table of these rows is set closely."""
        return self._table_lines(rows) >= DENSE_ROWS

    @api.model
    def _is_tight(self, rows):
        """Whether names and sums of several customers fit on one page if there is no air."""
        return self._has_several(rows) and DENSE_ROWS <= self._table_lines(rows) <= TIGHT_LINES

    def _table_lines(self, rows):
        """Number of lines in a table of these rows: names and sums of customers take room."""
        if not self._has_several(rows):
            return len(rows)
        sections = [(row["debtor"], row["currency"]) for row in rows]
        currencies = {row["currency"] for row in rows}
        sums = sum(1 + (sections.count(one) > 1) for one in set(sections))
        return len(rows) + sums + 2 * (len(currencies) - 1)

    @api.model
    def _paid_for_others(self, rows, payer):
        """A paragraph that says whose invoices these are, where they are not the payer's own."""
        debtors = {row["debtor"] for row in rows if row["debtor"]}
        if not debtors - {payer}:
            return Markup()
        if len(debtors) > 1:
            text = self.env._(
                "You pay for the establishments below; each of them owes the invoices under its name."
            )
        else:
            [debtor] = debtors
            text = self.env._(
                "What is listed below was invoiced to %s, for whom you pay.",
                debtor._relance_establishment_name(),
            )
        return Markup("<p>%s</p>") % text

    def _columns(self, rows, groups, show_late, itemised):
        """Columns of the table and their widths in mm: figures get what they need."""
        scale = DENSE_SCALE if self._is_dense(rows) else 1
        amount = max(self._longest_amount(rows, groups) * FIGURE_WIDTH * scale + COLUMN_GAP, 18)
        day = DATE_WIDTH * scale + COLUMN_GAP
        character = CHARACTER_WIDTH * scale
        columns = {
            "number": max((len(row["number"]) for row in rows), default=0) * character,
            "ref": max((len(row["ref"]) for row in rows), default=0) * character + COLUMN_GAP,
            "date": day,
            "date_due": day,
            "days_late": 15,
        }
        if not any(row["ref"] for row in rows):
            columns.pop("ref")
        if not show_late:
            columns.pop("days_late")
        if itemised or any(not row["currency"].is_zero(row["paid"]) for row in rows):
            columns.update(total=amount, paid=amount)
        columns["left"] = amount
        return {name: f"{width:.2f}" for name, width in self._fill_table(columns).items()}

    def _fill_table(self, columns):
        """Give the columns of texts and days what is left, or take from the texts what lacks."""
        spare = TABLE_WIDTH - sum(columns.values())
        if spare >= 0:
            growing = columns.keys() & {"number", "ref", "date", "date_due"}
            return {
                name: width + (spare / len(growing) if name in growing else 0)
                for name, width in columns.items()
            }
        texts = {name: columns[name] for name in ("number", "ref") if name in columns}
        room = sum(texts.values()) + spare
        columns["number"] = min(columns["number"], room * 0.6) if "ref" in columns else room
        if "ref" in columns:
            columns["ref"] = room - columns["number"]
        return columns

    def _longest_amount(self, rows, groups):
        """Number of characters of the longest amount in the table."""
        longest = 0
        for group in groups:
            amounts = [
                figures[key]
                for figures in [group["sums"], *rows]
                for key in ("total", "paid", "left")
                if figures.get("currency", group["currency"]) == group["currency"]
            ]
            for amount in (min(amounts), max(amounts)):
                text = formatLang(self.env, amount, currency_obj=group["currency"])
                longest = max(longest, len(text))
        return longest

    # -- how to pay -----------------------------------------------------------------------
    @api.model
    def _bank_details(self, bank, references):
        """IBAN in groups of four, BIC, and what to write on the transfer."""
        if not bank:
            return None
        number = bank.acc_number
        if bank.acc_type == "iban":
            plain = "".join(number.split())
            number = "\N{NO-BREAK SPACE}".join(plain[start : start + 4] for start in range(0, len(plain), 4))
        communication = ", ".join(references)
        return {
            "is_iban": bank.acc_type == "iban",
            "number": number,
            "bic": bank.bank_id.bic,
            "bank": bank.bank_id.name,
            "communication": communication if len(communication) <= COMMUNICATION else "",
            "many": len(communication) > COMMUNICATION,
        }

    @api.model
    def _bank_lines(self, bank, references):
        """The same for an e-mail: lines of text."""
        details = self._bank_details(bank, references)
        if not details:
            return []
        number = f"IBAN {details['number']}" if details["is_iban"] else details["number"]
        lines = [self.env._("By bank transfer: %s", number)]
        if details["bic"]:
            lines.append(f"BIC {details['bic']}")
        if details["communication"]:
            lines.append(self.env._("Reference to quote: %s", details["communication"]))
        return lines

    @api.model
    def _button_color(self, company):
        """The company's colour, where white is read on it and it is seen on a dark page."""
        buttons = company.email_secondary_color
        if buttons == company._fields["email_secondary_color"].default(company):
            buttons = None
        for color in (buttons, company.primary_color):
            match = HEX_COLOR.fullmatch(color or "")
            if match and SHADES[0] <= self._luminance(match.groups()) <= SHADES[1]:
                return color
        return BUTTON_COLOR

    def _luminance(self, channels):
        """Relative luminance of the WCAG, 0 (black) to 1 (white)."""
        values = [int(channel, 16) / 255 for channel in channels]
        linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    @api.model
    def _signature(self, user, company):
        person = user.sudo().partner_id  # name and function, as she signs
        return {
            "name": person.name or company.name,
            "function": person.function if person else "",
            "company": company.name if person else "",
            "phone": person.phone or company.phone,
            "email": person.email or company.email,
        }


class RelanceReminder(models.Model):
    _inherit = "relance.reminder"

    def _relance_letter_pages(self):
        """The pages of these letters: dict id → values for the layout."""
        # what was read for the screen may be older than the last payment
        self.invalidate_recordset(["letter_data"], flush=False)
        texts = self._render_texts("letter_body")
        return {
            reminder.id: reminder.with_context(lang=reminder.lang)._letter_page(*texts[reminder.id])
            for reminder in self
        }

    def _letter_page(self, subject, text):
        self.ensure_one()
        letter = self.env["relance.letter"]
        data = self.letter_data
        opening, closing = letter._split_text(text)
        company = self.company_id.sudo()  # address, currency, name
        return letter._page(
            self,
            company,
            self.lang,
            address=letter._address(self.partner_id, self.contact_id, company),
            place_and_date=letter._place_and_date(company, data["date"]),
            subject=subject,
            opening=opening + letter._paid_for_others(data["rows"], self.partner_id),
            closing=closing,
            rows=data["rows"],
            dense=letter._is_dense(data["rows"]),
            tight=letter._is_tight(data["rows"]),
            table=partial(
                letter._invoice_table,
                data["rows"],
                totals=data["totals"],
                credits=data["credits"],
            ),
            others=self._with_customers(data["others"]),
            bank=letter._bank_details(data["bank"], self._payment_references()),
            qr=data["qr"](),
            signature=letter._signature(data["signatory"], company),
            references=self._letter_references(),
            history=self._letter_history(),
            date=data["date"],
        )

    # -- the e-mail: the same, in a few lines -------------------------------------------------
    def _mail_page(self, data, text):
        """What the e-mail shows; amounts and dates as text, so that plain text reads well."""
        self.ensure_one()
        letter = self.env["relance.letter"]
        company = self.company_id.sudo().with_context(lang=self.lang)  # name, colours, footer
        opening, closing = letter._split_text(text)
        sections, more = self._mail_sections(data)
        return {
            "opening": opening + letter._paid_for_others(data["rows"], self.partner_id),
            "closing": closing,
            "sections": sections,
            "more": more and self.env._("and %s more invoices, contained in the total", more),
            "totals": self._mail_totals(data),
            "pay_url": data["pay_url"],
            "color": letter._button_color(company),
            "bank": self._mail_bank(data["bank"]),
            "others": self._mail_others(self._with_customers(data["others"])),
            "signature": letter._signature(data["signatory"], company),
            "footer": self._mail_footer(company),
        }

    def _mail_footer(self, company):
        """The footer of the company's documents; without one, who it is."""
        if not is_html_empty(company.report_footer):
            return company.report_footer
        parts = (company.name, company.phone, company.email, company.website)
        return " · ".join(filter(None, parts))

    def _mail_sections(self, data):
        """The invoices by customer, as far as they have room, and how many have none.

        :return: list of dict ``name`` (of the customer, if there are several), ``rows``, and
            ``sums`` (words, amount, whether it counts), and a number of invoices
        """
        table = self.env["relance.letter"]._invoice_table(
            data["rows"], totals=data["totals"], credits=data["credits"]
        )
        sections, room = [], MAIL_ROWS
        blocks = [block for group in table["groups"] for block in group["blocks"]]
        shown = 0
        for block in blocks:
            room -= 1 + bool(block["customer"])
            if room < 0:
                break
            shown += 1
            if block["customer"] or not sections:
                sections.append({"name": block["customer"], "rows": [], "sums": []})
            sections[-1]["rows"].append(self._mail_row(block["row"]))
            if block["own_sums"]:
                room -= 1
                sections[-1]["sums"] = self._mail_customer_sums(block)
        return sections, len(blocks) - shown

    def _mail_customer_sums(self, block):
        """What one of several customers owes; a credit is named where it counts."""
        sums, currency = block["own_sums"], block["row"]["currency"]
        amounts = {
            key: formatLang(self.env, sums[key], currency_obj=currency) for key in ("left", "credit", "net")
        }
        result = [(self.env._("Total %s", block["own_name"]), amounts["left"], False)]
        if sums["credit"]:
            credit = formatLang(self.env, -sums["credit"], currency_obj=currency)
            result.append((self.env._("Credits on this account"), credit, False))
            result.append((self.env._("Left to pay after these credits"), amounts["net"], False))
        return result

    def _mail_row(self, row):
        amounts = {
            key: formatLang(self.env, row[key], currency_obj=row["currency"])
            for key in ("total", "paid", "left")
        }
        paid = ""
        if not row["currency"].is_zero(row["paid"]):
            paid = self.env._("%(paid)s received of %(total)s", **amounts)
        return {
            "number": row["number"],
            "url": row["url"],
            "date_due": format_date(self.env, row["date_due"]),
            "left": amounts["left"],
            "paid": paid,
        }

    def _mail_totals(self, data):
        """Words, amount, and whether it counts, per currency; one invoice needs no total."""
        result = []
        for sums in data["totals"]:
            amounts = {
                key: formatLang(self.env, sums[key], currency_obj=sums["currency"])
                for key in ("left", "credit", "net")
            }
            if len(self.line_ids) > 1 or sums["credit"]:
                total = self.env._("Grand total") if data["several"] else self.env._("Total")
                result.append((total, amounts["left"], not sums["credit"]))
            if sums["credit"]:
                credit = formatLang(self.env, -sums["credit"], currency_obj=sums["currency"])
                given = (
                    self.env._("Credits on these accounts")
                    if data["several"]
                    else self.env._("Credits on your account")
                )
                result.append((given, credit, False))
                result.append((self.env._("Left to pay after these credits"), amounts["net"], True))
        return result

    def _mail_bank(self, bank):
        """Lines that say where to transfer the money to."""
        return self.env["relance.letter"]._bank_lines(bank, self._payment_references())

    def _with_customers(self, items):
        """Each of these items says whose it is, where it is not the payer's own."""
        return [
            {
                **item,
                "customer": item["debtor"]._relance_establishment_name()
                if item["debtor"] != self.partner_id
                else "",
            }
            for item in items
        ]

    def _mail_others(self, items):
        """What else is open, in one line."""
        named = [
            self.env._(
                "%(number)s (%(amount)s, due on %(date)s)",
                number=" · ".join(filter(None, [item["number"], item["customer"]])),
                amount=formatLang(self.env, item["left"], currency_obj=item["currency"]),
                date=format_date(self.env, item["date_due"]),
            )
            for item in items[:MAIL_OTHERS]
        ]
        if len(items) > MAIL_OTHERS:
            named.append(self.env._("and %s more", len(items) - MAIL_OTHERS))
        if not named:
            return ""
        return self.env._("For information, also open on your account: %s.", ", ".join(named))

    def _payment_references(self):
        """What identifies the payment: the references of the invoices, oldest first."""
        references = [
            content.move_id.sudo().payment_reference or content.name or ""  # it stands on the invoice
            for content in self.line_ids
        ]
        return list(dict.fromkeys(filter(None, references)))

    def _letter_references(self):
        """Customer number, invoice and the customer's own reference, where there is one."""
        numbers = list(dict.fromkeys(content.name or "" for content in self.line_ids))
        theirs = list(dict.fromkeys(content.ref for content in self.line_ids if content.ref))
        return {
            "customer": self.partner_id.ref,
            "ours": numbers[0] if len(numbers) == 1 else "",
            "yours": theirs[0] if len(theirs) == 1 and len(numbers) == 1 else "",
        }

    def _letter_history(self):
        """Days on which the case was already written or spoken about, oldest first."""
        dates = sorted(
            {
                earlier.contact_date
                for earlier in self.case_id.reminder_ids
                if earlier.state == "sent"
                and not earlier.is_service
                and earlier._is_message()
                and earlier != self
                and earlier.contact_date
                and earlier.contact_date < self._message_date()
            }
        )
        return self._join(self.env, [long_date(self.env, date) for date in dates[-4:]])


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _relance_letter_pages(self):
        """The account statements of these customers with the current company."""
        self.env["account.move.line"].check_access("read")
        company = self.env.company
        items = {}
        for item in self._relance_payer()._relance_open_items(company):
            items.setdefault(item["payer_id"], []).append(item)
        pages = {}
        for partner in self:
            payer = partner._relance_payer()
            contact = payer.relance_contact_id or self.browse(payer.address_get(["invoice"])["invoice"])
            lang = company._relance_lang(contact, payer)
            own = [
                item
                for item in items.get(payer.id, [])
                if partner.commercial_partner_id in (payer, item["debtor"])
            ]
            pages[partner.id] = partner.with_context(lang=lang)._statement_page(
                payer, contact, company, lang, own
            )
        return pages

    def _statement_page(self, payer, contact, company, lang, items):
        letter = self.env["relance.letter"]
        date = self.env.context.get("relance_date") or company._relance_date()
        rows = [{**item, "days_late": (date - item["date_due"]).days} for item in items]
        bank = company.sudo().partner_id.bank_ids[:1]  # it stands on every invoice
        return letter._page(
            self,
            company,
            lang,
            address=letter._address(payer, contact, company),
            place_and_date=letter._place_and_date(company, date),
            subject=self.env._("Your account on %s", long_date(self.env, date)),
            opening=self._statement_text(rows, long_date(self.env, date))
            + letter._paid_for_others(rows, payer),
            closing=Markup("<p>%s</p>") % self.env._("Yours faithfully,"),
            rows=rows,
            dense=letter._is_dense(rows),
            tight=letter._is_tight(rows),
            table=partial(letter._invoice_table, rows, totals=self._statement_sums(rows)),
            bank=letter._bank_details(bank, []),
            signature=letter._signature(payer.relance_user_id or company.sudo().relance_user_id, company),
            references={"customer": payer.ref},
        )

    def _statement_text(self, rows, date):
        paragraphs = [self.env._("Dear Sir or Madam,")]
        if rows:
            paragraphs += [
                self.env._(
                    "Here is what is open on your account on %s: the invoices still to be paid, "
                    "due or not yet due, and the credits and payments that we hold for you.",
                    date,
                ),
                self.env._(
                    "If our figures differ from yours, tell us in a word: we will look into it with you."
                ),
            ]
        else:
            paragraphs.append(
                self.env._(
                    "Nothing is open on your account on %s: all our invoices are paid. Thank you "
                    "for your trust.",
                    date,
                )
            )
        return Markup().join(Markup("<p>%s</p>") % text for text in paragraphs)

    def _relance_statement_filename(self):
        """Name of the statement's file."""
        return self.env._("Account statement %s", self.display_name)

    def _statement_sums(self, rows):
        """Per currency: what is owed, how much of it is late, credits, and the balance."""
        sums = []
        for currency in dict.fromkeys(row["currency"] for row in rows):
            own = [row for row in rows if row["currency"] == currency]
            debts = [row for row in own if row["left"] > 0]
            sums.append(
                {
                    "currency": currency,
                    **{key: sum(row[key] for row in own) for key in ("total", "paid", "left")},
                    "debts": sum(row["left"] for row in debts),
                    "late": sum(row["left"] for row in debts if row["days_late"] > 0),
                    "credits": sum(row["left"] for row in own if row["left"] < 0),
                    "customers": [
                        {
                            "debtor": debtor,
                            **{
                                key: sum(row[key] for row in own if row["debtor"] == debtor)
                                for key in ("total", "paid", "left")
                            },
                        }
                        for debtor in dict.fromkeys(row["debtor"] for row in own)
                    ],
                }
            )
        return sums
