import { registry } from "@web/core/registry";

const CLICKS = "relance_plan_clicks";

/** From here on each click, and each stroke of a pen, is counted, also on the next page. */
const countClicks = {
    content: "The plan is open: count the clicks from here on",
    trigger: ".o_relance_plan h1",
    run: () => {
        sessionStorage.setItem(CLICKS, "0");
        document.addEventListener(
            "pointerdown",
            () => sessionStorage.setItem(CLICKS, parseInt(sessionStorage.getItem(CLICKS)) + 1),
            true
        );
    },
};

const atMost = (limit) => ({
    content: `It took ${limit} clicks at most`,
    trigger: "body",
    run: () => {
        const clicks = parseInt(sessionStorage.getItem(CLICKS));
        if (!(clicks > 0 && clicks <= limit)) {
            throw new Error(`${clicks} clicks, ${limit} are allowed`);
        }
    },
});

const noScrolling = {
    content: "Nothing is wider than the screen",
    trigger: "body",
    run: () => {
        const { scrollWidth, clientWidth } = document.documentElement;
        if (scrollWidth > clientWidth) {
            throw new Error(`${scrollWidth} pixels on a screen of ${clientWidth}`);
        }
    },
};

/** A stroke across the box, as a finger draws it. */
const draw = {
    content: "Sign",
    trigger: "#plan_sign canvas.o_web_sign_signature",
    run() {
        const { left, top, width, height } = this.anchor.getBoundingClientRect();
        const point = (type, x, y) =>
            this.anchor.dispatchEvent(
                new PointerEvent(type, {
                    bubbles: true,
                    cancelable: true,
                    button: 0,
                    buttons: type === "pointerup" ? 0 : 1,
                    clientX: left + width * x,
                    clientY: top + height * y,
                    pointerId: 1,
                    isPrimary: true,
                    pressure: 0.5,
                })
            );
        point("pointerdown", 0.2, 0.6);
        for (const [x, y] of [
            [0.3, 0.2],
            [0.4, 0.7],
            [0.5, 0.3],
            [0.7, 0.5],
        ]) {
            point("pointermove", x, y);
        }
        point("pointerup", 0.8, 0.4);
    },
};

const open = (panel) => ({
    content: `Open ${panel}`,
    trigger: `.o_relance_plan [data-plan-open=${panel}]`,
    run: "click",
});

const signed = [
    {
        content: "It is signed",
        trigger: ".alert-success:contains(Thank you, the plan is agreed)",
    },
    {
        trigger: ".o_relance_aside:contains(Signed online by Julie Martin)",
    },
    {
        content: "The next instalment can be paid",
        trigger: "a[href*='/pay']:contains(Pay this instalment)",
    },
];

const submit = (panel) => ({
    trigger: `#${panel} .o_relance_submit`,
    run: "click",
    expectUnloadPage: true,
});

registry.category("web_tour.tours").add("relance_plan_sign_tour", {
    steps: () => [
        countClicks,
        noScrolling,
        open("plan_sign"),
        {
            content: "His name is known from the phone",
            trigger: "#plan_sign_name:value(Julie Martin)",
        },
        draw,
        {
            trigger: "#plan_sign_authority",
            run: "click",
        },
        noScrolling,
        submit("plan_sign"),
        ...signed,
        atMost(5),
        noScrolling,
    ],
});

registry.category("web_tour.tours").add("relance_plan_sum_tour", {
    steps: () => [
        countClicks,
        open("plan_sign"),
        {
            trigger: "#plan_sign_figures",
            run: "edit 2000",
        },
        {
            trigger: "#plan_sign_words",
            run: "edit one thousand",
        },
        draw,
        {
            content: "A wrong sum",
            trigger: "#plan_sign .o_relance_submit",
            run: "click",
        },
        {
            content: "… is said next to the form",
            trigger: "#plan_sign .o_relance_error:visible:contains(in words)",
        },
        {
            content: "… and nothing is lost",
            trigger: "#plan_sign_figures:value(2000)",
        },
        {
            trigger: "#plan_sign input[name=signature]:not(:visible):not([value=''])",
        },
        {
            trigger: "#plan_sign_words",
            run: "edit Two thousand euros",
        },
        noScrolling,
        submit("plan_sign"),
        {
            trigger: ".alert-success:contains(Thank you, the plan is agreed)",
        },
    ],
});

registry.category("web_tour.tours").add("relance_plan_decline_tour", {
    steps: () => [
        open("plan_decline"),
        {
            trigger: "#plan_decline_reason",
            run: "edit We will pay at once",
        },
        noScrolling,
        submit("plan_decline"),
        {
            trigger: ".o_relance_plan:contains(You declined this offer)",
        },
        {
            content: "Nothing is left to answer",
            trigger: ".o_relance_plan:not(:has([data-plan-open]))",
        },
    ],
});

registry.category("web_tour.tours").add("relance_plan_counter_accepted_tour", {
    steps: () => [
        open("plan_counter"),
        {
            content: "He says how much he can pay",
            trigger: "#plan_counter_each",
            run: "edit 400",
        },
        {
            content: "… which is five times",
            trigger: "#plan_counter_count:value(5)",
        },
        {
            trigger: "#plan_counter_reason",
            run: "edit Two customers pay late",
        },
        noScrolling,
        submit("plan_counter"),
        {
            trigger: ".alert-success:contains(Your proposal is accepted)",
        },
        {
            trigger: ".o_relance_plan:contains(in 5 instalments)",
        },
        open("plan_sign"),
        draw,
        {
            trigger: "#plan_sign_authority",
            run: "click",
        },
        submit("plan_sign"),
        ...signed,
    ],
});

registry.category("web_tour.tours").add("relance_plan_counter_asked_tour", {
    steps: () => [
        open("plan_counter"),
        {
            trigger: "#plan_counter_count",
            run: "edit 20",
        },
        {
            trigger: "#plan_counter_each:value(100)",
        },
        submit("plan_counter"),
        {
            trigger: ".alert-info:contains(We have your proposal and will answer it)",
        },
        {
            content: "The offer stands, one proposal at a time",
            trigger:
                ".o_relance_plan:has([data-plan-open=plan_sign]):not(:has([data-plan-open=plan_counter]))",
        },
    ],
});

registry.category("web_tour.tours").add("relance_plan_code_tour", {
    steps: () => [
        countClicks,
        open("plan_sign"),
        draw,
        {
            trigger: "#plan_sign_authority",
            run: "click",
        },
        {
            trigger: "#plan_sign [data-plan-code]",
            run: "click",
        },
        {
            content: "The code is on its way",
            trigger: "#plan_sign_code_help:contains(by SMS to)",
        },
        {
            content: "He types it without a click, the field waits for it",
            trigger: "#plan_sign_code:focus",
            run() {
                this.anchor.value = "123456";
            },
        },
        submit("plan_sign"),
        ...signed,
        atMost(5),
    ],
});

registry.category("web_tour.tours").add("relance_plan_home_tour", {
    steps: () => [
        {
            content: "Home tells what waits",
            trigger: ".o_portal_index_card a:contains(Payment plans to sign)",
            run: "click",
            expectUnloadPage: true,
        },
        {
            trigger: ".o_portal_my_doc_table tr:contains(To sign) a",
            run: "click",
            expectUnloadPage: true,
        },
        {
            content: "The way back is shown",
            trigger: ".breadcrumb a[href='/my/plans']",
        },
        {
            trigger: "[data-plan-open=plan_sign]",
        },
    ],
});
