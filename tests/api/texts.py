"""Text from outside as strangers may send it: for properties over any text in any field."""

from hypothesis import strategies as st

PIECES = (
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</title>", "<!--", "]]>"),
    *("&lt;", "&amp;", '"', "'", "`", "*", "**", "_", "~~", "[x](http://evil.example)", "# ", "|"),
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1+1", "'=1", ",", ";", '"",""'),
    *("=?utf-8?q?=0D=0ABcc:_v@example.com?=", "=?utf-8?b?DQpCY2M6IHZAdi5jb20=?=", "=?", "?="),
    *("\r\n", "\n", "\r", "\x00", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u2029", "\t"),
    *("\u202e", "\u202d", "\u2066", "\u2069", "\u200f", "\u200e", "\u061c", "\u200b", "\ufeff"),
    *("<at>Ana</at>", "{{DATE(2026-11-20T00:00:00Z)}}", "{{7*7}}", "${x}", "%s", "%0d%0a", "\\"),
    *(
        "שלום",
        "مرحبا",
        "界",
        "é",
        "e\u0301",
        "👩\u200d👩\u200d👧",
        "ﬃ",
        "İ",
        "\u00a0",
        " ",
        "a",
        "0",
    ),
    *("../../etc/passwd", "$ne", "x" * 200, "界" * 67),
)
ANY_TEXT = st.one_of(
    st.lists(st.sampled_from(PIECES) | st.text(max_size=5), min_size=1, max_size=8).map("".join),
    st.text(max_size=260),
    st.integers(190, 10_000).map(lambda number: "x" * number),
    st.text(st.characters(categories=["Cc", "Cf", "Zs", "Zl", "Zp", "Mn"]), max_size=20),
)
"""Markup, formulas, control characters, encoded words, direction marks, 10,000 characters."""
