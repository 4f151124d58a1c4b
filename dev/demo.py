"""What dev/demo lives: 90 days of a French company, with Odoo's own demonstration ledger.

Nothing is sent by a shortcut. Each day has its business (sales, bank lines, payments), then
the engine runs as its scheduled action would, people approve, print, post and call, and mails
leave through a mail server of our own, which keeps what really came over the wire.

The 90 days end today, so that the screens show what the company looks at this morning. Odoo's
ledger is dated from the day it is loaded: it is loaded anew, by Odoo itself, with the clock of
the first day. The clock stands still at the hour that is lived (freezegun); no date is edited.
"""

import argparse
import base64
import contextlib
import io
import logging
import re
import signal
import socket
import sys
import threading
import unicodedata
from collections import defaultdict
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from email import message_from_bytes, policy
from pathlib import Path

import pytz
from babel.dates import format_date
from dateutil.easter import easter
from freezegun import freeze_time
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from odoo import SUPERUSER_ID, Command, api
from odoo.exceptions import UserError
from odoo.modules.registry import Registry
from odoo.tools import config, formatLang

from dev.postbox import Postbox, bounce_of
from dev.webserver import NotStarted, web_server

DAYS = 90
#: in the last days nobody approves, so that this morning's list is not empty
UNAPPROVED_DAYS = 4
#: and in these nobody goes to the post
UNPOSTED_DAYS = 3
PARIS = pytz.timezone("Europe/Paris")
LANG = "fr_FR"

#: the five letters, and what their files are called
LETTERS = {
    "pre_due": "rappel-avant-echeance",
    "courtesy": "rappel-de-courtoisie",
    "friendly": "premiere-relance",
    "attentive": "deuxieme-relance",
    "firm": "troisieme-relance",
}
STATEMENT = "releve-de-compte"

# -- the company and its customers ---------------------------------------------------------
COMPANY = {
    "name": "Mobilier des Quais SARL",
    "street": "18 quai Saint-Antoine",
    "street2": False,
    "zip": "69002",
    "city": "Lyon",
    "vat": "FR45842139073",
    "company_registry": "84213907300014",
    "phone": "+33 4 65 71 10 20",
    "email": "compta@mobilier-des-quais.example",
    "website": "https://www.mobilier-des-quais.example",
    "company_details": "<p>18 quai Saint-Antoine<br/>69002 Lyon<br/>04 65 71 10 20</p>",
    "primary_color": "#35708f",
    "secondary_color": "#35708f",
    "report_footer": "SARL au capital de 20 000 € · RCS Lyon 842 139 073 · TVA FR45842139073",
    "relance_active": True,
    "qr_code": True,
}
BANK = {"name": "Société Générale", "bic": "SOGEFRPP"}

#: login → name, function, groups
PEOPLE = {
    "comptable": (
        "Claire Martin",
        "Comptable",
        ("account.group_account_user", "relance_douce.group_relance_user"),
    ),
    "gerant": (
        "Paul Rivoire",
        "Gérant",
        ("account.group_account_manager", "relance_douce.group_relance_manager"),
    ),
    "commerciale": (
        "Sophie Bernard",
        "Responsable grands comptes",
        ("base.group_user", "relance_douce.group_relance_reader"),
    ),
}

#: short name → customer of Odoo's demonstration data, and what is decided about him
CUSTOMERS = {
    "acme": ("base.res_partner_2", {"policy": "key", "lang": "en_US"}),
    "gemini": ("base.res_partner_3", {}),
    "ready": ("base.res_partner_4", {"relance_channel": "sms"}),
    "openwood": ("base.res_partner_5", {}),
    "lightsup": ("base.res_partner_6", {}),
    "jackson": ("base.res_partner_10", {"lang": "en_US"}),
    "azure": ("base.res_partner_12", {}),
    "wood": ("base.res_partner_1", {"relance_channel": "letter"}),
    "lumber": ("base.res_partner_18", {}),
}

