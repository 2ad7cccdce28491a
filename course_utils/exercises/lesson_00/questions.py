"""What is presumed, which task an application needs; and a guess about boxes."""

from course_utils.exercises.questions import Answer, Prediction

warm_up = Answer(
    "warm_up",
    "What do these four lines of PyTorch give? Answer each with a number.",
    {
        "torch.ones(2, 3, 4).sum(1).numel()": 8,
        "(torch.zeros(5, 1) + torch.zeros(7)).shape[1]": 7,
        "torch.arange(6).reshape(2, 3)[1, 0]": 3,
        "the gradient of x ** 3 at x = 2": 12,
    },
    [
        (
            "nothing_summed",
            ("torch.ones(2, 3, 4).sum(1).numel()", 24),
            "`sum(1)` removes the axis that it sums over: what is left has the shape (2, 4).",
        ),
        (
            "sum_over_the_first_axis",
            ("torch.ones(2, 3, 4).sum(1).numel()", 12),
            "axes are counted from 0, so that `sum(1)` sums over the axis of size 3 and leaves (2, 4).",
        ),
        (
            "no_broadcasting",
            ("(torch.zeros(5, 1) + torch.zeros(7)).shape[1]", 1),
            "an axis of size 1 is repeated until it fits: (5, 1) and (7,) give (5, 7).",
        ),
        (
            "column_first",
            ("torch.arange(6).reshape(2, 3)[1, 0]", 1),
            "the first index is the row, the second the column: row 1, column 0.",
        ),
        (
            "broadcasting_reads_the_first_axis",
            ("(torch.zeros(5, 1) + torch.zeros(7)).shape[1]", 5),
            "5 is `shape[0]`; the shape is (5, 7), and axes are counted from 0.",
        ),
        (
            "value_for_gradient",
            ("the gradient of x ** 3 at x = 2", 8),
            "8 is the value of x ** 3; its gradient is 3 x ** 2.",
        ),
    ],
    ["Write the shape down after each step.", "Run the line in a cell of your own: that is what a notebook is for."],
    explanation="This is all the PyTorch that the first lessons presume.",
    minutes=5,
)

person_in_box = Prediction(
    "person_in_box",
    "Which share of the pixels in a person's bounding box belongs to the person?",
    ["Answer with a fraction, such as 0.9. Think of somebody with the legs apart: what do you see between them?"],
    explanation=("Of what is left, only a part is street that a planner could use: the next cell counts it."),
)

name_the_task = Answer(
    "name_the_task",
    "Which task does each application need: 'semantic', 'instance' or 'panoptic'?",
    {
        "the share of a satellite image that is forest": "semantic",
        "which way is free in front of a robot lawn mower": "semantic",
        "replacing the sky of a photograph": "semantic",
        "which pixels of a scan show the liver": "semantic",
        "counting cells in a dish, many of them touching": "instance",
        "the size of every apple on a tree": "instance",
        "cutting each player out of a picture of a match": "instance",
        "all that a self-driving car sees: each car and person, road, kerb, sky": "panoptic",
        "a kitchen as a robot sees it, no pixel left out: each cup, and table and floor": "panoptic",
        "a map of a town, no pixel left out: every building by itself, and roads and water": "panoptic",
    },
    [
        (
            "touching_objects_in_a_semantic_map",
            ("counting cells in a dish, many of them touching", "semantic"),
            "touching cells of one class are one region in a semantic map, and a region cannot be counted.",
        ),
        (
            "sizes_from_a_semantic_map",
            ("the size of every apple on a tree", "semantic"),
            "apples that touch would be measured as one: each needs a mask of its own.",
        ),
        (
            "one_organ_as_instances",
            ("which pixels of a scan show the liver", "instance"),
            "there is one liver and nothing to tell apart; a class for each pixel is all that is asked.",
        ),
        (
            "stuff_as_instances",
            ("the share of a satellite image that is forest", "instance"),
            "forest is stuff: it has an area, but no number. Nobody asks for one tree.",
        ),
        (
            "sky_as_instance",
            ("replacing the sky of a photograph", "instance"),
            "sky is stuff: there is one kind of it and no second one to be told from it.",
        ),
        (
            "things_without_their_surroundings",
            ("all that a self-driving car sees: each car and person, road, kerb, sky", "instance"),
            "an instance segmentation has the cars and persons but neither road nor kerb, which the car must see too.",
        ),
        (
            "driving_on_classes_alone",
            ("all that a self-driving car sees: each car and person, road, kerb, sky", "semantic"),
            "two persons side by side are one region in a semantic map, but they will walk in two directions.",
        ),
        (
            "kitchen_without_surroundings",
            ("a kitchen as a robot sees it, no pixel left out: each cup, and table and floor", "instance"),
            "the cups are found, but table, floor and wall are stuff, and an instance segmentation leaves them out.",
        ),
        (
            "map_without_single_buildings",
            ("a map of a town, no pixel left out: every building by itself, and roads and water", "semantic"),
            "in a semantic map a terrace of houses is one region, and every building was to be by itself.",
        ),
        (
            "every_pixel_but_nothing_counted",
            ("cutting each player out of a picture of a match", "panoptic"),
            "nobody asks for grass and stands: the players' masks are enough.",
        ),
    ],
    [
        "Ask two questions: must objects of one class be told apart? Must every pixel get a class?",
        "Told apart only: instance. Both: panoptic. Nothing to be told apart: semantic.",
    ],
    options=("semantic", "instance", "panoptic"),
    explanation="Told apart or not, every pixel or not: these two questions decide.",
    minutes=8,
)
