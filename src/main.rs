//! Start here to run it: the command line decides what happens.

fn main() {}
