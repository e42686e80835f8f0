"""ndm train --from: a training that starts from a trained model, resumes without it, and says what does not fit."""

import shutil
from pathlib import Path

import numpy as np
from calling import TINY_UNET, content, ndm
from launching import together

from ndm.base.files import sha256
from ndm.base.settings import read

MORE = "--max-steps 3 --batch-size 16 --log-every 1"


def test_a_start_from_a_run_takes_its_weights_and_its_network(workplace):
    digest = sha256(Path("images/model/model.safetensors"))
    result = ndm(f"train images.npz --run new --from images {MORE}")
    assert result.code == 0 and result.err == ""
    line, there = result.out.splitlines()[:2]
    assert line.startswith(f"from {Path('images').resolve()} (sha256 {digest[:16]}): ")
    number, every = line.partition("): ")[2].partition(" weights")[0].split(" of ")
    assert number == every and "predictor_options network=unet channels=8" in there
    config = read(Path("new/config.yaml"))
    assert config["from_model"] == str(Path("images").resolve()) and config["from_weights"] == digest
    assert config["predictor_options"]["channels"] == 8


def test_a_resumed_run_never_reads_its_source_again(workplace):
    words = "train images.npz --run new --from images --batch-size 16 --log-every 1 --max-steps"
    assert ndm(f"{words} 2").code == 0
    before = Path("new/config.yaml").read_text()
    shutil.rmtree("images")
    result = ndm(f"{words} 4")
    assert result.code == 0 and result.out.startswith("resuming new at step 2") and "from " not in result.out
    assert Path("new/config.yaml").read_text() == before.replace("max_steps: 2", "max_steps: 4")


def test_a_resumed_run_is_the_unbroken_one(workplace):
    words = "--from points --batch-size 16 --log-every 1 --decay constant --max-steps"
    assert ndm(f"train points.npz --run broken {words} 2").code == 0
    for run in ("broken", "whole"):
        assert ndm(f"train points.npz --run {run} {words} 5").code == 0
    files = [Path(f"{run}/model/model.safetensors").read_bytes() for run in ("broken", "whole")]
    assert files[0] == files[1] and Path("broken/checkpoints/00000002").is_dir()


def test_a_published_model_is_taken_for_other_data(workplace):
    assert ndm("publish images published").code == 0
    x = np.random.default_rng(3).integers(0, 256, (60, 3, 8, 8)).astype(np.uint8)
    np.savez("colour.npz", x=x)
    result = ndm(f"train colour.npz --run new --from published {MORE}")
    assert result.code == 0
    assert "enter.weight (8, 1, 3, 3) there, (8, 3, 3, 3) here" in result.out
    assert ndm("evaluate new --draws 2 --limit 3").code == 0


def test_settings_that_are_given_win(workplace):
    result = ndm(f"train images.npz --run new --from images {MORE} --predictor-options channels=16")
    assert result.code == 0 and "other than there: predictor_options network=unet channels=16" in result.out
    assert read(Path("new/config.yaml"))["predictor_options"]["channels"] == 16


def test_a_dry_run_says_what_fits(workplace):
    before = content(workplace)
    result = ndm(f"train images.npz --run new --from images {MORE} --dry-run")
    assert result.code == 0 and "from_model: " in result.out and " weights; optimiser and averages" in result.out
    assert content(workplace) == before


def test_bad_sources_are_one_line_and_leave_nothing(workplace):
    shutil.copytree("images", "damaged", symlinks=True)
    weights = Path("damaged/checkpoints/00000002/model/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-4] + b"\x00\x00\x80\x3f")
    before = content(workplace)
    for words, said in (
        (f"train images.npz --run new --from nowhere {MORE}", "'nowhere'"),
        (f"train images.npz --run new --from damaged {MORE}", "altered"),
        (f"train points.npz --run new --from images {MORE}", "events of shape (1, 8, 8), for points.npz of shape (2,)"),
        (f"train images.npz --run new --from images {MORE} --from-weights {'0' * 64}", "whose weights have changed"),
        (f"train images.npz --run images --max-steps 3 --from points {TINY_UNET}", "events of shape (2,)"),
        (f"train images.npz --run images --from images {MORE}", "another configuration for the run in images"),
    ):
        result = ndm(words)
        assert result.code == 2 and result.err.count("\n") == 1, (words, result)
        assert said in result.err, result.err
        assert content(workplace) == before
    network = "--predictor-options network=mlp width=8 depth=1"
    result = ndm(f"train images.npz --run new --from images {MORE} {network}")
    assert result.code == 2 and result.err.count("\n") == 1
    assert "nothing fits the predictor" in result.err and "UNet there, MLP here" in result.err
    assert content(workplace) == before


def test_the_command_of_a_card_names_the_source(workplace):
    assert ndm(f"train images.npz --run new --from images {MORE}").code == 0
    assert ndm("publish new published").code == 0
    card = Path("published/README.md").read_text()
    assert f"--from {Path('images').resolve()} --from-weights " in card


def test_several_processes_start_from_the_same_weights(workplace):
    words = f"train images.npz --from images {MORE}"
    ends = together(2, ["-m", "ndm.cli", *words.split(), "--run", "two"], [".", "."])
    assert [end[0] for end in ends] == [0, 0], ends
    assert ends[0][1].startswith("from ") and ends[1][1] == ""
    assert ndm(f"{words} --run one").code == 0
    one, two = (read(Path(run, "config.yaml")) for run in ("one", "two"))
    assert one == two


def test_processes_that_see_other_sources_end_with_one_line(workplace):
    for folder, run in (("here", "images"), ("there", "images2")):
        Path(folder).mkdir()
        shutil.copy("images.npz", folder)
        if run == "images2":
            assert ndm(f"train images.npz --run images2 --max-steps 3 {TINY_UNET}").code == 0
        shutil.copytree(run, f"{folder}/source", symlinks=True)
    words = ["-m", "ndm.cli", *f"train images.npz --run {workplace}/both --from source {MORE}".split()]
    main, other = together(2, words, ["here", "there"])
    assert main[0] == other[0] == 2 and main[2].count("\n") == 1 and other[2] == ""
    assert "of other weights in other processes" in main[2] and not Path("both/config.yaml").exists()
