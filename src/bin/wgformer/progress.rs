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

    /// Of so many bytes.
    #[cfg(feature = "hub")]
    pub(crate) fn bytes(total: u64) -> Self {
        let progress = Self::new(Some(total), "bytes");
        let template =
            "{bar:30} {decimal_bytes}/{decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left";
        let style = ProgressStyle::with_template(template);
        progress
            .bar
            .set_style(style.expect("the template above is valid"));
        progress
    }

    /// How much of a time budget is over.
    pub(crate) fn of_time(budget: Duration) -> Self {
        let progress = Self::new(Some(budget.as_millis() as u64), "");
        let budget = humantime::format_duration(budget);
        let template = format!("{{bar:30}} {{elapsed}} of {budget} at most");
        let style = ProgressStyle::with_template(&template);
        progress
            .bar
            .set_style(style.expect("the template above is valid"));
        progress
    }

    /// Up to now.
    pub(crate) fn pass(&mut self) {
        self.reach(self.started.elapsed().as_millis() as u64);
    }

    /// With so many things done before.
    pub(crate) fn from(self, done: usize) -> Self {
        self.bar.set_position(done as u64);
        self.bar.reset_eta();
        self
    }

    pub(crate) fn advance(&mut self, things: usize) {
        self.show_if_late();
        self.bar.inc(things as u64);
    }

    /// So many are done now, which may be fewer than before.
    pub(crate) fn reach(&mut self, things: u64) {
        self.show_if_late();
        self.bar.set_position(things);
    }

    /// Of so many, which are known only now.
    pub(crate) fn set_total(&mut self, things: u64) {
        self.bar.set_length(things);
    }

    fn show_if_late(&mut self) {
        if !self.shown && self.started.elapsed() > Duration::from_secs(1) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr()); // draws nothing where that is no terminal
            self.shown = true;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_budget_passes_by_itself() {
        let mut progress = Progress::of_time(Duration::from_secs(60));
        progress.started -= Duration::from_secs(15);
        progress.pass();
        assert_eq!(progress.bar.length(), Some(60_000));
        let (at, draws) = (progress.bar.position(), progress.shown);
        assert!((15_000..30_000).contains(&at) && draws, "{at}");
    }
}
