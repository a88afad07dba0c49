//! Leader election by Lease: at any time at most one replica writes.
//!
//! The way client-go does it: a holder renews; another replica takes over when it has seen no change of the
//! Lease for its whole duration, by its own clock, so clocks of replicas need not agree. Every write carries the
//! `resourceVersion` that was read, so of two candidates one gets a conflict. A holder that cannot renew steps
//! down before the others may take over.
//!
//! RBAC: `coordination.k8s.io/leases`: get, create, update (in the operator's own namespace).

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How long things take; `renew_deadline` < `duration` is what keeps two leaders apart.
#[derive(Clone, Copy, Debug)]
pub struct LeaseTimes {
    /// A Lease that was not renewed for this long may be taken over.
    pub duration: Duration,
    /// A leader that could not renew for this long steps down.
    pub renew_deadline: Duration,
    /// Time between two tries.
    pub retry: Duration,
}

impl Default for LeaseTimes {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// What a replica is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leadership {
    /// The API server has not answered yet.
    #[default]
    Unknown,
    /// Another replica leads.
    Standby,
    /// This replica leads.
    Leading,
}

/// Why a try did not end in holding the Lease.
#[derive(Debug, thiserror::Error)]
enum LeaseError {
    /// The API server refused or could not be reached; 409 is another replica that was faster.
    #[error("cannot write the lease: {0}")]
    Api(#[from] kube::Error),
}

/// What this replica saw last of a Lease that another one holds.
#[derive(Clone, Debug, PartialEq)]
struct Observed {
    holder: Option<String>,
    renewed: Option<MicroTime>,
    version: Option<String>,
}

/// One replica's part in the election.
#[derive(Debug)]
pub struct Candidate {
    leases: Api<Lease>,
    name: String,
    identity: String,
    times: LeaseTimes,
    observed: Option<(Observed, Instant)>,
}

impl Candidate {
    /// A candidate for the Lease `name`, known to the others as `identity` (the pod's name).
    #[must_use]
    pub fn for_lease(
        leases: Api<Lease>,
        name: impl Into<String>,
        identity: impl Into<String>,
        times: LeaseTimes,
    ) -> Self {
        Self { leases, name: name.into(), identity: identity.into(), times, observed: None }
    }

    /// Takes part until `stop` says true; `leadership` always holds what this replica is. Lets go at the end, so
    /// that the next replica need not wait.
    pub async fn run(mut self, leadership: watch::Sender<Leadership>, mut stop: watch::Receiver<bool>) {
        let mut renewed = None;
        loop {
            let began = Instant::now();
            let deadline = renewed.unwrap_or(began) + self.times.renew_deadline;
            let tried = timeout_at(deadline.max(began + self.times.retry), self.acquire()).await;
            let answered = matches!(tried, Ok(Ok(_)));
            match tried {
                Ok(Ok(true)) => renewed = Some(began),
                Ok(Ok(false)) => renewed = None,
                Ok(Err(LeaseError::Api(error))) => tracing::warn!(%error, "cannot acquire the lease"),
                Err(_) => tracing::warn!("no answer while acquiring the lease"),
            }
            renewed = renewed.filter(|at: &Instant| at.elapsed() < self.times.renew_deadline);
            match renewed {
                Some(_) => announce(&leadership, Leadership::Leading, &self.identity),
                None if *leadership.borrow() == Leadership::Unknown && !answered => {}
                None => announce(&leadership, Leadership::Standby, &self.identity),
            }
            tokio::select! {
                () = tokio::time::sleep(self.times.retry) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        announce(&leadership, Leadership::Standby, &self.identity);
        if renewed.is_some()
            && let Err(LeaseError::Api(error)) = self.release().await
        {
            tracing::warn!(%error, "cannot release the lease; the next leader waits for it to run out");
        }
    }

    /// Creates, renews or takes over the Lease. `Ok(false)`: somebody else holds it.
    async fn acquire(&mut self) -> Result<bool, LeaseError> {
        let Some(mut lease) = self.leases.get_opt(&self.name).await? else {
            let lease = Lease { metadata: self.metadata(), spec: Some(self.spec(None)) };
            return self.written(self.leases.create(&PostParams::default(), &lease).await);
        };
        let current = lease.spec.take().unwrap_or_default();
        let holder = current.holder_identity.clone().filter(|holder| !holder.is_empty());
        let ours = holder.as_deref() == Some(self.identity.as_str());
        if !ours && holder.is_some() && !self.has_run_out(&lease, &current) {
            return Ok(false);
        }
        lease.spec = Some(self.spec(Some((&current, ours))));
        self.written(self.leases.replace(&self.name, &PostParams::default(), &lease).await)
    }

    /// Nobody else has touched the Lease for its whole duration, as this replica saw it.
    fn has_run_out(&mut self, lease: &Lease, spec: &LeaseSpec) -> bool {
        let seen = Observed {
            holder: spec.holder_identity.clone(),
            renewed: spec.renew_time.clone(),
            version: lease.metadata.resource_version.clone(),
        };
        let duration = spec
            .lease_duration_seconds
            .and_then(|secs| u64::try_from(secs).ok())
            .map_or(self.times.duration, Duration::from_secs);
        match &self.observed {
            Some((last, since)) if *last == seen => since.elapsed() > duration,
            Some(_) | None => {
                self.observed = Some((seen, Instant::now()));
                false
            }
        }
    }

    /// A conflict is an answer, not a failure: another replica was faster.
    fn written(&mut self, result: kube::Result<Lease>) -> Result<bool, LeaseError> {
        match result {
            Ok(_) => {
                self.observed = None;
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Leaves the Lease without holder.
    async fn release(&mut self) -> Result<(), LeaseError> {
        let Some(mut lease) = self.leases.get_opt(&self.name).await? else { return Ok(()) };
        let Some(spec) = lease.spec.as_mut() else { return Ok(()) };
        if spec.holder_identity.as_deref() != Some(self.identity.as_str()) {
            return Ok(());
        }
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        self.leases.replace(&self.name, &PostParams::default(), &lease).await?;
        Ok(())
    }

    fn metadata(&self) -> ObjectMeta {
        ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() }
    }

    fn spec(&self, current: Option<(&LeaseSpec, bool)>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let transitions = current.and_then(|(spec, _)| spec.lease_transitions).unwrap_or(0);
        let (acquired, transitions) = match current {
            Some((spec, true)) => (spec.acquire_time.clone(), transitions),
            Some((_, false)) => (None, transitions.saturating_add(1)),
            None => (None, 0),
        };
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(i32::try_from(self.times.duration.as_secs()).unwrap_or(i32::MAX)),
            acquire_time: Some(acquired.unwrap_or_else(|| now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }
}

fn announce(leadership: &watch::Sender<Leadership>, now: Leadership, identity: &str) {
    leadership.send_if_modified(|was| {
        let changed = *was != now;
        if changed {
            tracing::info!(identity, leadership = ?now, "leadership changed");
        }
        *was = now;
        changed
    });
}
