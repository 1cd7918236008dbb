//! What `bench` found, as a page that needs nothing else to be read: `--report`.

mod axis;
mod bars;
mod ink;
mod models;
mod plot;
mod ratios;
mod roofline;
mod scaling;
mod style;
mod tables;

use anyhow::Result;

use super::kernels::Kernel;
use super::model::Model;
use super::report::Report;
use super::table::by_size;
use crate::html;
use crate::html::markup::{Element, element};
use crate::numbers::{percent, rate};
use crate::output::Output;

/// # Errors
/// If it cannot be written.
pub(crate) fn write(output: Output, report: &Report) -> Result<()> {
    html::write(output, &page(report)?)
}

fn page(report: &Report) -> Result<Element> {
    let title = format!("wgformer bench: {}", report.adapter.name);
    let main = element("main")
        .child(summary(report))
        .child(device(report)?)
        .children(report.alternation.as_ref().map(ratios::section))
        .children(whole_models(report)?)
        .children(shapes(report)?);
    Ok(html::page_of(title, include_str!("html/page.css"), main))
}

/// What was measured on what, and what is missing.
fn summary(report: &Report) -> Element {
    let host = &report.host;
    let commit = report.commit.as_deref().map(|it| format!(", commit {it}"));
    let about = format!(
        "wgformer {}{}, wgpu {}; {} on {}, {} cores; {:.0} s, seed {}",
        report.wgformer,
        commit.unwrap_or_default(),
        report.wgpu,
        host.os,
        host.architecture,
        host.cores,
        report.seconds,
        report.seed
    );
    let left = report.left_out.iter();
    let left = left.map(|it| format!("Left out for want of time (--time-budget): {it}"));
    let wrong = report.wrong.iter();
    let wrong = wrong.map(|kernel| format!("Computes wrongly here and was not timed: {kernel}"));
    let missing = left.chain(wrong);
    element("header")
        .child(element("h1").text("wgformer bench"))
        .child(element("p").class("adapter").text(&report.adapter))
        .child(element("p").text(about))
        .children(
            report
                .notes()
                .into_iter()
                .map(|note| element("p").text(note)),
        )
        .children(missing.map(|text| element("p").class("missing").text(text)))
}

fn device(report: &Report) -> Result<Element> {
    let plots = [roofline::plot(report), scaling::memory(&report.device)];
    let [m, n, k] = report.reference.shape;
    let reference = format!(
        "The reference is the textbook's product by tiles of 64 x 64, here of {m} x {n} x {k}: {} ± {}.",
        rate(report.reference.flops_per_second, "FLOP/s"),
        percent(report.reference.time.spread)
    );
    Ok(element("section")
        .child(element("h2").text("Device"))
        .child(figures(&plots)?)
        .child(element("p").text(reference))
        .child(tables::device(&report.device)))
}

/// Beside each other, as far as there is room.
fn figures(plots: &[plot::Plot]) -> Result<Element> {
    let mut figures = element("div").class("plots");
    for plot in plots {
        figures = figures.children(plot.figure()?);
    }
    Ok(figures)
}

/// A section for each model, with all types of weights.
fn whole_models(report: &Report) -> Result<Vec<Element>> {
    let sections = groups(&report.models, |model| &model.model);
    let section = |(name, own): (&str, Vec<&Model>)| {
        let plots = figures(&models::plots(&own))?;
        Ok(element("section")
            .child(element("h2").text(format!("The whole of {name}")))
            .child(plots)
            .child(tables::loading(&own))
            .child(folded(
                "All texts and tokens in numbers".to_owned(),
                tables::runs(&own),
            )))
    };
    sections.into_iter().map(section).collect()
}

/// Those of one name together, in order of appearance.
fn groups<T>(all: &[T], name: impl Fn(&T) -> &str) -> Vec<(&str, Vec<&T>)> {
    let mut groups: Vec<(&str, Vec<&T>)> = vec![];
    for one in all {
        match groups.iter_mut().find(|(other, _)| *other == name(one)) {
            Some((_, own)) => own.push(one),
            None => groups.push((name(one), vec![one])),
        }
    }
    groups
}

/// A section for each encoder whose sizes were measured.
fn shapes(report: &Report) -> Result<Vec<Element>> {
    let sections = groups(&report.kernels, |kernel| &kernel.shape);
    let section = |(shape, own): (&str, Vec<&Kernel>)| {
        Ok(element("section")
            .child(element("h2").text(format!("Sizes of {shape}")))
            .child(figures(&scaling::plots(&own))?)
            .children(by_tokens(&own, report.reference.flops_per_second))
            .child(folded(
                format!("All {} kernels and variants in numbers", own.len()),
                tables::kernels(&own),
            )))
    };
    sections.into_iter().map(section).collect()
}

