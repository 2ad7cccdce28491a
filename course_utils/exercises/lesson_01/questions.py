"""Scores worked out on paper, guesses about lines and skies, and a metric to be designed."""

from course_utils.exercises.questions import Answer, Prediction, Rubric

lazy_road = Answer(
    "lazy_road",
    "19 classes, all of them there; 35 % of all pixels are road; the network says road everywhere. Its mean IoU, as a fraction?",
    0.35 / 19,
    [
        ("zero", 0.0, "Small, but not 0: road is found everywhere it is, so that its IoU is not 0."),
        ("accuracy", 0.35, "0.35 is the IoU of road, and the accuracy. The mean runs over all 19 classes."),
        (
            "perfect_road",
            1 / 19,
            "You gave road an IoU of 1. All of road is found, but the other 65 % are false positives of it.",
        ),
        ("per_cent", 35 / 19, "Right as per cent; answer with a fraction, between 0 and 1."),
        ("mean_dice", 0.7 / 1.35 / 19, "This is mean Dice: IoU has the intersection once, over the union."),
        ("two_classes", 0.35 / 2, "There are 19 classes, not two: the 18 others each have an IoU of 0."),
        ("eighteen_classes", 0.35 / 18, "Road is one of the 19: the mean divides by 19, not by the 18 others."),
    ],
    ["What is the IoU of road? TP are 35 % of the pixels, FP the other 65 %.", "18 classes have an IoU of 0."],
    explanation="0.35 / 19 = 0.0184, where pixel accuracy says 35 %.",
    tolerance=0.03,
    minutes=4,
)

micro_f1 = Answer(
    "micro_f1",
    "Example A has two classes. Add up TP, FP and FN over both, and only then compute F1: the micro-F1, to four digits?",
    14 / 16,
    [
        (
            "support_weighted_and_rounded",
            0.8745,
            "This is a common mistake: it is the F1 of the two classes weighted by their sizes, with one of them cut "
            "to 92.8 %. Add up the counts first.",
        ),
        ("macro", 5 / 7, "This is macro-F1: F1 per class, then the mean. Micro adds up the counts first."),
        ("one_class", 0.5, "This is the F1 of class A alone."),
        (
            "true_negatives",
            14 / 15,
            "FP and FN are 2 each over both classes: a wrong pixel is a false positive of one class *and* a false negative "
            "of the other.",
        ),
        ("micro_iou", 7 / 9, "This is the IoU of the summed counts; F1 has the true positives twice."),
        ("background", 13 / 14, "This is the F1 of the background alone."),
        ("mean_iou", 0.6, "This is the mean IoU."),
        ("iou_of_a", 1 / 3, "This is the IoU of class A."),
        ("per_cent", 87.5, "Right as per cent; answer with a fraction, between 0 and 1."),
    ],
    [
        "TP over both classes: 1 + 13. Where does a wrong pixel count?",
        "A wrong pixel is a false positive of one class and a false negative of the other: FP = FN = 2 over both.",
    ],
    explanation="14 / 16: a wrong pixel is one FP and one FN, so that micro-F1 is pixel accuracy under another name.",
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
