import Glibc
import Synchronization

/// flock(2) on the directory itself: no lock file that a crash could leave behind, and the kernel releases it with the
/// process. It belongs to the open file description, so two of them in one process exclude each other too.
final class PosixDirectoryLock: DirectoryLock {
    private let descriptor: Mutex<Descriptor?>

    /// - Parameter directory: an open file description that nobody else uses.
    init(_ directory: consuming Descriptor, path: String) throws(IOFailure) {
        let (number, kernel) = (directory.number, directory.kernel)
        try systemCall("flock", path) { kernel.flock(number, LOCK_EX | LOCK_NB) }
        descriptor = Mutex(directory)
    }

    func release() {
        // Closing alone would not do where a child process has inherited the description.
        descriptor.withLock { descriptor in
            if case .some(let held) = descriptor.take() { _ = held.kernel.flock(held.number, LOCK_UN) }
        }
    }
}
