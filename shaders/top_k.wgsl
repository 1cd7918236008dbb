// Of each row, the k largest of the best that came before and of its scores, in the order in which they stand:
// y[r] = k scores, then their k places. Of equal ones the earlier are taken.
// The k-th largest is found by its digits in base 256, the highest first: four times the candidates that have the
// digits found so far are counted by their next one. So the work hardly depends on k, and nothing limits it.
// One workgroup per row: lanes stride over the candidates, which are the best before and then the scores, to count
// them; to write them down in order each lane takes a part of its own.

struct Params {
    first_workgroup: u32,  // of those that run now
    rows: u32,
    cols: u32,             // of a row of scores
    count: u32,            // the first so many of them count
    first: u32,            // the place of column 0
    k: u32,
    best: u32,             // 1: there are best before; 0: k of nothing
}

@group(0) @binding(0) var<storage, read> scores: array<f32>;   // [rows, cols]
@group(0) @binding(1) var<storage, read> best: array<f32>;     // [rows, 2 * k], read if params.best is 1
@group(0) @binding(2) var<storage, read_write> y: array<f32>;  // [rows, 2 * k]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 64u;  // a power of two
const GROUPS: u32 = 16u;          // of as many digits

const LOWEST: f32 = -3.4028235e38;  // the score of nothing, whose place is -1

var<workgroup> bars: array<f32, WORKGROUP_SIZE>;
var<workgroup> histogram: array<atomic<u32>, GROUPS * GROUPS>;
var<workgroup> group_counts: array<u32, GROUPS>;
var<workgroup> taken: array<vec2<u32>, WORKGROUP_SIZE>;  // above the k-th largest, and equal to it

// Integers in the order of scores; zeros of both signs are one.
fn key_of(score: f32) -> u32 {
    let bits = select(bitcast<u32>(score), 0u, score == 0.0);
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

fn score_of(row: u32, candidate: u32) -> f32 {
    if candidate >= params.k { return scores[row * params.cols + candidate - params.k]; }
    if params.best == 1u { return best[2u * row * params.k + candidate]; }
    return LOWEST;
}

fn place_of(row: u32, candidate: u32) -> f32 {
    if candidate >= params.k { return f32(params.first + candidate - params.k); }
    if params.best == 1u { return best[(2u * row + 1u) * params.k + candidate]; }
    return -1.0;
}

// The lowest of the best before: a score that is not above it comes after all k of them.
fn bar_of(row: u32, lane: u32) -> f32 {
    var bar = -LOWEST;
    for (var i = lane; i < params.k; i += WORKGROUP_SIZE) { bar = min(bar, score_of(row, i)); }
    bars[lane] = bar;
    for (var stride = WORKGROUP_SIZE / 2u; stride > 0u; stride /= 2u) {
        workgroupBarrier();
        if lane < stride { bars[lane] = min(bars[lane], bars[lane + stride]); }
    }
    return workgroupUniformLoad(&bars[0]);
}

// How many the lanes before this one have, of each kind.
fn before(lane: u32, own: vec2<u32>) -> vec2<u32> {
    taken[lane] = own;
    for (var stride = 1u; stride < WORKGROUP_SIZE; stride *= 2u) {
        workgroupBarrier();
        var sum = taken[lane];
        if lane >= stride { sum += taken[lane - stride]; }
        workgroupBarrier();
        taken[lane] = sum;
    }
    return taken[lane] - own;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn top_k(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    if row < params.rows {
        let candidates = params.k + params.count;
        let bar = bar_of(row, lane);

        var found = 0u;       // the digits of the k-th largest, as far as they are known
        var left = params.k;  // how many are still to be taken, of those that have these digits
        for (var digit = 0u; digit < 4u; digit++) {
            let shift = 24u - 8u * digit;
            let known = 0xffffff00u << shift;
            for (var i = lane; i < GROUPS * GROUPS; i += WORKGROUP_SIZE) { atomicStore(&histogram[i], 0u); }
            workgroupBarrier();
            for (var i = lane; i < candidates; i += WORKGROUP_SIZE) {
                let score = score_of(row, i);
                let key = key_of(score);
                if ((i < params.k) | (score > bar)) & ((key & known) == found) {
                    atomicAdd(&histogram[(key >> shift) & 255u], 1u);
                }
            }
            workgroupBarrier();
            for (var group = lane; group < GROUPS; group += WORKGROUP_SIZE) {
                var sum = 0u;
                for (var i = 0u; i < GROUPS; i++) { sum += atomicLoad(&histogram[group * GROUPS + i]); }
                group_counts[group] = sum;
            }
            workgroupBarrier();
            var group = GROUPS - 1u;
            while group > 0u {
                if group_counts[group] >= left { break; }
                left -= group_counts[group];
                group--;
            }
            var next = group * GROUPS + GROUPS - 1u;
            while next > group * GROUPS {
                let count = atomicLoad(&histogram[next]);
                if count >= left { break; }
                left -= count;
                next--;
            }
            found |= next << shift;
            workgroupBarrier();
        }

        let part = (candidates + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
        let start = min(lane * part, candidates);
        let end = min(start + part, candidates);
        var own = vec2(0u);
        for (var i = start; i < end; i++) {
            let score = score_of(row, i);
            let key = key_of(score);
            if (i < params.k) | (score > bar) { own += vec2(u32(key > found), u32(key == found)); }
        }
        let earlier = before(lane, own);
        var place = earlier.x + min(earlier.y, left);
        var ties = left - min(earlier.y, left);  // for this lane to take
        for (var i = start; i < end; i++) {
            let score = score_of(row, i);
            let key = key_of(score);
            let is_tie = (key == found) & (ties > 0u);
            let counts = (i < params.k) | (score > bar);
            if (place < params.k) & counts & ((key > found) | is_tie) {
                y[2u * row * params.k + place] = score;
                y[(2u * row + 1u) * params.k + place] = place_of(row, i);
                place++;
                ties -= u32(is_tie);
            }
        }
    }
}
