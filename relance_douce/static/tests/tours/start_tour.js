import { registry } from "@web/core/registry";

/** The row of one step. */
const step = (name) => `.o_relance_step:contains(${name})`;

const SCREEN = ".o_breadcrumb:contains(First steps)";

registry.category("web_tour.tours").add("relance_start_tour", {
    steps: () => [
        {
            content: "Reminders are off, and the screen says so",
            trigger: ".alert-info:contains(Reminders are off)",
        },
        {
            content: "Before the preview there is no way to start",
            trigger: ".o_relance_switch:not(:has(button[name=action_start]))",
        },
        {
            trigger: `${step("public holidays")} button[name=action_do]`,
            run: "click",
        },
        {
            trigger: `${step("public holidays")} [title=Done]`,
        },
        {
            trigger: `${step("Fresh bank data")} button[name=action_do]`,
            run: "click",
        },
        {
            trigger: `${step("Fresh bank data")} [title=Done]`,
        },
        {
            trigger: `${step("Dunning policies")} button[name=action_do]`,
            run: "click",
        },
        {
            trigger: `${step("Dunning policies")} [title=Done]`,
        },
        {
            content: "The owner approves from one mail a week",
            trigger: `${step("Who approves")} button[name=action_do]`,
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=weekday] input",
            run: "click",
        },
        {
            trigger: ".o_select_menu_item:contains(Monday)",
            run: "click",
        },
        {
            trigger: ".modal button[name=action_save]",
            run: "click",
        },
        {
            trigger: `${step("Who approves")}:contains(Weekly mail: monday) [title=Done]`,
        },
        {
            content: "The model text is read before it is printed",
            trigger: `${step("Mandatory mentions")} button[name=action_do]`,
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=terms]:contains(fixed recovery fee of 40)",
        },
        {
            trigger: ".modal button[name=action_save]",
            run: "click",
        },
        {
            trigger: `${step("Mandatory mentions")} [title=Done]`,
        },
        {
            content: "What the journals leave out is looked at, then chased",
            trigger: `${step("Journals and accounts")} button[name=action_help]`,
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row:contains(Customer from before)",
        },
        {
            trigger: ".o_breadcrumb .o_back_button, .breadcrumb-item a:contains(First steps)",
            run: "click",
        },
        {
            trigger: `${step("Journals and accounts")} button[name=action_do]`,
            run: "click",
        },
        {
            trigger: `${step("Journals and accounts")} [title=Done]`,
        },
        {
            content: "Customers are qualified by typing through",
            trigger: `${step("to be qualified")} button[name=action_do]`,
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row:contains(Customer from before) td[name=company_registry]",
            run: "click",
        },
        {
            trigger: ".o_selected_row td[name=company_registry] input",
            run: "edit 33417522101010",
        },
        {
            trigger: ".o_list_button_save:visible, .o_control_panel .o_list_button_save",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row td[name=relance_audience]:contains(Professional)",
        },
        {
            trigger: ".o_breadcrumb .o_back_button, .breadcrumb-item a:contains(First steps)",
            run: "click",
        },
        {
            trigger: `${step("to be qualified")} [title=Done]`,
        },
        {
            content: "What is not needed can be said",
            trigger: `${step("Outgoing e-mail")} button[name=action_skip]`,
            run: "click",
        },
        {
            trigger: `${step("Outgoing e-mail")} [title='Not needed']`,
        },
        {
            content: "The preview opens the switch",
            trigger: `${step("Preview")} button[name=action_do]`,
            run: "click",
        },
        {
            trigger: "body:not(:has(.o_relance_start))",
        },
        {
            trigger: ".o_menu_sections [data-menu-xmlid='relance_douce.menu_relance_start']",
            run: "click",
        },
        {
            trigger: SCREEN,
        },
        {
            trigger: `${step("Preview")} [title=Done]`,
        },
        {
            trigger: ".o_relance_switch button[name=action_start]:contains(Start on)",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "What was prepared is there to be looked at",
            trigger: ".o_relance_desk:contains(Reminders start on), .o_content:contains(Reminders start on)",
        },
        {
            content: "The menu is gone, the screen is not",
            trigger: ".o_main_navbar:not(:has([data-menu-xmlid='relance_douce.menu_relance_start']))",
            run: () => {
                window.location.href = "/odoo/reminders-start";
            },
            expectUnloadPage: true,
        },
        {
            trigger: ".alert:contains(Reminders start on)",
        },
        {
            trigger: ".o_relance_switch button[name=action_stop]",
            run: "click",
        },
        {
            trigger: ".o_notification:contains(Reminders are off)",
        },
        {
            trigger: ".alert-info:contains(Reminders are off)",
        },
    ],
});

registry.category("web_tour.tours").add("relance_start_icon_tour", {
    steps: () => [
        {
            trigger: ".o_navbar_apps_menu button",
            run: "click",
        },
        {
            trigger: ".o_app[data-menu-xmlid='relance_douce.menu_relance_root']",
            run: "click",
        },
        {
            trigger: SCREEN,
        },
        {
            trigger: ".o_relance_step",
        },
    ],
});
