// y[r, j] = epilogue(sum over i of x[r, i] * weight[j, i] + bias[j]), for n and k that are multiples of 4.
// One subgroup per ROWS x (4 * LANES) outputs, all in registers: each lane loads its share of
// x once and passes it round by shuffles at constant lanes, so that memory is touched as rarely as possible.
// For software adapters, where a load from a texture costs a fraction of one from a buffer.
// A workgroup is one subgroup: LANES must be the adapter's only subgroup size.
// Loops over `sums` run once per element, at most 32 times: lavapipe unrolls those whatever their size, others only
// while they are small, and an array indexed in a loop left rolled is not in registers.

struct Params {
    m: u32,  // rows of x and y
    n: u32,  // columns of y, a multiple of 4
    k: u32,  // columns of x, a multiple of 4
}

// Of x, residual and y, a texel is four columns; of the weight, four of the n: at one of the k in f32, at two in f16.
@group(0) @binding(0) var x: texture_2d<f32>;                         // m high, k / 4 wide
@group(0) @binding(1) var weight: texture_2d<u32>;                    // k high in f32, k / 2 high in f16; n / 4 wide
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;      // [n], read if BIAS
@group(0) @binding(3) var residual: texture_2d<f32>;                  // m high, n / 4 wide, read if RESIDUAL
@group(0) @binding(4) var y: texture_storage_2d<rgba32float, write>;  // m high, n / 4 wide
@group(1) @binding(0) var<uniform> params: Params;

const LANES: u32 = 8u;
const ROWS: u32 = 32u;    // a multiple of LANES, at most 32
const WEIGHT_BITS: u32 = 32u;
const BIAS: u32 = 1u;        // 1: add `bias`
const ACTIVATION: u32 = 0u;  // 0: none, 1: gelu
const RESIDUAL: u32 = 0u;    // 1: add `residual`, last

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

// Four columns j of the weight, at i = 4 * k4 + 0..3.
fn load_weight(column4: u32, k4: u32, into: ptr<function, array<vec4<f32>, 4>>) {
    if WEIGHT_BITS == 16u {
        for (var i = 0u; i < 2u; i++) {
            let packed = textureLoad(weight, vec2(column4, k4 * 2u + i), 0);
            (*into)[2u * i] = vec4(unpack2x16float(packed.x), unpack2x16float(packed.y));
            (*into)[2u * i + 1u] = vec4(unpack2x16float(packed.z), unpack2x16float(packed.w));
        }
    } else {
        for (var i = 0u; i < 4u; i++) {
            (*into)[i] = bitcast<vec4<f32>>(textureLoad(weight, vec2(column4, k4 * 4u + i), 0));
        }
    }
}

@compute @workgroup_size(LANES)
fn linear_texture(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = workgroup.x + workgroup.y * workgroups.x;
    let column_tiles = (params.n / 4u + LANES - 1u) / LANES;
    let first_row = tile / column_tiles * ROWS;
    let column4 = tile % column_tiles * LANES + lane;
    let last_column4 = params.n / 4u - 1u;
    if first_row < params.m {
        // Lane l holds rows l, l + LANES, …; rows past the end repeat the last one.
        var a: array<vec4<f32>, ROW_GROUPS>;
        var b: array<vec4<f32>, 4>;
        var sums: array<vec4<f32>, ROWS>;
        for (var k4 = 0u; k4 < params.k / 4u; k4++) {
            for (var g = 0u; g < ROW_GROUPS; g++) {
                a[g] = textureLoad(x, vec2(k4, min(first_row + g * LANES + lane, params.m - 1u)), 0);
            }
            load_weight(min(column4, last_column4), k4, &b);
            for (var r = 0u; r < ROWS; r++) {
                let row = subgroupShuffle(a[r / LANES], r % LANES);
                var sum = sums[r];
                sum = fma(vec4(row.x), b[0], sum);
                sum = fma(vec4(row.y), b[1], sum);
                sum = fma(vec4(row.z), b[2], sum);
                sum = fma(vec4(row.w), b[3], sum);
                sums[r] = sum;
            }
        }

        if column4 <= last_column4 {
            for (var r = 0u; r < ROWS; r++) {
                // A repeated row is the last one's equal, and stored over it.
                let at = vec2(column4, min(first_row + r, params.m - 1u));
                var value = sums[r];
                if BIAS == 1u { value += bias[column4]; }
                if ACTIVATION == 1u { value = gelu_of(value); }
                if RESIDUAL == 1u { value += textureLoad(residual, at, 0); }
                textureStore(y, at, value);
            }
        }
    }
}
