"""`ndm publish`: a folder or a repository of the hub that says what its model is, and nothing half written."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml
from calling import content, ndm
from huggingface_hub import HfApi, ModelCard
from huggingface_hub.errors import LocalTokenNotFoundError
from safetensors.torch import load_file, save_file

import ndm as library
from ndm import NeuralDiffusion
from ndm.base.errors import InputError
from ndm.base.files import sha256
from ndm.base.model_card import Facts, model_card
from ndm.evaluation.publish import command
from ndm.runs.run import open_run

FILES = {"README.md", "config.json", "model.safetensors"}


def front_matter(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def test_a_shared_folder_loads_samples_and_says_what_it_is(workplace):
    assert ndm("evaluate images --draws 2 --limit 3").code == 0
    result = ndm("publish images shared --licence apache-2.0")
    assert result.code == 0 and result.err == "" and set(content(Path("shared"))) == FILES
    text = Path("shared/README.md").read_text()
    names: dict = {}
    exec(text.split("```python\n")[1].split("```")[0].replace("steps=100", "steps=2"), names)
    assert names["samples"].shape == (16, 1, 8, 8) and names["samples"].isfinite().all()

    fields, evaluation = front_matter(text), yaml.safe_load(Path("images/evaluation.json").read_text())
    assert (fields["library_name"], fields["license"], fields["datasets"]) == ("ndm", "apache-2.0", ["images.npz"])
    (result,) = fields["model-index"][0]["results"]
    assert result["metrics"][0]["value"] == evaluation["nelbo"]["total"]
    assert result["metrics"][0]["type"] == "bits_per_dim"
    bound = evaluation["nelbo"]
    assert f"{bound['total']:.4f} ± {bound['standard_error']:.4f}" in text and "3 examples" in text
    assert command(open_run(Path("images"))) in text and 'from_pretrained("shared")' in text
    assert ModelCard.load(Path("shared/README.md")).data.library_name == "ndm"


@pytest.mark.parametrize("run", ["points", "images", "chain"])
def test_the_command_on_the_card_trains_the_same_configuration(workplace, run):
    words = command(open_run(Path(run)))
    assert words.startswith("ndm train ")
    assert ndm(words.removeprefix("ndm ") + " --run again").code == 0
    first, again = (yaml.safe_load(Path(folder, "config.yaml").read_text()) for folder in (run, "again"))
    assert first.pop("chosen") and not again.pop("chosen") and first == again


def test_weights_that_are_not_those_of_the_card_are_refused(workplace):
    assert ndm("publish points shared").code == 0
    path = Path("shared/model.safetensors")
    whole, config = path.read_bytes(), Path("shared/config.json").read_text()
    path.write_bytes(whole[:-50] + bytes([whole[-50] ^ 1]) + whole[-49:])
    with pytest.raises(InputError, match=r"shared: model.safetensors, altered or of another model"):
        NeuralDiffusion.from_pretrained("shared")
    weights = load_file(Path("points/model") / path.name)
    weights[min(weights)].fill_(float("nan"))
    save_file(weights, path)
    Path("shared/config.json").write_text(json.dumps(json.loads(config) | {"weights_sha256": sha256(path)}))
    with pytest.raises(InputError, match="shared: weights that are not finite"):
        NeuralDiffusion.from_pretrained("shared")
    path.write_bytes(whole)
    Path("shared/config.json").write_text(config)
    assert isinstance(NeuralDiffusion.from_pretrained("shared"), NeuralDiffusion)


def test_without_its_data_the_command_states_every_setting(workplace):
    Path("points.npz").unlink()
    words = shlex.split(command(open_run(Path("points"))))
    assert words[2] == "points.npz" and {"--batch-size", "--ema-decay", "--betas", "--time-sampler"} <= set(words)


def test_what_is_missing_is_said_here_and_on_the_card(workplace):
    result = ndm("publish points shared")
    assert result.code == 0 and "no evaluation" in result.err and result.err.count("\n") == 1
    text = Path("shared/README.md").read_text()
    assert "has not been evaluated" in text and "model-index" not in text and "license" not in front_matter(text)


def test_an_evaluation_of_other_weights_is_left_out(workplace):
    assert ndm("evaluate points --draws 2 --limit 3").code == 0
    options = "--predictor-options width=16 depth=1 --batch-size 16 --log-every 1"
    assert ndm(f"train points.npz --run points --max-steps 6 {options}").code == 0
    assert "an evaluation of step 4 alone, not 6" in ndm("publish points shared").err
    assert "has not been evaluated" in Path("shared/README.md").read_text()


@pytest.mark.parametrize("make", [lambda: Path("there").touch(), lambda: Path("there/of").mkdir(parents=True)])
def test_what_is_there_is_not_overwritten(workplace, make):
    make()
    before = content(workplace)
    result = ndm("publish points there")
    assert result.code == 2 and "new or empty" in result.err and content(workplace) == before


def test_a_failure_leaves_no_folder(workplace, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ndm.base.pretrained.save_file", fail)
    before = content(workplace)
    result = ndm("publish points shared")
    assert result.code == 2 and "No space left" in result.err and content(workplace) == before


def test_a_push_sends_the_three_files_in_one_commit(workplace, monkeypatch):
    sent = {}

    class Repository:
        repo_id = "me/mine"

    def upload(self, *, folder_path, **options):
        sent.update({path.name: path.read_bytes() for path in Path(folder_path).iterdir()} | {"options": options})
        return "https://hub.example/me/mine/commit/1"

    monkeypatch.setattr(HfApi, "create_repo", lambda self, **options: sent.update(made=options) or Repository)
    monkeypatch.setattr(HfApi, "upload_folder", upload)
    result = ndm("publish points hub:me/mine --private")
    assert result.code == 0 and "https://hub.example/me/mine/commit/1" in result.out
    assert sent.keys() == FILES | {"made", "options"} and sent["made"]["private"] is True
    assert 'from_pretrained("me/mine")' in sent["README.md"].decode() and sent["options"]["repo_id"] == "me/mine"


@pytest.mark.parametrize(
    "error",
    [LocalTokenNotFoundError("Token is required"), ConnectionError("no network"), ValueError("odd name")],
    ids=str,
)
def test_errors_of_the_hub_are_one_line(workplace, monkeypatch, error):
    def fail(self, **_):
        raise error

    monkeypatch.setattr(HfApi, "create_repo", fail)
    result = ndm("publish points hub:me/mine")
    assert result.code == 2 and str(error) in result.err and "hf auth login" in result.err
    assert len([line for line in result.err.splitlines() if line.startswith("ndm: error")]) == 1


def test_a_name_that_the_hub_cannot_have_is_refused_before_it_is_asked(workplace):
    result = ndm("publish points hub:a/b/c")
    assert result.code == 2 and "a/b/c" in result.err


def test_a_folder_that_is_no_run_is_refused(workplace):
    assert ndm("publish nothing shared").code == 2 and not Path("shared").exists()


def test_a_card_without_facts_says_so():
    text = model_card({"schedule": "LinearSchedule"}, Facts())
    assert "not recorded" in text and "Data: unknown" in text and "not stated" in text
    assert front_matter(text)["library_name"] == "ndm"


def test_figures_of_every_kind_are_on_the_card():
    bound = {"total": 1.5, "standard_error": 0.25, "timesteps": 4}
    evaluation = {
        "unit": "nats",
        "data": "moons",
        "split": "test",
        "num_examples": 7,
        "nelbo": bound,
        "importance": {"total": 1.4, "standard_error": 0.2},
        "ode": {"total": 1.25, "standard_error": None},
    }
    text = model_card({}, Facts(evaluation=evaluation))
    for line in ("T = 4 | 1.5000 ± 0.2500", "bound | 1.4000 ± 0.2000", "ODE | 1.2500 |"):
        assert line in text
    assert front_matter(text)["model-index"][0]["results"][0]["metrics"][0]["type"] == "nats"


def test_python_pushes_too(workplace, monkeypatch):
    """`push_to_hub` is the model's own, of huggingface_hub."""
    monkeypatch.setattr(HfApi, "create_repo", lambda self, **_: type("Repository", (), {"repo_id": "me/mine"}))
    seen = []
    monkeypatch.setattr(
        HfApi,
        "upload_folder",
        lambda self, *, folder_path, **_: seen.append({path.name for path in Path(folder_path).iterdir()}),
    )
    open_run(Path("points")).model.push_to_hub("me/mine")
    assert seen == [FILES]
    with pytest.raises(InputError):
        library.NeuralDiffusion.from_pretrained(str(np.random.default_rng().integers(10**9)) + "/none/none")
