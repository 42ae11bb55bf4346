//! A thread guesses that an end of the queue is where it left it: what it guesses wrong is not seen in any answer.

#[path = "queue_guesses/programs.rs"]
mod programs;

#[test]
fn another_queue_in_its_place() {
    programs::another_queue_in_its_place();
}

#[test]
fn an_end_that_was_moved_since() {
    programs::an_end_that_was_moved_since();
}
