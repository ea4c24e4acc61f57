"""Frappe's webhooks: signed, sent by a worker, tried three times and then dropped.

So they are a hint and no feed: a document is named, and the poller looks earlier than it would have. What the body says
of the document's state is not used; Frappe's own ``status`` in it is stale when a document was just submitted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

from adapters.contract import AdapterError

SIGNATURE_HEADER = "x-frappe-webhook-signature"


def verify(secret: bytes, body: bytes, signature: str) -> bool:
    """Returns whether a signature is base64 of HMAC-SHA256 over the raw body; takes the same time for all.

    An empty secret verifies nothing: Frappe then signs nothing.
    """
    expected = base64.b64encode(hmac.digest(secret, body, hashlib.sha256))
    return bool(secret) and hmac.compare_digest(expected, signature.strip().encode())


def hint(body: bytes) -> tuple[str, str]:
    """Returns kind and name of the document a webhook is about.

    Raises:
        AdapterError: The body names no document; the webhook's JSON has to hold "doctype" and "name".
    """
    try:
        said = json.loads(body)
        doctype, name = said["doctype"], said["name"]
    except (ValueError, TypeError, KeyError) as error:
        raise AdapterError('a webhook whose JSON holds no "doctype" and "name"') from error
    if not (isinstance(doctype, str) and isinstance(name, str) and doctype and name):
        raise AdapterError('a webhook whose "doctype" and "name" are no texts')
    return doctype, name
