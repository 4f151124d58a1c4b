import { registry } from "@web/core/registry";
import { stepUtils } from "@web_tour/tour_utils";

const changeDelay = (days) => [
    {
        content: "Open the first reminder",
        trigger: ".o_field_widget[name=level_ids] .o_data_row:contains(Friendly) td[name=delay_days]",
        run: "click",
    },
    {
        content: `Let it come after ${days} days`,
        trigger: ".modal .o_field_widget[name=delay_days] input",
        run: `edit ${days}`,
    },
    {
        trigger: ".modal .o_form_button_save",
        run: "click",
    },
    {
        trigger: "body:not(:has(.modal))",
    },
];

registry.category("web_tour.tours").add("relance_policy_tour", {
    steps: () => [
        {
            content: "Open the policy",
            trigger: ".o_data_row td[name=name]:contains(Policy of the tour)",
            run: "click",
        },
        ...changeDelay(15),
        {
            content: "Two levels on the same day",
            trigger: ".o_form_button_save:enabled",
            run: "click",
        },
        {
            content: "… is refused, and the message says why",
            trigger: ".modal .modal-body:contains(delays must rise)",
        },
        {
            trigger: ".modal .modal-footer button",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal))",
        },
        ...changeDelay(10),
        ...stepUtils.saveForm(),
    ],
});