#: short name → customers who come to the company in these days
NEW_CUSTOMERS = {
    "morel": {
        "name": "Menuiserie Morel SARL",
        "is_company": True,
        "vat": "FR86508714326",
        "company_registry": "50871432600016",
        "street": "7 rue des Tanneurs",
        "zip": "38000",
        "city": "Grenoble",
        "email": "contact@menuiserie-morel.example",
        "phone": "+33 4 65 71 22 33",
        "relance_channel": "letter",
    },
    "mairie": {
        "name": "Mairie de Saint-Aubin",
        "is_company": True,
        "company_registry": "21690034000011",
        "street": "Place de la Mairie",
        "zip": "69210",
        "city": "Saint-Aubin",
        "email": "finances@saint-aubin.example",
        "phone": "+33 4 65 71 44 55",
    },
    "garnier": {
        "name": "Hélène Garnier",
        "is_company": False,
        "street": "24 rue Lamartine",
        "zip": "69003",
        "city": "Lyon",
        "email": "helene.garnier@courriel.example",
        "phone": "+33 6 39 98 12 34",
    },
    # those who ask for time
    "hotel": {
        "name": "Hôtel du Parc SAS",
        "is_company": True,
        "vat": "FR01752039412",
        "company_registry": "75203941200016",
        "street": "3 avenue des Tilleuls",
        "zip": "74000",
        "city": "Annecy",
        "email": "direction@hotel-du-parc.example",
        "phone": "+33 4 65 71 55 66",
    },
    "garage": {
        "name": "Garage Delmas SARL",
        "is_company": True,
        "vat": "FR67539172643",
        "company_registry": "53917264300014",
        "street": "112 route de Vienne",
        "zip": "69008",
        "city": "Lyon",
        "email": "contact@garage-delmas.example",
        "phone": "+33 4 65 71 66 77",
    },
    "imprimerie": {
        "name": "Imprimerie Roche SAS",
        "is_company": True,
        "vat": "FR79420763195",
        "company_registry": "42076319500013",
        "street": "5 rue Gutenberg",
        "zip": "01000",
        "city": "Bourg-en-Bresse",
        "email": "compta@imprimerie-roche.example",
        "phone": "+33 4 65 71 88 99",
    },
    # those who read paper
    "notaires": {
        "name": "Lefèvre et Vasseur, notaires",
        "is_company": True,
        "vat": "FR87401238779",
        "company_registry": "40123877900011",
        "street": "4 place Bellecour",
        "zip": "69002",
        "city": "Lyon",
        "phone": "+33 4 65 71 10 11",
        "relance_channel": "letter",
    },
    "boulangerie": {
        "name": "Boulangerie Aubert SARL",
        "is_company": True,
        "vat": "FR49512883406",
        "company_registry": "51288340600013",
        "street": "31 Grande Rue",
        "zip": "01000",
        "city": "Bourg-en-Bresse",
        "phone": "+33 4 65 71 12 13",
        "relance_channel": "letter",
    },
    "antiquaire": {
        "name": "Antiquités du Sablon",
        "is_company": True,
        "street": "12 rue des Minimes",
        "zip": "1000",
        "city": "Bruxelles",
        "country": "base.be",
        "relance_audience": "business",
        "relance_channel": "letter",
    },
    "fleuriste": {
        "name": "Atelier Églantine EURL",
        "is_company": True,
        "vat": "FR48814605721",
        "company_registry": "81460572100012",
        "street": "9 place du Marché",
        "zip": "42000",
        "city": "Saint-Étienne",
        "email": "bonjour@atelier-eglantine.example",
        "phone": "+33 6 39 98 77 88",
    },
}

# -- what happens: (day, what, who or which, …), days counted from 1 -------------------------
SOFA = "product.consu_delivery_01"
DESK = "product.product_product_24"
CHAIR = "product.product_product_12"
STORY = [
    # sales: customer, days to pay, product and quantity
    (1, "sell", "lumber", 8, {DESK: 3}),
    (2, "sell", "wood", 20, {SOFA: 2, CHAIR: 8}),
    (3, "sell", "gemini", 10, {CHAIR: 7}),
    (3, "sell", "jackson", 15, {SOFA: 1, CHAIR: 4}),
    (4, "sell", "ready", 15, {DESK: 1, CHAIR: 1}),
    (6, "sell", "mairie", 30, {DESK: 6}),
    (8, "sell", "morel", 15, {DESK: 2, CHAIR: 6}),
    (20, "sell", "garnier", 10, {CHAIR: 2}),
    (24, "sell", "morel", 30, {SOFA: 1}),
    (36, "sell", "jackson", 20, {CHAIR: 5}),
    (45, "sell", "wood", 29, {DESK: 1}),
    (50, "sell", "lumber", 20, {SOFA: 1}),
    (60, "sell", "acme", 28, {SOFA: 4}),
    (66, "sell", "garnier", 22, {CHAIR: 1}),
    (72, "sell", "morel", 16, {CHAIR: 4}),
    (80, "sell", "mairie", 15, {CHAIR: 15}),
    # letters that lie in the tray this morning
    (40, "sell", "boulangerie", 42, {CHAIR: 6}),
    (50, "sell", "antiquaire", 36, {DESK: 1, CHAIR: 2}),
    (64, "sell", "notaires", 24, {SOFA: 1, CHAIR: 4}),
    # the bank account as it comes in, once a week; nobody imports it from day 27 to day 38
    *((day, "bank_fees") for day in (5, 12, 19, 26, 39, 46, 53, 60, 67, 74, 81, 88)),
    # lines of Odoo's ledger that nobody had matched yet
    (5, "match", 2000.0, ["demo_invoice_5"]),
    (5, "match", 1275.0, ["demo_invoice_6", "demo_invoice_7"]),
    (5, "match", 738.75, ["demo_invoice_9"]),
    (12, "match", 650.0, ["demo_invoice_10"]),
    (12, "set_off", "demo_move_auto_reconcile_4", "demo_invoice_followup"),
    (12, "set_off", "demo_move_auto_reconcile_5", "demo_invoice_3"),
    # transfers, of so much or of all that is due
    (12, "transfer", "acme", 20000.0),
    (19, "transfer", "openwood"),
    (39, "transfer", "ready"),
    (39, "transfer", "garnier"),
    (60, "transfer", "lumber"),
    (60, "transfer", "mairie"),
    (67, "transfer", "acme"),
    (74, "transfer", "gemini"),
    # a cheque that the bank sends back
    (26, "cheque", "gemini"),
    (39, "reject_cheque", "gemini"),
    # an address that does not exist any more
    (12, "lose_address", "jackson"),
    # payment plans: one kept, one broken, one under way, one waiting for its signature
    (1, "sell", "hotel", 9, {SOFA: 1, DESK: 1}),
    (20, "negotiate", "hotel", 3, 6, "fortnight", "season", "L’hôtel rouvre pour la saison."),
    (21, "sign", "hotel", "Camille Perrin", "Directrice"),
    (26, "instalment", "hotel"),
    (39, "instalment", "hotel"),
    (53, "instalment", "hotel"),
    (4, "sell", "garage", 14, {DESK: 1, CHAIR: 6}),
    (40, "negotiate", "garage", 4, 6, "week", "customer", "Un gros client lui doit trois mois."),
    (41, "sign", "garage", "Marc Delmas", "Gérant"),
    (46, "instalment", "garage"),
    (55, "sell", "fleuriste", 10, {SOFA: 1, CHAIR: 10}),
    (40, "sell", "imprimerie", 12, {DESK: 1, SOFA: 1}),
    (62, "negotiate", "imprimerie", 6, 9, "month", "bank", "La banque répond dans deux mois."),
    (63, "sign", "imprimerie", "Nadia Roche", "Présidente"),
    (67, "instalment", "imprimerie"),
    (86, "negotiate", "fleuriste", 5, 12, "month", "cash", "La trésorerie est courte jusqu’aux fêtes."),
    # the accountant leaves somebody alone
    (14, "pause", "lumber", 31, "Le responsable est absent, règlement promis à son retour."),
]


