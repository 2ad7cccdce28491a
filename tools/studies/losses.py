"""One small network on a set with one per cent of foreground, under thirteen losses (lesson 05)."""

from functools import partial

from study import run_study

from course_utils.recipes.rare_persons import losses_for_persons, persons_with_loss

VARIANTS = {name: partial(persons_with_loss, name=name) for name in losses_for_persons()}
VARIANTS |= {f"{name}, 4000 steps": partial(persons_with_loss, name=name, steps=4000) for name in losses_for_persons()}

if __name__ == "__main__":
    run_study("losses", VARIANTS)
