#!/usr/bin/env python3
"""How fast numpy multiplies f32 matrices on this machine's CPU: what `cargo bench --bench targets` compares with.

Prints one JSON document: gflops, of the fastest of many products of 1024 x 384 by 384 x 1536; threads; and, where
threadpoolctl is installed, which kernels OpenBLAS chose (kernel) and its version. Needs numpy.
"""

import json
import os
import time

# OpenBLAS decides for itself which kernels suit the CPU, and gets every core that this process has.
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.pop(name, None)

import numpy as np  # noqa: E402

try:
    from threadpoolctl import threadpool_info
except ImportError:
    threadpool_info = list

M, N, K = 1024, 1536, 384
SECONDS = 1.0


def check(a, b, y):
    """A few rows, against f64."""
    for row in range(0, M, 100):
        exact = a[row].astype(np.float64) @ b.astype(np.float64)
        assert np.abs(y[row] - exact).max() < 1e-3, f"row {row} is wrong"


def main():
    random = np.random.default_rng(1)
    a, b = (random.uniform(-1, 1, shape).astype(np.float32) for shape in ((M, K), (K, N)))
    y = np.empty((M, N), np.float32)
    np.matmul(a, b, out=y)
    check(a, b, y)
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        np.matmul(a, b, out=y)
        best = min(best, time.perf_counter() - start)
    blas = next((pool for pool in threadpool_info() if pool["user_api"] == "blas"), {})
    print(json.dumps({
        "gflops": 2 * M * N * K / best / 1e9,
        "library": blas.get("internal_api", "unknown"),
        "version": blas.get("version", "unknown"),
        "kernel": blas.get("architecture", "unknown"),
        "threads": blas.get("num_threads", os.cpu_count()),
        "numpy": np.__version__,
    }))


main()
