// Returns what is live in this document: a list of [kind, detail], and all text there is in it.
({ canary, elements, own }) => {
    const found = [];
    const texts = [document.documentElement.textContent];
    const find = (kind, detail) => found.push([kind, String(detail).slice(0, 300)]);

    const addresses = ["href", "src", "action", "formaction", "xlink:href", "srcset", "poster"];
    const loaded = ["script", "link", "img"];
    const scheme = /^(javascript|data|vbscript):/i;

    function isForeign(element, value) {
        const url = URL.canParse(value, document.baseURI) && new URL(value, document.baseURI);
        if (!url || url.origin !== location.origin) {
            return true;
        }
        return loaded.includes(element.localName) && !own.some((p) => url.pathname.startsWith(p));
    }

    // Media of a chat message: a link that shows its address, and tells the other side nothing.
    function isShownAddress(element, value) {
        const safe = element.localName === "a" && element.rel === "noreferrer noopener nofollow";
        return safe && value.startsWith("https://") && element.textContent === value;
    }

    for (const element of document.querySelectorAll("*")) {
        const name = element.localName;
        if (!elements.includes(name) || (name === "meta" && element.httpEquiv)) {
            find("element", element.outerHTML);
        }
        if (name === "script" && (!element.src || element.textContent.trim())) {
            find("inline script", element.outerHTML);
        }
        for (const { name, value } of element.attributes) {
            if (name === "value" && element.closest("#changelist-search, .pickyassist-days")) {
                continue; // what the person typed, and what of the URL a search keeps, unseen
            }
            texts.push(value);
            if (name.startsWith("on") || name === "style") {
                find("attribute", element.outerHTML);
            }
            // As a browser reads them: without what cannot be seen.
            const bare = value.replace(/[\0- ]/g, "");
            const isLeading = addresses.includes(name) && isForeign(element, value);
            if (scheme.test(bare) || (isLeading && !isShownAddress(element, value))) {
                find("address", element.outerHTML);
            }
            if (["class", "id", "name"].includes(name) && value.split(/\s/).includes(canary)) {
                find("injected", element.outerHTML);
            }
        }
    }
    if (canary in window) {
        find("canary", window[canary]);
    }
    for (const violation of window.violations) {
        find("violation", violation);
    }
    return { found, texts };
}
