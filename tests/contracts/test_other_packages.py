"""Another package's parts, data and recipes: installed with entry points, or named as module:Class by the caller."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from calling import Result
from launching import started

import ndm

PARTS = '''
"""Parts that are no part of ndm."""

import torch

from ndm.base.shapes import like_event
from ndm.nn.activations import Activation
from ndm.parts.schedules import Schedule
from ndm.parts.transforms import Transform
from ndm.process.curve import Curve
from ndm.samplers import Sampler


class ScalingTransform(Transform):
    """F(x, t) = (1 + theta t) x: the name of one of ours, and not that one."""

    def __init__(self, event_shape, start: float = 0.5):
        super().__init__()
        self.event_shape = tuple(event_shape)
        self.theta = torch.nn.Parameter(torch.full(self.event_shape, start))

    def curve(self, x, cond=None):
        return Scaled(self, x)


class Scaled(Curve):
    def __init__(self, transform, x):
        self.transform, self.x = transform, x

    def __call__(self, t):
        return self.x * (1 + self.transform.theta * like_event(t, self.x))


class Quadratic(Schedule):
    def gamma(self, t):
        return 14 * t**2 + t - 8


class Cube(Activation):
    def __init__(self, scale: float = 1.0):
        super().__init__()
        self.scale = scale

    def forward(self, h):
        return self.scale * h**3


class Jump(Sampler):
    def step(self, z_t, s, t, noise, cond):
        return self.model.marginal(self.model.predict(z_t, t, cond), s).sample(noise)
'''
DATA = '''
"""A ring of points, from elsewhere."""

import numpy as np

from ndm.data import DataSet, Split


def load(*, num: int = 40):
    """Points around a circle."""
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, (3, num))
    x = np.stack([np.cos(angles), np.sin(angles)], -1).astype(np.float32)
    return DataSet("ring", *(Split(part) for part in x), num_levels=None, num_classes=0, source="a test")
'''
FORMAT = '''
"""Files of numbers, each on a line of its row, from elsewhere."""

import numpy as np

from ndm.data import Split, Whole


def load_file(path, *, scale: float = 1.0):
    """Rows of numbers between blanks."""
    x = scale * np.loadtxt(path, dtype=np.float32)
    return Whole(path.name, Split(x), None, "a test", reading={"scale": scale})
'''
RECIPE = '''
"""A model of another package, small."""

from ndm.config import Config

RECIPE = Config(
    transform="stretch",
    predictor_options={"network": "mlp", "width": 8, "depth": 1},
    max_steps=2,
    batch_size=4,
)
'''
ENTRY_POINTS = """
[ndm.transforms]
stretch = theirs.parts:ScalingTransform
[ndm.schedules]
quadratic = theirs.parts:Quadratic
[ndm.samplers]
jump = theirs.parts:Jump
[ndm.activations]
cube = theirs.parts:Cube
[ndm.data]
ring = theirs.data
[ndm.formats]
rows = theirs.format
[ndm.recipes]
stretched = theirs.recipe
"""
SMALL = ["--predictor-options", "network=mlp", "width=8", "depth=1", "--max-steps", "2", "--batch-size", "4"]


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A folder with the package, which is on no path yet."""
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "theirs").mkdir()
    for name, text in {"__init__": "", "parts": PARTS, "data": DATA, "format": FORMAT, "recipe": RECIPE}.items():
        (folder / "theirs" / f"{name}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def installed(package, tmp_path_factory) -> Path:
    """The same folder, with the metadata that an installation writes."""
    site = tmp_path_factory.mktemp("site")
    (site / "theirs").symlink_to(package / "theirs")
    about = site / "theirs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    return site


def call(path: Path | None, *words: object) -> Result:
    """`ndm` with these words, in a new process with a folder on the path."""
    return _started(path, ["-m", "ndm.cli", *map(str, words)])


def in_python(path: Path | None, code: str) -> Result:
    return _started(path, ["-c", code])


def _started(path: Path | None, words: list[str]) -> Result:
    ((code, out, err),) = started({"words": words, "env": {"PYTHONPATH": path or ""}})
    return Result(code, out, err)


@pytest.fixture(scope="module")
def run(installed, tmp_path_factory) -> Path:
    """Trained by the recipe of that package, on its data, with two more of its parts."""
    run = tmp_path_factory.mktemp("runs") / "run"
    words = ["train", "ring", "--recipe", "stretched", "--schedule", "quadratic", "--sampler", "jump"]
    done = call(installed, *words, "--transform-options", "start=0.25", "--data-options", "num=30", "--run", run)
    assert done.code == 0, done.err
    return run


def config_of(run: Path) -> dict:
    (file,) = [each for each in run.rglob("model/config.json") if not each.parent.parent.is_symlink()][:1]
    return json.loads(file.read_text())


def test_they_are_listed_and_nothing_is_imported_for_it(installed):
    listed = call(installed, "data", "list")
    assert "ring" in listed.out and "of the package theirs" in " ".join(listed.out.split())
    code = (
        "import sys; from ndm.base.axes import AXES; print([a.names() for a in AXES]); print('theirs' in sys.modules)"
    )
    names, imported = in_python(installed, code).out.splitlines()
    assert all(f"'{name}'" in names for name in ("stretch", "quadratic", "jump", "ring", "stretched", "cube", "rows"))
    assert imported == "False"
    assert "stretch" in call(installed, "train", "--help").out


def test_an_unknown_name_is_answered_by_all_there_are(installed):
    refused = call(installed, "train", "ring", "--transform", "strech")
    assert refused.code == 2 and "identity, residual, scaling, series, stretch" in refused.err


def test_they_are_trained_saved_and_named_with_their_module(run):
    config = config_of(run)
    assert config["transform"]["class"] == "theirs.parts:ScalingTransform" and config["transform"]["start"] == 0.25
    assert config["schedule"]["class"] == "theirs.parts:Quadratic"
    assert config["decoder"]["class"] == "GaussianDecoder"


def test_the_run_is_resumed_evaluated_and_sampled(installed, run, tmp_path):
    words = ["--recipe", "stretched", "--schedule", "quadratic", "--sampler", "jump", "--transform-options"]
    again = call(installed, "train", "ring", *words, "start=0.25", "--data-options", "num=30", "--run", run)
    assert again.code == 0 and "resuming" in again.out, again.err
    evaluated = call(installed, "evaluate", run, "--draws", 2)
    assert evaluated.code == 0, evaluated.err
    assert call(installed, "sample", run, "--steps", 2, "--num", 3, "--out", tmp_path / "x.npz").code == 0
    with np.load(tmp_path / "x.npz") as samples:
        assert samples["x"].shape == (3, 2)


def test_a_file_of_their_format_is_read_and_a_layer_has_their_activation(installed, tmp_path):
    file, run = tmp_path / "points.rows", tmp_path / "run"
    np.savetxt(file, np.random.default_rng(0).normal(size=(40, 2)))
    checked = call(installed, "data", "check", file, "--data-options", "scale=2.0")
    assert checked.code == 0 and "a test" in checked.out, checked.err
    series = ["--transform", "series", "--transform-options", "width=4", "activation=cube"]
    series += ["activation_options={scale: 0.5}"]
    trained = call(installed, "train", file, "--data-options", "scale=2.0", *series, *SMALL, "--run", run)
    assert trained.code == 0, trained.err
    assert config_of(run)["transform"]["h"]["activation"] == {"class": "theirs.parts:Cube", "scale": 0.5}
    assert call(installed, "evaluate", run, "--draws", 2).code == 0
    absent = call(None, "data", "check", file)
    assert absent.code == 2 and ".npz" in absent.err and ".rows" not in absent.err.split("expected")[1]
    wrong = call(installed, "data", "check", tmp_path / "points.lines")
    assert wrong.code == 2 and ".rows" in wrong.err


def test_what_is_not_installed_is_imported_only_where_the_caller_allows_it(package, run, tmp_path):
    out = tmp_path / "x.npz"
    words = ["sample", run, "--sampler", "ancestral", "--num", 3, "--steps", 2, "--out", out]
    refused = call(package, *words)  # on the path, so that it could be imported
    assert refused.code == 2 and not out.exists()
    assert "names the module theirs.parts" in refused.err and refused.err.count("\n") == 1
    assert call(package, *words, "--allow", "theirs").code == 0 and out.exists()
    gone = call(None, *words, "--allow", "theirs")  # allowed, but not there
    assert gone.code == 2 and "No module named 'theirs'" in gone.err


def test_in_python_as_well(package, run):
    model = next(run.rglob("model/config.json")).parent
    load = f"import sys, ndm\ntry: ndm.NeuralDiffusion.from_pretrained({str(model)!r}%s)\n"
    load += "except ndm.InputError as error: print(error)\nprint('theirs' in sys.modules)"
    refused, allowed = (in_python(package, load % allow).out for allow in ("", ", allow=('theirs',)"))
    assert "names the module theirs.parts" in refused and "allow" in refused and refused.splitlines()[-1] == "False"
    assert allowed.splitlines() == ["True"]


def test_a_class_is_named_by_its_module_on_the_command_line(package, tmp_path):
    archive = tmp_path / "x.npz"
    np.savez(archive, x=np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32))
    named = ["--transform", "theirs.parts:ScalingTransform", "--transform-options", "start=0.1"]
    trained = call(package, "train", archive, *named, *SMALL, "--run", tmp_path / "run")
    assert trained.code == 0, trained.err
    assert config_of(tmp_path / "run")["transform"] == {
        "class": "theirs.parts:ScalingTransform",
        "event_shape": [2],
        "start": 0.1,
    }
    for name, says in {
        "theirs.parts:Missing": "has no attribute 'Missing'",
        "theirs.nowhere:Transform": "No module named 'theirs.nowhere'",
        "theirs.parts:Quadratic": "a class derived from Transform, with all its methods",
        "json:dumps": "a class derived from Transform, with all its methods",
    }.items():
        refused = call(package, "train", archive, "--transform", name, *SMALL, "--run", tmp_path / "other")
        assert refused.code == 2 and says in refused.err, refused.err
        assert not (tmp_path / "other").exists()
    unknown = call(package, "train", archive, *named[:2], "--transform-options", "colour=red", *SMALL)
    assert unknown.code == 2 and "colour" in unknown.err and "start" in unknown.err


