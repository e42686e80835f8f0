"""Models that are not there: no question to the hub, or one, and one line that says what to do."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch

import ndm
from ndm.nn.networks.mlp import MLP

COMMIT = "0123456789" * 4
QUESTION = "HEAD /owner/name/resolve/main/config.json"


def saved(folder: Path) -> ndm.NeuralDiffusion:
    model = ndm.NeuralDiffusion(
        ndm.schedules.LinearSchedule(-6.0, 4.0),
        ndm.IdentityTransform(),
        ndm.DirectPredictor(MLP((2,), num_outputs=1, width=4, depth=1)),
        ndm.GaussianDecoder(),
    )
    model.save_pretrained(folder)
    return model


@contextlib.contextmanager
def hub(answer: Callable[[str], bytes | int]) -> Iterator[tuple[dict, list[str]]]:
    """A hub on this machine: the options that lead to it, and what it was asked. answer(path): a file, or a status."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(f"{self.command} {self.path}")
            found = answer(self.path)
            self.send_response(found if isinstance(found, int) else 200)
            content = b"" if isinstance(found, int) else found
            self.send_header("Content-Length", str(len(content)))
            if content:
                self.send_header("ETag", f'"{self.path.rpartition("/")[2]}"')
                self.send_header("X-Repo-Commit", COMMIT)
            if found == 404:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_GET = do_HEAD

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {"endpoint": f"http://127.0.0.1:{server.server_port}"}, asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch) -> dict:
    monkeypatch.chdir(tmp_path)
    # huggingface_hub asks the hub which agents there are, once a process, for its name of the user: not here.
    monkeypatch.setattr(
        "huggingface_hub.utils._detect_agent._registry", {"standardEnvVars": [], "harnesses": {}}, raising=False
    )
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("waited, to ask once more"))
    return {"cache_dir": str(tmp_path / "cache")}


def refused(name: str, **options: object) -> str:
    with pytest.raises(ndm.InputError) as caught:
        ndm.NeuralDiffusion.from_pretrained(name, **options)
    assert "\n" not in str(caught.value) and name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["nope", "./nope", "../a", "/a/b", "a/b/c", "a/b/", "no pe/x", "~/x", ""])
def test_what_can_be_no_name_of_the_hub_is_refused_without_a_question(cache, name):
    with hub(lambda _: 404) as (options, asked):
        assert "OWNER/NAME of the hub" in refused(name, **cache, **options)
    assert asked == []


def test_a_file_or_a_dead_link_in_place_of_the_folder_is_refused_without_a_question(cache):
    saved(Path("saved"))
    Path("saved/link").symlink_to("nowhere")
    with hub(lambda _: 404) as (options, asked):
        for name in ("saved/model.safetensors", "saved/link"):
            assert "which is no folder" in refused(name, **cache, **options)
    assert asked == []


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_the_hub_is_asked_once(cache, status):
    with hub(lambda _: status) as (options, asked):
        assert "neither a folder nor a model that the hub gives" in refused("owner/name", **cache, **options)
    assert asked == [QUESTION]


def test_a_hub_that_cannot_be_reached_is_asked_once(cache, monkeypatch):
    asked = []
    connect = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: asked.append(a) or connect(*a, **k))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens
        refused("owner/name", **cache, endpoint=f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert len(asked) == 1


def test_offline_nothing_is_asked(cache, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with hub(lambda _: 404) as (options, asked):
        assert "neither a folder" in refused("owner/name", **cache, **options)
        assert "neither a folder" in refused("owner/name", local_files_only=True, **cache, **options)
    assert asked == []


def test_a_model_of_the_hub_is_loaded_and_its_cache_serves_when_the_hub_does_not(cache):
    model = saved(Path("saved"))
    files = {path.name: path.read_bytes() for path in Path("saved").iterdir()}
    up = True
    with hub(lambda path: files[path.rpartition("/")[2]] if up else 503) as (options, asked):
        found = ndm.NeuralDiffusion.from_pretrained("owner/name", **cache, **options)
        assert all(torch.equal(found.state_dict()[name], value) for name, value in model.state_dict().items())
        assert asked[0] == QUESTION
        up = False
        asked.clear()
        with pytest.warns(UserWarning, match="cannot be asked for owner/name .*cache"):
            ndm.NeuralDiffusion.from_pretrained("owner/name", **cache, **options)
        assert asked == [QUESTION]


def test_the_second_file_is_not_asked_for_after_the_first(cache):
    with hub(lambda path: 404 if path.endswith("config.json") else b"weights") as (options, asked):
        refused("owner/name", **cache, **options)
    assert len(asked) == 1


def test_the_folder_of_a_run_leads_to_its_model(cache):
    saved(Path("run/model"))
    assert 'run, the folder of a run; expected that of a model; say "run/model"' in refused("run")
    assert isinstance(ndm.NeuralDiffusion.from_pretrained("run/model"), ndm.NeuralDiffusion)
