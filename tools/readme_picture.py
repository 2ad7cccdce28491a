"""Draw the picture of the README, `data/figures/tasks.png`: one scene, its classes, its objects; and one piece of tissue."""

from pathlib import Path

import matplotlib.pyplot as plt

from course_utils import datasets, plots
from course_utils.plots import overlays
from course_utils.whole_files import write_whole

SIZE = (192, 256)
STREET, TISSUE = 41, 0


def main() -> None:
    plots.apply_style()
    figure, grid = plt.subplots(2, 3, figsize=(12, 6.6))
    for row, (name, number) in zip(grid, (("scenes", STREET), ("cells", TISSUE)), strict=True):
        data = datasets.load(name, "val", size=SIZE)
        sample = data[number]
        overlays.draw(row[0], overlays.to_picture(sample.image), "image")
        overlays.draw(row[1], overlays.colour_labels(sample.labels, data.colours), "a class for each pixel")
        overlays.draw(row[2], overlays.colour_instances(sample.instances), "an object for each pixel")
    file = Path(__file__).resolve().parents[1] / "data" / "figures" / "tasks.png"
    write_whole(file, lambda partial: figure.savefig(partial, format="png", metadata={"Software": None}))


if __name__ == "__main__":
    main()
