//! Findings as one self-contained page: no network, no script, readable in light and dark, by keyboard and by screen
//! reader.
//!
//! Everything that is not from here goes through [`escape`]. Should something slip through all the same, the
//! page's content security policy lets nothing run and nothing load.

use core::fmt::Write;

use beaconwatch_engine::assess::finding::{Finding, Severity};

use super::{calendar, figure, sanitize, text};

mod svg;

/// Findings on a page; weaker ones beyond are left out, and the page says so.
pub const FINDINGS_MAX: usize = 2000;

/// Text as HTML: sanitized, and with the five special characters escaped. Fit for elements and for
/// attributes in quotes.
#[must_use]
pub fn escape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len() + 16);
    for character in sanitize(raw).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// The page. `findings` strongest first; `notes` are what the summary says, line by line; `judged` says whether
/// there was any traffic at all: where there was none, its silence proves nothing.
#[must_use]
pub fn page(findings: &[&Finding], notes: &str, judged: bool) -> String {
    let mut out = String::with_capacity(16 << 10);
    out.push_str(HEAD);
    put(&mut out, format_args!("<style>{}</style></head><body>\n", include_str!("html/page.css")));
    put(&mut out, format_args!("<header><h1>beaconwatch: {}</h1>\n", count(findings)));
    out.push_str("<ul class=\"notes\">");
    for note in notes.lines().filter(|note| !note.trim().is_empty()) {
        put(&mut out, format_args!("<li>{}</li>", escape(note.trim())));
    }
    out.push_str("</ul></header>\n<main>\n");
    if findings.is_empty() && judged {
        out.push_str("<p class=\"none\">No beacons found in this traffic.</p>\n");
    } else if findings.is_empty() {
        out.push_str("<p class=\"none\">There was nothing to judge: no traffic was read.</p>\n");
    } else {
        table(&mut out, findings);
    }
    out.push_str("</main>\n</body></html>\n");
    out
}

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
base-uri 'none'; form-action 'none'\">\n\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
<title>beaconwatch findings</title>\n";

fn count(findings: &[&Finding]) -> String {
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let parts: Vec<String> = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low]
        .into_iter()
        .filter(|severity| of(*severity) > 0)
        .map(|severity| format!("{} {}", of(severity), severity.as_str()))
        .collect();
    let noun = if findings.len() == 1 { "finding" } else { "findings" };
    if parts.is_empty() {
        format!("no {noun}")
    } else {
        format!("{} {noun} ({})", findings.len(), parts.join(", "))
    }
}

fn table(out: &mut String, findings: &[&Finding]) {
    if findings.len() > FINDINGS_MAX {
        put(
            out,
            format_args!("<p>The {FINDINGS_MAX} strongest of {} findings are shown.</p>\n", findings.len()),
        );
    }
    out.push_str(
        "<table><caption>Findings, strongest first. Each opens to its pictures and its evidence.</caption>\n<thead><tr>\
<th scope=\"col\">Severity</th><th scope=\"col\" class=\"number\">Bits</th><th scope=\"col\">Kind</th>\
<th scope=\"col\">Who</th><th scope=\"col\">Where to</th><th scope=\"col\" class=\"number\">Check-ins</th>\
<th scope=\"col\" class=\"number\">Period</th><th scope=\"col\">Last seen (UTC)</th></tr></thead>\n",
    );
    for (index, finding) in findings.iter().take(FINDINGS_MAX).enumerate() {
        row(out, finding, index == 0);
    }
    out.push_str("</table>\n");
}

fn row(out: &mut String, finding: &Finding, open: bool) {
    let severity = finding.severity.as_str();
    let period = finding.rhythm.map_or_else(String::new, |rhythm| figure::seconds(rhythm.period_secs.into()));
    put(out, format_args!("<tbody id=\"finding-{}\"><tr class=\"head\">", finding.id));
    put(out, format_args!("<td><span class=\"severity {severity}\">{severity}</span></td>"));
    cell(out, "number", "bits", &format!("{:.1}", finding.score));
    cell(out, "kind", "", finding.kind.as_str());
    put(out, format_args!("<th scope=\"row\">{}</th>", escape(&text::who(finding))));
    cell(out, "destination", "to", &text::destination(finding));
    cell(out, "number", "check-ins", &finding.check_ins.to_string());
    cell(out, "number", if period.is_empty() { "" } else { "every" }, &period);
    cell(out, "time", "last seen", &calendar::date_time(finding.window.1));
    put(
        out,
        format_args!(
            "</tr>\n<tr class=\"detail\"><td colspan=\"8\"><details{}><summary><h2>{}</h2></summary>\n",
            if open { " open" } else { "" },
            escape(&finding.summary)
        ),
    );
    detail(out, finding);
    out.push_str("</details></td></tr></tbody>\n");
}

/// A cell. `label` is shown on a narrow screen, where the table has no columns that would say what a figure is.
fn cell(out: &mut String, class: &str, label: &str, value: &str) {
    put(out, format_args!("<td class=\"{class}\" data-label=\"{label}\">{}</td>", escape(value)));
}

fn detail(out: &mut String, finding: &Finding) {
    out.push_str("<div class=\"pictures\">\n");
    svg::check_ins(out, finding);
    svg::gaps(out, finding);
    svg::bytes(out, finding);
    out.push_str("</div>\n");
    svg::evidence(out, &finding.evidence);
    facts(out, finding);
}

fn facts(out: &mut String, finding: &Finding) {
    out.push_str("<dl>");
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            put(out, format_args!("<div><dt>{name}</dt><dd>{}</dd></div>", escape(&value)));
        }
    };
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    fact("Finding", finding.id.to_string());
    fact("From", calendar::date_time(finding.window.0));
    fact("To", calendar::date_time(finding.window.1));
    fact("SNI", text(finding.sni.as_deref()));
    fact("JA4", text(finding.ja4.as_deref()));
    fact("Container", text(finding.container_name.as_deref()));
    let replicas = finding.replicas.map_or_else(String::new, |replicas| replicas.to_string());
    fact("Replicas that do it", replicas);
    fact("Policy", finding.policy.name.to_string());
    if finding.lost > 0 {
        fact("Records lost inside the window", finding.lost.to_string());
    }
    out.push_str("</dl>\n");
}

fn put(out: &mut String, text: core::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests;