# -- small things ---------------------------------------------------------------------------------
def slug(text):
    """``text`` as part of a file name: “Hélène Garnier” → “helene-garnier”."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def free_name(path):
    """``path``, or the first of “…-2”, “…-3” that does not exist yet."""
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate


def french(day, form="d MMM y"):
    return re.sub("^1 ", "1er ", format_date(day, form, locale="fr"))


def utc(day, hour, minute=0):
    """Naive UTC of that hour in Paris."""
    local = PARIS.localize(datetime.combine(day, clock_time(hour, minute)))
    return local.astimezone(pytz.utc).replace(tzinfo=None)


def logo():
    """A few letters on a quay, as PNG in base64."""
    picture = Image.new("RGB", (560, 150), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.truetype("/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf", 54)
    draw.text((10, 8), "Mobilier", "#35708f", font)
    draw.text((10, 70), "des Quais", "#35708f", font)
    draw.line((330, 128, 550, 128), "#d9a441", 10)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue())


def signature():
    """A name drawn with a finger, as PNG in base64."""
    picture = Image.new("RGBA", (420, 140), (255, 255, 255, 0))
    draw = ImageDraw.Draw(picture)
    strokes = [
        (30, 95), (55, 30), (70, 25), (66, 60), (58, 105), (80, 70), (95, 66), (98, 92), (118, 62),
        (128, 90), (146, 64), (160, 92), (182, 40), (192, 36), (186, 94), (215, 62), (240, 88), (300, 48),
        (395, 62),
    ]  # fmt: skip
    draw.line(strokes, "#1f2d5c", 4, joint="curve")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def public_holidays(first, last):
    """French public holidays: list of (day, name)."""
    days = []
    for year in range(first.year, last.year + 1):
        days += [
            (date(year, 1, 1), "Jour de l’an"),
            (easter(year) + timedelta(1), "Lundi de Pâques"),
            (date(year, 5, 1), "Fête du Travail"),
            (date(year, 5, 8), "Victoire 1945"),
            (easter(year) + timedelta(39), "Ascension"),
            (easter(year) + timedelta(50), "Lundi de Pentecôte"),
            (date(year, 7, 14), "Fête nationale"),
            (date(year, 8, 15), "Assomption"),
            (date(year, 11, 1), "Toussaint"),
            (date(year, 11, 11), "Armistice 1918"),
            (date(year, 12, 25), "Noël"),
        ]
    return [(day, name) for day, name in days if first <= day <= last]


# -- the company ------------------------------------------------------------------------------------
class House:
    """The company, its people and customers, in one environment."""

    def __init__(self, env):
        company = env["res.company"].search([("chart_template", "=", "fr")], limit=1)
        if not company:
            raise UserError("Il n’y a pas de société française dans cette base.")
        context = {"lang": LANG, "tz": PARIS.zone, "allowed_company_ids": company.ids}
        self.env = env(context=context)
        self.company = company.with_env(self.env)
        self.customers = {
            name: self.env.ref(xmlid, raise_if_not_found=False)
            for name, (xmlid, _values) in CUSTOMERS.items()
        }

    def by(self, login):
        """The environment of this person, as the web client has it."""
        return self.env(user=self.env["res.users"].search([("login", "=", login)]).id, su=False)

    def of_ledger(self, name):
        """A document of Odoo's ledger."""
        return self.env.ref(f"account.{self.company.id}_{name}")

    # -- before the first day
    def furnish(self, first, last, postbox, url):
        """Make it a company that can be shown; nobody's debts are touched."""
        env, company = self.env, self.company
        company.write({**COMPANY, "country_id": env.ref("base.fr").id, "logo": logo()})
        company.partner_id.write({"lang": LANG, "tz": PARIS.zone})
        company.external_report_layout_id = env.ref("web.external_layout_standard", False)
        bank = company.partner_id.bank_ids[:1]
        bank.write({"bank_id": env["res.bank"].create(BANK).id, "allow_out_payment": True})
        company.resource_calendar_id.tz = PARIS.zone
        env["resource.calendar.leaves"].create(
            [
                {
                    "name": name,
                    "calendar_id": company.resource_calendar_id.id,
                    "company_id": company.id,
                    "date_from": utc(day, 0),
                    "date_to": utc(day, 23, 59),
                }
                for day, name in public_holidays(first, last)
            ]
        )
        domain = env["mail.alias.domain"].create({"name": COMPANY["email"].split("@")[1]})
        company.alias_domain_id = domain
        env["ir.mail_server"].search([]).active = False
        env["ir.mail_server"].create(
            {
                "name": "Démonstration",
                "smtp_host": "127.0.0.1",
                "smtp_port": postbox.port,
                "from_filter": domain.name,
            }
        )
        for key, value in {
            "web.base.url": url,
            "web.base.url.freeze": "True",
            "report.url": url,
        }.items():
            env["ir.config_parameter"].set_param(key, value)
        self._hire()
        self._know_customers()
        env.ref("relance_douce.policy_consumer").min_amount = 15.0
        # what the server goes on with by itself: reminders and mails, nothing that calls out
        ours = (
            "relance_douce.ir_cron_run",
            "relance_douce.ir_cron_send",
            "mail.ir_cron_mail_scheduler_action",
        )
        crons = env["ir.cron"].with_context(active_test=False).search([])
        (crons - env["ir.cron"].union(*map(env.ref, ours))).active = False

    def _hire(self):
        users = self.env["res.users"].with_context(no_reset_password=True)
        for login, (name, function, groups) in PEOPLE.items():
            users.create(
                {
                    "login": login,
                    "password": login,
                    "name": name,
                    "function": function,
                    "email": f"{slug(name).replace('-', '.')}@{COMPANY['email'].split('@')[1]}",
                    "company_id": self.company.id,
                    "company_ids": [Command.set(self.company.ids)],
                    "group_ids": [Command.set([self.env.ref(group).id for group in groups])],
                }
            )
        users.search([]).write({"lang": LANG, "tz": PARIS.zone, "tour_enabled": False})
        users.search([("login", "=", "admin")]).company_id = self.company
        self.company.relance_user_id = self.by("comptable").user

    def _know_customers(self):
        policies = {"key": self.env.ref("relance_douce.policy_key")}
        for name, (xmlid, values) in CUSTOMERS.items():
            customer = self.env.ref(xmlid)
            values = {"lang": LANG, **values}
            if "policy" in values:
                values["relance_policy_id"] = policies[values.pop("policy")].id
                values["user_id"] = self.by("commerciale").uid
            customer.write(values)
            self.customers[name] = customer
        for name, values in NEW_CUSTOMERS.items():
            country = self.env.ref(values.get("country", "base.fr"))
            values = {key: value for key, value in values.items() if key != "country"}
            self.customers[name] = self.env["res.partner"].create(
                {**values, "lang": LANG, "country_id": country.id}
            )

    def reload_ledger(self):
        """Odoo's own demonstration ledger once more, dated from the day of the clock.

        In the database it is as old as the template.
        """
        mine = [("company_id", "=", self.company.id)]
        moves = self.env["account.move"].search(mine)
        moves.filtered(lambda move: move.state == "posted").button_draft()
        self.env["account.bank.statement"].search(mine).unlink()
        self.env["account.bank.statement.line"].search(mine).unlink()
        moves.exists().with_context(force_delete=True).unlink()
        self.env["account.chart.template"].with_context(
            lang="en_US", mail_notify_force_send=False
        )._install_demo(self.company)
        # tasks of Odoo's own are not ours to tell
        self.env["mail.mail"].search([("state", "=", "outgoing")]).unlink()


