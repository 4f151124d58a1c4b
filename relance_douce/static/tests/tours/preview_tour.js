import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("relance_preview_tour", {
    url: "/odoo/reminders-preview",
    steps: () => [
        {
            content: "One sentence says what would happen",
            trigger: ".o_relance_headline:contains(2 customers get a friendly reminder)",
        },
        {
            content: "and who is left alone",
            trigger: ".o_relance_headline:contains(1 customer is left alone)",
        },
        {
            content: "There is no other preview to leaf to",
            trigger: ".o_control_panel:not(:has(.o_pager))",
        },
        {
            content: "Why not?",
            trigger: ".o_relance_table[data-table=reason] button:contains(Paused)",
            run: "click",
        },
        {
            content: "The line says it in a sentence",
            trigger: ".o_data_row:contains(Patient customer) td[name=why]:contains(paused until)",
        },
        {
            content: "Back to the preview",
            trigger: ".o_back_button",
            run: "click",
        },
        {
            content: "What goes by post?",
            trigger: ".o_relance_table[data-table=channel] tr:contains(Letter) button",
            run: "click",
        },
        {
            content: "Nothing else is listed",
            trigger: ".o_list_view:not(:has(.o_data_row:contains(Customer with e-mail)))",
        },
        {
            trigger:
                ".o_data_row:contains(Customer with a letter box) button[name=action_open_message]",
            run: "click",
        },
        {
            content: "The letter as it would be",
            trigger:
                ".modal .o_relance_letter_page:iframe .pdfViewer .page .textLayer:contains(Customer with a letter box)",
        },
        {
            trigger: ".modal footer button[special=cancel]",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal))",
        },
        {
            content: "Back to the preview",
            trigger: ".o_back_button",
            run: "click",
        },
        {
            trigger: ".o_relance_table[data-table=channel] tr:contains(E-mail) button",
            run: "click",
        },
        {
            trigger: ".o_data_row:contains(Customer with e-mail) button[name=action_open_message]",
            run: "click",
        },
        {
            content: "The mail as it would be",
            trigger: ".modal .o_field_widget[name=body]:contains(Hello)",
        },
    ],
});
