import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("relance_accountant_tour", {
    steps: () => [
        {
            content: "Open the reminder that waits for approval",
            trigger: ".o_data_row:contains(Customer with e-mail) td[name=partner_id]",
            run: "click",
        },
        {
            content: "Read it as the customer will",
            trigger: ".o_field_widget[name=preview]:contains(Would you settle it)",
        },
        {
            trigger: ".o_statusbar_buttons button[name=action_approve]:enabled",
            run: "click",
        },
        {
            trigger: ".o_arrow_button_current[data-value=ready]",
        },
        {
            trigger: ".o_statusbar_buttons button[name=action_send_now]:enabled",
            run: "click",
        },
        {
            trigger: ".o_arrow_button_current[data-value=sent]",
        },
        {
            content: "On to the letters",
            trigger: ".o_menu_sections [data-menu-xmlid='relance_douce.menu_relance_reminders']",
            run: "click",
        },
        {
            trigger: ".dropdown-item[data-menu-xmlid='relance_douce.menu_relance_to_post']",
            run: "click",
        },
        {
            trigger: ".o_breadcrumb:contains(To print and post)",
        },
        {
            content: "Nothing but letters is listed",
            trigger: ".o_list_view:not(:has(.o_data_row:contains(Customer with e-mail)))",
        },
        {
            trigger:
                ".o_data_row:contains(Customer with a letter box) .o_list_record_open_form_view button",
            run: "click",
        },
        {
            trigger: ".o_statusbar_buttons button[name=action_print]:enabled",
            run: "click",
        },
        {
            content: "Printed is not posted",
            trigger: ".o_arrow_button_current[data-value=ready]",
        },
        {
            trigger: ".o_statusbar_buttons button[name=action_mark_posted]:enabled",
            run: "click",
        },
        {
            trigger: ".o_arrow_button_current[data-value=sent]",
        },
    ],
});
