"""`python -m local_aws`: start the local AWS and print its address."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from local_aws import launch, postgres, redis


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m local_aws", description="An embedded AWS on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--latency", type=float, default=0, metavar="MS", help="milliseconds added to every call")
    parser.add_argument("--rate-limit", type=float, metavar="N", help="calls a second above which Throttling is answered")
    parser.add_argument(
        "--transition",
        type=_transition,
        action="append",
        default=[],
        metavar="KIND=SECONDS",
        help="how long a kind stays in its transitional state, e.g. nat_gateway=20 (may be repeated)",
    )
    parser.add_argument(
        "--failure",
        type=_failure,
        action="append",
        default=[],
        metavar="KIND=REASON",
        help="why things of a kind that are made end in their failed state, e.g. eks_nodegroup=AccessDenied (may be repeated)",
    )
    parser.add_argument("--no-kubernetes-api", action="store_true", help="let the endpoint of a cluster lead nowhere")
    parser.add_argument("--idle-timeout", type=float, default=1800, metavar="SECONDS", help="stop when nobody calls (0: never)")
    parser.add_argument("--parent-pid", type=int, metavar="PID", help="stop when this process is gone")
    parser.add_argument(
        "--database", action="store_true", help="give the first database instance a real PostgreSQL, of this machine"
    )
    parser.add_argument("--cache", action="store_true", help="give the first replication group a real Redis, of this machine")
    parser.add_argument("--request-log", type=Path, metavar="FILE", help="append every call, one JSON object a line")
    return parser.parse_args(arguments)


def _transition(text: str) -> tuple[str, float]:
    kind, separator, seconds = text.partition("=")
    try:
        if not (kind and separator):
            raise ValueError
        return kind, float(seconds)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not KIND=SECONDS") from None


def _failure(text: str) -> tuple[str, str]:
    kind, _, reason = text.partition("=")
    if not (kind and reason):
        raise argparse.ArgumentTypeError(f"{text!r} is not KIND=REASON")
    return kind, reason


def taken(port: int) -> str:
    """Why nobody can listen on the port, empty when one can. Asked first, as all else takes seconds."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def main() -> int:
    """Serve until SIGTERM, SIGINT, the idle timeout or the end of the parent. Exit code 0; 1 if the port is taken."""
    options = parse()
    problem = options.port and taken(options.port)
    if problem:
        print(f"port {options.port} cannot be listened on: {problem}", file=sys.stderr)
        return 1
    if options.database and (why := postgres.missing()):
        print(f"--database: {why}", file=sys.stderr)
        return 1
    if options.cache and (why := redis.missing()):
        print(f"--cache: {why}", file=sys.stderr)
        return 1
    # moto and its backends take a second to import: not before the command line is known to be good.
    from local_aws import cache, database, kubernetes_api, server, watch
    from local_aws.gate import GATE

    GATE.settings.update(
        {
            "latency_ms": options.latency,
            "rate_limit": options.rate_limit,
            "transitions": dict(options.transition),
            "failures": dict(options.failure),
            "kubernetes_api": not options.no_kubernetes_api,
        }
    )
    GATE.log.file = options.request_log
    http = server.make(options.port)
    if options.database:
        database.DATABASE.start()
    if options.cache:
        cache.CACHE.start()

    url = f"http://{server.HOST}:{http.server_port}"
    kubernetes_api.KUBELET.environment = lambda region: {
        **launch.environment(url, region),
        **database.DATABASE.env(),
        **cache.CACHE.env(),
    }

    def stop(*_signal: Any) -> None:
        threading.Thread(target=http.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    watch.watch(stop, options.idle_timeout, options.parent_pid)
    print(f"local AWS listening on {url}", flush=True)
    for name, value in {**database.DATABASE.env(), **cache.CACHE.env()}.items():
        print(f"export {name}={value}", flush=True)
    http.serve_forever(poll_interval=0.1)
    sys.stdout.flush()
    kubernetes_api.stop()
    database.DATABASE.stop()
    cache.CACHE.stop()
    os._exit(0)  # calls still in flight (long polling) must not hold the process up


if __name__ == "__main__":
    sys.exit(main())
