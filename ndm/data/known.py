"""The data sets that are known by name, and whether their files are here: none of them is imported for that."""

from ndm.base.axes import DATA_SETS
from ndm.base.errors import InputError
from ndm.data.sets._supplied import find_any, folders


def names() -> dict[str, str]:
    """The one-line descriptions of all data sets, by name."""
    return DATA_SETS.summaries()


def is_here(name: str) -> bool:
    """Whether the files of the data set are on this machine; those that travel with a package always are.

    A file of a data set that its users supply has, as literals: `FOLDERS`, where to look, `FIRST`, of which one is
    there where any are, and maybe `INSTALLED`; or `MADE_FROM`, the data set that it needs.
    """
    says = DATA_SETS.constants(name)
    if "MADE_FROM" in says:
        return is_here(says["MADE_FROM"])
    if "FIRST" not in says:
        return True
    try:
        find_any(says["FIRST"], folders(*says["FOLDERS"], installed=says.get("INSTALLED")), "")
    except InputError:
        return False
    return True
