"""Each field of a chat message: the names, the types and the rules of its values."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from pickyassist_webhooks.models import ChatMessage, WebhookRequest
from pickyassist_webhooks.parsing.chat import MAX_REPAIRED
from pickyassist_webhooks.parsing.payloads import parse
from tests.cases import FORBIDDEN_KEYS
from tests.requests import delivery, post, row

FORM = "application/x-www-form-urlencoded"


def payload(**fields):
    usual = {"number": "15550001111", "unique-id": "88001", "project-id": "41"}
    return usual | {name.replace("__", "-"): value for name, value in fields.items()}


def parsed(source, content_type=""):
    body = source if isinstance(source, bytes) else json.dumps(source).encode()
    return parse(body, content_type)


def read(**fields):
    """Return the columns of a message, and the values that have none."""
    [event] = parsed(payload(**fields)).events
    return event.fields, event.extra


def test_the_id_of_the_answered_message_has_a_column_and_the_event_id_has_none():
    fields, extra = read(context__msg__id="900001", event_id="")
    assert fields["context_msg_id"] == "900001"
    assert extra == {}


class TestKind:
    @pytest.mark.parametrize("event_id", [None, "", "  "])
    @pytest.mark.parametrize("name", ["message-in", "message_in_raw", "message-in-raw"])
    def test_a_blank_event_id_is_none(self, event_id, name):
        assert parsed({"event_id": event_id, name: "hi", "number": "1"}).kind == "chat_message"

    @pytest.mark.parametrize("name", ["Unique_ID", "UNIQUE-ID", "unique_id"])
    def test_names_in_any_spelling(self, name):
        assert parsed({name: "1"}).kind == "chat_message"

    @pytest.mark.parametrize("event_id", [1, "4", 0, 99, "x", [], {}, False])
    def test_an_event_id_makes_it_an_event(self, event_id):
        result = parsed(payload(event_id=event_id, message__in="hi"))
        assert result.kind != "chat_message"
        assert not result.events

    def test_a_report_with_all_names_of_a_chat_message(self):
        report = {**payload(message__in="hi", direction=1), **delivery(row("1"))}
        result = parsed(report)
        assert (result.kind, len(result.events)) == ("delivery_report", 1)

    @pytest.mark.parametrize("name", ["number", "name", "direction", "project-id", "type"])
    def test_other_names_tell_nothing(self, name):
        [problem] = parsed({name: "1"}).problems
        assert (problem.path, problem.code) == ("event_id", "missing")

    @pytest.mark.parametrize(
        ("body", "label"),
        [
            (b'{"number":"1","number":"2","unique-id":"5"}', ""),
            (b"number=1&number=2&unique-id=5", "application/x-www-form-urlencoded"),
        ],
    )
    def test_a_repeated_name_has_a_warning(self, body, label):
        result = parse(body, label)
        assert result.events[0].fields["number"] == "2"
        assert [(each.path, each.code) for each in result.warnings] == [("", "repeated_key")]

    def test_a_repeated_name_in_a_reply_has_one_warning(self):
        result = parse(b'{"unique-id":"5","interactive":{"id":"1","id":"2"}}')
        assert result.events[0].fields["reply_id"] == "2"
        warnings = [(each.path, each.code) for each in result.warnings]
        assert warnings == [("interactive", "repeated_key")]

    def test_small_coordinates_stay_numbers(self):
        fields, _ = read(location={"lat": 0.00005, "long": -1e-7})
        assert fields["location"] == {"lat": 0.00005, "long": -1e-7}

    def test_the_teambox_is_named(self):
        [problem] = parsed({"event_id": 1, "event_description": "Chat assigned"}).problems
        assert problem.code == "teambox_webhook"


class TestNumber:
    @pytest.mark.parametrize(
        ("sent", "number", "subject"),
        [
            ("Sales Team @Ada / 15550001111", "15550001111", "Sales Team"),
            ("Team @Ada/Bob / 15550001111", "15550001111", "Team"),
            ("Team @Ada /15550001111", "15550001111", "Team"),
            ("A / B @Ada / 15550001111", "15550001111", "A / B"),
            ("Team @Ada @work / 15550001111", "15550001111", "Team"),
            ("Team @Ada / +1 555", "Team @Ada / +1 555", "Team"),
            ("Team @Ada / Bob", "Team @Ada / Bob", "Team"),
            ("Team@Ada / 15550001111", "15550001111", ""),
            ("15550001111", "15550001111", ""),
            ("a/b", "a/b", ""),
        ],
    )
    def test_in_a_group(self, sent, number, subject):
        fields, extra = read(number=sent, group__id="A41")
        assert (fields["number"], fields["group_subject"]) == (number, subject)
        assert extra == ({} if number == sent else {"number": sent})

    def test_a_slash_means_nothing_outside_of_a_group(self):
        sent = "Team @Ada / 15550001111"
        fields, extra = read(number=sent)
        assert (fields["number"], fields["group_subject"], extra) == (sent, "", {})

    @pytest.mark.parametrize("group_id", ["", "A41"])
    def test_is_cut(self, group_id):
        result = parsed(payload(number="1" * 256, group__id=group_id))
        [event] = result.events
        assert event.fields["number"] == "1" * 255
        assert event.extra == {"number": "1" * 256}
        assert [(each.path, each.code) for each in result.warnings] == [("number", "cut")]

    def test_a_long_name_of_a_group_is_cut(self):
        sent = f"{'x' * 300} @Ada / 15550001111"
        fields, extra = read(number=sent, group__id="A41")
        assert (fields["number"], len(fields["group_subject"])) == ("15550001111", 255)
        assert extra == {"number": sent}

    @pytest.mark.parametrize(
        ("sent", "extra"),
        [
            (15550001111, {}),
            ("15550001111", {}),
            (None, {}),
            (" 15550001111\n", {"number": " 15550001111\n"}),
            (15550001111.0, {}),
        ],
    )
    def test_text_or_number(self, sent, extra):
        fields, kept = read(number=sent, unique__id="5")
        assert fields["number"] == ("15550001111" if sent else "")
        assert kept == extra

    def test_messenger_has_another_id(self):
        [event] = parsed({"messenger_id": 7000000000001, "message-in": "hi"}).events
        assert event.fields["messenger_id"] == "7000000000001"
        assert event.fields["number"] == event.fields["unique_id"] == ""


class TestIds:
    @pytest.mark.parametrize("sent", [0, "0", " 0 ", "", None])
    def test_zero_is_blank(self, sent):
        fields, _ = read(unique__id=sent)
        assert fields["unique_id"] == ""

    @pytest.mark.parametrize("sent", [880000001, "880000001", "880000001 "])
    def test_text_or_number(self, sent):
        assert read(unique__id=sent)[0]["unique_id"] == "880000001"

    @pytest.mark.parametrize("sent", [[], {}, True, 1.5, "x" * 256])
    def test_an_invalid_one_is_a_problem(self, sent):
        result = parsed(payload(unique__id=sent))
        assert not result.events
        assert result.problems[0].path == "unique-id"

    @pytest.mark.parametrize("unique_id", ["", "0", 0])
    def test_no_one_and_nothing(self, unique_id):
        source = {"message-in": "hi", "unique-id": unique_id, "number": " ", "messenger_id": None}
        [problem] = parsed(source).problems
        assert (problem.path, problem.code) == ("unique-id", "missing")


class TestDirection:
    @pytest.mark.parametrize(
        ("sent", "direction"),
        [
            *((0, 0), ("0", 0), (1, 1), (" 1 ", 1), ("", 0), ("  ", 0), (None, 0)),
            *((-5, -5), ("77", 77), (2**63 - 1, 2**63 - 1), (str(-(2**63)), -(2**63))),
        ],
    )
    def test_is_a_whole_number(self, sent, direction):
        assert read(direction=sent)[0]["direction"] == direction

    def test_is_received_if_absent(self):
        assert read()[0]["direction"] == 0

    @pytest.mark.parametrize("sent", ["in", "1.0", 1.5, True, [], {}, 2**63, "9" * 20, "\u0661"])
    def test_anything_else_is_a_problem(self, sent):
        result = parsed(payload(direction=sent))
        assert not result.events
        assert result.problems[0].path == "direction"


class TestText:
    @pytest.mark.parametrize(
        ("fields", "text"),
        [
            ({"message_in_raw": "a+b%21", "message__in": "c"}, "a+b%21"),
            ({"message__in__raw": "a+b", "message__in": "c"}, "a+b"),
            ({"message_in_raw": " ", "message__in__raw": "b", "message__in": "c"}, "b"),
            ({"message_in_raw": "", "message__in__raw": " ", "message__in": "c+d"}, "c d"),
            ({"message_in_raw": None, "message__in": "c%2Bd"}, "c+d"),
            ({"message_in_raw": "0", "message__in": "c"}, "0"),
            ({"message_in_raw": 0, "message__in": "c"}, "0"),
            ({"message__in": 0}, "0"),
            ({"message_in_raw": "  "}, "  "),
            ({"message__in": "%2525"}, "%25"),
            ({"message__in": "100%+sure %zz %C3"}, "100% sure %zz %C3"),
            ({"message__in": "%00"}, "\ufffd"),
            ({"message__in": "%ED%A0%80"}, "%ED%A0%80"),
            ({"MESSAGE_IN": "a%20b"}, "a b"),
            ({}, ""),
        ],
    )
    def test_is_the_first_that_is_not_blank(self, fields, text):
        assert read(**fields)[0]["text"] == text

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            (b"message-in=a%2Bb+c%25", "a+b c%"),
            (b"message-in=a&message_in_raw=+", "a"),
            (b"message-in=x&message_in_raw=a%2Bb", "a+b"),
            (b"message_in_raw=a%2Bb", "a+b"),
        ],
    )
    def test_the_decoding_of_a_form_is_the_only_one(self, body, text):
        [event] = parsed(b"number=1&" + body, FORM).events
        assert event.fields["text"] == text

    def test_an_escaped_nul_has_a_warning(self):
        result = parsed(payload(message__in="a%00b"))
        assert result.events[0].fields["text"] == "a\ufffdb"
        assert [(each.path, each.code) for each in result.warnings] == [("message-in", "replaced")]

    def test_escapes_of_a_form_that_are_not_utf_8_stay(self):
        result = parsed(b"number=1&message-in=caf%E9+%F0%9F%98%80+100%+%C3%28", FORM)
        assert result.events[0].fields["text"] == "caf%E9 \U0001f600 100% %C3("
        assert result.warnings == []

    def test_escapes_of_a_very_long_form_are_replaced(self):
        sent = b"number=1&message-in=%E9" + b"x" * MAX_REPAIRED
        assert parsed(sent, FORM).events[0].fields["text"] == "\ufffd" + "x" * MAX_REPAIRED

    def test_json_labelled_as_a_form_is_json(self):
        [event] = parsed(payload(message__in="a%2Bb"), FORM).events
        assert event.fields["text"] == "a+b"


CARD = {"first_name": "Bea", "phone": "+1 555 000 2222"}


class TestContent:
    @pytest.mark.parametrize(
        ("type_", "content"),
        [
            *(("1", "text"), (2, "image"), ("3", "video"), (4, "audio"), (" 5 ", "location")),
            *(("6", "document"), ("7", "contact"), (9, "reply"), ("8", "other"), (0, "other")),
            *(("sticker", "other"), ("", "text"), (None, "text")),
        ],
    )
    def test_of_a_type(self, type_, content):
        fields, _ = read(type=type_)
        assert fields["content"] == content
        assert fields["type"] == ("" if type_ is None else str(type_).strip())

    @pytest.mark.parametrize(
        ("fields", "content"),
        [
            ({"interactive": {"id": "a"}, "location": {"lat": 1}, "type": 1}, "reply"),
            ({"interactive": {}, "type": 1}, "reply"),
            ({"payload": "yes", "contact": [CARD]}, "reply"),
            ({"payload": " ", "type": 2}, "image"),
            ({"interactive": [], "type": 2}, "image"),
            ({"Location": {"lat": 1}, "type": 7}, "location"),
            ({"location": "here", "type": 1}, "text"),
            ({"contact": CARD, "type": 5}, "contact"),
            ({"contact": [], "type": 1}, "text"),
            ({"media__url": "https://x.example/a", "type": 2}, "image"),
            ({"media__url": "https://x.example/a", "type": 1}, "text"),
            ({"media__url": "https://x.example/a", "type": 99}, "document"),
            ({"media__url": "https://x.example/a"}, "document"),
            ({"media__url": " "}, "text"),
            ({"context__msg__id": "900001", "type": 1}, "text"),
        ],
    )
    def test_what_is_there_comes_first(self, fields, content):
        assert read(**fields)[0]["content"] == content


class TestObjects:
    def test_a_reply(self):
        fields, extra = read(interactive={"type": 2, "id": 7, "description": None, "new": [1]})
        assert (fields["reply_id"], fields["reply_description"]) == ("7", "")
        assert extra == {"interactive": {"type": 2, "new": [1]}}

    def test_an_invalid_reply_is_kept(self):
        sent = {"id": ["a"], "description": {"b": 1}}
        result = parsed(payload(interactive=sent))
        [event] = result.events
        assert (event.fields["reply_id"], event.fields["reply_description"]) == ("", "")
        assert event.extra == {"interactive": sent}
        paths = [(each.path, each.code) for each in result.warnings]
        assert paths == [("interactive.id", "blanked"), ("interactive.description", "blanked")]

    @pytest.mark.parametrize("sent", ["text", 7, [1], True])
    def test_an_object_of_another_type(self, sent):
        fields, extra = read(location=sent, interactive=sent)
        assert (fields["location"], fields["reply_id"]) == (None, "")
        assert extra == {"location": sent, "interactive": sent}

    @pytest.mark.parametrize(
        ("sent", "contacts"),
        [
            *(([CARD, "x"], [CARD, "x"]), (CARD, [CARD]), (None, []), ({}, [])),
            # PHP writes a list with a gap like this.
            ({"0": CARD, "2": "x"}, [CARD, "x"]),
        ],
    )
    def test_a_list(self, sent, contacts):
        fields, extra = read(contact=sent, group__mentions=sent)
        assert fields["contacts"] == fields["mentions"] == contacts
        assert extra == {}

    def test_a_list_of_another_type(self):
        fields, extra = read(contact="Bea", group__mentions=7)
        assert (fields["contacts"], fields["mentions"]) == ([], [])
        assert extra == {"contact": "Bea", "group-mentions": 7}

    @pytest.mark.parametrize("name", ["location", "contact", "group-mentions", "interactive"])
    def test_one_that_is_too_long_stays_in_the_body(self, name):
        result = parsed(payload() | {name: {"x": "y" * 100_001}})
        assert [each.code for each in result.warnings] == ["left_in_body"]
        assert result.events[0].extra == {}

    def test_of_a_form(self):
        body = b"number=1&unique-id=2&contact[0][phone]=3&contact[1][phone]=4&Location[lat]=5"
        [event] = parsed(body, FORM).events
        assert event.fields["contacts"] == [{"phone": "3"}, {"phone": "4"}]
        assert event.fields["location"] == {"lat": "5"}

    @pytest.mark.parametrize("label", [FORM, "application/json"])
    def test_json_in_a_text(self, label):
        sent = {
            "interactive": '{"type": 2, "id": "yes", "description": "Yes"}',
            "location": ' {"lat": 12.5}',
            "contact": '[{"phone": "3"}]',
            "group-mentions": '["15550002222"]',
        }
        source = urlencode(payload() | sent).encode() if label == FORM else payload() | sent
        [event] = parsed(source, label).events
        assert (event.fields["reply_id"], event.fields["reply_description"]) == ("yes", "Yes")
        assert event.fields["location"] == {"lat": 12.5}
        assert event.fields["contacts"] == [{"phone": "3"}]
        assert event.fields["mentions"] == ["15550002222"]
        assert event.extra == {"interactive": {"type": 2}}

    @pytest.mark.parametrize("sent", ["{", "[1", '{"a": ' * 64 + "1" + "}" * 64])
    def test_no_json_in_a_text(self, sent):
        assert read(location=sent, contact=sent)[1] == {"location": sent, "contact": sent}


def test_everything_else_is_extra():
    fields, extra = read(custom__variable="shop-7", content="other", text="injected", key="x")
    assert (fields["content"], fields["text"]) == ("text", "")
    assert extra == {
        "custom-variable": "shop-7",
        "content": "other",
        "text": "injected",
        "key": "x",
    }


def test_a_second_spelling_of_a_name_is_extra():
    [event] = parsed({"Number": "2", "number": "1", "NUMBER": "3", "unique-id": "4"}).events
    assert event.fields["number"] == "1"
    assert event.extra == {"Number": "2", "NUMBER": "3"}


@pytest.mark.django_db
class TestAnswer:
    @pytest.mark.parametrize(
        "source",
        [
            payload(message__in="hello secret"),
            payload(direction="hello secret"),
            payload(unique__id=["hello secret"]),
            {"message-in": "hello secret"},
            {"hello secret": True},
            {},
            payload(interactive={"id": ["hello secret"], "hello secret": 1}),
            {"event_id": 1, "event_description": "hello secret"},
            {"message-out": "hello secret", "delay": 1, "number": "1", "unique-id": "2"},
        ],
    )
    def test_is_200_with_nothing_that_was_sent(self, source):
        answer = post(source)
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/json"
        assert "secret" not in answer.content.decode()
        assert not FORBIDDEN_KEYS & answer.json().keys()
        assert set(answer.json()) <= {
            *("ok", "id", "state", "accepted", "repeats", "problems", "errors"),
        }

    def test_of_a_project_that_is_not_accepted(self, settings):
        settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {"PROJECT_IDS": ["42"]}
        answer = post(payload(message__in="hi"))
        assert (answer.status_code, answer.json()["state"]) == (200, "quarantined")
        assert post(payload() | {"project-id": 42}).json()["accepted"] == 1

    @pytest.mark.parametrize("error", [ValueError("number 15550001111"), SystemError()])
    def test_of_a_receiver_that_raises(self, error, listen):
        def broken(**named):
            raise error

        listen("message_received", broken)
        answer = post(payload(message__in="hi"))
        assert (answer.status_code, answer.json()["state"]) == (200, "failing")
        assert "15550001111" not in answer.content.decode()

    def test_of_a_worker_that_fails(self, monkeypatch):
        def broken(*args):
            raise ZeroDivisionError

        monkeypatch.setattr("pickyassist_webhooks.inbox.worker.parse", broken)
        answer = post(payload(message__in="hi"))
        assert (answer.status_code, answer.json()["state"]) == (200, "received")
        assert not ChatMessage.objects.exists()
        assert WebhookRequest.objects.count() == 1
