use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Index;
use super::prepared::{Prepared, hits_of_a_plan};
use super::slicing::{Slicing, name};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::plan::{Memory, Plan, Shared};

/// The index on the device: a plan for each power of two of hits that was asked for, all of which share the vectors.
pub(super) struct Plans {
    /// How many vectors they are of.
    rows: usize,
    by_hits: BTreeMap<usize, Arc<Plan>>,
    shared: Shared,
}

impl Plans {
    pub(super) fn none(gpu: &Gpu) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            rows: 0,
            by_hits: BTreeMap::new(),
            shared: Shared::new(gpu),
        }))
    }

    /// What is on the device now is there for an index that goes on by itself, too.
    pub(super) fn apart(&self) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            rows: 0,
            by_hits: BTreeMap::new(),
            shared: self.shared.apart(),
        }))
    }

    /// The plan for so many hits of so many vectors, if it is there.
    fn get(&self, rows: usize, hits: usize) -> Option<Arc<Plan>> {
        let current = self.by_hits.get(&hits).filter(|_| self.rows == rows);
        current.map(Arc::clone)
    }

    /// Lets go of what other vectors need.
    fn keep_only(&mut self, slicing: Slicing) {
        let names: HashSet<String> = slicing.slices().map(|slice| name(&slice)).collect();
        self.by_hits.clear();
        self.shared.keep(|tensor| names.contains(tensor));
        self.rows = slicing.count;
    }

    pub(super) fn memory(&self, limits: &wgpu::Limits) -> Memory {
        let mut all = Memory {
            weights: self.shared.bytes(limits),
            ..Memory::default()
        };
        for own in self.by_hits.values().map(|plan| plan.memory()) {
            all.activations += own.runs as u64 * own.activations;
            all.staging += own.runs as u64 * own.staging;
            all.runs |= usize::from(own.runs > 0);
        }
        all
    }
}

impl Index {
    /// Brings the vectors that were added since to the device, so that the next search need not.
    ///
    /// # Errors
    /// As [`Plan::compile`], for the device.
    pub fn upload(&self) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        self.plan(1).map(drop)
    }

    /// [`Index::upload`], on a thread of its own, without blocking this one.
    ///
    /// # Errors
    /// As [`Index::upload`].
    pub async fn upload_async(&self) -> Result<()> {
        let own = self.clone();
        self.gpu.off_thread(move || own.upload()).await
    }

    /// [`Index::upload`], and runs every pipeline of a search for `k` hits once, so that the first search is as fast as the
    /// next.
    ///
    /// # Errors
    /// As [`Index::search`].
    pub fn warm_up(&self, k: usize) -> Result<()> {
        self.gpu.block_on(self.warm_up_async(k))
    }

    /// [`Index::warm_up`], without blocking the thread.
    ///
    /// # Errors
    /// As [`Index::search`].
    pub async fn warm_up_async(&self, k: usize) -> Result<()> {
        let hits = k.min(self.len());
        if hits == 0 {
            return Ok(());
        }
        let (plan, _) = self.plan_async(hits).await?;
        plan.warm_up_async().await
    }

    pub(super) fn plans(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plan that finds at least `hits` for each query, at least 1 and at most as many as there are vectors, and the
    /// number that it finds.
    pub(super) fn plan(&self, hits: usize) -> Result<(Arc<Plan>, usize)> {
        let hits = hits_of_a_plan(hits)?;
        let mut plans = self.plans();
        if let Some(plan) = plans.get(self.len(), hits) {
            return Ok((plan, hits));
        }
        let plan = Arc::new(self.compile(&mut plans, hits)?);
        plans.by_hits.insert(hits, Arc::clone(&plan));
        Ok((plan, hits))
    }

    /// [`Index::plan`], on a thread of its own where it must be compiled, or somebody compiles another.
    pub(super) async fn plan_async(&self, hits: usize) -> Result<(Arc<Plan>, usize)> {
        if let Some(there) = self.plan_at_once(hits)? {
            return Ok(there);
        }
        let own = self.clone();
        self.gpu.off_thread(move || own.plan(hits)).await
    }

    fn plan_at_once(&self, hits: usize) -> Result<Option<(Arc<Plan>, usize)>> {
        let hits = hits_of_a_plan(hits)?;
        let plans = self.plans.try_lock().ok();
        let plan = plans.and_then(|plans| plans.get(self.len(), hits));
        Ok(plan.map(|plan| (plan, hits)))
    }

    /// Beside those there are: what they have on the device, this one need not bring.
    fn compile(&self, plans: &mut Plans, hits: usize) -> Result<Plan> {
        let slicing = self.rows.slicing();
        let Prepared { graph, options } = Prepared::new(&self.gpu, slicing, hits, &self.options)?;
        if plans.rows != slicing.count {
            plans.keep_only(slicing);
        }
        let compile = |plans: &mut Plans| {
            let rows = Arc::clone(&self.rows) as _; // which the plan lets go of
            Plan::compile_sharing(&mut plans.shared, &self.gpu, &graph, rows, &options)
        };
        match compile(plans) {
            // Alone it fits: on a software adapter the vectors are there as textures, and now wanted in buffers.
            Err(Error::Limit { .. }) if !plans.by_hits.is_empty() => {
                plans.by_hits.clear();
                plans.shared.keep(|_| false);
                compile(plans)
            }
            result => result,
        }
    }
}
