import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");
const row = (name) => `.o_data_row:contains(${name}) td[name=partner_id]`;
const open = (name) => `.o_relance_desk h2:contains(${name})`;

/** Counts what hands do from here on: every key that goes down, Alt too, and every click. */
const effort = { keys: 0, clicks: 0 };
const countEffort = () => {
    Object.assign(effort, { keys: 0, clicks: 0 });
    document.addEventListener("keydown", () => effort.keys++, { capture: true });
    document.addEventListener("pointerdown", () => effort.clicks++, { capture: true });
};

const NUMBERS = [...Array(12).keys()].map((index) => String(index + 1).padStart(2, "0"));

tours.add("relance_today_twelve_tour", {
    steps: () => [
        {
            content: "Twelve reminders wait",
            trigger: ".o_group_header:contains(To approve):contains((12))",
            run: countEffort,
        },
        {
            trigger: row("Twelve 01"),
            run: "click",
        },
        ...NUMBERS.flatMap((number) => [
            {
                content: "See whom it is for",
                trigger: open(`Twelve ${number}`),
            },
            {
                content: "… and read it",
                trigger:
                    ".o_relance_desk .o_field_widget[name=preview]:contains(Would you settle it)",
            },
            {
                trigger: ".o_relance_desk button[name=action_approve]:enabled",
                run: "press Alt+a",
            },
        ]),
        {
            content: "The money is told, and nothing is left",
            trigger: ".o_relance_progress:contains(ready to leave):not(:contains(still to approve))",
        },
        {
            trigger: ".o_list_view:not(:has(.o_data_row))",
            run: () => {
                const total = effort.keys + effort.clicks;
                if (total > 26 || effort.keys < 12) {
                    throw new Error(`Twelve reminders took ${total} key presses and clicks`);
                }
                console.log(`Twelve reminders: ${effort.keys} keys, ${effort.clicks} clicks`);
            },
        },
    ],
});

