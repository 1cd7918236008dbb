// y[r, j] = epilogue(sum over i of x[r, i] * weight[j, i] + bias[j]), for n and k that are multiples of 4.
// One subgroup per ROWS x (4 * LANES * VECTORS) outputs, all in registers: each lane loads its share of
// x once and passes it round by shuffles at constant lanes, so that memory is touched as rarely as possible.
// For software adapters, where a load costs about as much as fifty multiply-adds.
// A workgroup is one subgroup: LANES must be the adapter's only subgroup size.

struct Params {
    m: u32,         // rows of x and y
    n: u32,         // columns of y, a multiple of 4
    k: u32,         // columns of x, a multiple of 4
    k_padded: u32,  // k as the weight has it
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;         // [m, k]
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;    // [n / COLUMNS][k_padded][COLUMNS] in f32, [n / COLUMNS][k_padded / 2][COLUMNS / 4][2][4] in f16
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;      // [n], read if BIAS
@group(0) @binding(3) var<storage, read> residual: array<vec4<f32>>;  // [m, n], read if RESIDUAL
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;   // [m, n], or [3, heads, m, head_dim] if SPLIT_HEAD_DIM > 0
@group(1) @binding(0) var<uniform> params: Params;

const LANES: u32 = 8u;
const ROWS: u32 = 32u;    // a multiple of LANES
const VECTORS: u32 = 1u;  // panels of 4 * LANES columns
const WEIGHT_BITS: u32 = 32u;
const BIAS: u32 = 1u;            // 1: add `bias`
const ACTIVATION: u32 = 0u;      // 0: none, 1: gelu
const RESIDUAL: u32 = 0u;        // 1: add `residual`, last
const SPLIT_HEAD_DIM: u32 = 0u;  // > 0: write query, key and value apart, each contiguous per head of this size
const HEAD_DIM: u32 = max(SPLIT_HEAD_DIM, 1u);  // a divisor, even where it is not used

const COLUMNS: u32 = 4u * LANES;
const ROW_GROUPS: u32 = ROWS / LANES;

// erfc(z) = exp2(-z * p(z)) for z >= 0, so the negative side keeps its relative precision.
// p: minimax fit on [0, 4.25], error of the result at most 1e-7 of max(1, |y|); see scripts/fit_gelu.py.
fn gelu_of(v: vec4<f32>) -> vec4<f32> {
    let z = abs(v) * 0.70710678;  // sqrt(1 / 2)
    let t = min(z, vec4(4.25));
    var p = vec4(3.0432931e-5);
    p = fma(p, t, vec4(-3.1742704e-4));
    p = fma(p, t, vec4(1.0517825e-3));
    p = fma(p, t, vec4(1.5390981e-3));
    p = fma(p, t, vec4(-2.8981689e-2));
    p = fma(p, t, vec4(1.4885336e-1));
    p = fma(p, t, vec4(9.1832429e-1));
    p = fma(p, t, vec4(1.6279168));
    let tail = 0.5 * v * exp2(-z * p);
    return select(tail, v - tail, v > vec4(0.0));
}

fn output_index(row: u32, column: u32) -> u32 {  // in vec4s
    if SPLIT_HEAD_DIM > 0u {
        // [part, head, row, within the head]; parts and heads follow one another among the columns.
        return ((column / HEAD_DIM * params.m + row) * HEAD_DIM + column % HEAD_DIM) / 4u;
    }
    return (row * params.n + column) / 4u;
}

fn store(row: u32, column: u32, sum: vec4<f32>) {
    if row < params.m && column < params.n {
        var v = sum;
        if BIAS == 1u { v += bias[column / 4u]; }
        if ACTIVATION == 1u { v = gelu_of(v); }
        if RESIDUAL == 1u { v += residual[(row * params.n + column) / 4u]; }
        y[output_index(row, column)] = v;
    }
}

// Four columns of the weight at k = 4 * k4 + 0..3, for this lane's place in a panel.
fn load_weight(panel: u32, k4: u32, lane: u32, into: ptr<function, array<vec4<f32>, 4>>) {
    if WEIGHT_BITS == 16u {
        for (var i = 0u; i < 2u; i++) {
            let packed = weight[(panel * params.k_padded / 2u + k4 * 2u + i) * LANES + lane];
            (*into)[2u * i] = vec4(unpack2x16float(packed.x), unpack2x16float(packed.y));
            (*into)[2u * i + 1u] = vec4(unpack2x16float(packed.z), unpack2x16float(packed.w));
        }
    } else {
        for (var i = 0u; i < 4u; i++) {
            (*into)[i] = bitcast<vec4<f32>>(weight[(panel * params.k_padded + k4 * 4u + i) * LANES + lane]);
        }
    }
}

@compute @workgroup_size(LANES)
fn linear_subgroup(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = workgroup.x + workgroup.y * workgroups.x;
    let column_tiles = (params.n + COLUMNS * VECTORS - 1u) / (COLUMNS * VECTORS);
    let first_row = tile / column_tiles * ROWS;
    let first_panel = tile % column_tiles * VECTORS;
    if first_row < params.m {
        // Lane l holds rows l, l + LANES, …; rows past the end repeat the last one and are never stored.
        var row_starts: array<u32, ROW_GROUPS>;
        for (var g = 0u; g < ROW_GROUPS; g++) {
            row_starts[g] = min(first_row + g * LANES + lane, params.m - 1u) * (params.k / 4u);
        }

        var sums: array<vec4<f32>, ROWS * VECTORS>;
        var a: array<vec4<f32>, ROW_GROUPS>;
        var b: array<vec4<f32>, 4>;
        for (var k4 = 0u; k4 < params.k / 4u; k4++) {
            for (var g = 0u; g < ROW_GROUPS; g++) {
                a[g] = x[row_starts[g] + k4];
            }
            for (var v = 0u; v < VECTORS; v++) {
                load_weight(first_panel + v, k4, lane, &b);
                for (var g = 0u; g < ROW_GROUPS; g++) {
                    for (var l = 0u; l < LANES; l++) {
                        let row = subgroupShuffle(a[g], l);
                        var sum = sums[(g * LANES + l) * VECTORS + v];
                        sum = fma(vec4(row.x), b[0], sum);
                        sum = fma(vec4(row.y), b[1], sum);
                        sum = fma(vec4(row.z), b[2], sum);
                        sum = fma(vec4(row.w), b[3], sum);
                        sums[(g * LANES + l) * VECTORS + v] = sum;
                    }
                }
            }
        }

        for (var r = 0u; r < ROWS; r++) {
            for (var v = 0u; v < VECTORS; v++) {
                store(first_row + r, (first_panel + v) * COLUMNS + 4u * lane, sums[r * VECTORS + v]);
            }
        }
    }
}
