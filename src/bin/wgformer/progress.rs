//! A progress bar on standard error, for work of more than a second, on a terminal only.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
    shown: bool,
}

impl Progress {
    /// `total`: how many things there are, where that is known; `things`: what they are.
    pub(crate) fn new(total: Option<u64>, things: &str) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let template = if total.is_some() {
            format!("{{bar:30}} {{pos}}/{{len}} {things}, {{per_sec}}, {{eta}} left")
        } else {
            format!("{{spinner}} {{pos}} {things}, {{per_sec}}")
        };
        bar.set_style(
            ProgressStyle::with_template(&template).expect("the templates above are valid"),
        );
        Self {
            bar,
            started: Instant::now(),
            shown: false,
        }
    }

    /// With so many things done before.
    pub(crate) fn from(self, done: usize) -> Self {
        self.bar.set_position(done as u64);
        self.bar.reset_eta();
        self
    }

    pub(crate) fn advance(&mut self, things: usize) {
        if !self.shown && self.started.elapsed() > Duration::from_secs(1) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr()); // draws nothing where that is no terminal
            self.shown = true;
        }
        self.bar.inc(things as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
