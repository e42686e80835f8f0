"""Labels and values through the command line: from a file to training, evaluation, samples and the report."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import torch
from calling import TINY_MLP, TINY_UNET, ndm, written
from launching import together
from PIL import Image
from safetensors.torch import load_file

from ndm import data
from ndm.runs.run import open_run

KINDS = ["wren", "ant", "owl"]
TABLE = "--data-options columns=[a,b]"
COMMANDS = {
    "classes": f"train pictures --condition label --run run --max-steps 3 {TINY_UNET}",
    "words": f"train t.csv --condition kind {TABLE} unlabelled=keep --run run --max-steps 3 {TINY_MLP} "
    "--transform series",
    "values": f"train t.csv --condition age,sex {TABLE} --run run --max-steps 3 --transform residual "
    f"--transform-options width=8 depth=1 {TINY_MLP}",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder of class folders; a table of words, some of them missing, and of numbers; a run of each."""
    folder, before = tmp_path_factory.mktemp("conditional"), Path.cwd()
    rng = np.random.default_rng(0)
    os.chdir(folder)
    for k, kind in enumerate(KINDS):
        Path("pictures", kind).mkdir(parents=True)
        for i in range(12):
            x = rng.integers(0, 60, (8, 8)).astype(np.uint8)
            x[:, 2 * k + 1] += 180
            Image.fromarray(x).save(Path("pictures", kind, f"{i}.png"))
    rows = [[*rng.normal(size=2), KINDS[i % 3] if i % 7 else "", 40 + 9 * rng.normal(), i % 2] for i in range(80)]
    with open("t.csv", "w", newline="") as file:
        csv.writer(file).writerows([("a", "b", "kind", "age", "sex"), *rows])
    with open("others.csv", "w", newline="") as file:  # in another order of columns and of classes
        others = [[row[2] or "owl", row[1], row[3], row[0], row[4]] for row in rows if row[2] != "wren"]
        csv.writer(file).writerows([("kind", "b", "age", "a", "sex"), *others])
    np.savez("lab.npz", x=rng.normal(size=(40, 2)).astype(np.float32))
    Path("plain.csv").write_text("a,b\n0.5,1.5\n1.5,0.25\n")
    try:
        for name, command in COMMANDS.items():
            Path(name).mkdir()
            os.chdir(name)
            for each in ("pictures", "t.csv", "others.csv", "lab.npz", "plain.csv"):
                Path(each).symlink_to(folder / each)
            assert ndm(command).code == 0
            os.chdir(folder)
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def place(made, monkeypatch) -> Path:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(made)
    return made


def evaluation(words: str) -> dict:
    result = ndm(f"evaluate run --draws 2 --limit 4 {words}")
    assert result.code == 0, result.err
    return written(result) | {"said": result.out}


def test_a_labelled_folder_from_training_to_the_report(place) -> None:
    os.chdir("classes")
    own = evaluation("")
    assert own["condition"] == ["label"] and own["given"] is None and "given label of each example" in own["said"]
    assert Path("run/evaluation.json").exists()
    bounds = {name: evaluation(f"--label {name} --importance 2") for name in KINDS}
    for name, found in bounds.items():
        assert found["given"] == {"label": name} and f"given label = {name}" in found["said"]
        assert Path(f"run/evaluations/pictures-test-continuous-latest-given_label_{name}.json").exists()
    assert len({found["nelbo"]["total"] for found in bounds.values()}) == 3
    assert len({found["importance"]["total"] for found in bounds.values()}) == 3
    assert json.loads(Path("run/evaluation.json").read_text())["given"] is None

    result = ndm("sample run --out s.npz --num 3 --label owl ant")
    assert result.code == 0 and "6 samples written to s.npz: 3 with label = owl; 3 with label = ant" in result.out
    with np.load("s.npz") as file:
        assert file["y"].tolist() == ["owl"] * 3 + ["ant"] * 3 and file["x"].dtype == np.uint8
        owls = file["x"][:3]
    assert ndm("sample run --out t.npz --num 2 --label owl").code == 0
    with np.load("t.npz") as file:
        assert (file["x"] == owls[:2]).all()  # sample i depends on the seed, i and its label
    result = ndm("sample run --out d.npz --num 40 --seed 3")
    assert "labels drawn in the proportions of the training data" in result.out
    with np.load("d.npz") as file:
        assert set(file["y"].tolist()) == set(KINDS)
        drawn = file["y"][:9].tolist()
    assert ndm("sample run --out e.npz --num 9 --seed 3").code == 0
    with np.load("e.npz") as file:
        assert file["y"].tolist() == drawn
    again = data.load("d.npz", {}, ("label",))  # what was written is labelled data
    assert again.classes == tuple(sorted(KINDS))

    assert ndm("sample run --out s.png --num 4 --label owl ant wren").code == 0
    assert ndm("report run").code == 0
    page = Path("run/report/index.html").read_text()
    assert "given label of each example" in page and "Samples of each class" in page
    for picture in ("s.png", "run/report/classes.png", "run/report/samples.png"):
        assert matplotlib.image.imread(picture).std() > 0.01


