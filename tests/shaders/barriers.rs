//! No shader has a barrier or an operation of the subgroup where control flow varies between lanes.

use std::collections::BTreeSet;

use naga::front::wgsl::parse_str;

use crate::uniformity::violations;
use crate::validation::parsed;

#[test]
fn every_variant_meets_its_barriers_together() {
    for (composed, module, _) in parsed() {
        let violations = violations(&module, &composed.wgsl);
        assert!(violations.is_empty(), "{}: {violations:?}", composed.name);
    }
}

/// What is wrong with a shader of this body.
fn violations_in(body: &str) -> BTreeSet<String> {
    let wgsl = format!(
        "{DECLARATIONS}
         @compute @workgroup_size(64)
         fn example(
             @builtin(workgroup_id) workgroup: vec3<u32>,
             @builtin(num_workgroups) workgroups: vec3<u32>,
             @builtin(local_invocation_index) lane: u32,
             @builtin(local_invocation_id) local: vec3<u32>,
             @builtin(global_invocation_id) global: vec3<u32>,
             @builtin(subgroup_id) subgroup: u32,
             @builtin(subgroup_size) lanes: u32,
             @builtin(subgroup_invocation_id) subgroup_lane: u32,
         ) {{
             {body}
         }}"
    );
    let module = parse_str(&wgsl).unwrap_or_else(|error| panic!("{}", error.emit_to_string(&wgsl)));
    violations(&module, &wgsl)
}

const DECLARATIONS: &str = "
    enable wgpu_cooperative_matrix;
    @group(0) @binding(0) var<storage, read> x: array<u32>;
    @group(0) @binding(1) var<storage, read_write> y: array<atomic<u32>>;
    @group(0) @binding(2) var<storage, read_write> z: array<u32>;
    @group(0) @binding(3) var texels: texture_2d<u32>;
    @group(0) @binding(4) var<storage, read_write> matrices: array<f32>;
    @group(0) @binding(5) var counts: texture_storage_2d<r32uint, read_write>;
    @group(1) @binding(0) var<uniform> n: u32;
    var<workgroup> tile: array<u32, 64>;
    var<private> mine: u32;
    var<private> next: u32;

    fn meet() { workgroupBarrier(); }
    fn meet_if(condition: bool) { if condition { meet(); } }
    fn meet_unless_early(i: u32) { if i >= n { return; } workgroupBarrier(); }
    fn smaller(a: u32, b: u32) -> u32 { if a < b { return a; } return b; }
    fn put(to: ptr<function, u32>, value: u32) { *to = value; }
    fn set_mine(value: u32) { mine = value; }
    fn shift() { mine = next; }
    fn which(condition: bool) -> u32 { if condition { return 1u; } return 2u; }
    fn twice(a: u32) -> u32 { return 2u * a; }
    fn stage(i: u32) { if i >= n { return; } tile[i] = x[i]; }
    fn at(p: ptr<workgroup, u32>) -> u32 { return workgroupUniformLoad(p); }
    fn first() -> u32 { return workgroupUniformLoad(&tile[0]); }";

