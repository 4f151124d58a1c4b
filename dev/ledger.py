"""A French company's old ledger, made by Odoo itself: piped into ``dev/odoo shell -d NAME``.

LEDGER_CUSTOMERS (800) customers with LEDGER_INVOICES (2000) open invoices, as a house has them
that never reminded anybody: some a year old, some paid in part, credit notes and payments that
nobody matched, an opening entry that Odoo itself leaves out of reminders, customers without
e-mail, without number, private persons. The same seed makes the same ledger; LEDGER_DATE is the
day on which it is looked at (default today).
"""

import os
from datetime import date, timedelta
from random import Random

from stdnum import luhn
from stdnum.fr import siren as french_siren

from odoo import Command

COMPANY = {
    "name": "Ateliers du Rhône SARL",
    "street": "8 quai Perrache",
    "zip": "69002",
    "city": "Lyon",
    "phone": "+33 4 65 71 22 11",
    "email": "compta@ateliers-du-rhone.example",
    "vat": "FR91843217696",
    "company_registry": "84321769600015",
}
CUSTOMERS = int(os.environ.get("LEDGER_CUSTOMERS", 800))
INVOICES = int(os.environ.get("LEDGER_INVOICES", 2000))
TODAY = date.fromisoformat(os.environ.get("LEDGER_DATE") or date.today().isoformat())
BATCH = 250

TRADES = (
    "Boulangerie Menuiserie Garage Imprimerie Pharmacie Librairie Serrurerie Fromagerie Cordonnerie "
    "Carrosserie Chocolaterie Miroiterie Papeterie Plomberie Quincaillerie Torréfaction Vinaigrerie"
).split()
NAMES = (
    "Martin Bernard Dubois Thomas Robert Petit Durand Leroy Moreau Simon Laurent Lefèvre Michel Garcia "
    "David Bertrand Roux Vincent Fournier Morel Girard André Mercier Dupont Lambert Bonnet François "
    "Martinez Legrand Garnier Faure Rousseau Blanc Guérin Muller Henry Roussel Nicolas Perrin Morin "
    "Mathieu Clément Gauthier Dumont Lopez Fontaine Chevalier Robin Masson Sanchez"
).split()
FIRST_NAMES = "Camille Dominique Claude Hélène Julien Sophie Karim Inès Lucas Manon Hugo Zoé".split()
FORMS = ("SARL", "SAS", "EURL", "SA", "& fils")
TOWNS = (
    ("69003", "Lyon"),
    ("38000", "Grenoble"),
    ("42000", "Saint-Étienne"),
    ("74000", "Annecy"),
    ("01000", "Bourg-en-Bresse"),
    ("71000", "Mâcon"),
    ("26000", "Valence"),
    ("63000", "Clermont-Ferrand"),
)
STREETS = (
    "rue de la République",
    "avenue Jean-Jaurès",
    "place du Marché",
    "rue Victor-Hugo",
    "cours Gambetta",
)

random = Random(20)


def siren(index):
    """A well-formed number of the French register of companies."""
    head = f"{30000000 + 7919 * index % 60000000:08}"
    return head + luhn.calc_check_digit(head)


def customer(index):
    """Values of one customer: mostly companies, some unknown, some private persons."""
    town = random.choice(TOWNS)
    name = random.choice(NAMES)
    values = {
        "street": f"{random.randint(1, 140)} {random.choice(STREETS)}",
        "zip": town[0],
        "city": town[1],
        "country_id": env.ref("base.fr").id,
        "lang": "fr_FR",
        "email": f"compta{index}@client.example" if random.random() < 0.9 else False,
        "phone": f"+33 4 65 71 {index // 100:02} {index % 100:02}" if random.random() < 0.8 else False,
        "customer_rank": 1,
    }
    if random.random() < 0.1:
        return {**values, "name": f"{random.choice(FIRST_NAMES)} {name}", "is_company": False}
    number = siren(index)
    known = random.random() < 0.9
    return {
        **values,
        "name": f"{random.choice(TRADES)} {name} {random.choice(FORMS)}",
        "is_company": True,
        "company_registry": f"{number}00017" if known else False,
        "vat": f"FR{french_siren.to_tva(number)}".replace(" ", "") if known else False,
    }


