"""The server answers its own page and nobody else, and what it has acknowledged survives its being killed."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from infra.runs.reviews import Verdict, read_reviews
from infra.runs.run_directory import RunDirectory
from pipelines.cli import app
from pipelines.jobs.review.server import Address
from tests.pipelines.review.reviewed_runs import Server, decision, served, shapes_run

pytestmark = pytest.mark.usefixtures("same_threads")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    import torch

    threads = torch.get_num_threads()
    made = shapes_run(tmp_path_factory.mktemp("shapes"))
    torch.set_num_threads(threads)
    return made


@pytest.fixture(scope="module")
def server(run: RunDirectory) -> Iterator[Server]:
    with served(run.url) as server:
        yield server


def test_nothing_is_answered_without_the_token(server: Server) -> None:
    assert server.ask("")[0] == 200
    for path in ("/", "/overview", "/wrong/overview", "//", "/wrong/"):
        status, told = server.ask("", path=path)
        assert (status, told) == (
            403,
            b"Open the address that mfp review has printed: it ends in a token.\n",
        ), path
    token = urlsplit(server.url).path.strip("/")
    assert len(token) >= 32
    assert server.ask("overview", path=f"/{token[:-1]}/")[0] == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1"])
def test_a_site_whose_name_points_here_gets_nothing(server: Server, host: str) -> None:
    assert server.ask("overview", headers={"Host": host}) == (421, b"This page has another address.\n")


def test_the_port_that_browsers_leave_out_need_not_be_named() -> None:
    with socket.socket() as unused:
        assert Address(unused, "::1", 80, "t").hosts >= {"[::1]", "[::1]:80", "localhost", "localhost:80"}
        assert "localhost" not in Address(unused, "127.0.0.1", 8765, "t").hosts


def test_a_request_for_no_path_is_refused(server: Server) -> None:
    import http.client

    connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
    connection.request("OPTIONS", "*")
    assert connection.getresponse().status == 403
    connection.close()


def test_another_page_can_ask_for_nothing(server: Server) -> None:
    netloc = urlsplit(server.url).netloc
    assert server.ask("overview", headers={"Origin": "http://evil.example"})[0] == 403
    assert server.ask("overview", headers={"Origin": f"http://{netloc}"})[0] == 200


def test_every_answer_keeps_the_page_to_itself(server: Server) -> None:
    import http.client

    where = urlsplit(server.url)
    for path in (where.path, f"{where.path}main.js", f"{where.path}overview", "/"):
        connection = http.client.HTTPConnection(where.netloc)
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        connection.close()


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        ("queue?order=best", None, "order 'best' is none of worst, gain, audit"),
        ("queue?first=x", None, "first and count are whole numbers"),
        ("object", {"shard": "s"}, "key: is missing"),
        ("answer", {"shard": "s", "key": "k", "id": "1"}, "an answer is asked for after a click"),
        ("decide", {"verdict": "good"}, "verdict"),
    ],
)
def test_what_the_page_never_asks_is_refused(server: Server, name: str, body: Any, told: str) -> None:
    status, answer = server.ask(name, body)
    assert status == 400
    assert told in answer["error"]


def test_a_mistake_is_told_in_one_line(server: Server) -> None:
    _, queue = server.ask("queue")
    one = queue["objects"][0]
    click = {"y": 5000.0, "x": 1.0, "is_foreground": True}
    status, answer = server.ask(
        "answer", {"shard": one["shard"], "key": one["key"], "id": one["id"], "clicks": [click]}
    )
    assert (status, "lies outside the image" in answer["error"]) == (422, True)
    status, answer = server.ask("object", {"shard": one["shard"], "key": "gone", "id": "1"})
    assert (status, "has no sample 'gone'" in answer["error"]) == (422, True)


def test_only_what_is_there_can_be_decided_on(server: Server, run: RunDirectory) -> None:
    _, queue = server.ask("queue")
    one = queue["objects"][0]
    for verdict in ("accepted", "rejected", "withdrawn"):
        status, answer = server.ask("decide", decision(one | {"id": "nobody"}, verdict))
        assert (status, "click on it first" in answer["error"]) == (422, True)
        assert server.ask("decide", decision(one | {"key": "gone"}, verdict))[0] == 422
    assert dict(read_reviews(run)) == {}


def test_a_decision_that_cannot_be_stored_is_kept_and_sent_again(tmp_path: Path) -> None:
    run = shapes_run(tmp_path)
    with served(run.url) as server:
        one = server.ask("queue")[1]["objects"][0]
        asked = decision(one, "accepted")
        folder = tmp_path / "run" / "reviews"
        if folder.exists():
            folder.rmdir()
        folder.write_text("in the way")
        status, answer = server.ask("decide", asked)
        assert status == 503, answer  # which the page sends again
        folder.unlink()
        assert server.ask("decide", asked)[0] == 200
    assert len(read_reviews(run)) == 1


def test_a_port_that_is_taken_and_a_folder_that_is_no_run_are_told_in_one_line(
    run: RunDirectory, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["review", run.url, "--port", str(port)])
    assert f"cannot listen at 127.0.0.1, port {port}: address already in use" in " ".join(
        result.output.split()
    )
    result = CliRunner().invoke(app, ["review", str(tmp_path)])
    assert "is no run directory: it has no run.json" in " ".join(result.output.split())


def test_another_host_is_warned_of(run: RunDirectory) -> None:
    with served(run.url, "--host", "0.0.0.0") as server:
        where = urlsplit(server.url)
        assert where.hostname == socket.gethostname().lower()
        local = Server(server.process, f"http://127.0.0.1:{where.port}{where.path}")
        assert local.ask("overview")[0] == 200


def test_what_was_acknowledged_is_there_whenever_the_server_is_killed(tmp_path: Path) -> None:
    run = shapes_run(tmp_path)
    draw = random.Random(7)
    sent: dict[str, dict[str, Any]] = {}
    acknowledged: dict[str, int] = {}
    numbers: dict[tuple[str, str], int] = {}
    for _ in range(3):
        with served(run.url) as server:
            _, queue = server.ask("queue?show=all&count=500")
            killer = threading.Timer(draw.uniform(0.1, 0.8), server.process.kill)
            killer.start()
            try:
                for number in range(10_000):
                    one = queue["objects"][number % len(queue["objects"])]
                    name = one["key"], one["id"]
                    verdict = draw.choice(["accepted", "rejected"])
                    asked = decision(one, verdict, numbers.get(name, 0))
                    sent[asked["decision"]] = asked
                    status, answer = server.ask("decide", asked)
                    if status == 409:  # of the one that was under way when the server was killed
                        numbers[name] = answer["first"]
                        continue
                    assert status == 200, answer
                    acknowledged[asked["decision"]] = answer["number"]
                    numbers[name] = answer["number"]
            except OSError:
                pass  # it was killed
            killer.join()
    assert len(acknowledged) > 20
    stored = {file.name: file for file in (tmp_path / "run" / "reviews").glob("*.json")}
    decisions = {}
    from infra.runs.reviews import Review
    from infra.strict_json import from_bytes

    for file in stored.values():
        review = from_bytes(Review, file.read_bytes())  # whole, every one of them
        decisions[review.decision] = int(file.stem.partition("-")[2])
    assert {token: decisions.get(token) for token in acknowledged} == acknowledged
    assert decisions.keys() <= sent.keys()
    # the newest on each object is what is read
    newest: dict[tuple[str, str], tuple[int, str]] = {}
    for token, number in decisions.items():
        body = sent[token]
        name = body["object"]["key"], body["object"]["id"]
        if number > newest.get(name, (0, ""))[0]:
            newest[name] = number, body["verdict"]
    assert {name: str(review.verdict) for name, review in read_reviews(run).items()} == {
        name: verdict for name, (_, verdict) in newest.items()
    }


def test_what_is_sent_again_after_a_kill_is_no_second_decision(tmp_path: Path) -> None:
    run = shapes_run(tmp_path)
    with served(run.url) as server:
        one = server.ask("queue")[1]["objects"][0]
        asked = decision(one, "corrected", clicks=[(9.0, 9.0, True)])
        assert server.ask("decide", asked)[0] == 200
    with served(run.url) as server:
        status, answer = server.ask("decide", asked)
        assert (status, answer["number"], answer["verdict"]) == (200, 1, "corrected")
    (review,) = read_reviews(run).values()
    assert review.verdict is Verdict.CORRECTED


def test_the_median_click_takes_little_of_the_processor(
    demo_run: RunDirectory, record_property: Callable[[str, object], None]
) -> None:
    """Wall time depends on what else this machine does; on one that does nothing else it is about this."""
    from mfp.clicks import Click
    from pipelines.jobs.review.desk import Place
    from tests.pipelines.review.reviewed_runs import desk_of

    desk = desk_of(demo_run)
    queue: Any = desk.queue("worst", "all", 0, 20)["objects"]
    seconds, processor = [], []
    for one in queue[:5]:
        place = Place(one["shard"], one["key"], one["id"])
        shown: Any = desk.shown(place)
        assert max(shown["height"], shown["width"]) >= 450
        clicks: list[Click] = []
        for share in (0.3, 0.5, 0.7, 0.4):
            clicks.append(Click(int(shown["height"] * share), int(shown["width"] * share), share != 0.5))
            began, began_processor = time.perf_counter(), time.process_time()
            desk.answer(place, clicks)
            seconds.append(time.perf_counter() - began)
            processor.append(time.process_time() - began_processor)
    seconds.sort()
    processor.sort()
    median, of_processor = seconds[len(seconds) // 2], processor[len(processor) // 2]
    record_property("review: milliseconds of a click at the median", round(1000 * median))
    record_property("review: of the processor", round(1000 * of_processor))
    assert of_processor < 0.15