def test_two_of_one_name_are_kept_apart(package, monkeypatch):
    monkeypatch.syspath_prepend(str(package))

    theirs = importlib.import_module("theirs.parts").ScalingTransform((2,))
    ours = ndm.transforms.ScalingTransform((2,))
    again = [type(ndm.Part.from_config(part.config)) for part in (theirs, ours)]
    assert again == [type(theirs), type(ours)] and again[0] is not again[1]


def test_a_second_of_one_name_in_ndm_is_an_error():
    with pytest.raises(TypeError, match="a second IdentityTransform"):
        type("IdentityTransform", (ndm.IdentityTransform,), {"__module__": "ndm.parts.transforms.other"})


def test_two_packages_with_one_name_are_told_apart(package, tmp_path):
    for name, module in (("one", "theirs.parts:ScalingTransform"), ("two", "theirs.parts:Quadratic")):
        about = tmp_path / f"{name}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[ndm.transforms]\nstretch = {module}\nidentity = {module}\n")
    code = "from ndm.base.axes import TRANSFORMS; "
    both = in_python(tmp_path, code + "TRANSFORMS.find('stretch')").err
    assert "which one and two have" in both and "say theirs.parts:ScalingTransform or theirs.parts:Quadratic" in both
    ours = in_python(tmp_path, code + "print(TRANSFORMS.find('identity').__module__)")
    assert ours.out.strip() == "ndm.parts.transforms.identity" and "identity is ours" in ours.err


