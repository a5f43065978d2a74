// The buttons next to each webhook URL: copy it, and post a sample of each event to it.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    const results = document.getElementById("pickyassist-tests");
    if (!results) {
        return; // no URL is shown
    }
    const words = results.dataset;
    const template = document.getElementById("pickyassist-test-row");

    function say(text) {
        const line = document.createElement("p");
        line.textContent = text;
        results.replaceChildren(line);
    }

    function pause(milliseconds) {
        return new Promise((resolve) => setTimeout(resolve, milliseconds));
    }

    async function copy(url) {
        try {
            await navigator.clipboard.writeText(url);
            say(words.copied);
        } catch {
            say(words.notCopied);
        }
    }

    function addLinks(list, links) {
        for (const { text, url } of links) {
            const link = document.createElement("a");
            link.href = url;
            link.textContent = text;
            const item = document.createElement("li");
            item.append(link);
            list.append(item);
        }
    }

    // A worker may store the rows a moment later.
    async function rowsOf(id) {
        let rows = null;
        for (let attempt = 0; attempt < 5 && (!rows || rows.pending); attempt++) {
            if (attempt) {
                await pause(1000);
            }
            const answer = await fetch(`${words.rows}${encodeURIComponent(id)}/`);
            rows = answer.ok ? await answer.json() : null;
        }
        return rows;
    }

    async function post(url, { name, payload }) {
        const card = template.content.cloneNode(true).firstElementChild;
        const [title, status, body, list] = card.children;
        title.textContent = name;
        results.append(card);
        let answer = {};
        try {
            // Without the cookies of this person, and as Picky Assist: it follows no redirect.
            const response = await fetch(`${url}?${words.marker}`, {
                method: "POST",
                headers: { "Content-Type": "application/json" },
                body: JSON.stringify(payload),
                credentials: "omit",
                redirect: "error",
            });
            const text = await response.text();
            status.textContent = `✕ HTTP ${response.status} ${response.statusText}`;
            body.textContent = text.slice(0, 4000);
            answer = JSON.parse(text);
            if (response.ok && answer.ok) {
                status.textContent = status.textContent.replace("✕", "✓");
            }
        } catch {
            // Another program answered, or none.
            status.textContent = `${status.textContent || "✕"} ${words.noAnswer}`;
            return;
        }
        if (!answer.id) {
            return; // it was refused
        }
        const rows = await rowsOf(answer.id).catch(() => null);
        if (!rows) {
            status.append(`: ${words.noRows}`);
            return;
        }
        if (rows.failed) {
            // The request is stored, but a receiver of the project raised.
            status.textContent = status.textContent.replace("✓", "✕");
        }
        status.append(`: ${rows.state}`);
        if (rows.pending) {
            status.append(`. ${words.waiting}`);
        }
        addLinks(list, rows.links);
    }

    async function test(button) {
        const url = button.dataset.test;
        if (new URL(url).origin !== location.origin) {
            say(words.otherOrigin);
            return;
        }
        button.disabled = true;
        results.replaceChildren();
        // New ids each time: a repeated id is a repeat.
        const mark = Date.now().toString(36).toUpperCase();
        for (const sample of JSON.parse(button.dataset.samples.replaceAll("MARK", mark))) {
            await post(url, sample);
        }
        button.disabled = false;
    }

    for (const button of document.querySelectorAll("[data-copy], [data-test]")) {
        button.hidden = false;
        button.addEventListener("click", () =>
            "copy" in button.dataset ? copy(button.dataset.copy) : test(button),
        );
    }
});
