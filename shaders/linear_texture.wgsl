// y[r, j] = epilogue(scale[j] * sum over i of x[r, i] * weight[j, i]), for n and k that are multiples of 4.
// One subgroup per ROWS x (4 * VECTORS * LANES) outputs, all in registers: each lane loads its share of
// x once and passes it round by shuffles at constant lanes, so that memory is touched as rarely as possible.
// For software adapters, where a load from a texture costs a fraction of one from a buffer.
// A workgroup is one subgroup: LANES must be the adapter's only subgroup size.
// Rows are written out one by one: SwiftShader keeps an array that a loop indexes in memory, and runs seven times slower.

struct Params {
    first_workgroup: u32,  // of those that run now
    m: u32,                // rows of x and y
    n: u32,                // columns of y, or twice as many if PAIRS is 1, a multiple of 4
    k: u32,                // columns of x, a multiple of 4
    head_dim: u32,         // if PAIRS is 2, a multiple of 8
    rotated: u32,          // how many of a head's columns are turned, likewise
}

// Of x, other and y, a texel is four columns; of the weight, four of the n: at one of the k in f32, two in f16, four in int8.
@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;         // m high, k / 4 wide
@group(0) @binding(1) var weight: texture_storage_2d<rgba32uint, read>;     // k * WEIGHT_BITS / 32 high, n / 4 wide
@group(0) @binding(2) var<storage, read> scale: array<vec4<f32>>;           // [n], read in int8
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;            // [n], read if BIAS
@group(0) @binding(4) var other: texture_storage_2d<rgba32float, read>;     // m high, n / 4 wide, read if OTHER; or rotated / 4 wide, a cosine, then a sine, if PAIRS is 2
@group(0) @binding(5) var y: texture_storage_2d<rgba32float, write>;        // m high, n / 4 wide, n / 8 if PAIRS is 1
@group(1) @binding(0) var<uniform> params: Params;

const LANES: u32 = 8u;
const ROWS: u32 = 32u;    // or 16, written out below; a multiple of LANES
const VECTORS: u32 = 2u;  // a lane's columns, four to a vector: a mat2x4 a row
const WEIGHT_BITS: u32 = 32u;
const BIAS: u32 = 1u;        // 1: add `bias`
const ACTIVATION: u32 = 0u;  // 0: none, else as `activated` has it
const OTHER: u32 = 0u;       // 1: add `other`, last; 2: multiply by it
const PAIRS: u32 = 0u;       // of a lane's two vectors, which stand side by side in the weight, 1: one is the gate of the other; 2: in query and key one is turned with the other, by `other`

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

// By its number in `ops/activation.rs`: 1 is gelu, 2 gelu in its tanh form, 3 silu, 4 relu, 5 tanh.
fn activated(v: vec4<f32>, kind: u32) -> vec4<f32> {
    switch kind {
        case 1u: { return gelu_of(v); }
        case 2u: { return v * sigmoid(1.5957691 * v * fma(0.044715 * v, v, vec4(1.0))); }  // 2 sqrt(2 / pi)
        case 3u: { return v * sigmoid(v); }
        case 4u: { return select(v, vec4(0.0), v < vec4(0.0)); }
        case 5u: { return fma(vec4(2.0), sigmoid(2.0 * v), vec4(-1.0)); }
        default: { return v; }
    }
}

