"""The grammars for the search of the most expensive body. ``GRAMMARS`` lists all of them."""

from __future__ import annotations

from tests.hostile.bodies import FORM, JSON, MULTIPART
from tests.hostile.recipes import NUMBER, Grammar, Recipe

#: The use of a body: see ``measuring.TARGETS``.
POST, ERASE = "post", "erase"

_LATIN = "application/json; charset=iso-8859-3"
_LEFT = "\udcff"  # a byte that is not UTF-8
_TEXTS = ("a", "é", "\U0001f4a5", "\0", _LEFT, " ", "\n", "\\", '\\"', "\\u0000", "\\ud800", "\\n")
_SUBSCRIBER = '{"event_id":4,"subscriber_id":"1","name":"'

_MARKS = ("{", "}", "[", "]", ",", ":", '"', '""', '"a"', '"a":1', f'"{NUMBER}":1', "{}", "[]")
_NUMBERS = ("1", "-", "0", ".0", "1.5", "1e14", "1.5e15", "1e299", "1.5e300", "1e999", "NaN")

_ESCAPES = ("%", "%4", "%41", "%E0%A4%95", "%26", "%25", "%5B", "%5D", "+", "=", "&", "a", "é")
_FIELDS = ("a=1&", "&a[]=1", "&a[b][c]=", "&%41=", f"&{NUMBER}=", "[0]", "[", "]", '{"msg_id":1},')
_PHP = (f"&data[{NUMBER}][msg_id]=1", f"&data%5B{NUMBER}%5D%5Bstatus%5D=1", _LEFT, "\0")

_PART = "--b\r\nContent-Disposition: form-data; name="
_ENDS = (
    "\r\n\r\n",
    "\r\n",
    "\n",
    "\r\n ",
    "\r",
    "--b",
    "--b--",
    "-",
    " ",
    "\t",
    "a",
    NUMBER,
    _LEFT,
)
_HEADERS = ("a: b\r\n", "Content-Disposition:", "Content-Type: message/rfc822\r\n\r\n", "name=")
_PARAMETERS = (";", "; x=1", ';a="', '"', "\\", '\\"', "; name*0=a", "=?utf-8?q?a?=", "=")
_BASE64 = ("Content-Transfer-Encoding: base64\r\n\r\n", "QUFB", "=41", "=\r\n")
_QUOTED = ("Content-Transfer-Encoding: quoted-printable\r\n\r\n", "Content-Type: multipart/mixed;")

_ROWS = '{"project_id":"1","event_id":1,"data":['
_ROW = f'{{"msg_id":"{NUMBER}","status":1'
_KNOWN_FIELDS = (
    ',"number":"15550001111"',
    ',"push_id":true',
    ',"message":"é"',
    ',"status":"x"',
    ',"media":[]',
)
_UNKNOWN_FIELDS = (
    ',"x":[1]',
    ',"y":"é"',
    ',"a":1',
    ',"z":[[[[]]]]',
    f',"{NUMBER}":1',
    ',"b":1e200',
)
_LONG = (',"reference_number":"' + "é" * 256 + '"', ',"message_type":"' + "\0" * 256 + '"')

_GROUPS = '{"project_id":"1","event_id":3,"data":['
_JOIN = '{"action":1,"group_id":"A","number":"1"},'
_EXIT, _UNKNOWN_ACTION = _JOIN.replace(":1,", ":2,"), _JOIN.replace(":1,", ":9,")
_MEMBER = f'{{"action":1,"group_id":"A","number":"{NUMBER}"}},'
_LATER = ('{"action":1,"group_id":"A","number":"1","x":"é"},', '{"action":1},', "0,")

_CHAT = '{"project-id":"1","unique-id":"1","message-in":"'
_IN_GROUP = '{"project-id":"1","unique-id":"1","group-id":"A","number":"'
_CONTACTS, _LOCATION = '{"unique-id":"1","contact":[', '{"unique-id":"1","location":{'
_PIECES = ("%ff", "%C3", "%c3%a9", "%F0%9F%98", "/", " / 1", " @", '{"a":[1]},', '"a":{"b":[1]},')

_DIGITS = (
    "1",
    "15550",
    "1555000111",
    "0",
    "5",
    "\u0661",
    "u0031",
    "\\u0031",
    "%31",
    "e+10",
    "1e10",
)
_BETWEEN = (
    "+",
    "-",
    "(",
    ")",
    "(0)",
    "\u2010",
    ".",
    ".0",
    "%2B",
    "%4",
    "%",
    "\\\\",
    "\\\\u",
    "\\u00",
)

