import CairnFormat
import CairnPlatform
import CairnSimulation
import Glibc
import Synchronization
import Testing

@testable import CairnArchive
@testable import CairnNetwork

/// A directory of a test's own, removed when the last reference goes.
final class Scratch: Sendable {
    let path: String

    init() throws { path = try ScratchDirectory.create(prefix: "cairn-archive-") }

    deinit { try? ScratchDirectory.remove(path) }

    func write(_ name: String, _ text: String, mode: UInt32 = 0o600) throws -> String {
        let file = try PosixFileSystem(root: path).create(name, mode: mode)
        try Array(text.utf8).withUnsafeBytes { try file.append($0) }
        return "\(path)/\(name)"
    }
}

/// The code of the ArchiveError that `body` throws; nil where it throws none.
func code(_ body: () throws -> Void) -> ArchiveError.Code? { failure(body)?.code }

func failure(_ body: () throws -> Void) -> ArchiveError? {
    do {
        try body()
        return nil
    } catch let error as ArchiveError {
        return error
    } catch {
        Issue.record("unexpected error: \(error)")
        return nil
    }
}

extension ObjectStorage {
    func read(_ key: String, at offset: UInt64, count: Int) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0xEE, count: count)
        let read = try buffer.withUnsafeMutableBytes { try self.read(key, at: offset, into: $0) }
        return Array(buffer[..<read])
    }

    func keys(prefix: String = "", after: String? = nil) throws -> [String] {
        var keys: [String] = []
        try forEach(prefix: prefix, after: after) { object throws(ArchiveError) in
            keys.append(object.key)
            return true
        }
        return keys
    }
}

/// A source that is told what to do wrong.
struct OddSource: ObjectSource {
    var bytes: [UInt8]
    /// Reads give bytes up to here only, as if the file had been cut.
    var end: Int?
    var failure: ArchiveError?
    var size: UInt64 { UInt64(bytes.count) }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(ArchiveError) -> Int {
        if let failure, offset > 0 { throw failure }
        return try BytesSource(Array(bytes[..<(end ?? bytes.count)])).read(at: offset, into: buffer)
    }
}

/// Notes how long it was to sleep, and lets the clock go on by that instead.
final class FakeSleep: Sendable {
    let clock = SimulatedClock()
    private let slept = Mutex<[Int64]>([])

    var waits: [Int64] { slept.withLock { $0 } }

    func pacing(seed: UInt64 = 1) -> Pacing {
        Pacing(clock: clock, entropy: SeededEntropy(seed: seed)) { duration in
            self.slept.withLock { $0.append(duration) }
            self.clock.advance(by: duration)
        }
    }
}

/// Bytes that differ everywhere.
func pattern(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var random = SeededRandom(seed: seed)
    let words = (0..<(count + 7) / 8).map { _ in random.next() }
    return words.withUnsafeBytes { Array($0.prefix(count)) }
}

/// A socket with a port of the loopback that is nobody else's until it is closed.
func boundSocket() throws -> (socket: Int32, port: Int) {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            bind(number, pointer, size) == 0 && getsockname(number, pointer, &size) == 0
        }
    }
    try #require(isBound)
    return (number, Int(in_port_t(bigEndian: address.sin_port)))
}
