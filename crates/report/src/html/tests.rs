use super::*;
use crate::text::tests::example;

#[test]
fn hostile_names_are_text_and_nothing_else() {
    let finding = example();
    let page = page(&[&finding], "read 5 rows from /tmp/<b>x</b>.log\n", true);
    for part in ["<script", "<img", "onerror=alert(1)>", "<b>", "\x1b", "\u{202e}"] {
        assert!(!page.contains(part), "{part:?} in the page");
    }
    assert!(page.contains("&lt;script&gt;"));
    assert!(page.contains("\\u{202e}"));
}

#[test]
fn a_page_needs_nothing_from_elsewhere() {
    let finding = example();
    let page = page(&[&finding], "", true);
    for part in ["http://", "https://", "src=", "@import", "url(", "<link", "javascript:"] {
        let mut allowed = page.replace("src=x onerror", "");
        allowed = allowed.replace("default-src 'none'", "");
        assert!(!allowed.contains(part), "{part} in the page");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn pictures_say_in_words_what_they_show() {
    let finding = example();
    let page = page(&[&finding], "", true);
    for part in [
        "The last 40 of 340 check-ins",
        "330 of 339 fell into the predicted",
        "<dt>sent</dt><dd>123.5 kB",
        "+5.2",
        "-0.8",
    ] {
        assert!(page.contains(part), "{part} not in the page");
    }
    assert_eq!(page.matches("role=\"img\"").count(), page.matches("aria-label=").count());
    assert_eq!(page.matches("<details").count(), 1);
}

#[test]
fn nothing_is_told_by_colour_or_column_alone() {
    let finding = example();
    let page = page(&[&finding], "", true);
    for part in [
        "<dt>sent</dt>",
        "<dt>received</dt>",
        "against | for",
        "data-label=\"check-ins\"",
        "<th scope=\"row\">",
        "<summary><h2>",
    ] {
        assert!(page.contains(part), "{part} not in the page");
    }
    let columns = page.matches("<th scope=\"col\"").count();
    assert_eq!(columns, 8 + 4, "every column of both tables has a header");
}

#[test]
fn no_findings_make_a_page_too() {
    assert!(page(&[], "", true).contains("No beacons found"));
    assert!(page(&[], "", false).contains("nothing to judge"), "silence of no traffic proves nothing");
}

/// A browser, if this machine has one.
fn browser() -> Option<&'static str> {
    let found = |name: &&str| std::process::Command::new(name).arg("--version").output().is_ok();
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| found(name))
}

/// The document as the browser has it after running whatever it would run.
fn dump(browser: &str, page: &std::path::Path, screenshot: Option<&std::path::Path>) -> String {
    let profile = page.with_extension("profile");
    let mut command = std::process::Command::new(browser);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1280,1400",
        "--hide-scrollbars",
    ]);
    command.arg(format!("--user-data-dir={}", profile.display()));
    match screenshot {
        Some(path) => command.arg(format!("--screenshot={}", path.display())),
        None => command.arg("--dump-dom"),
    };
    let output = command.arg(format!("file://{}", page.display())).output().unwrap();
    let _ = std::fs::remove_dir_all(profile);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_browser_shows_the_page_and_runs_nothing_in_it() {
    let Some(browser) = browser() else {
        return beaconwatch_skip::skip("no chromium on this machine");
    };
    let finding = example();
    let directory = std::env::temp_dir().join(format!("beaconwatch-page-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("findings.html");
    // A script that got through would change the title.
    let hostile =
        "</li><script>document.title='owned'</script>\n<img src=x onerror=\"document.title='owned'\">";
    std::fs::write(&path, page(&[&finding], hostile, true)).unwrap();
    let document = dump(browser, &path, None);
    let picture = directory.join("findings.png");
    dump(browser, &path, Some(&picture));
    let size = std::fs::metadata(&picture).map_or(0, |meta| meta.len());
    let _ = std::fs::remove_dir_all(&directory);
    assert!(document.contains("<title>beaconwatch findings</title>"), "{document}");
    assert!(!document.contains("<script") && !document.contains("<img"), "{document}");
    assert!(document.contains("role=\"img\"") && document.contains("330 of 339"), "{document}");
    assert!(size > 20_000, "the picture of the page has {size} bytes");
}
