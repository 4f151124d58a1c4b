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
