//! The node agent.

fn main() -> anyhow::Result<()> {
    Ok(())
}
