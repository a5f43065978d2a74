"""A request's body on its page: its problems are marked, and below it the exact text is shown."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils import translation

from pickyassist_webhooks.admin.text import MAX_NOTES, MAX_SHOWN, both_views, pretty_body
from pickyassist_webhooks.models import WebhookRequest
from pickyassist_webhooks.parsing.payloads import parse
from tests.machine import is_quick
from tests.requests import chat, delivery, filtered, member, post, row, subscriber

SAMPLES = sorted((Path(__file__).parent / "payloads/golden").glob("*.json"))


class Shown(HTMLParser):
    """The text, the marks and the notes of a body in a browser. Every tag is closed."""

    def __init__(self, html):
        super().__init__()
        self.html = html
        self.open, self.tags = [], []
        self.marks, self.titles, self.notes = [], [], []
        self.text = self.details = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        assert {name for name, _ in attributes} <= {"class", "title"}
        self.open.append(tag)
        self.tags.append(tag)
        if tag == "mark":
            assert "strong" not in self.open
            assert "details" not in self.open
            self.marks.append("")
            self.titles.append(dict(attributes)["title"])
        elif tag == "strong":
            self.notes.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "details" in self.open:
            self.details += data
        elif "strong" in self.open:
            self.notes[-1] += data
        else:
            self.text += data
            if "mark" in self.open:
                self.marks[-1] += data


def encoded(body):
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def problems_of(body):
    payload = parse(encoded(body))
    return [asdict(problem) for problem in [*payload.problems, *payload.warnings]]


def shown(body):
    return Shown(pretty_body(encoded(body), problems_of(body)))


def at(path, code="code", expected="what fits"):
    return {"path": path, "code": code, "expected": expected}


class TestMarks:
    @pytest.mark.parametrize(
        ("body", "marks", "notes"),
        [
            (delivery(), [], []),
            (delivery(row(), row("2", "six")), ['"six"'], ["not_an_integer"]),
            (delivery(row(), row([1]), row("3")), ['"msg_id": ['], ["wrong_type"]),
            (delivery(row(), "junk", 7, None), ['"junk"', "7", "null"], ["wrong_type"] * 3),
            (delivery(row("1", None)), ["null"], ["missing"]),
            (delivery(row("1", "")), ['""'], ["missing"]),
            (delivery(row(push_id=["x"])), ['"push_id": ['], ["blanked"]),
            (filtered(row(message=["not a field"], number="x" * 300)), None, ["cut"]),
            # A missing field: the row is marked, and the field is named.
            (delivery({"msg_id": "1"}), ["{"], ["status: missing"]),
            (delivery({"status": "1"}, row()), ["{"], ["msg_id: missing"]),
            (delivery(row(), {}), ["{"], ["status: missing"]),
            ({"project_id": "1", "data": []}, ["{"], ["event_id: missing"]),
            ({"event_id": 1}, ["{"], ["other_shape"]),
            # The envelope.
            ({"event_id": 9, "data": []}, ["9"], ["unknown_event"]),
            ({"project_id": {"a": 1}, "event_id": 1}, ['"project_id": {'], ["wrong_type"]),
            (delivery() | {"data": "none"}, ['"none"'], ["wrong_type"]),
            (delivery() | {"data": None}, ["null"], ["wrong_type"]),
            ({"message-in": "hi"}, ["{"], ["unique-id: missing"]),
            (chat(direction="in"), ['"in"'], ["not_an_integer"]),
            ([1, {"status": 2}], ["["], ["not_an_object"]),
            (b'{"event_id": 1, "data": [{"msg_id": "1"', ["{"], ["not_json"]),
            # One event, and one row.
            (member("join"), ['"join"'], ["not_an_integer"]),
            (member(group_id=""), ['""'], ["missing"]),
            (subscriber(subscriber_id="", mobile=[]), ['"mobile": ['], ["wrong_type", "blanked"]),
            (member() | {"data": 1, "action": "join"}, ['"join"'], ["not_an_integer"]),
            (delivery() | {"data": row("1", "six")}, ['"six"'], ["not_an_integer"]),
            (delivery() | {"data": row("1", "six", added={"a": {}})}, ['"six"'], None),
            (delivery() | {"data": {"status": 1}}, ['"data": {'], ["msg_id: missing"]),
            # An object of rows, as PHP writes a list with a gap.
            (
                delivery() | {"data": {"0": row(), "2": row("2", "six"), "7": "junk"}},
                ['"six"', '"junk"'],
                ["not_an_integer", "wrong_type"],
            ),
            (delivery() | {"data": {"0": {"msg_id": "1"}, "2": row()}}, ['"0": {'], None),
            # A value inside a row is not mistaken for the row.
            (delivery(row(added={"status": "a"}), row("2", "six")), ['"six"'], None),
            (delivery(row(added=[[], [1]]), row("2", "six")), ['"six"'], None),
            (delivery(row(**{"a": {"data": [1]}}), row("2", "six")), ['"six"'], None),
        ],
    )
    def test_are_where_the_problem_is(self, body, marks, notes):
        page = shown(body)
        assert marks is None or page.marks == marks
        codes = [re.fullmatch("← (.+), expected: .+", note)[1] for note in page.notes]
        assert notes is None or codes == notes
        assert "; ".join(page.titles) == "; ".join(note[2:] for note in page.notes)
        # Nothing of the body is lost, changed or moved.
        plain = Shown(pretty_body(encoded(body)))
        assert not plain.marks
        assert re.sub(" +$", "", page.text, flags=re.MULTILINE) == plain.text

    @pytest.mark.parametrize(
        ("body", "marks"),
        [
            # If a key is repeated, its last value counts, at the position of the first.
            (b'{"event_id":"a","event_id":"b"}', ['"b"']),
            (b'{"event_id":1,"data":[{"status":"a","status":"b","msg_id":1}]}', ["{", '"b"']),
            (b'{"event_id":1,"data":[1],"data":[{"msg_id":1,"status":"b"}]}', ["{", '"b"']),
            (b'{"event_id":1,"data":[{"status":"a"}],"data":[{"msg_id":"1"}]}', ["{", "{"]),
            (
                b'{"event_id":1,"data":{"a":{"status":"x"},"b":{"status":"y"},'
                b'"a":{"msg_id":1,"status":"z"}}}',
                ['"y"', '"z"'],
            ),
            # Keys as PHP can write them, and white space everywhere that JSON allows it.
            (b'{"event_id":1,"d\\u0061ta":[{"msg_id":"1","st\\u0061tus":"six"}]}', ['"six"']),
            (
                b'\n{ "event_id" :\r\n1 ,"data":\t[ { "msg_id":1 , "status" : [ ] } ] }',
                ['"status": ['],
            ),
            (b" \n" * 100_000 + b'{"event_id":"six"}', ['"six"']),
            ('{"event_id":"six"}'.encode("utf-16"), ['"six"']),
            # Brackets and quotation marks in a text.
            (b'{"event_id":1,"data":[{"msg_id":"}],[{\\"","status":":,"}]}', ['":,"']),
            (b'{"data":"[{\\"event_id\\":1}]","event_id":"]"}', ['"]"']),
        ],
    )
    def test_follow_the_json_parser(self, body, marks):
        assert shown(body).marks == marks

    def test_all_problems_of_one_path_have_one_mark(self):
        problems = [at("data[0]", "a"), at("data[0].x", "missing"), at("data[0]", "a")]
        page = Shown(pretty_body(encoded(delivery()), problems))
        assert page.marks == ["{"]
        assert page.titles == ["a, expected: what fits; x: missing, expected: what fits"]
        assert page.notes == ["← a, expected: what fits", "← x: missing, expected: what fits"]

    def test_follow_their_line(self):
        html = pretty_body(b'{"event_id": "six", "data": []}', [at("event_id")])
        assert (
            '\n  &quot;event_id&quot;: <mark class="pickyassist-problem" '
            'title="code, expected: what fits">&quot;six&quot;</mark>, '
            '<strong class="pickyassist-note">← code, expected: what fits</strong>\n  &quot;data'
        ) in html

    @pytest.mark.parametrize(
        "path",
        ["data[1]", "data[99].status", "data[1234567890]", "rows[0]", "a.b", "data[x]", "\n", "ü."],
    )
    def test_of_missing_values(self, path):
        assert not Shown(pretty_body(encoded(delivery()), [at(path)])).marks
        assert not Shown(pretty_body(encoded(member()), [at(path)])).marks

    def test_in_invalid_json(self):
        problems = [at("", "not_json"), at("project_id"), at("event_id")]
        for body in (b"project_id=<4100>&event_id=1", b"{'project_id': '4100'}", b"", b"]"):
            assert pretty_body(body, problems) == pretty_body(body)
        # Its structure is unknown: one mark a line, and no surplus bracket.
        page = Shown(pretty_body(b'{"project_id": 1 "event_id": 2}}]]{"a": [}, {:', problems))
        assert page.marks == ["{", "1"]
        for body in (b"[[" * 50_000, b"{" * 100_000, b'[{"a" [}:,]]}}', b'{"a": "\\x', b"{,:}"):
            assert Shown(pretty_body(body, problems)).marks[0] == body[:1].decode()

    def test_html_is_escaped(self):
        evil = "\"'><script>evil()</script>\u202e\0<b>\ud800"
        body = {"event_id": evil, evil: evil, "project_id": 1}
        page = Shown(both_views(encoded(body), [at("event_id", evil, evil), at("", evil)]))
        assert set(page.tags) == {"pre", "mark", "strong", "details", "summary"}
        for html in (page.html, page.titles[0], page.notes[0]):
            assert not re.search("[\0\u202e\ud800]", html)
        assert "\\u202e" in page.titles[0]
        assert page.marks[1].startswith('"\\"\'><script>evil()</script>')


class TestWhatIsNotShown:
    def test_has_no_mark(self):
        page = shown(delivery(*(row(str(index), "six") for index in range(1000))))
        assert 50 < len(page.marks) < 150
        assert set(page.marks) == {'"six"'}
        assert len(page.notes) == MAX_NOTES

    @pytest.mark.parametrize("left", range(1, 60))
    def test_at_every_cut_of_the_text(self, left):
        """A field that is not shown is not reported as missing, and its row is not marked."""
        body = {"event_id": 1, "data": [{"msg_id": "", "status": "sixty-six"}]}
        whole = Shown(pretty_body(encoded(body))).text
        body["data"][0]["msg_id"] = "x" * (MAX_SHOWN - len(whole) + left)
        page = Shown(pretty_body(encoded(body), [at("data[0].status")]))
        value = '"sixty-six"'[: max(0, len('"sixty-six"\n    }\n  ]\n}') - left)]
        assert page.marks == [value] * bool(value)

    def test_but_a_missing_field_is_marked(self):
        rows = [row(str(index), message="x" * 500) for index in range(100)]
        page = shown({"data": rows, "project_id": "1"})
        assert page.marks == ["{"]
        assert page.notes == ["← event_id: missing, expected: 1, 2, 3, 4 or 5"]
        assert not shown({"data": rows, "event_id": "six"}).marks

    def test_costs_no_time(self):
        """Even with many problems at many paths."""
        body = b'{"event_id":1,"data":[' + b'"",' * 2_000_000 + b'""]}'
        problems = [at(f"data[{index}]") for index in range(50_000)]
        page = Shown(pretty_body(body, problems))
        assert is_quick(lambda: pretty_body(body, problems), 10)
        assert len(page.marks) > 1000
        assert len(page.notes) == MAX_NOTES
        body = b'{"event_id":1,"data":{' + b",".join(b'"%d":{}' % n for n in range(9999)) + b"}}"
        page = Shown(pretty_body(body, problems * 2))
        assert is_quick(lambda: pretty_body(body, problems * 2), 10)
        assert page.marks[:2] == ['"0": {', '"1": {']


class TestAsItCame:
    def test_is_below_json(self):
        body = b'{"a":1,\r\n"b":"\\u0905\x1b<i>"}'
        html = both_views(body)
        assert html.startswith(pretty_body(body))
        page = Shown(html)
        assert page.details == 'As received{"a":1,\n"b":"\\u0905\\u001b<i>"}'
        assert '"b": "अ\\u001b<i>"' in page.text

    @pytest.mark.parametrize(
        "body", [b"", b"a=1&b=%7B", b"{'a': 1}", b"\xff\x00\x80", b'{\n  "a": [\n    1\n  ]\n}']
    )
    def test_is_not_repeated_if_it_is_shown_already(self, body):
        assert both_views(body) == pretty_body(body)

    def test_is_there_if_only_a_mark_differs(self):
        page = Shown(both_views(b'{\n  "event_id": 9\n}', [at("event_id")]))
        assert page.details == 'As received{\n  "event_id": 9\n}'

    def test_is_cut_like_any_text(self):
        page = Shown(both_views(encoded(["x" * 3 * MAX_SHOWN])))
        assert "characters are not shown" in page.details
        assert len(page.details) < MAX_SHOWN + 100


@pytest.mark.parametrize("sample", SAMPLES, ids=[path.name for path in SAMPLES])
def test_every_sample(sample):
    """If a sample is JSON, all its problems are marked and described."""
    body = sample.read_bytes()
    problems = problems_of(body)
    page = Shown(both_views(body, problems))
    within_a_text = sample.name == "delivery_report_data_json_text.json"
    if body.lstrip()[:1] in (b"{", b"[") and not within_a_text:
        notes = {f"{problem['code']}, expected: {problem['expected']}" for problem in problems}
        assert {re.sub(r"^← (\w+: )?", "", note) for note in page.notes} == notes


@pytest.mark.django_db
class TestPage:
    @pytest.fixture
    def page(self, client):
        """Post a body, and return its display on the page of its request."""
        client.force_login(get_user_model().objects.create_superuser("x"))

        def page(body, **how):
            post(body, **how)
            args = [WebhookRequest.objects.latest("pk").pk]
            url = reverse("admin:pickyassist_webhooks_webhookrequest_change", args=args)
            html = client.get(url).content.decode()
            match = re.search('<pre class="pickyassist-text">.*?</div>', html, re.DOTALL)
            return Shown(match[0].removesuffix("</div>"))

        return page

    def test_marks_problems_and_warnings(self, page):
        shown = page(delivery(row(), row("2", "six"), row("3", message=["<b>"])))
        assert shown.marks == ['"six"', '"message": [']
        assert shown.notes == [
            "← not_an_integer, expected: a whole number of 64 bits",
            "← blanked, expected: a text",
        ]
        assert shown.details.startswith('As received{"project_id": "4100",')

    def test_of_a_form_is_as_it_came(self, page):
        form = "application/x-www-form-urlencoded"
        shown = page(b"event_id=1&data[0][status]=six&data[0][msg_id]=1", content_type=form)
        assert shown.text == "event_id=1&data[0][status]=six&data[0][msg_id]=1"
        assert not shown.marks
        assert not shown.details


def test_can_be_translated(tmp_path, settings):
    catalog = {
        "": "Content-Type: text/plain; charset=UTF-8\n",
        "As received": "Wie es kam",
        "expected: %(expected)s": "erwartet: %(expected)s",
    }
    messages = tmp_path / "de/LC_MESSAGES/django.mo"
    messages.parent.mkdir(parents=True)
    messages.write_bytes(compiled(catalog))
    settings.LOCALE_PATHS = [tmp_path]
    with translation.override("de"):
        page = Shown(both_views(b'{"event_id":9}', [at("event_id")]))
    assert page.notes == ["← code, erwartet: what fits"]
    assert page.details.startswith("Wie es kam")


def compiled(catalog):
    """Return a catalog as gettext reads it."""
    texts = b""
    tables = []
    for each in (sorted(catalog), [catalog[name] for name in sorted(catalog)]):
        for text in each:
            start = 28 + 16 * len(catalog) + len(texts)
            tables.append(struct.pack("<2I", len(text.encode()), start))
            texts += text.encode() + b"\0"
    count = len(catalog)
    head = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0)
    return head + b"".join(tables) + texts
