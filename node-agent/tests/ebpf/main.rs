//! The kernel side on the running kernel, as root. Where that cannot be, each test says so in one line and passes.
#![cfg(test)]

#[cfg(test)]
mod balancer;
#[cfg(test)]
mod causes;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod container;
#[cfg(test)]
mod failed_connects;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod load;
#[cfg(test)]
mod mesh;
#[cfg(test)]
mod nested;
#[cfg(test)]
mod older;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod short_lived;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod stage;
