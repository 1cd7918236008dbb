// One vector per sequence, four columns at a time: the mean, the maximum, the first or the last of its tokens' rows, their
// sum divided by the root of their count, or their mean weighted by 1, 2, 3, …;
// then, if NORMALIZE, divided by its length: y[s] = v / max(|v|, 1e-12).
// A sequence without tokens gives zeros. hidden is a multiple of 4.
// One subgroup per sequence, so that nothing passes through workgroup memory and no barrier is waited at; each lane
// keeps its columns in registers, four to a vector.

struct Params {
    first_workgroup: u32,  // of those that run now
    sequences: u32,
    hidden: u32,           // at most 4 * LANES * VECTORS_PER_LANE, more than with one vector fewer
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;          // [tokens, hidden]
@group(0) @binding(1) var<storage, read> segment_offsets: array<u32>;  // [sequences + 1]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;    // [sequences, hidden]
@group(1) @binding(0) var<uniform> params: Params;

const LANES: u32 = 32u;  // of every subgroup
const VECTORS_PER_LANE: u32 = 4u;
const MODE: u32 = 0u;       // 0: mean, 1: maximum, 2: first token, 3: last token, 4: sum by root of count, 5: weighted mean
const NORMALIZE: u32 = 1u;  // 1: to length 1
const SHUFFLES: u32 = 1u;   // 1: sums by shuffles, 0: by what the driver makes of subgroupAdd
const ROWS: u32 = 4u;       // sequences of a workgroup, one to a subgroup
const WORKGROUP_SIZE: u32 = ROWS * LANES;

// By shuffles every lane adds the same pairs, so all of them have the same bits.
fn reduce_sum(value: f32) -> f32 {
    if SHUFFLES == 0u { return subgroupAdd(value); }
    var sum = value;
    for (var step = 1u; step < LANES; step *= 2u) { sum += subgroupShuffleXor(sum, step); }
    return sum;
}

// Only a lane's last vector may lie past the row: the loads of all others wait for no comparison.
fn is_inside(i: u32, c4: u32, width: u32) -> bool {
    return (i + 1u < VECTORS_PER_LANE) | (c4 < width);
}

// Of a token in what is summed up, by its place.
fn weight_of(place: u32) -> f32 {
    return select(1.0, f32(place + 1u), MODE == 5u);
}

// What a sum of so many tokens is divided by, if it is: the sum of their weights, or its root.
fn divisor_of(tokens: u32) -> f32 {
    let count = f32(max(tokens, 1u));
    if MODE == 4u { return sqrt(count); }
    if MODE == 5u { return 0.5 * count * (count + 1.0); }
    return count;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn pool_subgroup(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let sequence = (params.first_workgroup + workgroup.x + workgroup.y * workgroups.x) * ROWS + subgroup;
    if sequence < params.sequences {
        let width = params.hidden / 4u;
        let start = segment_offsets[sequence];
        let end = segment_offsets[sequence + 1u];
        var first = start;  // the rows that count: first..last
        var last = end;
        if MODE == 2u { last = min(start + 1u, end); }
        if MODE == 3u { first = max(end, start + 1u) - 1u; }

        var values: array<vec4<f32>, VECTORS_PER_LANE>;
        // Tokens outside: every column of a token is loaded at once.
        for (var i = 0u; i < VECTORS_PER_LANE; i++) { values[i] = vec4(0.0); }
        for (var token = first; token < last; token++) {
            let weight = weight_of(token - first);
            for (var i = 0u; i < VECTORS_PER_LANE; i++) {
                let c4 = lane + i * LANES;
                if is_inside(i, c4, width) {
                    let next = x[token * width + c4];
                    if MODE == 1u && token > first {
                        values[i] = max(values[i], next);
                    } else {
                        values[i] = fma(vec4(weight), next, values[i]);
                    }
                }
            }
        }
        var squares = 0.0;
        for (var i = 0u; i < VECTORS_PER_LANE; i++) {
            if MODE == 0u || MODE >= 4u { values[i] /= divisor_of(end - start); }
            squares += dot(values[i], values[i]);
        }
        var scale = 1.0;
        if NORMALIZE == 1u {
            scale = 1.0 / max(sqrt(reduce_sum(squares)), 1e-12);
        }

        for (var i = 0u; i < VECTORS_PER_LANE; i++) {
            let c4 = lane + i * LANES;
            if is_inside(i, c4, width) {
                y[sequence * width + c4] = values[i] * scale;
            }
        }
    }
}
