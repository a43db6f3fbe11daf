package import CairnPlatform
package import Glibc
import Synchronization

/// A kernel with one directory tree, on a ``SimulatedDisk``, that fails when and how it is told to. What runs above it,
/// from ``PosixFileSystem`` on, is what runs in production.
///
/// Calls that change something are numbered from 0 on, so that a script can name any of them; those that only look have
/// numbers of their own.
package final class SimulatedKernel: Kernel {
    /// The path under which ``PosixFileSystem`` opens the tree.
    package static let rootPath = "/log"

    private struct OpenFile {
        var inode: Int
        var path: String
    }

    private struct State {
        var disk = SimulatedDisk()
        var open: [Int32: OpenFile] = [:]
        var nextDescriptor: Int32 = 3
        var locks: [Int: Int32] = [:]
        /// The names of the calls so far.
        var changes: [String] = []
        var looks: [String] = []
        var script: [Int: Fault] = [:]
        var lookScript: [Int: Fault] = [:]
        var rates = FaultRates.none
        var random = SeededRandom(seed: 0)
        var counts = FaultCounts()
        /// Calls without faults and without numbers: of somebody who only watches.
        var watchers = 0
        var isDown = false
        var capacity: Int?
        /// Inodes of which a sync has failed.
        var lost: Set<Int> = []
        /// What the program above does wrong with its calls, if anything; acted out here.
        var defect: Defect?
        /// What the calls so far came to, so that two runs can be compared.
        var trace: UInt64 = 0xCBF2_9CE4_8422_2325
    }

    private let state: Mutex<State>
    private let beforeChange = Mutex<(@Sendable (Int) -> Void)?>(nil)

    package init(_ disk: SimulatedDisk = SimulatedDisk()) {
        state = Mutex(State())
        state.withLock { $0.disk = disk }
    }

    // MARK: What a test does

    package var disk: SimulatedDisk { state.withLock { $0.disk } }
    /// The calls so far that changed something, each with the path that it was about.
    package var changes: [String] { state.withLock { $0.changes } }
    package var changeCount: Int { state.withLock { $0.changes.count } }
    package var looks: [String] { state.withLock { $0.looks } }
    package var lookCount: Int { state.withLock { $0.looks.count } }
    package var isDown: Bool { state.withLock { $0.isDown } }
    package var counts: FaultCounts { state.withLock { $0.counts } }
    package var trace: UInt64 { state.withLock { $0.trace } }
    package var openDescriptors: Int { state.withLock { $0.open.count } }

    /// The tree, opened as a program would.
    package func files() throws(IOFailure) -> PosixFileSystem {
        try PosixFileSystem(root: Self.rootPath, kernel: self)
    }

    /// Plans a fault at a change, counted from the first ever.
    package func fail(_ change: Int, _ fault: Fault) { state.withLock { $0.script[change] = fault } }

    package func failLook(_ look: Int, _ fault: Fault) { state.withLock { $0.lookScript[look] = fault } }

    /// Faults by chance from now on.
    package func fail(_ rates: FaultRates, seed: UInt64) {
        state.withLock { state in
            state.rates = rates
            state.random = SeededRandom(seed: seed)
        }
    }

    /// Runs `body` before each change, with its number: what another process does meanwhile.
    package func interrupt(_ body: (@Sendable (Int) -> Void)?) { beforeChange.withLock { $0 = body } }

    /// Bytes that the disk has room for; nil for any number.
    package func limit(to capacity: Int?) { state.withLock { $0.capacity = capacity } }

    /// Looks at the tree without faults, and without being counted.
    package func watch<R>(_ body: () throws -> R) rethrows -> R {
        state.withLock { $0.watchers += 1 }
        defer { state.withLock { $0.watchers -= 1 } }
        return try body()
    }

    func setDefect(_ defect: Defect) { state.withLock { $0.defect = defect } }

    /// Changes the disk behind everybody's back.
    package func change(_ body: (inout SimulatedDisk) -> Void) { state.withLock { body(&$0.disk) } }

    /// The process ends: nobody has a file open or a lock any more.
    package func endProcess() {
        state.withLock { state in
            state.open = [:]
            state.locks = [:]
        }
    }

    /// The machine starts again with what its disk has kept.
    package func restart(_ loss: SimulatedDisk.Loss) {
        state.withLock { state in
            state.disk = state.disk.crashed(loss)
            state.open = [:]
            state.locks = [:]
            state.lost = []
            state.isDown = false
        }
    }

    /// Whether a sync of the file with that name has failed.
    package func hasLostSync(_ path: String) -> Bool {
        state.withLock { state in state.disk.names[path].map { state.lost.contains($0) } ?? false }
    }

    // MARK: Calls

    private enum Outcome<R> {
        case success(R)
        case failure(Int32)
    }

    /// Numbers a call, asks what goes wrong with it, and does as much of it as is to be done.
    private func call<R: SignedInteger>(
        _ name: String, _ path: String, in directory: Int32 = AT_FDCWD, changes: Bool,
        _ body: (inout State, Fault?) -> Outcome<R>
    ) -> R {
        if changes, let hook = beforeChange.withLock({ $0 }), state.withLock({ $0.watchers == 0 && !$0.isDown }) {
            hook(state.withLock { $0.changes.count })
        }
        let outcome: Outcome<R> = state.withLock { state in
            if state.isDown { return .failure(EIO) }
            // A process of before the machine was started again.
            if directory != AT_FDCWD, state.open[directory] == nil { return .failure(EBADF) }
            let fault = Self.fault(&state, name, path, changes)
            guard let fault else { return Self.noting(body(&state, nil), &state) }
            state.counts.count(fault)
            if changes, state.watchers == 0 { state.changes[state.changes.count - 1] += " (\(fault))" }
            var outcome: Outcome<R>?
            if fault.progress != .none { outcome = body(&state, fault) }
            switch fault.kind {
            case .error(let code): return Self.noting(.failure(code), &state)
            case .interruption:
                // A call that got somewhere says how far, the others that they were interrupted.
                return Self.noting(outcome ?? .failure(EINTR), &state)
            case .failedSync: return Self.noting(.failure(EIO), &state)
            case .powerLoss:
                state.isDown = true
                return .failure(EIO)
            }
        }
        switch outcome {
        case .success(let result): return result
        case .failure(let code):
            errno = code
            return -1
        }
    }

    private static func noting<R>(_ outcome: Outcome<R>, _ state: inout State) -> Outcome<R> {
        if state.watchers > 0 { return outcome }
        let value: UInt64 =
            switch outcome {
            case .success: 1
            case .failure(let code): UInt64(bitPattern: Int64(code)) &+ 2
            }
        state.trace = (state.trace ^ value) &* 0x100_0000_01B3
        return outcome
    }

    private static func fault(_ state: inout State, _ name: String, _ path: String, _ changes: Bool) -> Fault? {
        if state.watchers > 0 { return nil }
        for byte in name.utf8 { state.trace = (state.trace ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let scripted: Fault?
        if changes {
            scripted = state.script.removeValue(forKey: state.changes.count)
            state.changes.append("\(name) \(path)")
        } else {
            scripted = state.lookScript.removeValue(forKey: state.looks.count)
            state.looks.append("\(name) \(path)")
        }
        return scripted ?? chance(&state, name, changes)
    }

    private static func chance(_ state: inout State, _ name: String, _ changes: Bool) -> Fault? {
        if state.random.happens(state.rates.interruption), name != "flock" {
            let isTransfer = name == "write" || name == "pread"
            return Fault(.interruption, progress: isTransfer && state.random.below(2) == 0 ? .half : .none)
        }
        let isSync = name == "fdatasync" || name == "fsync"
        if isSync, state.random.happens(state.rates.failedSync) {
            return Fault(.failedSync(keeps: state.random.below(2) == 0), progress: .whole)
        }
        if changes, state.random.happens(state.rates.powerLoss) {
            return Fault(.powerLoss, progress: Fault.Progress.allCases[state.random.below(3)])
        }
        let takesSpace = ["open", "write", "mkdir", "rename", "link"].contains(name) || isSync
        if changes, takesSpace, state.random.happens(state.rates.noSpace) {
            let progress: Fault.Progress = name == "write" ? .half : .none
            return Fault(.error(state.random.below(8) == 0 ? EDQUOT : ENOSPC), progress: progress)
        }
        if state.random.happens(state.rates.failure) {
            return Fault(.error(EIO), progress: isSync ? .none : Fault.Progress.allCases[state.random.below(3)])
        }
        return nil
    }

    private static func file(_ state: State, _ descriptor: Int32) -> Int? { state.open[descriptor]?.inode }

    private func path(_ descriptor: Int32) -> String { state.withLock { $0.open[descriptor]?.path ?? "?" } }

    /// The path below the root; nil for one that leads elsewhere.
    private static func resolve(_ state: State, _ directory: Int32, _ path: String) -> String? {
        if directory == AT_FDCWD { return path == rootPath ? "" : nil }
        return path == "." ? "" : path
    }

    private static func isHidden(_ state: State, _ path: String) -> Bool {
        state.watchers == 0 && state.defect?.hiddenPath == path
    }

    private static func parentIsThere(_ state: State, _ path: String) -> Bool {
        state.disk.names[SimulatedDisk.parent(path)] != nil
    }

    package func openat(_ directory: Int32, _ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 {
        call("open", path, in: directory, changes: flags & O_CREAT != 0) { state, _ in
            guard let path = Self.resolve(state, directory, path) else { return .failure(ENOENT) }
            var inode = Self.isHidden(state, path) ? nil : state.disk.names[path]
            if flags & O_CREAT != 0 {
                if inode != nil { return .failure(EEXIST) }
                guard Self.parentIsThere(state, path) else { return .failure(ENOENT) }
                inode = state.disk.make(path, mode: UInt32(mode), isDirectory: false)
            }
            guard let inode else { return .failure(ENOENT) }
            if flags & O_DIRECTORY != 0, !state.disk.inodes[inode].isDirectory { return .failure(ENOTDIR) }
            return .success(Self.open(&state, inode, path))
        }
    }

    private static func open(_ state: inout State, _ inode: Int, _ path: String) -> Int32 {
        defer { state.nextDescriptor += 1 }
        state.open[state.nextDescriptor] = OpenFile(inode: inode, path: path)
        return state.nextDescriptor
    }

    package func close(_ descriptor: Int32) -> Int32 {
        // Never fails here: a process that has ended may still let go of what it had.
        state.withLock { state in
            guard let file = state.open.removeValue(forKey: descriptor) else { return }
            if state.locks[file.inode] == descriptor { state.locks[file.inode] = nil }
        }
        return 0
    }

    package func duplicate(_ descriptor: Int32) -> Int32 {
        call("dup", path(descriptor), changes: false) { state, _ in
            guard let file = state.open[descriptor] else { return .failure(EBADF) }
            return .success(Self.open(&state, file.inode, file.path))
        }
    }

    package func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        call("write", path(descriptor), changes: true) { state, fault in
            guard let inode = Self.file(state, descriptor) else { return .failure(EBADF) }
            var count = bytes.count
            if fault?.progress == .half { count = max(1, count / 2) }
            if let capacity = state.capacity {
                count = min(count, max(0, capacity - state.disk.usedBytes))
                if count == 0, !bytes.isEmpty {
                    if state.watchers == 0 { state.counts.noSpace += 1 }
                    return .failure(ENOSPC)
                }
            }
            state.disk.append(UnsafeRawBufferPointer(rebasing: bytes[..<count]), to: inode)
            return .success(state.defect == .ignoresShortWrite ? bytes.count : count)
        }
    }

    package func pread(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, _ offset: off_t) -> Int {
        call("pread", path(descriptor), changes: false) { state, fault in
            guard let inode = Self.file(state, descriptor) else { return .failure(EBADF) }
            let bytes = state.disk.inodes[inode].live
            guard offset < bytes.count else { return .success(0) }
            var count = min(buffer.count, bytes.count - Int(offset))
            if fault?.progress == .half { count = max(1, count / 2) }
            bytes.withUnsafeBytes { bytes in
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[Int(offset)..<(Int(offset) + count)]))
            }
            return .success(count)
        }
    }

    package func ftruncate(_ descriptor: Int32, _ size: off_t) -> Int32 {
        call("ftruncate", path(descriptor), changes: true) { state, _ in
            guard let inode = Self.file(state, descriptor) else { return .failure(EBADF) }
            // Never longer: nothing in Cairn makes a hole.
            guard size <= state.disk.inodes[inode].live.count else { return .failure(EINVAL) }
            state.disk.truncate(inode, to: Int(size))
            return .success(0)
        }
    }

    package func fdatasync(_ descriptor: Int32) -> Int32 { synchronize("fdatasync", descriptor) }

    package func fsync(_ descriptor: Int32) -> Int32 { synchronize("fsync", descriptor) }

    private func synchronize(_ name: String, _ descriptor: Int32) -> Int32 {
        call(name, path(descriptor), changes: true) { state, fault in
            guard let file = state.open[descriptor] else { return .failure(EBADF) }
            if state.disk.inodes[file.inode].isDirectory {
                if case .failedSync? = fault?.kind { return .success(0) }
                if state.defect != .forgetsDirectorySync { state.disk.syncNames(of: file.path) }
                return .success(0)
            }
            if case .failedSync(let keeps)? = fault?.kind {
                state.lost.insert(file.inode)
                state.disk.failSync(file.inode, keeps: keeps, &state.random)
                return .success(0)
            }
            if fault?.progress != .half { state.disk.syncFile(file.inode) }
            return .success(0)
        }
    }

    private static func fill(_ result: inout stat, _ state: State, _ number: Int) {
        let inode = state.disk.inodes[number]
        result.st_dev = 1
        result.st_ino = UInt(number)
        result.st_mode = mode_t(inode.mode) | (inode.isDirectory ? S_IFDIR : S_IFREG)
        result.st_size = off_t(inode.live.count)
        result.st_mtim = timespec(tv_sec: Int(inode.version), tv_nsec: 0)
    }

    package func fstat(_ descriptor: Int32, _ result: inout stat) -> Int32 {
        call("fstat", path(descriptor), changes: false) { state, _ in
            guard let inode = Self.file(state, descriptor) else { return .failure(EBADF) }
            Self.fill(&result, state, inode)
            return .success(0)
        }
    }

    package func fstatat(_ directory: Int32, _ path: String, _ result: inout stat) -> Int32 {
        call("stat", path, in: directory, changes: false) { state, _ in
            guard let path = Self.resolve(state, directory, path), let inode = state.disk.names[path],
                !Self.isHidden(state, path)
            else { return .failure(ENOENT) }
            Self.fill(&result, state, inode)
            return .success(0)
        }
    }

    package func fchmod(_ descriptor: Int32, _ mode: mode_t) -> Int32 {
        call("fchmod", path(descriptor), changes: true) { state, _ in
            guard let inode = Self.file(state, descriptor) else { return .failure(EBADF) }
            state.disk.setMode(inode, UInt32(mode))
            return .success(0)
        }
    }

    package func mkdirat(_ directory: Int32, _ path: String, _ mode: mode_t) -> Int32 {
        call("mkdir", path, in: directory, changes: true) { state, _ in
            guard let path = Self.resolve(state, directory, path) else { return .failure(ENOENT) }
            if state.disk.names[path] != nil { return .failure(EEXIST) }
            _ = state.disk.make(path, mode: UInt32(mode), isDirectory: true)
            return .success(0)
        }
    }

    package func renameat(_ directory: Int32, _ from: String, _ to: String) -> Int32 {
        call("rename", to, in: directory, changes: true) { state, _ in
            guard let inode = state.disk.names[from] else { return .failure(ENOENT) }
            // No part of Cairn moves a file between directories; what a crash may leave of that is not modelled.
            guard SimulatedDisk.parent(from) == SimulatedDisk.parent(to) else { return .failure(EXDEV) }
            state.disk.change(.move(from: from, to: to, inode), in: to)
            return .success(0)
        }
    }

    package func linkat(_ directory: Int32, _ from: String, _ to: String) -> Int32 {
        call("link", to, in: directory, changes: true) { state, _ in
            guard let inode = state.disk.names[from] else { return .failure(ENOENT) }
            if state.disk.names[to] != nil { return .failure(EEXIST) }
            state.disk.change(.add(to, inode), in: to)
            return .success(0)
        }
    }

    package func unlinkat(_ directory: Int32, _ path: String) -> Int32 {
        call("unlink", path, in: directory, changes: true) { state, _ in
            guard let inode = state.disk.names[path] else { return .failure(ENOENT) }
            if state.disk.inodes[inode].isDirectory { return .failure(EISDIR) }
            state.disk.change(.remove(path), in: path)
            return .success(0)
        }
    }

    package func fstatvfs(_ descriptor: Int32, _ result: inout statvfs) -> Int32 {
        call("statvfs", "", changes: false) { state, _ in
            let free = state.capacity.map { max(0, $0 - state.disk.usedBytes) } ?? 1 << 50
            result.f_frsize = 1
            result.f_bavail = UInt(free)
            return .success(0)
        }
    }

    package func flock(_ descriptor: Int32, _ operation: Int32) -> Int32 {
        call("flock", "", changes: false) { state, _ in
            guard let inode = Self.file(state, descriptor) else { return .failure(EBADF) }
            if operation & LOCK_UN != 0 {
                state.locks[inode] = nil
            } else if state.locks[inode] != nil {
                return .failure(EWOULDBLOCK)
            } else {
                state.locks[inode] = descriptor
            }
            return .success(0)
        }
    }

    package func names(consuming descriptor: Int32) -> [String]? {
        let directory = path(descriptor)
        var names: [String] = []
        let result: Int32 = call("readdir", directory, changes: false) { state, _ in
            let prefix = directory.isEmpty ? "" : directory + "/"
            names = state.disk.names.keys
                .filter { !$0.isEmpty && SimulatedDisk.parent($0) == directory }
                .map { String($0.dropFirst(prefix.count)) }
            return .success(0)
        }
        let code = errno
        _ = close(descriptor)
        errno = code
        return result == 0 ? names + [".", ".."] : nil
    }
}
