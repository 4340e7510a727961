# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request from here, as it is: no redirect is followed, no proxy is asked, nothing is tried twice."""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import dataclass

from ..reconcile.errors import EngineError

HTTPS, HTTP = 443, 80
# Seconds, for the connection and for each part of the answer.
PATIENCE = 10
# A managed rule group refuses what does not say who it is.
AGENT = "agent_platform.aws smoke"


@dataclass(frozen=True)
class Answer:
    """``location``: where the answer sends to; empty for one that sends nowhere."""

    status: int
    location: str = ""


class Unanswered(EngineError):
    """There was no answer; the text says why. ``silent``: nobody took the connection, as where a security group is in the way."""

    silent = False


class Silent(Unanswered):
    silent = True


class Unresolved(Unanswered):
    """The name has no address."""


class Untrusted(Unanswered):
    """The certificate is not good for the name."""


def context(verified: bool = True) -> ssl.SSLContext:
    made = ssl.create_default_context()
    if not verified:
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def ask(host: str, path: str, tls: bool = True, port: int | None = None, verified: bool = True) -> Answer:
    """``GET`` the path (with its query). ``port``: the scheme's own without it. Raises Unanswered."""
    port = port or (HTTPS if tls else HTTP)
    connection = (
        http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=context(verified))
        if tls
        else http.client.HTTPConnection(host, port, timeout=PATIENCE)
    )
    try:
        connection.request("GET", path, headers={"User-Agent": AGENT, "Accept": "*/*"})
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheader("Location") or "")
    except socket.gaierror as error:
        raise Unresolved(f"{host} has no address ({error.strerror})") from error
    except ssl.SSLCertVerificationError as error:
        raise Untrusted(f"the certificate that {host} shows is not good for it ({error.verify_message})") from error
    except (TimeoutError, ConnectionRefusedError) as error:
        raise Silent(f"{host}:{port} does not answer ({error.strerror or 'timed out'})") from error
    except (OSError, http.client.HTTPException) as error:
        raise Unanswered(f"{host}:{port} breaks the connection off ({error or type(error).__name__})") from error
    finally:
        connection.close()
