"""The benchmark's own parts: what the proxy counts, what medians and targets say, and that all subjects make the same."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import pytest
from support import tiers
from support.census import census

from benchmarks import __main__ as program
from benchmarks import chart, floor, growth, measure, pages, part, report, scaling
from benchmarks.proxy import Proxy
from local_aws.in_process import InProcessAws


class Echo(BaseHTTPRequestHandler):
    """Answers a request's own body, and closes each connection, as the emulator does."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self):
        self.send_response(404)
        self.send_header("Content-Length", "12")
        self.end_headers()

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Proxy(f"http://127.0.0.1:{server.server_port}") as running:
        yield running
    server.shutdown()
    server.server_close()


def connection(proxy: Proxy) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=10)


def ask(
    client: http.client.HTTPConnection, method: str = "POST", body: bytes = b"words", **headers: str
) -> http.client.HTTPResponse:
    client.request(method, "/", body if method == "POST" else None, headers)
    answer = client.getresponse()
    answer.content = answer.read()
    return answer


class TestProxy:
    def test_connections_are_kept_and_counted(self, proxy):
        for _ in range(2):
            client = connection(proxy)
            assert [ask(client).content for _ in range(3)] == [b"words"] * 3
            client.close()
        assert (proxy.connections, proxy.requests) == (2, 6)
        proxy.clear()
        assert (proxy.connections, proxy.requests) == (0, 0)

    def test_answers_without_a_body(self, proxy):
        client = connection(proxy)
        assert ask(client, "HEAD").status == 404
        assert ask(client).content == b"words"
        assert proxy.connections == 1

    def test_chunks(self, proxy):
        client = connection(proxy)
        client.request("POST", "/", iter([b"some ", b"words"]), {"Content-Length": "10", "Expect": "100-continue"})
        assert client.getresponse().read() == b"some words"

    def test_latency_for_each_request_and_twice_for_a_connection(self, proxy):
        proxy.latency = 0.05
        client = connection(proxy)
        start = time.monotonic()
        ask(client)
        first = time.monotonic() - start
        start = time.monotonic()
        ask(client)
        second = time.monotonic() - start
        assert first >= 0.15
        assert second >= 0.05
        assert first > second


def runs(subject: str, walls: list[float], scenario: str = "same", **more: float) -> list[dict[str, object]]:
    about = {"what": "part", "subject": subject, "scenario": scenario, "latency_ms": 80.0}
    base = dict.fromkeys(report.MEASURED, 0)
    return [{**about, "n": n, **base, "wall": wall, "cpu": wall / 2, "reads": 100, **more} for n, wall in enumerate(walls)]


class TestReport:
    def test_medians(self):
        (row,) = report.medians(runs("ours", [9.0, 1.0, 2.0]))
        assert (row["wall"], row["cpu"], row["runs"]) == (2.0, 1.0, 3)

    def test_ratios_are_of_pairs(self):
        """A busy second round slows both down and changes nothing."""
        found = runs("ours", [1.0, 10.0, 1.0]) + runs("stock", [20.0, 210.0, 22.0])
        assert report.paired(found, "wall", "stock", "ours", scenario="same") == 21.0
        assert report.paired(found, "wall", "stock", "terraform", scenario="same") is None

    def test_targets(self):
        found = runs("ours", [4.0]) + runs("stock", [100.0]) + runs("floor", [1.0], reads=95) + runs("empty playbook", [1.0])
        found += runs("ours", [10.0], "fresh") + runs("stock", [150.0], "fresh", sleeps=40.0)
        met = {one["name"]: (one["measured"], one["met"]) for one in report.targets(found)}
        assert met["no change, against stock, wall"] == (25.0, True)
        assert met["from nothing, against stock, wall without its fixed sleeps"] == (11.0, False)
        assert met["no change, against the floor, wall above an empty playbook"] == (3.0, False)
        assert met["no change, against the floor, calls"] == (pytest.approx(1.0526, abs=0.001), True)
        assert met["no change, against terraform plan, wall"] == (None, False)

    def test_stock_stands_twice_in_the_table(self):
        ((title, rows),) = report.sections(runs("stock", [100.0], sleeps=40.0), "part")
        assert title == "no change, 80 ms a request"
        assert [(row[0], row[2]) for row in rows] == [("stock", "100.0"), ("stock, without 40 s of fixed sleeps", "60.0")]

    def test_tables(self):
        assert report.table([["a", "1"]], ["name", "s"]).splitlines() == ["name  s", "----  -", "a     1"]
        assert report.markdown([["a", "1"]], ["", "s"]).splitlines() == ["|  | s |", "| --- | ---: |", "| a | 1 |"]

    def test_chart_is_xml_with_a_bar_for_each(self):
        drawn = chart.svg([("A & B", report.medians(runs("ours", [1.0]) + runs("stock", [10.0], sleeps=4.0)))])
        bars = ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}rect")
        assert len(list(bars)) == 3

    def test_pages(self, tmp_path):
        content = {"runs": runs("ours", [1.0]), "about": {"part": {"cores": 2, "skipped": ["terraform: skipped"]}}}
        pages.write(content, tmp_path / "benchmark.json")
        text = (tmp_path / "benchmark.md").read_text()
        assert "Terraform: skipped." in text
        assert "| ours | 1 | 1.0 | 0.5 | 100 |" in text
        assert (tmp_path / "benchmark.svg").exists()
        assert "ours" in pages.terminal(content, ["part"])