# -- the days -----------------------------------------------------------------------------------------
class Life:
    """Lives the days one by one and remembers what the decision said."""

    def __init__(self, house, first, postbox, out):
        self.house = house
        self.env = house.env
        self.company = house.company
        self.first = first
        self.postbox = postbox
        self.out = out
        self.lost_addresses = set()
        self.cheques = {}
        #: customer → [(day, what happened beside reminders, amount or None), …]
        self.notes = defaultdict(list)
        #: journal item → [[reason, first day, last day, row], …]
        self.reasons = defaultdict(list)
        #: what people do on the next day on which the house is open
        self.postponed = []

    def day(self, number):
        return self.first + timedelta(number - 1)

    def live(self, clock, progress):
        for number in progress:
            day = self.day(number)
            sent = self.env["relance.reminder"].search_count([("contact_date", "!=", False)])
            progress.set_description_str(f"{french(day)}, {sent} messages", refresh=False)
            self.at(clock, day, 8)
            events, self.postponed = self.postponed, []
            for _number, what, *how in (*events, *(event for event in STORY if event[0] == number)):
                if what in ("negotiate", "sign") and not self.is_open(day):
                    self.postponed.append((number, what, *how))
                else:
                    getattr(self, what)(day, *how)
            self.at(clock, day, 9)
            self.remember(day)
            self.env["relance.run"]._run(self.company, day)
            self.at(clock, day, 10)
            if number <= DAYS - UNAPPROVED_DAYS:
                self.approve(day)
            self.env["relance.reminder"]._send_batch(now=utc(day, 10))
            self.env["relance.plan"]._follow(self.company, day)
            self.env["relance.plan.message"]._send_batch(self.company, utc(day, 10))
            self.env.cr.commit()
            self.env["mail.mail"].process_email_queue()
            self.open_post(day)
            if number < DAYS:
                self.at(clock, day, 15)
                if number <= DAYS - UNPOSTED_DAYS:
                    self.post_letters(day)
                self.call(day)
            self.env.cr.commit()

    def at(self, clock, day, hour):
        clock.move_to(utc(day, hour))

    def is_open(self, day):
        return bool(self.company._relance_opening(day))

    # -- the engine's people
    def reminders(self, login, **domain):
        return self.house.by(login)["relance.reminder"].search(
            [("company_id", "=", self.company.id)] + [(field, "=", value) for field, value in domain.items()]
        )

    def approve(self, day):
        """The accountant approves every day, the manager on Mondays and Thursdays."""
        if not self.is_open(day):
            return
        for login, approval in (("comptable", "user"), ("gerant", "manager")):
            drafts = self.reminders(login, state="draft").filtered(
                lambda one: one.approval == approval  # noqa: B023
            )
            if drafts and (login == "comptable" or day.weekday() in (0, 3)):
                drafts.action_approve()

    def post_letters(self, day):
        letters = self.reminders("comptable", state="ready", channel="letter")
        letters = letters.filtered("date_prepared")
        if letters and self.is_open(day):
            letters.action_print()
            letters.action_mark_posted(day)

    def call(self, day):
        calls = self.reminders("comptable", state="ready", channel="call")
        calls = calls.filtered("date_prepared")
        if calls and self.is_open(day):
            calls.action_call_done("reached")

    def remember(self, day):
        for row in self.env["relance.decision"]._decide(self.company, day):
            periods = self.reasons[row.move_line_id]
            if periods and periods[-1][0] == row.reason:
                periods[-1][2:] = [day, row]
            else:
                periods.append([row.reason, day, day, row])

    # -- mails
    def open_post(self, day):
        """Keep the mails that arrived; those to a lost address come back."""
        for recipients, mail in self.postbox.take():
            write_mail(self.env, self.out, day, mail)
            if self.lost_addresses & set(recipients):
                self.env["mail.thread"].message_process(False, bounce_of(mail, self.company.bounce_email))
                customer = self.env["res.partner"].search([("email_normalized", "in", recipients)])
                self.note(day, customer, "Le message revient\u00a0: adresse inconnue")

    def lose_address(self, _day, name):
        self.lost_addresses.add(self.house.customers[name].email_normalized)

    def note(self, day, customer, text, amount=None):
        self.notes[customer.commercial_partner_id].append((day, text, amount))

    # -- business
    def sell(self, day, name, days, products):
        move = self.house.by("comptable")["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.house.customers[name].id,
                "invoice_date": day,
                "invoice_payment_term_id": False,
                "invoice_date_due": day + timedelta(days),
                "invoice_line_ids": [
                    Command.create(
                        {
                            "product_id": self.env.ref(product).id,
                            "quantity": quantity,
                            "tax_ids": [Command.set(self.company.account_sale_tax_id.ids)],
                        }
                    )
                    for product, quantity in products.items()
                ],
            }
        )
        move.action_post()
        due = french(move.invoice_date_due, "d MMM")
        self.note(day, move.partner_id, f"{move.name}, échéance {due}", move.amount_total)

    def _bank_line(self, day, amount, label, partner=None):
        env = self.house.by("comptable")
        bank = env["account.journal"].search(
            [("type", "=", "bank"), ("company_id", "=", self.company.id)], limit=1
        )
        return env["account.bank.statement.line"].create(
            {
                "journal_id": bank.id,
                "date": day,
                "payment_ref": label,
                "amount": amount,
                "partner_id": partner.id if partner else False,
            }
        )

    def bank_fees(self, day):
        self._bank_line(day, -9.5, "Frais de tenue de compte")

    def _match(self, day, statement, lines):
        """What the reconciliation screen does: the suspense account gives way to the invoices."""
        statement = statement.with_env(self.house.by("comptable"))
        suspense = statement.move_id.line_ids.filtered(
            lambda line: line.account_id == statement.journal_id.suspense_account_id
        )
        statement.move_id.button_draft()
        suspense.write({"account_id": lines.account_id.id, "partner_id": lines.partner_id.id})
        statement.move_id.action_post()
        (suspense + lines.with_env(suspense.env)).reconcile()
        self.note(day, lines.partner_id, "Virement rapproché", statement.amount)

    def match(self, day, amount, invoices):
        """A line of Odoo's ledger meets its invoices."""
        statement = self.env["account.bank.statement.line"].search(
            [("company_id", "=", self.company.id), ("amount", "=", amount)], limit=1
        )
        self._match(day, statement, self._due_lines(*map(self.house.of_ledger, invoices)))

    def set_off(self, day, *names):
        """The accountant matches a credit note with its invoice."""
        credit_note, invoice = map(self.house.of_ledger, names)
        lines = self._due_lines(credit_note, invoice)
        lines.with_env(self.house.by("comptable")).reconcile()
        self.note(day, invoice.partner_id, "Avoir imputé", credit_note.amount_total)

    def transfer(self, day, name, amount=None):
        customer = self.house.customers[name]
        lines = self._due_lines(*self._open_invoices(customer, day))
        amount = amount or sum(lines.mapped("amount_residual"))
        statement = self._bank_line(day, amount, f"Virement {customer.name}", customer)
        self._match(day, statement, lines)

    def cheque(self, day, name):
        customer = self.house.customers[name]
        invoices = self._open_invoices(customer, day)
        wizard = (
            self.house.by("comptable")["account.payment.register"]
            .with_context(active_model="account.move", active_ids=invoices.ids)
            .create({"payment_date": day, "communication": f"Chèque {customer.name}"})
        )
        self.cheques[name] = cheque = wizard._create_payments()
        self.note(day, customer, "Chèque reçu", cheque.amount)

    def reject_cheque(self, day, name):
        cheque = self.cheques.pop(name)
        cheque.action_draft()
        cheque.action_cancel()
        self.note(day, cheque.partner_id, "Chèque rejeté par la banque", cheque.amount)

    def _open_invoices(self, customer, day):
        """His invoices that are due, oldest first."""
        return self.env["account.move"].search(
            [
                ("company_id", "=", self.company.id),
                ("commercial_partner_id", "=", customer.id),
                ("move_type", "=", "out_invoice"),
                ("payment_state", "in", ("not_paid", "partial")),
                ("invoice_date_due", "<=", day),
            ],
            order="invoice_date_due, id",
        )

    def _due_lines(self, *moves):
        return (
            self.env["account.move"]
            .union(*moves)
            .line_ids.filtered(lambda line: line.account_type == "asset_receivable")
        )

    # -- payment plans
    def negotiate(self, day, name, count, first_in, every, cause, words):
        """A customer calls and asks for time: the accountant proposes instalments."""
        env = self.house.by("comptable")
        lines = self._due_lines(*self._open_invoices(self.house.customers[name], day))
        first, *_others = env["relance.plan"]._working_days(self.company, [day + timedelta(first_in)])
        plan = env["relance.plan"]._create_for(
            lines.with_env(env), count, first, every, cause=cause, cause_note=words
        )
        plan.action_propose()
        self.note(day, plan.partner_id, f"Échéancier proposé, {count} échéances : {words}", plan.amount_total)

    def sign(self, day, name, person, function):
        """The customer signs with his finger, on his link."""
        plan = self._plan(name)
        plan._accept(
            person, signature=signature(), function=function, ip="192.0.2.44", offer=plan._offer_hash()
        )
        self.note(day, plan.partner_id, f"Échéancier signé en ligne par {person}")

    def instalment(self, day, name):
        """A transfer of exactly the next instalment."""
        plan = self._plan(name)
        statement = self._bank_line(
            day, plan.next_amount, f"Virement {plan.partner_id.name}", plan.partner_id
        )
        self._match(day, statement, plan.claim_ids.move_line_id.filtered(lambda line: not line.reconciled))

    def _plan(self, name):
        """The plan of this customer that is not closed yet, as the portal sees it."""
        return self.env["relance.plan"].search(
            [
                ("partner_id", "=", self.house.customers[name].id),
                ("state", "in", ("proposed", "active")),
            ]
        )

    def pause(self, day, name, days, reason):
        env = self.house.by("comptable")
        cases = env["relance.case"].search(
            [("partner_id", "=", self.house.customers[name].id), ("state", "=", "open")]
        )
        until = day + timedelta(days)
        cases.action_pause(until, reason)
        self.note(day, cases.partner_id, f"Pause jusqu’au {french(until)}\u00a0: {reason}")


