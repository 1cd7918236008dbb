#!/usr/bin/env python3
"""The polynomial behind gelu in the shaders: a minimax fit by Lawson's iteration.

erfc(z) = exp2(-z * p(z)) for z >= 0; p is fitted on [0, 4.25], past which the result rounds to 0 or to x.
Prints the coefficients, lowest power first, and the largest error of the f32 evaluation as the shaders do it.
Needs numpy, scipy and mpmath.
"""

import math

import mpmath
import numpy as np
from scipy.special import erfc

DEGREE, END, POINTS = 7, 4.25, 400


def fit():
    z = END * (1 - np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)) / 2
    mpmath.mp.dps = 40
    exact = [float(-mpmath.log(mpmath.erfc(mpmath.mpf(float(v)))) / mpmath.log(2) / mpmath.mpf(float(v))) for v in z]
    effect = erfc(z) * z * z  # of an error of p on gelu
    basis = np.polynomial.chebyshev.chebvander(2 * z / END - 1, DEGREE)
    lawson = np.ones(POINTS)
    for _ in range(200):
        scale = np.sqrt(lawson) * effect
        coefficients = np.linalg.lstsq(basis * scale[:, None], np.array(exact) * scale, rcond=None)[0]
        error = np.abs((basis @ coefficients - exact) * effect)
        lawson *= error / error.max() + 1e-6
        lawson /= lawson.sum()
    chebyshev = np.polynomial.chebyshev.Chebyshev(coefficients, domain=[0, END])
    return chebyshev.convert(kind=np.polynomial.Polynomial).coef.astype(np.float32)


def gelu(x, coefficients):
    z = np.abs(x) * np.float32(math.sqrt(0.5))
    t = np.minimum(z, np.float32(END))
    p = np.full_like(t, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        p = p * t + coefficient
    tail = np.float32(0.5) * x * np.exp2(-z * p)
    return np.where(x > 0, x - tail, tail)


coefficients = fit()
x = np.concatenate([np.linspace(-8, 8, 200_001), np.linspace(-100, 100, 1001)]).astype(np.float32)
exact = 0.5 * x.astype(np.float64) * erfc(-x.astype(np.float64) / math.sqrt(2))
error = np.abs(gelu(x, coefficients) - exact) / np.maximum(1, np.abs(exact))
print([float(coefficient) for coefficient in coefficients])
print(f"largest error: {error.max():.2e} of max(1, |gelu|)")
