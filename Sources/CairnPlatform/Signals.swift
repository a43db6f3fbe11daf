import Glibc

/// Signals to a process, taken one by one where they can be answered in peace, instead of in a handler (sigwait(3)).
package enum Signals {
    /// Has `body` called, on a thread of its own, with each signal of `numbers` that comes from now on, until the process
    /// ends. Several of one kind that come at the same time may be one.
    ///
    /// To be called before any other thread is started: a thread takes over from the one that starts it which signals it
    /// does not take itself.
    package static func receive(
        _ numbers: [Int32], _ body: @escaping @Sendable (Int32) -> Void
    ) throws(IOFailure) {
        var set = sigset_t()
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
        let code = pthread_sigmask(SIG_BLOCK, &set, nil)
        guard code == 0 else { throw IOFailure(operation: "pthread_sigmask", path: "", code: code) }
        let awaited = set
        // It runs on without its reference.
        _ = try DedicatedThread(name: "cairn-signals") {
            var awaited = awaited
            while true {
                var number: Int32 = 0
                if sigwait(&awaited, &number) == 0 { body(number) }
            }
        }
    }
}