tours.add("relance_today_desk_tour", {
    steps: () => [
        {
            content: "A click opens the row beside the list",
            trigger: row("Approve One"),
            run: "click",
        },
        {
            trigger: `.o_relance_beside ${open("Approve One")}`,
        },
        {
            content: "Letter and case beside each other",
            trigger:
                ".o_relance_desk:has(.o_relance_desk_document .o_field_widget[name=preview]):has(.o_relance_desk_case .o-mail-Chatter)",
        },
        {
            content: "The title of the page stays",
            trigger: ".o_breadcrumb:contains(Today)",
        },
        {
            content: "The arrow goes down",
            trigger: ".o_relance_current td[name=partner_id]",
            run: "press ArrowDown",
        },
        {
            trigger: open("Approve Two"),
            run: "press ArrowUp",
        },
        {
            trigger: open("Approve One"),
        },
        {
            content: "A key skips",
            trigger: ".o_relance_desk .o_relance_next",
            run: "press Alt+n",
        },
        {
            trigger: open("Approve Two"),
            run: "press Alt+p",
        },
        {
            content: "Somebody else is quicker",
            trigger: open("Approve One"),
            run: async () => {
                const id = Number(document.querySelector(".o_relance_desk").dataset.id);
                await rpc("/web/dataset/call_kw/relance.today/action_approve", {
                    model: "relance.today",
                    method: "action_approve",
                    args: [[id]],
                    kwargs: {},
                });
            },
        },
        {
            trigger: ".o_relance_desk button[name=action_approve]:enabled",
            run: "click",
        },
        {
            content: "… and one is told who, and the list goes on",
            trigger: ".o_notification:contains(was already approved by Anne Comptable)",
        },
        {
            trigger: open("Approve Two"),
        },
        {
            trigger: ".o_relance_today:not(:has(.o_data_row:contains(Approve One)))",
        },
        {
            content: "A button of the embedded form works as in the form",
            trigger: ".o_relance_desk button[name=action_open_cancel_wizard]:enabled",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=reason] input",
            run: "edit Spoken with on the phone",
        },
        {
            trigger: ".modal button[name=action_confirm]:contains(Do not send):enabled",
            run: "click",
        },
        {
            content: "… and the list goes on",
            trigger: `body:not(:has(.modal)) ${open("Call One")}`,
        },
        {
            trigger: ".o_relance_today:not(:has(.o_data_row:contains(Approve Two)))",
        },
        {
            content: "The full form, and back",
            trigger: ".o_relance_desk .o_relance_open",
            run: "press Alt+o",
        },
        {
            trigger: ".o_form_view .o_arrow_button_current[data-value=ready]",
        },
        {
            trigger: ".o_breadcrumb .o_back_button, .breadcrumb-item a:contains(Today)",
            run: "click",
        },
        {
            content: "A call is logged",
            trigger: row("Call One"),
            run: "click",
        },
        {
            trigger: open("Call One"),
        },
        {
            trigger: ".o_relance_desk button[name=action_call_reached]:enabled",
            run: "click",
        },
        {
            trigger: ".o_group_header:contains(To call):contains((0))",
        },
        {
            content: "A letter is posted",
            trigger: row("Letter One"),
            run: "click",
        },
        {
            trigger: open("Letter One"),
        },
        {
            trigger: ".o_relance_desk button[name=action_mark_posted]:enabled",
            run: "click",
        },
        {
            content: "… and its last level asks for a decision",
            trigger: ".o_group_header:contains(Decisions to take):contains((2))",
        },
        {
            trigger: row("Match One"),
            run: "click",
        },
        {
            content: "What is to be matched is seen at once",
            trigger: open("Match One"),
        },
        {
            trigger: ".o_relance_desk_document .o_list_view .o_data_row:contains(RINV)",
        },
        {
            trigger: ".o_relance_desk button[name=action_match]:enabled",
            run: "click",
        },
        {
            trigger: ".o_breadcrumb:contains(To match: Match One)",
        },
        {
            trigger: "thead .o_list_record_selector input",
            run: "click",
        },
        {
            trigger: ".o_control_panel button[name=reconcile]",
            run: "click",
        },
        {
            trigger: ".o_list_view:not(:has(.o_data_row:contains(RINV))):has(.o_data_row:contains(1,000))",
        },
        {
            trigger: ".o_breadcrumb .o_back_button, .breadcrumb-item a:contains(Today)",
            run: "click",
        },
        {
            trigger: ".o_relance_today:not(:has(.o_data_row:contains(Match One))) .o_data_row",
        },
        {
            content: "Escape closes what is open",
            trigger: row("Call One"),
            run: "click",
        },
        {
            trigger: open("Call One"),
            run: "press Escape",
        },
        {
            trigger: ".o_list_view:not(:has(.o_relance_desk))",
        },
    ],
});

tours.add("relance_today_mass_tour", {
    steps: () => [
        {
            trigger: row("Many 1"),
        },
        {
            content: "Select everything",
            trigger: "thead .o_list_record_selector input",
            run: "click",
        },
        {
            trigger: ".o_control_panel button[name=action_approve]",
            run: "click",
        },
        {
            content: "What was approved, and what needs a manager",
            trigger:
                ".o_notification:contains(3 reminders approved.):contains(is approved by a dunning manager)",
        },
        {
            content: "What is left stays in the list",
            trigger: ".o_list_view:not(:has(.o_data_row:contains(Many))):has(.o_data_row:contains(Firm 0))",
        },
        {
            trigger: ".o_relance_progress:contains(1 still to approve)",
        },
    ],
});

tours.add("relance_today_phone_tour", {
    steps: () => [
        {
            content: "On a phone each task is a card",
            trigger: ".o_kanban_record:contains(On the phone):contains(is due for one invoice)",
            run: "click",
        },
        {
            content: "… that opens the form",
            trigger: ".o_form_view .o_field_widget[name=preview]:contains(Would you settle it)",
        },
    ],
});

tours.add("relance_today_empty_tour", {
    steps: () => [
        {
            content: "The banner says that reminders are off",
            trigger: ".o_relance_banner:contains(Reminders are off)",
        },
        {
            content: "An empty list says what it is for",
            trigger: ".o_view_nocontent:contains(Nothing waits for you today)",
        },
    ],
});
