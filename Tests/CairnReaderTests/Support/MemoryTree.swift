import CairnPlatform
import Glibc
import Synchronization

/// Files in memory, for tests that verify a log some thousand times. What the writer of a log does works as on POSIX: a
/// file that is open stays the same file when another takes its name.
final class MemoryTree: FileSystem {
    fileprivate final class Node: Sendable {
        let number: UInt64
        let bytes: Mutex<[UInt8]>

        init(_ number: UInt64, _ bytes: [UInt8]) {
            self.number = number
            self.bytes = Mutex(bytes)
        }
    }

    private struct State: Sendable {
        var nodes: [String: Node] = [:]
        var made: UInt64 = 0
        /// Names whose opening is refused, with the errno.
        var refused: [String: Int32] = [:]
        /// Operations of a reader so far, and what is to happen just before one of them.
        var operations = 0
        var interruption: (operation: Int, body: @Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// All files by path.
    var snapshot: [String: [UInt8]] {
        state.withLock { state in state.nodes.mapValues { node in node.bytes.withLock { $0 } } }
    }

    convenience init(_ snapshot: [String: [UInt8]]) {
        self.init()
        for (path, bytes) in snapshot { put(path, bytes) }
    }

    /// Replaces a file as a whole.
    func put(_ path: String, _ bytes: [UInt8]) {
        state.withLock { state in
            state.made += 1
            state.nodes[path] = Node(state.made, bytes)
        }
    }

    subscript(path: String) -> [UInt8]? {
        get { state.withLock { $0.nodes[path] }?.bytes.withLock { $0 } }
        set {
            if let newValue { put(path, newValue) } else { state.withLock { $0.nodes[path] = nil } }
        }
    }

    func append(_ path: String, _ bytes: some Sequence<UInt8>) {
        let added = Array(bytes)
        state.withLock { $0.nodes[path] }?.bytes.withLock { $0 += added }
    }

    func refuse(_ path: String, _ code: Int32?) { state.withLock { $0.refused[path] = code } }

    /// Runs `body` just before the reader's operation of that number, from 0: what another process does meanwhile.
    func interrupt(before operation: Int, _ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.interruption = (operation, body) }
    }

    var operations: Int { state.withLock { $0.operations } }

    fileprivate func count() {
        let body = state.withLock { state in
            defer { state.operations += 1 }
            return state.interruption.flatMap { $0.operation == state.operations ? $0.body : nil }
        }
        body?()
    }

    private func missing(_ operation: String, _ path: String) -> IOFailure {
        IOFailure(operation: operation, path: path, code: ENOENT)
    }

    func status(_ path: String) throws(IOFailure) -> FileStatus? {
        count()
        let identity = FileIdentity(device: 1, inode: 0)
        if path == "segments" { return FileStatus(size: 0, identity: identity, modified: 0, isDirectory: true) }
        return state.withLock { $0.nodes[path] }.map { node in
            FileStatus(
                size: UInt64(node.bytes.withLock { $0.count }), identity: FileIdentity(device: 1, inode: node.number),
                modified: 0, isDirectory: false)
        }
    }

    func list(_ directory: String) throws(IOFailure) -> [String] {
        count()
        let prefix = directory.isEmpty ? "" : directory + "/"
        return state.withLock { Array($0.nodes.keys) }
            .filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") }
            .map { String($0.dropFirst(prefix.count)) }.sorted()
    }

    func openForReading(_ path: String) throws(IOFailure) -> any ReadableFile {
        count()
        let (node, code) = state.withLock { ($0.nodes[path], $0.refused[path]) }
        if let code { throw IOFailure(operation: "open", path: path, code: code) }
        guard let node else { throw missing("open", path) }
        return MemoryReadable(self, node)
    }

    // What a verifier never calls.
    private func readOnly(_ operation: String) -> IOFailure { IOFailure(operation: operation, path: "", code: EROFS) }
    func createDirectory(_ path: String, mode: UInt32) throws(IOFailure) { throw readOnly("mkdir") }
    func create(_ path: String, mode: UInt32) throws(IOFailure) -> any AppendFile { throw readOnly("create") }
    func openForAppending(_ path: String) throws(IOFailure) -> any AppendFile { throw readOnly("open") }
    func rename(_ from: String, to: String) throws(IOFailure) { throw readOnly("rename") }
    func link(_ from: String, to: String) throws(IOFailure) { throw readOnly("link") }
    func remove(_ path: String) throws(IOFailure) { throw readOnly("unlink") }
    func syncDirectory(_ path: String) throws(IOFailure) { throw readOnly("fsync") }
    func availableBytes() throws(IOFailure) -> UInt64 { throw readOnly("statvfs") }
    func isInPlace() throws(IOFailure) -> Bool { true }
    func lock() throws(IOFailure) -> any DirectoryLock { throw readOnly("flock") }
}

private final class MemoryReadable: ReadableFile {
    private let tree: MemoryTree
    private let node: MemoryTree.Node

    init(_ tree: MemoryTree, _ node: MemoryTree.Node) {
        self.tree = tree
        self.node = node
    }

    var identity: FileIdentity { FileIdentity(device: 1, inode: node.number) }

    func size() throws(IOFailure) -> UInt64 {
        tree.count()
        return UInt64(node.bytes.withLock { $0.count })
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(IOFailure) -> Int {
        tree.count()
        let bytes = node.bytes.withLock { $0 }
        guard offset < UInt64(bytes.count) else { return 0 }
        let part = bytes[Int(offset)...].prefix(buffer.count)
        buffer.copyBytes(from: part)
        return part.count
    }
}
