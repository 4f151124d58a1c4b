import { Component, onMounted, onWillUnmount, useRef, useState, xml } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { NameAndSignature } from "@web/core/signature/name_and_signature";

/**
 * The box to sign in, inside a form of the server: the drawing goes into the form's hidden field
 * "signature", the name is the one typed into its field "name".
 */
export class PlanSignature extends Component {
    static template = xml`<div t-ref="root"><NameAndSignature t-props="padProps"/></div>`;
    static components = { NameAndSignature };
    static props = { name: { type: String, optional: true } };

    setup() {
        this.root = useRef("root");
        this.mode = "draw";
        this.signature = useState({
            // the box offers to write the name, for whoever cannot draw, where there is one to begin with
            name: this.props.name || " ",
            getSignatureImage: () => "",
            resetSignature: () => {},
            isSignatureEmpty: true,
        });
        this.padProps = {
            signature: this.signature,
            noInputName: true,
            mode: this.mode,
            fontColor: "black",
            onSignatureChange: (mode) => this.store(mode),
        };
        this.onShown = () => this.signature.resetSignature();
        this.onName = (ev) => {
            this.signature.name = ev.target.value;
            if (this.mode === "auto") {
                this.signature.resetSignature();
            }
        };
        onMounted(() => {
            this.form = this.root.el.closest("form");
            this.nameInput = this.form.querySelector("[name=name]");
            this.nameInput.addEventListener("input", this.onName);
            // a hidden box has no size to draw in
            this.panel = this.form.closest(".o_relance_panel");
            this.panel.addEventListener("relance-shown", this.onShown, { once: true });
        });
        onWillUnmount(() => {
            this.nameInput.removeEventListener("input", this.onName);
            this.panel.removeEventListener("relance-shown", this.onShown);
        });
    }

    store(mode) {
        this.mode = mode;
        if (!this.form) {
            // not in its form yet, and still empty
            return;
        }
        const image = this.signature.isSignatureEmpty ? "" : this.signature.getSignatureImage();
        this.form.querySelector("input[name=signature]").value = image.split(",")[1] || "";
    }
}

registry.category("public_components").add("relance_douce.plan_signature", PlanSignature);
