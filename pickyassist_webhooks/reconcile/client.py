"""Call the delivery report API: one POST, with limits on everything that its server decides.

The token is in the body of the request, and nowhere else: httpx logs URLs, never bodies.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from concurrent.futures import Future
from datetime import datetime, timedelta
from datetime import timezone as zones
from email.utils import parsedate_to_datetime
from functools import lru_cache
from threading import Thread
from urllib.parse import urlsplit

from django.utils import timezone

from ..conf import app_settings
from ..exceptions import ReportsNotFetched
from ..models.moments import in_utc

#: Seconds for a connection, for each part of the answer, and for all of it. A worker that claims a
#: push for a minute must have its answer by then.
CONNECT, READ, TOTAL = 10.0, 30.0, 40.0

#: Bytes of an answer at most: a push has up to 10,000 messages.
MAX_BYTES = 10 * 1024 * 1024

_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}

#: The name of the threads that call.
_THREAD = "pickyassist_reconcile_call"

for _name in ("httpcore.connection", "httpcore.http11"):
    # With DEBUG they log the headers of an answer, and a server may repeat the token in them.
    logging.getLogger(_name).addFilter(lambda record: record.threadName != _THREAD)


def fetch(push_id: str, token: str) -> bytes:
    """Return the bytes that the delivery report API answers with HTTP 200.

    Raises ``ReportsNotFetched`` for anything else.
    """
    url = app_settings.api_url
    if not url:
        raise ReportsNotFetched("API_URL", "API_URL is invalid: see manage.py check", True)
    # The vendor's sample has a number, its other pages a text.
    number = int(push_id) if push_id.isascii() and push_id.isdecimal() else push_id
    is_same = str(number) == push_id and len(push_id) < 19
    body = json.dumps({"token": token, "push_id": number if is_same else push_id}).encode()
    failure = ReportsNotFetched("timeout", f"no complete answer within {TOTAL:.0f} s")
    try:
        return _in_thread(f"{url}delivery-report", body)
    except ReportsNotFetched as err:
        failure = err
    except asyncio.TimeoutError:
        pass
    except Exception as err:  # httpx, ssl, sockets and IDNA have errors of their own
        reason = f"{type(err).__name__}: {err}".removesuffix(": ").replace(token, "***")
        failure = ReportsNotFetched(
            type(err).__name__, f"could not reach {urlsplit(url).netloc} ({reason[:200]})"
        )
    # Not within the handlers: the frames of those errors hold the token.
    raise failure


def _in_thread(url: str, body: bytes) -> bytes:
    """Post in a thread: the caller can have an event loop, and Ctrl-C waits for no server."""
    answer: Future[bytes] = Future()

    def post() -> None:
        try:
            answer.set_result(asyncio.run(_with_deadline(url, body)))
        except BaseException as err:
            answer.set_exception(err)

    Thread(target=post, name=_THREAD, daemon=True).start()
    return answer.result()


async def _with_deadline(url: str, body: bytes) -> bytes:
    return await asyncio.wait_for(_post(url, body), TOTAL)


async def _post(url: str, body: bytes) -> bytes:
    import httpx

    client = httpx.AsyncClient(
        verify=_trusted(),
        # Neither proxies nor .netrc of the environment: the host comes from API_URL alone.
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(READ, connect=CONNECT),
    )
    async with client, client.stream("POST", url, content=body, headers=_HEADERS) as response:
        _require_success(response.status_code, response.headers.get("Retry-After", ""))
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding.strip().lower() not in ("", "identity"):
            raise ReportsNotFetched("encoding", "the answer is encoded, which was not asked for")
        content = bytearray()
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > MAX_BYTES:
                raise ReportsNotFetched("too large", f"the answer has more than {MAX_BYTES} bytes")
        return bytes(content)


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """Return the context that verifies certificates; to build it takes longer than a call.

    As in other programs, ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` can name the trusted authorities.
    """
    import httpx

    return httpx.create_ssl_context()


def _require_success(status: int, retry_after: str) -> None:
    if status == 200:
        return
    pause = pause_of(retry_after)
    if status == 429 and pause is None:
        pause = timedelta(minutes=1)
    what = "redirects, which is not followed" if 300 <= status < 400 else "is an error"
    raise ReportsNotFetched(
        f"HTTP {status}", f"the answer is HTTP {status}, which {what}", retry_after=pause
    )


def pause_of(retry_after: str) -> timedelta | None:
    """Return the pause that a ``Retry-After`` header asks for: seconds, or a date."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return timedelta(seconds=min(int(text[:9]), 10**8))
    try:
        moment: datetime = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:  # "-0000": UTC, of an unknown place
        moment = moment.replace(tzinfo=zones.utc)
    return max(moment - in_utc(timezone.now()), timedelta())
