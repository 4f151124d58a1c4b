"""The same by CSV, with a report of what did not fit."""

import base64
import re
from itertools import pairwise

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, formatLang

from ..models.relance_takeover import Entry
from ..tools import sheet
from ..tools.sheet import SheetError, fold

#: more lines are no list of overdue customers any more
MAX_LINES = 20000
#: bytes
MAX_SIZE = 20 * 1024 * 1024

#: column → headings it is known by, without case, accents and signs; those of the model file
#: are known in every language that the addon speaks
COLUMNS = {
    "id": ("identifier", "identifiant"),
    "name": (
        "customer",
        "customer name",
        "name",
        "client",
        "nom",
        "nom du client",
        "raison sociale",
        "tiers",
        "debiteur",
    ),
    "ref": (
        "reference",
        "ref",
        "customer code",
        "internal reference",
        "code",
        "code client",
        "code tiers",
        "numero client",
        "n client",
        "compte",
        "compte tiers",
        "compte auxiliaire",
        "reference interne",
    ),
    "vat": ("vat", "vat number", "tax id", "tva", "numero de tva", "n tva", "tva intracommunautaire"),
    "registry": (
        "siret",
        "siren",
        "siret siren",
        "siren siret",
        "company id",
        "company registry",
        "numero siret",
        "n siret",
        "n siren",
    ),
    "email": ("email", "e mail", "mail", "courriel", "adresse e mail", "adresse email"),
    "invoice": (
        "invoice",
        "invoice number",
        "facture",
        "numero de facture",
        "numero facture",
        "n facture",
        "n de facture",
        "piece",
        "numero de piece",
        "n piece",
    ),
    "amount": (
        "overdue",
        "amount",
        "amount overdue",
        "balance",
        "echu",
        "montant",
        "montant echu",
        "solde",
        "reste a payer",
        "reste du",
    ),
    "level": (
        "level",
        "dunning level",
        "level reached",
        "niveau",
        "niveau de relance",
        "niveau atteint",
        "relance",
    ),
    "date": (
        "last reminded on",
        "date",
        "reminded on",
        "date of the level",
        "derniere relance",
        "derniere relance le",
        "date de relance",
        "date de derniere relance",
        "relance le",
    ),
    "handed_over": (
        "with the lawyer",
        "lawyer",
        "handed over",
        "avocat",
        "chez l avocat",
        "contentieux",
        "huissier",
        "societe de recouvrement",
    ),
    "doubtful": ("doubtful", "douteux", "client douteux"),
    "until": (
        "no reminders until",
        "not before",
        "paused until",
        "do not chase until",
        "pas de relance avant",
        "pas de relance jusqu au",
        "ne pas relancer avant",
        "ne pas relancer jusqu au",
        "pas avant",
        "suspendu jusqu au",
    ),
    "policy": ("policy", "dunning policy", "scenario", "scenario de relance"),
    "payer": ("payer", "paid by", "payeur", "paye par"),
    "audience": ("audience", "type de client", "categorie de client"),
    "note": ("note", "why", "reason", "remarque", "commentaire", "motif"),
}
#: columns of our own files that are for reading only
FOR_READING = (
    "invoices",
    "number of invoices",
    "nombre de factures",
    "days late",
    "jours de retard",
)
#: columns that say who is meant
WHO = ("id", "name", "ref", "vat", "registry", "email", "invoice")
#: columns that say something about him
SAID = ("date", "level", "handed_over", "doubtful", "until", "policy", "payer", "audience")
YES = {"yes", "y", "oui", "o", "x", "1", "true", "vrai", "ok"}
NO = {"no", "n", "non", "0", "false", "faux"}
#: kinds in the order in which they are done: each stage is measured by what those before it change
STAGES = (("payer",), ("policy", "audience"), ("level", "handed_over", "doubtful", "paused"))


