import Glibc
import Synchronization

/// A thread of its own for work that blocks (fdatasync, compression), which must not sit on Swift's shared pool.
///
/// Signals are not delivered to it: they stay with the threads that handle them, and its system calls are not
/// interrupted. Unless `join` is called, it runs on by itself when the last reference goes.
package final class DedicatedThread: Sendable {
    /// The thread until somebody joined it.
    private let thread: Mutex<pthread_t?>

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - name: what ps and top show; the kernel keeps its first 15 bytes.
    ///   - body: what it does; the thread ends with it.
    package init(name: String, _ body: @escaping @Sendable () -> Void) throws(IOFailure) {
        let work = Unmanaged.passRetained(Work(name: name, body: body))
        let previousMask = Self.blockSignals()
        var created = pthread_t()
        let code = pthread_create(&created, nil, { Work.run($0) }, work.toOpaque())
        Self.restoreSignals(previousMask)
        guard code == 0 else {
            work.release()
            throw IOFailure(operation: "pthread_create", path: name, code: code)
        }
        thread = Mutex(created)
    }

    deinit {
        if let thread = thread.withLock({ $0 }) { pthread_detach(thread) }
    }

    /// Waits until the thread has ended. Only the first call waits; the thread must not join itself.
    package func join() {
        let joined = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        if let joined { pthread_join(joined, nil) }
    }

    /// What the new thread inherits: everything blocked but the signals that a fault of the thread itself raises, as
    /// these would otherwise kill the process without a backtrace.
    private static func blockSignals() -> sigset_t {
        var blocked = sigset_t()
        sigfillset(&blocked)
        for signal in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT] { sigdelset(&blocked, signal) }
        var previous = sigset_t()
        pthread_sigmask(SIG_SETMASK, &blocked, &previous)
        return previous
    }

    private static func restoreSignals(_ mask: sigset_t) {
        var mask = mask
        pthread_sigmask(SIG_SETMASK, &mask, nil)
    }
}

/// What a new thread takes with it.
private final class Work: Sendable {
    private let name: String
    private let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }

    /// The start routine of pthread_create(3).
    static func run(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let argument else { return nil }
        let work = Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
        work.nameThread()
        work.body()
        return nil
    }

    /// What pthread_setname_np(3) does, which Glibc does not show to Swift. Without /proc the thread has no name.
    private func nameThread() {
        let number = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard number >= 0 else { return }
        let comm = Descriptor(number)
        let bytes = Array(name.utf8.prefix(15))
        _ = write(comm.number, bytes, bytes.count)
    }
}
