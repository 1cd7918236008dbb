// Of each row, the k largest of the best that came before and of its scores, in the order in which they stand:
// y[r] = k scores, then their k places. Of equal ones the earlier are taken. Scores are a texture, the rest are buffers.
// The k-th largest is found by its digits in base 256, the highest first: four times the candidates that have the
// digits found so far are counted by their next one. So the work hardly depends on k, and nothing limits it.
// One lane per row, so that nothing passes between lanes. A software adapter runs through what a condition skips, but
// not through what a loop does not come to: so a loop finds the next vector that has anything to count.

struct Params {
    first_workgroup: u32,  // of those that run now
    rows: u32,
    cols: u32,             // of a row of scores, a multiple of 4
    count: u32,            // the first so many of them count
    first: u32,            // the place of column 0
    k: u32,
    best: u32,             // 1: there are best before; 0: k of nothing
}

@group(0) @binding(0) var scores: texture_storage_2d<rgba32float, read>;  // [rows, cols]
@group(0) @binding(1) var<storage, read> best: array<f32>;                // [rows, 2 * k], read if params.best is 1
@group(0) @binding(2) var<storage, read_write> y: array<f32>;             // [rows, 2 * k]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 8u;
const BINS: u32 = 256u;  // the base of the digits

const LOWEST: f32 = -3.4028235e38;  // the score of nothing, whose place is -1

// Of each lane its own: as an array of the function it takes lavapipe 8 s to compile.
var<workgroup> histogram: array<u32, BINS * WORKGROUP_SIZE>;

// Integers in the order of scores; zeros of both signs are one.
fn key_of(score: f32) -> u32 {
    let bits = select(bitcast<u32>(score), 0u, score == 0.0);
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

// Of the best before.
fn best_score(row: u32, i: u32) -> f32 {
    if params.best == 1u { return best[2u * row * params.k + i]; }
    return LOWEST;
}

fn best_place(row: u32, i: u32) -> f32 {
    if params.best == 1u { return best[(2u * row + 1u) * params.k + i]; }
    return -1.0;
}

// The first vector from `c4` on with a score above `bar`, or the end.
fn next_above(bar: f32, row: u32, c4: u32) -> u32 {
    let end = (params.count + 3u) / 4u;
    var next = c4;
    while next < end {
        if any(textureLoad(scores, vec2(next, row)) > vec4(bar)) { break; }
        next++;
    }
    return next;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn top_k_texture(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = (params.first_workgroup + workgroup.x + workgroup.y * workgroups.x) * WORKGROUP_SIZE + lane;
    if row < params.rows {
        let end = (params.count + 3u) / 4u;

        // A score that is not above the lowest of the best comes after all k of them.
        var bar = best_score(row, 0u);
        for (var i = 1u; i < params.k; i++) { bar = min(bar, best_score(row, i)); }

        var found = 0u;        // the digits of the k-th largest, as far as they are known
        var left = params.k;   // how many are still to be taken, of those that have these digits
        for (var digit = 0u; digit < 4u; digit++) {
            let shift = 24u - 8u * digit;
            let known = 0xffffff00u << shift;
            for (var i = 0u; i < BINS; i++) { histogram[i * WORKGROUP_SIZE + lane] = 0u; }
            for (var i = 0u; i < params.k; i++) {
                let key = key_of(best_score(row, i));
                if (key & known) == found { histogram[((key >> shift) % BINS) * WORKGROUP_SIZE + lane]++; }
            }
            for (var c4 = next_above(bar, row, 0u); c4 < end; c4 = next_above(bar, row, c4 + 1u)) {
                let v = textureLoad(scores, vec2(c4, row));
                for (var i = 0u; i < 4u; i++) {
                    let key = key_of(v[i]);
                    if (v[i] > bar) & (4u * c4 + i < params.count) & ((key & known) == found) {
                        histogram[((key >> shift) % BINS) * WORKGROUP_SIZE + lane]++;
                    }
                }
            }
            var next = BINS - 1u;
            while next > 0u {
                let count = histogram[next * WORKGROUP_SIZE + lane];
                if count >= left { break; }
                left -= count;
                next--;
            }
            found |= next << shift;
        }

        let start = 2u * row * params.k;
        var place = 0u;
        for (var i = 0u; i < params.k; i++) {
            let score = best_score(row, i);
            let key = key_of(score);
            let is_tie = (key == found) & (left > 0u);
            if (place < params.k) & ((key > found) | is_tie) {
                y[start + place] = score;
                y[start + params.k + place] = best_place(row, i);
                place++;
                left -= u32(is_tie);
            }
        }
        for (var c4 = next_above(bar, row, 0u); c4 < end; c4 = next_above(bar, row, c4 + 1u)) {
            let v = textureLoad(scores, vec2(c4, row));
            for (var i = 0u; i < 4u; i++) {
                let key = key_of(v[i]);
                let is_tie = (key == found) & (left > 0u);
                let counts = (v[i] > bar) & (4u * c4 + i < params.count);
                if (place < params.k) & counts & ((key > found) | is_tie) {
                    y[start + place] = v[i];
                    y[start + params.k + place] = f32(params.first + 4u * c4 + i);
                    place++;
                    left -= u32(is_tie);
                }
            }
        }
    }
}
