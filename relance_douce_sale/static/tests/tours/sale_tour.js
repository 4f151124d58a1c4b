import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("relance_sale_salesperson_tour", {
    steps: () => [
        {
            content: "The customer's page says it in one sentence",
            trigger: ".o_form_view .alert [name=relance_summary]:contains(One invoice late)",
        },
        {
            content: "On to the quotation",
            trigger: "button[name='sale.act_res_partner_2_sale_order'], button:contains(Sales)",
            run: "click",
        },
        {
            trigger: ".o_data_row:contains(Late customer) td[name=name]",
            run: "click",
        },
        {
            content: "The same sentence, and who can help",
            trigger: ".o_form_view .alert [name=relance_summary]:contains(One invoice late)",
        },
        {
            trigger: ".alert [name=relance_hold]:contains(Anne Comptable)",
        },
        {
            content: "A salesperson does not release it",
            trigger: ".o_form_view:not(:has(button[name=action_relance_release]))",
        },
        {
            trigger: ".o_statusbar_buttons button[name=action_confirm]:visible:enabled",
            run: "click",
        },
        {
            content: "It is refused in words",
            trigger: ".o_dialog:contains(Anne Comptable) .modal-footer button.btn-primary",
            run: "click",
        },
        {
            trigger: ".o_arrow_button_current:contains(Quotation)",
        },
    ],
});

registry.category("web_tour.tours").add("relance_sale_accountant_tour", {
    steps: () => [
        {
            trigger: ".alert [name=relance_hold]:contains(Anne Comptable)",
        },
        {
            content: "She lets it go",
            trigger: ".alert button[name=action_relance_release]:enabled",
            run: "click",
        },
        {
            content: "What is late is still said, nothing is held any more",
            trigger: ".alert:has([name=relance_summary]:contains(One invoice late)):not(:has([name=relance_hold]:visible))",
        },
        {
            trigger: ".o_statusbar_buttons button[name=action_confirm]:visible:enabled",
            run: "click",
        },
        {
            trigger: ".o_arrow_button_current:contains(Sales Order)",
        },
        {
            content: "With a trace",
            trigger: ".o-mail-Message:contains(Released by Anne Comptable)",
        },
    ],
});