#[test]
fn barriers_that_some_lanes_miss_are_found() {
    for body in [
        // In a branch.
        "if lane < n { workgroupBarrier(); }",
        "if lane < n { storageBarrier(); }",
        "if lane < n { _ = workgroupUniformLoad(&tile[0]); }",
        "if lane < n { } else { workgroupBarrier(); }",
        "if n > 3u { if lane < n { workgroupBarrier(); } }",
        "switch lane { case 0u { workgroupBarrier(); } default { } }",
        "switch lane { case 0u { } default { workgroupBarrier(); } }",
        "{ let odd = lane % 2u == 1u; if odd { { workgroupBarrier(); } } }",
        // Behind a return.
        "if lane >= n { return; } workgroupBarrier();",
        "if global.x >= n { return; } workgroupBarrier();",
        "if n > 3u { if lane >= n { return; } } workgroupBarrier();",
        "loop { if lane >= n { return; } break; } workgroupBarrier();",
        "switch n { case 0u { if lane == 0u { return; } } default { } } workgroupBarrier();",
        // In a loop that some lanes leave, or skip a part of.
        "for (var i = 0u; i < n; i++) { if i == lane { break; } workgroupBarrier(); }",
        "for (var i = 0u; i < n; i++) { workgroupBarrier(); if i == lane { break; } }",
        "for (var i = 0u; i < n; i++) { if i == lane { continue; } workgroupBarrier(); }",
        "for (var i = 0u; i < n; i++) { if i == lane { return; } workgroupBarrier(); }",
        "for (var i = 0u; i < n; i++) { switch lane { case 0u { continue; } default { } } workgroupBarrier(); }",
        "for (var i = 0u; i < n; i++) { switch n { case 0u { if lane == 0u { break; } workgroupBarrier(); } default { } } }",
        "loop { if n == 0u { break; } if lane == 0u { continue; } continuing { workgroupBarrier(); } }",
        "loop { workgroupBarrier(); continuing { break if lane == 0u; } }",
        // In a loop whose trip count depends on the lane.
        "for (var i = lane; i < n; i += 64u) { workgroupBarrier(); }",
        "for (var i = 0u; i < lane; i++) { workgroupBarrier(); }",
        "while mine < lane { mine++; workgroupBarrier(); }",
        "for (var i = 0u; i < n; i++) { for (var j = i; j < lane; j++) { workgroupBarrier(); } }",
        // Found only once the loop is gone through again.
        "var end = n; for (var i = 0u; i < end; i++) { workgroupBarrier(); end = lane; }",
        "var a = n; var b = n; loop { if a == 0u { workgroupBarrier(); break; } a = b; b = lane; }",
        "for (var i = 0u; i < n; i++) { if mine == 1u { workgroupBarrier(); } shift(); next = lane; }",
        // Through calls.
        "if lane < n { meet(); }",
        "meet_if(lane < n);",
        "meet_unless_early(lane);",
        "for (var i = lane; i < n; i += 64u) { meet_if(true); }",
        "if which(lane < n) == 1u { workgroupBarrier(); }",
        "if twice(lane) == 0u { workgroupBarrier(); }",
        "if smaller(lane, n) == 0u { workgroupBarrier(); }",
        "var v = 0u; put(&v, lane); if v == 0u { workgroupBarrier(); }",
        "var v: array<u32, 2>; put(&v[1], lane); if v[0] == 0u { workgroupBarrier(); }",
        "if n > lane && first() == 0u { }",
        // Through variables.
        "var v = 0u; if lane == 0u { v = 1u; } if v == 1u { workgroupBarrier(); }",
        "var v = 0u; for (var i = 0u; i < lane; i++) { v = i; } if v == 1u { workgroupBarrier(); }",
        "var v: array<u32, 2>; v[lane % 2u] = 1u; if v[0] == 1u { workgroupBarrier(); }",
        "var v: array<vec2<u32>, 2>; v[lane % 2u].x = 1u; if v[0].x == 1u { workgroupBarrier(); }",
        "var v: vec2<u32>; v.y = lane; if v.x == 1u { workgroupBarrier(); }",
        "mine = lane; if mine == 1u { workgroupBarrier(); }",
        "set_mine(lane); if mine == 1u { workgroupBarrier(); }",
        "if lane == 0u { set_mine(1u); } if mine == 1u { workgroupBarrier(); }",
        // Every source of what varies.
        "if local.x == 0u { workgroupBarrier(); }",
        "if global.y == 0u { workgroupBarrier(); }",
        "if subgroup == 0u { workgroupBarrier(); }",
        "if subgroup_lane == 0u { workgroupBarrier(); }",
        "if x[lane] == 0u { workgroupBarrier(); }",
        "if z[0] == 0u { workgroupBarrier(); }",
        "if tile[0] == 0u { workgroupBarrier(); }",
        "if atomicLoad(&y[0]) == 0u { workgroupBarrier(); }",
        "if atomicAdd(&y[0], 1u) == 0u { workgroupBarrier(); }",
        "if textureLoad(texels, vec2(lane, 0u), 0).x == 0u { workgroupBarrier(); }",
        "if textureLoad(counts, vec2(n, n)).x == 0u { workgroupBarrier(); }",
        "if select(0u, 1u, lane == 3u) == 0u { workgroupBarrier(); }",
        "if max(n, lane) == 0u { workgroupBarrier(); }",
        "if all(vec2(lane, n) == vec2(1u)) { workgroupBarrier(); }",
        "if f32(lane) == 0.0 { workgroupBarrier(); }",
        "if subgroupAdd(1u) == 0u { workgroupBarrier(); }",
        "if subgroupBroadcastFirst(lane) == 0u { workgroupBarrier(); }",
        "if subgroupBallot(true).x == 0u { workgroupBarrier(); }",
        "if subgroupShuffle(lane, 0u) == 0u { workgroupBarrier(); }",
        // All lanes must read the same place.
        "_ = workgroupUniformLoad(&tile[lane]);",
        "_ = at(&tile[lane]);",
    ] {
        let violations = violations_in(body);
        let of_a_barrier = |violation: &String| {
            violation.contains(": barrier where")
                || violation.contains("workgroupUniformLoad where")
        };
        assert!(
            violations.iter().any(of_a_barrier),
            "{body}: {violations:?}"
        );
    }
}

