"""Scores worked out on paper, guesses about lines and skies, and a metric to be designed."""

from course_utils.exercises.questions import Answer, Prediction, Rubric

micro_f1 = Answer(
    "micro_f1",
    "Example A has two classes. Add up TP, FP and FN over both, and only then compute F1: the micro-F1, to four digits?",
    13 / 16,
    [
        ("macro", 29 / 45, "This is macro-F1: F1 per class, then the mean. Micro adds up the counts first."),
        ("one_class", 0.4, "This is the F1 of class A alone."),
        (
            "errors_counted_once",
            26 / 29,
            "FP and FN are 3 each over both classes: a wrong pixel is a false positive of one class *and* a false negative "
            "of the other.",
        ),
        ("micro_iou", 13 / 19, "This is the IoU of the summed counts; F1 has the true positives twice."),
        ("background", 8 / 9, "This is the F1 of the background alone."),
        ("mean_iou", 0.525, "This is the mean IoU."),
        ("iou_of_a", 0.25, "This is the IoU of class A."),
        (
            "weighted_by_size",
            (14 * 8 / 9 + 2 * 0.4) / 16,
            "This is the F1 of the two classes weighted by their sizes. Add up the counts first.",
        ),
        ("per_cent", 81.25, "Right as per cent; answer with a fraction, between 0 and 1."),
    ],
    [
        "TP over both classes: 1 + 12. Where does a wrong pixel count?",
        "A wrong pixel is a false positive of one class and a false negative of the other: FP = FN = 3 over both.",
    ],
    explanation="13 / 16: a wrong pixel is one FP and one FN, so that micro-F1 is pixel accuracy under another name.",
    tolerance=1e-4,
    difficulty=2,
    minutes=6,
)

diagonal_iou = Prediction(
    "diagonal_iou",
    "A diagonal line, 2 pixels wide, is predicted 2 pixels too far to the right. The IoU of the two bounding boxes is 0.94. "
    "The IoU of the two masks?",
    ["On how many pixels do both lines stand?"],
    explanation=(
        "The lines do not share a pixel. IoU of masks counts pixels, not boxes: that two things share a neighbourhood is "
        "not enough."
    ),
    minutes=2,
)

sky_share = Prediction(
    "sky_share",
    "Think of pictures taken from a car in a German city: which per cent of their scored pixels is sky?",
    ["From 0 to 100. The camera looks at the street, and the street has houses on both sides."],
    explanation="(It follows from published class weights.) A number that one meets is 25. Shares can be counted: count "
    "before you believe.",
    limits=(0, 100),
    digits=1,
    minutes=1,
)

thin_metric = Rubric(
    "thin_metric",
    "A drone looks for power lines, which are three pixels wide in its pictures; people draw them with an error of one or two "
    "pixels. Missing a line is dangerous, a false line costs a detour. Design the metric: say in four sentences what it counts, "
    "which tolerance it has and why, and how it could be cheated.",
    [
        "It compares positions with a tolerance in pixels (or millimetres), not pixel by pixel.",
        "It has two sides: what is found but not there, and what is there but not found.",
        "The tolerance is justified by the application or by how exactly people annotate.",
        "It does not reward thick predictions: a mask that covers everything scores badly.",
        "It says what happens when the truth or the prediction is empty.",
    ],
    "Thin both masks to their centre lines. Precision is the share of the predicted line within two pixels of the true one, "
    "recall the share of the true line within two pixels of the predicted one; two pixels is how far the drawn truth itself "
    "may be off. Missing is worse here, so report recall beside the harmonic mean of the two; that mean is 1 if both are "
    "empty and 0 if one is. A thick prediction would profit from the tolerance if it were not thinned first; short false "
    "lines beside a true one still go unpunished.",
    minutes=10,
)
