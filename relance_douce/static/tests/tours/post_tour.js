import { registry } from "@web/core/registry";

const NUMBERS = ["RK123456785FR", "RA000000005FR", "RA000000310FR", "1A23456789012", "1A23456789013"];

/** The scanner types the number and ends with Enter, which goes to the next letter. */
function scan(number, index) {
    return [
        {
            content: `Number of letter ${index + 1}`,
            trigger: `.o_data_row:eq(${index}).o_selected_row [name=tracking_number] input`,
            run: `edit ${number}`,
        },
        {
            trigger: `.o_data_row:eq(${index}) [name=tracking_number] input`,
            run: "press Enter",
        },
    ];
}

registry.category("web_tour.tours").add("relance_post_tour", {
    steps: () => [
        {
            content: "Five letters, in the order of their envelopes",
            trigger: ".o_data_row:eq(4):contains(Letter to Lyon)",
        },
        {
            trigger: ".o_data_row:eq(0) td[name=post_position]:contains(1)",
        },
        {
            content: "One PDF for all of them",
            trigger: ".o_control_panel button[name=action_print_pile]:enabled",
            run: "click",
        },
        {
            content: "Each says that it was printed",
            trigger: ".o_list_view:not(:has(td[name=date_printed]:empty)) .o_data_row:eq(4)",
        },
        {
            content: "Start with the first label",
            trigger: ".o_data_row:eq(0) td[name=tracking_number]",
            run: "click",
        },
        {
            trigger: ".o_data_row:eq(0).o_selected_row [name=tracking_number] input",
            run: "edit RK123456784FR",
        },
        {
            trigger: ".o_data_row:eq(0) [name=tracking_number] input",
            run: "press Enter",
        },
        {
            content: "A number that was mistyped is refused, and is still there",
            trigger: ".o_dialog:contains(do not fit together) .modal-footer button.btn-primary",
            run: "click",
        },
        {
            trigger: "body:not(:has(.o_dialog))",
        },
        ...NUMBERS.flatMap(scan),
        {
            content: "All are in the post",
            trigger: ".o_control_panel button[name=action_open_post]:enabled",
            run: "click",
        },
        {
            content: "What waited without a number is counted as well",
            trigger: ".o_dialog .o_field_widget[name=registered_count]:contains(5)",
        },
        {
            trigger: ".o_dialog .modal-footer button[name=action_confirm]:enabled",
            run: "click",
        },
        {
            content: "The tray is empty",
            trigger: ".o_view_nocontent:contains(No letter waits for the post)",
        },
    ],
});
