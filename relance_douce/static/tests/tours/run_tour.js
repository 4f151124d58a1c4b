import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";

registry.category("web_tour.tours").add("relance_run_tour", {
    steps: () => [
        {
            content: "Two wait to leave",
            trigger: ".o_field_widget[name=ready_count]:contains(2)",
        },
        {
            content: "and it is said when they will",
            trigger: ".o_field_widget[name=pace]:contains(in the next round)",
        },
        {
            content: "Whoever wants to keep them back can",
            trigger: "button[name=action_stop]",
            run: "click",
        },
        {
            content: "The brake is on",
            trigger: ".alert:contains(Sending is stopped)",
        },
        {
            trigger: "button[name=action_go_on]",
            run: "click",
        },
        {
            content: "They leave behind the back of this screen",
            trigger: "button[name=action_stop]",
            async run() {
                const call = (method, args, kwargs = {}) =>
                    rpc(`/web/dataset/call_kw/relance.reminder/${method}`, {
                        model: "relance.reminder",
                        method,
                        args,
                        kwargs,
                    });
                const runId = parseInt(window.location.pathname.split("/").pop());
                const ids = await call("search", [[["run_id", "=", runId]]]);
                await call("action_send_now", [ids]);
            },
        },
        {
            content: "and it shows by itself, without a press",
            trigger: ".o_field_widget[name=sent_count]:contains(2)",
            timeout: 40000,
        },
        {
            content: "The bar is full, and there is nothing left to stop",
            trigger: ".o_field_widget[name=progress]:contains(100)",
        },
        {
            trigger: ".o_form_view:not(:has(button[name=action_stop]))",
        },
    ],
});
