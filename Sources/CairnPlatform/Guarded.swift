import Glibc

/// A value that threads share, and a way to wait for it to change: a mutex with a condition.
///
/// The mutex guards `state`, and nothing else; `state` is reached only inside the closures, which run with the mutex
/// held and therefore must be short and must not call back into the same `Guarded`. The condition has no state of its
/// own: a waiting thread looks at `state` again whenever it is woken, so a wake-up too many does no harm, and a change
/// that is made under the mutex and followed by `notify` is never missed.
///
///     let queue = Guarded(Queue())
///     queue.update { $0.batches.append(batch) }                                       // any thread
///     let next = queue.wait(until: deadline, while: { $0.batches.isEmpty }) { $0.batches.popFirst() }  // the writer
///
/// It is for threads. A task of Swift's shared pool must not `wait`.
package final class Guarded<State: ~Copyable>: @unchecked Sendable {
    // @unchecked: `state` is touched only between lock() and unlock() of `mutex`.
    private var state: State
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    package init(_ state: consuming sending State) {
        self.state = state
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)

        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // Not the wall clock, which can jump; a condition knows no CLOCK_BOOTTIME.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Reads or changes the state. Nobody is woken: see ``update(_:)``.
    package func withLock<Result, Failure: Error>(
        _ body: (inout sending State) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        lock()
        defer { unlock() }
        return try body(&state)
    }

    /// Changes the state and wakes the threads that wait for a change.
    package func update<Result, Failure: Error>(
        _ body: (inout sending State) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        lock()
        defer {
            unlock()
            // Behind it: a thread that is woken while the mutex is held only goes to sleep again, for the mutex.
            notify()
        }
        return try body(&state)
    }

    /// Wakes every thread in `wait`, so that it looks at the state again.
    package func notify() {
        pthread_cond_broadcast(condition)
    }

    /// Waits as long as `blocked` is true of the state, but not beyond the deadline, and then runs `body`: in one
    /// critical section with the last look at the state, so nobody comes between.
    ///
    /// - Parameters:
    ///   - deadline: on the clock of ``SystemTimeSource/monotonic()``, in nanoseconds; nil waits for ever. A sleep of
    ///     the machine may delay the return.
    ///   - blocked: whether there is nothing to do yet. After the deadline `body` runs although it is still true.
    package func wait<Result, Failure: Error>(
        until deadline: Int64? = nil, while blocked: (inout sending State) -> Bool,
        then body: (inout sending State) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        lock()
        defer { unlock() }
        while blocked(&state) {
            guard let deadline else {
                pthread_cond_wait(condition, mutex)
                continue
            }
            let now = nanoseconds(of: CLOCK_BOOTTIME)
            if now >= deadline { break }
            sleep(atMost: deadline - now)
        }
        return try body(&state)
    }

    /// Waits for a wake-up with the mutex given up meanwhile.
    private func sleep(atMost remaining: Int64) {
        // At most an hour at once, so that no deadline however far overflows; `wait` comes again.
        let end = nanoseconds(of: CLOCK_MONOTONIC) + min(remaining, 3_600_000_000_000)
        var time = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
        let code = pthread_cond_timedwait(condition, mutex, &time)
        precondition(code == 0 || code == ETIMEDOUT, "pthread_cond_timedwait failed with errno \(code)")
    }

    private func lock() {
        let code = pthread_mutex_lock(mutex)
        precondition(code == 0, "pthread_mutex_lock failed with errno \(code)")
    }

    private func unlock() {
        let code = pthread_mutex_unlock(mutex)
        precondition(code == 0, "pthread_mutex_unlock failed with errno \(code)")
    }
}
