"""Another cluster behind the API: a token for the local AWS's cluster leads to the one that a kubeconfig names, as its user.

For the tests that a real API server is to pass too.
"""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode


def forward(kubeconfig: str, method: str, path: str, query: dict[str, str], content_type: str, body: Any) -> tuple[int, Any]:
    """The other cluster's answer: status and JSON."""
    from kubernetes.config import new_client_from_config

    settings = new_client_from_config(config_file=kubeconfig).configuration
    headers = {"Content-Type": content_type, "Accept": "application/json"}
    headers |= {
        item["key"]: item["value"] for item in settings.auth_settings().values() if item["in"] == "header" and item["value"]
    }
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    if not settings.verify_ssl:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)]
    url = f"{settings.host}{path}{'?' + urlencode(query) if query else ''}"
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.build_opener(*handlers).open(
            urllib.request.Request(url, data, headers, method=method), timeout=60
        ) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
