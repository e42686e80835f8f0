"""Bad input ends with exit code 2 and one line that says what was got; nothing is created or overwritten."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from calling import TINY_MLP, TINY_UNET, content, ndm
from PIL import Image

TRAIN = f"--run new --max-steps 1 {TINY_MLP}"
NOISY = f"--data-options dequantise=true {TRAIN}"
SMALL = "--run new --max-steps 1 --predictor-options width=16 depth=1"


@pytest.fixture
def place(workplace) -> Path:
    """The workplace, with bad data and a damaged run in it."""
    x = np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32)
    for name, value in (("nan", np.nan), ("inf", -np.inf)):
        bad = x.copy()
        bad[17, 1] = value
        np.savez(f"{name}.npz", x=bad)
    np.savez("integers.npz", x=np.arange(80).reshape(40, 2))
    np.savez("flat.npz", x=x[:, 0])
    np.savez("flat_images.npz", x=np.zeros((40, 8), np.uint8))
    np.savez("odd.npz", x=np.random.default_rng(1).integers(0, 256, (40, 9, 9)).astype(np.uint8))
    np.savez("few.npz", x=x[:5])
    np.savez("constant.npz", x=x * np.float32([1, 0]))
    np.savez("other_key.npz", data=x)
    np.savez("far.npz", x=x.astype(np.float64) + 3e7)
    tones = np.random.default_rng(1).integers(-99, 99, (40, 32)).astype(np.int16)
    np.savez("few_sounds.npz", x=tones[:9])
    np.savez("silence.npz", x=0 * tones + 7)
    np.savez("loop.npz", x=np.repeat(tones[:1], 40, 0))
    np.savez("recording.npz", x=tones.ravel() / 99)
    np.savez("empty_volume.npz", x=np.full((40, 4, 4, 4), -1024.0))
    np.savez("five_axes.npz", x=np.zeros((40, 1, 4, 4, 4), np.uint8))
    Path("mixed").mkdir()
    for i in range(12):
        Image.fromarray(np.full((8, 8), i, np.uint8)).save(f"mixed/{i:02d}.png")
    np.savez("mixed/signals.npz", x=tones)
    Path("sounds").mkdir()
    Path("sounds/one.wav").write_bytes(b"RIFF")
    np.save("objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    Path("empty.npz").write_bytes(b"")
    Path("truncated.npz").write_bytes(Path("points.npz").read_bytes()[:-40])
    Path("words.npz").write_text("not an archive")
    Path("table.xlsx").write_text("")
    Path("folder").mkdir()
    Path("folder/notes.txt").write_text("mine")
    Path("folder.npz").mkdir()
    shutil.copytree("points", "blocked", symlinks=True)
    Path("blocked/report").write_text("mine")
    shutil.copytree("points", "damaged", symlinks=True)
    weights = Path("damaged/checkpoints/00000004/model/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-4] + b"\x00\x00\x80\x3f")
    return workplace


CASES = {
    # data
    "NaN": (f"train nan.npz {TRAIN}", "nan.npz", "1 value NaN or infinite, the first at x[17, 1]"),
    "infinity": (f"train inf.npz {TRAIN}", "inf.npz", "NaN or infinite"),
    "integers": (f"train integers.npz {TRAIN}", "integers.npz", "int64"),
    "one axis": (f"train flat.npz {TRAIN}", "flat.npz", "(40,)"),
    "images of one axis": (f"train flat_images.npz {TRAIN}", "flat_images.npz", "(40, 8)"),
    "more resolutions than sizes": (
        "train odd.npz --run new --max-steps 1 --predictor-options channels=8 multipliers=[1,1,1,1,1,1]",
        *("9x9", "6 resolutions", "give fewer multipliers"),
    ),
    "too few": (f"train few.npz {TRAIN}", "few.npz", "5 examples"),
    "a constant column": (f"train constant.npz {TRAIN}", "constant.npz", "never changes"),
    "more digits than float32 has": (f"train far.npz {TRAIN}", "far.npz", "float32", "subtract the mean"),
    "images with signals": (f"train mixed {TRAIN}", "mixed/signals.npz", "1 file that is no image beside 12"),
    "a folder of sounds": (f"train sounds {TRAIN}", "sounds/one.wav", "np.savez"),
    "too few sounds": (f"train few_sounds.npz {NOISY}", "few_sounds.npz", "9 examples", "10 or more"),
    "sounds of one value": (f"train silence.npz {NOISY}", "silence.npz", "all of one value"),
    "one sound again and again": (f"train loop.npz {NOISY}", "loop.npz", "all the same"),
    "one long sound": (f"train recording.npz {TRAIN}", "recording.npz", "(1280,)", "x.reshape(-1, LENGTH)"),
    "volumes of one value": (f"train empty_volume.npz {TRAIN}", "empty_volume.npz", "never changes"),
    "bytes of four axes": (f"train five_axes.npz {TRAIN}", "five_axes.npz", "(40, 1, 4, 4, 4)", "dequantise=true"),
    "no data": (f"train '' {TRAIN}", "no name of data", "digits"),
    "another key": (f"train other_key.npz {TRAIN}", "other_key.npz", "data"),
    "empty file": (f"train empty.npz {TRAIN}", "empty.npz"),
    "truncated file": (f"train truncated.npz {TRAIN}", "truncated.npz", "cannot be read"),
    "words": (f"train words.npz {TRAIN}", "words.npz"),
    "pickled objects": (f"train objects.npy {TRAIN}", "objects.npy", "pickle"),
    "missing file": (f"train missing.npz {TRAIN}", "missing.npz", "an existing file"),
    "unknown format": (f"train table.xlsx {TRAIN}", "table.xlsx", ".npy, .npz"),
    "a folder as data": (f"train folder {TRAIN}", "the folder folder"),
    "unknown data": (f"train unheard {TRAIN}", "'unheard'", "8gaussians", "cities", "digits", "moons", ".npz"),
    # names
    "unknown recipe": (f"train points.npz --recipe unheard {TRAIN}", "recipe 'unheard'", "cities, ddim", "mnist"),
    "unknown transform": (f"train points.npz --transform unheard {TRAIN}", "transform 'unheard'", "series"),
    "unknown schedule": (f"train points.npz --schedule unheard {TRAIN}", "schedule 'unheard'", "cosine, ddpm, flow"),
    "unknown predictor": (f"train points.npz --predictor unheard {TRAIN}", "'unheard'", "direct, encoded, plug_in"),
    "encoder's predictor alone": (f"train points.npz --predictor encoded {TRAIN}", "IdentityTransform", "gate=encoder"),
    "encoder of another schedule": (
        f"train points.npz --recipe diffenc --schedule-options gamma_min=-9 {TRAIN}",
        "gamma of [-9.0,",
        "gate_options",
    ),
    "straightened identity": (f"train points.npz --kinetic-weight 1 {TRAIN}", "kinetic_weight = 1", "a learned F"),
    "callable predictor": (
        f"train points.npz --predictor callable {TRAIN}",
        "predictor 'callable'",
        "direct, encoded, plug_in",
    ),
    "unknown volatility": (f"train points.npz --volatility unheard {TRAIN}", "volatility 'unheard'", "best, constant"),
    "unknown reverse step": (f"train points.npz --reverse-step unheard {TRAIN}", "'unheard'", "analytic, learned"),
    "unknown network": (
        "train points.npz --run new --max-steps 1 --predictor-options network=unheard",
        "network 'unheard'",
        "mlp, unet",
    ),
    "unknown gate": (
        f"train points.npz {SMALL} --transform residual --transform-options gate=unheard",
        "gate 'unheard'",
        "interpolation, time, variance",
    ),
    "unknown sampler": ("sample points --out x.npz --sampler unheard", "sampler 'unheard'", "ancestral"),
    "unknown grid": ("sample points --out x.npz --grid unheard", "grid 'unheard'", "gamma, optimised, time"),
    "unknown split": ("evaluate points --split unheard", "split 'unheard'", "train, validation, test"),
    # options of parts
    "unknown option": (f"train points.npz {SMALL} --transform-options colour=3", "colour"),
    "unknown option of the network": (
        "train points.npz --run new --max-steps 1 --predictor-options channels=8",
        "channels",
    ),
    "unknown option of the schedule": (f"train points.npz {TRAIN} --schedule-options slope=8", "slope"),
    "an option that is no number": (f"train points.npz {SMALL} --transform-options width=wide", "wide"),
    "an option below 1": (
        f"train points.npz {SMALL} --timesteps 4 --transform-options num_functions=0",
        "num = 0",
    ),
    "an option of a path that is not taken": (
        f"train points.npz {SMALL} --transform-options num_functions=2",
        "num_functions for IdentityTransform",
    ),
    "a layer of nothing": (f"train points.npz {SMALL} --transform series --transform-options width=0", "width = 0"),
    "convolutions to nothing": (
        f"train images.npz --run new --max-steps 1 {TINY_UNET} --transform series "
        "--transform-options layer=convolutional width=0",
        "width = 0",
    ),
    "a U-Net of nothing": (
        "train images.npz --run new --max-steps 1 --predictor-options channels=8 multipliers=[1,0]",
        "multipliers[1] = 0",
    ),
    "a perceptron of nothing": ("train points.npz --run new --max-steps 1 --predictor-options width=-3", "width = -3"),
    "dropout that is no number": (
        "train images.npz --run new --max-steps 1 --predictor-options channels=8 multipliers=[1,2] dropout=.nan",
        "dropout = nan",
    ),
    "an order that is a truth value": (
        f"train points.npz {SMALL} --timesteps 4 --transform-options lead=true",
        "lead = True",
    ),
    "a number beyond all": (f"train points.npz {TRAIN} --schedule-options gamma_min=-1e400 gamma_max=5", "-inf"),
    "gamma from where rounding swallows the noise": (
        f"train points.npz {TRAIN} --schedule linear --schedule-options gamma_min=-40 gamma_max=5",
        "gamma = -40",
        "in float32; expected at least",
    ),
    "gamma beyond all numbers": (
        f"train points.npz {TRAIN} --schedule-options gamma_min=-10 gamma_max=90",
        "ends between -80 and 80",
    ),
    "gamma that falls": (f"train points.npz {TRAIN} --schedule-options gamma_min=5 gamma_max=-5", "gamma_min"),
    "volatility below 0": (f"train points.npz {TRAIN} --volatility constant --volatility-options value=-1", "eta = -1"),
    "volatility 0": (f"train points.npz {TRAIN} --volatility constant --volatility-options value=0", "eta = 0"),
    "an option of another volatility": (
        f"train points.npz {TRAIN} --volatility-options value=1",
        "MarkovVolatility",
        "value",
    ),
    "posteriors of a plug-in predictor": (
        f"train points.npz {TRAIN} --timesteps 4 --predictor plug_in --reverse-step mixture",
        "posteriors",
        "--predictor direct",
    ),
    "posteriors in frequencies": (
        f"train images.npz --run new --max-steps 1 {TINY_UNET} --timesteps 4 --reverse-step "
        "moments --transform-options basis=frequency",
        "CosineBasis",
        "basis=pixel",
    ),
    "frequencies of points": (
        f"train points.npz {TRAIN} --timesteps 4 --transform-options basis=frequency",
        "(2,)",
        "pixel basis",
    ),
    "reverse step in continuous time": (f"train points.npz {TRAIN} --reverse-step learned", "--timesteps T"),
    # numbers
    "T = 0": (f"train points.npz {TRAIN} --timesteps 0", "timesteps = 0"),
    "T < 0": (f"train points.npz {TRAIN} --timesteps -3", "timesteps = -3"),
    "no steps": (f"train points.npz --run new {TINY_MLP} --max-steps 0", "max_steps = 0"),
    "no bins": (f"train points.npz {TRAIN} --volatility best --volatility-options num_bins=0", "num_bins = 0"),
    "bins below 0": (f"train points.npz {TRAIN} --volatility best --volatility-options num_bins=-1", "num_bins = -1"),
    "a decay below 0": (f"train points.npz {TRAIN} --volatility best --volatility-options decay=-5", "decay = -5"),
    "a decay above 1": (f"train points.npz {TRAIN} --volatility best --volatility-options decay=1.5", "decay = 1.5"),
    "a decay that is no number": (
        f"train points.npz {TRAIN} --volatility best --volatility-options decay=.nan",
        "decay = nan",
    ),
    "no pieces": (f"train points.npz {TRAIN} --schedule learned --schedule-options num_pieces=0", "num_pieces = 0"),
    "pieces below 0": (
        f"train points.npz {TRAIN} --schedule learned --schedule-options num_pieces=-5",
        "num_pieces = -5",
    ),
    "an option twice": (f"train points.npz {TRAIN} --max-steps 3", "--max-steps twice"),
    "an option twice, in two spellings": (f"train points.npz {TRAIN} --max_steps=3", "--max-steps twice"),
    "a switch and its opposite": (f"train points.npz {TRAIN} --dry-run --no-dry-run", "--dry-run twice"),
    "options without one": (f"train points.npz {TRAIN} --schedule-options", "--schedule-options", "nothing after it"),
    "options without one, in the middle": (
        f"train points.npz {TRAIN} --schedule-options --seed 3",
        "--schedule-options",
        "nothing after it",
    ),
    "values without one": ("sample points --out x.npz --values", "--values", "nothing after it"),
    "no rate": (f"train points.npz {TRAIN} --learning-rate 0", "learning_rate = 0"),
    "betas": (f"train points.npz {TRAIN} --betas 1.5 0.9", "betas"),
    "negative decay": (f"train points.npz {TRAIN} --weight-decay -1", "weight_decay"),
    "negative seed": (f"train points.npz {TRAIN} --seed -1", "seed"),
    "no budget": (f"train points.npz --run new {TINY_MLP} --max-seconds None", "no budget"),
    "negative seed of samples": ("sample points --out x.npz --seed -1", "seed"),
    "negative eta": ("sample points --out x.npz --eta -0.5", "eta = -0.5"),
    "infinite eta": ("sample points --out x.npz --eta inf", "eta = inf"),
    "no sampling steps": ("sample points --out x.npz --steps 0", "steps = 0"),
    "negative sampling steps": ("sample points --out x.npz --steps -2", "steps = -2"),
    "too many samples": ("sample points --out x.npz --num 99999999999999", "99999999999999 samples"),
    "no samples": ("sample points --out x.npz --num 0", "0 samples"),
    "a report of no steps": ("report points --steps 0", "steps = 0"),
    "T < 0 of an evaluation": ("evaluate points --timesteps -1", "timesteps = -1"),
    "one draw": ("evaluate points --draws 1", "draws = 1"),
    "no draws": ("evaluate points --draws 0", "draws = 0"),
    "limit 0": ("evaluate points --limit 0", "limit = 0"),
    # folders and files
    "folder of something else": (f"train points.npz --run folder --max-steps 1 {TINY_MLP}", "is not a run"),
    "a file as folder": (f"train points.npz --run points.npz --max-steps 1 {TINY_MLP}", "is not a run"),
    "a folder in a file": (f"train points.npz --run points.npz/run --max-steps 1 {TINY_MLP}", "points.npz/run"),
    "another configuration": (
        f"train points.npz --run points --max-steps 5 --learning-rate 0.5 {TINY_MLP}",
        "learning_rate",
        "0.5",
        "choose another --run folder",
    ),
    "other data": (f"train cubes.npz --run points --max-steps 5 {TINY_MLP}", "other data for the run in points"),
    "damaged run, trained": (
        f"train points.npz --run damaged --max-steps 5 {TINY_MLP}",
        "model.safetensors",
        "altered",
    ),
    "damaged run, evaluated": ("evaluate damaged", "model.safetensors", "altered"),
    "damaged run, sampled": ("sample damaged --out x.npz", "model.safetensors", "altered"),
    "damaged run, reported": ("report damaged", "model.safetensors", "altered"),
    "no run, evaluated": ("evaluate folder", "folder", "the folder of a run"),
    "no run, sampled": ("sample folder --out x.npz", "folder", "the folder of a run"),
    "no run, reported": ("report folder", "folder", "the folder of a run"),
    "nowhere": ("evaluate nowhere", "nowhere", "ndm train"),
    "a file as run": ("evaluate points.npz", "points.npz", "the folder of a run"),
    "data of another shape": ("evaluate points --data cubes.npz", "(3,)", "(2,)"),
    "images for a model of points": ("evaluate points --data images.npz", "levels 256", "levels None"),
    "bad data for an evaluation": ("evaluate points --data nan.npz", "nan.npz"),
    "no such folder": ("sample points --num 2 --out nowhere/x.npz", "nowhere/x.npz", "folder that exists"),
    "a folder that is a file": (
        "sample points --num 2 --out points.npz/x.npz",
        "points.npz/x.npz",
        "folder that exists",
    ),
    "a file that is a folder": ("sample points --num 2 --out folder.npz", "folder.npz", "cannot be written"),
    "a report in a file": ("report blocked --steps 1", "blocked/report"),
    "another suffix": ("sample points --num 2 --out x.jpg", "x.jpg", ".npz or .png"),
    "samples in a file": ("sample points --num 2 --out points.npz/x/", "points.npz", "folder that exists"),
    "a folder that is full": ("sample points --num 2 --out points/", "points", "new or empty"),
    "a folder of samples that is a file": (
        "sample points --num 2 --out blocked/report/",
        "blocked/report",
        "new or empty",
    ),
    "a format of one file": ("sample points --num 2 --out x.npz --format wav", "--format wav", "a folder"),
    "points as PNG": ("sample points --num 2 --out x/ --format png", "(2,)", "images"),
    "points as WAV": ("sample points --num 2 --out x/ --format wav", "(2,)", "signals"),
    "images as WAV": ("sample images --num 2 --out x/ --format wav", "uint8", "signals"),
    "no samples a second": ("sample points --num 2 --out x/ --rate 0", "--rate 0", "at least 1"),
    "a rate without WAV": ("sample images --num 2 --out x/ --rate 9", "--rate 9", "WAV"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_in_one_line(place, name):
    words, *fragments = CASES[name]
    before = content(place)
    result = ndm(words)
    assert result.code == 2 and result.out == ""
    assert result.err.startswith("ndm: error: ") and result.err.endswith("\n") and result.err.count("\n") == 1
    for fragment in fragments:
        assert fragment in result.err
    assert content(place) == before


def test_data_that_have_changed_are_noticed(place):
    before = content(place / "points")
    np.savez("points.npz", x=np.random.default_rng(9).normal(size=(60, 2)).astype(np.float32))
    for words in ("evaluate points", "report points"):
        result = ndm(words)
        assert result.code == 2 and "points.npz, which has changed since the run was started" in result.err
    Path("points.npz").unlink()
    assert "points.npz" in ndm("evaluate points").err and content(place / "points") == before


def test_what_came_before_survives_a_failure(place):
    assert ndm("evaluate points --draws 2 --limit 3").code == 0 and ndm("sample points --num 2 --out x.npz").code == 0
    before = content(place)
    assert ndm("evaluate points --draws 1").code == 2 and ndm("sample points --out x.npz --eta -1").code == 2
    assert content(place) == before


def test_a_loss_that_is_not_finite_is_no_wrong_use(place):
    """Exit code 1, one line, and the batch that did it."""
    result = ndm(f"train points.npz --run new --max-steps 50 {TINY_MLP} --learning-rate 1e30 --clip 1e30")
    assert result.code == 1 and result.err.count("\n") == 1 and result.err.startswith("ndm: error: ")
    assert "not finite at step" in result.err and list(Path("new").glob("failure-*.npz"))
