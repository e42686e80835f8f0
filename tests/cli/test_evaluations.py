"""Which evaluation is that of a run's model, and where the others are; what the card and the report take."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml
from calling import TINY_MLP, ndm, written

MORE = f"train points.npz --run points {TINY_MLP} --max-steps"


def evaluate(words: str, run: str = "points") -> Path:
    """Where the evaluation is."""
    result = ndm(f"evaluate {run} --draws 2 {words}")
    assert result.code == 0, result.err
    return Path(result.out.rpartition("written to ")[2].strip())


def read(path: str) -> dict:
    found: dict = json.loads(Path(path).read_text())
    return found


def others(name: str, seed: int, folder: str = ".") -> str:
    path = Path(folder, name)
    path.parent.mkdir(exist_ok=True)
    np.savez(path, x=np.random.default_rng(seed).normal(size=(30, 2)).astype(np.float32))
    return str(path)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("--data others.npz", "others.npz-all-continuous-latest.json"),
        ("--data others.npz --split test", "others.npz-test-continuous-latest.json"),
        ("--data others.npz --limit 3", "others.npz-all_first3-continuous-latest.json"),
        ("--split validation", "points.npz-validation-continuous-latest.json"),
        ("--split all", "points.npz-all-continuous-latest.json"),
        ("--timesteps 7", "points.npz-test-T7-latest.json"),
    ],
)
def test_every_other_evaluation_has_a_file_of_its_own(workplace, words, name):
    others("others.npz", 5)
    whole = evaluate("")
    assert whole == Path("points/evaluation.json")
    before = whole.read_bytes()
    path = evaluate(words)
    assert path == Path("points/evaluations") / name and whole.read_bytes() == before
    again = evaluate(words)
    assert again == path and [each.name for each in path.parent.iterdir()] == [name]


def test_the_own_number_of_steps_is_that_of_training(workplace):
    for words in ("", "--timesteps 4"):
        assert evaluate(words, "chain") == Path("chain/evaluation.json")
    assert evaluate("--timesteps 0", "chain").name == "points.npz-test-continuous-latest.json"


def test_data_of_one_name_are_kept_apart(workplace):
    first, second = others("others.npz", 5), others("others.npz", 6, "elsewhere")
    paths = [evaluate(f"--data {name}") for name in (first, second, first, second)]
    assert paths[:2] == paths[2:] and paths[0] != paths[1] and len(list(paths[0].parent.iterdir())) == 2
    assert read(paths[0])["fingerprint"] != read(paths[1])["fingerprint"]
    odd = others("a - b%.npz", 7)
    assert evaluate(f"--data '{odd}'").name == "a_b_.npz-all-continuous-latest.json"


def test_fewer_examples_do_not_take_the_place_of_more(workplace):
    assert read(evaluate("--limit 2"))["limit"] == 2
    assert read(evaluate("--limit 4"))["num_examples"] == read("points/evaluation.json")["num_examples"] == 4
    whole = evaluate("")
    assert whole == Path("points/evaluation.json")
    assert evaluate("--limit 2") == Path("points/evaluations/points.npz-test_first2-continuous-latest.json")
    assert read("points/evaluation.json")["num_examples"] == 6
    assert ndm(f"{MORE} 5").code == 0  # of other weights: that is no evaluation of these
    assert evaluate("--limit 2") == Path("points/evaluation.json")


def test_the_best_checkpoint_does_not_take_the_place_of_the_latest(workplace):
    assert ndm(f"{MORE} 7 --validate-every 5").code == 0
    assert Path("points/best").resolve().name == "00000005"
    assert evaluate("") == Path("points/evaluation.json")
    path = evaluate("--checkpoint best")
    assert path == Path("points/evaluations/points.npz-test-continuous-best.json")
    assert (read(path)["training"]["step"], read("points/evaluation.json")["training"]["step"]) == (5, 7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fingerprint": "0" * 16, "data": "others.npz"}, "an evaluation of other data (others.npz)"),
        ({"split": "validation"}, "an evaluation of validation, not of test"),
        ({"nelbo": {"timesteps": 7}}, "an evaluation at T = 7"),
    ],
    ids=["data", "split", "T"],
)
def test_the_card_and_the_report_take_that_of_the_model_alone(workplace, change, said):
    path = evaluate("")
    found = read(path)
    total = f"{found['nelbo']['total']:.4f}"
    found = found | {name: found[name] | value if isinstance(value, dict) else value for name, value in change.items()}
    path.write_text(json.dumps(found))
    result = ndm("publish points shared")
    assert result.code == 0 and said in result.err
    card = Path("shared/README.md").read_text()
    assert "has not been evaluated" in card and total not in card and "model-index" not in card
    result = ndm("report points --steps 2")
    assert result.code == 0 and said in result.err
    page = Path("points/report/index.html").read_text()
    assert "Not evaluated yet" in page and total not in page


def test_the_card_has_the_test_split_whatever_was_evaluated_after_it(workplace):
    total = read(evaluate(""))["nelbo"]["total"]
    evaluate(f"--data {others('others.npz', 5)}")
    evaluate("--timesteps 7")
    assert ndm("publish points shared").err == ""
    fields = yaml.safe_load(Path("shared/README.md").read_text().split("---\n")[1])
    (result,) = fields["model-index"][0]["results"]
    assert result["metrics"][0]["value"] == total
    assert (result["dataset"]["name"], result["dataset"]["split"]) == ("points.npz", "test")


def test_a_part_of_the_split_is_said_to_be_one(workplace):
    evaluate("--limit 3")
    assert ndm("publish points shared").code == 0
    assert "points.npz, test, the first 3 examples" in Path("shared/README.md").read_text()
    assert ndm("report points --steps 2").code == 0
    assert "test, the first 3 examples" in Path("points/report/index.html").read_text()


def test_an_evaluation_of_other_weights_of_the_same_step_is_known_as_one(workplace):
    path = evaluate("")
    found = read(path)
    found["training"]["weights"] = "0" * 16
    path.write_text(json.dumps(found))
    assert "an evaluation of other weights of step 4" in ndm("publish points shared").err
    assert ndm("report points --steps 2").code == 0
    assert "An evaluation of other weights of step 4" in Path("points/report/index.html").read_text()


def test_a_copy_of_the_own_data_is_the_own_data(workplace):
    Path("copy.npz").write_bytes(Path("points.npz").read_bytes())
    result = ndm("evaluate points --draws 2 --data copy.npz --split test")
    assert written(result)["nelbo"] == read("points/evaluation.json")["nelbo"]


def test_every_class_has_a_file_of_its_own(tmp_path, monkeypatch):
    """Names that are alike as names of files, and one that is too long for one."""
    monkeypatch.chdir(tmp_path)
    names = ["a/b", "a b", "../up", "long" * 80]
    x = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    np.savez("named.npz", x=x, y=np.array(names)[np.arange(40) % 4])
    assert ndm(f"train named.npz --condition label --run run --max-steps 2 {TINY_MLP}").code == 0
    for _ in range(2):
        for name in names:
            result = ndm(f"evaluate run --draws 2 --label {shlex.quote(name)}")
            assert result.code == 0, result.err
    paths = list(Path("run/evaluations").iterdir())
    assert sorted(read(str(path))["given"]["label"] for path in paths) == sorted(names)


def test_an_error_is_one_line_whatever_a_class_is_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    np.savez("named.npz", x=x, y=np.array(["one\ntwo", "three"])[np.arange(40) % 2])
    assert ndm(f"train named.npz --condition label --run run --max-steps 2 {TINY_MLP}").code == 0
    result = ndm("evaluate run --label four")
    assert result.code == 2 and result.err.count("\n") == 1 and "expected one of one two, three" in result.err
