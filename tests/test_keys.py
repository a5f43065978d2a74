"""The key that an event shares with its repeats."""

from __future__ import annotations

from pickyassist_webhooks.models import keys


class TestKeys:
    def test_readable(self):
        assert keys.delivery_report("4100", "900001", "7", "8", 1) == "4100:900001:1"
        assert keys.delivery_report("4100", "", "7", "8", -1) == "4100::7:8:-1"
        assert keys.message("4100", "wamid.HB=") == "4100:wamid.%48%42%3D"
        assert keys.group_member("", "A1", "7", 3) == ":%411:7:000003"
        assert keys.push("4100", "700001") == "4100:700001"
        assert keys.new_subscriber("1", "z", "7", "8", "d") == "1:z::8:d"
        assert keys.new_subscriber("1", "", "7", "8", "d") == "1::7:8:d"

    def test_a_chat_message_without_an_id_repeats_only_its_own_request(self):
        assert keys.chat_message("4100", "88001", 2, "t", 0) == "4100:88001:2"
        assert keys.chat_message("4100", "", 2, "t", 1) == "4100::2:t:1"

    def test_two_identities_never_share_a_key(self):
        tricky = [
            "a",
            "A",
            "b",
            "%41",
            "a:b",
            "b:a",
            "a b",
            "ä",
            "\ud800",
            "#",
            "",
            "a" * 256,
            "b" * 256,
        ]
        pairs = [(left, right) for left in tricky for right in tricky]
        assert len({keys.message(*pair) for pair in pairs}) == len(pairs)
        assert all(len(keys.message(*pair)) <= keys.MAX_LENGTH for pair in pairs)

    def test_longest_readable(self):
        assert keys.message("1", "a" * 253) == "1:" + "a" * 253
        assert keys.message("1", "a" * 254).startswith("#")
