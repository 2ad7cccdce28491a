"""What functions ask of their tensors before they compute."""

from torch import Tensor


def require_tensor(value: object, name: str) -> None:
    """Refuse what is not a tensor.

    Raises: ValueError that names the argument, what came, and the way to convert it.
    """
    if not isinstance(value, Tensor):
        raise ValueError(f"{name} must be a tensor, but is {type(value).__name__}; convert it with `torch.as_tensor`.")
