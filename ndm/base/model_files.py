"""Where the files of a saved model are: in a folder, or on the Hugging Face hub, which is asked once."""

import re
import warnings
from pathlib import Path
from typing import Any

from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, HTTPError, LocalEntryNotFoundError, RevisionNotFoundError

from ndm.base.errors import InputError, reason
from ndm.base.files import parse_json

CONFIG, WEIGHTS = "config.json", "model.safetensors"
DIGEST = "weights_sha256"  # in the configuration, of the file of weights

_HUB_NAME = r"\w[\w.-]*/\w[\w.-]*"  # OWNER/NAME
_OF_THE_QUESTION = ("token", "endpoint", "headers", "user_agent", "library_name", "library_version")
_OF_THE_ADDRESS = ("revision", "subfolder", "repo_type", "endpoint")
_SECONDS = 10.0  # for an answer


def model_files(source: str, names: tuple[str, ...], hub_options: dict[str, Any]) -> list[Path]:
    """The files called `names` of the model in the folder `source`, or else of that name on the hub.

    Where the hub does not answer, those of its cache are taken, with a warning.

    Raises:
        InputError: for what is neither, and where the hub has no such model or does not answer.
    """
    folder = Path(source)
    if source and folder.is_dir():
        if not (folder / names[0]).exists() and (folder / "model" / names[0]).exists():
            raise InputError(f"{source}, the folder of a run", "that of a model", f'say "{folder / "model"}"')
        return [folder / name for name in names]
    if folder.is_file() or folder.is_symlink() or not re.fullmatch(_HUB_NAME, source):
        raise InputError(
            f"{source!r}, which is no folder", "the folder of a model, or OWNER/NAME of the hub", "check the path"
        )
    try:
        return _of_the_hub(source, names, hub_options)
    except (OSError, ValueError, HTTPError) as error:
        raise InputError(
            f"{source!r}, neither a folder nor a model that the hub gives ({reason(error)[:200]})",
            f"a folder, or OWNER/NAME with {' and '.join(names)}",
            "check the name, the network, and hf auth login where it is private",
        ) from error


def _of_the_hub(source: str, names: tuple[str, ...], options: dict[str, Any]) -> list[Path]:
    """One question first, which is not repeated: `hf_hub_download` repeats its own for half a minute."""
    if not options.get("local_files_only"):
        try:
            get_hf_file_metadata(
                hf_hub_url(source, names[0], **{name: options[name] for name in _OF_THE_ADDRESS if name in options}),
                timeout=options.get("etag_timeout", _SECONDS),
                **{name: options[name] for name in _OF_THE_QUESTION if name in options},
            )
        except (EntryNotFoundError, RevisionNotFoundError):
            raise
        except (OSError, HTTPError) as error:
            try:
                found = _download(source, names, options | {"local_files_only": True})
            except LocalEntryNotFoundError:
                raise error from None
            warnings.warn(
                f"the hub cannot be asked for {source} ({reason(error)[:200]}): the copy in its cache is taken",
                stacklevel=4,
            )
            return found
    return _download(source, names, options)


def _download(source: str, names: tuple[str, ...], options: dict[str, Any]) -> list[Path]:
    return [Path(hf_hub_download(source, name, **options)) for name in names]


def weights_of(folder: Path) -> str:
    """What tells the weights of a model that was saved in `folder` from others: a digest, 16 hexadecimal digits."""
    return str(parse_json((folder / CONFIG).read_text())[DIGEST])[:16]
