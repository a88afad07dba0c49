//! A finding on a terminal: a strip of check-ins, the histogram of gaps with the predicted window, bytes each way
//! and the evidence as bars.

use core::fmt::Write;

use beaconwatch_engine::actor::Process;
use beaconwatch_engine::assess::finding::{Evidence, Finding, FindingState, Severity};

use super::{calendar, chart, figure, sanitize};

/// How the text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Colours may be used (a terminal, and `NO_COLOR` is not set).
    pub colour: bool,
    /// Columns that may be filled.
    pub width: usize,
}

impl Style {
    /// No colours, 100 columns: for files and pipes.
    pub const PLAIN: Self = Self { colour: false, width: 100 };

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Columns of the label before each picture.
const LABEL: usize = 20;
/// Widest picture.
const PICTURE_MAX: usize = 72;
/// Characters of the arguments that are shown; JSON lines have them all.
const ARGUMENTS_MAX: usize = 160;
const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws a finding; several lines, the last one ends with a line break.
#[must_use]
pub fn finding(finding: &Finding, style: &Style) -> String {
    let mut out = String::new();
    head(&mut out, finding, *style);
    let cells = style.width.saturating_sub(LABEL + 4).clamp(16, PICTURE_MAX);
    check_ins(&mut out, finding, *style, cells);
    gaps(&mut out, finding, *style, cells);
    bytes(&mut out, finding, cells);
    evidence(&mut out, &finding.evidence, *style);
    out
}

/// A finding that goes on, in one line.
#[must_use]
pub fn update(finding: &Finding, style: &Style) -> String {
    let id = style.paint("2", &finding.id.to_string());
    format!("goes on: {} ({:.1} bits) {id}", sanitize(&finding.summary), finding.score)
}

fn head(out: &mut String, finding: &Finding, style: Style) {
    let severity = finding.severity.as_str();
    let code = match finding.severity {
        Severity::Low => "36",
        Severity::Medium => "33",
        Severity::High => "31",
        Severity::Critical => "1;31",
    };
    line(
        out,
        format_args!(
            "{}{} {}  {}  {}",
            if finding.state == FindingState::Closed { "ended: " } else { "" },
            style.paint(code, &severity.to_uppercase()),
            style.paint("1", &format!("{:.1} bits", finding.score)),
            finding.kind.as_str(),
            style.paint("2", &finding.id.to_string()),
        ),
    );
    line(out, format_args!("  {} -> {}", who(finding), destination(finding)));
    line(out, format_args!("  {}", sanitize(&finding.summary)));
    if let Some(process) = &finding.actor.process {
        line(out, format_args!("  {}", lineage(process)));
    }
}

/// The process and where it came from: `pid 4127, uid 1000, started by sh < entrypoint; curl -s https://x.example`.
fn lineage(process: &Process) -> String {
    let mut text = format!("pid {}", process.pid);
    if let Some(uid) = process.uid {
        let _ = write!(text, ", uid {uid}");
    }
    if !process.lineage.is_empty() {
        let ancestors: Vec<String> = process.lineage.iter().map(|name| sanitize(name).into_owned()).collect();
        let _ = write!(text, ", started by {}", ancestors.join(" < "));
    }
    if !process.args.is_empty() {
        let args: Vec<String> = process.args.iter().map(|argument| sanitize(argument).into_owned()).collect();
        let args: String = args.join(" ").chars().take(ARGUMENTS_MAX).collect();
        let _ = write!(text, "; {args}");
    }
    text
}

/// Who does it, as exactly as is known: namespace/pod (owner) executable, else the address.
#[must_use]
pub fn who(finding: &Finding) -> String {
    let mut parts = Vec::new();
    if let Some(pod) = &finding.pod {
        parts.push(format!("{}/{}", pod.namespace, pod.name));
        if !pod.owner.name.is_empty() {
            parts.push(format!("({} {})", pod.owner.kind, pod.owner.name));
        }
    } else if let Some(container) = &finding.actor.container {
        parts.push(format!("container {}", container.chars().take(12).collect::<String>()));
    }
    if let Some(process) = finding.actor.process.as_ref().filter(|process| !process.executable.is_empty()) {
        parts.push(process.executable.to_string());
    }
    if parts.is_empty() {
        parts.push(finding.actor.address.map_or_else(|| "unknown".to_owned(), |address| address.to_string()));
    }
    sanitize(&parts.join(" ")).into_owned()
}

/// Where to: name (address):port transport/protocol.
#[must_use]
pub fn destination(finding: &Finding) -> String {
    let destination = &finding.destination;
    let address = destination.address.map(|address| match address {
        std::net::IpAddr::V4(v4) => v4.to_string(),
        std::net::IpAddr::V6(v6) => format!("[{v6}]"),
    });
    let mut text = match (&destination.name, address) {
        (Some(name), Some(address)) => format!("{name} ({address})"),
        (Some(name), None) => name.to_string(),
        (None, Some(address)) => address,
        (None, None) => "many destinations".to_owned(),
    };
    if destination.port != 0 {
        let _ = write!(text, ":{}", destination.port);
    }
    let _ = write!(text, " {}", destination.transport.as_str());
    if finding.protocol != beaconwatch_engine::observe::protocol::AppProtocol::Unknown {
        let _ = write!(text, "/{}", finding.protocol.as_str());
    }
    if finding.may_be_backend {
        text.push_str(", perhaps the backend of a service");
    }
    sanitize(&text).into_owned()
}

fn check_ins(out: &mut String, finding: &Finding, style: Style, cells: usize) {
    let strip = chart::strip(&finding.recent, cells);
    if let (Some(first), Some(last)) = (finding.recent.first(), finding.recent.last())
        && strip.iter().any(|count| *count > 0)
    {
        let picture: String = strip.iter().map(|count| if *count > 0 { '│' } else { '·' }).collect();
        row(out, "check-ins", &style.paint("36", &picture));
        let shown = finding.recent.len();
        row(
            out,
            "",
            &format!(
                "{} .. {} UTC, last {shown} of {}",
                calendar::date_time(*first),
                calendar::date_time(*last),
                finding.check_ins
            ),
        );
    } else {
        row(out, "check-ins", &finding.check_ins.to_string());
    }
}

fn gaps(out: &mut String, finding: &Finding, style: Style, cells: usize) {
    let Some(histogram) = chart::histogram(&finding.recent, finding.rhythm.as_ref(), cells) else { return };
    let most = histogram.counts.iter().copied().max().unwrap_or(1).max(1);
    let picture: String = histogram.counts.iter().map(|count| level(*count, most)).collect();
    row(out, "gaps", &style.paint("34", &picture));
    if let Some((from, to)) = histogram.window {
        let (from, to) = (chart::cell(from, cells), chart::cell(to, cells));
        let picture: String =
            (0..cells).map(|at| if (from..=to).contains(&at) { '═' } else { ' ' }).collect();
        row(out, "predicted", &style.paint("32", picture.trim_end()));
    }
    let (low, high) = histogram.range_secs;
    let scale = if histogram.logarithmic { " (logarithmic)" } else { "" };
    let mut words = format!("{} .. {}{scale}", figure::seconds(low), figure::seconds(high));
    if let Some(rhythm) = &finding.rhythm {
        let (from, to) = rhythm.window_secs;
        let _ = write!(
            words,
            "; predicted {}: {} of {} gaps, chance {}",
            figure::range(from.into(), to.into()),
            rhythm.hits,
            rhythm.gaps,
            figure::percent(rhythm.chance.into())
        );
    }
    row(out, "", &words);
}

#[expect(clippy::cast_precision_loss, reason = "lengths of bars")]
fn bytes(out: &mut String, finding: &Finding, cells: usize) {
    let (sent, received) = (finding.bytes.sent, finding.bytes.received);
    if sent == 0 && received == 0 {
        return;
    }
    let most = sent.max(received) as f64;
    for (label, count, typical) in
        [("sent", sent, finding.bytes_typical.sent), ("received", received, finding.bytes_typical.received)]
    {
        let length = chart::cell(count as f64 / most, cells / 3);
        let bar = "▪".repeat(length.max(usize::from(count > 0)));
        row(
            out,
            label,
            &format!("{bar} {} in all, {} typical", figure::bytes(count), figure::bytes(typical)),
        );
    }
}

fn evidence(out: &mut String, evidence: &[Evidence], style: Style) {
    const BAR: usize = 12;
    for item in evidence {
        let length = chart::cell(f64::from(item.bits.abs()) / 12.0, BAR);
        let bar = "█".repeat(length.max(usize::from(item.bits.abs() >= 0.05)));
        let code = if item.bits < 0.0 { "32" } else { "33" };
        row(
            out,
            item.term.as_str(),
            &format!(
                "{:+5.1} {}{} {}",
                item.bits,
                style.paint(code, &bar),
                " ".repeat(BAR - bar.chars().count().min(BAR)),
                sanitize(&item.sentence)
            ),
        );
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "one of nine levels, from a part between 0 and 1"
)]
fn level(count: u32, most: u32) -> char {
    let top = LEVELS.len() - 1;
    let step = (f64::from(count) / f64::from(most) * 8.0).ceil() as usize;
    LEVELS.get(step.min(top)).copied().unwrap_or(' ')
}

fn row(out: &mut String, label: &str, text: &str) {
    line(out, format_args!("  {label:LABEL$}{text}"));
}

fn line(out: &mut String, text: core::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
pub(crate) mod tests;
