// Rows of length 1: y[r, c] = x[r, c] / max(|x[r]|, 1e-12).
// One workgroup per row; each lane strides over the columns.

struct Params {
    first_workgroup: u32,  // of those that run now
    rows: u32,
    cols: u32,             // elements per row
}

@group(0) @binding(0) var<storage, read> x: array<f32>;        // [rows, cols]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [rows, cols]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 64u;  // a multiple of 8
const GROUPS: u32 = max(8u, WORKGROUP_SIZE / 16u);  // a reduction's second step; the first adds up every GROUPS-th lane

var<workgroup> partial: array<f32, WORKGROUP_SIZE>;
var<workgroup> group_partial: array<f32, GROUPS>;

fn reduce_sum(value: f32, lane: u32) -> f32 {
    partial[lane] = value;
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < WORKGROUP_SIZE / GROUPS; i++) {
        sum += partial[i * GROUPS + lane % GROUPS];
    }
    if lane < GROUPS { group_partial[lane] = sum; }
    workgroupBarrier();
    sum = 0.0;
    for (var i = 0u; i < GROUPS; i++) { sum += group_partial[i]; }
    return sum;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn normalize(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    if row < params.rows {
        let start = row * params.cols;

        var squares = 0.0;
        for (var c = lane; c < params.cols; c += WORKGROUP_SIZE) {
            squares = fma(x[start + c], x[start + c], squares);
        }
        let scale = 1.0 / max(sqrt(reduce_sum(squares, lane)), 1e-12);

        for (var c = lane; c < params.cols; c += WORKGROUP_SIZE) {
            y[start + c] = x[start + c] * scale;
        }
    }
}
