//! What a developer of Carrel runs: local clusters, images, and what is built on them.

pub mod bench;
mod cargo;
pub mod cluster;
pub mod code_server;
pub mod demo;
pub mod generate;
pub mod home;
pub mod images;
pub mod jupyter;
pub mod packages;
pub mod programs;
pub mod progress;
pub mod tensorboard;
pub mod test;
pub mod web;
