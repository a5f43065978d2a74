"""``python -m tests.docs.draw_dashboard``: draw the panels of the dashboard for the docs.

It simulates six hours with an outage of the worker, gives the metrics of each minute to a real
Prometheus, and asks it for each expression of ``dashboard.json``. No Grafana runs here, so the
pictures have the panels and the data, but not the look of Grafana.
"""

from __future__ import annotations

import json
import logging
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from io import StringIO
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen
from xml.sax.saxutils import escape

from tests.docs.pages import DOCS

FOLDER = DOCS / "monitoring"
MINUTES, STEP = 360, 60
PROMETHEUS = shutil.which("prometheus") or "prometheus"
PROMTOOL = shutil.which("promtool") or "promtool"

#: The minutes in which a receiver raises, the worker is stopped, and a stranger guesses secrets.
BROKEN, STOPPED, GUESSED = range(30, 120), range(150, 235), range(280, 283)

WIDTH, ROW, TOP = 48, 22, 26
COLOURS = {
    "light": {"page": "#fff", "text": "#333", "line": "#ddd"},
    "dark": {"page": "#141619", "text": "#ccc", "line": "#333"},
}
LINES = ("#3b82c4", "#c2722a", "#3a9c57", "#a559b8", "#b8a024")
LEVELS = ("#3a9c57", "#d9902f", "#c93a3a")


def scrapes(end: datetime) -> Iterator[str]:
    """Yield the samples of each minute, as a server with this app would show them."""
    from django.core.management import call_command
    from django.utils import timezone as clock
    from prometheus_client import CollectorRegistry

    from pickyassist_webhooks.metrics import WebhookCollector
    from pickyassist_webhooks.signals import number_filtered
    from tests.requests import delivery, filtered, post, row, url

    def receiver(**named: Any) -> None:
        if minute in BROKEN:
            raise ConnectionError

    number_filtered.connect(receiver)
    registry, chance = CollectorRegistry(), random.Random(1)
    registry.register(WebhookCollector())
    for minute in range(MINUTES):
        now = end - timedelta(minutes=MINUTES - minute)
        clock.now = lambda now=now: now  # type: ignore[misc]
        for number in range(chance.randint(1, 6)):
            post(delivery(row(f"{minute}-{number}")))
        if minute % 7 == 0:
            post(filtered(row(f"{minute}", "1")))
        for _ in range(minute in GUESSED and 6):
            post({}, to=url("a-strangers-guess"))
        if minute not in STOPPED:
            call_command("pickyassist_process", stdout=StringIO())
        for family in registry.collect():
            for sample in family.samples:
                labels = ",".join(f'{k}="{v}"' for k, v in {**sample.labels, "job": "shop"}.items())
                yield f"{sample.name}{{{labels}}} {sample.value} {now.timestamp():.0f}"


