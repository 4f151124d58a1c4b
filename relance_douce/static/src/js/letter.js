/* Runs in the header and the footer of every page, in wkhtmltopdf only: ES5. */
function relanceLetter() {
    var PX_PER_MM = 96 / 25.4;
    // what fits above the window of the envelope, and below the text
    var ROOM = {headers: 43, footers: 18};
    var args = {};
    document.location.search
        .substring(1)
        .split("&")
        .forEach(function (pair) {
            var parts = pair.split("=");
            args[parts[0]] = parts[1] || "";
        });

    function fill(name, value) {
        var nodes = document.getElementsByClassName(name);
        for (var i = 0; i < nodes.length; i++) {
            nodes[i].textContent = value;
        }
    }

    // the number of the letter is in the name of its file
    var index = /report\.body\.tmp\.(\d+)\./.exec(args.webpage);
    Object.keys(ROOM).forEach(function (kind) {
        var container = document.getElementById("minimal_layout_report_" + kind);
        if (!container) {
            return;
        }
        var order = container.getAttribute("data-order").split(" ");
        var own = container.children[order[index ? index[1] : 0]];
        container.textContent = "";
        if (!own) {
            return;
        }
        container.appendChild(own);
        var room = ROOM[kind] * PX_PER_MM;
        if (own.offsetHeight > room) {
            own.style.zoom = room / own.offsetHeight;
        }
    });
    fill("page", args.sitepage);
    fill("topage", args.sitepages);
}