class FileLine:
    """One line of the file, and what became of it."""

    def __init__(self, number, cells):
        self.number = number
        #: column → text, as typed
        self.cells = cells
        self.customer = None
        #: ids of the journal items of its invoice, None where the customer is meant
        self.move_lines = None
        #: kind → Entry
        self.entries = {}
        #: (sentence, what to do)
        self.problems = []
        self.notes = []
        #: kind → Outcome
        self.outcomes = {}

    @property
    def status(self):
        if self.problems:
            return "refused"
        if any(outcome.status == "fits" for outcome in self.outcomes.values()):
            return "fits"
        return "same" if self.outcomes or self.notes else "empty"

    @property
    def who(self):
        """The customer as the file calls him."""
        return next(
            (self.cells[column].strip() for column in ("name", *WHO) if self.cells.get(column, "").strip()),
            "",
        )


class Directory:
    """The customers a file may speak of, found by whatever identifies them."""

    def __init__(self, rows):
        """:param rows: (id, id of the commercial partner, name, ref, vat, registry, e-mail)"""
        self.by = {column: {} for column in ("id", "name", "ref", "vat", "registry", "siren", "email")}
        for partner, main, name, ref, vat, registry, email in rows:
            self._add("id", str(main), main)
            if partner == main:
                self._add("name", fold(name), main)
            self._add("ref", fold(ref), main)
            self._add("email", fold(email), main)
            vat, registry = self.compact(vat), self.compact(registry)
            self._add("vat", vat, main)
            self._add("registry", registry, main)
            siren = registry[:9] or (vat[4:] if vat.startswith("FR") else "")
            self._add("siren", siren, main)

    def _add(self, column, key, partner):
        if key:
            self.by[column].setdefault(key, set()).add(partner)

    @staticmethod
    def compact(text):
        return re.sub(r"[^0-9A-Z]", "", (text or "").upper())

    def find(self, column, text):
        """Ids of the customers whose ``column`` is ``text``."""
        if column in ("vat", "registry"):
            key = self.compact(text)
            found = self.by[column].get(key, set())
            if column == "registry" and not found:
                # the file knows the establishment and the books the company, or the other way
                found = self.by["siren"].get(key[:9], set()) if len(key) in (9, 14) else found
            return found
        return self.by[column].get(fold(text), set())