BURN = "import time\nheld = b'x' * 60_000_000\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
# The sampler has to see it.
BURN += "time.sleep(1)"


class TestMeasure:
    def test_children_count(self):
        parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}], check=True)"
        cost = measure.run([sys.executable, "-c", parent], {})
        assert cost.cpu >= 0.3
        assert cost.wall >= 0.3
        assert cost.rss_mb > 1

    @pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux tells")
    def test_memory_of_descendants_in_other_sessions_counts(self):
        """Measured from a small process, as the benchmark does: that of the tests would count as the command's own."""
        parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}], start_new_session=True, check=True)"
        measuring = f"""
import json, sys
from benchmarks import measure
measure.SAMPLE_SECONDS = 0.01
print(json.dumps(measure.run([sys.executable, "-c", {parent!r}], {{}}, sample=True).as_dict()))
"""
        done = subprocess.run([sys.executable, "-c", measuring], cwd=measure.ROOT, capture_output=True, text=True, check=True)
        cost = json.loads(done.stdout)
        assert cost["rss_mb"] < cost["sum_rss_mb"]
        assert 60 < cost["sum_pss_mb"] <= cost["sum_rss_mb"]

    def test_a_failure_has_its_last_words(self):
        with pytest.raises(measure.Failed, match="so it is"):
            measure.run([sys.executable, "-c", "raise SystemExit('so it is')"], {})


class TestDeployments:
    def test_slices_are_disjoint_and_complete(self):
        hosts = list(scaling.inventory(16)["all"]["hosts"])
        first, second = scaling.slices(hosts)
        assert len(set(hosts)) == 16
        assert sorted(first + second) == sorted(hosts)

    def test_each_has_credentials_of_its_own(self):
        hosts = scaling.inventory(4)["all"]["hosts"].values()
        assert len({host["platform_aws_environment"]["AWS_ACCESS_KEY_ID"] for host in hosts}) == 4

    @pytest.mark.parametrize("kind", growth.KINDS)
    def test_growth_is_exact(self, kind):
        (things,) = growth.KINDS[kind][1](100).values()
        assert len(things) == 100


@pytest.fixture(scope="module")
def made():
    """What our tiers and what the floor make of an empty account, the list as our tiers give it, and the floor's reads."""
    recorded, standing = part.record()
    with InProcessAws() as aws:
        floor.Floor().fresh()
        theirs = census()
        aws.clear_requests()
        floor.Floor().same()
        reads = aws.requests
    return {"text": part.generated(recorded), "ours": standing, "floor": theirs, "reads": reads}


class TestComparison:
    OURS: ClassVar = {"queue": ["a"], "flow log": ["vpc"]}

    def test_the_same_is_counted(self):
        made = {"ours": self.OURS, "stock": {"queue": ["a"], "flow log": []}}
        assert program.compare(made) == {"ours": {"queue": 1, "flow log": 1}, "stock": {"queue": 1}}

    @pytest.mark.parametrize("other", [{"queue": ["b"], "flow log": ["vpc"]}, {"queue": ["a"], "flow log": []}])
    def test_something_else_is_told(self, other):
        with pytest.raises(measure.Failed, match="floor does not make what ours makes"):
            program.compare({"ours": self.OURS, "floor": other})


class TestPart:
    def test_the_list_is_fresh(self, made):
        assert made["text"] == part.FILE.read_text(), "run: python -m benchmarks.part"

    def test_the_floor_makes_what_ours_makes(self, made):
        assert made["floor"] == made["ours"]

    def test_the_floor_only_reads_when_nothing_changes(self, made):
        assert {request.access for request in made["reads"]} == {"read"}
        assert {request.status for request in made["reads"]} == {200}

    def test_the_tiers_are_those_of_the_site(self):
        assert set(part.TIERS) < set(tiers.tier_names())
