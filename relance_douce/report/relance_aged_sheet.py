"""The aged balance as a sheet to hand to a bank or to a chartered accountant."""

import io
import re
from itertools import groupby as grouped_by

from odoo import api, models
from odoo.tools import osutil

from ..tools.text import long_date
from .relance_aged import BUCKETS

#: what the rows of a sheet may be: whom the list is grouped by
ROWS = ("partner_id", "payer_id", "establishment_id", "user_id")
#: columns of amounts after the name and the currency; the last is in the row's own currency
MEASURES = (*(f"amount_{bucket}" for bucket in BUCKETS), "amount_residual", "amount_residual_currency")
FIRST_AMOUNT = 2
OWN_CURRENCY = FIRST_AMOUNT + len(MEASURES) - 1
#: index of the row with the headings: company, title and a note stand above
HEADER = 4
#: Excel's limits on the name of a sheet
NOT_IN_NAME = re.compile(r"[\[\]:*?/\\]")
NAME_LENGTH = 31
#: a sheet that Excel keeps for itself
RESERVED = ("History",)


class RelanceAged(models.Model):
    _inherit = "relance.aged"

    @api.model
    def _may_take_away(self):
        """Who reads the accounts may hand the balance on, like any other print of them."""
        return self.env.user.has_group("account.group_account_readonly") or self.env.user.has_group(
            "base.group_allow_export"
        )

    @api.model
    def _sheet(self, domain, groupby=()):
        """An xlsx file with one sheet per company, in its currency.

        :param domain: which rows of the balance
        :param groupby: what the view is grouped by: the first that is a partner or a
            salesperson makes the rows of the sheet, else the customer does
        :return: (bytes, name of the file)
        """
        import xlsxwriter  # noqa: PLC0415  # like the host: only whoever exports loads it

        row_field = next((name for name in groupby if name in ROWS), ROWS[0])
        output = io.BytesIO()
        with xlsxwriter.Workbook(output, {"in_memory": True}) as workbook:
            workbook.set_properties({"title": self._sheet_title()})
            names = []
            for company, rows in self._sheet_rows(domain, row_field):
                names.append(self._sheet_name(company, names))
                sheet = workbook.add_worksheet(names[-1])
                self._sheet_head(workbook, sheet, company, row_field)
                self._sheet_body(workbook, sheet, company, rows)
        return output.getvalue(), f"{osutil.clean_filename(self._sheet_title())}.xlsx"

    @api.model
    def _sheet_title(self):
        return self.env._("Aged balance as of %s", long_date(self.env, self._as_of()))

    @api.model
    def _sheet_name(self, company, taken):
        """The name of the company as Excel allows it, once per workbook."""
        name = NOT_IN_NAME.sub(" ", company.name).strip(" '")[:NAME_LENGTH].rstrip(" '")
        known = {one.casefold() for one in (*taken, *RESERVED)}
        return name if name and name.casefold() not in known else f"{name[:20]} {company.id}".strip()

    @api.model
    def _sheet_rows(self, domain, row_field):
        """Company → its rows ``(currency, name, amounts)`` by currency, its own first.

        A company without rows has an empty sheet: that nothing is owed is an answer too.
        """
        groups = self._read_group(
            domain,
            ["company_id", "currency_id", row_field],
            [f"{measure}:sum" for measure in MEASURES],
        )
        rows = {company: [] for company in self.env.companies}
        for company, currency, one, *amounts in groups:
            # names only, as the host shows them in lists: the row itself may be read
            name = one.sudo().display_name if one else self.env._("None")
            rows[company].append((currency, name, amounts))
        for company, own in rows.items():
            own.sort(key=lambda row: (row[0] != company.currency_id, row[0].name, row[1].lower()))
        return rows.items()

    def _sheet_head(self, workbook, sheet, company, row_field):
        """What stands above the amounts, and how the sheet is printed."""
        bold = {"bold": True, "valign": "vcenter", "text_wrap": True}
        heading = workbook.add_format({**bold, "bottom": 1, "bg_color": "#f1f3f5"})
        number = workbook.add_format({**bold, "bottom": 1, "bg_color": "#f1f3f5", "align": "right"})
        labels = self.fields_get([row_field, *MEASURES], ["string"])
        # a name is written as text: one that begins like a formula stays a name
        sheet.write_string(0, 0, company.name, workbook.add_format({"bold": True, "font_size": 14}))
        sheet.write_string(1, 0, self._sheet_title(), workbook.add_format({"bold": True}))
        sheet.write_string(2, 0, self._sheet_note(company), workbook.add_format({"font_color": "#555555"}))
        sheet.write_string(HEADER, 0, labels[row_field]["string"], heading)
        sheet.write_string(HEADER, 1, self.env._("Currency"), heading)
        for column, measure in enumerate(MEASURES, FIRST_AMOUNT):
            sheet.write_string(HEADER, column, labels[measure]["string"], number)
        sheet.set_column(0, 0, 40)
        sheet.set_column(1, 1, 9)
        sheet.set_column(FIRST_AMOUNT, OWN_CURRENCY, 15)
        sheet.freeze_panes(HEADER + 1, 1)
        sheet.repeat_rows(HEADER)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        sheet.set_footer("&L&A&R&P / &N")

    @api.model
    def _sheet_note(self, company):
        return self.env._(
            "Amounts in %(currency)s. Payments and credit notes that are not matched yet count with a minus.",
            currency=company.currency_id.name,
        )

    def _sheet_body(self, workbook, sheet, company, rows):
        """The rows, a subtotal per currency where there are several, and the total."""
        line = first = HEADER + 1
        currencies = {currency for currency, _name, _amounts in rows}
        for currency, own in grouped_by(rows, key=lambda row: row[0]):
            start = line
            formats = self._sheet_formats(workbook, company, currency)
            values = []
            for _currency, name, amounts in own:
                values.append(self._sheet_rounded(company, currency, amounts))
                self._sheet_line(sheet, line, formats, name, currency.name, values[-1])
                line += 1
            if len(currencies) > 1:
                label = self.env._("Total %s", currency.name)
                formats = self._sheet_formats(workbook, company, currency, bold=True, top=1)
                totals = [sum(column) for column in zip(*values, strict=True)]
                totals = self._sheet_rounded(company, currency, totals)
                self._sheet_total(sheet, line, start, formats, label, currency.name, totals)
                line += 2
        # what is owed in several currencies has a total in that of the company only
        only = currencies.pop() if len(currencies) == 1 else None
        everything = [sum(column) for column in zip(*(row[2] for row in rows), strict=True)]
        totals = self._sheet_rounded(company, only or company.currency_id, everything or [0] * len(MEASURES))
        if rows and not only:
            totals[-1] = None
        formats = self._sheet_formats(workbook, company, only or company.currency_id, bold=True, top=6)
        self._sheet_total(sheet, line, first, formats, self.env._("Total"), only.name if only else "", totals)

    @api.model
    def _sheet_rounded(self, company, currency, amounts):
        *own, in_currency = amounts
        return [*(company.currency_id.round(amount) for amount in own), currency.round(in_currency)]

    def _sheet_formats(self, workbook, company, currency, **style):
        """Formats of a row: (text, company currency, document currency); nothing owed is a dash."""
        own, other = (
            workbook.add_format({**style, "num_format": f"{digits};-{digits};–", "align": "right"})
            for digits in (
                "#,##0" + ("." + "0" * one.decimal_places if one.decimal_places else "")
                for one in (company.currency_id, currency)
            )
        )
        return workbook.add_format(style), own, other

    def _sheet_line(self, sheet, line, formats, name, currency_name, amounts):
        text, own, other = formats
        sheet.write_string(line, 0, name, text)
        sheet.write_string(line, 1, currency_name, text)
        for column, amount in enumerate(amounts, FIRST_AMOUNT):
            sheet.write_number(line, column, amount, other if column == OWN_CURRENCY else own)

    def _sheet_total(self, sheet, line, first, formats, label, currency_name, amounts):
        """A row that adds up the rows from ``first``: its formulas leave out other totals."""
        text, own, other = formats
        sheet.write_string(line, 0, label, text)
        sheet.write(line, 1, currency_name or None, text)
        for column, amount in enumerate(amounts, FIRST_AMOUNT):
            letter = chr(ord("A") + column)
            style = other if column == OWN_CURRENCY else own
            if amount is None:
                sheet.write_blank(line, column, None, style)
            elif line > first:
                formula = f"=SUBTOTAL(9,{letter}{first + 1}:{letter}{line})"
                sheet.write_formula(line, column, formula, style, amount)
            else:
                sheet.write_number(line, column, amount, style)
