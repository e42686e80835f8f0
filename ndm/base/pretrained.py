"""Save a part with its weights, and load it from a folder or from the Hugging Face hub."""

import json
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from huggingface_hub import ModelCard, PyTorchModelHubMixin, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, HTTPError, LocalEntryNotFoundError, RevisionNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ndm.base.errors import InputError, reason, refused
from ndm.base.files import parse_json, permitted, sha256
from ndm.base.kinds import a, checks_arguments, named
from ndm.base.model_card import Facts, model_card
from ndm.base.part import Part

CONFIG, WEIGHTS = "config.json", "model.safetensors"
DIGEST = "weights_sha256"  # in the configuration, of the file of weights

_HUB_NAME = r"\w[\w.-]*/\w[\w.-]*"  # OWNER/NAME
_OF_THE_QUESTION = ("token", "endpoint", "headers", "user_agent", "library_name", "library_version")
_OF_THE_ADDRESS = ("revision", "subfolder", "repo_type", "endpoint")
_SECONDS = 10.0  # for an answer


class Pretrained(Part, PyTorchModelHubMixin, library_name="ndm", tags=["neural-diffusion-model"]):
    """A part that can be saved: its configuration as JSON, its weights as safetensors, and a model card."""

    @checks_arguments
    def save_pretrained(self, save_directory: str | Path, **hub_options: Any) -> str | None:
        """Save the part in a folder, which is made where there is none.

        Args:
            hub_options: of `huggingface_hub.ModelHubMixin.save_pretrained`, e.g. `push_to_hub`.

        Raises:
            InputError: for a place that is no folder, or cannot be one.
        """
        folder = Path(save_directory)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise InputError(
                f"save_directory = {str(folder)!r}, where a file is in the way", "a folder, or a new name"
            ) from error
        return super().save_pretrained(folder, **hub_options)

    def _save_pretrained(self, save_directory: Path) -> None:
        weights = {name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()}
        with permitted(save_directory / WEIGHTS):
            save_file(weights, save_directory / WEIGHTS, metadata={"format": "pt"})
        config = self.config | {DIGEST: sha256(save_directory / WEIGHTS)}
        (save_directory / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def generate_model_card(self, facts: Facts | None = None) -> ModelCard:
        """Make README.md for `save_pretrained` and `push_to_hub`, which take model_card_kwargs={"facts": ...}."""
        parts = {name: type(part).__name__ for name, part in self.named_children()}
        return ModelCard(model_card(parts, facts or Facts()))

    @classmethod
    @checks_arguments
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        map_location: str = "cpu",
        digest: str | None = None,
        allow: Sequence[str] = (),
        **hub_options: Any,
    ) -> Self:
        """Load the part saved in a folder, or as OWNER/NAME of the Hugging Face hub, in evaluation mode.

        Args:
            digest: sha256 of the file of weights, from a caller who has read it already.
            allow: modules outside of ndm, and all within them, that may be imported because the model names a part of
                them. Those of packages that are installed with entry points for ndm need not be said.
            hub_options: of `huggingface_hub.hf_hub_download`, e.g. `revision` and `token`. The hub is asked once.

        Raises:
            InputError: for files that are missing, damaged, or do not fit each other, and for what is neither a folder
                nor a name of the hub that can be had.
        """
        source = str(pretrained_model_name_or_path)
        config_file, file = model_files(source, (CONFIG, WEIGHTS), hub_options)
        try:
            config = parse_json(config_file.read_text(encoding="utf-8"))
            weights, digest = load_file(file, device=map_location), digest or sha256(file)
        except InputError:
            raise
        except (OSError, ValueError, SafetensorError) as error:
            raise refused(
                f"a model in {source}", "read", error, f"{CONFIG} and {WEIGHTS}, whole", "copy or download it again"
            ) from error
        try:
            if isinstance(config, dict) and config.pop(DIGEST, None) != digest:
                raise InputError(
                    f"{WEIGHTS}, altered or of another model",
                    f"that of {CONFIG}, by its sha256",
                    "copy or download it again",
                )
            if unusable := [name for name, value in weights.items() if not value.isfinite().all()]:
                raise InputError(
                    f"weights that are not finite ({unusable[0]})",
                    "finite numbers",
                    "copy or download it again, or train anew",
                )
            model = Part.from_config(config, allow)
            if not isinstance(model, cls):
                raise InputError(f"{a(model)}", named(cls))
            model.load_state_dict(weights)
        except InputError as error:
            raise InputError(f"{source}: {error.got}", error.expected, error.advice) from error
        except RuntimeError as error:
            raise InputError(
                f"weights in {source} that do not fit their configuration",
                f"the weights that {CONFIG} describes",
                str(error).splitlines()[1].strip(),
            ) from error
        return model.to(map_location).eval()


def model_files(source: str, names: tuple[str, ...], hub_options: dict[str, Any]) -> list[Path]:
    """Find the files called `names` of the model in the folder `source`, or else of that name on the hub.

    Where the hub does not answer, the cached files are taken, with a warning.

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
    """Fetch files of the hub, after one request that is not repeated: `hf_hub_download` repeats for half a minute."""
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
    """The digest of the weights of a model that was saved in `folder`, 16 hexadecimal digits."""
    return str(parse_json((folder / CONFIG).read_text())[DIGEST])[:16]