/// Bars of every size, folded up but for the first number of tokens, which is the most telling.
fn by_tokens(kernels: &[&Kernel], reference: f64) -> Vec<Element> {
    let mut all: Vec<usize> = kernels.iter().map(|it| it.tokens).collect();
    let first = all.first().copied();
    all.sort_unstable();
    all.dedup();
    let groups = all.into_iter().map(|tokens| {
        let own = kernels.iter().copied().filter(|it| it.tokens == tokens);
        let figures = by_size(own)
            .into_iter()
            .map(|own| bars::of_size(&own, reference));
        let figures = element("div").class("plots").children(figures);
        let group = folded(format!("Kernels with {tokens} tokens"), bars::key()).child(figures);
        if Some(tokens) == first {
            group.attribute("open", "")
        } else {
            group
        }
    });
    groups.collect()
}

fn folded(summary: String, content: Element) -> Element {
    element("details")
        .child(element("summary").text(summary))
        .child(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::SCHEMA_VERSION;
    use serde_json::{Value, json};

    fn summary(median: f64) -> Value {
        json!({"median": median, "spread": 0.1, "least": median, "samples": 9, "outliers": 0, "drift": 0.0})
    }

    fn kernel(kernel: &str, tokens: usize, flops: Option<f64>) -> Value {
        let operation = if flops.is_some() { "linear" } else { "softmax" };
        json!({
            "shape": "minilm-l6",
            "operation": operation,
            "size": format!("{operation} {tokens} x 384 x 384"),
            "tokens": tokens,
            "kernel": kernel,
            "variant": "f32, 64x64",
            "clock": "device",
            "time": summary(1e-3),
            "flops_per_second": flops,
            "bytes_per_second": if kernel == operation { 5e8 } else { 1e9 },
            "of_roof": 0.5,
            "over_reference": flops.map_or(2.0, |it| it / 5e9),
        })
    }

    const KERNELS: [&str; 4] = ["linear_tile", "linear_<small>", "softmax_rows", "softmax"];

    fn report() -> Report {
        let kernels = [16, 512].into_iter().flat_map(|tokens| {
            let flops = [Some(2e10), Some(1e10), None, None];
            let each = KERNELS.into_iter().zip(flops);
            each.map(move |(name, flops)| kernel(name, tokens, flops))
        });
        let arithmetic = |kind: &str, peak: f64| json!({"kind": kind, "flops_per_second": peak, "time": summary(1e-3)});
        let run = |texts: usize, tokens: usize| {
            let rate = (texts * tokens) as f64 / 0.01;
            let p99 = (texts == 1).then_some(0.02);
            json!({"texts": texts, "tokens": tokens, "time": summary(0.01), "p50": 0.01, "p95": 0.012, "p99": p99,
                   "texts_per_second": texts as f64 / 0.01, "tokens_per_second": rate})
        };
        let memory = |access: &str, bytes: u64| json!({"access": access, "bytes": bytes, "bytes_per_second": 1e10, "time": summary(1e-3)});
        let report = json!({
            "schema_version": SCHEMA_VERSION,
            "wgformer": "0.1.0",
            "commit": "0123abc",
            "wgpu": "30.0",
            "adapter": {
                "name": "<b>&",
                "backend": "Vulkan",
                "type": "Cpu",
                "driver": "\"quoted\"",
                "driver_info": "1.2",
                "subgroup_sizes": [8, 8],
                "features": [],
                "cooperative_matrices": [],
                "limits": {
                    "max_buffer_size": 1,
                    "max_storage_buffer_binding_size": 1,
                    "max_storage_buffers_per_shader_stage": 1,
                    "max_compute_workgroup_storage_size": 1,
                    "max_compute_invocations_per_workgroup": 1,
                    "max_compute_workgroups_per_dimension": 1,
                },
            },
            "host": {"os": "linux", "architecture": "x86_64", "cores": 2},
            "seed": 3,
            "seconds": 30.0,
            "device": {
                "clock": "host",
                "arithmetic": [arithmetic("f32", 5e10), arithmetic("cooperative16", 4e11)],
                "memory": [memory("read", 1 << 20), memory("write", 1 << 20), memory("read", 1 << 26)],
                "dispatch": summary(1e-6),
                "submit": summary(1e-6),
                "read_back": summary(1e-6),
                "upload": {"per_second": 1e9, "time": summary(1e-3)},
                "compile": summary(1e-3),
            },
            "reference": {"shape": [256, 384, 384], "flops_per_second": 5e9, "time": summary(1e-2)},
            "kernels": kernels.collect::<Vec<_>>(),
            "models": [{
                "model": "<tiny>",
                "synthetic": true,
                "dtype": "f16",
                "cold_load": 2.0,
                "warm_load": 1.0,
                "first_run": 0.5,
                "memory": {"weights": 1, "activations": 1, "staging": 1},
                "runs": [run(1, 16), run(1, 128), run(8, 16)],
            }],
            "alternation": null,
            "left_out": ["bert-base: all of 512 tokens"],
            "wrong": ["linear_wrong f32"],
        });
        serde_json::from_value(report).unwrap()
    }

    #[test]
    fn a_page_is_well_formed_and_needs_nothing_else() {
        html::assert_whole(&page(&report()).unwrap());
    }

    #[test]
    fn what_a_report_says_stays_text() {
        let page = page(&report()).unwrap().to_string();
        assert!(page.contains("&lt;b&gt;&amp; (Vulkan, Cpu), &quot;quoted&quot; 1.2"));
        assert!(!page.contains("<b>") && !page.contains("<small>"));
    }

    #[test]
    fn every_kernel_and_series_is_named_and_what_is_missing_is_said() {
        let page = page(&report()).unwrap().to_string();
        for kernel in KERNELS {
            let name = kernel.replace('<', "&lt;").replace('>', "&gt;");
            let in_numbers = format!("<td>{name}</td>");
            assert_eq!(page.matches(&in_numbers).count(), 2, "{name}");
            assert!(
                page.contains(&format!("<span>{name} <span")),
                "no bar: {name}"
            );
            assert!(
                page.contains(&format!("<span>{name}, f32</span>")),
                "no curve: {name}"
            );
        }
        for series in [
            "linear",
            "slower kernels of the same sizes",
            "reference, 5.00 GFLOP/s",
            "memory, 10.0 GB/s",
            "f32, 50.0 GFLOP/s",
            "f16, matrices of 16x16, 400 GFLOP/s",
            "read",
            "write",
            "1 text",
            "8 texts",
            "1 text, p99",
            "f16",
        ] {
            assert!(page.contains(&format!("<span>{series}</span>")), "{series}");
        }
        for missing in [
            "bert-base: all of 512 tokens",
            "linear_wrong f32",
            "commit 0123abc",
        ] {
            assert!(page.contains(missing), "{missing}");
        }
        assert!(!page.contains("8 texts, p99"), "{page}");
    }

    #[test]
    fn a_line_across_the_bars_is_what_the_kernels_are_compared_with() {
        let report = report();
        let figure = |operation: &str| {
            let own = report.kernels.iter().filter(|it| it.operation == operation);
            let sizes = by_size(own);
            let figure = bars::of_size(&sizes[0], report.reference.flops_per_second);
            figure.to_string()
        };
        let product = figure("linear");
        assert!(
            product.contains("The line: the reference product, 5.00 GFLOP/s."),
            "{product}"
        );
        assert!(product.contains("M25.00,0 V10"), "{product}"); // of 20 GFLOP/s
        let plain = figure("softmax");
        assert!(
            plain.contains("The line: plain softmax, 500 MB/s."),
            "{plain}"
        );
        assert!(plain.contains("M50.00,0 V10"), "{plain}");
        for length in ["100.00", "50.00"] {
            assert!(plain.contains(&format!("width=\"{length}\"")), "{plain}");
        }
        let softmax = report
            .kernels
            .iter()
            .filter(|it| it.kernel == "softmax_rows");
        let alone = bars::of_size(&by_size(softmax)[0], 5e9).to_string();
        assert!(!alone.contains("The line") && alone.contains("width=\"100.00\""));
    }

    #[test]
    fn a_report_without_kernels_has_a_page_too() {
        let mut report = report();
        report.kernels.clear();
        report.models.clear();
        let page = page(&report).unwrap();
        html::assert_whole(&page);
        let page = page.to_string();
        assert!(page.contains("Roofline") && !page.contains("Sizes of"));
        assert!(!page.contains("The whole of") && !page.contains("In turns"));
    }

    #[test]
    fn what_was_measured_in_turns_has_a_bar_from_as_fast() {
        let mut report = report();
        let ratio = |what: &str, ratio: f64| json!({"what": what, "times": [summary(1.0), summary(ratio)], "ratio": summary(ratio)});
        let alternation = json!({"sides": ["one", "<other>"], "ratios": [ratio("same", 1.0), ratio("slow", 2.0)], "skipped": ["third: why"]});
        report.alternation = serde_json::from_value(alternation).unwrap();
        let turns = report.alternation.as_mut().unwrap();
        turns.ratios[1].kernels = Some(["linear", "linear_small"].map(str::to_owned));
        report.kernels.clear();
        report.models.clear();
        let page = page(&report).unwrap();
        html::assert_whole(&page);
        let page = page.to_string();
        for text in [
            "A: one",
            "B: &lt;other&gt;",
            "left out: third: why",
            "2.000 ± 10 % (2.00 s over 1.00 s)",
            "0 outliers among 36 samples",
        ] {
            assert!(page.contains(text), "{text}: {page}");
        }
        // As fast: no bar. The scale ends where the slower one's whisker does.
        assert!(page.contains("slow on linear and linear_small"), "{page}");
        assert!(
            page.contains("x=\"50.00\" width=\"0.00\"") && page.contains("H100.00"),
            "{page}"
        );
    }
}