GRAMMARS = (
    Grammar(
        name="json",
        target=POST,
        labels=(JSON, FORM, "application/json; charset=windows-1252", _LATIN),
        heads=(
            _SUBSCRIBER,
            _ROWS,
            '{"event_id":4,',
            '{"event_id":1,"data":{',
            "[",
            "\ufeff",
            "\0{",
            "",
        ),
        atoms=(*_TEXTS, *_MARKS, *_NUMBERS),
        tails=('"}', "1]}", '"subscriber_id":"2"}', "]", "}}", '","x":["', ""),
        first=(
            Recipe(JSON, "[", (('",",', 1),), ""),
            Recipe(JSON, '{"event_id":1,', ((f'"{NUMBER}":1,', 1),), '"data":[]}', 590_000, 4),
            Recipe(JSON, _SUBSCRIBER, (("a", 1),), '\U0001f4a5"}'),
            Recipe(JSON, _SUBSCRIBER, (("\0", 1),), '"}'),
            Recipe(_LATIN, _SUBSCRIBER, (("\udca5", 1),), '"}'),
            Recipe(JSON, _ROWS + '{"msg_id":1,"x":[', (("1.5e14,", 1),), "1]}]}", 590_000, 2),
        ),
    ),
    Grammar(
        name="form",
        target=POST,
        labels=(FORM, "", "text/plain", "multipart/form-data"),
        heads=("event_id=4&subscriber_id=1&name=", "event_id=1&data=[", "event_id=1&", "a=", ""),
        atoms=(*_ESCAPES, *_FIELDS, *_PHP),
        tails=("", "&event_id=4", "1]", "&subscriber_id=1"),
        first=(
            Recipe("text/plain", "a=", (("%", 1),), ""),
            Recipe(FORM, "event_id=4&a=", (("%", 1),), ""),
            Recipe(FORM, "event_id=1", ((f"&data%5B{NUMBER}%5D%5Bx%5D=%25", 1),), "", 195_000),
            Recipe(FORM, "event_id=1", (("&a[b][c]=", 1),), "", 195_000),
        ),
    ),
    Grammar(
        name="multipart",
        target=POST,
        labels=(
            MULTIPART,
            "multipart/form-data; boundary=-",
            'multipart/form-data; boundary="b b"',
        ),
        heads=(_PART + "event_id\r\n\r\n1\r\n", _PART, _PART + 'a; x="', "--b\r\n", ""),
        atoms=(_PART, *_ENDS, *_HEADERS, *_PARAMETERS, *_BASE64, *_QUOTED),
        tails=("\r\n\r\n1\r\n--b--", "\r\n--b--", ""),
        first=(
            Recipe(MULTIPART, _PART + 'a; x="', ((";", 1),), '"\r\n\r\n1\r\n--b--'),
            Recipe(MULTIPART, "", ((_PART, 1), (';a="', 4000), ("\r\n\r\n1\r\n", 1)), "--b--"),
            Recipe(MULTIPART, "", ((_PART + NUMBER, 1), ("\r\n\r\n1\r\n", 1)), "--b--", 49_000),
            Recipe(MULTIPART, "--b\r\n", (("Content-Type: message/rfc822\r\n\r\n", 1),), "", 3000),
        ),
    ),
    Grammar(
        name="rows",
        target=POST,
        labels=(JSON,),
        heads=(_ROWS, _ROWS.replace("1,", "2,"), '{"event_id":1,"x":"' + "é" * 150 + '","data":['),
        atoms=(_ROW, _ROW, "},", "},", *_KNOWN_FIELDS, *_UNKNOWN_FIELDS, *_LONG, "{}", "0,"),
        tails=("0]}", '{"msg_id":1,"status":1}]}'),
        first=(
            Recipe(JSON, _ROWS, ((_ROW + "},", 1),), "0]}", 14_900),
            Recipe(JSON, _ROWS, ((_ROW, 1), (',"y":"é"', 30), ("},", 1)), "0]}", 14_900),
            Recipe(
                JSON,
                _ROWS,
                ((_ROW, 1), *((atom, 1) for atom in _KNOWN_FIELDS), ("},", 1)),
                "0]}",
                14_900,
            ),
        ),
    ),
    Grammar(
        name="groups",
        target=POST,
        labels=(JSON,),
        heads=(_GROUPS,),
        atoms=(_JOIN, _EXIT, _UNKNOWN_ACTION, _MEMBER, _MEMBER.replace(":1,", ":2,"), *_LATER),
        tails=("0]}",),
        first=(
            Recipe(JSON, _GROUPS, ((_JOIN, 1), (_EXIT, 1)), "0]}", 7_400),
            Recipe(JSON, _GROUPS, ((_MEMBER, 1),), "0]}", 14_900),
        ),
    ),
    Grammar(
        name="chat",
        target=POST,
        labels=(JSON, FORM),
        heads=(_CHAT, _IN_GROUP, _CONTACTS, _LOCATION, "unique-id=1&message-in="),
        atoms=(*_TEXTS, *_ESCAPES, *_PIECES),
        tails=('"}', "1]}", '"a":1}}', "", "&number=1"),
        first=(
            Recipe(JSON, _CHAT, (("%ff", 1),), '"}'),
            Recipe(JSON, _CHAT, (("%c3%a9%ff", 1),), '"}'),
            Recipe(JSON, _CHAT, (("%ff+", 1),), '"}'),
            Recipe(JSON, _CHAT, (("%ff+", 1),), '"}', 120_000),
            Recipe(JSON, _CHAT, (("%", 1),), '\U0001f4a5"}'),
            Recipe(FORM, "unique-id=1&message-in=", (("%", 1),), ""),
            Recipe(FORM, "unique-id=1&message-in=", (("%" * 50 + "&", 1),), "", 195_000),
            Recipe(JSON, _IN_GROUP, (("/ 1", 1),), '"}'),
            Recipe(JSON, _IN_GROUP, (("/", 1), (" ", 4000)), '"}'),
            Recipe(JSON, _CONTACTS, (('{"a":[1]},', 1),), "1]}", 190_000),
        ),
    ),
    Grammar(
        name="erasing",
        target=ERASE,
        labels=(JSON, FORM, "text/plain"),
        heads=("", _SUBSCRIBER, "a=", "\ufeff"),
        atoms=(*_TEXTS, *_DIGITS, *_BETWEEN),
        tails=("", '"}', "\\", "5"),
        first=(
            Recipe(JSON, "", (("\\", 1),), ""),
            Recipe("text/plain", "a=", (("%", 1),), ""),
            Recipe(JSON, "", (("1555000111", 1), ("(", 4000)), ""),
            Recipe(JSON, "", (("1 ", 1),), ""),
            Recipe(JSON, "", (("\u0661", 1),), ""),
        ),
    ),
)