# -- what is kept on paper -------------------------------------------------------------------------------
def write_mail(env, out, day, mail):
    """``mail`` as it came over the wire, in a file named after what it is."""
    parsed = message_from_bytes(mail, policy=policy.default)
    message_id = "".join(parsed["Message-Id"].split())
    reminder = env["relance.reminder"].search([("message_id.message_id", "=", message_id)], limit=1)
    if reminder:
        name = f"{day}-{LETTERS[reminder.tone]}-{slug(reminder.partner_id.name)}"
    else:
        name = f"{day}-interne-{slug(parsed['Subject'] or '')[:40]}"
    free_name(out / "mails" / f"{name}.eml").write_bytes(mail)


def write_letters(house, out, day):
    """The letters of all that left or is ready, and an account statement.

    :return: tones of the letters written
    """
    tones = set()
    reminders = house.env["relance.reminder"].search(
        [("company_id", "=", house.company.id), ("state", "in", ("sent", "ready"))], order="id"
    )
    for reminder in reminders:
        content = reminder.attachment_id.raw or b""
        if content.startswith(b"%PDF"):
            when = reminder.contact_date or reminder.date_planned
            name = f"{when}-{LETTERS[reminder.tone]}-{slug(reminder.partner_id.name)}.pdf"
            free_name(out / "letters" / name).write_bytes(content)
            tones.add(reminder.tone)
    for plan in house.env["relance.plan"].search([("agreement_id", "!=", False)]):
        name = f"{plan.date_start}-accord-d-echelonnement-{slug(plan.partner_id.name)}.pdf"
        (out / "letters" / name).write_bytes(plan.agreement_id.raw)
    customer = house.customers["morel"]
    report = house.by("comptable")["ir.actions.report"].with_context(force_report_rendering=True)
    content, _kind = report._render_qweb_pdf("relance_douce.report_letter_statement", customer.ids)
    if content.startswith(b"%PDF"):
        (out / "letters" / f"{day}-{STATEMENT}-{slug(customer.name)}.pdf").write_bytes(content)
        tones.add(STATEMENT)
    return tones


