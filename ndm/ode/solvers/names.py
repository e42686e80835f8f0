"""Choose a solver by the name of its method."""

from ndm.base.axes import SOLVERS
from ndm.base.errors import InputError
from ndm.ode.solvers.adaptive import METHODS as ADAPTIVE
from ndm.ode.solvers.adaptive import Adaptive
from ndm.ode.solvers.fixed import METHODS as FIXED
from ndm.ode.solvers.fixed import Fixed
from ndm.ode.solvers.solver import Solver


def solver_for(
    method: str = "dopri5", steps: int | None = None, rtol: float | None = None, atol: float | None = None
) -> Solver:
    """Make the solver of that method; raises `InputError` for unknown methods and for options they do not take."""
    found = SOLVERS.find(method, ADAPTIVE | FIXED)
    given = {name: value for name, value in (("steps", steps), ("rtol", rtol), ("atol", atol)) if value is not None}
    if method in FIXED:
        if rtol is not None or atol is not None:
            raise InputError(f"a tolerance for {method}", "a number of steps alone", "dopri5 takes tolerances")
        return Fixed(100 if steps is None else steps, method)
    if method in ADAPTIVE:
        if steps is not None:
            raise InputError(
                f"{steps} steps for {method}, which chooses its own", "tolerances alone", "rk4 takes a number of steps"
            )
        return Adaptive(method, 1e-5 if rtol is None else rtol, 1e-5 if atol is None else atol)
    try:
        solver: Solver = found(**given)
    except TypeError as error:
        raise InputError(f"{', '.join(given)} for {method}", "what it takes", str(error)) from error
    return solver
