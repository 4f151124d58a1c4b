"""What dev/demo lives: 90 days of a French company, with Odoo's own demonstration ledger.

Nothing is sent by a shortcut. Each day has its business (sales, bank lines, payments), then
the engine runs as its scheduled action would, people approve, print, post and call, and mails
leave through a mail server of our own, which keeps what really came over the wire.

The 90 days end today, so that the screens show what the company looks at this morning. Odoo's
ledger is dated from the day it is loaded: it is loaded anew, by Odoo itself, with the clock of
the first day. The clock stands still at the hour that is lived (freezegun); no date is edited.
"""

import argparse
import contextlib
import logging
import re
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
import unicodedata
import urllib.request
from collections import defaultdict
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from email import message_from_bytes, policy
from pathlib import Path

import pytz
from babel.dates import format_date
from dateutil.easter import easter
from freezegun import freeze_time
from tqdm import tqdm

from odoo import SUPERUSER_ID, Command, api
from odoo.exceptions import UserError
from odoo.modules.registry import Registry
from odoo.tools import config, formatLang

DAYS = 90
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
}

# -- what happens: (day, what, who or which, …), days counted from 1 -------------------------
SOFA, DESK, CHAIR = (
    "product.consu_delivery_01",
    "product.consu_delivery_02",
    "product.consu_delivery_03",
)
STORY = [
    # sales: customer, days to pay, [(product, quantity, price before tax)]
    (1, "sell", "lumber", 8, [(DESK, 4, 650.0)]),
    (2, "sell", "wood", 20, [(SOFA, 2, 1490.0), (CHAIR, 12, 89.0)]),
    (3, "sell", "gemini", 10, [(CHAIR, 10, 82.0)]),
    (3, "sell", "jackson", 15, [(SOFA, 1, 1490.0), (CHAIR, 6, 89.0)]),
    (4, "sell", "ready", 15, [(DESK, 2, 525.0)]),
    (6, "sell", "mairie", 30, [(DESK, 10, 545.0)]),
    (8, "sell", "morel", 15, [(DESK, 3, 610.0), (CHAIR, 8, 89.0)]),
    (20, "sell", "garnier", 10, [(CHAIR, 3, 96.5)]),
    (24, "sell", "morel", 30, [(SOFA, 1, 1390.0)]),
    (45, "sell", "wood", 29, [(DESK, 2, 640.0)]),
    (60, "sell", "acme", 27, [(SOFA, 4, 1350.0)]),
    (66, "sell", "garnier", 20, [(CHAIR, 2, 96.5)]),
    (72, "sell", "morel", 16, [(CHAIR, 4, 89.0)]),
    (80, "sell", "mairie", 15, [(CHAIR, 20, 79.0)]),
    # the bank account as it comes in, once a week; nobody imports it from day 27 to day 38
    *((day, "bank_fees") for day in (5, 12, 19, 26, 39, 46, 53, 60, 67, 74, 81, 88)),
    # lines of Odoo's ledger that nobody had matched yet
    (5, "match", 2000.0, ["demo_invoice_5"]),
    (5, "match", 1275.0, ["demo_invoice_6", "demo_invoice_7"]),
    (5, "match", 738.75, ["demo_invoice_10"]),
    (5, "match", 738.75, ["demo_invoice_9"]),
    # payments by transfer
    (12, "match", 650.0, ["demo_invoice_10"]),
    (12, "transfer", "acme", 20000.0),
    (12, "set_off", ["demo_invoice_followup", "demo_invoice_3"],
     ["demo_move_auto_reconcile_4", "demo_move_auto_reconcile_5"]),
    (19, "transfer", "openwood", None),
    (39, "transfer", "ready", None),
    (39, "transfer", "garnier", None),
    (60, "transfer", "lumber", None),
    (60, "transfer", "mairie", None),
    (67, "transfer", "acme", None),
    (74, "transfer", "gemini", None),
    # a cheque that the bank sends back
    (26, "cheque", "gemini"),
    (39, "reject_cheque", "gemini"),
    # an address that does not exist any more
    (12, "lose_address", "jackson"),
    # the accountant leaves somebody alone
    (14, "pause", "lumber", 31, "Le responsable est absent, règlement promis à son retour."),
]