# -- what is told ------------------------------------------------------------------------------------------
#: reasons of the kind “wait” that are worth a line of their own
TOLD = ("small", "budget", "address")


class Account:
    """The printed story: who was contacted, who was not, and why."""

    def __init__(self, life, last):
        self.env = life.env
        self.company = life.company
        self.reasons = life.reasons
        self.notes = life.notes
        self.first, self.last = life.first, last
        self.reminders = self.env["relance.reminder"].search(
            [("company_id", "=", self.company.id)], order="id"
        )
        self.messages = self.env["relance.plan.message"].search(
            [("company_id", "=", self.company.id), ("state", "=", "sent")], order="id"
        )
        self.plans = self.env["relance.plan"].search([("company_id", "=", self.company.id)], order="id")
        self.kinds = dict(self.messages._fields["kind"]._description_selection(self.env))
        selections = self.reminders.fields_get(["channel", "state", "delivery_state"], ["selection"])
        self.labels = {name: dict(field["selection"]) for name, field in selections.items()}

    def amount(self, amount):
        return formatLang(self.env, amount, currency_obj=self.company.currency_id)

    def tell(self):
        print(
            f"\n{self.company.name}, {self.company.city} · {DAYS} jours, "
            f"du {french(self.first, 'd MMMM y')} au {french(self.last, 'd MMMM y')}"
        )
        rows = [period[3] for periods in self.reasons.values() for period in periods]
        payers = self.env["res.partner"].browse({row.partner_id for row in rows})
        for payer in (payers | self.reminders.partner_id | self.plans.partner_id).sorted("name"):
            self._tell_customer(payer)
        self._tell_totals()

    def _tell_customer(self, payer):
        reminders = self.reminders.filtered(lambda one: one.partner_id == payer)
        policies = reminders.policy_id.mapped("name")
        wish = self.labels["channel"].get(payer.relance_channel)
        print()
        print(" · ".join(filter(None, [payer.name, *policies, wish and f"préfère\u00a0: {wish}"])))
        events = [(day, f"+ {text}", amount, "") for day, text, amount in self.notes[payer]]
        for reminder in reminders:
            channel = self.labels["channel"].get(reminder.channel, "")
            events.append(
                (
                    reminder.contact_date or reminder.date_planned,
                    f"{reminder.level_id.name:<24}{channel}",
                    reminder.balance_total,
                    self._state(reminder),
                )
            )
        for message in self.messages.filtered(lambda one: one.partner_id == payer):
            kind = f"Échéancier : {self.kinds[message.kind].lower()}"
            events.append(
                (message.contact_date, f"{kind:<24} {self.labels['channel'][message.channel]}", 0, "")
            )
        for day, text, amount, state in sorted(events, key=lambda event: event[0]):
            amount = self.amount(amount) if amount else ""
            print(f"  {french(day):<14} {text:<36} {amount:>12}  {state}".rstrip())
        if not reminders:
            print("  Aucun message.")
        silences = self._silences(payer, reminders)
        if silences:
            print("  Pourquoi pas davantage\u00a0:" if reminders else "  Pourquoi\u00a0:")
        for invoices, first, last, sentence in silences:
            days = french(first, "d MMM")
            if last != first:
                days = f"{days} – {french(last, 'd MMM')}"
            print(f"    {days:<20}{', '.join(invoices)}\n{'':24}{sentence}")

    def _state(self, reminder):
        state = self.labels["state"][reminder.state]
        if reminder.state in ("cancelled", "lapsed") and reminder.cancel_reason:
            return f"{state} ({reminder.cancel_reason})"
        delivery = reminder.state == "sent" and self.labels["delivery_state"].get(reminder.delivery_state)
        tried = [
            self.labels["channel"][channel]
            for channel in (reminder.tried_channels or "").split(",")
            if channel and channel != reminder.channel
        ]
        tried = f"après échec\u00a0: {', '.join(tried)}" if tried else None
        return " · ".join(filter(None, [state, delivery, tried]))

    def _silences(self, payer, reminders):
        """[(invoices, first day, last day, why nothing left in these days)]"""
        reminded = set(reminders.line_ids.move_line_id.ids)
        groups = {}
        for line_id, periods in self.reasons.items():
            rows = [period[3] for period in periods]
            if rows[0].partner_id != payer.id:
                continue
            told = self._told(periods) or ([] if line_id in reminded else periods[-1:])
            invoice = self.env["account.move"].browse(rows[0].move_id).name
            for reason, first, last, row in told:
                paid = line_id not in reminded and row.verdict == "wait" and last < self.last
                key = (first, last, "paid" if paid else reason)
                groups.setdefault(key, ([], row, paid))[0].append(invoice)
        explain = self.env["relance.decision"]._explain
        return [
            (
                sorted(invoices),
                first,
                last,
                "Réglée avant toute relance." if paid else explain([row])[0],
            )
            for (first, last, _reason), (invoices, row, paid) in sorted(groups.items())
        ]

    def _told(self, periods):
        """The periods worth a line; a pause of a few days between two does not count."""
        told = []
        for reason, first, last, row in periods:
            if row.verdict != "hold" and reason not in TOLD:
                continue
            if told and told[-1][0] == reason and first - told[-1][2] <= timedelta(7):
                told[-1][2:] = [last, row]
            else:
                told.append([reason, first, last, row])
        return told

    def _tell_totals(self):
        sent = self.reminders.filtered(lambda one: one.state == "sent")
        claimed = defaultdict(float)
        for content in sent.line_ids:
            claimed[content.move_line_id] = max(claimed[content.move_line_id], content.balance_residual)
        partials = [partial for line in claimed for partial in line.matched_credit_ids]
        paid = sum(partial.amount for partial in partials if partial.credit_move_id.move_id.statement_line_id)
        credited = sum(
            partial.amount for partial in partials if partial.credit_move_id.move_id.move_type == "out_refund"
        )
        states = dict(self.plans._fields["state"]._description_selection(self.env))
        print("\nAccords d’échelonnement :")
        for plan in self.plans:
            print(
                f"  {plan.name:<16}{plan.partner_id.name:<26}{states[plan.state]:<14}"
                f"{self.amount(plan.amount_paid):>12} sur {self.amount(plan.amount_total)}"
            )
        rows = self.env["relance.decision"]._decide(self.company, self.last, verdicts=("hold",))
        held = sum(row.balance_residual for row in rows)
        print(f"\nEn tout, {len(sent)} messages à {len(sent.partner_id)} clients.")
        for label, amount in (
            ("Relancé", sum(claimed.values())),
            ("Réglé depuis par la banque", paid),
            ("Soldé par des avoirs", credited),
            ("Reste dû sur ce qui a été relancé", sum(line.amount_residual for line in claimed)),
            ("Suspendu ce matin", held),
        ):
            print(f"  {label:<36}{self.amount(amount):>16}")