BROKEN = {
    "absent": (None, "ModuleNotFoundError"),
    "syntax": ("class Transform(", "SyntaxError"),
    "failing": ("1 / 0", "ZeroDivisionError: division by zero"),
    "leaving": ("import sys; sys.exit(3)", "SystemExit: 3"),
}


@pytest.fixture
def broken(tmp_path) -> Path:
    """An installed package of parts that cannot be imported, and of modules that have no function."""
    about = tmp_path / "broken-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    names = "".join(f"{name} = {name}_parts:Transform\n" for name in BROKEN)
    no_entry = "no_entry = not a valid thing\n"
    others = "[ndm.data]\nempty = empty_parts\n[ndm.formats]\nempty = empty_parts\n"
    (about / "entry_points.txt").write_text(f"[ndm.transforms]\n{names}{no_entry}{others}")
    for name, (text, _) in {**BROKEN, "empty": ("", "")}.items():
        if text is not None:
            (tmp_path / f"{name}_parts.py").write_text(text)
    return tmp_path


def test_a_broken_package_breaks_nothing_but_its_own_names(broken):
    found = in_python(broken, "from ndm.base.axes import TRANSFORMS; print(TRANSFORMS.find('identity').__name__)")
    assert found.out.strip() == "IdentityTransform"
    helped = call(broken, "train", "--help")
    assert helped.code == 0 and not helped.err
    said = " ".join(helped.out.split())
    for name in (*BROKEN, "no_entry"):
        assert f"{name} of the package broken, which cannot be imported: choose it to see why" in said
    code = "from ndm.training.choices import check_choices; check_choices({'transform_options': {'width': 8}})"
    assert in_python(broken, code).code == 0


def test_what_cannot_be_imported_is_one_line(broken):
    """By the name of an entry point and as module:Class, whatever the code of the module does."""
    code = """
from ndm.base.axes import DATA_SETS, FORMATS, TRANSFORMS
from ndm.base.errors import InputError
for axis, name in {cases}:
    try:
        axis.find(name)
    except InputError as error:
        print(error)
"""
    names = [f"(TRANSFORMS, '{name}')" for name in BROKEN] + [
        f"(TRANSFORMS, '{name}_parts:Transform')" for name in BROKEN
    ]
    others = ["(TRANSFORMS, 'no_entry')", "(DATA_SETS, 'empty')", "(FORMATS, 'empty')"]
    result = in_python(broken, code.replace("{cases}", f"[{', '.join(names + others)}]"))
    lines = result.out.splitlines()
    assert result.code == 0 and len(lines) == len(names + others), result.err
    for line, (_, why) in zip(lines, [*BROKEN.values()] * 2, strict=False):
        assert "which cannot be imported" in line and why in line
    assert "whose entry point is 'not a valid thing'; expected MODULE or MODULE:NAME" in lines[-3]
    assert "expected a module with a function load, or a function" in lines[-2]
    assert "expected a module with a function load_file, or a function" in lines[-1]
