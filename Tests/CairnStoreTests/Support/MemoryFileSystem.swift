import CairnPlatform
import Glibc
import Synchronization

/// A file system in memory that keeps in a crash what its contract promises, and no more: bytes that were synced, names
/// whose directory was synced. Whatever else was done since may be there or not, in any mixture.
///
/// Operations that change something are counted, and a script can make any of them fail or be the last before the
/// power goes.
final class MemoryFileSystem: FileSystem {
    /// What happens at one operation.
    struct Fault: Sendable {
        enum Kind: Sendable {
            /// The operation fails with this errno.
            case error(Int32)
            /// From here on nothing works any more; `crash` tells what is found afterwards.
            case powerLoss
        }

        /// How much of the operation is done all the same. Only an append can be half done.
        enum Progress: Sendable, CaseIterable {
            case none, half, whole
        }

        var kind: Kind
        var progress = Progress.none
        /// After a failed sync a read finds what is on disk, and not what was written.
        var dropsUnsynced = false
    }

    private struct Inode {
        var live: [UInt8] = []
        var durable: [UInt8] = []
        var isDirectory = false
        /// A sync failed: the kernel has marked the pages as clean and never writes them (fsyncgate).
        var isLost = false
        var modified: Int64 = 0
    }

    /// A change of a directory that is not durable yet. Each is there after a crash or not, as a whole.
    private enum NameChange {
        case add(String, UInt64)
        case remove(String)
        case move(from: String, to: String, UInt64)
    }

    private struct State {
        var inodes: [UInt64: Inode] = [:]
        var names: [String: UInt64] = [:]
        var durableNames: [String: UInt64] = [:]
        var changes: [String: [NameChange]] = [:]
        var operations: [String] = []
        var faults: [Int: Fault] = [:]
        var isDown = false
        var isLocked = false
        var clock: Int64 = 0
    }

    private let state: Mutex<State>

    init() { state = Mutex(State()) }

    private init(files: [String: [UInt8]], directories: [String]) {
        var state = State()
        for (path, bytes) in files.sorted(by: { $0.key < $1.key }) {
            let number = UInt64(state.inodes.count + 1)
            state.inodes[number] = Inode(live: bytes, durable: bytes)
            state.names[path] = number
        }
        for path in directories {
            let number = UInt64(state.inodes.count + 1)
            state.inodes[number] = Inode(isDirectory: true)
            state.names[path] = number
        }
        state.durableNames = state.names
        self.state = Mutex(state)
    }

    // MARK: What a test does

    /// The operations so far, each with the path that it was about.
    var operations: [String] { state.withLock { $0.operations } }

    var operationCount: Int { state.withLock { $0.operations.count } }

    /// Whether the power has gone.
    var isDown: Bool { state.withLock { $0.isDown } }

    /// Plans a fault at an operation, counted from the first ever.
    func fail(_ operation: Int, _ fault: Fault) { state.withLock { $0.faults[operation] = fault } }

    /// What is there for a reader now: the same after an orderly stop of the machine.
    func settled() -> MemoryFileSystem {
        state.withLock { state in
            MemoryFileSystem(
                files: Self.files(state.names, state) { $0.live }, directories: Self.directories(state.names, state))
        }
    }

    /// What is there when the machine starts again. Seed 0 loses everything that may be lost, seed 1 keeps everything,
    /// any other mixes.
    func crash(seed: UInt64) -> MemoryFileSystem {
        var random = SeededRandom(seed: seed)
        return state.withLock { state in
            let names = Self.namesAfterCrash(state, seed: seed, &random)
            return MemoryFileSystem(
                files: Self.files(names, state) { inode in
                    switch seed {
                    case 0: inode.durable
                    case 1: inode.isLost ? inode.durable : inode.live
                    default: Self.torn(inode, &random)
                    }
                }, directories: Self.directories(names, state))
        }
    }

    /// All files by path.
    func snapshot() -> [String: [UInt8]] {
        state.withLock { state in Self.files(state.names, state) { $0.live } }
    }

    /// Puts bytes into a file behind everybody's back, durably.
    func tamper(_ path: String, _ bytes: [UInt8]) {
        state.withLock { state in
            let number = state.names[path] ?? UInt64(state.inodes.count + 1)
            state.inodes[number] = Inode(live: bytes, durable: bytes)
            state.names[path] = number
            state.durableNames[path] = number
        }
    }