# -- the whole ----------------------------------------------------------------------------------
class Failure(Exception):
    """Ends the demonstration with one line."""


class Errors(logging.Handler):
    """Counts what Odoo logs as an error."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


def open_database(arguments):
    options = ["-c", arguments.conf, "-d", arguments.db, "--no-http", "--log-level=warn"]
    config.parse_config([*options, "--logfile", str(arguments.out / "odoo.log")], setup_logging=True)
    errors = Errors()
    logging.getLogger().addHandler(errors)
    threading.current_thread().dbname = arguments.db
    return Registry(arguments.db), errors


def check(life, letters, errors):
    """What must not be missing.

    :raise Failure: with what is missing
    """
    missing = [name for tone, name in LETTERS.items() if tone not in letters]
    if STATEMENT not in letters:
        missing.append(STATEMENT)
    if missing:
        raise Failure(f"Il manque des courriers\u00a0: {', '.join(missing)}.")
    states = set(life.env["relance.plan"].search([]).mapped("state"))
    if not {"kept", "broken", "active", "proposed"} <= states:
        raise Failure(f"Il manque des accords d’échelonnement : il n’y a que {', '.join(sorted(states))}.")
    reminders = life.env["relance.reminder"]
    if not reminders.search_count([("state", "=", "draft")], limit=1):
        raise Failure("Il manque des relances à valider ce matin.")
    if reminders.search_count(reminders._to_post_domain(), limit=3) < 3:
        raise Failure("Il manque des courriers à poster ce matin.")
    failed = life.env["relance.reminder"].search([("error", "!=", False)], limit=1)
    failed = failed or life.env["relance.plan.message"].search([("error", "!=", False)], limit=1)
    if failed:
        raise Failure(f"{failed.display_name}\u00a0: {failed.error}")
    if errors.messages:
        raise Failure(f"Erreur dans le journal ({life.out / 'odoo.log'})\u00a0: {errors.messages[0]}")


def live(arguments, registry, errors, postbox, port):
    """The days, the papers, the account of it."""
    last = arguments.last
    first = last - timedelta(DAYS - 1)
    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        # a bar that moves needs a clock that runs
        with freeze_time(utc(first, 7), ignore=["tqdm"]) as clock:
            progress = tqdm(
                range(1, DAYS + 1),
                desc="Préparation",
                bar_format="{desc} |{bar:40}| jour {n_fmt}/{total_fmt} [{elapsed}]",
                mininterval=0.1 if sys.stderr.isatty() else 5,
            )
            house = House(env)
            house.furnish(first, last, postbox, f"http://127.0.0.1:{port}")
            house.reload_ledger()
            cr.commit()
            life = Life(house, first, postbox, arguments.out)
            life.live(clock, progress)
            letters = write_letters(house, arguments.out, last)
        cr.commit()
        Account(life, last).tell()
        for kind, suffix in (("letters", "pdf"), ("mails", "eml")):
            folder = arguments.out / kind
            print(f"  {len(list(folder.glob(f'*.{suffix}')))} fichiers dans {shown(folder)}")
        check(life, letters, errors)


def shown(path):
    with contextlib.suppress(ValueError):
        return path.relative_to(Path.cwd())
    return path


def free_port(wanted=8069):
    for port in (*range(wanted, wanted + 20), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return probe.getsockname()[1]


def serve(arguments, registry, postbox, port):
    """A server until Ctrl-C; what is sent by hand arrives in the folder of mails too."""

    def keep():
        with registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            for _recipients, mail in postbox.take():
                write_mail(env, arguments.out, datetime.now(PARIS).date(), mail)

    postbox.deliver = keep
    log = arguments.out / "server.log"
    try:
        with web_server(arguments.conf, arguments.db, log, port, cron_threads=1) as (address, server):
            try:
                welcome(registry, address)
                server.wait()
            except KeyboardInterrupt:
                print("\nLe serveur s’arrête…", file=sys.stderr)
                return
        raise Failure(f"Le serveur s’est arrêté (journal\u00a0: {log}).")
    except NotStarted:
        raise Failure("Le serveur n’a pas démarré.") from None


def welcome(registry, address):
    """Where to go, and as whom."""
    print(f"\n{address}/odoo")
    for login in ("admin", *PEOPLE):
        role = PEOPLE[login][1] if login in PEOPLE else "Administrateur"
        print(f"  {login + ' / ' + login:<28}{role}")
    with registry.cursor() as cr:
        waiting = api.Environment(cr, SUPERUSER_ID, {})["relance.plan"].search(
            [("state", "=", "proposed")], limit=1
        )
        if waiting:
            print(f"Ce que {waiting.partner_id.name} a reçu à signer :\n{waiting._customer_url()}")
    print("Ctrl-C arrête le serveur.", flush=True)


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conf", required=True)
    parser.add_argument("--db", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--last", type=date.fromisoformat, default=datetime.now(PARIS).date())
    parser.add_argument("--once", action="store_true")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    port = free_port()
    try:
        registry, errors = open_database(arguments)
        with Postbox() as postbox:
            live(arguments, registry, errors, postbox, port)
            if not arguments.once:
                serve(arguments, registry, postbox, port)
            postbox.shutdown()
    except KeyboardInterrupt:
        return 130
    except Failure as error:
        print(error, file=sys.stderr)
        return 1
    except Exception as error:
        logging.getLogger("odoo.relance_demo").exception("The demonstration stopped")
        first_line = str(error).strip().splitlines() or [type(error).__name__]
        print(
            f"\nLa démonstration s’est arrêtée\u00a0: {first_line[0]} "
            f"(journal\u00a0: {arguments.out / 'odoo.log'})",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
