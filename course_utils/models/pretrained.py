"""Pretrained weights: ImageNet's, fetched where the network allows, with a warning where it does not; and the course's own."""

import hashlib
import re
import warnings
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from safetensors.torch import load
from torch import Tensor, nn
from torch.hub import get_dir, load_state_dict_from_url

TIMEOUT = 10  # seconds until a server must answer

# The weights that torchvision 0.29 calls IMAGENET1K_V1, by the files that it fetches; the digits are the files' checksums.
IMAGENET = {
    "vgg16": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "resnet18": "https://download.pytorch.org/models/resnet18-f37072fd.pth",
    "resnet34": "https://download.pytorch.org/models/resnet34-b627a593.pth",
    "resnet50": "https://download.pytorch.org/models/resnet50-0676ba61.pth",
    "resnet101": "https://download.pytorch.org/models/resnet101-63fe2227.pth",
    "resnet152": "https://download.pytorch.org/models/resnet152-394f9c45.pth",
}

OWN = Path(__file__).resolve().parents[2] / "data" / "weights"
"""Where the weights lie that commands of the course have made; `data/README.md` names the commands."""
CHECKSUMS = {
    "quick_mask_rcnn_nuclei.safetensors": "c025d793092c61e19657270512282756e87f8315211c9c8bc2f5afb6639bd2c0",
    "small_resnet_patterns.safetensors": "e01f641cd4ef59d5292f2dc48f71bece36299ed714173da0d4e7a8de3b39ba29",
}
"""Of each of these files that a network loads by itself: its SHA-256."""


def load_own(network: nn.Module, name: str) -> None:
    """Load the weights of a file in `data/weights`, one of `CHECKSUMS`, in the network, in the network's own types.

    Raises: FileNotFoundError where the file is missing, ValueError where it is not the one that belongs there.
    """
    file = OWN / name
    remedy = f"restore it with `git checkout -- data/weights/{name}` in the course's folder"
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"The course's weights {file} are missing; {remedy}.") from None
    except OSError as error:
        raise ValueError(f"The course's weights {file} cannot be read ({error.strerror}); {remedy}.") from error
    if hashlib.sha256(content).hexdigest() != CHECKSUMS[name]:
        raise ValueError(f"{file} is damaged or another file, for its SHA-256 is not the one expected; {remedy}.")
    network.load_state_dict(load(content))


def load_pretrained(network: nn.Module, url: str, rename: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]) -> None:
    """Load the weights of a file in the network, kept in PyTorch's cache; without them, warn and leave the network as it is.

    `rename` turns the file's `state_dict` into the network's. The checksum is the one in the file's name, where it has one.
    """
    try:
        state = _fetch(url)
    except (OSError, HTTPException) as error:
        warnings.warn(
            f"The pretrained weights {url} could not be fetched ({error}). The network keeps the random weights it was made "
            f"with, and has everything to learn. To do without the network, put the file into {_cache()}.",
            stacklevel=3,
        )
        return
    network.load_state_dict(rename(state))


def check_weights_name(weights: str | None, known: str = "imagenet") -> None:
    """Refuse names of weights other than the one that is known.

    Raises: ValueError.
    """
    if weights not in (None, known):
        raise ValueError(f'weights must be "{known}", or None for random ones, but is {weights!r}.')


def _cache() -> Path:
    return Path(get_dir(), "checkpoints")


def _require_checksum(file: Path) -> None:
    """PyTorch compares the digits in a file's name with what it downloads, but not with what it finds in its cache."""
    digits = re.search(r"-([0-9a-f]{8,})\.", file.name)
    with file.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if digits and not found.startswith(digits[1]):
        raise OSError(f"{file} is damaged or another file; delete it")


def _fetch(url: str) -> dict[str, Tensor]:
    file = _cache() / Path(urlsplit(url).path).name
    if file.exists():
        _require_checksum(file)
    else:
        # PyTorch's download waits for ever on a network that swallows what it is sent.
        with urlopen(Request(url, method="HEAD"), timeout=TIMEOUT):
            pass
    try:
        return load_state_dict_from_url(url, map_location="cpu", progress=False, check_hash=True, weights_only=True)
    except RuntimeError as error:
        raise OSError(f"what came is not the file that was asked for: {error}") from error
