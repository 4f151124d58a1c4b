import { registry } from "@web/core/registry";

/** Three clicks: the button, what happened, Log. The rest is proposed. */
function logInThreeClicks(button, way) {
    return [
        {
            content: "First click: the button",
            trigger: `${button}:enabled`,
            run: "click",
        },
        {
            content: "What is overdue is meant",
            trigger: ".modal .o_data_row .o_boolean_toggle input:checked",
        },
        {
            content: "Second click: what happened",
            trigger: `.modal .o_field_widget[name=way] input[data-value=${way}]`,
            run: "click",
        },
        {
            content: "Third click: log",
            trigger: ".modal footer button[name=action_confirm]:enabled",
            run: "click",
        },
        {
            content: "It is said what follows",
            trigger: ".o_notification:contains(Contact logged)",
        },
        {
            trigger: "body:not(:has(.modal))",
        },
    ];
}

const tours = registry.category("web_tour.tours");

tours.add("relance_log_invoice_tour", {
    steps: () => logInThreeClicks(".o_statusbar_buttons button[name=action_relance_log]", "call_in"),
});

tours.add("relance_log_customer_tour", {
    steps: () => logInThreeClicks(".o-form-buttonbox button[name=action_relance_log]", "visit"),
});

tours.add("relance_log_case_tour", {
    steps: () => logInThreeClicks(".o_statusbar_buttons button[name=action_log]", "email_in"),
});

tours.add("relance_log_undo_tour", {
    steps: () => [
        {
            content: "What was logged reads as such",
            trigger: ".o_form_view .o_field_widget[name=label]:contains(E-mail received)",
        },
        {
            trigger: ".o_form_view button[name=action_undo]:contains(did not take place):enabled",
            run: "click",
        },
        {
            content: "… and can be brought back",
            trigger: ".o_form_view button[name=action_undo]:contains(It did take place):enabled",
        },
    ],
});

tours.add("relance_case_page_tour", {
    steps: () => [
        {
            content: "What is open, by establishment",
            trigger: ".o_relance_establishment:contains(Head office on the page, Grenoble)",
        },
        {
            trigger: ".o_relance_establishment:contains(Shop on the page, Voiron)",
        },
        {
            content: "Why nothing leaves",
            trigger: ".o_field_widget[name=step_reason]",
        },
        {
            content: "What was said, as it was typed",
            trigger: ".o_relance_timeline .o_relance_words:contains(Spoke to <b>Julie</b>)",
        },
        {
            content: "An invoice opens in the same tab, with the way back",
            trigger: ".o_relance_overview td a:first",
            run: "click",
        },
        {
            trigger: ".o_form_view .o_field_widget[name=invoice_line_ids]",
        },
        {
            trigger: ".o_breadcrumb .breadcrumb-item a:contains(Head office on the page)",
            run: "click",
        },
        {
            trigger: ".o_relance_timeline",
        },
    ],
});