def test_a_table_of_words_some_of_which_are_missing(place) -> None:
    os.chdir("words")
    run = open_run(Path("run"))
    assert run.model.condition.classes == ("ant", "owl", "wren") and run.model.condition.knows_none
    assert run.event_shape == (2,)
    bounds = [
        evaluation(words) for words in ("--ode", "--ode --label ant", "--ode --label owl", "--ode --unconditional")
    ]
    assert [found["given"] for found in bounds] == [None, {"label": "ant"}, {"label": "owl"}, {}]
    assert len({found["nelbo"]["total"] for found in bounds}) == len({found["ode"]["total"] for found in bounds}) == 4
    assert "given no label" in bounds[-1]["said"]
    assert ndm("sample run --out u.npz --num 5 --unconditional").code == 0
    with np.load("u.npz") as file:
        assert file.files == ["x"]
    assert ndm("sample run --out d.npz --num 60").code == 0
    with np.load("d.npz") as file:
        assert set(file["y"].tolist()) == {"", "ant", "owl", "wren"}
    assert ndm("sample run --out m.png --num 9 --label ant owl").code == 0


def test_other_data_have_their_own_numbers_of_classes(place) -> None:
    """Classes are matched by name: those of others.csv are ant and owl."""
    os.chdir("words")
    run = open_run(Path("run"))
    found = evaluation("--data others.csv")
    assert found["condition"] == ["label"] and found["given"] is None
    other = data.read("others.csv", {"columns": ["a", "b"]}, ("kind",))
    assert other.classes == ("ant", "owl")
    told = run.told(other, other.examples.cond)
    assert run.model.condition.named(told) == [other.classes[number] for number in other.examples.cond]
    Path("strange.csv").write_text(Path("others.csv").read_text().replace("ant", "emu"))
    result = ndm("evaluate run --data strange.csv")
    assert result.code == 2 and "strange.csv with the label 'emu'; expected one of ant, owl, wren" in result.err
    assert ndm("evaluate run --data strange.csv --label ant --draws 2 --limit 4").code == 0
    bare = [line.split(",")[1:] for line in Path("others.csv").read_text().splitlines()]
    Path("bare.csv").write_text("\n".join(",".join(row) for row in bare))
    result = ndm("evaluate run --data bare.csv")
    assert result.code == 2 and "bare.csv without a column 'kind'" in result.err


def test_two_real_columns(place) -> None:
    os.chdir("values")
    run = open_run(Path("run"))
    assert run.model.condition.names == ("age", "sex")
    train = run.data().train
    torch.testing.assert_close(
        run.model.condition(torch.from_numpy(train.cond)).mean(0), torch.zeros(2), atol=1e-5, rtol=0
    )
    bounds = [
        evaluation(words) for words in ("", "--values age=40 sex=1", "--values sex=0 age=60", "--data others.csv")
    ]
    assert [found["given"] for found in bounds] == [None, {"age": 40, "sex": 1}, {"age": 60, "sex": 0}, None]
    assert len({found["nelbo"]["total"] for found in bounds}) == 4
    assert "given age, sex of each example" in bounds[0]["said"] and "given age = 40, sex = 1" in bounds[1]["said"]
    result = ndm("sample run --out v.npz --num 4 --values age=40 sex=1")
    assert "4 samples written to v.npz: 4 with age = 40, sex = 1" in result.out
    with np.load("v.npz") as file:
        assert (file["cond"] == [[40, 1]] * 4).all() and file["names"].tolist() == ["age", "sex"]
    result = ndm("sample run --out d.npz --num 6")
    assert "age, sex of examples drawn from the training data" in result.out
    with np.load("d.npz") as file:
        assert all((row == train.cond).all(1).any() for row in file["cond"])
    assert ndm("report run").code == 0


REFUSED = {
    "classes": {
        "sample run --out s.npz --label emu": "the label 'emu'; expected one of ant, owl, wren",
        "sample run --out s.npz --values age=4": "--values for run; expected its condition, the class; say --label",
        "sample run --out s.npz --unconditional": "--unconditional for run, whose model was always told its condition",
        "sample run --out s.npz --label ant --unconditional": "--label and --unconditional; expected one of them",
        "evaluate run --label emu": "the label 'emu'; expected one of ant, owl, wren",
        "evaluate run --data lab.npz": "add it to the data, or give one to all: --label NAME",
    },
    "values": {
        "sample run --out s.npz --label ant": "--label for run; expected its condition, age, sex; say --values",
        "sample run --out s.npz --values age=40": "--values of age; expected one for each of age, sex",
        "evaluate run --values age=old sex=1": "--values age=old; expected a finite number",
        "evaluate run --values age=1e30 sex=1": "--values age=1e+30; expected at most 1,000 standard deviations",
        "sample run --out s.npz --values age=1e30 sex=1": "the model knows nothing of such values",
        "evaluate run --data lab.npz": "or give one to all: --values age=... sex=...",
        "evaluate run --data plain.csv": "plain.csv without the column 'age' of --condition; expected the condition",
        f"train t.csv --condition age,age {TABLE} --run new": "got age, age in --condition; expected different names",
        f"train t.csv --condition age {TABLE} --run run --max-steps 3 {TINY_MLP}": "for the run in run",
        f"train t.csv {TABLE} --run run --max-steps 3 {TINY_MLP}": "for the run in run",
        "train digits --condition age --run new --max-steps 1": "the condition age of digits",
        "train cities --condition label --run new --max-steps 1": "no labels in cities",
    },
}


