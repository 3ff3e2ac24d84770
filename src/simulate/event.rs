//! What can happen, other than an arrival.

/// An event. Each is checked when it comes: what it speaks of may have changed since it was put in the queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum SimulatedEvent {
    /// A thread is done with a task, on a server that serves first come first served.
    Finish(u32),
    /// Something happens inside a node that shares its CPU: a task ends, the quota is used up, or a period begins.
    Node(u32),
    /// The same inside a store.
    Store(u32),
    /// A request is sent again.
    Retry(u32),
    /// A node dies: index of the deaths in the model.
    Death(u32),
    /// It is back.
    Return(u32),
    /// The balancer sees whether a node lives.
    Check(u32),
    /// A node that was ordered is ready.
    Ready(u32),
    /// The controller is asked.
    Control,
}