class RelanceTakeoverImport(models.TransientModel):
    """What was done outside before, from a file: checked line by line, then done in one go.

    It reads and finds; what a line means is planned and applied by ``relance.takeover``.
    """

    _name = "relance.takeover.import"
    _description = "Import for Overdue Customers"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, ondelete="cascade"
    )
    file = fields.Binary(attachment=False)
    filename = fields.Char()
    model_file = fields.Binary(attachment=False)
    report = fields.Binary(attachment=False, readonly=True)
    is_checked = fields.Boolean(readonly=True)
    fit_count = fields.Integer(readonly=True)
    same_count = fields.Integer(readonly=True)
    empty_count = fields.Integer(readonly=True)
    refused_count = fields.Integer(readonly=True)
    totals = fields.Char(readonly=True, help="What fits.")
    others = fields.Char(compute="_compute_others", help="What neither fits nor does not.")
    refusals = fields.Char(compute="_compute_others", help="What does not fit.")
    unused = fields.Char(string="Columns not read", readonly=True)
    line_ids = fields.One2many("relance.takeover.import.line", "import_id", readonly=True)

    @api.depends("same_count", "empty_count", "refused_count", "unused")
    def _compute_others(self):
        _ = self.env._
        for wizard in self:
            same, empty, refused = wizard.same_count, wizard.empty_count, wizard.refused_count
            sentences = [
                same == 1 and _("1 line says what is so already."),
                same > 1 and _("%s lines say what is so already.", same),
                empty == 1 and _("1 line says nothing."),
                empty > 1 and _("%s lines say nothing.", empty),
                wizard.unused and _("Columns not read: %s.", wizard.unused),
            ]
            wizard.others = " ".join(filter(None, sentences))
            wizard.refusals = (
                _("1 line does not fit.") if refused == 1 else _("%s lines do not fit.", refused)
            )

    # -- the file ------------------------------------------------------------------------------
    @api.model
    def _labels(self):
        """Column → heading of the model file, in the user's language."""
        _ = self.env._
        return {
            "id": _("Identifier"),
            "name": _("Customer"),
            "ref": _("Reference"),
            "vat": _("VAT number"),
            "registry": _("SIRET"),
            "email": _("E-mail"),
            "invoices": _("Number of invoices"),
            "amount": _("Overdue"),
            "days": _("Days late"),
            "invoice": _("Invoice"),
            "level": _("Level"),
            "date": _("Last reminded on"),
            "handed_over": _("With the lawyer"),
            "doubtful": _("Doubtful"),
            "until": _("No reminders until"),
            "policy": _("Policy"),
            "payer": _("Payer"),
            "audience": _("Audience"),
            "note": _("Note"),
        }

    @api.model
    def _report_labels(self):
        """Headings of the columns that the report adds, in the user's language."""
        return [self.env._("Line number"), self.env._("What does not fit"), self.env._("What to do")]

    def _headings(self):
        """Heading (folded) → column; None for those that are for reading only."""
        headings = {}
        for column, names in COLUMNS.items():
            headings.update(dict.fromkeys(names, column))
        headings.update(dict.fromkeys(FOR_READING))
        for lang, _name in self.env["res.lang"].get_installed():
            translated = self.with_context(lang=lang)
            for column, label in translated._labels().items():
                headings.setdefault(sheet.heading(label), column if column in COLUMNS else None)
            for label in translated._report_labels():
                headings.setdefault(sheet.heading(label), None)
        return headings

    def _read(self):
        """The lines of the file and the headings that nobody knows.

        :return: list of :class:`FileLine`, list of str
        :raise UserError: the file cannot be read, with what to do
        """
        content = base64.b64decode(self.file or b"")
        headings = self._headings()
        try:
            if len(content) > MAX_SIZE:
                raise SheetError("long")
            rows = sheet.read(content, lambda text: sheet.heading(text) in headings)
            if len(rows) > MAX_LINES:
                raise SheetError("long")
        except SheetError as error:
            raise UserError(self._file_sentence(error.code)) from error
        _number, titles = rows[0]
        columns, unused = {}, []
        for index, title in enumerate(titles):
            name = sheet.heading(title)
            column = headings.get(name)
            if column and column not in columns.values():
                columns[index] = column
            elif name and (column or name not in headings):
                # nobody knows it, or another column says the same
                unused.append(title.strip())
        if not set(columns.values()) & set(WHO):
            raise UserError(self._file_sentence("headings"))
        lines = []
        for number, cells in rows[1:]:
            line = FileLine(
                number, {column: cells[index] for index, column in columns.items() if index < len(cells)}
            )
            if any(cell.strip() for cell in line.cells.values()):
                lines.append(line)
        return lines, unused

    def _file_sentence(self, code):
        _ = self.env._
        return {
            "empty": _("The file is empty. Download the model, fill it in, and give it back."),
            "encoding": _(
                "This file is no text that can be read. Save it in your spreadsheet as “CSV UTF-8” or "
                "as XLSX, and give it back."
            ),
            "quotes": _(
                "In this file a quotation mark is opened and not closed, so that the lines run into "
                "each other. Save it in your spreadsheet as “CSV UTF-8” or as XLSX, and give it back."
            ),
            "workbook": _(
                "This workbook cannot be opened. Save it anew in your spreadsheet, as XLSX or as "
                "“CSV UTF-8”, and give it back."
            ),
            "format": _(
                "This is an old Excel file (XLS). Save it as XLSX or as “CSV UTF-8”, and give it back."
            ),
            "long": _("This file is too long: at most %s lines. Split it.", MAX_LINES),
            "headings": _(
                "No column says which customer is meant. The first line has to be the headings, with "
                "at least one of: %s. Or download the model and fill it in.",
                ", ".join(label for column, label in self._labels().items() if column in WHO),
            ),
        }[code]

    # -- who is meant ---------------------------------------------------------------------------
    def _directory(self):
        """All customers the user may read, by one query."""
        partners = self.env["res.partner"].with_context(active_test=False)
        partners.flush_model()
        query = partners._search(partners._check_company_domain(self.company_id))
        columns = (
            "id",
            "commercial_partner_id",
            "name",
            "ref",
            "vat",
            "company_registry",
            "email_normalized",
        )
        return Directory(
            self.env.execute_query(query.select(*(SQL.identifier(query.table, column) for column in columns)))
        )

    def _invoices(self, lines):
        """Number (lower case) → list of (journal item, entry, debtor), by one query.

        An opening balance is one entry: there the label of the item is the invoice's number.
        """
        numbers = {line.cells.get("invoice", "").strip().lower() for line in lines} - {""}
        if not numbers:
            return {}
        self.env["account.move.line"].flush_model()
        self.env["account.move"].flush_model()
        found = {}
        for number, item, move, debtor in self.env.execute_query(
            SQL(
                """
                SELECT CASE WHEN lower(btrim(move.name)) IN %(numbers)s THEN lower(btrim(move.name))
                            ELSE lower(btrim(aml.name)) END,
                       aml.id, aml.move_id, customer.commercial_partner_id
                  FROM account_move_line aml
                  JOIN account_move move ON move.id = aml.move_id
                  JOIN account_account account ON account.id = aml.account_id
                  JOIN res_partner customer ON customer.id = aml.partner_id
                 WHERE aml.company_id = %(company)s
                   AND aml.parent_state = 'posted'
                   AND aml.amount_currency > 0
                   AND account.account_type = 'asset_receivable'
                   AND (lower(btrim(move.name)) IN %(numbers)s
                        OR (move.move_type = 'entry' AND lower(btrim(aml.name)) IN %(numbers)s))
                """,
                numbers=tuple(numbers),
                company=self.company_id.id,
            )
        ):
            found.setdefault(number, []).append((item, move, debtor))
        return found

    def _identify(self, line, directory, invoices):
        """Find the customer, and the invoice, of a line; or say why not."""
        _ = self.env._
        sets = {
            column: directory.find(column, line.cells[column])
            for column in WHO
            if column != "invoice" and line.cells.get(column, "").strip()
        }
        number = line.cells.get("invoice", "").strip()
        if number:
            items = invoices.get(number.lower(), [])
            if not items:
                line.problems.append(
                    (
                        _("No posted invoice has the number “%s”.", number),
                        _("Check the number, or leave it out to mean all that is overdue of the customer."),
                    )
                )
                return
            sets["invoice"] = {debtor for _item, _move, debtor in items}
        if not sets:
            line.problems.append(
                (_("This line names no customer."), _("Write a name, a reference or another identifier."))
            )
            return
        known = [found for found in sets.values() if found]
        if not known:
            line.problems.append(
                (
                    _("No customer is called “%s”.", line.who),
                    _(
                        "Write the name as it is on the customer, or his reference, VAT number, "
                        "SIRET or e-mail."
                    ),
                )
            )
            return
        both = set.intersection(*known)
        if not both:
            line.problems.append(
                (
                    _(
                        "The cells of this line speak of different customers: %s.",
                        self._disagreeing(line, sets),
                    ),
                    _("Keep only what is right."),
                )
            )
        elif len(both) > 1:
            line.problems.append(
                (
                    _("%(count)s customers are called “%(name)s”.", count=len(both), name=line.who),
                    _("Add the reference, VAT number, SIRET, e-mail or identifier of the one that is meant."),
                )
            )
        else:
            line.customer = both.pop()
            if number:
                own = [one for one in items if one[2] == line.customer]
                if len({move for _item, move, _debtor in own}) > 1:
                    line.problems.append(
                        (
                            _("Several invoices of this customer have the number “%s”.", number),
                            _("Use the list of overdue customers for this one."),
                        )
                    )
                line.move_lines = tuple(sorted(item for item, _move, _debtor in own))

    def _disagreeing(self, line, sets):
        labels = self._labels()
        return ", ".join(
            f"{labels[column]} “{line.cells[column].strip()}”" for column, found in sets.items() if found
        )

    # -- what is said -----------------------------------------------------------------------------
    def _understand(self, line, directory, words):
        """Turn the cells of a line into entries, or say why not."""
        if all(sheet.is_blank(line.cells.get(column, "")) for column in SAID):
            return
        for column, text in line.cells.items():
            if sheet.is_formula(text) and column != "amount":
                line.problems.append(
                    (
                        self.env._("“%s” is a formula.", text.strip()),
                        self.env._("Write the value itself."),
                    )
                )
                return
        line.cells = {column: sheet.plain(text) for column, text in line.cells.items()}
        self._identify(line, directory, words["invoices"])
        if line.customer is None or line.problems:
            return
        note = line.cells.get("note", "").strip() or None
        for column in SAID[1:]:
            text = line.cells.get(column, "").strip()
            if not sheet.is_blank(text):
                getattr(self, f"_understand_{column}")(line, text, note, directory, words)
        if not sheet.is_blank(line.cells.get("date", "")) and sheet.is_blank(line.cells.get("level", "")):
            line.problems.append(
                (
                    self.env._("There is a day of the last reminder, but no level."),
                    self.env._("Write the level, or leave the day out."),
                )
            )

    def _say(self, line, kind, whole=False, **values):
        """Note an entry; ``whole``: it is the customer who is meant, whatever the invoice."""
        line.entries[kind] = Entry(line, line.customer, line_ids=None if whole else line.move_lines, **values)

    def _day(self, line, column):
        """The day in ``column``, or None with the problem noted."""
        text = line.cells.get(column, "")
        try:
            return sheet.parse_date(text)
        except SheetError:
            line.problems.append(
                (
                    self.env._("“%s” is not a day.", text.strip()),
                    self.env._("Write it as day/month/year, e.g. 31/12/2025."),
                )
            )
            return None

    def _understand_level(self, line, text, note, directory, words):
        day = self._day(line, "date")
        if not line.problems:
            self._say(line, "level", value=(fold(text),), date=day, note=text)

    def _understand_handed_over(self, line, text, note, directory, words):
        word = fold(text)
        if word not in NO:
            self._say(line, "handed_over", note=note if word in YES else text)

    def _understand_doubtful(self, line, text, note, directory, words):
        word = fold(text)
        if word in YES:
            self._say(line, "doubtful", note=note)
        elif word not in NO:
            line.problems.append(
                (
                    self.env._("“%s” under “Doubtful” is neither yes nor no.", text),
                    self.env._("Write “yes”, or leave it empty."),
                )
            )

    def _understand_until(self, line, text, note, directory, words):
        day = self._day(line, "until")
        if day:
            self._say(line, "paused", date=day, note=note)

    def _understand_policy(self, line, text, note, directory, words):
        found = words["policies"].get(fold(text), set())
        if len(found) == 1:
            self._say(line, "policy", whole=True, value=next(iter(found)))
            return
        problem = self.env._("Several policies are called “%s”.", text)
        if not found:
            problem = self.env._("No policy is called “%s”.", text)
        line.problems.append((problem, self.env._("Write one of these: %s.", words["policy_names"])))

    def _understand_payer(self, line, text, note, directory, words):
        for column in ("name", "ref", "vat", "registry", "email", "id"):
            found = directory.find(column, text)
            if found:
                break
        if len(found) == 1:
            self._say(line, "payer", whole=True, value=next(iter(found)))
            return
        problem = self.env._("Several customers are called “%s”: the payer is not clear.", text)
        if not found:
            problem = self.env._("No payer is called “%s”.", text)
        line.problems.append(
            (problem, self.env._("Write the payer's reference, VAT number, SIRET, e-mail or identifier."))
        )

    def _understand_audience(self, line, text, note, directory, words):
        code = words["audiences"].get(fold(text))
        if code:
            self._say(line, "audience", whole=True, value=code)
            return
        line.problems.append(
            (
                self.env._("There is no audience “%s”.", text),
                self.env._("Write one of these: %s.", words["audience_names"]),
            )
        )

    def _words(self, lines):
        """What cells may say, in every installed language."""
        policies = self.env["relance.policy"]._usable(self.company_id)
        audiences, by_name, labels = {}, {}, {}
        for lang, _name in self.env["res.lang"].get_installed():
            partners = self.with_context(lang=lang).env["res.partner"]
            for code, label in partners._fields["relance_audience"]._description_selection(partners.env):
                if code != "unknown":
                    audiences[fold(label)] = code
            for policy in policies.with_context(lang=lang):
                by_name.setdefault(fold(policy.name), set()).add(policy.id)
        field = self.env["res.partner"]._fields["relance_audience"]
        labels = [label for code, label in field._description_selection(self.env) if code != "unknown"]
        return {
            "invoices": self._invoices(lines),
            "policies": by_name,
            "policy_names": ", ".join(policies.mapped("name")),
            "audiences": audiences,
            "audience_names": ", ".join(labels),
        }

    # -- one line against the others ---------------------------------------------------------------
    def _compare(self, lines):
        """What is said twice counts once, what contradicts itself not at all."""
        said = {}
        for line in lines:
            if line.problems:
                continue
            for kind, entry in list(line.entries.items()):
                key = (kind, entry.customer_id, entry.line_ids)
                other = said.setdefault(key, (line, entry))
                if other[0] is line:
                    continue
                if other[1]._replace(key=None) == entry._replace(key=None):
                    del line.entries[kind]
                    line.notes.append(self.env._("The same is said on line %s.", other[0].number))
                else:
                    hint = self.env._("Keep one of them.")
                    sentence = self.env._("Line %s says something else about the same.")
                    line.problems.append((sentence % other[0].number, hint))
                    contradicted = (sentence % line.number, hint)
                    if contradicted not in other[0].problems:
                        other[0].problems.append(contradicted)

    def _compare_amount(self, lines):
        """Where the file names an amount, say if the books have another one by now."""
        told = [line for line in lines if line.entries and not sheet.is_blank(line.cells.get("amount", ""))]
        if not told:
            return
        partners = self.env["res.partner"].browse({line.customer for line in told})
        owed = {}
        for row in self.env["relance.decision"]._decide(
            self.company_id, self.company_id._relance_date(), partners
        ):
            if row.days_late > 0:
                owed.setdefault(row.debtor_id, []).append(row)
        currency = self.company_id.currency_id
        for line in told:
            rows = owed.get(line.customer, [])
            if line.move_lines is not None:
                rows = [row for row in rows if row.move_line_id in line.move_lines]
            books = sum(row.balance_residual for row in rows)
            try:
                typed = float(sheet.parse_amount(line.cells["amount"]))
            except SheetError:
                line.notes.append(
                    self.env._("“%s” is not an amount: not compared.", line.cells["amount"].strip())
                )
                continue
            if currency.compare_amounts(typed, books):
                line.notes.append(
                    self.env._(
                        "The file says %(typed)s, the books say %(books)s.",
                        typed=formatLang(self.env, typed, currency_obj=currency),
                        books=formatLang(self.env, books, currency_obj=currency),
                    )
                )

    # -- planning and applying -------------------------------------------------------------------
    def _lines(self):
        """The lines of the file, understood and planned.

        :return: list of :class:`FileLine`, list of headings that nobody knows
        """
        self.ensure_one()
        self.env["relance.reminder"]._check_user()
        self.company_id.check_access("read")
        lines, unused = self._read()
        directory, words = self._directory(), self._words(lines)
        for line in lines:
            self._understand(line, directory, words)
        self._compare(lines)
        self._compare_amount(lines)
        self._plan_stages(lines)
        return lines, unused

    def _plan_stages(self, lines):
        """Plan all that these lines say.

        Policies belong to the payer that the file itself chooses, levels to its policies: each
        stage is really done before the next one is planned, and all is taken back.
        """
        self._plan(lines, STAGES[0])
        with self.env.cr.savepoint() as savepoint:
            changed = False
            for before, stage in pairwise(STAGES):
                changed = bool(self._apply(lines, before)) or changed
                self._plan(lines, stage)
            if changed:
                savepoint.rollback()
        if changed:
            self.env.invalidate_all()

    def _plan(self, lines, kinds):
        """Plan what the lines that are right say of these kinds, one plan for each kind."""
        takeovers = self.env["relance.takeover"]
        for kind in kinds:
            entries = [line.entries[kind] for line in lines if kind in line.entries and not line.problems]
            if not entries:
                continue
            for outcome in takeovers._plan(self.company_id, kind, entries):
                line = outcome.entry.key
                line.outcomes[kind] = outcome
                if outcome.status == "refused":
                    line.problems.append((*outcome.sentences, "")[:2])
                else:
                    line.notes += outcome.sentences

    def _apply(self, lines, kinds):
        """Do what fits of these kinds, one mass action for each."""
        takeovers = self.env["relance.takeover"]
        for kind in kinds:
            outcomes = [
                line.outcomes[kind] for line in lines if kind in line.outcomes and line.status == "fits"
            ]
            if outcomes:
                takeovers += takeovers._apply(self.company_id, kind, outcomes, self.filename)
        return takeovers

    def action_check(self):
        """Read the file and say line by line what does not fit; nothing is written."""
        lines, unused = self._lines()
        count = {
            status: sum(line.status == status for line in lines)
            for status in ("fits", "same", "empty", "refused")
        }
        self.line_ids.unlink()
        self.write(
            {
                "is_checked": True,
                "fit_count": count["fits"],
                "same_count": count["same"],
                "empty_count": count["empty"],
                "refused_count": count["refused"],
                "totals": self._fitting(lines),
                "unused": ", ".join(unused),
                "report": base64.b64encode(self._report(lines)) if count["refused"] else False,
            }
        )
        self.env["relance.takeover.import.line"].create(
            [
                {
                    "import_id": self.id,
                    "number": line.number,
                    "customer": line.who,
                    "status": "refused" if line.problems else "told",
                    "sentence": "\n".join([sentence for sentence, _hint in line.problems] or line.notes),
                    "hint": "\n".join(dict.fromkeys(hint for _sentence, hint in line.problems if hint)),
                }
                for line in lines
                if line.problems or line.notes
            ]
        )
        return self._reopen()

    def _reopen(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Import from a file"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
            "context": {"dialog_size": "extra-large"},
        }

    def _fitting(self, lines):
        """“14 lines fit: 12 customers, 31 invoices, 48 210,00 €”"""
        count = sum(line.status == "fits" for line in lines)
        if not count:
            return self.env._("No line of this file changes anything.")
        if count == 1:
            return self.env._("1 line fits: %s", self._totals(lines))
        return self.env._("%(count)s lines fit: %(totals)s", count=count, totals=self._totals(lines))

    def _totals(self, lines):
        """“12 customers, 31 invoices, 48 210,00 €” of the lines that fit."""
        fitting = [line for line in lines if line.status == "fits"]
        rows = {
            row.move_line_id: row
            for line in fitting
            for outcome in line.outcomes.values()
            if outcome.status == "fits"
            for row in outcome.rows
        }
        customers = len({line.customer for line in fitting})
        invoices = len({row.move_id for row in rows.values()})
        _ = self.env._
        return _(
            "%(customers)s, %(invoices)s, %(amount)s",
            customers=_("1 customer") if customers == 1 else _("%s customers", customers),
            invoices=_("1 invoice") if invoices == 1 else _("%s invoices", invoices),
            amount=formatLang(
                self.env,
                sum(row.balance_residual for row in rows.values()),
                currency_obj=self.company_id.currency_id,
            ),
        )

    def action_apply(self):
        """Do what fits, all of it or nothing; the books are asked again."""
        lines, _unused = self._lines()
        if not any(line.status == "fits" for line in lines):
            raise UserError(self.env._("No line of this file changes anything: check it again to see why."))
        done = self.env["relance.takeover"]
        fitting = [line for line in lines if line.status == "fits"]
        for stage in STAGES:
            if done:
                self._plan(fitting, stage)
                if any(line.problems for line in fitting):
                    raise UserError(self.env._("The books changed while the file was read: check it again."))
            done += self._apply(fitting, stage)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "title": self.env._("The file was taken over"),
                "message": self.env._("%s. To take it back: %%s", self._totals(lines)),
                "links": [{"label": self.env._("Mass actions"), "url": "/odoo/mass-actions"}],
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    # -- files to take away -----------------------------------------------------------------------
    def _report(self, lines):
        """The lines that do not fit, as they came, with what is wrong: to mend and give back."""
        labels = {column: label for column, label in self._labels().items() if column in COLUMNS}
        columns = [column for column in labels if any(column in line.cells for line in lines)]
        rows = [
            [
                *self._report_labels(),
                *(labels[column] for column in columns),
            ]
        ]
        for line in lines:
            if line.problems:
                rows.append(
                    [
                        str(line.number),
                        " ".join(sentence for sentence, _hint in line.problems),
                        " ".join(dict.fromkeys(hint for _sentence, hint in line.problems if hint)),
                        *(line.cells.get(column, "") for column in columns),
                    ]
                )
        return sheet.write(rows)

    def action_download_report(self):
        """What does not fit, as a CSV file."""
        self.check_access("read")
        return self._download("report", self.env._("what-does-not-fit.csv"))

    def action_download_model(self):
        """The overdue customers of the company, with empty columns to fill in."""
        self.ensure_one()
        self.env["relance.reminder"]._check_user()
        self.model_file = base64.b64encode(self._model())
        return self._download("model_file", self.env._("overdue-customers.csv"))

    def _model(self):
        labels = self._labels()
        rows = self.env["relance.overdue"].search(
            [("company_id", "=", self.company_id.id)], order="partner_id, id"
        )
        digits = self.company_id.currency_id.decimal_places
        table = [list(labels.values())]
        for row in rows:
            customer = row.partner_id
            values = {
                "id": str(customer.id),
                "name": customer.name or "",
                "ref": customer.ref or "",
                "vat": customer.vat or "",
                "registry": customer.company_registry or "",
                "email": customer.email or "",
                "invoices": str(row.invoice_count),
                "amount": f"{row.amount_overdue:.{digits}f}".replace(".", ","),
                "days": str(row.days_late),
            }
            table.append([values.get(column, "") for column in labels])
        return sheet.write(table)

    def _download(self, field, name):
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{self.id}/{field}/{name}?download=true",
            "target": "download",
        }


class RelanceTakeoverImportLine(models.TransientModel):
    """A line of the file that does not fit, or of which something has to be said."""

    _name = "relance.takeover.import.line"
    _description = "Line of an Imported File"
    _order = "number, id"

    import_id = fields.Many2one("relance.takeover.import", required=True, ondelete="cascade", index=True)
    number = fields.Integer(string="Line number", aggregator=None)
    customer = fields.Char()
    status = fields.Selection([("refused", "Does not fit"), ("told", "Note")], required=True)
    sentence = fields.Text(string="What does not fit")
    hint = fields.Text(string="What to do")
