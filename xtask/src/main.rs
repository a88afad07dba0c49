//! Build and code-generation jobs.

fn main() -> anyhow::Result<()> {
    Ok(())
}
