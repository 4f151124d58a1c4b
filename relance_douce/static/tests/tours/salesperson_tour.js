import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("relance_salesperson_tour", {
    steps: () => [
        {
            content: "Her own customer is listed, with what is overdue",
            trigger: ".o_data_row:contains(Her customer) td[name=amount_overdue]:contains(1,200)",
        },
        {
            content: "… and nobody else's",
            trigger: ".o_list_view:not(:has(.o_data_row:contains(Another customer)))",
        },
        {
            content: "She neither runs nor configures",
            trigger:
                ".o_menu_sections:not(:has([data-menu-xmlid='relance_douce.menu_relance_configuration'])):not(:has([data-menu-xmlid='relance_douce.menu_relance_runs']))",
        },
        {
            trigger: ".o_data_row:contains(Her customer) td[name=partner_id]",
            run: "click",
        },
        {
            trigger: ".o_notebook .nav-link[name=reminders]",
            run: "click",
        },
        {
            content: "The case shows the reminders, and no button that decides",
            trigger:
                ".o_form_view:has(.o_field_widget[name=reminder_ids] .o_data_row):not(:has(button[name=action_open_pause_wizard]))",
        },
        {
            trigger: "button[name=action_open_reminders]",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row:contains(Her customer) td[name=partner_id]",
            run: "click",
        },
        {
            content: "She reads the message and cannot send it",
            trigger:
                ".o_form_view:has(.o_field_widget[name=preview]:contains(Would you settle it)):not(:has(button[name=action_approve]))",
        },
    ],
});