def served(folder: Path, samples: list[str], port: int = 19090) -> subprocess.Popen[bytes]:
    """Start Prometheus with these samples."""
    samples.sort(key=lambda sample: sample.rsplit(" ", 2)[0])
    (folder / "samples").write_text("\n".join([*samples, "# EOF\n"]))
    create = [PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", "samples", "data"]
    subprocess.run(create, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (folder / "prometheus.yml").touch()
    return subprocess.Popen(
        [PROMETHEUS, f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.path=data"],
        cwd=folder,
        stderr=subprocess.DEVNULL,
    )


def series(expression: str, legend: str, end: datetime, port: int = 19090) -> list[Any]:
    """Return the name and the points of each line that an expression has."""
    query = expression.replace("$job", ".+").replace("$__rate_interval", "5m")
    begin = end - timedelta(minutes=MINUTES)
    span = {"start": begin.timestamp(), "end": end.timestamp() - STEP, "step": STEP}
    address = f"http://127.0.0.1:{port}/api/v1/query_range?{urlencode({'query': query, **span})}"
    with urlopen(address) as answer:
        result = json.load(answer)["data"]["result"]
    named = []
    for line in result:
        name = legend
        for label, value in line["metric"].items():
            name = name.replace("{{" + label + "}}", value)
        named.append((name, [(float(at), float(value)) for at, value in line["values"]]))
    return sorted(named)


def panel(definition: dict[str, Any], lines: list[Any], end: datetime, colour: Any) -> str:
    """Return one panel as SVG."""
    place = definition["gridPos"]
    width, height = place["w"] * WIDTH - 12, place["h"] * ROW - 10
    parts = [f'<text x="8" y="17" font-weight="bold">{escape(definition["title"])}</text>']
    left, right, bottom = 90, width - 10, height - 40
    begin = end.timestamp() - MINUTES * 60

    def across(at: float) -> float:
        return left + (right - left) * (at - begin) / (MINUTES * 60)

    for hour in range(7):
        x = across(begin + hour * 3600)
        parts.append(f'<path d="M{x:.0f} {TOP}V{bottom}" stroke="{colour["line"]}"/>')
        parts.append(f'<text x="{x:.0f}" y="{bottom + 14}" text-anchor="middle">{hour} h</text>')
    draw = timeline if definition["type"] == "state-timeline" else curves
    unit = definition["fieldConfig"]["defaults"].get("unit", "")
    parts += draw(lines, across, (left, right, bottom), unit)
    x, y = place["x"] * WIDTH + 6, place["y"] * ROW + 40
    frame = f'<rect width="{width}" height="{height}" fill="none" stroke="{colour["line"]}"/>'
    return f'<g transform="translate({x} {y})">{frame}{"".join(parts)}</g>'


def timeline(lines: list[Any], across: Any, box: Any, unit: str) -> Iterator[str]:
    height = (box[2] - TOP) / max(len(lines), 1)
    for index, (name, points) in enumerate(lines):
        y = TOP + index * height
        yield f'<text x="84" y="{y + height / 2 + 4:.1f}" text-anchor="end">{escape(name)}</text>'
        for value, run in groupby(points, lambda point: point[1]):
            moments = [at for at, _ in run]
            x, end = across(moments[0]), across(moments[-1] + STEP)
            size = f'width="{end - x:.1f}" height="{height - 4:.1f}"'
            yield f'<rect x="{x:.1f}" y="{y + 2:.1f}" {size} fill="{LEVELS[int(value)]}"/>'
    for index, word in enumerate(("ok", "degraded", "failing")):
        yield legend(word, LEVELS[index], box, index)


def curves(lines: list[Any], across: Any, box: Any, unit: str) -> Iterator[str]:
    highest = max((value for _, points in lines for _, value in points), default=0) or 1
    for share in (0, 0.5, 1):
        y = box[2] - (box[2] - TOP) * share
        value = highest * share
        text = f"{value / 60:.0f} min" if unit == "s" else f"{value:.3g}"
        yield f'<text x="84" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    for index, (name, points) in enumerate(lines):
        way = " ".join(
            f"{across(at):.1f},{box[2] - (box[2] - TOP) * value / highest:.1f}"
            for at, value in points
        )
        colour = LINES[index % len(LINES)]
        yield f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        yield legend(name, colour, box, index)


def legend(name: str, colour: str, box: Any, index: int) -> str:
    x, y = box[0] + index * 105, box[2] + 31
    mark = f'<rect x="{x}" y="{y - 8}" width="10" height="8" fill="{colour}"/>'
    return f'{mark}<text x="{x + 14}" y="{y}">{escape(name)}</text>'


def picture(drawn: list[tuple[dict[str, Any], list[Any]]], end: datetime, scheme: str) -> str:
    colour = COLOURS[scheme]
    height = max(each["gridPos"]["y"] + each["gridPos"]["h"] for each, _ in drawn) * ROW + 50
    panels = "\n".join(panel(each, lines, end, colour) for each, lines in drawn)
    size = f'width="{24 * WIDTH}" height="{height}" viewBox="0 0 {24 * WIDTH} {height}"'
    style = f'font-family="sans-serif" font-size="11" fill="{colour["text"]}"'
    back = f'<rect width="100%" height="100%" fill="{colour["page"]}"/>'
    title = '<text x="8" y="26" font-size="17">Picky Assist webhooks</text>'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>'
    return f"{start}{back}{title}\n{panels}</svg>\n"


def main() -> None:
    import django
    from django.conf import settings
    from django.test.utils import setup_databases

    django.setup()
    logging.disable(logging.CRITICAL)
    setup_databases(verbosity=0, interactive=False)
    settings.PICKYASSIST_WEBHOOKS = {**settings.PICKYASSIST_WEBHOOKS, "PROCESSOR": "none"}
    end = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    samples = list(scrapes(end))
    dashboard = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        prometheus = served(Path(folder), samples)
        try:
            time.sleep(5)
            drawn = [
                (each, [line for target in each["targets"] for line in lines_of(target, end)])
                for each in dashboard["panels"]
            ]
        finally:
            prometheus.terminate()
            prometheus.wait()
    for scheme in COLOURS:
        (FOLDER / f"dashboard-{scheme}-desk.svg").write_text(picture(drawn, end, scheme), "utf-8")


def lines_of(target: dict[str, Any], end: datetime) -> list[Any]:
    return series(target["expr"], target["legendFormat"], end)


if __name__ == "__main__":
    sys.exit(main())
