"""A puppet's body: its joints, their angles, and where they come to be, in thousandths of its height.

A body's left is the puppet's own. Where it looks at us, that is the right of the picture. Angles are whole degrees: 0 hangs
down, 90 points to the right of the picture, 180 up.
"""

from typing import NamedTuple

import numpy as np

Point = tuple[int, int]

KEYPOINTS = (
    "head",
    "left shoulder",
    "right shoulder",
    "left elbow",
    "right elbow",
    "left hand",
    "right hand",
    "left hip",
    "right hip",
    "left knee",
    "right knee",
    "left foot",
    "right foot",
)

TRUNK, NECK, SHOULDERS, HIPS = 290, 118, 112, 62
UPPER_ARM, FOREARM, THIGH, SHIN = 165, 150, 235, 225
"""Lengths; shoulders and hips are half as wide as a body seen from the front."""

SIDEWAYS = 17
"""Percent of the width of shoulders and hips that is left when a body is seen from the side."""

_TURNS = np.arange(360) * (np.pi / 180)
# A sine may differ in its last bit from machine to machine; rounded to 2⁻¹⁴, it does not.
_SINES = np.round(np.sin(_TURNS) * 2**14).astype(int).tolist()


class Limb(NamedTuple):
    """An arm or a leg: the angle of its upper part, and how far its lower part is bent from there.

    Seen from the front, angles go outwards; seen from the side, an arm's go forwards, and a knee bends backwards.
    """

    angle: int
    bend: int


class Pose(NamedTuple):
    """`facing` is 0 where the puppet looks at us, -1 to the left, 1 to the right; trunk and head lean to the right."""

    facing: int
    lean: int
    nod: int
    left_arm: Limb
    right_arm: Limb
    left_leg: Limb
    right_leg: Limb


def joints(pose: Pose) -> dict[str, Point]:
    """Where every keypoint is, and the neck: (to the right, downwards) from the middle between the hips."""
    wide = 100 if pose.facing == 0 else SIDEWAYS
    neck = ahead((0, 0), 180 + pose.lean, TRUNK)
    found = {"neck": neck, "head": ahead(neck, 180 + pose.lean + pose.nod, NECK)}
    for name, to_right, arm, leg in (
        ("left", 1, pose.left_arm, pose.left_leg),
        ("right", -1, pose.right_arm, pose.right_leg),
    ):
        # The side of the picture to which positive angles go, and the one to which a knee bends.
        outwards = pose.facing or to_right
        knees = outwards if pose.facing == 0 else -outwards
        shoulder = ahead(neck, 90 + pose.lean, to_right * SHOULDERS * wide // 100)
        hip = ahead((0, 0), 90 + pose.lean, to_right * HIPS * wide // 100)
        angle = pose.lean + outwards * arm.angle
        elbow = ahead(shoulder, angle, UPPER_ARM)
        hand = ahead(elbow, angle + outwards * arm.bend, FOREARM)
        knee = ahead(hip, outwards * leg.angle, THIGH)
        foot = ahead(knee, outwards * leg.angle + knees * leg.bend, SHIN)
        found |= {f"{name} shoulder": shoulder, f"{name} elbow": elbow, f"{name} hand": hand}
        found |= {f"{name} hip": hip, f"{name} knee": knee, f"{name} foot": foot}
    return found


def ahead(start: Point, angle: int, length: int) -> Point:
    """The point so far away in a direction."""
    right, down = _SINES[angle % 360], _SINES[(angle + 90) % 360]
    return start[0] + (length * right >> 14), start[1] + (length * down >> 14)