#[test]
fn subgroup_operations_that_some_lanes_miss_are_found() {
    for body in [
        "if lane < n { mine = subgroupAdd(1u); }",
        "if lane < n { mine = subgroupExclusiveAdd(1u); }",
        "if lane < n { mine = subgroupBallot(true).x; }",
        "if lane < n { mine = subgroupBroadcast(n, 0u); }",
        "if lane < n { mine = subgroupShuffle(n, 0u); }",
        "if lane < n { subgroupBarrier(); }",
        "if lane >= n { return; } mine = subgroupShuffleXor(lane, 1u);",
        "for (var i = subgroup_lane; i < n; i += lanes) { mine = subgroupMax(mine); }",
        "if subgroupExclusiveAdd(1u) == 0u { mine = subgroupAdd(1u); }",
        "if subgroupShuffle(lane, lane) == 0u { mine = subgroupAdd(1u); }",
        "if subgroupShuffleDown(lane, 1u) == 0u { mine = subgroupAdd(1u); }",
        "if lane < n { let a = coopLoad<coop_mat8x8<f32, A>>(&matrices[0], 8u); }",
        "let c = coopLoad<coop_mat8x8<f32, C>>(&matrices[0], 8u); if lane < n { coopStore(c, &matrices[0], 8u); }",
    ] {
        assert!(!violations_in(body).is_empty(), "{body}");
    }
}

#[test]
fn what_all_lanes_meet_is_accepted() {
    for body in [
        "if n > 3u { workgroupBarrier(); }",
        "if workgroup.x + workgroups.x * lanes > n { return; } workgroupBarrier();",
        "for (var i = x[workgroup.x]; i < x[workgroup.x + 1u]; i++) { workgroupBarrier(); }",
        "if textureLoad(texels, workgroup.xy, 0).x == 0u { workgroupBarrier(); }",
        "if arrayLength(&z) > n { workgroupBarrier(); }",
        "for (var i = 0u; i < n; i++) { if i == 3u { continue; } if i == 5u { break; } workgroupBarrier(); }",
        // Lanes that went apart meet again.
        "if lane < n { tile[lane] = 1u; } workgroupBarrier();",
        "for (var i = lane; i < n; i += 64u) { tile[i] = 0u; } workgroupBarrier();",
        "for (var i = lane; i < n; i++) { if i == 3u { break; } if i == 5u { continue; } } workgroupBarrier();",
        "switch lane { case 0u { break; } default { tile[0] = 0u; } } workgroupBarrier();",
        "for (var i = 0u; i < n; i++) { switch lane { case 0u { break; } default { } } workgroupBarrier(); }",
        "stage(lane); workgroupBarrier();",
        // A function varies with its arguments, call by call.
        "if smaller(lane, n) == 0u { tile[0] = 0u; } if smaller(3u, n) == 0u { workgroupBarrier(); }",
        "meet_if(n > 3u);",
        "meet_unless_early(n);",
        "var v = 0u; put(&v, n); if v == 0u { workgroupBarrier(); }",
        // The lanes agree on a value first.
        "if first() == 0u { workgroupBarrier(); }",
        // A subgroup may go its own way.
        "if subgroup == 0u { mine = subgroupAdd(lane); }",
        "if subgroupAdd(lane) == 0u { subgroupBarrier(); }",
        "for (var i = 0u; i < subgroupShuffle(lane, 0u); i++) { mine = subgroupMax(mine); }",
    ] {
        let violations = violations_in(body);
        assert!(violations.is_empty(), "{body}: {violations:?}");
    }
}
