// On a phone each row of a list is a card: its cells get the names of their columns.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    const names = [...document.querySelectorAll("#result_list thead th")].map((head) =>
        (head.querySelector(".text") || head).textContent.trim(),
    );
    for (const row of document.querySelectorAll("#result_list tbody tr")) {
        [...row.cells].forEach((cell, column) => {
            if (cell.textContent.trim() === "-") {
                cell.dataset.empty = "";
            }
            if (cell.matches("td:not(.action-checkbox)") && names[column]) {
                cell.dataset.label = names[column];
            }
        });
    }
});
