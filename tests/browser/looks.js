// Returns of each chart on the page where its words and bars are, and how they stand out.
() => {
    const outside = [];
    const contrasts = [];

    // As the browser shows a colour: Canvas, and any mixture, are drawn to a pixel.
    const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    function painted(...colours) {
        pen.clearRect(0, 0, 1, 1);
        for (const colour of colours) {
            pen.fillStyle = colour;
            pen.fillRect(0, 0, 1, 1);
        }
        return [...pen.getImageData(0, 0, 1, 1).data];
    }

    function luminance([...rgb]) {
        const [r, g, b] = rgb
            .slice(0, 3)
            .map((each) => each / 255)
            .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }

    function canvas() {
        const probe = document.body.appendChild(document.createElement("p"));
        probe.style.backgroundColor = "Canvas";
        const colour = getComputedStyle(probe).backgroundColor;
        probe.remove();
        return colour;
    }

    function groundOf(element) {
        const grounds = [];
        for (let each = element; each; each = each.parentElement) {
            grounds.unshift(getComputedStyle(each).backgroundColor);
        }
        return painted(canvas(), ...grounds);
    }

    for (const chart of document.querySelectorAll("svg.pickyassist-chart")) {
        const box = chart.getBoundingClientRect();
        const ground = groundOf(chart);
        for (const part of chart.querySelectorAll("text, rect:not(.pickyassist-whole)")) {
            const { left, right, top, bottom } = part.getBoundingClientRect();
            const is_in_chart =
                left >= box.left - 1 &&
                right <= box.right + 1 &&
                top >= box.top - 1 &&
                bottom <= box.bottom + 1;
            if (!is_in_chart || left < 0 || right > innerWidth) {
                outside.push(part.outerHTML);
            }
            const [one, other] = [ground, painted(getComputedStyle(part).fill)]
                .map(luminance)
                .sort((a, b) => b - a);
            contrasts.push((one + 0.05) / (other + 0.05));
        }
    }
    return { outside, least: Math.min(...contrasts), parts: contrasts.length };
}
