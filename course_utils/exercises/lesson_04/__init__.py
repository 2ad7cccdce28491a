"""The exercises of lesson 04: transposed convolution as a matrix."""

from course_utils.exercises.lesson_04.bilinear import bilinear_kernel
from course_utils.exercises.lesson_04.matrices import convolution_matrix
from course_utils.exercises.lesson_04.padding import cropped
from course_utils.exercises.lesson_04.phases import phase_sums
from course_utils.exercises.lesson_04.questions import noise_power
from course_utils.exercises.lesson_04.scattering import scatter
from course_utils.exercises.lesson_04.sizes import transposed_size
from course_utils.exercises.lesson_04.zero_stuffing import by_zero_stuffing

TASKS = (
    convolution_matrix,
    scatter,
    by_zero_stuffing,
    transposed_size,
    cropped,
    bilinear_kernel,
    phase_sums,
    noise_power,
)
