"""Every kind of choice: its names, and, of parts, how each is made of a `Spec` and its options."""

import inspect
import subprocess
import sys

import pytest
from making import LEVELS, TIMESTEPS, partner

import ndm
from ndm.base.axes import AXES, PARAMETERISATIONS, PARTS
from ndm.base.errors import InputError
from ndm.base.options import options_of, passes_on
from ndm.base.part import Part
from ndm.base.spec import Spec

SPEC = Spec((1, 8, 8), LEVELS, 3, TIMESTEPS)
CHOICES = [(axis, name) for axis in PARTS for name in axis.names()]
each_part = pytest.mark.parametrize(("axis", "name"), CHOICES, ids=lambda each: getattr(each, "kind", each))


def made(axis, name, spec: Spec = SPEC, **options) -> Part:
    return axis.make(name, spec, options, transform=partner(spec.event_shape), num_outputs=2, num=3)


def test_names_are_read_without_an_import():
    code = "import sys; from ndm.base.axes import AXES; [(each.names(), each.summaries()) for each in AXES]; "
    code += "assert not {'torch', 'numpy', 'matplotlib'} & sys.modules.keys()"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize("axis", [axis for axis in AXES if axis.package], ids=lambda axis: axis.kind)
def test_every_file_is_a_choice_that_says_what_it_is(axis):
    assert axis.names() and set(axis.summaries()) == set(axis.names()) and all(axis.summaries().values())
    found = axis.every()
    assert all((inspect.ismodule if axis.base is None else inspect.isclass)(each) for each in found.values())
    assert len(set(map(id, found.values()))) == len(found)
    with pytest.raises(InputError) as error:
        axis.find("unheard")
    assert error.value.got.startswith(axis.kind) and all(name in error.value.expected for name in axis.names())


@each_part
def test_it_is_made_of_a_spec_and_again_of_its_configuration(axis, name):
    part = made(axis, name)
    again = Part.from_config(part.config)
    assert type(again) is type(part) is axis.find(name) and again.config == part.config
    assert [each.shape for each in again.parameters()] == [each.shape for each in part.parameters()]


@each_part
def test_an_option_that_there_is_not_is_refused_with_those_that_are(axis, name):
    with pytest.raises(InputError, match="the option colour") as error:
        made(axis, name, colour="red")
    own = [option for option in options_of(axis.find(name)) if option not in axis.given]
    assert all(option in error.value.expected for option in own)
    assert passes_on(axis.find(name)) or own or error.value.expected == "no options" or axis.given


@each_part
@pytest.mark.parametrize("field", ["event_shape", "timesteps"])
def test_what_the_spec_says_is_no_option(axis, name, field):
    with pytest.raises(InputError, match=rf"the option {field} for .* it follows from the data"):
        made(axis, name, **{field: 3})


def test_parts_for_different_events_do_not_fit():
    with pytest.raises(InputError, match=r"a transform for events of shape \(3,\), a predictor for .*\(2,\)"):
        ndm.NeuralDiffusion(
            ndm.schedules.LinearSchedule(),
            ndm.transforms.ScalingTransform((3,)),
            ndm.DirectPredictor(ndm.MLP((2,))),
            ndm.GaussianDecoder(),
        )


def test_a_network_of_another_number_of_outputs_does_not_fit():
    with pytest.raises(InputError, match=r"a network of 2 outputs.*make it with num_outputs=1"):
        ndm.NeuralDiffusion(
            ndm.schedules.LinearSchedule(),
            ndm.IdentityTransform(),
            ndm.DirectPredictor(ndm.MLP((2,), 2)),
            ndm.GaussianDecoder(),
        )


@pytest.mark.parametrize("name", ["categorical", "discrete_gaussian"])
def test_levels_that_the_data_have_not_do_not_fit(name):
    form = PARAMETERISATIONS.make(name, Spec((2,), num_levels=5))
    network = ndm.MLP((2,), form.num_outputs)
    parts = ndm.schedules.LinearSchedule(), ndm.IdentityTransform(), ndm.DirectPredictor(network, form)
    for decoder in (ndm.GaussianDecoder(), ndm.DiscretisedDecoder(7)):
        with pytest.raises(InputError, match=rf"the {name} parameterisation of 5 levels with a .*Decoder"):
            ndm.NeuralDiffusion(*parts, decoder)
    assert ndm.NeuralDiffusion(*parts, ndm.DiscretisedDecoder(5)).decoder.num_levels == 5


@pytest.mark.parametrize(
    ("axis", "name"),
    [(axis, name) for axis, name in CHOICES if name in ("categorical", "discrete_gaussian", "discretised")],
)
def test_real_values_have_no_levels(axis, name):
    with pytest.raises(InputError, match="expected data with levels; choose "):
        made(axis, name, Spec((3,)))
