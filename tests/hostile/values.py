"""Unexpected values: numbers of any size, texts of any kind, lists and objects."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.hostile.seeds import CANARY, Pairs, Raw
from tests.requests import SECRET

_NUMBERS = [
    "-0",
    "-0.0",
    "0.0",
    "1.0",
    "1.5",
    "5.0000000000000001",
    "1e5",
    "1E+5",
    "1e-400",
    "1e400",
    "-1e400",
    "1.7976931348623157e308",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "9" * 19,
    "9" * 255,
    "9" * 256,
    "9" * 301,
    "9" * 5000,
    "-" + "9" * 5000,
    "1." + "0" * 5000,
    "1." + "9" * 5000,
    "1e" + "9" * 5000,
    "NaN",
    "Infinity",
    "-Infinity",
]
#: Texts that some parsers accept as a number, but JSON does not.
_NEARLY_NUMBERS = [
    *("1_0", "+1", "01", "0x1", ".5", "1.", "1 ", "- 1", "¹", "½"),
    *("\u0661", "\u0663\u0662\u0661", "\uff11"),  # Arabic and full-width digits
]

#: Texts that databases cannot store.
_UNSTORABLE = [
    "\0",
    f"{CANARY}\0",
    "\ud800",
    "\udfff",
    f"\udc00\ud800{CANARY}",
]

_TEXTS = [
    "",
    " ",
    "\ud83d\ude00",
    "💥",
    "\ufffd",
    "\uffff",
    "\ufeff",
    "\u202e" + CANARY,
    "\u2028\x85\x1b[2J\x07",
    "e" + "\u0301" * 300,
    f"\r\nX-Injected: {CANARY}\r\n\r\n",
    f"<script>{CANARY}</script>",
    f"'; DROP TABLE {CANARY}; --",
    "{{ 7 * 7 }}${7*7}%s%n%(asctime)s{0}",
    "../../../../etc/passwd",
    SECRET,
    "null",
    "true",
    "0",
    "data[0]",
    '{"a":1}',
    '[{"msg_id":"1","status":"1"}]',
    '[{"msg_id":"1","status":"1"}',
    "[" * 200,
    "{" * 200,
    '{"a":' * 2000,
    "2020-05-29T16:01:06+99:99",
    "0000-00-00 00:00:00",
    "9999-12-31T23:59:59-23:59",
    "2020-02-30T16:01:06Z",
]

#: Around the 255 characters of an id and the 4 bytes of a character.
LENGTHS = st.integers(254, 300) | st.sampled_from([1000, 65535, 70000])

long_texts = st.builds(lambda text, length: text * length, st.sampled_from("xé\U0001f4a5"), LENGTHS)
texts = st.sampled_from(_UNSTORABLE) | st.sampled_from(_TEXTS) | long_texts | st.text(max_size=20)
numbers = st.sampled_from(_NUMBERS) | st.integers().map(str)
#: As JSON numbers, and in quotes.
numbers_written = numbers.map(Raw) | numbers | st.sampled_from(_NEARLY_NUMBERS)
constants = st.none() | st.booleans() | st.floats(-1e300, 1e300)
plain = st.one_of(texts, numbers_written, constants)

_KEYS = [
    "",
    CANARY,
    "data",
    "event_id",
    "message-in",
    "event_name",
    "status",
    "message",
    "__proto__",
    "__class__",
    "pk",
    "request_id",
    "extra",
    "data[0][msg_id]",
    "data[][status]",
    "a" + "[b]" * 100,
    "a[",
    "]",
    SECRET,
    "k" * 70000,
]
keys = st.sampled_from(_KEYS) | texts


def _containers(inner: st.SearchStrategy) -> st.SearchStrategy:
    pairs = st.lists(st.tuples(keys, inner).map(list), max_size=4).map(Pairs)
    return st.lists(inner, max_size=4) | pairs


nested = st.recursive(plain, _containers, max_leaves=8)
_NONSENSE = [*_NEARLY_NUMBERS, "undefined", "'a'", "nan", "\\ud800", ""]
nonsense = st.sampled_from(_NONSENSE).map(Raw)
#: Usually a single valid JSON value.
values = st.sampled_from([plain, plain, plain, nested, nonsense]).flatmap(lambda chosen: chosen)
