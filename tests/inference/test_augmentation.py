"""The mean over an image and its mirror image: by hand, and what has to hold of it."""

import pytest
import torch
from torch import Tensor, nn

from course_utils.inference.augmentation import FlipAverage


class Position(nn.Module):
    """Scores each pixel by its value times its column, whatever the image shows there: class 1 more on the right."""

    def forward(self, images: Tensor) -> Tensor:
        columns = torch.arange(images.shape[3], dtype=images.dtype, device=images.device)
        one = images[:, :1] * columns
        return torch.cat([torch.zeros_like(one), one], 1)


def test_by_hand() -> None:
    """Of two pixels of value 1 the network gives columns 0 and 1; mirrored, 1 and 0: both get the mean of the two."""
    found = FlipAverage(Position())(torch.ones(1, 3, 1, 2, dtype=torch.float64)).exp()
    mean = (0.5 + torch.tensor(1.0, dtype=torch.float64).sigmoid()) / 2
    torch.testing.assert_close(found[0, 1, 0], mean.expand(2))
    torch.testing.assert_close(found.sum(1), torch.ones(1, 1, 2, dtype=torch.float64))


def test_probabilities_are_averaged_and_not_logits() -> None:
    images = torch.full((1, 3, 1, 2), 40.0, dtype=torch.float64)
    found = FlipAverage(Position())(images).exp()
    mean = (0.5 + torch.tensor(40.0, dtype=torch.float64).sigmoid()) / 2
    torch.testing.assert_close(found[0, 1], mean.expand(1, 2))
    assert (Position()(images).mean(3).softmax(1)[0, 1] > 0.9999).all(), "as the mean of logits would be"


def test_it_gives_the_mirror_image_of_an_answer_for_the_mirror_image() -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(3, 4, 3, padding=1).double()
    images = torch.rand(2, 3, 5, 7, dtype=torch.float64)
    average = FlipAverage(network)
    torch.testing.assert_close(average(images.flip(3)), average(images).flip(3))
    assert not torch.allclose(network(images.flip(3)), network(images).flip(3))
    symmetric = nn.Conv2d(3, 4, 1).double()
    torch.testing.assert_close(FlipAverage(symmetric)(images), symmetric(images).log_softmax(1))


def test_certainty_stays_finite_and_has_a_gradient() -> None:
    images = torch.full((1, 3, 2, 3), 5000.0, dtype=torch.float64, requires_grad=True)
    found = FlipAverage(Position())(images)
    assert found.isfinite().all()
    found.sum().backward()
    assert images.grad is not None and images.grad.isfinite().all()


def test_it_refuses_what_is_no_batch() -> None:
    with pytest.raises(ValueError, match=r"the shape is \(3, 4, 5\); of one image, take image\[None\]"):
        FlipAverage(Position())(torch.ones(3, 4, 5))


@pytest.mark.gpu
def test_on_a_gpu() -> None:
    torch.manual_seed(0)
    average, images = FlipAverage(nn.Conv2d(3, 4, 3, padding=1)), torch.rand(1, 3, 9, 8)
    expected = average(images)
    torch.testing.assert_close(average.cuda()(images.cuda()).cpu(), expected, rtol=1e-4, atol=1e-4)
