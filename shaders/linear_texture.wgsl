// y[r, j] = epilogue(scale[j] * sum over i of x[r, i] * weight[j, i]), for n and k that are multiples of 4.
// One subgroup per ROWS x (4 * VECTORS * LANES) outputs, all in registers: each lane loads its share of
// x once and passes it round by shuffles at constant lanes, so that memory is touched as rarely as possible.
// For software adapters, where a load from a texture costs a fraction of one from a buffer.
// A workgroup is one subgroup: LANES must be the adapter's only subgroup size.
// Each loop over an array runs as often as the array is long, at most 32 times: lavapipe unrolls those whatever their
// size, others only while they are small, and an array indexed in a loop left rolled is not in registers.

struct Params {
    m: u32,  // rows of x and y
    n: u32,  // columns of y, a multiple of 4
    k: u32,  // columns of x, a multiple of 4
}

// Of x, residual and y, a texel is four columns; of the weight, four of the n: at one of the k in f32, two in f16, four in int8.
@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;         // m high, k / 4 wide
@group(0) @binding(1) var weight: texture_storage_2d<rgba32uint, read>;     // k * WEIGHT_BITS / 32 high, n / 4 wide
@group(0) @binding(2) var<storage, read> scale: array<vec4<f32>>;           // [n], read in int8
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;            // [n], read if BIAS
@group(0) @binding(4) var residual: texture_storage_2d<rgba32float, read>;  // m high, n / 4 wide, read if RESIDUAL
@group(0) @binding(5) var y: texture_storage_2d<rgba32float, write>;        // m high, n / 4 wide
@group(1) @binding(0) var<uniform> params: Params;

const LANES: u32 = 8u;
const ROWS: u32 = 16u;    // a multiple of LANES
const VECTORS: u32 = 2u;  // a lane's columns, four to a vector
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

// Four columns of the weight, at k = 4 * k4 + 0..3.
fn load_weight(column4: u32, k4: u32) -> mat4x4<f32> {
    if WEIGHT_BITS == 8u {
        let packed = textureLoad(weight, vec2(column4, k4));
        return mat4x4(
            vec4<f32>(unpack4xI8(packed.x)),
            vec4<f32>(unpack4xI8(packed.y)),
            vec4<f32>(unpack4xI8(packed.z)),
            vec4<f32>(unpack4xI8(packed.w)),
        );
    }
    if WEIGHT_BITS == 16u {
        let first = textureLoad(weight, vec2(column4, 2u * k4));
        let second = textureLoad(weight, vec2(column4, 2u * k4 + 1u));
        return mat4x4(
            vec4(unpack2x16float(first.x), unpack2x16float(first.y)),
            vec4(unpack2x16float(first.z), unpack2x16float(first.w)),
            vec4(unpack2x16float(second.x), unpack2x16float(second.y)),
            vec4(unpack2x16float(second.z), unpack2x16float(second.w)),
        );
    }
    return mat4x4(
        bitcast<vec4<f32>>(textureLoad(weight, vec2(column4, 4u * k4))),
        bitcast<vec4<f32>>(textureLoad(weight, vec2(column4, 4u * k4 + 1u))),
        bitcast<vec4<f32>>(textureLoad(weight, vec2(column4, 4u * k4 + 2u))),
        bitcast<vec4<f32>>(textureLoad(weight, vec2(column4, 4u * k4 + 3u))),
    );
}

@compute @workgroup_size(LANES)
fn linear_texture(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = workgroup.x + workgroup.y * workgroups.x;
    let width = params.n / 4u;
    let column_tiles = (width + VECTORS * LANES - 1u) / (VECTORS * LANES);
    let first_row = tile / column_tiles * ROWS;
    let first_column4 = tile % column_tiles * VECTORS * LANES + lane;
    if first_row < params.m {
        // Lane l holds rows l, l + LANES, …; rows past the end repeat the last one, columns likewise.
        var a: array<vec4<f32>, ROW_GROUPS>;
        var b: array<mat4x4<f32>, VECTORS>;
        var sums: array<array<vec4<f32>, VECTORS>, ROWS>;
        for (var k4 = 0u; k4 < params.k / 4u; k4++) {
            for (var g = 0u; g < ROW_GROUPS; g++) {
                a[g] = textureLoad(x, vec2(k4, min(first_row + g * LANES + lane, params.m - 1u)));
            }
            for (var v = 0u; v < VECTORS; v++) {
                b[v] = load_weight(min(first_column4 + v * LANES, width - 1u), k4);
            }
            for (var r = 0u; r < ROWS; r++) {
                let row = subgroupShuffle(a[r / LANES], r % LANES);
                for (var v = 0u; v < VECTORS; v++) {
                    var sum = sums[r][v];
                    sum = fma(vec4(row.x), b[v][0], sum);
                    sum = fma(vec4(row.y), b[v][1], sum);
                    sum = fma(vec4(row.z), b[v][2], sum);
                    sum = fma(vec4(row.w), b[v][3], sum);
                    sums[r][v] = sum;
                }
            }
        }

        for (var v = 0u; v < VECTORS; v++) {
            let column4 = first_column4 + v * LANES;
            if column4 < width {
                // Loaded once for all rows: a buffer's vector costs as much as ten texels.
                var factor = vec4(1.0);
                if WEIGHT_BITS == 8u { factor = scale[column4]; }
                var offset = vec4(0.0);
                if BIAS == 1u { offset = bias[column4]; }
                for (var r = 0u; r < ROWS; r++) {
                    // A repeated row is the last one's equal, and stored over it.
                    let row = min(first_row + r, params.m - 1u);
                    var value = sums[r][v];
                    if WEIGHT_BITS == 8u { value *= factor; }
                    if BIAS == 1u { value += offset; }
                    if ACTIVATION == 1u { value = gelu_of(value); }
                    if RESIDUAL == 1u { value += textureLoad(residual, vec2(column4, row)); }
                    textureStore(y, vec2(column4, row), value);
                }
            }
        }
    }
}
