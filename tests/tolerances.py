"""The tolerances of parity tests, in one place: keyword arguments of `torch.testing.assert_close`."""

import torch

OPERATION = {torch.float64: {"rtol": 0, "atol": 1e-12}, torch.float32: {"rtol": 1e-5, "atol": 1e-5}}
NETWORK = {
    torch.float64: {"rtol": 1e-9, "atol": 0},
    torch.float32: {"rtol": 0, "atol": 1e-5},
}  # atol times max |reference|
SINGLE_INSIDE = {"rtol": 0, "atol": 1e-6}  # a library that computes in float32 whatever it is given
EXACT = {"rtol": 0, "atol": 0}