// 1 / (1 + exp(-v)), by a power of e that is at most 1.
fn sigmoid(v: vec4<f32>) -> vec4<f32> {
    let e = exp2(-1.442695 * abs(v));  // log2(e)
    return select(vec4(1.0), e, v < vec4(0.0)) / (1.0 + e);
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

// Adds the products of four k to one row's eight sums, one k after another.
fn multiply(row: vec4<f32>, b0: mat4x4<f32>, b1: mat4x4<f32>, sums: mat2x4<f32>) -> mat2x4<f32> {
    var s0 = sums[0];
    s0 = fma(vec4(row.x), b0[0], s0);
    s0 = fma(vec4(row.y), b0[1], s0);
    s0 = fma(vec4(row.z), b0[2], s0);
    s0 = fma(vec4(row.w), b0[3], s0);
    var s1 = sums[1];
    s1 = fma(vec4(row.x), b1[0], s1);
    s1 = fma(vec4(row.y), b1[1], s1);
    s1 = fma(vec4(row.z), b1[2], s1);
    s1 = fma(vec4(row.w), b1[3], s1);
    return mat2x4(s0, s1);
}

fn with_bias(factor: vec4<f32>, offset: vec4<f32>, sum: vec4<f32>) -> vec4<f32> {
    var value = sum;
    if WEIGHT_BITS == 8u { value *= factor; }
    if BIAS == 1u { value += offset; }
    return value;
}

fn store(row: u32, column4: u32, factor: vec4<f32>, offset: vec4<f32>, sum: vec4<f32>) {
    var value = with_bias(factor, offset, sum);
    value = activated(value, ACTIVATION);
    if OTHER == 1u { value += textureLoad(other, vec2(column4, row)); }
    if OTHER == 2u { value *= textureLoad(other, vec2(column4, row)); }
    textureStore(y, vec2(column4, row), value);
}

// Gates and what passes them, or columns of a head and those that they are paired with.
fn store_pair(row: u32, column4: u32, factors: mat2x4<f32>, offsets: mat2x4<f32>, sums: mat2x4<f32>) {
    let first = with_bias(factors[0], offsets[0], sums[0]);
    let second = with_bias(factors[1], offsets[1], sums[1]);
    let d4 = column4 % max(params.head_dim / 4u, 1u);
    if PAIRS == 1u {
        textureStore(y, vec2(column4 / 2u, row), activated(first, ACTIVATION) * second);
    } else if (4u * d4 < params.rotated) & (column4 < params.n / 12u * 2u) {
        let turn0 = textureLoad(other, vec2(d4, row));
        let turn1 = textureLoad(other, vec2(d4 + 1u, row));
        let cosine = vec4(turn0.xz, turn1.xz);
        let sine = vec4(turn0.yw, turn1.yw);
        textureStore(y, vec2(column4 - d4 / 2u, row), fma(first, cosine, -second * sine));
        textureStore(y, vec2(column4 - d4 / 2u + params.rotated / 8u, row), fma(second, cosine, first * sine));
    } else {
        textureStore(y, vec2(column4, row), first);
        textureStore(y, vec2(column4 + 1u, row), second);
    }
}

@compute @workgroup_size(LANES)
fn linear_texture(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    let width = params.n / 4u;
    let column_tiles = (width + VECTORS * LANES - 1u) / (VECTORS * LANES);
    let first_row = tile / column_tiles * ROWS;
    let first_column4 = tile % column_tiles * VECTORS * LANES;
    let c0 = first_column4 + select(2u * lane, lane, PAIRS == 0u);  // this lane's columns
    let c1 = c0 + select(1u, LANES, PAIRS == 0u);
    if first_row < params.m {
        // Lane l holds rows l, l + LANES, …; rows past the end repeat the last one, columns likewise.
        var a: array<vec4<f32>, ROW_GROUPS>;
        var s0 = mat2x4<f32>();
        var s1 = mat2x4<f32>();
        var s2 = mat2x4<f32>();
        var s3 = mat2x4<f32>();
        var s4 = mat2x4<f32>();
        var s5 = mat2x4<f32>();
        var s6 = mat2x4<f32>();
        var s7 = mat2x4<f32>();
        var s8 = mat2x4<f32>();
        var s9 = mat2x4<f32>();
        var s10 = mat2x4<f32>();
        var s11 = mat2x4<f32>();
        var s12 = mat2x4<f32>();
        var s13 = mat2x4<f32>();
        var s14 = mat2x4<f32>();
        var s15 = mat2x4<f32>();
        var s16 = mat2x4<f32>();
        var s17 = mat2x4<f32>();
        var s18 = mat2x4<f32>();
        var s19 = mat2x4<f32>();
        var s20 = mat2x4<f32>();
        var s21 = mat2x4<f32>();
        var s22 = mat2x4<f32>();
        var s23 = mat2x4<f32>();
        var s24 = mat2x4<f32>();
        var s25 = mat2x4<f32>();
        var s26 = mat2x4<f32>();
        var s27 = mat2x4<f32>();
        var s28 = mat2x4<f32>();
        var s29 = mat2x4<f32>();
        var s30 = mat2x4<f32>();
        var s31 = mat2x4<f32>();
        for (var k4 = 0u; k4 < params.k / 4u; k4++) {
            for (var g = 0u; g < ROW_GROUPS; g++) {
                a[g] = textureLoad(x, vec2(k4, min(first_row + g * LANES + lane, params.m - 1u)));
            }
            let b0 = load_weight(min(c0, width - 1u), k4);
            let b1 = load_weight(min(c1, width - 1u), k4);
            s0 = multiply(subgroupShuffle(a[0u / LANES], 0u % LANES), b0, b1, s0);
            s1 = multiply(subgroupShuffle(a[1u / LANES], 1u % LANES), b0, b1, s1);
            s2 = multiply(subgroupShuffle(a[2u / LANES], 2u % LANES), b0, b1, s2);
            s3 = multiply(subgroupShuffle(a[3u / LANES], 3u % LANES), b0, b1, s3);
            s4 = multiply(subgroupShuffle(a[4u / LANES], 4u % LANES), b0, b1, s4);
            s5 = multiply(subgroupShuffle(a[5u / LANES], 5u % LANES), b0, b1, s5);
            s6 = multiply(subgroupShuffle(a[6u / LANES], 6u % LANES), b0, b1, s6);
            s7 = multiply(subgroupShuffle(a[7u / LANES], 7u % LANES), b0, b1, s7);
            s8 = multiply(subgroupShuffle(a[8u / LANES], 8u % LANES), b0, b1, s8);
            s9 = multiply(subgroupShuffle(a[9u / LANES], 9u % LANES), b0, b1, s9);
            s10 = multiply(subgroupShuffle(a[10u / LANES], 10u % LANES), b0, b1, s10);
            s11 = multiply(subgroupShuffle(a[11u / LANES], 11u % LANES), b0, b1, s11);
            s12 = multiply(subgroupShuffle(a[12u / LANES], 12u % LANES), b0, b1, s12);
            s13 = multiply(subgroupShuffle(a[13u / LANES], 13u % LANES), b0, b1, s13);
            s14 = multiply(subgroupShuffle(a[14u / LANES], 14u % LANES), b0, b1, s14);
            s15 = multiply(subgroupShuffle(a[15u / LANES], 15u % LANES), b0, b1, s15);
            if ROWS == 32u {
                s16 = multiply(subgroupShuffle(a[16u / LANES % ROW_GROUPS], 16u % LANES), b0, b1, s16);
                s17 = multiply(subgroupShuffle(a[17u / LANES % ROW_GROUPS], 17u % LANES), b0, b1, s17);
                s18 = multiply(subgroupShuffle(a[18u / LANES % ROW_GROUPS], 18u % LANES), b0, b1, s18);
                s19 = multiply(subgroupShuffle(a[19u / LANES % ROW_GROUPS], 19u % LANES), b0, b1, s19);
                s20 = multiply(subgroupShuffle(a[20u / LANES % ROW_GROUPS], 20u % LANES), b0, b1, s20);
                s21 = multiply(subgroupShuffle(a[21u / LANES % ROW_GROUPS], 21u % LANES), b0, b1, s21);
                s22 = multiply(subgroupShuffle(a[22u / LANES % ROW_GROUPS], 22u % LANES), b0, b1, s22);
                s23 = multiply(subgroupShuffle(a[23u / LANES % ROW_GROUPS], 23u % LANES), b0, b1, s23);
                s24 = multiply(subgroupShuffle(a[24u / LANES % ROW_GROUPS], 24u % LANES), b0, b1, s24);
                s25 = multiply(subgroupShuffle(a[25u / LANES % ROW_GROUPS], 25u % LANES), b0, b1, s25);
                s26 = multiply(subgroupShuffle(a[26u / LANES % ROW_GROUPS], 26u % LANES), b0, b1, s26);
                s27 = multiply(subgroupShuffle(a[27u / LANES % ROW_GROUPS], 27u % LANES), b0, b1, s27);
                s28 = multiply(subgroupShuffle(a[28u / LANES % ROW_GROUPS], 28u % LANES), b0, b1, s28);
                s29 = multiply(subgroupShuffle(a[29u / LANES % ROW_GROUPS], 29u % LANES), b0, b1, s29);
                s30 = multiply(subgroupShuffle(a[30u / LANES % ROW_GROUPS], 30u % LANES), b0, b1, s30);
                s31 = multiply(subgroupShuffle(a[31u / LANES % ROW_GROUPS], 31u % LANES), b0, b1, s31);
            }
        }

        // Loaded once for all rows: a buffer's vector costs as much as ten texels.
        var factor0 = vec4(1.0);
        var factor1 = vec4(1.0);
        if WEIGHT_BITS == 8u {
            factor0 = scale[min(c0, width - 1u)];
            factor1 = scale[min(c1, width - 1u)];
        }
        var offset0 = vec4(0.0);
        var offset1 = vec4(0.0);
        if BIAS == 1u {
            offset0 = bias[min(c0, width - 1u)];
            offset1 = bias[min(c1, width - 1u)];
        }
        // Four rows at a time, so that the epilogue is there 8 times rather than 32: it takes most of the compilation.
        // A repeated row is the last one's equal, and stored over it.
        let last = params.m - 1u;
        let rows = min(ROWS, params.m - first_row);
        for (var r = 0u; r < rows; r += 4u) {
            var t0 = s0;
            var t1 = s1;
            var t2 = s2;
            var t3 = s3;
            if r == 4u { t0 = s4; t1 = s5; t2 = s6; t3 = s7; }
            if r == 8u { t0 = s8; t1 = s9; t2 = s10; t3 = s11; }
            if r == 12u { t0 = s12; t1 = s13; t2 = s14; t3 = s15; }
            if ROWS == 32u {
                if r == 16u { t0 = s16; t1 = s17; t2 = s18; t3 = s19; }
                if r == 20u { t0 = s20; t1 = s21; t2 = s22; t3 = s23; }
                if r == 24u { t0 = s24; t1 = s25; t2 = s26; t3 = s27; }
                if r == 28u { t0 = s28; t1 = s29; t2 = s30; t3 = s31; }
            }
            let row = first_row + r;
            if PAIRS > 0u {
                if c0 < width {
                    let factors = mat2x4(factor0, factor1);
                    let offsets = mat2x4(offset0, offset1);
                    store_pair(row, c0, factors, offsets, t0);
                    store_pair(min(row + 1u, last), c0, factors, offsets, t1);
                    store_pair(min(row + 2u, last), c0, factors, offsets, t2);
                    store_pair(min(row + 3u, last), c0, factors, offsets, t3);
                }
                continue;
            }
            if c0 < width {
                store(row, c0, factor0, offset0, t0[0]);
                store(min(row + 1u, last), c0, factor0, offset0, t1[0]);
                store(min(row + 2u, last), c0, factor0, offset0, t2[0]);
                store(min(row + 3u, last), c0, factor0, offset0, t3[0]);
            }
            if c1 < width {
                store(row, c1, factor1, offset1, t0[1]);
                store(min(row + 1u, last), c1, factor1, offset1, t1[1]);
                store(min(row + 2u, last), c1, factor1, offset1, t2[1]);
                store(min(row + 3u, last), c1, factor1, offset1, t3[1]);
            }
        }
    }
}
