"""What a command loads before it works: its own words, and torch only where it is needed."""

import inspect
import subprocess
import sys

import pytest
import tyro
from calling import ndm as call

import ndm
from ndm.base.axes import PARTS
from ndm.base.options import own_options, shown
from ndm.cli.words import commands
from ndm.config import CHOICES, Config

HEAVY = ("torch", "matplotlib", "numpy", "scipy", "PIL", "huggingface_hub", "accelerate")
CALL = f"""
import sys
from ndm.cli import main
code = main(sys.argv[1:])
print(code, *(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)
"""


def loaded(words: str) -> tuple[int, list[str], str]:
    """Run a command in a new process: its exit code, which heavy packages it imported, and its last words."""
    done = subprocess.run([sys.executable, "-c", CALL, *words.split()], capture_output=True, text=True, timeout=120)
    *said, last = done.stderr.splitlines()
    code, *names = last.split()
    return int(code), names, done.stdout + "".join(said)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--help", 0, "usage: ndm COMMAND"),
        ("--version", 0, "."),
        ("data list", 0, "cifar10"),
        ("data --help", 0, "DATA"),
        ("trian", 2, "perhaps you meant train"),
        ("", 2, "no command"),
        ("sample run --outt x.npz", 2, "--out"),
        ("evaluate run --draws many", 2, "--draws"),
        ("sample --help", 0, "multistep_third"),
        ("evaluate --help", 0, "hutchinson"),
    ],
)
def test_words_alone_need_neither_torch_nor_numpy(empty, words, code, said):
    found, names, text = loaded(words)
    assert (found, names) == (code, []) and said in text


@pytest.mark.parametrize("words", ["train digits --unheard 3", "train digits --max-steps many", "train"])
def test_wrong_words_of_train_need_no_torch(empty, words):
    code, names, _ = loaded(words)
    assert code == 2 and "torch" not in names and "matplotlib" not in names


@pytest.mark.parametrize("name", sorted({*commands()} - {"train"}))
def test_a_command_loads_the_words_of_no_other(empty, name):
    test = f"import sys, ndm.cli; ndm.cli.main(['{name}', '-x']); print([m for m in sys.modules if '.cli.arg' in m])"
    done = subprocess.run([sys.executable, "-c", test], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == str(["ndm.cli.arguments", f"ndm.cli.arguments.{name}"]), done.stderr


def test_the_package_imports_what_is_asked_for():
    test = "import sys, ndm; m = sys.modules; print('torch' in m); ndm.Curve; print('torch' in m, 'ndm.ode' in m)"
    done = subprocess.run([sys.executable, "-c", test], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["False", "True", "False"], done.stderr


def test_every_public_name_can_be_had():
    assert {*ndm.__all__} <= {*dir(ndm)}
    for package in (ndm, ndm.data):
        for name in package.__all__:
            assert getattr(package, name) is not None
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            package.nothing  # noqa: B018


def test_the_overview_has_the_first_line_of_every_command(empty):
    text = " ".join(call("--help").out.split())
    for name, about in commands().items():
        assert about.endswith(".") and f"{name} {about}" in text


def test_the_help_of_train_lists_every_choice_with_its_options(empty):
    result = call("train --help")
    assert result.code == 0
    for setting, axis in CHOICES.items():
        assert f"--{setting.replace('_', '-')} {{{','.join(axis.names())}}}" in " ".join(result.out.split())
        table = result.out[result.out.rindex(f"\n--{setting.replace('_', '-')} NAME") :].partition("\n\n")[0]
        for name, summary in axis.summaries().items():
            assert f"\n  {name} " in table and summary.split()[0] in table
            options = own_options(axis, name) if hasattr(Config(), f"{setting}_options") else {}
            assert all(shown(each) in table for each in options.values()), name
    for axis in PARTS:
        assert axis.kind == "decoder" or all(f"\n  {name} " in result.out for name in axis.names()), axis.kind


def test_the_text_of_an_option_is_that_of_its_docstring(empty):
    assert "width of the blur at t = 1." in call("train --help").out


REFUSED = {
    "an unknown name": ("--transform skaling", "'skaling'", "scaling, series"),
    "an unknown option": ("--transform scaling --transform-options bassis=pixel", "bassis", "basis, functions, lead"),
    "an option of no part": ("--transform-options widht=3", "any transform", "perhaps you meant width"),
    "a wrong type": ("--transform series --transform-options width=wide", "'wide'", "width: int = 128"),
    "a wrong type of no named part": ("--predictor-options channels=1.5", "1.5", "channels: int"),
    "a wrong list": ("--predictor-options multipliers=[1,two]", "[1, 'two']", "multipliers: Sequence[int]"),
    "options without any": ("--volatility markov --volatility-options a=1", "the option a", "no options"),
    "options of options": (
        "--predictor-options parameterisation=gaussian_mixture parameterisation_options={components:3}",
        "the option components",
        "num_components",
    ),
    "another network's": ("--predictor-options network=mlp channels=3", "channels", "width"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_options_are_checked_before_data_are_read(empty, monkeypatch, name):
    words, *said = REFUSED[name]
    monkeypatch.setattr("ndm.cli.commands.train.load", lambda *_: pytest.fail("read in vain"))
    result = call(f"train digits {words}")
    assert result.code == 2 and result.err.count("\n") == 1 and all(each in result.err for each in said), result.err


def test_every_option_is_of_a_type_that_words_have():
    """An option without a type, or of one that is no plain data, could be given no value on the command line."""
    for axis in CHOICES.values():
        for name in axis.names() if axis in PARTS else ():
            for option in own_options(axis, name).values():
                assert option.annotation is not inspect.Parameter.empty, (axis.kind, name, option)


def test_words_are_parsed_once(empty, monkeypatch):
    calls, parsed = [], tyro.cli
    monkeypatch.setattr(tyro, "cli", lambda *args, **named: calls.append(named["args"]) or parsed(*args, **named))
    assert call("train moons --max-steps 1 --predictor-options width=8 depth=1 --dry-run").code == 0
    assert len(calls) == 1