    /// Removes a file behind everybody's back, durably.
    func lose(_ path: String) {
        state.withLock { state in
            state.names[path] = nil
            state.durableNames[path] = nil
        }
    }

    private static func files(
        _ names: [String: UInt64], _ state: State, _ bytes: (Inode) -> [UInt8]
    ) -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for (path, number) in names.sorted(by: { $0.key < $1.key }) {
            guard let inode = state.inodes[number], !inode.isDirectory else { continue }
            let directory = parent(path)
            guard directory.isEmpty || names[directory] != nil else { continue }
            files[path] = bytes(inode)
        }
        return files
    }

    private static func directories(_ names: [String: UInt64], _ state: State) -> [String] {
        names.filter { state.inodes[$0.value]?.isDirectory == true }.map(\.key).sorted()
    }

    private static func namesAfterCrash(
        _ state: State, seed: UInt64, _ random: inout SeededRandom
    ) -> [String: UInt64] {
        if seed == 1 { return state.names }
        var names = state.durableNames
        guard seed != 0 else { return names }
        for (_, changes) in state.changes.sorted(by: { $0.key < $1.key }) {
            for change in changes where random.below(2) == 0 { apply(change, to: &names) }
        }
        return names
    }

    private static func apply(_ change: NameChange, to names: inout [String: UInt64]) {
        switch change {
        case .add(let path, let number): names[path] = number
        case .remove(let path): names[path] = nil
        case .move(let from, let to, let number):
            names[from] = nil
            names[to] = number
        }
    }

    /// A mixture of what was synced and what was written since: cut anywhere, each sector of 512 bytes old or new. A new
    /// sector that was not written reads as zeros.
    private static func torn(_ inode: Inode, _ random: inout SeededRandom) -> [UInt8] {
        let (old, new) = (inode.durable, inode.isLost ? inode.durable : inode.live)
        if old == new { return old }
        let least = min(old.count, new.count)
        let size = least + random.below(max(old.count, new.count) - least + 1)
        let keepsOrder = random.below(2) == 0
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: size, by: 512) {
            let source = keepsOrder || random.below(2) == 0 ? new : old
            for index in start..<min(start + 512, size) { bytes.append(index < source.count ? source[index] : 0) }
        }
        return bytes
    }

    fileprivate static func parent(_ path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }

    // MARK: Operations

    /// Counts an operation and runs it, wholly, half or not at all, as the script says.
    private func change<R>(
        _ operation: String, _ path: String, _ body: (inout State, Fault?) throws(IOFailure) -> R
    ) throws(IOFailure) -> R {
        let result = state.withLock { state -> Result<R, IOFailure> in
            let gone = IOFailure(operation: operation, path: path, code: EIO)
            if state.isDown { return .failure(gone) }
            let fault = state.faults.removeValue(forKey: state.operations.count)
            state.operations.append("\(operation) \(path)")
            state.clock += 1
            var outcome: Result<R, IOFailure>?
            if fault == nil || fault?.progress != Fault.Progress.none || operation == "fdatasync" {
                do throws(IOFailure) {
                    outcome = .success(try body(&state, fault))
                } catch {
                    if case .powerLoss = fault?.kind { state.isDown = true }
                    return .failure(error)
                }
            }
            switch fault?.kind {
            case .error(let code): return .failure(IOFailure(operation: operation, path: path, code: code))
            case .powerLoss:
                state.isDown = true
                return .failure(gone)
            case nil: return outcome ?? .failure(gone)
            }
        }
        return try result.get()
    }

    private func look<R>(
        _ operation: String, _ path: String, _ body: (inout State) throws(IOFailure) -> R
    ) throws(IOFailure) -> R {
        let result = state.withLock { state -> Result<R, IOFailure> in
            if state.isDown { return .failure(IOFailure(operation: operation, path: path, code: EIO)) }
            do throws(IOFailure) {
                return .success(try body(&state))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func inode(_ path: String, _ operation: String, _ state: State) throws(IOFailure) -> UInt64 {
        guard let number = state.names[path] else {
            throw IOFailure(operation: operation, path: path, code: ENOENT)
        }
        return number
    }

    private func record(_ change: NameChange, in path: String, _ state: inout State) {
        Self.apply(change, to: &state.names)
        state.changes[Self.parent(path), default: []].append(change)
    }

    func status(_ path: String) throws(IOFailure) -> FileStatus? {
        try look("stat", path) { state in
            guard let number = state.names[path], let inode = state.inodes[number] else { return nil }
            return FileStatus(
                size: UInt64(inode.live.count), identity: FileIdentity(device: 1, inode: number),
                modified: inode.modified, isDirectory: inode.isDirectory)
        }
    }

    func list(_ directory: String) throws(IOFailure) -> [String] {
        try look("opendir", directory) { state throws(IOFailure) in
            if !directory.isEmpty { _ = try inode(directory, "opendir", state) }
            return state.names.keys.filter { Self.parent($0) == directory }
                .map { directory.isEmpty ? $0 : String($0.dropFirst(directory.count + 1)) }.sorted()
        }
    }

    func createDirectory(_ path: String, mode: UInt32) throws(IOFailure) {
        try change("mkdir", path) { state, _ throws(IOFailure) in
            if let number = state.names[path] {
                if state.inodes[number]?.isDirectory == true { return }
                throw IOFailure(operation: "mkdir", path: path, code: EEXIST)
            }
            let number = UInt64(state.inodes.count + 1)
            state.inodes[number] = Inode(isDirectory: true)
            record(.add(path, number), in: path, &state)
        }
    }

    func openForReading(_ path: String) throws(IOFailure) -> any ReadableFile {
        let number = try look("open", path) { state throws(IOFailure) in
            let number = try inode(path, "open", state)
            if state.inodes[number]?.isDirectory == true {
                throw IOFailure(operation: "open", path: path, code: EISDIR)
            }
            return number
        }
        return MemoryReadableFile(self, number, path)
    }

    func create(_ path: String, mode: UInt32) throws(IOFailure) -> any AppendFile {
        let number = try change("create", path) { state, _ throws(IOFailure) in
            let directory = Self.parent(path)
            if !directory.isEmpty { _ = try inode(directory, "create", state) }
            guard state.names[path] == nil else { throw IOFailure(operation: "create", path: path, code: EEXIST) }
            let number = UInt64(state.inodes.count + 1)
            state.inodes[number] = Inode()
            record(.add(path, number), in: path, &state)
            return number
        }
        return MemoryAppendFile(self, number, path)
    }

    func openForAppending(_ path: String) throws(IOFailure) -> any AppendFile {
        let number = try look("open", path) { state throws(IOFailure) in try inode(path, "open", state) }
        return MemoryAppendFile(self, number, path)
    }

    func rename(_ from: String, to: String) throws(IOFailure) {
        try change("rename", to) { state, _ throws(IOFailure) in
            let number = try inode(from, "rename", state)
            guard Self.parent(from) == Self.parent(to) else {
                // No part of Cairn moves a file between directories; what a crash may leave of that is not modelled.
                throw IOFailure(operation: "rename", path: to, code: EXDEV)
            }
            record(.move(from: from, to: to, number), in: to, &state)
        }
    }

    func link(_ from: String, to: String) throws(IOFailure) {
        try change("link", to) { state, _ throws(IOFailure) in
            let number = try inode(from, "link", state)
            guard state.names[to] == nil else { throw IOFailure(operation: "link", path: to, code: EEXIST) }
            record(.add(to, number), in: to, &state)
        }
    }

    func remove(_ path: String) throws(IOFailure) {
        try change("unlink", path) { state, _ throws(IOFailure) in
            _ = try inode(path, "unlink", state)
            record(.remove(path), in: path, &state)
        }
    }

    func syncDirectory(_ path: String) throws(IOFailure) {
        try change("fsync", path) { state, _ throws(IOFailure) in
            if !path.isEmpty { _ = try inode(path, "fsync", state) }
            for change in state.changes.removeValue(forKey: path) ?? [] { Self.apply(change, to: &state.durableNames) }
        }
    }

    func availableBytes() throws(IOFailure) -> UInt64 { UInt64.max }

    func lock() throws(IOFailure) -> any DirectoryLock {
        try look("flock", "") { state throws(IOFailure) in
            if state.isLocked { throw IOFailure(operation: "flock", path: "", code: EWOULDBLOCK) }
            state.isLocked = true
        }
        return MemoryLock { [weak self] in self?.state.withLock { $0.isLocked = false } }
    }

    // MARK: Files

    fileprivate func size(_ number: UInt64) -> UInt64 {
        state.withLock { UInt64($0.inodes[number]?.live.count ?? 0) }
    }

    fileprivate func append(_ bytes: [UInt8], to number: UInt64, _ path: String) throws(IOFailure) {
        try change("write", path) { state, fault in
            let count = fault?.progress == .half ? bytes.count / 2 : bytes.count
            state.inodes[number]?.live += bytes[..<count]
            state.inodes[number]?.modified = state.clock
        }
    }

    fileprivate func truncate(_ number: UInt64, to size: UInt64, _ path: String) throws(IOFailure) {
        try change("ftruncate", path) { state, _ throws(IOFailure) in
            let count = state.inodes[number]?.live.count ?? 0
            guard size <= UInt64(count) else { throw IOFailure(operation: "ftruncate", path: path, code: EINVAL) }
            state.inodes[number]?.live.removeLast(count - Int(size))
        }
    }

    fileprivate func sync(_ number: UInt64, _ path: String) throws(IOFailure) {
        try change("fdatasync", path) { state, fault in
            guard var inode = state.inodes[number] else { return }
            if !inode.isLost, fault == nil || fault?.progress == .whole { inode.durable = inode.live }
            if case .error = fault?.kind { inode.isLost = true }
            if fault?.dropsUnsynced == true {
                let missing = max(0, inode.live.count - inode.durable.count)
                inode.live = inode.durable + [UInt8](repeating: 0, count: missing)
            }
            state.inodes[number] = inode
        }
    }

    fileprivate func read(
        _ number: UInt64, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, _ path: String
    ) throws(IOFailure) -> Int {
        try look("pread", path) { state in
            guard let bytes = state.inodes[number]?.live, offset < UInt64(bytes.count) else { return 0 }
            let part = bytes[Int(offset)...].prefix(buffer.count)
            buffer.copyBytes(from: part)
            return part.count
        }
    }
}

/// A file of ``MemoryFileSystem`` that grows at its end.
private final class MemoryAppendFile: AppendFile {
    private let files: MemoryFileSystem
    private let number: UInt64
    private let path: String
    private let state = Mutex<(isClosed: Bool, lost: IOFailure?)>((false, nil))

    init(_ files: MemoryFileSystem, _ number: UInt64, _ path: String) {
        (self.files, self.number, self.path) = (files, number, path)
    }

    var size: UInt64 { files.size(number) }

    func append(_ bytes: UnsafeRawBufferPointer) throws(IOFailure) {
        try check("write")
        try files.append(Array(bytes), to: number, path)
    }

    func truncate(to size: UInt64) throws(IOFailure) {
        try check("ftruncate")
        try files.truncate(number, to: size, path)
    }

    func sync() throws(IOFailure) {
        try check("fdatasync")
        do throws(IOFailure) {
            try files.sync(number, path)
        } catch {
            state.withLock { $0.lost = error }
            throw error
        }
    }

    func close() throws(IOFailure) { state.withLock { $0.isClosed = true } }

    private func check(_ operation: String) throws(IOFailure) {
        let (isClosed, lost) = state.withLock { $0 }
        if let lost { throw lost }
        if isClosed { throw IOFailure(operation: operation, path: path, code: EBADF) }
    }
}

/// A file of ``MemoryFileSystem``, open for reading.
private final class MemoryReadableFile: ReadableFile {
    private let files: MemoryFileSystem
    private let number: UInt64
    private let path: String

    init(_ files: MemoryFileSystem, _ number: UInt64, _ path: String) {
        (self.files, self.number, self.path) = (files, number, path)
    }

    var identity: FileIdentity { FileIdentity(device: 1, inode: number) }

    func size() throws(IOFailure) -> UInt64 { files.size(number) }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(IOFailure) -> Int {
        try files.read(number, at: offset, into: buffer, path)
    }
}

private final class MemoryLock: DirectoryLock {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    func release() { body() }
}
