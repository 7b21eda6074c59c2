//! A histogram that workers fill: each counts its own runs, and what it counted since its last heartbeat is added here.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};
use proto::http::{OVERHEAD_US, WorkerCounts};

/// How many kinds of run there are: one for each bound, and one above the last.
const KINDS: usize = OVERHEAD_US.len() + 1;

#[derive(Debug, Default)]
struct Filled {
    kinds: [u64; KINDS],
    sum_us: u64,
}

/// Time of runs beside the program. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overhead(Arc<Mutex<Filled>>);

impl Overhead {
    /// Adds what was counted between the two.
    pub(crate) fn add(&self, before: &WorkerCounts, now: &WorkerCounts) {
        let mut filled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, (kind, now)) in filled.kinds.iter_mut().zip(&now.overhead).enumerate() {
            let before = before.overhead.get(at).copied().unwrap_or(0);
            *kind = kind.saturating_add(now.saturating_sub(before));
        }
        filled.sum_us = filled.sum_us.saturating_add(now.overhead_us.saturating_sub(before.overhead_us));
    }
}

impl TypedMetric for Overhead {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Overhead {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let filled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bounds = OVERHEAD_US.iter().map(|us| *us as f64 / 1e6).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(filled.kinds).collect();
        let count = filled.kinds.iter().fold(0u64, |sum, kind| sum.saturating_add(*kind));
        encoder.encode_histogram::<NoLabelSet>(filled.sum_us as f64 / 1e6, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}
