//! lockline's primitives beside their peers: cases, rounds, and the page they end in.
//!
//! * [`case`] says what is measured, and takes one sample of it.
//! * [`rounds`] measures every case once a round, in an order that changes.
//! * [`page`] makes Markdown, CSV and the picture.
//! * [`groups`] has the cases themselves, a file for each primitive.
//!
//! A new group is a function that returns cases, named in [`groups::all`].

pub mod case;
pub mod groups;
pub mod page;
pub mod rounds;
