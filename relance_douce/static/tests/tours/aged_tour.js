import { registry } from "@web/core/registry";

const late = (amount) => `.o_group_header:contains(Group of shops):contains(${amount})`;

registry.category("web_tour.tours").add("relance_aged_tour", {
    steps: () => [
        {
            content: "What is owed today, by customer",
            trigger: ".o_group_header:contains(Shop in Lyon):contains(1,000)",
        },
        {
            content: "Who pays for the shops?",
            trigger: ".o_searchview_facet:contains(Customer) .o_facet_remove",
            run: "click",
        },
        {
            trigger: ".o_searchview_dropdown_toggler",
            run: "click",
        },
        {
            trigger: ".o_group_by_menu .o_menu_item:contains(Payer)",
            run: "click",
        },
        {
            trigger: ".o_facet_value:contains(Payer)",
        },
        {
            content: "One line for the group of shops",
            trigger: late("1,500"),
        },
        {
            content: "How was it at the end of last year?",
            trigger: ".o_relance_aged_date",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=choice] label:contains(End of last fiscal year)",
            run: "click",
        },
        {
            trigger: ".modal button[name=action_open]",
            run: "click",
        },
        {
            content: "The date is in the title",
            trigger: ".o_breadcrumb:contains(Aged balance as of 31 December)",
        },
        {
            content: "… the grouping is still there, and what was paid since is not gone",
            trigger: `.o_facet_value:contains(Payer)`,
        },
        {
            trigger: late("2,100"),
            run: "click",
        },
        {
            trigger: ".o_data_row:contains(Shop in Nice) td[name=move_id]",
            run: "click",
        },
        {
            content: "The invoice itself",
            trigger: ".o_form_view .o_field_widget[name=partner_id]:contains(Shop in Nice)",
        },
        {
            content: "Back to the same date",
            trigger: ".breadcrumb-item:contains(Aged balance as of 31 December)",
            run: "click",
        },
        {
            trigger: late("2,100"),
        },
        {
            content: "The same as a table",
            trigger: ".o_switch_view.o_pivot",
            run: "click",
        },
        {
            trigger: ".o_pivot .o_pivot_header_cell_closed:contains(Group of shops)",
        },
        {
            content: "… of the same date",
            trigger: ".o_breadcrumb:contains(Aged balance as of 31 December)",
        },
        {
            content: "A cell opens what is in it, as of that date",
            trigger: ".o_pivot tbody tr:contains(Group of shops) .o_pivot_cell_value:not(.o_empty):first",
            run: "click",
        },
        {
            trigger: ".o_list_view .o_data_row:contains(Shop in Nice)",
        },
        {
            trigger: ".o_breadcrumb .active:contains(Aged balance as of 31 December)",
        },
    ],
});

registry.category("web_tour.tours").add("relance_aged_reader_tour", {
    steps: () => [
        {
            content: "Her own customer, and nobody else's",
            trigger: ".o_group_header:contains(Shop in Lyon)",
        },
        {
            trigger: ".o_list_view:not(:has(.o_group_header:contains(Shop in Nice)))",
        },
        {
            trigger: ".o_group_header:contains(Shop in Lyon)",
            run: "click",
        },
        {
            content: "She may not open invoices: a click shows the customer",
            trigger: ".o_data_row td[name=move_id]",
            run: "click",
        },
        {
            trigger: ".o_form_view:has(.o_breadcrumb:contains(Shop in Lyon))",
        },
    ],
});

registry.category("web_tour.tours").add("relance_aged_empty_tour", {
    steps: () => [
        {
            trigger: ".o_relance_aged_date",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=date] button",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=date] input",
            run: "edit 01/01/2001",
        },
        {
            content: "A date typed in is another date",
            trigger: ".modal .o_field_widget[name=choice]",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=choice] input[data-value=other]:checked",
        },
        {
            trigger: ".modal button[name=action_open]",
            run: "click",
        },
        {
            trigger: ".o_breadcrumb:contains(Aged balance as of 1 January 2001)",
        },
        {
            content: "Nothing was owed, and the screen says what it is for",
            trigger: "p.o_view_nocontent_smiling_face:contains(No customer owes anything)",
        },
    ],
});
