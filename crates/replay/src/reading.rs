//! What a replay reads, in steps for the loop: the part of it that was asked for, several inputs at a time.

use beaconwatch_engine::engine::LOOK_AHEAD;
use beaconwatch_engine::run::Step;
use beaconwatch_engine::time::Timestamp;

use crate::feed::{Feed, FeedItem};
use crate::home_networks::HomeNetworks;
use crate::progress::Progress;
use crate::span::Span;
use crate::tally::Tally;

/// A feed that is being read.
pub(super) struct Reading {
    pub(super) feed: Feed,
    pub(super) span: Span,
    pub(super) home: HomeNetworks,
    /// Connections that are not judged.
    pub(super) unjudged: Tally,
    progress: Progress,
}

impl Reading {
    pub(super) fn of(feed: Feed, span: Span, home: HomeNetworks) -> Self {
        let progress = Progress::of(feed.bytes_total());
        Self { feed, span, home, unjudged: Tally::default(), progress }
    }

    /// The next inputs, or the end.
    pub(super) fn step(&mut self) -> Step {
        let Self { feed, span, home, unjudged, progress } = self;
        let mut inputs = Vec::with_capacity(LOOK_AHEAD);
        while inputs.len() < LOOK_AHEAD
            && let Some(taken) = feed.take()
        {
            match taken {
                FeedItem::Input(time, input) if span.admits(time, &input) && home.admits(&input) => {
                    inputs.push((time, input));
                    progress.step(time, feed);
                }
                FeedItem::Unjudged(time, host)
                    if span.admits_traffic(time) && host.is_none_or(|host| home.admits_host(host)) =>
                {
                    unjudged.count_unjudged(time, host);
                    progress.step(time, feed);
                }
                FeedItem::Input(..) | FeedItem::Unjudged(..) => {}
            }
        }
        if !inputs.is_empty() {
            return Step::Inputs(inputs);
        }
        progress.finish();
        Step::End(span.end(feed.end().unwrap_or(Timestamp::ZERO)).max(unjudged.last))
    }
}
