{
    "name": "Relance Douce: sales",
    "version": "19.0.1.0.0",
    "category": "Accounting/Accounting",
    "summary": "Says on quotations and orders what is late, and can hold them",
    "author": "Relance Douce contributors",
    "license": "LGPL-3",
    "depends": ["relance_douce", "sale"],
    "data": [
        "data/mail_activity_data.xml",
        "views/sale_order_views.xml",
        "views/res_config_settings_views.xml",
    ],
    "assets": {"web.assets_tests": ["relance_douce_sale/static/tests/tours/*.js"]},
    "auto_install": True,
}