def due_date():
    """Most invoices are young, a tail is very old."""
    if random.random() < 0.35:
        return TODAY + timedelta(days=random.randint(1, 45))
    return TODAY - timedelta(days=int(random.expovariate(1 / 40)) + 1)


def batches(values):
    for start in range(0, len(values), BATCH):
        yield values[start : start + BATCH]


def make():
    company = env.company
    company.write(COMPANY)
    env.ref("base.user_admin").write({"lang": "fr_FR", "tz": "Europe/Paris", "email": COMPANY["email"]})
    env["account.journal"].search([("type", "=", "sale"), ("company_id", "=", company.id)]).code = "FAC"
    income = env["account.account"].search(
        [("account_type", "=", "income"), ("company_ids", "in", company.ids)], limit=1
    )
    receivable = company.partner_id.property_account_receivable_id
    bank = env["account.journal"].search([("type", "=", "bank"), ("company_id", "=", company.id)], limit=1)
    partners = env["res.partner"].create([customer(index) for index in range(CUSTOMERS)])

    def document(partner, due, amount, **values):
        day = min(due - timedelta(days=30), TODAY)
        return {
            "move_type": "out_invoice",
            "partner_id": partner.id,
            "invoice_date": day,
            "date": day,
            "invoice_payment_term_id": False,
            "invoice_date_due": due,
            "invoice_line_ids": [
                Command.create(
                    {
                        "name": "Prestation",
                        "price_unit": amount,
                        "account_id": income.id,
                        "tax_ids": [Command.clear()],
                    }
                )
            ],
            **values,
        }

    def amount():
        return round(random.lognormvariate(6, 1), 2)

    invoices = env["account.move"]
    chosen = [*partners, *random.choices(partners, k=INVOICES - len(partners))][:INVOICES]
    for batch in batches([document(partner, due_date(), amount()) for partner in chosen]):
        invoices += env["account.move"].create(batch)
        invoices[-len(batch) :].action_post()
        env.cr.commit()
    # what nobody matched: payments on account, credit notes
    some = random.sample(list(partners), k=max(CUSTOMERS // 20, 1))
    env["account.payment"].create(
        [
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": partner.id,
                "amount": amount(),
                "date": TODAY - timedelta(days=random.randint(1, 60)),
                "journal_id": bank.id,
            }
            for partner in some
        ]
    ).action_post()
    credits = [
        document(partner, TODAY - timedelta(days=random.randint(1, 90)), 50.0, move_type="out_refund")
        for partner in random.sample(list(partners), k=max(CUSTOMERS // 20, 1))
    ]
    env["account.move"].create(credits).action_post()
    # an opening entry: the host leaves its lines out of reminders by itself
    opening = random.sample(list(partners), k=max(CUSTOMERS // 40, 1))
    lines = [(partner, amount()) for partner in opening]
    env["account.move"].create(
        {
            "move_type": "entry",
            "date": TODAY - timedelta(days=200),
            "journal_id": env["account.journal"]
            .search([("type", "=", "general"), ("company_id", "=", company.id)], limit=1)
            .id,
            "ref": "Reprise des soldes",
            "line_ids": [
                Command.create(
                    {
                        "name": "Solde repris",
                        "partner_id": partner.id,
                        "account_id": receivable.id,
                        "debit": debit,
                        "date_maturity": TODAY - timedelta(days=170),
                    }
                )
                for partner, debit in lines
            ]
            + [
                Command.create(
                    {"name": "Reprise", "account_id": income.id, "credit": sum(debit for _p, debit in lines)}
                )
            ],
        }
    ).action_post()
    env.cr.commit()


make()
