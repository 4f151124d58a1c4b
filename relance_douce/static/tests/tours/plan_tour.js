import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");
const amounts = () =>
    [...document.querySelectorAll(".o_field_widget[name=line_ids] .o_data_row td[name=amount]")]
        .map((cell) => cell.textContent.trim().replace(/[^\d.,]/g, ""))
        .join(" ");

const schedule = (expected) => ({
    content: `The schedule is ${expected}`,
    trigger: ".o_field_widget[name=line_ids]",
    async run() {
        for (let tries = 0; amounts() !== expected && tries < 50; tries++) {
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
        if (amounts() !== expected) {
            throw new Error(`The schedule is ${amounts()} instead of ${expected}`);
        }
    },
});

const negotiate = {
    content: "The customer is on the phone: negotiate",
    trigger: ".o_statusbar_buttons button[name=action_negotiate_plan]:enabled",
    run: "click",
};
const propose = {
    content: "Propose it",
    trigger: ".o_relance_negotiate .o_statusbar_buttons button[name=action_propose]:enabled",
    run: "click",
};
const isNow = (state) => ({
    content: `The plan is ${state}`,
    trigger: `.o_field_widget[name=state] .o_arrow_button_current[data-value=${state}]`,
});

tours.add("relance_plan_500_tour", {
    steps: () => [
        {
            content: "Count the clicks from here",
            trigger: ".o_statusbar_buttons button[name=action_negotiate_plan]",
            run() {
                window.relanceClicks = 0;
                document.addEventListener("click", () => window.relanceClicks++, true);
            },
        },
        negotiate,
        {
            content: "Three ready offers side by side, the balanced one is drawn",
            trigger: ".o_relance_offers:has([data-offer=short]):has([data-offer=balanced].active):has([data-offer=long])",
        },
        {
            content: "He can pay 500 a month",
            trigger: ".o_field_widget[name=amount_each] input",
            run: "edit 500",
        },
        propose,
        isNow("proposed"),
        {
            content: "That took at most five clicks",
            trigger: ".o_field_widget[name=line_ids] .o_data_row",
            run() {
                if (!window.relanceClicks || window.relanceClicks > 5) {
                    throw new Error(`${window.relanceClicks} clicks`);
                }
            },
        },
        schedule("500.00 500.00 200.00"),
    ],
});

tours.add("relance_plan_by_hand_tour", {
    steps: () => [
        negotiate,
        {
            content: "In four instalments",
            trigger: ".o_field_widget[name=count] input",
            run: "edit 4",
        },
        {
            trigger: ".o_field_widget[name=cause_note] input",
            run: "click",
        },
        schedule("300.00 300.00 300.00 300.00"),
        {
            content: "In the second month he can pay more",
            trigger: ".o_field_widget[name=line_ids] .o_data_row:nth-child(2) td[name=amount]",
            run: "click",
        },
        {
            trigger: ".o_field_widget[name=line_ids] .o_selected_row .o_field_widget[name=amount] input",
            run: "edit 600",
        },
        {
            content: "The cursor moves on, and the others make up for it",
            trigger: ".o_field_widget[name=cause_note] input",
            run: "click",
        },
        schedule("300.00 600.00 150.00 150.00"),
        {
            content: "What cannot be is said, and stays on the screen",
            trigger: ".o_field_widget[name=count] input",
            run: "edit 0",
        },
        {
            trigger: ".o_field_widget[name=cause_note] input",
            run: "edit Un chantier en retard",
        },
        {
            trigger: ".o_relance_result .alert:contains(at least one instalment)",
        },
        {
            content: "Proposing is refused with the same words",
            ...propose,
        },
        {
            trigger: ".modal .modal-body:contains(at least one instalment)",
        },
        {
            trigger: ".modal .modal-footer button",
            run: "click",
        },
        {
            content: "Nothing that was typed is lost",
            trigger: "body:not(:has(.modal)) .o_field_widget[name=cause_note] input:value(Un chantier en retard)",
        },
        {
            trigger: ".o_field_widget[name=count] input",
            run: "edit 3",
        },
        {
            trigger: ".o_field_widget[name=cause_note] input",
            run: "click",
        },
        schedule("300.00 600.00 300.00"),
        {
            content: "The short offer instead, in one click",
            trigger: ".o_relance_offers [data-offer=short]",
            run: "click",
        },
        schedule("400.00 400.00 400.00"),
        {
            trigger: ".o_relance_offers [data-offer=short].active",
        },
        {
            content: "It can be read aloud",
            trigger: ".o_field_widget[name=recap]:contains(3 times 400.00)",
        },
        {
            content: "Keep it as a draft",
            trigger: ".o_statusbar_buttons button[name=action_save_draft]",
            run: "click",
        },
        isNow("draft"),
    ],
});

tours.add("relance_plan_customer_tour", {
    steps: () => [
        {
            content: "The customer's page, how he is reminded",
            trigger: "a.nav-link[name=relance]",
            run: "click",
        },
        {
            trigger: ".o_form_sheet button[name=action_negotiate_plan]",
            run: "click",
        },
        {
            content: "What is overdue is ticked, what is to come is not",
            trigger:
                ".o_field_widget[name=item_ids] .o_data_row:nth-child(2):has(.o_boolean_toggle input:not(:checked))",
        },
        {
            trigger: ".o_relance_owed:contains(1,200.00)",
        },
        {
            content: "He agrees with that one as well",
            trigger: ".o_field_widget[name=item_ids] .o_data_row:nth-child(2) .o_boolean_toggle input",
            run: "click",
        },
        {
            trigger: ".o_relance_owed:contains(1,500.00)",
        },
        {
            trigger: ".o_relance_offers [data-offer=long]",
            run: "click",
        },
        {
            trigger: ".o_relance_offers [data-offer=long].active",
        },
        propose,
        isNow("proposed"),
        {
            content: "The customer's page counts it",
            trigger: ".o_breadcrumb .o_back_button, .breadcrumb-item a",
        },
    ],
});

tours.add("relance_plan_ask_tour", {
    steps: () => [
        negotiate,
        {
            trigger: ".o_field_widget[name=count] input",
            run: "edit 18",
        },
        {
            trigger: ".o_field_widget[name=cause_note] input",
            run: "click",
        },
        {
            content: "Beyond the limits: said at once, not refused",
            trigger: ".o_relance_result .alert:contains(18 instalments):contains(a manager is asked first)",
        },
        propose,
        isNow("draft"),
        {
            content: "She asks, she does not decide",
            trigger: ".o_form_view:has(.alert:contains(Waits for a manager)):not(:has(button[name=action_approve]))",
        },
    ],
});

tours.add("relance_plan_grant_tour", {
    steps: () => [
        {
            trigger: ".alert:contains(Waits for a manager):contains(18 instalments)",
        },
        {
            trigger: ".o_statusbar_buttons button[name=action_approve]",
            run: "click",
        },
        isNow("proposed"),
        {
            trigger: ".alert:contains(Waits for the customer's signature) button[name=action_resend]",
        },
    ],
});

tours.add("relance_plan_counter_tour", {
    steps: () => [
        {
            content: "What he proposes, and why",
            trigger: ".alert:contains(The customer proposes other instalments):contains(300 par mois)",
        },
        {
            trigger: ".o_statusbar_buttons button[name=action_accept_counter]",
            run: "click",
        },
        {
            content: "It is the offer now, and waits for his signature",
            trigger: ".alert:contains(Waits for the customer's signature)",
        },
        schedule("300.00 300.00 300.00 300.00"),
    ],
});

tours.add("relance_plan_phone_tour", {
    steps: () => [
        negotiate,
        {
            trigger: ".o_field_widget[name=amount_each] input",
            run: "edit 400",
        },
        {
            trigger: ".o_relance_negotiate .o_statusbar_buttons button[name=action_agree]:enabled",
            run: "click",
        },
        {
            content: "Was the recap read to him?",
            trigger: ".modal .modal-footer button.btn-primary",
            run: "click",
        },
        isNow("active"),
        {
            trigger: ".alert:contains(Agreed on the phone) button[name=action_open_agree_paper]",
        },
    ],
});

tours.add("relance_plan_reader_tour", {
    steps: () => [
        {
            content: "Her customer's plan is listed",
            trigger: ".o_data_row:contains(Her customer) td[name=name]",
            run: "click",
        },
        {
            content: "She reads it and has no button that acts",
            trigger:
                ".o_form_view:has(.o_field_widget[name=line_ids] .o_data_row):not(:has(.o_statusbar_buttons button:visible))",
        },
        {
            trigger: ".o_form_view:not(:has(button[name=action_preview]))",
        },
    ],
});
