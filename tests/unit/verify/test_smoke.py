"""Requests of the smoke test, against small servers on 127.0.0.1 that behave as the platform's parts do, or do not."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import ssl
import threading
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.verify import requests, smoke, tool
from ansible_collections.agent_platform.aws.plugins.module_utils.verify.world import World
from botocore.exceptions import ClientError, EndpointConnectionError

from local_aws.postgres import certificates

HOST = "127.0.0.1"
SQLI, COMMON = "AWSManagedRulesSQLiRuleSet", "AWSManagedRulesCommonRuleSet"


@contextlib.contextmanager
def serving(answer, tls=None):
    """A server that answers each GET with ``answer(path, headers)``: (status, headers). Gives its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers = answer(self.path, self.headers)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            """A client that does not like the certificate goes away; that is what is tried."""

    server = Server((HOST, 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """``ca`` (a file), and ``server``, a context for a server of 127.0.0.1."""
    directory = tmp_path_factory.mktemp("authority")
    ca, certificate, key = certificates(HOST)
    for name, content in (("ca.pem", ca), ("server.pem", certificate + key)):
        (directory / name).write_bytes(content)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(directory / "server.pem")
    return SimpleNamespace(ca=directory / "ca.pem", server=server)


class Platform:
    """What each part answers; a test changes one. ``queries``: what came to the edge."""

    def __init__(self):
        self.edge = lambda query: 403 if "q" in query else 200
        self.plain = lambda: (301, {"Location": f"https://{HOST}/healthz"})
        self.balancer, self.s3 = 403, 403
        self.aliases, self.health, self.groups = [], ["healthy"], [SQLI, COMMON]
        self.paths = []

    def at_the_edge(self, path, headers):
        assert headers["User-Agent"]
        self.paths.append(path)
        return self.edge(parse_qs(urlsplit(path).query)), {}


class Aws:
    """Clients that answer over TLS, and over plain HTTP as ``plain`` says."""

    def __init__(self, port):
        self.port, self.plain = port, {}

    def client(self, service):
        return self._made(f"https://{HOST}:{self.port}", None)

    def plain_client(self, service):
        return self._made(f"http://{HOST}", self.plain.get(service))

    def _made(self, url, error):
        def call(**_arguments):
            if error:
                raise error

        calls = dict.fromkeys(("list_objects_v2", "describe_table", "get_queue_attributes"), call)
        return SimpleNamespace(meta=SimpleNamespace(endpoint_url=url), **calls)


def refused(code="AccessDenied"):
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Call")


class Known(World):
    def __init__(self, platform, aws, balancer_port):
        params = {
            "topics": [{"name": "ticket-events"}],
            "tables": [{"name": "sessions"}],
            "buckets": ["user-uploads"],
            "rule_groups": platform.groups,
            "origin_header": "X-Origin-Verify",
            "pods": True,
        }
        super().__init__(aws, SimpleNamespace(environment="prod", deployment="prod-us-east-1"), params)
        self.platform, self.port = platform, balancer_port

    def distribution(self):
        return {"Id": "E1", "DomainName": HOST, "Config": {"Aliases": {"Quantity": 0, "Items": self.platform.aliases}}}

    def target_group(self):
        return {"TargetGroupName": "prod-ingress", "HealthCheckPath": "/healthz", "Port": 8080, "Health": self.platform.health}

    def load_balancer(self):
        return {
            "LoadBalancerName": "prod-ingress",
            "DNSName": HOST,
            "Listeners": [{"Port": self.port, "Protocol": "HTTPS"}],
        }

    def web_acl(self):
        return {"Name": "prod-us-east-1-edge"}

    def table(self, name):
        return {}

    def bucket(self, purpose):
        return {}

    def bucket_name(self, purpose):
        return f"agent-prod-{purpose}"

    def queue(self, name):
        return {"url": f"https://sqs/{name}"}


@pytest.fixture
def run(authority, monkeypatch):
    """Returns ``run(platform, **plain)``: flow -> row. ``plain``: service -> what a call over plain HTTP raises."""

    def trusting(verified=True):
        made = ssl.create_default_context(cafile=str(authority.ca))
        if not verified:
            made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        return made

    def go(platform, trusted=True, **plain):
        with contextlib.ExitStack() as stack:
            edge = stack.enter_context(serving(platform.at_the_edge, authority.server))
            plain_edge = stack.enter_context(serving(lambda *_: platform.plain()))
            balancer = stack.enter_context(serving(lambda *_: (platform.balancer, {}), authority.server))
            s3 = stack.enter_context(serving(lambda *_: (platform.s3, {}), authority.server))
            monkeypatch.setattr(requests, "HTTPS", edge)
            monkeypatch.setattr(requests, "HTTP", plain_edge)
            if trusted:
                monkeypatch.setattr(requests, "context", trusting)
            aws = Aws(s3)
            aws.plain = {"s3": refused(), "sqs": refused("AccessDeniedException"), "dynamodb": refused(), **plain}
            world = Known(platform, aws, balancer if platform.balancer else stack.enter_context(silent()))
            rows = [tool.row(check, writes=False) for check in smoke.checks(world)]
        return {row.flow: row for row in rows}

    return go


@contextlib.contextmanager
def silent():
    """A port that is taken, and at which nobody listens."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        yield taken.getsockname()[1]


def bad(rows, state="failed"):
    """Flow -> cause, or why not."""
    return {flow: row.cause or row.how for flow, row in rows.items() if row.state == state}


def test_a_platform_as_it_should_be(run):
    platform = Platform()
    rows = run(platform)
    assert {row.state for row in rows.values()} == {"ok"} and {row.how for row in rows.values()} == {"exercised"}
    assert len(rows) == 10
    # Every request but the two attacks is a plain one for the pods' health.
    assert [path for path in platform.paths if path != "/healthz"] == [
        "/healthz?q=1%27%20OR%20%271%27%3D%271%27%20UNION%20SELECT%20password%20FROM%20users--",
        "/healthz?q=%3Cscript%3Ealert%28document.cookie%29%3C/script%3E",
    ]


def test_what_the_edge_does_wrong(run):
    platform = Platform()
    platform.edge = lambda query: 200
    platform.plain = lambda: (200, {})
    found = bad(run(platform))
    assert set(found) == {
        "CloudFront sends plain HTTP to HTTPS",
        "the web ACL blocks SQL injection",
        "the web ACL blocks cross-site scripting",
    }
    assert (
        "is answered 200 and not sent to https: look at the viewer protocol policy of distribution E1"
        in found["CloudFront sends plain HTTP to HTTPS"]
    )
    assert f"web ACL prod-us-east-1-edge with {SQLI}" in found["the web ACL blocks SQL injection"]


def test_a_redirect_to_somewhere_else_is_none(run):
    platform = Platform()
    platform.plain = lambda: (301, {"Location": "http://elsewhere/"})
    assert list(bad(run(platform))) == ["CloudFront sends plain HTTP to HTTPS"]


def test_where_everything_is_refused_nothing_follows_about_attacks(run):
    platform = Platform()
    platform.edge = lambda query: 403
    rows = run(platform)
    assert list(bad(rows)) == ["a pod answers a request from the internet"]
    assert set(bad(rows, "not exercised")) == {"the web ACL blocks SQL injection", "the web ACL blocks cross-site scripting"}


def test_a_rule_group_that_is_not_wanted_is_not_tried(run):
    platform = Platform()
    platform.groups = [SQLI]
    assert bad(run(platform), "not exercised") == {
        "the web ACL blocks cross-site scripting": f"not exercised: {COMMON} is not among waf_managed_rule_groups"
    }


@pytest.mark.parametrize(
    ("health", "cause"),
    [([], "no pod is registered"), (["unhealthy"], "none of 1 targets"), (["healthy"], "answered 503 although a pod is healthy")],
)
def test_an_answer_that_no_pod_gave(run, health, cause):
    platform = Platform()
    platform.edge, platform.health = (lambda query: 403 if query else 503), health
    (found,) = bad(run(platform)).values()
    assert cause in found


def test_a_certificate_that_is_not_good(run):
    rows = run(Platform(), trusted=False)
    assert "look at the certificate of distribution E1" in rows["CloudFront answers over HTTPS"].cause


def test_a_name_of_ours_without_an_address(run, monkeypatch):
    platform = Platform()
    platform.aliases = ["agents.invalid"]
    monkeypatch.setattr(requests.socket, "getaddrinfo", _without("agents.invalid"))
    found = bad(run(platform))
    assert "agents.invalid has no address" in found["CloudFront answers over HTTPS"]
    assert "the domain's registrar" in found["CloudFront answers over HTTPS"]


def test_without_any_name_service_nothing_is_said(run, monkeypatch):
    platform = Platform()
    platform.aliases = ["agents.invalid"]
    monkeypatch.setattr(requests.socket, "getaddrinfo", _without("agents.invalid", HOST))
    rows = run(platform)
    assert bad(rows) == {}
    assert "and neither has 127.0.0.1, which is CloudFront's" in rows["CloudFront answers over HTTPS"].how


def _without(*names):
    real = socket.getaddrinfo

    def look(host, *arguments, **more):
        if host in names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *arguments, **more)

    return look


def test_from_where_the_internet_is_not_reached_silence_of_the_balancer_is_no_proof(run, monkeypatch):
    platform, real = Platform(), requests.ask

    def ask(host, path, tls=True, port=None, verified=True):
        if port is None:
            raise requests.Silent(f"{host} does not answer (timed out)")
        return real(host, path, tls, port, verified)

    monkeypatch.setattr(requests, "ask", ask)
    rows = run(platform)
    assert bad(rows) == {}
    assert smoke.FROM_HERE in rows["the load balancer refuses who comes past CloudFront"].how


@pytest.mark.parametrize("status", [None, 403])
def test_a_balancer_that_is_silent_or_says_no(run, status):
    platform = Platform()
    platform.balancer = status
    assert bad(run(platform)) == {}


@pytest.mark.parametrize("status", [200, 503])
def test_a_balancer_that_lets_anybody_in(run, status):
    platform = Platform()
    platform.balancer = status
    assert (
        f"load balancer prod-ingress answers {status} on port"
        in bad(run(platform))["the load balancer refuses who comes past CloudFront"]
    )


def test_stores_that_take_plain_http(run):
    rows = run(Platform(), s3=None, sqs=None, dynamodb=None)
    assert set(bad(rows)) == {"bucket user-uploads refuses plain HTTP", "queue prod-ticket-events refuses plain HTTP"}
    assert "nothing of table prod-sessions is to refuse it" in rows["table prod-sessions over plain HTTP"].how


def test_stores_that_are_silent_without_tls(run):
    nobody = EndpointConnectionError(endpoint_url="http://sqs")
    assert bad(run(Platform(), s3=nobody, sqs=nobody, dynamodb=nobody)) == {}


def test_a_fault_of_aws_is_not_a_refusal(run):
    found = bad(run(Platform(), s3=refused("InternalError")))
    assert "InternalError" in found["bucket user-uploads refuses plain HTTP"]


@pytest.mark.parametrize("status", [200, 404])
def test_a_bucket_that_answers_who_does_not_sign(run, status):
    platform = Platform()
    platform.s3 = status
    assert (
        f"bucket agent-prod-user-uploads answers {status} and not 403"
        in bad(run(platform))["bucket user-uploads refuses who does not sign"]
    )


def test_a_caller_who_may_not_do_it_over_tls_either_proves_nothing(run, monkeypatch):
    made = Aws._made
    monkeypatch.setattr(Aws, "_made", lambda self, url, error: made(self, url, refused()))
    rows = run(Platform())
    assert bad(rows) == {}
    assert "the caller is refused over TLS, too (AccessDenied)" in rows["bucket user-uploads refuses plain HTTP"].how


def test_another_endpoint_than_awss_proves_nothing(run, monkeypatch):
    made = Aws._made
    monkeypatch.setattr(Aws, "_made", lambda self, url, error: made(self, "http://127.0.0.1:1", error))
    rows = run(Platform())
    assert bad(rows) == {} and len(bad(rows, "not exercised")) == 4
    assert "the endpoint of s3 is http://127.0.0.1:1 by configuration" in rows["bucket user-uploads refuses who does not sign"].how


def test_rows_are_written_as_those_of_the_verification(run):
    rows = run(Platform())
    assert json.loads(json.dumps([row.as_dict() for row in rows.values()]))[0] == {
        "arrow": "1",
        "flow": "CloudFront answers over HTTPS",
        "state": "ok",
        "how": "exercised",
        "seconds": rows["CloudFront answers over HTTPS"].seconds,
        "cause": "",
    }
