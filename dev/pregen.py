# piped into `odoo shell`: compile once, into the template, every bundle that a tour loads
qweb = env["ir.qweb"]
for name in (
    "web.assets_web",
    "web.assets_web_print",
    "web.assets_backend_lazy",
    "web.assets_tests",
    "web.assets_emoji",
    "web_tour.interactive",
    "web_tour.automatic",
    "bus.websocket_worker_assets",
    "web.assets_frontend",
    "web.assets_frontend_lazy",
    "web.assets_frontend_minimal",
    "web.report_assets_common",
    "web.report_assets_pdf",
):
    # reports ask for the variant with vendor prefixes
    prefixed = name.startswith("web.report_assets_")
    bundle = qweb._get_asset_bundle(name, css=True, js=True, autoprefix=prefixed)
    for kind in (bundle.js, bundle.css):
        try:
            kind()
        except Exception as error:  # a bundle may have only one kind
            print(name, kind.__name__, error)
# the pointers of Odoo's onboarding stand in the way of tours and pictures
env["res.users"].search([]).tour_enabled = False
env.cr.commit()
