"""Where a value lands and what indices cost; and a guess about zeros."""

from typing import Any

from course_utils.exercises.questions import Answer, Prediction

LANDS_AT: list[tuple[str, Any, str]] = [
    ("row_kept", ("row", 3), "the index is one number, 26. In a map that is 6 wide, row 3 ends with 23."),
    ("column_kept", ("column", 5), "the index is one number, 26. The 6-wide map counts its rows differently."),
    ("shrunk", ("column", 4), "nothing is scaled: the index 26 is looked up in a map that is 6 wide."),
    ("row_and_column_exchanged", ("row", 2), "26 = 4 · 6 + 2: how many whole rows of 6 fit into 26?"),
    ("from_one", ("row", 5), "rows count from 0, as in the question: the first six values are row 0."),
    ("column_from_one", ("column", 3), "columns count from 0, as in the question: index 24 is column 0."),
    (
        "row_of_the_pooled_map",
        ("row", 1),
        "(1, 2) is where the value stands in the pooled map, half as large. Unpooling puts it where its index says.",
    ),
    ("column_one_short", ("column", 1), "index 24 is column 0 of row 4, because 24 = 4 · 6. And 26?"),
    ("row_with_a_fraction", ("row", 26 / 6), "rows are whole: `26 // 6` says how many are full before this value."),
]

INDEX_MEMORY: list[tuple[str, Any, str]] = [
    (
        "an_index_for_each_pixel",
        ("2 bits", 8),
        "16 bits to 2 would be right for one index a pixel; four pixels share one.",
    ),
    (
        "pixels_only",
        ("2 bits", 4),
        "there are four times fewer indices than pixels; each of them is smaller as well.",
    ),
    (
        "as_in_float32",
        ("2 bits", 64),
        "64 would be right for values of 4 bytes, or for an index of one bit. A value in half precision has 2 bytes, and to tell "
        "four places apart takes 2 bits.",
    ),
    (
        "half_of_it",
        ("2 bits", 16),
        "a value has 16 bits, but a window has four of them, 64 bits. How often do the 2 bits of its index fit in?",
    ),
    (
        "four_counted_twice",
        ("2 bits", 128),
        "a window has four values and one index: that is a factor of four once. The other factor is 16 bits to 2.",
    ),
    ("inverted", ("2 bits", 1 / 32), "this is the share that is left. How many times less is that?"),
    (
        "pooled_maps_compared",
        ("int64", 0.25),
        "an int64 is four times as large as a value, but four values are pooled to one of them.",
    ),
    ("only_fewer", ("int64", 4), "there are four times fewer of them, but each is four times as large as a value."),
    ("as_if_packed", ("int64", 32), "PyTorch does not pack them: each index takes 8 bytes, whatever it could be."),
    (
        "both_factors_up",
        ("int64", 16),
        "four times fewer saves, but four times as large costs: divide by it.",
    ),
    (
        "int64_in_float32",
        ("int64", 2),
        "2 would be right for values of 4 bytes. In half precision a value has 2.",
    ),
    (
        "bytes_of_one",
        ("int64", 8),
        "8 are the bytes of one index. How many bytes have the four values of its window?",
    ),
]


lands_at = Answer(
    "lands_at",
    "A map of 7 x 7 is pooled by 2 x 2 to 3 x 3; one maximum was at row 3, column 5 (counted from 0). Its index is 3 · 7 + 5. "
    "The map is unpooled without `output_size`, to 6 x 6. Where does the value land?",
    {"row": 4, "column": 2},
    LANDS_AT,
    ["The index is 26. Which row is it in if every row has 6 values?", "26 // 6 and 26 % 6."],
    explanation="Every row is one place further off: an edge becomes a slanted one. The decoder must be told the size.",
    difficulty=1,
    minutes=3,
)


nonzero_share = Prediction(
    "nonzero_share",
    "The trained SegNet looks at a street. How many per cent of the values are not zero in the maps of the finest stage right "
    "after unpooling?",
    [
        "A window of 2 x 2 has four places: how many of them get a value? And which layer came just before the unpooling?"
    ],
    explanation=(
        "One place in four gets a value, so that it cannot be more than 25; and what is put there has been through a ReLU, which "
        "made a good part of it zero. The convolutions that follow fill the gaps: behind their ReLU, which makes zeros as "
        "well, about half is not zero."
    ),
    limits=(0, 100),
    digits=0,
    minutes=2,
)


index_memory = Answer(
    "index_memory",
    "Maps in half precision (2 bytes a value) are pooled by 2 x 2. A decoder needs the maps before the pooling, or only the "
    "indices of the maxima. How many times less memory do the indices take than these maps, if each is stored in 2 bits, and if "
    "each is an int64 (8 bytes)?",
    {"2 bits": 32, "int64": 1},
    INDEX_MEMORY,
    [
        "Take one window of 2 x 2: how many bytes are its four values, and how many its one index?",
        "Four values: 8 bytes. One index: 2 bits are a quarter of a byte; an int64 is 8 bytes.",
    ],
    tolerance=0.01,
    explanation="A window has 8 bytes. Its index has a quarter of a byte, or 8 bytes: as PyTorch keeps them, the indices of maps "
    "in half precision save nothing.",
    difficulty=1,
    minutes=4,
)
