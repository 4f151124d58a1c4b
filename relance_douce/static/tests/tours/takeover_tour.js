import { registry } from "@web/core/registry";

const tick = (name) => ({
    content: `Tick ${name}`,
    trigger: `.o_data_row:contains(${name}) .o_list_record_selector input`,
    run: "click",
});

const FILE = [
    "Customer;Reference;No reminders until",
    "Tour customer C;;31/03/2026",
    ";B;31/02/2026",
    "Nobody we know;;31/03/2026",
].join("\n");

registry.category("web_tour.tours").add("relance_takeover_tour", {
    steps: () => [
        tick("Tour customer A"),
        {
            content: "He was reminded before",
            trigger: ".o_selection_container button:contains(Already reminded)",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=level_id] input",
            run: "edit Friendly word",
        },
        {
            trigger: ".ui-autocomplete a:contains(Friendly word)",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=date] button, .modal .o_field_widget[name=date] input",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=date] input",
            run: "edit 02/10/2026 && press Tab",
        },
        {
            content: "It says what it will touch",
            trigger: ".modal .o_field_widget[name=summary]:contains(1 customer, 1 invoice)",
        },
        {
            trigger: ".modal button[name=action_confirm]:enabled",
            run: "click",
        },
        {
            trigger: ".o_data_row:contains(Tour customer A) td[name=level_id]:contains(Friendly word)",
        },
        {
            trigger: "body:not(:has(.modal))",
        },
        tick("Tour customer B"),
        {
            trigger: ".o_selection_container button:contains(With the lawyer)",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=note] input",
            run: "edit Durand",
        },
        {
            trigger: ".modal button[name=action_confirm]:enabled",
            run: "click",
        },
        {
            trigger: ".o_data_row:contains(Tour customer B) td[name=reason]:contains(With the lawyer)",
        },
        {
            content: "The rest comes from a file",
            trigger: ".o_control_panel button:contains(Import from a file)",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=file] input[type=file]:not(:visible)",
            async run({ anchor }) {
                const transfer = new DataTransfer();
                transfer.items.add(new File([FILE], "old ledger.csv", { type: "text/csv" }));
                anchor.files = transfer.files;
                anchor.dispatchEvent(new Event("change", { bubbles: true }));
            },
        },
        {
            trigger: ".modal button[name=action_check]:enabled",
            run: "click",
        },
        {
            content: "What does not fit is told line by line",
            trigger: ".modal .o_data_row:contains(31/02/2026):contains(is not a day)",
        },
        {
            trigger: ".modal .o_data_row:contains(Nobody we know):contains(No customer is called)",
        },
        {
            trigger: ".modal .alert-success:contains(1 line fits)",
        },
        {
            trigger: ".modal button[name=action_apply]:enabled",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal)) .o_notification:contains(The file was taken over)",
        },
        {
            content: "The lawyer was a mistake: take it back",
            trigger: ".o_menu_sections [data-menu-xmlid='relance_douce.menu_relance_configuration']",
            run: "click",
        },
        {
            trigger: ".dropdown-item[data-menu-xmlid='relance_douce.menu_relance_takeover']",
            run: "click",
        },
        {
            trigger: ".o_data_row:contains(Durand) button[name=action_undo]",
            run: "click",
        },
        {
            trigger: ".modal button:contains(Take back)",
            run: "click",
        },
        {
            trigger: ".o_data_row:contains(Durand) td[name=state]:contains(Taken back)",
        },
    ],
});
