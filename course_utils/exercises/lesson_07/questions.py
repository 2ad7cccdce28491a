"""Where a value lands, what indices cost, which upsampling to take; and a guess about zeros."""

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
        ("2 bits", 16),
        "32 bits to 2 would be right for one index a pixel; four pixels share one.",
    ),
    (
        "pixels_only",
        ("2 bits", 4),
        "there are four times fewer indices than pixels; each of them is smaller as well.",
    ),
    (
        "one_bit",
        ("2 bits", 128),
        "which of four places: that takes 2 bits. With one, only two places can be told apart.",
    ),
    (
        "two_bytes",
        ("2 bits", 8),
        "16 bytes to 2 would be right for an index of 2 bytes. It has 2 bits; a byte has eight.",
    ),
    (
        "half_of_it",
        ("2 bits", 32),
        "a float32 has 32 bits, but a window has four of them, 128 bits. How often do the 2 bits of its index fit in?",
    ),
    (
        "four_counted_twice",
        ("2 bits", 256),
        "a window has four values and one index: that is a factor of four once. The other factor is 32 bits to 2.",
    ),
    ("inverted", ("2 bits", 1 / 64), "this is the share that is left. How many times less is that?"),
    (
        "pooled_maps_compared",
        ("int64", 0.5),
        "an int64 is twice as large as a float32, but four float32 are pooled to one of them.",
    ),
    ("only_fewer", ("int64", 4), "there are four times fewer of them, and each is twice as large as a float32."),
    ("as_if_packed", ("int64", 64), "PyTorch does not pack them: each index takes 8 bytes, whatever it could be."),
    (
        "both_factors_up",
        ("int64", 8),
        "four times fewer saves, but twice as large costs: divide by it. (Or is 8 the bytes of one index?)",
    ),
    (
        "as_large",
        ("int64", 1),
        "a window's values take 4 · 4 bytes, and its index 8: that is less, though not by much.",
    ),
]

_LEARNED = "the encoder has strides and no max pooling; the upsampling step itself is to be learned"
_EDGES = "edges are to come back where the encoder saw them; its maps are too large to be kept"
_PLAIN = "no weights to learn, and the decoder gets nothing but the last maps"
_SPARSE = "at least three of four values are zero right after it"
_CHECKERBOARD = "may show a checkerboard"
_CHANNEL = "the decoder's channel 7 goes to places that the encoder's channel 7 chose"

RIGHT_UPSAMPLING = {
    _LEARNED: "transposed",
    _EDGES: "indices",
    _PLAIN: "bilinear",
    _SPARSE: "indices",
    _CHECKERBOARD: "transposed",
    _CHANNEL: "indices",
}

WHICH_UPSAMPLING: list[tuple[str, Any, str]] = [
    (
        "indices_without_pooling",
        (_LEARNED, "indices"),
        "indices come from a max pooling; without one there is nothing to unpool with, and unpooling has nothing to learn.",
    ),
    (
        "interpolation_learns",
        (_LEARNED, "bilinear"),
        "an interpolation has no weights: it does the same before training and after. Which of the three has a kernel of "
        "its own?",
    ),
    (
        "interpolation_knows_edges",
        (_EDGES, "bilinear"),
        "interpolation knows only the small map, in which the exact place of an edge is lost.",
    ),
    (
        "learned_places",
        (_EDGES, "transposed"),
        "a transposed convolution writes the same pattern everywhere: it can learn what an edge looks like, but not where in "
        "its window this one was.",
    ),
    (
        "indices_come_free",
        (_PLAIN, "indices"),
        "unpooling needs the encoder's indices, stage by stage, besides the last maps.",
    ),
    (
        "transposed_without_weights",
        (_PLAIN, "transposed"),
        "it gets nothing but the last maps, but its kernel has to be learned.",
    ),
    (
        "interpolated_is_sparse",
        (_SPARSE, "bilinear"),
        "an interpolation leaves no gaps: every place gets a mean of the nearest values.",
    ),
    (
        "transposed_is_sparse",
        (_SPARSE, "transposed"),
        "the zeros between the values are only a way to compute it; its kernel has filled the gaps.",
    ),
    (
        "interpolated_checkerboard",
        (_CHECKERBOARD, "bilinear"),
        "the taps that meet in a pixel of an interpolation always have the sum 1: a plain grey stays plain.",
    ),
    (
        "unpooled_checkerboard",
        (_CHECKERBOARD, "indices"),
        "unpooled values stand alone, each at the place of its own maximum, with no regular pattern. A checkerboard comes "
        "from a kernel that overlaps with itself unevenly.",
    ),
    (
        "transposed_depends_on_the_encoder",
        (_CHANNEL, "transposed"),
        "a transposed convolution asks nothing of the encoder; its own weights say what its channels mean.",
    ),
    (
        "interpolation_depends_on_the_encoder",
        (_CHANNEL, "bilinear"),
        "an interpolation treats all channels alike, and each value goes to the same place, whatever the encoder saw.",
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
    "Float32 maps (4 bytes a value) are pooled by 2 x 2. A decoder needs the maps before the pooling, or only the indices of the "
    "maxima. How many times less memory do the indices take, if each is stored in 2 bits, and if each is an int64 (8 bytes)?",
    {"2 bits": 64, "int64": 2},
    INDEX_MEMORY,
    [
        "Take one window of 2 x 2: how many bytes are its four values, and how many its one index?",
        "Four values: 16 bytes. One index: 2 bits are a quarter of a byte; an int64 is 8 bytes.",
    ],
    tolerance=0.01,
    explanation="Sixteen bytes to a quarter of one, or to eight: SegNet's saving is real, but PyTorch's indices do not have it.",
    difficulty=1,
    minutes=4,
)


which_upsampling = Answer(
    "which_upsampling",
    "A decoder doubles its maps by unpooling with 'indices', by 'bilinear' interpolation or by a 'transposed' convolution that "
    "is learned. Which one do you take, or which one is it?",
    RIGHT_UPSAMPLING,
    WHICH_UPSAMPLING,
    [
        "Ask of each item: what is handed over by the encoder, and what is learned?",
        "Unpooling needs a max pooling, its indices, and maps whose channels match the pooled ones. Interpolation needs "
        "nothing; a transposed convolution needs weights.",
    ],
    options=("indices", "bilinear", "transposed"),
    explanation="Indices carry places, weights carry patterns, interpolation carries neither and costs nothing.",
    difficulty=2,
    minutes=5,
)
