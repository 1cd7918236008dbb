//! The table, in Markdown.

/// One line of the table.
pub(crate) struct Row {
    pub(crate) what: String,
    /// What was measured, in its own units.
    pub(crate) measured: String,
    /// `None` where there is nothing to compare with.
    pub(crate) figure: Option<f64>,
    pub(crate) target: Target,
}

/// What a figure should come to; less is better where the aim is less than the least.
pub(crate) struct Target {
    /// The adapters that it is for: a part of their name.
    pub(crate) adapter: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) least: f64,
    pub(crate) aim: f64,
}

impl Target {
    fn verdict(&self, figure: f64) -> &'static str {
        let reaches = |target: f64| {
            if self.aim < self.least {
                figure <= target
            } else {
                figure >= target
            }
        };
        match (reaches(self.least), reaches(self.aim)) {
            (_, true) => "aim met",
            (true, false) => "met",
            (false, false) => "missed",
        }
    }

    fn show(&self, figure: f64) -> String {
        let decimals = match figure {
            ..0.1 => 3,
            ..10.0 => 2,
            _ => 1,
        };
        format!("{figure:.decimals$}{}", self.unit)
    }
}

pub(crate) fn print(adapter: &str, rows: &[Row]) {
    println!("| what | measured | figure | at least | aim | |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for row in rows {
        let target = &row.target;
        let figure = row.figure.map(|figure| target.show(figure));
        let [least, aim, verdict] = if adapter.contains(target.adapter) {
            let verdict = row.figure.map_or("", |figure| target.verdict(figure));
            [
                target.show(target.least),
                target.show(target.aim),
                verdict.to_owned(),
            ]
        } else {
            Default::default() // measured, but meant for another adapter
        };
        println!(
            "| {} | {} | {} | {least} | {aim} | {verdict} |",
            row.what,
            row.measured,
            figure.unwrap_or_default()
        );
    }
}

/// The processor, the system, and how busy it is.
pub(crate) fn machine() -> String {
    let value = |file: &str, key: &str, separator: char| {
        let text = std::fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(key))?;
        let (_, value) = line.split_once(separator)?;
        Some(value.trim().trim_matches('"').to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = value("/proc/cpuinfo", "model name", ':');
    let system = value("/etc/os-release", "PRETTY_NAME", '=');
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    let load = load.as_deref().and_then(|load| load.split(' ').next());
    format!(
        "Machine: {cores} cores of {}, {}, load {} before the run.",
        processor.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        system.unwrap_or_else(|| std::env::consts::OS.to_owned()),
        load.unwrap_or("unknown"),
    )
}