@pytest.mark.parametrize("folder", REFUSED)
def test_what_cannot_be_is_refused_in_one_line(place, folder) -> None:
    os.chdir(folder)
    for words, said in REFUSED[folder].items():
        result = ndm(words)
        assert result.code == 2 and said in result.err, (words, result.err)
        assert len([line for line in result.err.splitlines() if line.startswith("ndm: error:")]) == 1


@pytest.mark.parametrize("name", ["words", "values"])
def test_a_run_in_two_sittings_is_the_unbroken_one(place, name, tmp_path) -> None:
    os.chdir(name)
    command = (
        COMMANDS[name].replace("--run run", "--run {}").replace("--max-steps 3", "--max-steps {} --decay constant")
    )
    for folder, steps in (("whole", 5), ("parts", 2), ("parts", 5)):
        result = ndm(command.format(tmp_path / folder, steps))
        assert result.code == 0, result.err
    for file in ("model/model", "state/weights", "state/optimizer"):
        ours, theirs = (load_file(tmp_path / folder / f"{file}.safetensors") for folder in ("whole", "parts"))
        assert ours and all(torch.equal(value, theirs[key]) for key, value in ours.items())


def test_two_processes_train_and_evaluate_as_one(place, tmp_path) -> None:
    """Each has its share of the labels."""
    os.chdir("words")
    command = COMMANDS["words"].replace("--run run", f"--run {tmp_path / 'two'}").split()
    for code, _, err in together(2, ["-m", "ndm.cli", *command], [str(Path.cwd())] * 2):
        assert code == 0, err
    ours, theirs = (load_file(run / "state/weights.safetensors") for run in (Path("run"), tmp_path / "two"))
    for key, value in ours.items():
        torch.testing.assert_close(theirs[key], value, rtol=1e-3, atol=1e-4)
    alone = evaluation("--split train --label ant")["nelbo"]
    words = ["evaluate", "run", "--draws", "2", "--limit", "4", "--split", "train", "--label", "ant"]
    launched = together(2, ["-m", "ndm.cli", *words], [str(Path.cwd())] * 2)
    assert all(code == 0 for code, _, _ in launched), launched
    path = launched[0][1].rpartition("written to ")[2].strip()
    shared = json.loads(Path(path).read_text())["nelbo"]
    for term in ("prior", "diffusion", "reconstruction", "standard_error"):
        assert shared[term] == pytest.approx(alone[term], rel=1e-6), term


def test_a_published_model_knows_its_classes(place, tmp_path) -> None:
    os.chdir("classes")
    assert ndm(f"publish run {tmp_path / 'shared'}").code == 0
    program = (
        "import sys, ndm; model = ndm.NeuralDiffusion.from_pretrained(sys.argv[1]); "
        "cond = model.condition.numbers(['owl', 'ant']); "
        "print(ndm.samplers.Ancestral(model, 2)((2, 1, 8, 8), cond).shape, model.condition.classes)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "shared")], capture_output=True, text=True, check=True
    )
    assert "('ant', 'owl', 'wren')" in said.stdout
    assert "--condition label" in (tmp_path / "shared" / "README.md").read_text()


def test_the_name_of_a_class_may_be_longer_than_a_picture(place, tmp_path) -> None:
    os.chdir(tmp_path)
    rows = [f"{i % 5},{i * i % 7},{'word ' * 80 if i % 2 else 'ant'}" for i in range(40)]
    Path("t.csv").write_text("\n".join(["a,b,kind", *rows]) + "\n")
    assert ndm(f"train t.csv --condition kind {TABLE} --run run --max-steps 2 {TINY_MLP}").code == 0
    result = ndm("report run")
    assert result.code == 0 and "constrained_layout" not in result.err and "warning" not in result.err
    assert Path("run/report/classes.png").exists()


@pytest.mark.parametrize("umask", [0o022, 0o007, 0o077])
def test_all_files_of_a_run_have_the_permissions_that_are_asked_for(place, tmp_path, umask) -> None:
    os.chdir("values")
    before = os.umask(umask)
    try:
        assert ndm(f"{COMMANDS['values'].replace('--run run', f'--run {tmp_path}/run')}").code == 0
        assert ndm(f"publish {tmp_path}/run {tmp_path}/published").code == 0
    finally:
        os.umask(before)
    files = [path for path in tmp_path.rglob("*") if not path.is_symlink()]
    assert sum(path.suffix == ".safetensors" for path in files) >= 3
    assert {path.stat().st_mode & 0o777 for path in files if path.is_file()} == {0o666 & ~umask}
    assert {path.stat().st_mode & 0o777 for path in files if path.is_dir()} == {0o777 & ~umask}
