//! What is known beyond one actor: signatures and their age, replicas, prevalence of destinations, usual rates, budget.

pub(crate) mod population;
