import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { addLoadingEffect } from "@web/core/utils/ui";
import { Interaction } from "@web/public/interaction";

/**
 * The page of a payment plan: one panel per answer, sent without leaving the page, so that what
 * was typed is still there when the server has something to say.
 */
export class RelancePlan extends Interaction {
    static selector = ".o_relance_plan";
    dynamicContent = {
        "[data-plan-open]": { "t-on-click.prevent": this.onOpen },
        "form[data-plan-action]": { "t-on-submit.prevent": this.locked(this.onSubmit) },
        "[data-plan-code]": { "t-on-click.prevent": this.locked(this.onSendCode, true) },
        "#plan_counter_each": { "t-on-input": this.onEach },
        "#plan_counter_count": { "t-on-input": this.onCount },
    };

    start() {
        if (this.el.querySelector("#plan_counter_count")) {
            this.onCount();
        }
    }

    // -- panels
    onOpen(ev) {
        const id = ev.currentTarget.dataset.planOpen;
        for (const panel of this.el.querySelectorAll(".o_relance_panel")) {
            panel.classList.toggle("d-none", panel.id !== id);
        }
        for (const button of this.el.querySelectorAll("[data-plan-open]")) {
            button.setAttribute("aria-expanded", button.dataset.planOpen === id);
        }
        const panel = this.el.querySelector(`#${id}`);
        panel.dispatchEvent(new CustomEvent("relance-shown"));
        panel.focus({ preventScroll: true });
        panel.scrollIntoView({ block: "start" });
    }

    // -- answers
    values(form) {
        const values = { access_token: this.el.dataset.token || null };
        for (const field of form.querySelectorAll("[name]")) {
            if (field.name !== "files[]") {
                values[field.name] = field.type === "checkbox" ? field.checked : field.value;
            }
        }
        return values;
    }

    async ask(url, values) {
        try {
            return await this.waitFor(rpc(url, values));
        } catch {
            return { error: this.el.dataset.failed };
        }
    }

    async onSubmit(ev) {
        const form = ev.currentTarget;
        const restore = addLoadingEffect(form.querySelector(".o_relance_submit"));
        const answer = await this.ask(form.dataset.url, this.values(form));
        if (answer.redirect) {
            window.location = answer.redirect;
            // the button stays as it is until the next page is there
            return new Promise(() => {});
        }
        restore();
        this.showError(form, answer);
    }

    async onSendCode(ev) {
        const button = ev.currentTarget;
        const form = button.closest("form");
        const answer = await this.ask(button.dataset.url, {
            access_token: this.el.dataset.token || null,
        });
        if (answer.error) {
            this.showError(form, answer);
            return;
        }
        this.showError(form, {});
        form.querySelector("#plan_sign_code_help").textContent = answer.message;
        form.querySelector("[name=code]").focus();
    }

    showError(form, { error, stale }) {
        const box = form.querySelector(".o_relance_error");
        box.querySelector(".o_relance_error_text").textContent = error || "";
        box.querySelector(".o_relance_reload").classList.toggle("d-none", !stale);
        box.classList.toggle("d-none", !error);
        if (error) {
            box.focus({ preventScroll: true });
            box.scrollIntoView({ block: "center" });
        }
    }

    // -- how much and how many times are two ways to say the same
    get counter() {
        const { total, decimals } = this.el.querySelector("[data-total]").dataset;
        return {
            total: parseFloat(total),
            decimals: parseInt(decimals),
            each: this.el.querySelector("#plan_counter_each"),
            count: this.el.querySelector("#plan_counter_count"),
        };
    }

    onEach() {
        const { total, each, count } = this.counter;
        const amount = parseFloat(each.value);
        if (amount > 0) {
            count.value = Math.max(1, Math.ceil(total / amount - 1e-9));
        }
    }

    onCount() {
        const { total, decimals, each, count } = this.counter;
        const number = parseInt(count.value);
        if (number > 0) {
            each.value = (total / number).toFixed(decimals);
        }
    }
}

registry.category("public.interactions").add("relance_douce.plan", RelancePlan);
